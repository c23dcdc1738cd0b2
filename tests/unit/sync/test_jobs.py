"""Jobs: what is due is carried out, what failed at its time, what waits for a peer when one comes.

Everything is real but the hands: what carries a decision out is a fake that fails as it is told.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio

from realizefs.model.decisions import Action, Decision
from realizefs.model.entries import Holder
from realizefs.model.errors import Busy, Unreachable
from realizefs.model.ids import Digest, Inode, PeerId
from realizefs.model.limits import CHUNK_BYTES, JOBS_MAX
from realizefs.model.marks import Mark
from realizefs.model.versions import Held, Kind, Version
from realizefs.store import decisions as decisions_module
from realizefs.store.arena import ArenaStore
from realizefs.sync.arena import Arena
from realizefs.sync.engine_store import WAKE_PAGE, EngineStore
from realizefs.sync.jobs import AGAIN_SECONDS_MIN, Jobs, _backoff
from tests.fakes.arena_store import STORED, arena_store
from tests.fakes.clock import SystemClock
from tests.fakes.in_memory import in_memory
from tests.fakes.peer import until

ME, OTHER = PeerId(7), PeerId(8)
HASH = Digest(b"h" * 32)
FAR = 2**62
"""Wall-clock nanoseconds: in a hundred years."""
DUE = Decision(Action.REALIZE, HASH)
LATER = replace(DUE, attempts=5, retry_at_ns=FAR)
WAITS = replace(DUE, wait_for_peer=True)


class Hands:
    """Carries decisions out by counting them; `fails` says with what an inode's tries end."""

    def __init__(self) -> None:
        self.tries: Counter[Inode] = Counter()
        self.fails: Callable[[Inode], Exception | None] = lambda ino: None

    async def gather(self, contents: Sequence[tuple[Inode, Version]]) -> None:
        """Nothing comes together."""

    async def carry_out(self, ino: Inode, decision: Decision) -> None:
        await trio.lowlevel.checkpoint()
        self.tries[ino] += 1
        error = self.fails(ino)
        if error is not None:
            raise error


@pytest.fixture
def directory() -> Iterator[Path]:
    with in_memory() as directory:
        yield directory


@contextmanager
def opened(directory: Path) -> Iterator[Arena]:
    """The arena in `directory`, open for a while; opened again it is a restart."""
    clock = SystemClock()
    with arena_store(directory) as store:
        yield Arena(
            STORED, "arena", store, me=ME, me_name="me", default_mark=Mark.WATCH, clock=clock
        )


@asynccontextmanager
async def running(arena: Arena, hands: Hands) -> AsyncIterator[Jobs]:
    """The jobs and the writer of an arena, and nothing else of it."""
    jobs = Jobs(arena.context, cast("Any", hands))
    async with trio.open_nursery() as writing, trio.open_nursery() as nursery:
        writing.start_soon(arena.context.writer.run)
        nursery.start_soon(jobs.run)
        yield jobs
        nursery.cancel_scope.cancel()
        writing.cancel_scope.cancel()


def make(store: ArenaStore, *wanted: Decision, sizes: Sequence[int] | None = None) -> list[Inode]:
    """An entry for each decision, of `sizes` bytes or a few."""
    store.inodes.ensure(len(wanted))
    made = []
    with store.env.write() as txn:
        for number, decision in enumerate(wanted):
            ino = store.inodes.allocate()
            size = sizes[number] if sizes else 5
            version = Version(Kind.FILE, HASH, size=size, vector=((ME, 1),), author=ME)
            store.tree.put(txn, ino, store.tree.root, b"%d" % number, version)
            store.decisions.set(txn, ino, decision)
            made.append(ino)
    return made


def link(peer: PeerId) -> Any:
    """As much of a link as those who choose among links look at."""
    return SimpleNamespace(peer=peer, name="other", busy=0, rate=1.0)


def pending(store: ArenaStore) -> int:
    with store.env.read() as txn:
        return store.decisions.count(txn) + store.dirty.count(txn)


def waiting(store: ArenaStore) -> int:
    with store.env.read() as txn:
        return store.decisions.waiting(txn)


