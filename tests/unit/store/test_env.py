import errno
import subprocess
import sys
from pathlib import Path

import lmdb
import pytest

from realizefs.model.errors import DiskFull, NewerSchema, StoreFault
from realizefs.store.env import Environment, Txn
from realizefs.store.schema import (
    ARENA_SCHEMA,
    BLOCKS,
    DIRTY,
    GLOBAL_SCHEMA,
    META,
    SCHEMA,
    Schema,
)

NEWER = Schema("arena", ARENA_SCHEMA.version + 1, "an arena", (*ARENA_SCHEMA.tables, "new.table"))

COMMIT_FOREVER = """
import sys, pathlib
from realizefs.store.env import Environment
from realizefs.store.schema import ARENA_SCHEMA, DIRTY
env = Environment(pathlib.Path(sys.argv[1]), ARENA_SCHEMA)
for number in range(1_000_000):
    with env.write() as txn:
        txn.put(DIRTY, number.to_bytes(8, "big"), b"x" * 5000)
    print(number, flush=True)
"""


class Halfway(Exception):
    """In the middle of a transaction."""


def fill(txn: Txn, keys: list[bytes]) -> None:
    for key in keys:
        txn.put(DIRTY, key, b"=" + key)


def test_what_is_committed_is_there_after_opening_again(tmp_path: Path) -> None:
    env = Environment(tmp_path / "a" / "db", ARENA_SCHEMA)
    with env.write() as txn:
        txn.put(BLOCKS, b"key", b"value")
    env.close()
    env.close()
    again = Environment(tmp_path / "a" / "db", ARENA_SCHEMA)
    with again.read() as txn:
        assert txn.get(BLOCKS, b"key") == b"value"
        assert txn.get(BLOCKS, b"other") is None
    again.close()


