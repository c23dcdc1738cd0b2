"""The arenas of this machine: each is opened, run, and tried again where it can't be.

What is wrong with one arena stays with that one: it has a problem, said in the log once and in
every status, and its slot tries again until it is well (R8: a disk that comes back is taken up,
and meanwhile nothing of it counts as deleted).
"""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import trio

from realizefs.daemon.config import ArenaConfig
from realizefs.daemon.failures import first_of
from realizefs.model.diagnosis import Features
from realizefs.model.errors import NotFound, RealizeError, RootGone
from realizefs.model.farewell import Farewell
from realizefs.model.findings import Report
from realizefs.model.ids import ArenaId, Inode
from realizefs.model.limits import ARENA_RETRY_SECONDS
from realizefs.model.marks import Mark
from realizefs.sync.bell import Bell
from realizefs.sync.below import Top
from realizefs.sync.conflicts import Conflicts
from realizefs.sync.describe import Description
from realizefs.sync.foresight import Foresight
from realizefs.sync.guard import Waiting
from realizefs.sync.handover import Handover
from realizefs.sync.on_demand import OnDemand
from realizefs.sync.ruling import Ruling
from realizefs.sync.summary import Listed, Span, Usage
from realizefs.sync.telling import Told, Wanted
from realizefs.sync.trashcan import Trashcan
from realizefs.sync.work import Work

log = logging.getLogger(__name__)


class RunningArena(Protocol):
    """What the daemon's commands need of `sync.arena.Arena`, which tests fake."""

    @property
    def name(self) -> str:
        """What it is called on this machine."""
        ...

    def resolve(self, path: bytes) -> Inode:
        """The inode at a path; FileNotFoundError."""
        ...

    def describe_at(self, path: bytes) -> Description:
        """All that is known of what is at a path; FileNotFoundError."""
        ...

    def describe(self, ino: Inode) -> Description:
        """All that is known of an inode; FileNotFoundError if it is gone."""
        ...

    async def set_mark(self, ino: Inode, mark: Mark | None) -> None:
        """Set or clear the mark; committed on return."""
        ...

    def usage(self, tops: Sequence[Top], checkpoint: Callable[[], None]) -> dict[str, Usage]:
        """How much at and below some paths is in which state; blocking."""
        ...

    def foresight(
        self, tops: Sequence[Top], mark: Mark | None, checkpoint: Callable[[], None]
    ) -> Foresight:
        """What a mark on some paths would bring or take away; blocking."""
        ...

    def work(self, limit: int) -> Work:
        """What is carried out, and some of what waits and why; blocking."""
        ...

    def listing(self, ino: Inode, after: bytes) -> list[Listed]:
        """Some entries of a directory beyond a name; blocking."""
        ...

    def never_shared(self, path: bytes) -> list[Listed]:
        """What of a native directory stays on this machine; blocking; FileNotFoundError."""
        ...

    def span(self, ino: Inode, start: int, count: int, sought: Collection[bytes]) -> Span:
        """Some entries of a directory from a position on; blocking."""
        ...

    async def journal(self, wanted: Wanted) -> tuple[list[Told], int]:
        """What happened, and the position behind it."""
        ...

    @property
    def news(self) -> Bell:
        """Rings after each commit, which may have something for the journal."""
        ...

    async def first_news(self) -> None:
        """Wait a moment for what others know where nothing is known here yet."""
        ...

    async def looked_through(self, seconds: float) -> bool:
        """Whether all of the root was looked at since the start; waits so long for it at most."""
        ...

    def status(self) -> Mapping[str, object]:
        """The arena's line of `status`."""
        ...

    def held(self) -> Waiting:
        """What peers deleted and waits for somebody; the paths of some."""
        ...

    async def approve(self) -> int:
        """Let it be deleted; how much that is."""
        ...

    async def reject(self) -> int:
        """Take it back, everywhere; how much that was."""
        ...

    @property
    def trashcan(self) -> Trashcan:
        """What peers deleted or replaced."""
        ...

    @property
    def ruling(self) -> Ruling:
        """Marks by name, size and age."""
        ...

    @property
    def conflicts(self) -> Conflicts:
        """Conflict copies."""
        ...

    @property
    def handover(self) -> Handover:
        """What becomes another peer's, or is taken from one, because somebody asked for it."""
        ...

    @property
    def on_demand(self) -> OnDemand:
        """What is cached because somebody asked for it."""
        ...