async def test_what_a_former_process_left_is_carried_out_when_it_is_due(directory: Path) -> None:
    with opened(directory) as arena:
        *due, later, waits = make(arena.store, *[DUE] * 20, LATER, WAITS)
    hands = Hands()
    with opened(directory) as arena:
        async with running(arena, hands):
            await until(lambda: set(hands.tries) == set(due))
            await until(lambda: pending(arena.store) == 2)
        with arena.store.env.read() as txn:
            left = dict(arena.store.decisions.all(txn))
    assert left == {later: LATER, waits: WAITS}
    assert hands.tries.keys().isdisjoint(left)


async def test_a_failed_job_is_tried_again_at_its_time(directory: Path) -> None:
    hands = Hands()
    hands.fails = lambda ino: Busy("It is in use.") if hands.tries[ino] < 3 else None
    with opened(directory) as arena:
        [ino] = make(arena.store, DUE)
        async with running(arena, hands):
            await until(lambda: pending(arena.store) == 0)
    assert hands.tries[ino] == 3


async def test_what_is_busy_for_a_known_time_is_tried_right_after_it(directory: Path) -> None:
    """What was moved here and is moved back at once waited for a minute, and the promise lasts half."""
    hands = Hands()
    hands.fails = lambda ino: Busy("It is relied on.", 40.0) if hands.tries[ino] < 2 else None
    with opened(directory) as arena:
        [ino] = make(arena.store, replace(DUE, attempts=4))
        before = arena.context.clock.wall_ns()
        async with running(arena, hands) as jobs:
            await until(lambda: hands.tries[ino] == 1 and not jobs.running)
        with arena.store.env.read() as txn:
            after = arena.store.decisions.get(txn, ino)
        assert after is not None
        assert before + 40e9 <= after.retry_at_ns <= arena.context.clock.wall_ns() + 40e9


def test_in_the_instant_in_which_a_promise_ends_nothing_is_tried_over_and_over() -> None:
    assert _backoff(3, Busy("It changed.")) == _backoff(3, FileNotFoundError()) < 2.0
    assert _backoff(4, Busy("It is relied on.", 40.0)) == 40.0
    assert _backoff(4, Busy("It is relied on.", 0.0)) == AGAIN_SECONDS_MIN > 0


async def test_a_failure_is_stored_with_its_reason_and_its_time(directory: Path) -> None:
    hands = Hands()
    hands.fails = lambda ino: OSError(28, "No space left on device")
    before = SystemClock().wall_ns()
    with opened(directory) as arena:
        [ino] = make(arena.store, replace(DUE, attempts=3))
        async with running(arena, hands) as jobs:
            await until(lambda: hands.tries[ino] == 1 and not jobs.running)
    with opened(directory) as arena:  # after a restart
        stored = EngineStore(arena.context).get(b"0")
    assert stored is not None
    assert (stored.attempts, stored.wait_for_peer) == (4, False)
    assert "No space left" in stored.error
    assert stored.retry_at_ns >= before + 60 * 10**9


async def test_what_waits_for_a_peer_is_stored_without_what_that_says_already(
    directory: Path,
) -> None:
    """There may be a million of them, and as many sentences. To wait is no try that would put the
    next one off."""
    hands = Hands()
    hands.fails = lambda ino: Unreachable("No peer that holds it is connected.")
    with opened(directory) as arena:
        [ino] = make(arena.store, replace(DUE, attempts=5))
        async with running(arena, hands) as jobs:
            await until(lambda: hands.tries[ino] == 1 and not jobs.running)
    with opened(directory) as arena:
        assert EngineStore(arena.context).get(b"0") == WAITS


async def test_those_that_wait_for_a_peer_are_tried_once_when_one_connects(
    directory: Path,
) -> None:
    """More than two pages of them, all of which fail again and wait for the next peer."""
    number = 2 * WAKE_PAGE + 100
    hands = Hands()
    hands.fails = lambda ino: Unreachable("Nobody has it.")
    with opened(directory) as arena:
        inodes = make(arena.store, *[WAITS] * number)
        async with running(arena, hands):
            for arrival in (1, 2):
                arena.context.links.add(link(PeerId(100 + arrival)))
                await until(lambda: sum(hands.tries.values()) == arrival * number)  # noqa: B023
                await until(lambda: waiting(arena.store) == number)
    assert hands.tries == dict.fromkeys(inodes, 2)


