"""The map of a database grows by itself: while others read, and where address space is limited."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from realizefs.model.errors import MapFull
from realizefs.model.limits import KIB, MIB
from realizefs.store.env import Environment
from realizefs.store.mapsize import MAP_BYTES, Gate, first_sizes, next_size
from realizefs.store.schema import ARENA_SCHEMA, BLOCKS, DIRTY
from realizefs.store.txn import Txn

TINY = 256 * KIB
WAIT_SECONDS = 20


@pytest.fixture
def tiny(memory: Path) -> Iterator[Environment]:
    env = Environment(memory / "db", ARENA_SCHEMA, map_bytes=TINY)
    yield env
    env.close()


def key(number: int) -> bytes:
    return number.to_bytes(8, "big")


def write_more(env: Environment, number: int) -> None:
    """One row, and the number of rows with it."""
    with env.write() as txn:
        txn.put(BLOCKS, key(number), bytes([number % 256]) * 8 * KIB)
        txn.put(DIRTY, b"rows", key(number + 1))


def check_one_moment(env: Environment, txn: Txn) -> int:
    """The rows that a reader counts are those that it is told of; and it may look again inside."""
    told = int.from_bytes(txn.get(DIRTY, b"rows") or b"", "big")
    assert txn.count(BLOCKS) == told
    if told:
        assert txn.get(BLOCKS, key(told - 1)) == bytes([(told - 1) % 256]) * 8 * KIB
        with env.read() as again:
            assert again.count(BLOCKS) >= told
    return told


def test_it_grows_under_readers_that_never_pause(tiny: Environment) -> None:
    """Each reader reads, within a read, all the time; the writer writes 32 times the map."""
    done = threading.Event()

    def read_on() -> int:
        seen = 0
        while not done.is_set():
            with tiny.read() as txn:
                now = check_one_moment(tiny, txn)
            assert now >= seen
            seen = now
        return seen

    rows = 32 * TINY // (8 * KIB)
    with ThreadPoolExecutor(4) as threads:
        readers = [threads.submit(read_on) for _ in range(4)]
        try:
            for number in range(rows):
                write_more(tiny, number)
        finally:
            done.set()
        assert all(reader.result(WAIT_SECONDS) <= rows for reader in readers)
    assert tiny.map_bytes >= 32 * TINY
    with tiny.read() as txn:
        assert check_one_moment(tiny, txn) == rows


def test_writers_of_several_threads_share_a_growing_map(tiny: Environment) -> None:
    def write(first: int) -> None:
        for number in range(first, first + 100):
            with tiny.write() as txn:
                txn.put(BLOCKS, key(number), bytes(4 * KIB))

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(write, 1000 * thread) for thread in range(4)]:
            done.result(WAIT_SECONDS)
    with tiny.read() as txn:
        assert txn.count(BLOCKS) == 400


def test_one_transaction_of_many_times_the_map(tiny: Environment) -> None:
    """It is begun anew with each larger map, and happens once."""
    begun = []

    def fill(txn: Txn) -> str:
        begun.append(tiny.map_bytes)
        for number in range(1000):
            txn.put(BLOCKS, key(number), bytes(4 * KIB))
        txn.count_up(DIRTY, b"count")
        return "done"

    assert tiny.do(fill) == "done"
    assert len(begun) > 1
    assert begun == sorted(set(begun))
    with tiny.read() as txn:
        assert (txn.count(BLOCKS), txn.counter(DIRTY, b"count")) == (1000, 1)


def test_who_reads_and_then_writes_in_one_thread_waits_for_nobody(tiny: Environment) -> None:
    with tiny.read() as before:
        while tiny.used_bytes * 4 < tiny.map_bytes * 3:
            write_more(tiny, 0)
        write_more(tiny, 1)
        assert (before.count(BLOCKS), tiny.map_bytes) == (0, TINY)
    write_more(tiny, 2)
    assert tiny.map_bytes == 2 * TINY


def test_a_transaction_of_which_nobody_knows_how_to_run_it_again_is_abandoned(
    tiny: Environment,
) -> None:
    def fill() -> None:
        with tiny.write() as txn:
            for number in range(1000):
                txn.put(BLOCKS, key(number), bytes(4 * KIB))

    with pytest.raises(MapFull, match=r'^There is no address space to map more of ".*db"\.$'):
        fill()
    with tiny.read() as txn:
        assert txn.count(BLOCKS) == 0
    write_more(tiny, 0)


def test_a_file_larger_than_the_map_is_opened(memory: Path) -> None:
    with_room = Environment(memory / "db", ARENA_SCHEMA)
    for number in range(100):
        write_more(with_room, number)
    with_room.close()
    env = Environment(memory / "db", ARENA_SCHEMA, map_bytes=TINY)
    write_more(env, 100)
    with env.read() as txn:
        assert check_one_moment(env, txn) == 101
    env.close()


LIMITED = """
import resource, sys
from pathlib import Path
from realizefs.model.errors import MapFull
from realizefs.model.limits import GIB, MIB
from realizefs.store.env import Environment
from realizefs.store.schema import ARENA_SCHEMA, BLOCKS

