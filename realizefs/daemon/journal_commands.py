"""Commands about what happened to files: log."""

from collections.abc import Mapping
from dataclasses import replace

from realizefs.daemon.app import App
from realizefs.daemon.arenas import Slot
from realizefs.daemon.arguments import Arguments
from realizefs.daemon.locate import Places
from realizefs.daemon.peer_commands import named
from realizefs.model.control import path_text
from realizefs.model.ids import PeerId
from realizefs.sync.telling import Told, Wanted

Answer = Mapping[str, object]


async def log(app: App, arguments: Arguments) -> list[Answer]:
    """The latest of what happened, in all arenas or at a path; the oldest first."""
    slots, wanted = await _wanted(app, arguments)
    found: list[tuple[int, Answer]] = []
    for slot in slots:
        async with app.using(slot) as arena:
            told, _ = await arena.journal(wanted)
        found += [(one.event.when_ns, shown(slot, one)) for one in told]
    found.sort(key=lambda one: one[0])  # stable: of one arena they stay in their order
    return [answer for _, answer in found][-wanted.last :] if wanted.last else []


async def _wanted(app: App, arguments: Arguments) -> tuple[list[Slot], Wanted]:
    since = arguments.optional_duration("since")
    peer = arguments.optional_text("peer")
    wanted = Wanted(
        since_ns=app.parts.clock.wall_ns() - int(since * 1e9) if since is not None else 0,
        peer=_peer(app, peer) if peer is not None else None,
        last=arguments.count("last"),
    )
    if arguments.optional_text("path") is None:
        return list(app.arenas), wanted
    slot, inside = await Places(app.arenas, app.mounts.current).find(arguments.path("path"))
    return [slot], replace(wanted, path=inside)


def _peer(app: App, name: str) -> PeerId:
    """By its name; ours, too."""
    roster = app.parts.roster
    return roster.own().peer if name == roster.name else named(app, name).peer


def shown(slot: Slot, told: Told) -> Answer:
    """An event as it is answered."""
    event = told.event
    return {
        "arena": slot.config.name,
        "when_ns": event.when_ns,
        "peer": told.peer,
        "what": event.what.name.lower(),
        "kind": event.kind.name.lower(),
        "path": path_text(event.path),
        "old": path_text(event.old) if event.old else None,
        "count": event.count,
        "mtime_ns": event.mtime_ns or None,
    }
