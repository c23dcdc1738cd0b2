"""Opening one arena, and the order in which it closes again."""

import logging
import os
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import trio

from realizefs.daemon.arenas import OpenArena, Opener
from realizefs.daemon.config import ArenaConfig
from realizefs.daemon.parts import Parts
from realizefs.model.errors import RootGone
from realizefs.model.limits import ARENA_RETRY_SECONDS, CACHE_BYTES_DEFAULT
from realizefs.model.paths import STATE_DIR
from realizefs.store.arena import open_arena
from realizefs.store.env import Environment
from realizefs.store.lock import Lock
from realizefs.store.realfile import Root
from realizefs.store.schema import ARENA_SCHEMA
from realizefs.sync.arena import Arena

log = logging.getLogger(__name__)

DISK_PART_DEFAULT = 10
"""A cache nobody limited takes at most one part in so many of its disk."""


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

    async def apply(self, config: ArenaConfig) -> None:
        self.arena.store.blobs.limit = cache_limit(config, self.root)
        if config.mark is not self.arena.context.default_mark:
            await self.arena.set_default_mark(config.mark)

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        household = self.parts.household
        try:
            async with trio.open_nursery() as nursery:
                await nursery.start(self.arena.run)
                await household.add_arena(self.arena)
                nursery.start_soon(self._watch_place)
                task_status.started()
        finally:
            with trio.CancelScope(shield=True):
                await household.remove_arena(self.arena)
                await trio.to_thread.run_sync(self.close)

    async def _watch_place(self) -> None:
        """A root that is moved or removed goes on through its descriptor, and is complained of.

        The kernel's name of the descriptor is asked: a stat of the path could be answered by
        our own mount over it.
        """
        while True:
            await trio.sleep(ARENA_RETRY_SECONDS)
            now = _place(self.root)
            problem = ""
            if now != self.place:
                problem = f'The arena root "{self.root.path}" was moved or removed; put it back.'
            if problem and not self.problem:
                log.warning("%s", problem)
            self.problem = problem

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


def cache_limit(config: ArenaConfig, root: Root) -> int:
    """Bytes of cache of an arena: as configured, else what its disk can spare."""
    if config.cache_max is not None:
        return config.cache_max
    disk = root.statvfs()
    return min(CACHE_BYTES_DEFAULT, disk.f_blocks * disk.f_frsize // DISK_PART_DEFAULT)


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
        root.state.empty_temp()
        env = Environment(root.state.database, ARENA_SCHEMA)
        undo.callback(env.close)
        store = open_arena(env, parts.allocator, config.id, root, cache_limit(config, root))
        store.blobs.recover()
        arena = Arena(
            config.id,
            config.name,
            store,
            me=parts.identity.peer,
            me_name=me_name,
            default_mark=config.mark,
            clock=parts.clock,
        )
        undo.pop_all()
        return _Opened(parts, root, lock, env, arena, _place(root))


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
            "is its disk mounted?"
        )
