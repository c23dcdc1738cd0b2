"""Commands for giving RealizeFS up: what would be lost, and leaving the household.

Three steps, each of which may be the last one that succeeds, and all of which can be done again:
`farewell` tells, `farewell-leave` has the running daemon unmount, tell the others and end, and
`daemon.uninstalling` removes what is only ours.
"""

from collections.abc import Mapping

import trio

from realizefs.daemon.app import App
from realizefs.daemon.arenas import Slot
from realizefs.daemon.arguments import Arguments
from realizefs.daemon.opening import state_directory
from realizefs.model.control import path_text
from realizefs.model.errors import Misuse, NoDaemon, RealizeError
from realizefs.model.farewell import Farewell

Answer = Mapping[str, object]

LEAVE_SECONDS = 2.0
"""Seconds in which those that are connected hear that this machine leaves: a round trip to the other
side of the world takes a fraction of one. The others hear it from these."""

NOBODY: Answer = {"name": None, "mount": None, "online": False, "peers": [], "arenas": []}
"""What `farewell` answers where there is no home."""

PATHS_TOLD_MAX = 20
"""Paths that are told of what would be lost in one arena."""


async def farewell(app: App, _arguments: Arguments) -> Answer:
    """What stays and what would be lost, arena by arena; nothing is changed."""
    mounted = app.mounts.current
    return {
        "name": app.config.name,
        "mount": None if mounted is None else str(mounted.directory),
        "online": app.online,
        "peers": [card.name for card in app.parts.roster.all()],
        "arenas": [await _arena(app, slot) for slot in app.arenas],
    }


async def leave(app: App, arguments: Arguments) -> Answer:
    """Unmount, tell the others that this machine is in no arena any more, and end the daemon."""
    if not app.online:
        raise NoDaemon("There is no daemon to end.")
    if not arguments.flag("lose"):
        await check_nothing_is_lost(app)
    await _unmount(app)
    async with app.changing:
        for slot in list(app.arenas):
            await app.parts.roster.leave(slot.config.id)
    if any(peer.connected for peer in app.parts.household.peers()):
        await trio.sleep(LEAVE_SECONDS)  # nothing acknowledges who is in the household
    app.stop()
    return {"left": [slot.config.name for slot in app.arenas]}


async def _unmount(app: App) -> None:
    """A daemon that ends with its mount doesn't yet: the others are to hear of it first."""
    mounted, ends = app.mounts.current, app.ends_with_mount
    if mounted is None:
        return
    app.ends_with_mount = False
    try:
        await app.mounts.unmount(mounted.directory)
    except BaseException:
        app.ends_with_mount = ends
        raise


async def check_nothing_is_lost(app: App) -> None:
    """Misuse where something would be, or where that can't be known."""
    for slot in app.arenas:
        try:
            found = await assess(app, slot)
        except (RealizeError, OSError) as error:
            raise Misuse(f'It isn\'t known what "{slot.config.name}" has: {error}') from error
        if found.loses:
            raise Misuse(f'Something of "{slot.config.name}" would be lost.')


async def assess(app: App, slot: Slot) -> Farewell:
    """Of one arena; RealizeError or OSError where it can't be opened."""
    async with app.opened(slot) as opened:
        return await trio.to_thread.run_sync(opened.farewell)


async def _arena(app: App, slot: Slot) -> Answer:
    config = slot.config
    line: dict[str, object] = {
        "name": config.name,
        "root": str(config.root),
        "state": str(state_directory(config)),
        "problem": None,
        "files": 0,
        "bytes": 0,
        "alone": 0,
        "only_cached": [],
        "unheard": 0,
    }
    try:
        found = await assess(app, slot)
    except (RealizeError, OSError) as error:
        return {**line, "problem": str(error)}
    return line | {
        "files": found.files,
        "bytes": found.size,
        "alone": found.alone,
        "only_cached": [path_text(path) for path in found.only_cached[:PATHS_TOLD_MAX]],
        "unheard": found.unheard,
    }
