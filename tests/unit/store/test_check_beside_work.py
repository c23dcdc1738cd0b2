"""A check goes over tables page by page while others write: what they remove meanwhile is no finding."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pytest

from realizefs.model.findings import Report
from realizefs.store.check import Means, Rule, check, kept_in
from realizefs.store.check_arena import database_rules
from realizefs.store.keys import pack_u64
from realizefs.store.queues import Queue, lru_place
from realizefs.store.schema import ARENA_SCHEMA, BLOB_LRU
from realizefs.store.txn import Txn
from tests.unit.store.sound import ME, Sound

STRAY = lru_place(Queue.MAIN, 0)


def row_rules(sound: Sound, means: Means) -> list[Rule]:
    return [rule for rule in database_rules(sound.store, ME, means) if rule.table]


def once_these(keys: Sequence[bytes], _txn: Txn, start: bytes) -> Sequence[bytes]:
    """The page function of a rule that has listed these a moment ago."""
    return [] if start else keys


def emptied(sound: Sound, table: str) -> None:
    with sound.env.write() as txn:
        for key in list(txn.scan_keys(table)):
            txn.delete(table, key)


@pytest.mark.parametrize("table", ARENA_SCHEMA.tables)
def test_rows_removed_between_the_listing_and_the_look_are_no_finding(
    sound: Sound, table: str
) -> None:
    """As by a read, which moves a blob to the front of its queue; a change, which replaces its
    row of history; a decision that was carried out."""
    means = Means(sound.env, kept_in(sound.env))
    listed = []
    for rule in row_rules(sound, means):
        if rule.table == table:
            with sound.env.read() as txn:
                listed.append((rule, rule.page(txn, b"")))
    emptied(sound, table)
    for rule, keys in listed:
        report = Report("arena")
        check(means, [replace(rule, page=partial(once_these, keys))], [], report)
        assert report.findings == []


def test_a_suspect_that_is_gone_at_the_second_look_is_no_finding(sound: Sound) -> None:
    with sound.env.write() as txn:
        txn.put(BLOB_LRU, STRAY, pack_u64(0))

    def pause() -> None:
        with sound.env.write() as txn:
            txn.delete(BLOB_LRU, STRAY)

    report = Report("arena")
    means = Means(sound.env, kept_in(sound.env), pause=pause)
    check(means, row_rules(sound, means), [], report)
    assert report.findings == []
