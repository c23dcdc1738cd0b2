"""The application: everything that one home's daemon is made of, and its life.

The composition root. `App` is made for a daemon (`run`) and for a single request where no daemon
runs (`alone`); the handlers of commands see no difference but `online`.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trio

from realizefs.core.counting import MountCounts
from realizefs.daemon.addresses import reachable
from realizefs.daemon.arenas import Arenas, OpenArena, Opener, RunningArena, Slot, once
from realizefs.daemon.config import ArenaConfig, Config
from realizefs.daemon.config_edit import add_arena, remove_arena, write_home
from realizefs.daemon.config_reading import read_config
from realizefs.daemon.exposing import Exposing
from realizefs.daemon.home import Home
from realizefs.daemon.lan import Lan
from realizefs.daemon.listening import Listening
from realizefs.daemon.mounts import Mounted, MountRun, Mounts, clear_stale_mount
from realizefs.daemon.opening import accept_loss, discard_state, prepare_root
from realizefs.daemon.parts import Parts, open_parts
from realizefs.daemon.placing import check_place
from realizefs.model.errors import RealizeError
from realizefs.model.ids import ArenaId
from realizefs.net.interfaces import whenever_addresses_change
from realizefs.net.metered import follow_metered
from realizefs.sync.bell import Bell
from realizefs.sync.loss import Loss
from realizefs.sync.suspension import whenever_resumed

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shells:
    """The layers below that need a kernel, so that tests can put fakes in their place.

    `opener` opens arenas; `mounter` mounts the household of `App`, or one of its arenas, at a
    directory; `acceptor` accepts, or with False only tells, what is lost with an arena's root;
    `discarder` removes an arena's database and cache.
    """

    opener: Callable[[Parts, str], Opener]
    mounter: "Callable[[App, Path, RunningArena | None, frozenset[str]], MountRun]"
    acceptor: Callable[[Parts, ArenaConfig, bool], Loss] = accept_loss
    discarder: Callable[[ArenaConfig], None] = discard_state


class App:
    """One home."""

    def __init__(
        self, home: Home, config: Config, parts: Parts, arenas: Arenas, shells: Shells
    ) -> None:
        self.home = home
        self.config = config
        self.parts = parts
        self.arenas = arenas
        self.mounts = Mounts(self._mount_ended)
        self.mount_counts = MountCounts()
        self.exposing = Exposing()
        self.started_ns = parts.clock.wall_ns()
        neighbours = parts.household.dialler.neighbours
        self.lan = Lan(config.lan, parts.identity.certificate, neighbours, self.addresses)
        self._moved = Bell()
        self.listening = Listening(parts.household, self._moved.ring)
        self.ready = trio.Event()
        """set once everything that is to be started was tried"""
        self.ends_with_mount = False
        self.changing = trio.Lock()
        """held while the configuration is changed"""
        self._shells = shells
        self._opener = shells.opener(parts, config.name)
        self._nursery: trio.Nursery | None = None

    @property
    def online(self) -> bool:
        """Whether this is a daemon."""
        return self._nursery is not None

    def addresses(self) -> tuple[str, ...]:
        """Where other peers reach this one; from the configuration where no daemon runs."""
        return reachable(self.listening.bound if self.online else self.config.listen)

    async def read_config(self) -> Config:
        """The configuration as it is in the file now."""
        self.config = await trio.to_thread.run_sync(read_config, self.home.config)
        return self.config

    async def take_up(self) -> None:
        """Read the configuration again and start what is new in it."""
        config_now = await self.read_config()
        self.parts.roster.arenas = arena_ids(config_now)
        self.parts.background.set(config_now.background_rules)
        for config in config_now.arenas:
            known = {slot.config.id for slot in self.arenas}
            slot = self.arenas.add(config)
            if slot.opened is not None:
                await slot.opened.apply(config)
            elif self._nursery is not None and config.id not in known:
                await self._nursery.start(self.arenas.tend, slot, self._opener)

    async def add_arenas(self, arenas: Sequence[ArenaConfig]) -> None:
        """Make the roots, write the configuration, start the arenas; `changing` is held."""
        for arena in arenas:
            await trio.to_thread.run_sync(prepare_root, arena)
            await trio.to_thread.run_sync(add_arena, self.home.config, arena)
        await self.take_up()

    async def remove_arena(self, slot: Slot) -> None:
        """No longer be in an arena; its files stay, its database and cache go. `changing` is held.

        The others are told first: after a crash in between it is still configured, shared with
        nobody, and can be removed again.
        """
        config, was_open = slot.config, slot.opened is not None
        await self.parts.roster.leave(config.id)
        await trio.to_thread.run_sync(remove_arena, self.home.config, config.name)
        await self.arenas.remove(slot)
        if was_open:  # else it may be that the disk isn't there, and this isn't its state
            await trio.to_thread.run_sync(self._shells.discarder, config)
        await self.read_config()

    async def check_place(self, root: Path) -> Path:
        """The real path of what may become an arena root; raises Misuse."""
        return await trio.to_thread.run_sync(check_place, root, self.config.arenas)

    @asynccontextmanager
    async def opened(self, slot: Slot) -> AsyncIterator[OpenArena]:
        """The arena of a slot as it is; one that isn't open is opened meanwhile, and doesn't run.

        Raises RealizeError or OSError where it can't be opened.
        """
        if slot.opened is not None:
            yield slot.opened
            return
        async with slot.opening:
            opened = await trio.to_thread.run_sync(self._opener, slot.config)
            try:
                yield opened
            finally:
                with trio.CancelScope(shield=True):
                    await trio.to_thread.run_sync(opened.close)

    async def loss(self, slot: Slot, *, really: bool) -> Loss:
        """What is lost with the root of an arena that is out of service; accepted with `really`,
        and then the arena is tried again at once."""
        async with slot.opening:
            accept = self._shells.acceptor
            loss = await trio.to_thread.run_sync(accept, self.parts, slot.config, really)
        if really:
            slot.retry.set()
        return loss

    @asynccontextmanager
    async def using(self, slot: Slot) -> AsyncIterator[RunningArena]:
        """The arena of a slot; without a daemon it runs, without peers, as long as it is used."""
        if self.online:
            yield slot.arena
            return
        async with trio.open_nursery() as nursery:
            await nursery.start(self.arenas.tend, slot, self._opener)
            yield slot.arena
            nursery.cancel_scope.cancel()

    async def run(self, started: Callable[[], Awaitable[None]]) -> None:
        """Listen, carry the arenas, and stay until cancelled or `stop`; the lock is held.

        `started` is called once everything has been tried; the app is ready when it is done.
        """
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            nursery.start_soon(whenever_resumed, self.parts.household.resumed)
            nursery.start_soon(follow_metered, self.parts.background.be_metered)
            await self._start_arenas(nursery)  # before any peer is told what there is
            await self._listen(nursery)
            await started()
            self.ready.set()
            await trio.sleep_forever()

    def stop(self) -> None:
        """End `run`."""
        if self._nursery is not None:
            self._nursery.cancel_scope.cancel()

    async def mount(self, directory: Path, slot: Slot | None, flags: frozenset[str]) -> None:
        """Mount the arena of `slot`, or the household; see Mounts.mount and model.mount_flags."""
        assert self._nursery is not None, "only a daemon is asked to mount"
        arena = None if slot is None else slot.arena
        mounted = Mounted(directory, None if slot is None else slot.config.name)
        run = self._shells.mounter(self, directory, arena, flags)
        await self.mounts.mount(self._nursery, mounted, run)

    def _mount_ended(self) -> None:
        """A daemon that was started for its mount ends with it."""
        if self.ends_with_mount:
            self.stop()

    async def _listen(self, nursery: trio.Nursery) -> None:
        """Where listening fails the rest goes on: other peers can still be dialled."""
        await nursery.start(self.parts.household.run, [])
        await nursery.start(self.listening.run, self.config.listen)
        await nursery.start(self._follow_addresses)
        nursery.start_soon(whenever_addresses_change, self._moved.ring)
        nursery.start_soon(self.lan.run)

    async def _follow_addresses(
        self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Others are to hear where this machine is reached now, each time that it is elsewhere."""
        report = once(task_status)
        while True:
            seen, addresses = self._moved.count, self.addresses()
            before = self.parts.roster.addresses
            await self.parts.roster.reached(addresses)
            report()
            if addresses != before:
                self.lan.moved()
            if not set(before) <= set(addresses):
                self.parts.household.resumed()  # what went over an address that is gone is dead
            elif addresses != before:  # who was out of reach may not be any more
                self.parts.household.dialler.hurry()
            await self._moved.after(seen)

    async def _start_arenas(self, nursery: trio.Nursery) -> None:
        async with trio.open_nursery() as starting:
            for config in self.config.arenas:
                await trio.to_thread.run_sync(_clear_root, config)
                slot = self.arenas.add(config)
                # The arena's own task is the application's; what is waited for is its first try.
                starting.start_soon(nursery.start, self.arenas.tend, slot, self._opener)


def open_app(home: Home, shells: Shells) -> App:
    """The application of a home that is locked; makes what is missing. Blocking."""
    home.make_directories()
    config = read_config(home.config)
    if not home.config.exists():
        write_home(home.config, config.name, config.listen)
    arenas = Arenas()
    for arena in config.arenas:
        arenas.add(arena)
    parts = open_parts(home, config.name, arenas.name_of, config.upgrade)
    parts.roster.arenas = arena_ids(config)
    parts.household.bandwidth.set(config.limits)
    parts.background.set(config.background_rules)
    return App(home, config, parts, arenas, shells)


def arena_ids(config: Config) -> tuple[ArenaId, ...]:
    """What other peers hear that this one is in, whether or not its disk is there just now."""
    return tuple(sorted(arena.id for arena in config.arenas))


def _clear_root(arena: ArenaConfig) -> None:
    """A mount that a dead daemon left over the root hides it."""
    try:
        clear_stale_mount(arena.root)
    except RealizeError as error:
        log.warning("%s", error)
