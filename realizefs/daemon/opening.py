"""Opening one arena, and the order in which it closes again."""

import logging
import os
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import trio

from realizefs.daemon.arenas import OpenArena, Opener
from realizefs.daemon.config import ArenaConfig
from realizefs.daemon.parts import Parts
from realizefs.daemon.placing import make_root
from realizefs.model.cache_limits import CacheLimits
from realizefs.model.diagnosis import Features
from realizefs.model.errors import Misuse, RootGone
from realizefs.model.farewell import Farewell
from realizefs.model.findings import Report
from realizefs.model.limits import ARENA_RETRY_SECONDS
from realizefs.model.paths import STATE_DIR
from realizefs.store.arena import open_arena
from realizefs.store.env import Environment
from realizefs.store.features import features
from realizefs.store.interrupted import recover_arena
from realizefs.store.lock import Lock
from realizefs.store.realfile import Root
from realizefs.store.schema import ARENA_SCHEMA
from realizefs.store.statedir import discard
from realizefs.sync.arena import Arena
from realizefs.sync.checking import Checking
from realizefs.sync.farewell import farewell
from realizefs.sync.loss import Loss, accept, assess, only_cached
from realizefs.sync.presence import check_present

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Opened:
    """Everything of one arena that must be closed; see `daemon.arenas.OpenArena`."""

    parts: Parts
    root: Root
    lock: Lock
    env: Environment
    arena: Arena
    place: str
    """where the kernel says that the root is; the path of its open descriptor"""
    problem: str = ""
    _runs: bool = False
    _checking: trio.Lock = field(default_factory=trio.Lock)

    async def apply(self, config: ArenaConfig) -> None:
        await self.arena.limit_cache(cache_limits(config, self.root))
        context = self.arena.context
        copies = context.min_copies
        _apply_safety(self.arena, config)
        if config.mark is not context.default_mark:
            await self.arena.set_default_mark(config.mark)
        elif copies != context.min_copies:
            await self.arena.decide_anew()

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        household = self.parts.household
        try:
            async with trio.open_nursery() as nursery:
                await nursery.start(self.arena.run)
                await household.add_arena(self.arena)
                nursery.start_soon(self._watch_place)
                self._runs = True
                task_status.started()
        finally:
            with trio.CancelScope(shield=True):
                await household.remove_arena(self.arena)

    def only_cached(self) -> list[bytes]:
        return only_cached(self.arena.context.store)

    def farewell(self) -> Farewell:
        me, arena = self.parts.identity.peer, self.arena.context
        return farewell(arena.store, me, self.parts.roster.members(arena.id))

    def features(self) -> Features:
        writable = os.access(f"/proc/self/fd/{self.root.fd}", os.W_OK | os.X_OK)
        return replace(features(self.root.state.fd), writable=writable)

    async def check(self, report: Report, *, repair: bool, deep: bool) -> Report:
        async with self._checking:
            checking = Checking(self.arena, self.parts.allocator)
            if self._runs:
                return await checking.run(report, repair=repair, deep=deep)
            alone = partial(checking.alone, report, repair=repair, deep=deep)
            return await trio.to_thread.run_sync(alone)

    async def _watch_place(self) -> None:
        """A root that is moved, removed or unmounted is let go of, and taken up where it is put back.

        The kernel's name of the descriptor is asked: a stat of the path could be answered by
        our own mount over it.
        """
        while _place(self.root) == self.place:  # noqa: ASYNC110 - the kernel rings no bell
            await trio.sleep(ARENA_RETRY_SECONDS)
        raise RootGone(f'The arena root "{self.root.path}" was moved or removed; put it back.')

    def close(self) -> None:
        """Database, root, lock: who gets the lock finds nothing of ours open."""
        self.env.close()
        self.root.close()
        self.lock.close()


def opener(parts: Parts, me_name: str) -> Opener:
    """Opens arenas of the household in `parts`."""

    def open_one(config: ArenaConfig) -> OpenArena:
        return _open(parts, me_name, config)

    return open_one


