"""An application whose arenas are dicts and whose mount is an event; the rest of it is real."""

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from realizefs.core.counting import CacheCounts
from realizefs.daemon.app import App, Shells, open_app
from realizefs.daemon.arenas import Opener, RunningArena
from realizefs.daemon.config import ArenaConfig
from realizefs.daemon.control import Caller
from realizefs.daemon.dispatch import execute
from realizefs.daemon.home import Home, home_at
from realizefs.daemon.mounts import MountRun
from realizefs.daemon.parts import Parts
from realizefs.model.control import Request
from realizefs.model.diagnosis import Features
from realizefs.model.errors import RealizeError
from realizefs.model.farewell import Farewell
from realizefs.model.findings import Report
from realizefs.model.ids import NO_DIGEST, Inode
from realizefs.model.marks import Mark
from realizefs.sync.bell import Bell
from realizefs.sync.below import Top
from realizefs.sync.conflicts import Conflicts
from realizefs.sync.describe import Description
from realizefs.sync.foresight import Foresight
from realizefs.sync.guard import Waiting
from realizefs.sync.handover import Handover
from realizefs.sync.loss import Loss
from realizefs.sync.on_demand import OnDemand
from realizefs.sync.ruling import Ruling
from realizefs.sync.summary import Listed, Span, Usage
from realizefs.sync.telling import Told, Wanted
from realizefs.sync.trashcan import Trashcan
from realizefs.sync.work import Queues, Work


class FakeArena:
    """Paths and their marks."""

    def __init__(self, config: ArenaConfig, paths: tuple[bytes, ...]) -> None:
        self.name = config.name
        self.default = config.mark
        self.paths = [b"", *paths]
        self.marks: dict[Inode, Mark] = {}
        self.waiting = Waiting(0, ())
        self.happened: list[Told] = []
        self.wanted = Wanted()
        self.news = Bell()
        self.doing = Work(Queues(), CacheCounts(), ())

    def usage(self, tops: Sequence[Top], checkpoint: Callable[[], None]) -> dict[str, Usage]:
        raise AssertionError("a dict has no states")

    def foresight(
        self, tops: Sequence[Top], mark: Mark | None, checkpoint: Callable[[], None]
    ) -> Foresight:
        raise AssertionError("a dict has no states")

    def work(self, limit: int) -> Work:
        return self.doing

    def listing(self, ino: Inode, after: bytes) -> list[Listed]:
        raise AssertionError("a dict has no states")

    def never_shared(self, path: bytes) -> list[Listed]:
        raise AssertionError("a dict has no states")

    def span(self, ino: Inode, start: int, count: int, sought: Collection[bytes]) -> Span:
        raise AssertionError("a dict has no states")

    async def looked_through(self, seconds: float) -> bool:
        return True

    async def journal(self, wanted: Wanted) -> tuple[list[Told], int]:
        await trio.lowlevel.checkpoint()
        self.wanted = wanted
        return self.happened[wanted.after :], len(self.happened)

    async def first_news(self) -> None:
        await trio.lowlevel.checkpoint()

    def resolve(self, path: bytes) -> Inode:
        if path not in self.paths:
            raise FileNotFoundError
        return Inode(2 + self.paths.index(path))

    def describe_at(self, path: bytes) -> Description:
        return self.describe(self.resolve(path))

    def describe(self, ino: Inode) -> Description:
        mark = self.marks.get(ino)
        return Description(
            path=self.paths[ino - 2],
            kind="file",
            mark=mark or self.default,
            mark_from=self.paths[ino - 2] if mark else None,
            rule=None,
            explicit_mark=mark,
            status="remote",
            hash=NO_DIGEST,
            size=3,
            holders=(("desk", "own"),),
            version={"desk": 1},
            decision=None,
            why="It is shown here.",
        )

    async def set_mark(self, ino: Inode, mark: Mark | None) -> None:
        self.marks.pop(ino, None)
        if mark is not None:
            self.marks[ino] = mark

    def held(self) -> Waiting:
        return self.waiting

    async def approve(self) -> int:
        count, self.waiting = self.waiting.count, Waiting(0, ())
        return count

    async def reject(self) -> int:
        return await self.approve()

    @property
    def trashcan(self) -> Trashcan:
        raise AssertionError("a dict has no trash")

    @property
    def ruling(self) -> Ruling:
        raise AssertionError("a dict has no rules")

    @property
    def conflicts(self) -> Conflicts:
        raise AssertionError("a dict has no conflicts")

    @property
    def handover(self) -> Handover:
        raise AssertionError("a dict gives nothing away")

    @property
    def on_demand(self) -> OnDemand:
        raise AssertionError("a dict has no cache")

    def status(self) -> dict[str, object]:
        return {"files": len(self.paths), "pending": 1, "problem": None}


