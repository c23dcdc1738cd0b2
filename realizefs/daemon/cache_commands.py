"""Commands about what is cached: fetch and evict, step by step (see `sync.on_demand`)."""

from collections.abc import Mapping

from realizefs.daemon.app import App
from realizefs.daemon.arguments import Arguments
from realizefs.daemon.locate import Places
from realizefs.daemon.path_commands import inode_at
from realizefs.model.control import path_bytes, path_text
from realizefs.sync.on_demand import Step

Answer = Mapping[str, object]

STEP_SECONDS = 1.0
"""Seconds of work for one answer: as often a person sees how far it is."""

FAILURES_TOLD_MAX = 100
"""Of one step by name; the rest is counted."""


async def fetch_wanted(app: App, arguments: Arguments) -> Answer:
    """How much of a path isn't complete here; CacheFull where it can't all be."""
    slot, inside = await Places(app.arenas, app.mounts.current).find(arguments.path("path"))
    async with app.using(slot) as arena:
        files, size = await arena.on_demand.wanted(inode_at(arena, inside))
    return {"arena": arena.name, "files": files, "bytes": size}


async def fetch_step(app: App, arguments: Arguments) -> Answer:
    """Cache some more of a path, beyond `after`."""
    slot, inside = await Places(app.arenas, app.mounts.current).find(arguments.path("path"))
    after = path_bytes(arguments.text("after"))
    async with app.using(slot) as arena:
        step = await arena.on_demand.fetch(inode_at(arena, inside), after, STEP_SECONDS)
    return _answer(step)


async def evict_step(app: App, arguments: Arguments) -> Answer:
    """Take some more of a path out of the cache, beyond `after`."""
    slot, inside = await Places(app.arenas, app.mounts.current).find(arguments.path("path"))
    after = path_bytes(arguments.text("after"))
    async with app.using(slot) as arena:
        step = await arena.on_demand.free(inode_at(arena, inside), after, STEP_SECONDS)
    return _answer(step)


def _answer(step: Step) -> Answer:
    return {
        "done": step.done,
        "after": path_text(step.after),
        "files": step.files,
        "bytes": step.size,
        "partial": step.partial,
        "failed": len(step.failed),
        "failures": [
            {"path": path_text(path), "why": why} for path, why in step.failed[:FAILURES_TOLD_MAX]
        ],
    }
