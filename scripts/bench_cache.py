"""How often a cache has what is read, by who leaves it when it is full.

    .venv/bin/python scripts/bench_cache.py [SEED]

Runs `core.evict` itself, with queues in memory, against plain LRU, SIEVE and S3-FIFO. Sizes are those
of a household: half the files photographs of some 3 MiB, half documents of some 100 KiB; the cache has
1 GiB of the 8 GiB that there are. For each workload: the part of reads, and of bytes, that needn't be
fetched, under LRU; and for each policy the ratio to it. All run on the same reads.
"""

import math
import random
import sys
from bisect import bisect
from collections import OrderedDict
from collections.abc import Callable, Iterator
from itertools import accumulate, count
from typing import Protocol

from realizefs.core.evict import Admit, Candidate, Evict, Pool, Renew, starts_in_window
from realizefs.core.share import Share
from realizefs.core.sketch import Sketch
from realizefs.model.limits import GIB, KIB, MIB

CACHE_BYTES = GIB
FILES = 5_000
READS = 50_000
HUGE = 20 * GIB

Read = tuple[int, int]
"""A file, and its size in bytes."""


class Cache(Protocol):
    """One policy."""

    def read(self, key: int, size: int) -> bool:
        """Read all of a file; whether all of it was there."""
        ...


class Lru:
    """What wasn't used for the longest time leaves."""

    def __init__(self) -> None:
        self.queue: OrderedDict[int, int] = OrderedDict()
        self.used = 0

    def read(self, key: int, size: int) -> bool:
        if key in self.queue:
            self.queue.move_to_end(key)
            return True
        while self.queue and self.used + size > CACHE_BYTES:
            self.used -= self.queue.popitem(last=False)[1]
        if size <= CACHE_BYTES:
            self.queue[key] = size
            self.used += size
        return False


class Sieve:
    """A queue that nothing moves in; a hand passes over what was used since it came by."""

    def __init__(self) -> None:
        self.queue: dict[int, int] = {}
        self.visited: set[int] = set()
        self.hand: Iterator[int] = iter(())
        self.used = 0

    def read(self, key: int, size: int) -> bool:
        if key in self.queue:
            self.visited.add(key)
            return True
        if size > CACHE_BYTES:
            return False
        while self.used + size > CACHE_BYTES:
            self._evict()
        self.queue[key] = size
        self.used += size
        return False

    def _evict(self) -> None:
        for key in self.hand:
            if key in self.visited:
                self.visited.discard(key)
            elif key in self.queue:
                self.used -= self.queue.pop(key)
                return
        self.hand = iter(list(self.queue))


class S3Fifo:
    """A small queue, a main one, and a memory of what left the small one; nothing moves in them."""

    def __init__(self) -> None:
        self.small: OrderedDict[int, int] = OrderedDict()
        self.main: OrderedDict[int, int] = OrderedDict()
        self.ghosts: OrderedDict[int, int] = OrderedDict()
        self.uses: dict[int, int] = {}
        self.small_used = self.main_used = self.ghosts_used = 0

    def read(self, key: int, size: int) -> bool:
        if key in self.uses:
            self.uses[key] = min(3, self.uses[key] + 1)
            return True
        if size > CACHE_BYTES:
            return False
        while self.small_used + self.main_used + size > CACHE_BYTES:
            self._evict()
        self.uses[key] = 0
        if key in self.ghosts:
            self.ghosts_used -= self.ghosts.pop(key)
            self._to_main(key, size)
        else:
            self.small[key] = size
            self.small_used += size
        return False

    def _to_main(self, key: int, size: int) -> None:
        self.main[key] = size
        self.main_used += size

    def _evict(self) -> None:
        if self.main and self.small_used < CACHE_BYTES // 10:
            key, size = self.main.popitem(last=False)
            self.main_used -= size
            if self.uses[key]:
                self.uses[key] -= 1
                self._to_main(key, size)
            else:
                del self.uses[key]
            return
        key, size = self.small.popitem(last=False)
        self.small_used -= size
        if self.uses[key]:
            self.uses[key] = 0
            self._to_main(key, size)
            return
        del self.uses[key]
        self.ghosts[key] = size
        self.ghosts_used += size
        while self.ghosts_used > CACHE_BYTES * 9 // 10:
            self.ghosts_used -= self.ghosts.popitem(last=False)[1]