def write(number):
    with env.write() as txn:
        txn.put(BLOCKS, b"%d" % number, bytes(MIB))
        return txn.count(BLOCKS)

resource.setrlimit(resource.RLIMIT_AS, (GIB, GIB))
env = Environment(Path(sys.argv[1]), ARENA_SCHEMA)
print(env.map_bytes // MIB)
for number in range(100):
    write(number)
print(env.map_bytes // MIB)
taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + 16 * MIB, GIB))
try:
    for number in range(100, 1000):
        rows = write(number)
except MapFull as error:
    print(error)
resource.setrlimit(resource.RLIMIT_AS, (GIB, GIB))
print(write(1000) - rows)
env.close()
"""


def test_limited_address_space_is_used_as_far_as_needed(memory: Path) -> None:
    """Of a gibibyte it takes 64 MiB at first, more as it grows, and says when there is no more."""
    command = [sys.executable, "-c", LIMITED, str(memory / "db")]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    first, later, sentence, written_later = told.splitlines()
    assert int(first) == 64
    assert 128 <= int(later) <= 512
    assert sentence == f'There is no address space to map more of "{memory / "db"}".'
    assert written_later == "1"


def test_the_sizes_to_begin_with(memory: Path) -> None:
    data = memory / "data.mdb"
    assert list(first_sizes(data, TINY)) == [TINY]
    sizes = list(first_sizes(data, MAP_BYTES))
    assert sizes == [MAP_BYTES, *(size * MIB for size in (64, 32, 16, 8, 4, 2, 1))]
    with data.open("wb") as file:
        file.truncate(100 * MIB)
    assert list(first_sizes(data, MAP_BYTES))[:3] == [MAP_BYTES, 200 * MIB, 100 * MIB]


def test_the_next_size_is_twice_as_large() -> None:
    assert next_size(TINY) == 2 * TINY
    assert (next_size(1 << 47) or 0) < 1 << 48  # as much more as a process can have, if any


def test_the_gate_lets_in_again_who_is_in(memory: Path) -> None:
    """A thread in a transaction begins another while somebody waits for it to be alone."""
    gate, waits, order = Gate(), threading.Event(), list[str]()
    gate.enter()

    def be_alone() -> bool:
        waits.set()
        return gate.alone(lambda: order.append("alone"), WAIT_SECONDS)

    with ThreadPoolExecutor(2) as threads:
        alone = threads.submit(be_alone)
        assert waits.wait(WAIT_SECONDS)
        gate.enter()
        order.append("in again")
        gate.leave()
        order.append("out")
        gate.leave()
        assert alone.result(WAIT_SECONDS)
    assert order == ["in again", "out", "alone"]


def test_the_gate_gives_up_where_waiting_is_in_vain() -> None:
    gate, work = Gate(), list[int]()
    gate.enter()
    assert not gate.alone(lambda: work.append(1), WAIT_SECONDS)  # it would wait for itself
    with ThreadPoolExecutor(1) as threads:
        assert not threads.submit(gate.alone, lambda: work.append(2), 0).result(WAIT_SECONDS)
        assert not threads.submit(gate.alone, lambda: work.append(3), 0.01).result(WAIT_SECONDS)
    gate.leave()
    assert gate.alone(lambda: work.append(4), 0)
    assert work == [4]