def _apply_safety(arena: Arena, config: ArenaConfig) -> None:
    arena.keep_trash(config.safety.trash_seconds)
    arena.context.guard.percent = config.safety.guard_percent
    arena.context.min_copies = config.safety.copies_elsewhere


def cache_limits(config: ArenaConfig, root: Root) -> CacheLimits:
    """The limits of an arena's cache: as configured, else what its disk can spare."""
    disk = root.statvfs()
    return config.cache.limits(disk.f_blocks * disk.f_frsize)


def state_directory(config: ArenaConfig) -> Path:
    """Where the arena's database and cache are."""
    return config.state or config.root / os.fsdecode(STATE_DIR)


def _open(parts: Parts, me_name: str, config: ArenaConfig) -> OpenArena:
    _check_state(config)
    with ExitStack() as undo:
        root = Root(config.root, config.state)
        undo.callback(root.close)
        lock = Lock(root.state.lock)
        undo.callback(lock.close)
        env = Environment(root.state.database, ARENA_SCHEMA, upgrade=parts.upgrade)
        undo.callback(env.close)
        store = open_arena(env, parts.allocator, config.id, root, cache_limits(config, root))
        recover_arena(store)
        check_present(store, config.name)
        arena = Arena(
            config.id,
            config.name,
            store,
            me=parts.identity.peer,
            me_name=me_name,
            default_mark=config.mark,
            clock=parts.clock,
        )
        _apply_safety(arena, config)
        arena.context.background = parts.background
        # Where no daemon runs nobody else says what the peers are called.
        arena.context.links.names |= {card.peer: card.name for card in parts.roster.all()}
        undo.pop_all()
        return _Opened(parts, root, lock, env, arena, _place(root))


def accept_loss(parts: Parts, config: ArenaConfig, really: bool) -> Loss:
    """What is lost with an arena's root; with `really` it is accepted. Blocking.

    Where the database went, too, a new one is made for the same arena: another replica, with the
    inodes of its earlier ranges, which catches up from its peers. Misuse where nothing is lost.
    """
    if not state_directory(config).is_dir():
        if really:
            prepare_root(config)
        return Loss(state_lost=True)
    make_root(config.root)
    with ExitStack() as closing:
        root = Root(config.root, config.state)
        closing.callback(root.close)
        closing.enter_context(Lock(root.state.lock))
        env = Environment(root.state.database, ARENA_SCHEMA, upgrade=parts.upgrade)
        closing.callback(env.close)
        if root.list(b""):
            raise Misuse(f'The arena root "{config.root}" is not empty: it isn\'t lost.')
        store = open_arena(env, parts.allocator, config.id, root, cache_limits(config, root))
        loss = assess(store)
        if really:
            accept(store)
        return loss


def prepare_root(arena: ArenaConfig) -> None:
    """Make the root and the place of its state; that the latter is there later says that the
    root is the right one, not the empty folder below an unmounted disk."""
    make_root(arena.root)
    try:
        state_directory(arena).mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Misuse(f"The arena's state can't be made: {error.strerror}.") from error


def discard_state(config: ArenaConfig) -> None:
    """Remove the database and the cache of an arena that this machine isn't in any more. What a
    person may want back stays: the trash, and lost+found. Blocking."""
    state = state_directory(config)
    if state.is_dir():
        discard(state)


def _place(root: Root) -> str:
    return os.readlink(f"/proc/self/fd/{root.fd}")


def _check_state(config: ArenaConfig) -> None:
    """R8: the empty folder below an unmounted disk must not pass for an arena without files.
    `arena add` and `join` make the state directory, so where there is none the root is not the
    one that was added."""
    state = state_directory(config)
    if not config.root.is_dir():
        raise RootGone(f'The arena root "{config.root}" is gone; is its disk mounted?')
    if not state.is_dir():
        raise RootGone(
            f'"{state}" is gone, so "{config.root}" is not the arena root that it was; '
            "is its disk mounted? If it is lost for good, say "
            f"`realizefs arena accept-loss {config.name}`."
        )