class FakeOpened:
    """Runs until cancelled, or until `fail` is set to an error and `failing` to an event."""

    def __init__(self, arena: FakeArena) -> None:
        self.arena: RunningArena = arena
        self.problem = ""
        self.applied: list[ArenaConfig] = []
        self.failing = trio.Event()
        self.report = Report(arena.name)
        self.checks: list[tuple[bool, bool]] = []
        self.closed = False
        self.closing: Callable[[], None] = lambda: None
        self.alone: list[bytes] = []
        self.unheard = 0
        self.error: RealizeError | None = None

    async def apply(self, config: ArenaConfig) -> None:
        self.applied.append(config)

    def only_cached(self) -> list[bytes]:
        return self.alone

    async def check(self, _report: Report, *, repair: bool, deep: bool) -> Report:
        self.checks.append((repair, deep))
        return self.report

    def farewell(self) -> Farewell:
        return Farewell(2, 3000, 1, tuple(self.alone), self.unheard)

    def features(self) -> Features:
        return Features(xattrs=True, sparse=True, reflinks=False, free=5 << 30, size=10 << 30)

    def close(self) -> None:
        self.closing()
        self.closed = True

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        task_status.started()
        await self.failing.wait()
        if self.error is not None:
            raise self.error


class FakeShells:
    """What was opened and mounted, by name and directory; `refusals` are raised by opening."""

    def __init__(self, *paths: bytes) -> None:
        self.paths = paths
        self.opened: dict[str, FakeOpened] = {}
        self.refusals: dict[str, list[RealizeError]] = {}
        self.mounted: dict[Path, trio.Event] = {}
        self.flags: dict[Path, frozenset[str]] = {}
        self.mount_refusal: RealizeError | None = None
        self.loss = Loss()
        self.accepted: list[str] = []

    def shells(self) -> Shells:
        return Shells(opener=self._opener, mounter=self._mounter, acceptor=self._accept)

    def _accept(self, _parts: Parts, config: ArenaConfig, really: bool) -> Loss:
        if really:
            self.accepted.append(config.name)
            self.refusals.pop(config.name, None)
        return self.loss

    def _opener(self, _parts: Parts, _me: str) -> Opener:
        return self.open

    def open(self, config: ArenaConfig) -> FakeOpened:
        if self.refusals.get(config.name):
            raise self.refusals[config.name].pop(0)
        self.opened[config.name] = FakeOpened(FakeArena(config, self.paths))
        return self.opened[config.name]

    def _mounter(
        self, _app: App, directory: Path, _arena: RunningArena | None, flags: frozenset[str]
    ) -> MountRun:
        async def run(task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
            if self.mount_refusal is not None:
                raise self.mount_refusal
            self.mounted[directory] = trio.Event()
            self.flags[directory] = flags
            task_status.started()
            await self.mounted[directory].wait()

        return run


class Asker:
    """Asks an application as the command line would."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, command: str, **arguments: object) -> Any:
        return await execute(self.app, Request(command, arguments), Caller())


def fake_home(directory: Path, text: str = 'name = "desk"\nlisten = ["localhost:0"]\n') -> Home:
    """A home with this configuration."""
    home = home_at(str(directory / "home"))
    home.make_directories()
    home.config.write_text(text)
    return home


@asynccontextmanager
async def alone(home: Home, fakes: FakeShells) -> AsyncIterator[Asker]:
    """The application as for one request where no daemon runs."""
    app = await trio.to_thread.run_sync(open_app, home, fakes.shells())
    try:
        yield Asker(app)
    finally:
        app.parts.close()


@asynccontextmanager
async def running(home: Home, fakes: FakeShells) -> AsyncIterator[Asker]:
    """The application of a daemon, up."""
    async with alone(home, fakes) as asker, trio.open_nursery() as nursery:
        await nursery.start(_run, asker.app)
        yield asker
        nursery.cancel_scope.cancel()


async def _run(app: App, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
    async def started() -> None:
        task_status.started()

    await app.run(started)
