"""Commands about what happened to files: log, and log --follow."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

import trio

from realizefs.daemon.app import App
from realizefs.daemon.arenas import Slot
from realizefs.daemon.arguments import Arguments
from realizefs.daemon.control import Caller
from realizefs.daemon.locate import Places
from realizefs.daemon.peer_commands import named
from realizefs.model.control import path_text
from realizefs.model.ids import PeerId
from realizefs.model.journal import JOURNAL_TOLD_BYTES_MAX, JOURNAL_TOLD_MAX
from realizefs.sync.telling import Told, Wanted

Answer = Mapping[str, object]
Found = tuple[Slot, Told]

GATHER_SECONDS = 0.2
"""Seconds in which what happens is told together: to a person that is at once."""


async def log(app: App, arguments: Arguments) -> list[Answer]:
    """The latest of what happened, in all arenas or at a path; the oldest first."""
    slots, wanted = await _wanted(app, arguments)
    found: list[Found] = []
    for slot in slots:
        async with app.using(slot) as arena:
            told, _ = await arena.journal(wanted)
        found += [(slot, one) for one in told]
    return _answers(found, wanted.last)


async def follow(app: App, arguments: Arguments, caller: Caller) -> None:
    """Tell the latest of what happened, and then whatever happens, until nobody hears it any more."""
    slots, wanted = await _wanted(app, arguments)
    found: list[Found] = []

    async def tell(events: list[Answer]) -> None:
        await caller.tell({"events": events, "several": len(slots) > 1})

    async with caller.waiting():
        positions: list[tuple[Slot, int]] = []
        for slot in slots:
            told, position = await slot.arena.journal(wanted)
            found += [(slot, one) for one in told]
            positions.append((slot, position))
        await tell(
            _answers(found, wanted.last)
        )  # before any news; what comes meanwhile is behind it
        async with trio.open_nursery() as nursery:
            for slot, position in positions:
                more = replace(wanted, last=JOURNAL_TOLD_MAX, after=position)
                nursery.start_soon(_follow, slot, more, tell)


async def _follow(
    slot: Slot, wanted: Wanted, tell: Callable[[list[Answer]], Awaitable[None]]
) -> None:
    arena = slot.arena
    while True:
        seen = arena.news.count
        told, position = await arena.journal(wanted)
        if told:
            await tell(_answers([(slot, one) for one in told], wanted.last))
        wanted = replace(wanted, after=position)
        await trio.sleep(GATHER_SECONDS)
        await arena.news.after(seen)


def _answers(found: list[Found], last: int) -> list[Answer]:
    """The last ones, by when they happened, as far as they have room in a line."""
    found.sort(
        key=lambda one: one[1].event.when_ns
    )  # stable: of one arena they stay in their order
    answers: list[Answer] = []
    size = 0
    for slot, told in reversed(found[-last:] if last else []):
        size += len(told.event.path) + len(told.event.old)
        if size > JOURNAL_TOLD_BYTES_MAX and answers:
            break
        answers.append(shown(slot.config.name, told))
    return answers[::-1]


async def _wanted(app: App, arguments: Arguments) -> tuple[list[Slot], Wanted]:
    now_ns = app.parts.clock.wall_ns()
    peer = arguments.optional_text("peer")
    wanted = Wanted(
        since_ns=arguments.optional_moment("since", now_ns) or 0,
        until_ns=arguments.optional_moment("until", now_ns, end=True),
        peer=_peer(app, peer) if peer is not None else None,
        last=arguments.count("last"),
    )
    if arguments.optional_text("path") is None:
        # Another arena's missing disk is no reason to say nothing of the others.
        return [one for one in app.arenas if one.opened is not None or not app.online], wanted
    slot, inside = await Places(app.arenas, app.mounts.current).find(arguments.path("path"))
    return [slot], replace(wanted, path=inside)


def _peer(app: App, name: str) -> PeerId:
    """By its name; ours, too."""
    roster = app.parts.roster
    return roster.own().peer if name == roster.name else named(app, name).peer


def shown(arena: str, told: Told) -> Answer:
    """An event as it is answered."""
    event = told.event
    return {
        "arena": arena,
        "when_ns": event.when_ns,
        "peer": told.peer,
        "what": event.what.name.lower(),
        "kind": event.kind.name.lower(),
        "path": path_text(event.path),
        "old": path_text(event.old) if event.old else None,
        "count": event.count,
        "mtime_ns": event.mtime_ns or None,
    }
