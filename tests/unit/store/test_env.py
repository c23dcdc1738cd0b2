import errno
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import lmdb
import pytest

from realizefs.model.errors import DiskFull, NewerSchema, StoreFault
from realizefs.store.env import Environment
from realizefs.store.keys import pack_u64
from realizefs.store.schema import (
    ARENA_SCHEMA,
    BLOCKS,
    DIRTY,
    GLOBAL_SCHEMA,
    META,
    SCHEMA,
    Schema,
)
from realizefs.store.txn import Txn

NEWER = Schema(
    "arena",
    "an arena",
    (*ARENA_SCHEMA.tables, "new.table"),
    (*ARENA_SCHEMA.steps, lambda txn: None),
)

COMMIT_FOREVER = """
import sys, pathlib
from realizefs.store.env import Environment
from realizefs.store.keys import pack_u64
from realizefs.store.schema import ARENA_SCHEMA, DIRTY
env = Environment(pathlib.Path(sys.argv[1]), ARENA_SCHEMA)
for number in range(1_000_000):
    with env.write() as txn:
        txn.put(DIRTY, number.to_bytes(8, "big"), b"x" * 5000)
    print(number, flush=True)
"""


@pytest.fixture(params=["disk", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path, memory: Path) -> Path:
    """Where the databases of a test are: each test runs with both kinds."""
    return tmp_path if request.param == "disk" else memory


@pytest.fixture
def env(place: Path) -> Iterator[Environment]:
    env = Environment(place / "db", ARENA_SCHEMA)
    yield env
    env.close()


class Halfway(Exception):
    """In the middle of a transaction."""


def fill(txn: Txn, keys: list[bytes]) -> None:
    for key in keys:
        txn.put(DIRTY, key, b"=" + key)


def test_what_is_committed_is_there_after_opening_again(place: Path) -> None:
    env = Environment(place / "a" / "db", ARENA_SCHEMA)
    with env.write() as txn:
        txn.put(BLOCKS, b"key", b"value")
    env.close()
    env.close()
    again = Environment(place / "a" / "db", ARENA_SCHEMA)
    with again.read() as txn:
        assert txn.get(BLOCKS, b"key") == b"value"
        assert txn.get(BLOCKS, b"other") is None
    again.close()


def test_a_commit_survives_kill_9(place: Path) -> None:
    command = [sys.executable, "-c", COMMIT_FOREVER, str(place / "db")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        told = [int(child.stdout.readline()) for _ in range(30)]
        child.kill()
    env = Environment(place / "db", ARENA_SCHEMA)
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


def test_the_first_row_from_a_key_on(env: Environment) -> None:
    with env.write() as txn:
        fill(txn, [b"b", b"d"])
        found = [txn.first_from(DIRTY, key) for key in (b"a", b"b", b"c", b"d", b"e")]
    b, d = (b"b", b"=b"), (b"d", b"=d")
    assert found == [b, b, d, d, None]


def test_rows_put_in_any_order_stand_in_theirs(env: Environment) -> None:
    with env.write() as txn:
        for key in (b"b", b"c", b"a", b"c"):
            txn.put(DIRTY, key, b"=" + key)
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


def test_a_database_of_a_newer_program_is_refused_and_untouched(place: Path) -> None:
    Environment(place / "db", NEWER).close()
    data = place / "db" / "data.mdb"
    before, changed = data.read_bytes(), data.stat().st_mtime_ns
    with pytest.raises(NewerSchema, match=r"newer RealizeFS .* update this one"):
        Environment(place / "db", ARENA_SCHEMA)
    assert data.read_bytes() == before
    assert data.stat().st_mtime_ns == changed
    Environment(place / "db", NEWER).close()


def test_the_version_is_stored(env: Environment) -> None:
    with env.read() as txn:
        version = pack_u64(ARENA_SCHEMA.version)
        assert dict(txn.scan(SCHEMA)) == {b"name": b"arena", b"version": version}


def test_a_database_of_another_kind_is_refused(place: Path) -> None:
    Environment(place / "db", GLOBAL_SCHEMA).close()
    with pytest.raises(StoreFault, match="is not the database of an arena"):
        Environment(place / "db", ARENA_SCHEMA)


def test_a_damaged_file_is_one_sentence(place: Path) -> None:
    (place / "db").mkdir()
    (place / "db" / "data.mdb").write_bytes(b"garbage " * 1024)
    with pytest.raises(StoreFault, match=r'^The database ".*db" failed: .*\.$'):
        Environment(place / "db", ARENA_SCHEMA)


def test_a_directory_that_cannot_be_made_is_one_sentence(place: Path) -> None:
    (place / "file").write_bytes(b"")
    with pytest.raises(StoreFault, match="can't be made: Not a directory"):
        Environment(place / "file" / "db", ARENA_SCHEMA)


def test_a_full_disk_has_its_own_error(env: Environment) -> None:
    with pytest.raises(DiskFull) as caught, env.write():
        raise lmdb.DiskError("mdb_txn_commit: No space left on device")
    assert caught.value.errno == errno.ENOSPC


def test_use_after_close_is_a_store_fault(env: Environment) -> None:
    env.close()
    with pytest.raises(StoreFault, match=r'^The database ".*db" failed: .*[^.]\.$'), env.read():
        pass
    with pytest.raises(StoreFault):
        env.do(lambda txn: txn.put(DIRTY, b"key", b""))
