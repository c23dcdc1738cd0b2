"""Commands about fetching what nobody waits for: pause and resume."""

from collections.abc import Mapping

import trio

from realizefs.daemon.app import App
from realizefs.daemon.arguments import Arguments
from realizefs.daemon.config_edit import set_pause
from realizefs.daemon.safety_config import parse_duration
from realizefs.model.background import Pause
from realizefs.model.errors import Misuse
from realizefs.sync.background import said

Answer = Mapping[str, object]


async def pause(app: App, arguments: Arguments) -> list[Answer]:
    """Fetch nothing that nobody waits for, in an arena or in all, for some time or until `resume`."""
    length = arguments.optional_text("for")
    try:
        seconds = parse_duration(length) if length is not None else None
    except ValueError as error:
        raise Misuse(f"{error}.") from error
    if seconds == 0:
        raise Misuse("A pause of no length is none; say --for 2h, or nothing.")
    until = None if seconds is None else app.parts.clock.wall_ns() + int(seconds * 1e9)
    return await _set(app, arguments.optional_text("arena"), Pause(until))


async def resume(app: App, arguments: Arguments) -> list[Answer]:
    """No longer; without an arena in all of them."""
    return await _set(app, arguments.optional_text("arena"), None)


async def _set(app: App, arena: str | None, value: Pause | None) -> list[Answer]:
    async with app.changing:
        if arena is not None:
            app.arenas.named(arena)  # or it is said that there is none
        await trio.to_thread.run_sync(set_pause, app.home.config, arena, value)
        app.parts.background.set((await app.read_config()).background_rules)
    found: list[Answer] = []
    for slot in app.arenas:
        wait = app.parts.background.wait(slot.config.id)
        found.append(
            {
                "arena": slot.config.name,
                "waits": None if wait is None else said(wait),
                "until_ns": None if wait is None else wait.until_ns,
            }
        )
    return found
