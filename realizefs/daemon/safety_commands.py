"""Commands about what peers deleted, replaced or edited at the same time: approve, trash, conflicts."""

from collections.abc import Mapping
from datetime import UTC, datetime

from realizefs.daemon.app import App
from realizefs.daemon.arenas import Slot
from realizefs.daemon.arguments import Arguments
from realizefs.daemon.locate import placed
from realizefs.model.control import path_text
from realizefs.model.errors import Misuse, NotFound
from realizefs.model.paths import show
from realizefs.sync.conflicts import Keep

Answer = Mapping[str, object]


async def approve(app: App, arguments: Arguments) -> Answer:
    """What waits in an arena: told, carried out ("approve"), or taken back ("reject")."""
    slot = app.arenas.named(arguments.text("name"))
    verdict = arguments.optional_text("verdict")
    async with app.using(slot) as arena:
        held = arena.held()
        if verdict is not None and not held.count:
            raise Misuse(f'Nothing waits for approval in "{slot.config.name}".')
        if verdict == "approve":
            count = await arena.approve()
        elif verdict == "reject":
            count = await arena.reject()
        else:
            count = held.count
    return {
        "name": slot.config.name,
        "verdict": verdict,
        "count": count,
        "paths": [path_text(path) for path in held.paths],
    }


async def trash_list(app: App, arguments: Arguments) -> list[Answer]:
    """The newest files in the trash of the arenas named, or of all."""
    found: list[Answer] = []
    for slot in _slots(app, arguments):
        async with app.using(slot) as arena:
            listed, count, size = await arena.trashcan.listed()
        files = [
            {
                "path": path_text(one.path),
                "size": one.size,
                "deleted": datetime.fromtimestamp(one.when_ns / 1e9, UTC).isoformat("T", "seconds"),
            }
            for one in listed
        ]
        found.append({"name": slot.config.name, "files": files, "count": count, "bytes": size})
    return found


async def trash_restore(app: App, arguments: Arguments) -> list[Answer]:
    """Bring back the newest file of each path, and of all below it."""
    async with placed(app, arguments.paths("paths")) as wanted:
        for arena, inside in wanted:  # all of them, or none
            if not await arena.trashcan.has(inside):
                raise NotFound(
                    f'"{show(inside)}" is not in the trash of "{arena.name}" here; a machine that had it as '
                    "a plain file, and didn't delete it itself, may have it in its own."
                )
        return [
            {"arena": arena.name, "path": path_text(each)}
            for arena, inside in wanted
            for each in await arena.trashcan.restore(inside)
        ]


async def trash_empty(app: App, arguments: Arguments) -> list[Answer]:
    """Remove what is in the trash of the arenas named, or of all, and older than that."""
    older = arguments.optional_duration("older") or 0.0
    emptied: list[Answer] = []
    for slot in _slots(app, arguments):
        async with app.using(slot) as arena:
            count, size = await arena.trashcan.empty(older)
        emptied.append({"name": slot.config.name, "count": count, "bytes": size})
    return emptied


async def conflicts(app: App, arguments: Arguments) -> list[Answer]:
    """The conflict copies in the arenas named, or in all."""
    found: list[Answer] = []
    for slot in _slots(app, arguments):
        async with app.using(slot) as arena:
            found += [
                {
                    "arena": slot.config.name,
                    "path": path_text(one.path),
                    "original": path_text(one.original) if one.there else None,
                    "peer": one.peer,
                    "date": one.date,
                    "size": one.size,
                }
                for one in await arena.conflicts.listed()
            ]
    return found


async def conflicts_resolve(app: App, arguments: Arguments) -> list[Answer]:
    """Keep the copies at these paths, the originals, or both."""
    text = arguments.text("keep")
    if text not in {each.value for each in Keep}:
        raise Misuse(f'"{text[:40]}" can\'t be kept; say copy, original or both.')
    async with placed(app, arguments.paths("paths")) as wanted:
        for arena, inside in wanted:  # all of them, or none
            await arena.conflicts.check(inside, Keep(text))
        return [
            {
                "arena": arena.name,
                "path": path_text(await arena.conflicts.resolve(inside, Keep(text))),
            }
            for arena, inside in wanted
        ]


def _slots(app: App, arguments: Arguments) -> list[Slot]:
    names = arguments.optional_texts("names")
    return [app.arenas.named(name) for name in dict.fromkeys(names)] if names else list(app.arenas)
