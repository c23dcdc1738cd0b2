"""The command about what a mark would do: mark set and clear with --dry-run."""

from collections.abc import Mapping
from functools import partial

import trio

from realizefs.core.foresee import Outcome
from realizefs.daemon.app import App
from realizefs.daemon.arguments import Arguments
from realizefs.daemon.cache_commands import asked
from realizefs.daemon.control import Caller
from realizefs.model.marks import Mark
from realizefs.sync.foresight import Foresight

Answer = Mapping[str, object]


async def foresee(app: App, arguments: Arguments, caller: Caller) -> list[Answer]:
    """For each arena that the paths are in: what would come and go, and whether it fits."""
    text = arguments.optional_text("mark")
    mark = Mark.parse(text) if text is not None else None
    found: list[Answer] = []
    async with caller.waiting(), asked(app, arguments) as arenas:
        for arena, tops in arenas.items():
            look = partial(arena.foresight, tops, mark, trio.from_thread.check_cancelled)
            found.append(_shown(arena.name, await trio.to_thread.run_sync(look)))
    return found


def _shown(arena: str, seen: Foresight) -> Answer:
    return {
        "arena": arena,
        "fits": seen.fits,
        "disk_free": seen.disk_free,
        "left_free": seen.left_free,
        "cache_free": seen.cache_free,
        "unavailable": {"files": seen.unavailable.files, "bytes": seen.unavailable.size},
        **{
            outcome.value: {"files": seen.of(outcome).files, "bytes": seen.of(outcome).size}
            for outcome in Outcome
        },
    }
