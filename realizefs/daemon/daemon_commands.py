"""Commands about the daemon itself: status, mount, umount."""

import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import trio

from realizefs.daemon.app import App
from realizefs.daemon.arenas import Slot
from realizefs.daemon.arguments import Arguments
from realizefs.daemon.config import ArenaConfig
from realizefs.daemon.live_commands import peer_line
from realizefs.daemon.mounts import Mounted, clear_stale_mount
from realizefs.daemon.rate_commands import shown_limits
from realizefs.daemon.setup_commands import add, new_arena_id
from realizefs.model.errors import AlreadyRunning, Misuse, NoDaemon, RealizeError
from realizefs.model.mount_flags import check_flags
from realizefs.sync.background import said

Answer = Mapping[str, object]


async def status(app: App, _arguments: Arguments) -> Answer:
    """How everything is; `up` once every arena was tried and a mount that was asked for is."""
    counters = app.parts.household.counters
    arenas = [await _arena(app, slot, app.mounts.current) for slot in app.arenas]
    return {
        "name": app.config.name,
        "pid": os.getpid(),
        "up": app.ready.is_set(),
        "listen": list(app.listening.bound),
        "problems": [*app.listening.problems, *app.exposing.problems, *_problems(app, arenas)],
        "metrics": app.exposing.bound,
        "now_ns": app.parts.clock.wall_ns(),
        "started_ns": app.started_ns,
        "peers": [peer_line(peer) for peer in app.parts.household.peers()],
        "arenas": arenas,
        "limits": shown_limits(app.config.limits),
        "wire": {"bytes_in": counters.bytes_in, "bytes_out": counters.bytes_out},
    }


async def mount(app: App, arguments: Arguments) -> Answer:
    """Mount in this process; makes the arena where none is configured."""
    if not app.online:
        raise NoDaemon("A mount needs a daemon.")
    return await mount_at(
        app,
        arguments.directory("directory"),
        arguments.optional_text("arena"),
        frozenset(arguments.optional_texts("flags")),
    )


async def mount_at(
    app: App, directory: Path, arena: str | None, flags: frozenset[str] = frozenset()
) -> Answer:
    """Mount an arena, or what there is, at a directory."""
    check_flags(flags)
    mounted = app.mounts.current
    if mounted is not None:
        raise AlreadyRunning(
            f"This daemon has its mount at {mounted.directory}, and can have only one; unmount "
            "that first, or use another --home."
        )
    await trio.to_thread.run_sync(clear_stale_mount, directory)
    made = await _first_arena(app, directory, arena)
    slot = made or _shown_slot(app, directory, arena)
    await app.mount(directory, slot, flags)
    async with trio.open_nursery() as nursery:
        for shown in app.arenas if slot is None else [slot]:
            if shown.opened is not None:
                nursery.start_soon(shown.arena.first_news)
    what = "The household" if slot is None else f'The arena "{slot.config.name}"'
    if made is not None:
        what = f'{directory} is now the root of the new arena "{made.config.name}", which'
    return {
        "sentence": f"{what} is mounted at {directory}.",
        "directory": str(directory),
        "arena": None if slot is None else slot.config.name,
        "created": made is not None,
    }


async def umount(app: App, arguments: Arguments) -> Answer:
    """Unmount; `ends` says that the daemon ends with it."""
    directory = arguments.directory("directory")
    await app.mounts.unmount(directory)
    return {"sentence": f"{directory} is unmounted.", "ends": app.ends_with_mount}


async def _first_arena(app: App, directory: Path, arena: str | None) -> Slot | None:
    """Where nothing is configured, the directory becomes an arena (DESIGN 3.1)."""
    async with app.changing:
        if (await app.read_config()).arenas or arena is not None:
            return None
        config = ArenaConfig(directory.name, new_arena_id(), directory)
        await add(app, [config])
        return app.arenas.named(config.name)


def _shown_slot(app: App, directory: Path, arena: str | None) -> Slot | None:
    """The one arena that a mount shows; None for the household."""
    if arena is not None:
        return app.arenas.named(arena)
    slots = list(app.arenas)
    if len(slots) == 1:
        return slots[0]
    at_root = app.arenas.at_root(directory)
    if at_root is not None:
        return at_root
    inside = [slot.config for slot in slots if directory.is_relative_to(slot.config.root)]
    if inside:
        raise Misuse(f'{directory} is inside the root of the arena "{inside[0].name}".')
    return None


def _problems(app: App, arenas: list[dict[str, Any]]) -> list[str]:
    troubles = [(slot.config.name, slot.trouble) for slot in app.arenas if slot.trouble]
    wrong = [(line["name"], each) for line in arenas for each in line["wrong"]]
    return [f'Arena "{name}": {sentence}' for name, sentence in [*troubles, *wrong]]


async def _arena(app: App, slot: Slot, mounted: Mounted | None) -> dict[str, Any]:
    line: dict[str, Any] = {
        "name": slot.config.name,
        "root": str(slot.config.root),
        "mount": _mount_path(slot, mounted),
        "mark": slot.config.mark.value,
        "files": 0,
        "bytes": 0,
        "real_bytes": 0,
        "cached_bytes": 0,
        "remote_bytes": 0,
        "cache_limit": 0,
        "kept_bytes": 0,
        "pending": 0,
        "jobs": 0,
        "held": 0,
        "problem": slot.trouble or None,
        "notice": None,
        "notices": [],
        "waits": said(wait) if (wait := app.parts.background.wait(slot.config.id)) else None,
        "paused": app.parts.background.is_paused(slot.config.id),
        "wrong": [],
        "failure": None,
        "awaited": [],
    }
    if slot.opened is not None:
        try:
            known = slot.arena.status()
            work = await trio.to_thread.run_sync(slot.arena.work, 0)
        except RealizeError as error:  # one arena's trouble leaves the others' lines readable
            return {**line, "problem": str(error)}
        line |= {key: known[key] for key in _NUMBERS if key in known}
        here = line["real_bytes"] + line["cached_bytes"]
        line |= {"remote_bytes": max(0, line["bytes"] - here), "queues": asdict(work.queues)}
        line |= {"failure": work.failure or None, "awaited": list(work.awaited)}
        line["problem"] = known.get("problem") or line["problem"]
        line["notice"], line["notices"] = known.get("notice"), known.get("notices", [])
        line["wrong"] = known.get("wrong", [])
    return line


_NUMBERS = (
    "files",
    "bytes",
    "real_bytes",
    "cached_bytes",
    "cache_limit",
    "kept_bytes",
    "pending",
    "jobs",
    "held",
)


def _mount_path(slot: Slot, mounted: Mounted | None) -> str | None:
    """Where the arena is seen; None where it isn't."""
    if mounted is None or slot.opened is None:
        return None
    if mounted.arena is None:
        return str(mounted.directory / slot.config.name)
    return str(mounted.directory) if mounted.arena == slot.config.name else None
