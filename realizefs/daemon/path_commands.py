"""Commands about paths: mark get, mark set, mark clear, info."""

from collections.abc import Mapping, Sequence

from realizefs.core.plainly import Known, sentence
from realizefs.daemon.app import App
from realizefs.daemon.arenas import RunningArena
from realizefs.daemon.arguments import Arguments
from realizefs.daemon.first_look import described_at, inode_found
from realizefs.daemon.journal_commands import shown
from realizefs.daemon.locate import Places, placed
from realizefs.model.control import path_text
from realizefs.model.marks import Mark
from realizefs.sync.describe import Description
from realizefs.sync.telling import Wanted

Answer = Mapping[str, object]

LATELY_MAX = 3
"""What happened lately to a path, in lines: `log` tells the rest."""

AMONG_MAX = 5000
"""Events among which that is looked for: 50 ms of a thread."""


async def mark_get(app: App, arguments: Arguments) -> Answer:
    """The mark in force at a path and where it comes from."""
    return _marks(await _describe(app, arguments.path("path")))


async def mark_set(app: App, arguments: Arguments) -> list[Answer]:
    """Set a mark on each path."""
    mark = Mark.parse(arguments.text("mark"))
    return await _set(app, arguments.paths("paths"), mark)


async def mark_clear(app: App, arguments: Arguments) -> list[Answer]:
    """Let each path inherit its mark again."""
    return await _set(app, arguments.paths("paths"), None)


async def info(app: App, arguments: Arguments) -> Answer:
    """All that is known of a path."""
    slot, inside = await Places(app.arenas, app.mounts.current).find(arguments.path("path"))
    async with app.using(slot) as running:
        arena, found = running.name, described_at(running, inside)
        lately, _ = await running.journal(Wanted(found.path, last=LATELY_MAX, among=AMONG_MAX))
    return {
        **_marks((arena, found)),
        "sentence": sentence(known(arena, found)),
        "kind": found.kind,
        "status": found.status,
        "hash": found.hash.hex() or None,
        "size": found.size,
        "version": found.version,
        "holders": [{"peer": peer, "state": state} for peer, state in found.holders],
        "decision": found.decision,
        "why": found.why,
        "lately": [shown(arena, one) for one in lately],
    }


def known(arena: str, found: Description) -> Known:
    """What a sentence about a path is made of."""
    source = found.mark_from
    return Known(
        arena=arena,
        path=path_text(found.path),
        kind=found.kind,
        status=found.status,
        size=found.size,
        mark=found.mark,
        mark_from=None if source is None else path_text(source),
        rule=found.rule,
        wanted=found.decision,
        owners=tuple(peer for peer, state in found.holders if state == "own"),
        cachers=tuple(peer for peer, state in found.holders if state != "own"),
        shared=found.shared,
    )


async def _describe(app: App, path: bytes) -> tuple[str, Description]:
    slot, inside = await Places(app.arenas, app.mounts.current).find(path)
    async with app.using(slot) as arena:
        return arena.name, described_at(arena, inside)


async def _set(app: App, paths: Sequence[bytes], mark: Mark | None) -> list[Answer]:
    """Of all of them, or of none where one isn't there."""
    async with placed(app, paths) as found:
        inodes = [await inode_found(app, arena, inside) for arena, inside in found]
        for (arena, _), ino in zip(found, inodes, strict=True):
            await arena.set_mark(ino, mark)
        return [marks_at(arena, inside) for arena, inside in found]


def marks_at(arena: RunningArena, inside: bytes) -> Answer:
    """The mark in force at a path of an arena, and where it comes from."""
    return _marks((arena.name, described_at(arena, inside)))


def _marks(found: tuple[str, Description]) -> Answer:
    arena, description = found
    source = description.mark_from
    return {
        "arena": arena,
        "path": _shown(description.path),
        "mark": description.mark.value,
        "explicit": description.explicit_mark is not None,
        "mark_from": None if source is None else _shown(source),
        "rule": description.rule,
    }


def _shown(path: bytes) -> str:
    """A path in the arena; "/" for its root, which has no name."""
    return path_text(path) or "/"