class Queue:
    """Files and what they take, least recently used first."""

    def __init__(self) -> None:
        self.files: OrderedDict[int, int] = OrderedDict()
        self.used = 0

    def put(self, key: int, size: int) -> None:
        """To the most recently used end; nothing if it has no bytes."""
        if size:
            self.files[key] = size
            self.used += size

    def take(self, key: int) -> int:
        """Out of the queue; its bytes."""
        size = self.files.pop(key, 0)
        self.used -= size
        return size


class Ours:
    """`core.evict`: what the store does, by whole files and parts of huge ones."""

    PIECE = 4 * MIB

    def __init__(self) -> None:
        self.window, self.main = Queue(), Queue()
        self.sketch, self.share = Sketch(), Share()

    def read(self, key: int, size: int) -> bool:
        self.sketch.add(key, len(self.window.files) + len(self.main.files))
        queue = self._queue_of(key)
        here = queue.files.get(key, 0)
        self.share.used(hit=here > 0)
        queue.put(key, queue.take(key))
        if here == size:
            return True
        if not here and not starts_in_window(CACHE_BYTES, self._window_max, self._used, size):
            queue = self.main
        for start in range(here, size, self.PIECE):
            queue = self._store(queue, key, min(self.PIECE, size - start))
        return False

    def _queue_of(self, key: int) -> Queue:
        return self.main if key in self.main.files else self.window

    @property
    def _window_max(self) -> int:
        return int(CACHE_BYTES * self.share.value)

    @property
    def _used(self) -> int:
        return self.window.used + self.main.used

    def _store(self, queue: Queue, key: int, size: int) -> Queue:
        lacking = self._used + size - CACHE_BYTES
        if lacking > 0:
            self.window.put(key, queue.take(key))  # who grows has to compete
            self._make_room(lacking + CACHE_BYTES // 64, key)
            queue = self._queue_of(key)
        queue.put(key, queue.take(key) + size)
        return queue

    def _make_room(self, need: int, filling: int) -> None:
        pool = Pool(
            CACHE_BYTES,
            window=self._candidates(self.window, filling),
            window_bytes=self.window.used,
            window_max=self._window_max,
            main=self._candidates(self.main, filling),
            main_bytes=self.main.used,
        )
        for move in pool.make_room(need):
            match move:
                case Admit(key) | Renew(key):
                    self.main.put(key, self._queue_of(key).take(key))
                case Evict(key, part):
                    queue = self._queue_of(key)
                    queue.put(key, queue.take(key) - part)

    def _candidates(self, queue: Queue, filling: int) -> Iterator[Candidate[int]]:
        for key in list(queue.files):
            size = queue.files.get(key)
            if size:
                yield Candidate(key, self.sketch.count(key), size, key == filling)


# -- workloads ---------------------------------------------------------------------------------


def sizes(chance: random.Random) -> Iterator[int]:
    """Sizes of files, one after the other."""
    while True:
        median, spread = (3 * MIB, 0.5) if chance.random() < 0.5 else (120 * KIB, 1.3)
        yield max(4 * KIB, int(chance.lognormvariate(math.log(median), spread)))


def zipf(chance: random.Random, power: float) -> Iterator[Read]:
    """The n-th most popular file is read in proportion to 1 / n ** power."""
    popularity = list(accumulate(1 / (n + 1) ** power for n in range(FILES)))
    files = list(zip(range(FILES), sizes(chance), strict=False))
    while True:
        yield files[bisect(popularity, chance.random() * popularity[-1])]


def zipf_with_scans(chance: random.Random, power: float) -> Iterator[Read]:
    """Now and then somebody goes once through 3,000 other files, or through a huge one."""
    popular, others = zipf(chance, power), zip(count(FILES), sizes(chance), strict=False)
    while True:
        for turn in range(6_000):
            yield next(popular)
            if turn == 3_000:
                for _ in range(3_000):
                    yield next(others)
            if turn == 5_000:
                yield next(others)[0], HUGE


def daily(chance: random.Random) -> Iterator[Read]:
    """200 files each day, other ones every month; twice as many at random; films."""
    files = list(zip(range(20_000), sizes(chance), strict=False))
    mine = chance.sample(files, 200)
    for day in count():
        if day % 30 == 29:
            mine = mine[100:] + chance.sample(files, 100)
        yield from chance.sample(mine, len(mine))
        yield from chance.choices(files, k=400)
        if day % 5 == 2:
            yield 20_000 + day, HUGE


def loop(chance: random.Random) -> Iterator[Read]:
    """Twice as much as the cache holds, again and again in the same order."""
    files = list(zip(range(1_200), sizes(chance), strict=False))
    while True:
        yield from files


def recency(chance: random.Random) -> Iterator[Read]:
    """Each file is read some three times within a while, then never again."""
    files = list(zip(range(READS), sizes(chance), strict=False))
    for turn in count():
        yield files[int(turn / 3 + chance.expovariate(1 / 150)) % READS]


def stack(chance: random.Random) -> Iterator[Read]:
    """Likely what was read lately: the distance back is exponential; a quarter is new."""
    seen: list[Read] = []
    new = zip(count(), sizes(chance), strict=False)
    while True:
        back = int(chance.expovariate(1 / 300)) + 1
        seen.append(next(new) if back > len(seen) or chance.random() < 0.25 else seen.pop(-back))
        yield seen[-1]


WORKLOADS: dict[str, Callable[[random.Random], Iterator[Read]]] = {
    "zipf 0.7": lambda chance: zipf(chance, 0.7),
    "zipf 0.9": lambda chance: zipf(chance, 0.9),
    "zipf 1.1": lambda chance: zipf(chance, 1.1),
    "zipf 0.7, scans": lambda chance: zipf_with_scans(chance, 0.7),
    "zipf 0.9, scans": lambda chance: zipf_with_scans(chance, 0.9),
    "zipf 1.1, scans": lambda chance: zipf_with_scans(chance, 1.1),
    "daily, films": daily,
    "loop": loop,
    "recency": recency,
    "stack": stack,
}
POLICIES: list[Callable[[], Cache]] = [Sieve, S3Fifo, Ours]


def rates(cache: Cache, reads: list[Read]) -> tuple[float, float]:
    """(part of reads, part of bytes) found; a file that fits in no cache doesn't count."""
    hits = hit_bytes = total = total_bytes = 0
    for key, size in reads:
        hit = cache.read(key, size)
        if size < CACHE_BYTES:
            hits, hit_bytes = hits + hit, hit_bytes + hit * size
            total, total_bytes = total + 1, total_bytes + size
    return hits / total, hit_bytes / total_bytes


def main(seed: int) -> None:
    """Print the table."""
    names = [policy.__name__ for policy in (Lru, *POLICIES)]
    print(f"{'reads / bytes':16}" + "".join(f"{name:>16}" for name in names))
    for name, workload in WORKLOADS.items():
        source = workload(random.Random(seed))
        reads = [next(source) for _ in range(READS)]
        base = rates(Lru(), reads)
        line = f"{name:16}{base[0]:8.3f}{base[1]:8.3f}"
        for policy in POLICIES:
            found = zip(rates(policy(), reads), base, strict=True)
            line += "".join(f"{ours / lru:7.2f}x" if lru else f"{ours:8.3f}" for ours, lru in found)
        print(line, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
