"""Commands about what is here: fetch, evict and move. They tell how far they are, and end when nobody
waits for them any more."""

import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

from realizefs.daemon.app import App
from realizefs.daemon.arenas import RunningArena
from realizefs.daemon.arguments import Arguments
from realizefs.daemon.config import ArenaConfig
from realizefs.daemon.control import Caller, telling
from realizefs.daemon.first_look import inode_found
from realizefs.daemon.locate import placed
from realizefs.daemon.peer_commands import named
from realizefs.model.control import path_text
from realizefs.model.errors import Misuse
from realizefs.sync.below import Top
from realizefs.sync.on_demand import Progress

Answer = Mapping[str, object]
Asked = Mapping[RunningArena, list[Top]]


async def fetch(app: App, arguments: Arguments, caller: Caller) -> Answer:
    """Cache all at and below some paths; CacheFull where it can't all be."""
    progress = Progress()
    async with caller.waiting(), asked(app, arguments) as arenas:
        for arena, tops in arenas.items():
            await arena.on_demand.count_lacking(tops, progress)
        async with telling(caller, partial(_told, progress, arenas)):
            for arena, tops in arenas.items():
                await arena.on_demand.fetch(tops, progress)
    return _told(progress, ())


async def evict(app: App, arguments: Arguments, caller: Caller) -> Answer:
    """Take all at and below some paths out of the cache, where it may go."""
    progress = Progress()
    async with (
        caller.waiting(),
        asked(app, arguments) as arenas,
        telling(caller, partial(_told, progress, arenas)),
    ):
        for arena, tops in arenas.items():
            await arena.on_demand.free(tops, progress)
    return _told(progress, ())


async def move(app: App, arguments: Arguments, caller: Caller) -> Answer:
    """Hand all at and below some paths over to a peer; Unreachable or Busy where that doesn't come to
    an end."""
    progress, to = Progress(), named(app, arguments.text("to"))

    def check(arena: ArenaConfig) -> None:
        if not to.access(arena.id):
            raise Misuse(
                f'{to.name} is not in the arena "{arena.name}"; see `realizefs peer list`.'
            )

    async with (
        caller.waiting(),
        asked(app, arguments, check) as arenas,
        telling(caller, partial(_told, progress, arenas)),
    ):
        for arena, tops in arenas.items():
            await arena.handover.give(tops, to.peer, progress)
    return _told(progress, ())


@asynccontextmanager
async def asked(
    app: App, arguments: Arguments, check: Callable[[ArenaConfig], None] = lambda _: None
) -> AsyncIterator[Asked]:
    """What `paths` names, by arena; a path below another one is part of that. `check` refuses arenas."""
    outermost = _outermost(arguments.paths("paths"))
    found: dict[RunningArena, list[Top]] = {}
    async with placed(app, outermost, check) as places:
        for path, (arena, inside) in zip(outermost, places, strict=True):
            top = Top(path, await inode_found(app, arena, inside))
            found.setdefault(arena, []).append(top)
        yield found


def _outermost(paths: Iterable[bytes]) -> list[bytes]:
    """Without those that are below another one."""
    chosen = dict.fromkeys(paths)
    return [path for path in chosen if not any(above in chosen for above in _above(path))]


def _above(path: bytes) -> Iterator[bytes]:
    while (parent := os.path.dirname(path)) != path:
        yield parent
        path = parent


def _told(progress: Progress, asked: Iterable[RunningArena]) -> Answer:
    here = sum(progress.begun.values()) + sum(each.on_demand.arrived(progress) for each in asked)
    return {
        "files": progress.files,
        "bytes": progress.size + here,
        "total_files": progress.all_files,
        "total_bytes": progress.all_size,
        "failed": progress.failed,
        "failures": [
            {"path": path_text(path), "why": why} for path, why in progress.take_failures()
        ],
    }
