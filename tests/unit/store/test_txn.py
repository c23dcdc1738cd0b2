"""A transaction against a dictionary: what is kept back is seen as if it were written."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realizefs.store import txn as txn_module
from realizefs.store.env import Environment
from realizefs.store.schema import ARENA_SCHEMA, DIRTY, ENTRY, META

KEYS = st.sampled_from([b"a", b"aa", b"ab", b"b", b"c"])  # few, so that steps meet
STEPS = st.lists(
    st.tuples(st.sampled_from(["put", "delete", "get", "scan", "first", "last", "count"]), KEYS)
)


def check_step(txn: txn_module.Txn, rows: dict[bytes, bytes], step: str, key: bytes) -> None:
    """Do it in both, and compare what they tell."""
    value = b"%d" % len(rows)
    ordered = sorted(rows.items())
    if step == "put":
        txn.put(DIRTY, key, value)
        rows[key] = value
    elif step == "delete":
        assert txn.delete(DIRTY, key) == (rows.pop(key, None) is not None)
    elif step == "get":
        assert txn.get(DIRTY, key) == rows.get(key)
    elif step == "scan":
        assert list(txn.scan(DIRTY, start=key)) == [row for row in ordered if row[0] >= key]
    elif step == "first":
        at = next((row for row in ordered if row[0] >= key), None)
        assert txn.first_from(DIRTY, key) == at
    elif step == "last":
        assert txn.last(DIRTY) == (ordered[-1] if ordered else None)
    else:
        assert txn.count(DIRTY) == len(rows)


@settings(max_examples=40, deadline=None)
@given(transactions=st.lists(STEPS, max_size=4))
def test_every_look_sees_what_was_put_before_it(
    tmp_path_factory: pytest.TempPathFactory, transactions: list[list[tuple[str, bytes]]]
) -> None:
    env = Environment(tmp_path_factory.mktemp("db"), ARENA_SCHEMA)
    rows: dict[bytes, bytes] = {}
    try:
        for steps in transactions:
            with env.write() as txn:
                for step, key in steps:
                    check_step(txn, rows, step, key)
            with env.read() as txn:
                assert dict(txn.scan(DIRTY)) == rows
    finally:
        env.close()


def test_many_rows_are_not_kept_for_long(env: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(txn_module, "KEPT_ROWS_MAX", 3)
    with env.write() as txn:
        for number in (5, 1, 4, 2, 3):
            txn.put(DIRTY, bytes([number]), b"")
    with env.read() as txn:
        assert [key for key, _ in txn.scan(DIRTY)] == [
            bytes([number]) for number in (1, 2, 3, 4, 5)
        ]


def test_what_was_kept_back_is_gone_with_the_transaction(env: Environment) -> None:
    def fail() -> None:
        with env.write() as txn:
            txn.put(ENTRY, b"k", b"v")
            txn.count_up(META, b"n")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with env.read() as txn:
        assert txn.get(ENTRY, b"k") is None
        assert txn.counter(META, b"n") == 0


def test_a_reading_transaction_refuses_to_write(env: Environment) -> None:
    with env.read() as txn, pytest.raises(AssertionError, match="only reads"):
        txn.put(DIRTY, b"k", b"v")


def test_a_row_that_is_kept_back_is_got_and_deleted_as_if_it_were_written(env: Environment) -> None:
    with env.write() as txn:
        txn.put(DIRTY, b"old", b"1")
    with env.write() as txn:
        txn.put(DIRTY, b"old", b"2")
        txn.put(DIRTY, b"new", b"3")
        assert txn.get(DIRTY, b"old") == b"2"
        assert txn.get(DIRTY, b"new") == b"3"
        assert txn.delete(DIRTY, b"new")
        assert not txn.delete(DIRTY, b"new")
        assert txn.delete(DIRTY, b"old")
        assert txn.get(DIRTY, b"old") is None
    with env.read() as txn:
        assert list(txn.scan(DIRTY)) == []
