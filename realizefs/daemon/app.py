"""The application: everything that one home's daemon is made of, and its life.

The composition root. `App` is made for a daemon (`run`) and for a single request where no daemon
runs (`alone`); the handlers of commands see no difference but `online`.
"""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trio

from realizefs.daemon.addresses import listenable, reachable
from realizefs.daemon.arenas import Arenas, Opener, RunningArena, Slot
from realizefs.daemon.config import ArenaConfig, Config, read_config
from realizefs.daemon.config_edit import add_arena, write_home
from realizefs.daemon.home import Home
from realizefs.daemon.mounts import MountRun, Mounts, clear_stale_mount
from realizefs.daemon.opening import state_directory
from realizefs.daemon.parts import Parts, open_parts
from realizefs.daemon.placing import check_place, make_root
from realizefs.model.errors import Misuse, RealizeError
from realizefs.model.ids import ArenaId

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shells:
    """What the application is made with, so that tests can make it with something else."""

    opener: Callable[[Parts], Opener]
    mounter: Callable[["App"], MountRun]


@dataclass(slots=True, eq=False)
class App:
    """One home. `nursery` is there while it runs as a daemon; `problems` are those of no arena."""

    home: Home
    config: Config
    parts: Parts
    arenas: Arenas
    mounts: Mounts
    nursery: trio.Nursery | None = None
    bound: tuple[str, ...] = ()
    problems: list[str] = field(default_factory=list)
    up: bool = False
    ends_with_mount: bool = False
    changing: trio.Lock = field(default_factory=trio.Lock)
    """held while the configuration is changed"""

    @property
    def online(self) -> bool:
        """Whether this is a daemon."""
        return self.nursery is not None

    def addresses(self) -> tuple[str, ...]:
        """Where other peers reach this one; from the configuration where no daemon runs."""
        return reachable(self.bound if self.online else self.config.listen)

    async def read_config(self) -> Config:
        """The configuration as it is in the file now."""
        self.config = await trio.to_thread.run_sync(read_config, self.home.config)
        return self.config

    async def take_up(self) -> None:
        """Read the configuration again and start what is new in it."""
        for config in (await self.read_config()).arenas:
            known = {slot.config.id for slot in self.arenas}
            slot = self.arenas.add(config)
            if slot.opened is not None:
                await slot.opened.apply(config)
            elif self.nursery is not None and config.id not in known:
                await self.nursery.start(self.arenas.tend, slot)

    async def add_arenas(self, arenas: "list[ArenaConfig]") -> None:
        """Make the roots, write the configuration, start the arenas; `changing` is held."""
        for arena in arenas:
            await trio.to_thread.run_sync(_prepare_root, arena)
            await trio.to_thread.run_sync(add_arena, self.home.config, arena)
        await self.take_up()

    async def check_place(self, root: Path) -> Path:
        """The real path of what may become an arena root; raises Misuse."""
        return await trio.to_thread.run_sync(check_place, root, self.config.arenas)

    @asynccontextmanager
    async def using(self, slot: Slot) -> AsyncIterator[RunningArena]:
        """The arena of a slot; without a daemon it runs, without peers, as long as it is used."""
        if self.online:
            yield slot.arena
            return
        async with trio.open_nursery() as nursery:
            await nursery.start(self.arenas.tend, slot)
            yield slot.arena
            nursery.cancel_scope.cancel()

    async def run(self, started: Callable[["App"], None]) -> None:
        """Listen, carry the arenas, and stay until cancelled or `stop`; the lock is held.

        `started` is called once everything has been tried: the app is then up.
        """
        async with trio.open_nursery() as nursery:
            self.nursery = nursery
            try:
                await self._listen(nursery)
                await self._start_arenas(nursery)
                self.up = True
                started(self)
                await trio.sleep_forever()
            finally:
                self.up = False

    def stop(self) -> None:
        """End `run`."""
        if self.nursery is not None:
            self.nursery.cancel_scope.cancel()

    def mount_ended(self) -> None:
        """The mount went away; a daemon that was started for it ends."""
        if self.ends_with_mount:
            self.stop()

    async def _listen(self, nursery: trio.Nursery) -> None:
        """Where listening fails the rest goes on: other peers can still be dialled."""
        household = self.parts.household
        try:
            bound = await nursery.start(household.run, list(listenable(self.config.listen)))
        except (RealizeError, OSError) as error:
            problem = f"Other peers can't connect until the next start: {error}"
            log.error("%s", problem)
            self.problems.append(problem)
            bound = await nursery.start(household.run, [])
        self.bound = tuple(bound)
        self.parts.roster.addresses = self.addresses()
        if bound:
            log.info("%s listens on %s.", self.config.name, ", ".join(bound))

    async def _start_arenas(self, nursery: trio.Nursery) -> None:
        async with trio.open_nursery() as starting:
            for config in self.config.arenas:
                await trio.to_thread.run_sync(_clear_root, config)
                slot = self.arenas.add(config)
                # The arena's own task is the application's; what is waited for is its first try.
                starting.start_soon(nursery.start, self.arenas.tend, slot)


def open_app(home: Home, shells: Shells) -> App:
    """The application of a home that is locked; makes what is missing. Blocking."""
    home.make_directories()
    config = read_config(home.config)
    if not home.config.exists():
        write_home(home.config, config.name, config.listen)
    parts = open_parts(home, config.name)
    parts.roster.arenas = tuple(sorted(arena.id for arena in config.arenas))
    app = App(home, config, parts, Arenas(shells.opener(parts)), Mounts())
    parts.doorman.name_of = app.arena_name
    app.mounts.connect(shells.mounter(app), app.mount_ended)
    for arena in config.arenas:
        app.arenas.add(arena)
    return app


def _prepare_root(arena: ArenaConfig) -> None:
    """Make the root and the place of its state; that the latter is there later says that the
    root is the right one, not the empty folder below an unmounted disk."""
    make_root(arena.root)
    try:
        state_directory(arena).mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Misuse(f"The arena's state can't be made: {error.strerror}.") from error


def _clear_root(arena: ArenaConfig) -> None:
    """A mount that a dead daemon left over the root hides it."""
    try:
        clear_stale_mount(arena.root)
    except RealizeError as error:
        log.warning("%s", error)