async def test_a_peer_that_goes_wakes_nobody(directory: Path) -> None:
    hands = Hands()
    with opened(directory) as arena:
        waits, due = make(arena.store, WAITS, DUE)
        gone = link(OTHER)

        def go(ino: Inode) -> Exception | None:
            """While the other job runs; it is tried again after that."""
            arena.context.links.remove(gone)
            return Busy("It is in use.") if hands.tries[ino] == 1 else None

        hands.fails = go
        async with running(arena, hands):
            arena.context.links._links[OTHER] = gone  # it had come before
            await until(lambda: hands.tries[due] == 2)
            await until(lambda: pending(arena.store) == 1)
    assert hands.tries[waits] == 0


async def test_a_holder_that_comes_while_a_job_fails_is_not_missed(directory: Path) -> None:
    """It connected after the job had looked, and before the job's failure was stored."""
    hands = Hands()
    with opened(directory) as arena:
        [ino] = make(arena.store, DUE)
        with arena.store.env.write() as txn:
            arena.store.holders.put(txn, ino, Holder(OTHER, Held.OWN, HASH))

        def fail_once(ino: Inode) -> Exception | None:
            if hands.tries[ino] > 1:
                return None
            arena.context.links._links[OTHER] = link(OTHER)  # and all that waited was woken
            return Unreachable("Nobody has it.")

        hands.fails = fail_once
        async with running(arena, hands):
            await until(lambda: pending(arena.store) == 0)
    assert hands.tries[ino] == 2


async def test_what_is_due_is_found_without_reading_what_is_not(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(directory) as arena:
        inodes = make(arena.store, *[LATER] * 3000, *[WAITS] * 3000, *[DUE] * 5)
        stored = EngineStore(arena.context)
        monkeypatch.delattr(decisions_module, "decode_decision")  # no record is looked at
        due = stored.due(SystemClock().wall_ns(), 100, busy=set())
        assert (due.inodes, due.next_ns, due.more) == (inodes[-5:], FAR, False)
        due = stored.due(SystemClock().wall_ns(), 2, busy={inodes[-4]})
        assert (due.inodes, due.more) == ([inodes[-5], inodes[-3]], True)


async def test_the_engine_store_by_path(directory: Path) -> None:
    with opened(directory) as arena:
        make(arena.store, DUE)
        stored = EngineStore(arena.context)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(arena.context.writer.run)
            assert stored.get(b"0") == DUE
            assert await stored.set(b"0", LATER)
            assert not await stored.set(b"0", WAITS, over=DUE)  # it was decided anew meanwhile
            assert not await stored.clear(b"0", over=DUE)
            assert stored.get(b"0") == LATER
            assert await stored.set(b"0", WAITS, over=LATER)
            assert await stored.wake(Inode(0)) == arena.resolve(b"0")
            assert await stored.wake(arena.resolve(b"0")) is None
            assert stored.get(b"0") == replace(WAITS, wait_for_peer=False)
            assert await stored.clear(b"0")
            assert stored.get(b"0") is None
            assert not await stored.set(b"nowhere", DUE)
            nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("sizes", "most"),
    [
        ([CHUNK_BYTES // 4] * 12, 4),
        ([CHUNK_BYTES * 3] * 3, 1),
        ([CHUNK_BYTES * 3, *[1000] * 5], 5),
        ([1000] * (JOBS_MAX * 2), JOBS_MAX),
    ],
    ids=["quarters", "large", "one large", "many"],
)
async def test_small_files_share_a_chunk_and_a_larger_one_goes_alone(
    directory: Path, sizes: list[int], most: int
) -> None:
    """Together they never are more than a chunk, unless one is alone; and as many as may go do."""
    together: list[int] = []
    seen: list[tuple[int, int]] = []

    class Carrying(Hands):
        async def carry_out(self, ino: Inode, decision: Decision) -> None:
            size = by_ino[ino]
            together.append(size)
            seen.append((len(together), sum(together)))
            if size <= CHUNK_BYTES:  # a larger one would wait in vain for others beside it
                await until(lambda: max(count for count, _ in seen) >= most)
            for _ in range(20):
                await trio.lowlevel.checkpoint()
            seen.append((len(together), sum(together)))
            together.remove(size)
            await super().carry_out(ino, decision)

    with opened(directory) as arena:
        wanted = [Decision(Action.REALIZE, HASH) for _ in sizes]
        by_ino = dict(zip(make(arena.store, *wanted, sizes=sizes), sizes, strict=True))
        async with running(arena, Carrying()):
            await until(lambda: pending(arena.store) == 0)
    assert all(size <= CHUNK_BYTES or count == 1 for count, size in seen)
    assert max(count for count, _ in seen) == most
