"""Commands about what folders are on this machine: ls, ls-span and du."""

import os
from collections.abc import Mapping
from functools import partial

import trio

from realizefs.daemon.app import App
from realizefs.daemon.arenas import RunningArena
from realizefs.daemon.arguments import Arguments
from realizefs.daemon.cache_commands import asked
from realizefs.daemon.control import Caller
from realizefs.daemon.first_look import inode_found, looked_through
from realizefs.daemon.locate import Places
from realizefs.model.control import path_bytes, path_text
from realizefs.model.errors import Misuse, NotFound
from realizefs.sync.summary import SOUGHT_MAX, SPAN_MAX, Listed, Usage

Answer = Mapping[str, object]


async def ls(app: App, arguments: Arguments) -> Answer:
    """Some entries of a folder, or a file, beyond a name; `more` if there may be others; `note`, a
    sentence where it isn't known yet what there is."""
    slot, inside = await Places(app.arenas, app.mounts.current).find(arguments.path("path"))
    after = path_bytes(arguments.text("after"))
    async with app.using(slot) as arena:
        try:
            ino = await inode_found(app, arena, inside)
        except NotFound:
            if not _stays_here(arena, inside):
                raise
            return _page(arena, await trio.to_thread.run_sync(_never_shared, arena, inside))
        found, note = await trio.to_thread.run_sync(arena.listing, ino, after), None
        if not found and not after:
            note = await looked_through(app, arena)
            found = await trio.to_thread.run_sync(arena.listing, ino, after)
        if found:
            return _page(arena, found, more=arena.describe(ino).kind == "directory")
        # Beyond all that is shared.
        return _page(arena, await trio.to_thread.run_sync(_never_shared, arena, inside), note)


def _stays_here(arena: RunningArena, inside: bytes) -> bool:
    try:
        return not arena.describe_at(inside).shared
    except (FileNotFoundError, NotADirectoryError):
        return False


def _never_shared(arena: RunningArena, inside: bytes) -> list[Listed]:
    try:
        return arena.never_shared(inside)
    except (FileNotFoundError, NotADirectoryError):
        return []  # nothing of that folder is a plain file here


def _page(
    arena: RunningArena, found: list[Listed], note: str | None = None, *, more: bool = False
) -> Answer:
    entries = [_line(one) for one in found]
    return {
        "arena": arena.name,
        "more": more,
        "note": None if entries else note,
        "entries": entries,
    }


async def ls_span(app: App, arguments: Arguments) -> Answer:
    """Entries of a folder from a position on, of `total`; where the names sought are now, null for those
    that are not there: for who shows a part of a folder that changes."""
    slot, inside = await Places(app.arenas, app.mounts.current).find(arguments.path("path"))
    start, count = arguments.count("start"), min(arguments.count("count"), SPAN_MAX)
    sought = arguments.paths("sought")
    if len(sought) > SOUGHT_MAX:
        raise Misuse(f"Ask for the positions of at most {SOUGHT_MAX} names at once.")
    async with app.using(slot) as arena:
        ino = await inode_found(app, arena, inside)
        if arena.describe(ino).kind != "directory":
            raise Misuse(f"{os.fsdecode(arguments.path('path'))} is no folder.")
        look = partial(arena.span, ino, start, count, frozenset(sought))
        found, note = await trio.to_thread.run_sync(look), None
        if not found.total:
            note = await looked_through(app, arena)
            found = await trio.to_thread.run_sync(look)
    return {
        "total": found.total,
        "start": start,
        "note": None if found.total else note,
        "entries": [_line(one) for one in found.entries],
        "positions": {path_text(name): found.positions.get(name) for name in sought},
    }


def _line(one: Listed) -> Answer:
    return {
        "name": path_text(one.name),
        "kind": one.kind,
        "size": one.size,
        "status": one.status,
        "mark": one.mark,
    }


async def du(app: App, arguments: Arguments, caller: Caller) -> Answer:
    """How many files at and below some paths are in which state, and their bytes. Tells a sentence of
    each arena of which it isn't known yet what there is."""
    states: dict[str, Usage] = {}
    async with caller.waiting(), asked(app, arguments) as arenas:
        for arena, tops in arenas.items():
            note = await looked_through(app, arena)
            if note is not None:
                await caller.tell({"note": note})
            look = partial(arena.usage, tops, trio.from_thread.check_cancelled)
            for state, more in (await trio.to_thread.run_sync(look)).items():
                at = states.setdefault(state, Usage())
                at.files, at.size = at.files + more.files, at.size + more.size
                at.here += more.here
    return {
        state: {"files": one.files, "bytes": one.size, "here": one.here}
        for state, one in sorted(states.items())
    }