def test_a_commit_survives_kill_9(tmp_path: Path) -> None:
    command = [sys.executable, "-c", COMMIT_FOREVER, str(tmp_path / "db")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        told = [int(child.stdout.readline()) for _ in range(30)]
        child.kill()
    env = Environment(tmp_path / "db", ARENA_SCHEMA)
    with env.read() as txn:
        keys = [int.from_bytes(key, "big") for key in txn.scan_keys(DIRTY)]
    env.close()
    assert keys[: len(told)] == told
    assert keys == list(range(len(keys)))


def test_an_exception_abandons_the_transaction(env: Environment) -> None:
    def fail_halfway() -> None:
        with env.write() as txn:
            txn.put(BLOCKS, b"key", b"value")
            txn.count_up(META, b"n")
            raise Halfway

    with pytest.raises(Halfway):
        fail_halfway()
    with env.write() as txn:  # and the next one isn't blocked
        assert txn.get(BLOCKS, b"key") is None
        assert txn.counter(META, b"n") == 0


def test_a_reader_sees_one_moment(env: Environment) -> None:
    with env.read() as before:
        with env.write() as txn:
            fill(txn, [b"a"])
        assert before.get(DIRTY, b"a") is None
    with env.read() as after:
        assert after.get(DIRTY, b"a") == b"=a"


def test_a_write_within_a_write_is_refused_instead_of_waiting_forever(env: Environment) -> None:
    with env.write() as txn:
        inside = env.writing
        with pytest.raises(AssertionError, match="wait for itself"), env.write():
            pass
        fill(txn, [b"a"])
    assert (inside, env.writing) == (True, False)
    with env.read() as txn:
        assert txn.count(DIRTY) == 1


def test_scan_goes_by_prefix_and_start(env: Environment) -> None:
    keys = [bytes([first, second]) for first in (1, 2, 255) for second in range(100)]
    with env.write() as txn:
        fill(txn, keys)
    with env.read() as txn:
        assert [key for key, _ in txn.scan(DIRTY)] == keys
        assert list(txn.scan_keys(DIRTY, prefix=b"\x02")) == keys[100:200]
        assert list(txn.scan_keys(DIRTY, prefix=b"\xff")) == keys[200:]
        assert list(txn.scan_keys(DIRTY, b"\x02\x10", prefix=b"\x02")) == keys[116:200]
        assert list(txn.scan_keys(DIRTY, b"\x02\x10")) == keys[116:]
        assert list(txn.scan_keys(DIRTY, prefix=b"\x07")) == []
        assert list(txn.scan_keys(BLOCKS)) == []
        assert next(txn.scan(DIRTY)) == (b"\x01\x00", b"=\x01\x00")


def test_scan_tolerates_changes_while_it_runs(env: Environment) -> None:
    keys = [number.to_bytes(4, "big") for number in range(3000)]
    with env.write() as txn:
        fill(txn, keys)
        seen = []
        for key in txn.scan_keys(DIRTY):
            seen.append(key)
            txn.delete(DIRTY, key)
            txn.put(BLOCKS, key, b"")
        assert seen == keys
        assert txn.count(DIRTY) == 0
        assert txn.count(BLOCKS) == 3000


def test_append_also_takes_keys_out_of_order(env: Environment) -> None:
    with env.write() as txn:
        for key in (b"b", b"c", b"a", b"c"):
            txn.append(DIRTY, key, b"=" + key)
        assert list(txn.scan(DIRTY)) == [(b"a", b"=a"), (b"b", b"=b"), (b"c", b"=c")]
        assert txn.last(DIRTY) == (b"c", b"=c")
        assert txn.last(BLOCKS) is None


def test_counters_are_numbers_of_the_transaction(env: Environment) -> None:
    with env.write() as txn:
        assert txn.count_up(META, b"n", 5) == 5
        assert txn.count_up(META, b"n", -2) == 3
        assert txn.counter(META, b"n") == 3
    with env.write() as txn:
        assert txn.count_up(META, b"n") == 4
    with env.read() as txn:
        assert txn.counter(META, b"n") == 4
        assert txn.counter(META, b"never") == 0


def test_a_total_below_zero_abandons_the_transaction(env: Environment) -> None:
    def spoil() -> None:
        with env.write() as txn:
            fill(txn, [b"a"])
            txn.count_up(META, b"n", -1)

    with pytest.raises(StoreFault, match=r"wrong total of index\.meta n"):
        spoil()
    with env.read() as txn:
        assert txn.count(DIRTY) == 0


def test_a_database_of_a_newer_program_is_refused_and_untouched(tmp_path: Path) -> None:
    Environment(tmp_path / "db", NEWER).close()
    before = (tmp_path / "db" / "data.mdb").read_bytes()
    with pytest.raises(NewerSchema, match=r"newer RealizeFS .* update this one"):
        Environment(tmp_path / "db", ARENA_SCHEMA)
    assert (tmp_path / "db" / "data.mdb").read_bytes() == before
    Environment(tmp_path / "db", NEWER).close()


def test_the_version_is_stored(env: Environment) -> None:
    with env.read() as txn:
        assert dict(txn.scan(SCHEMA)) == {b"name": b"arena", b"version": bytes(7) + b"\x01"}


def test_a_database_of_another_kind_is_refused(tmp_path: Path) -> None:
    Environment(tmp_path / "db", GLOBAL_SCHEMA).close()
    with pytest.raises(StoreFault, match="is not the database of an arena"):
        Environment(tmp_path / "db", ARENA_SCHEMA)


def test_a_damaged_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "data.mdb").write_bytes(b"garbage " * 1024)
    with pytest.raises(StoreFault, match=r'^The database ".*db" failed: .*\.$'):
        Environment(tmp_path / "db", ARENA_SCHEMA)


def test_a_directory_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreFault, match="can't be made: Not a directory"):
        Environment(tmp_path / "file" / "db", ARENA_SCHEMA)


def test_a_full_disk_has_its_own_error(env: Environment) -> None:
    with pytest.raises(DiskFull) as caught, env.write():
        raise lmdb.DiskError("mdb_txn_commit: No space left on device")
    assert caught.value.errno == errno.ENOSPC


def test_use_after_close_is_a_store_fault(env: Environment) -> None:
    env.close()
    with pytest.raises(StoreFault), env.read():
        pass