class OpenArena(Protocol):
    """An arena that is open; `run` carries it until it is cancelled or its root is gone."""

    @property
    def arena(self) -> RunningArena:
        """What commands ask."""
        ...

    @property
    def problem(self) -> str:
        """What is wrong though it is open, as a sentence; "" if nothing."""
        ...

    async def apply(self, config: ArenaConfig) -> None:
        """Take up a changed default mark and cache limit."""
        ...

    def only_cached(self) -> list[bytes]:
        """Paths whose content is nowhere but in the cache here, some at least; blocking."""
        ...

    def farewell(self) -> Farewell:
        """What would be lost if this machine gave the arena up; blocking."""
        ...

    def features(self) -> Features:
        """What the filesystem of its root can do; blocking, OSError where nothing can be made there."""
        ...

    async def check(self, report: Report, *, repair: bool, deep: bool) -> Report:
        """Whether all that must be so of it is so; also while it doesn't run. The report is filled
        while it is looked at."""
        ...

    def close(self) -> None:
        """Give it up, whether it has run or not; blocking."""
        ...

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Scan, watch, sync and do jobs; started once it can answer. Raises RealizeError where it
        can't go on; the arena is still open then."""
        ...


Opener = Callable[[ArenaConfig], OpenArena]
"""Opens an arena; blocking; raises RealizeError or OSError."""


@dataclass(slots=True, eq=False)
class Slot:
    """The place of one configured arena: open, or with a problem, or not tried yet.

    `opening` is held by whoever opens it, `retry` ends the wait for the next try. `scope` is that of
    the task that tends it, `ended` is set when there is none.
    """

    config: ArenaConfig
    opened: OpenArena | None = None
    problem: str = ""
    opening: trio.Lock = field(default_factory=trio.Lock)
    retry: trio.Event = field(default_factory=trio.Event)
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    ended: trio.Event | None = None

    @property
    def trouble(self) -> str:
        """Why it isn't open, or what is wrong though it is; "" if nothing."""
        return self.problem if self.opened is None else self.opened.problem

    @property
    def arena(self) -> RunningArena:
        """The arena; raises RootGone with the sentence why it isn't open."""
        if self.opened is None:
            raise RootGone(self.problem or f'The arena "{self.config.name}" is not open yet.')
        return self.opened.arena


class Arenas:
    """All slots, by arena id; lives on the trio thread."""

    def __init__(self) -> None:
        self._slots: dict[ArenaId, Slot] = {}

    def __iter__(self) -> Iterator[Slot]:
        return iter(list(self._slots.values()))

    def named(self, name: str) -> Slot:
        """The slot of an arena; raises NotFound."""
        for slot in self._slots.values():
            if slot.config.name == name:
                return slot
        raise NotFound(f'There is no arena called "{name}" here; see `realizefs arena list`.')

    def name_of(self, arena: ArenaId) -> str | None:
        """What an arena is called here."""
        slot = self._slots.get(arena)
        return None if slot is None else slot.config.name

    def at_root(self, root: Path) -> Slot | None:
        """The slot whose arena root this is."""
        return next((slot for slot in self if slot.config.root == root), None)

    def add(self, config: ArenaConfig) -> Slot:
        """The slot of a configured arena, a new one if there is none."""
        slot = self._slots.setdefault(config.id, Slot(config))
        slot.config = config
        return slot

    async def remove(self, slot: Slot) -> None:
        """End the task that tends an arena, and forget it; it is closed on return."""
        slot.scope.cancel()
        if slot.ended is not None:
            await slot.ended.wait()
        self._slots.pop(slot.config.id, None)

    async def tend(
        self,
        slot: Slot,
        opener: Opener,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Keep an arena running until cancelled or removed; started after the first try, good or
        bad."""
        report = once(task_status)
        slot.ended = trio.Event()
        try:
            with slot.scope:
                while True:
                    try:
                        await self._run(slot, opener, report)
                    except* (RealizeError, OSError) as errors:
                        self._note(slot, first_of(errors))
                    report()
                    slot.retry = trio.Event()
                    with trio.move_on_after(ARENA_RETRY_SECONDS):
                        await slot.retry.wait()
        finally:
            slot.scope = trio.CancelScope()  # without a daemon it may be tended again
            slot.ended.set()

    async def _run(self, slot: Slot, opener: Opener, report: Callable[[], None]) -> None:
        async with slot.opening:
            opened = await trio.to_thread.run_sync(opener, slot.config)
        try:
            async with trio.open_nursery() as nursery:
                await nursery.start(opened.run)
                slot.opened = opened
                if slot.problem:
                    log.info('The arena "%s" is open again.', slot.config.name)
                slot.problem = ""
                report()
        finally:
            # Till the lock is ours it is open, if idle; then no command finds it closed, and nobody
            # opens it before it is.
            with trio.CancelScope(shield=True):
                async with slot.opening:
                    slot.opened = None
                    await trio.to_thread.run_sync(opened.close)

    def _note(self, slot: Slot, error: BaseException) -> None:
        sentence = str(error)
        if sentence != slot.problem:
            log.warning('The arena "%s" is not open: %s', slot.config.name, sentence)
        slot.problem = sentence


def once(task_status: trio.TaskStatus[None]) -> Callable[[], None]:
    """`started` may be called only once."""
    told = False

    def report() -> None:
        nonlocal told
        if not told:
            told = True
            task_status.started()

    return report
