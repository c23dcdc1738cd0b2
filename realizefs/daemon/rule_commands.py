"""Commands about rules: rule add, list, remove and test."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from realizefs.daemon.app import App
from realizefs.daemon.arenas import Slot
from realizefs.daemon.arguments import Arguments
from realizefs.daemon.first_look import inode_found
from realizefs.daemon.locate import Places, placed
from realizefs.daemon.path_commands import marks_at
from realizefs.daemon.safety_config import parse_duration
from realizefs.daemon.sizes import parse_size
from realizefs.model.control import path_text
from realizefs.model.errors import Misuse
from realizefs.model.marks import Mark
from realizefs.model.paths import show
from realizefs.model.rules import NANOSECONDS, Rule
from realizefs.sync.ruling import Listed

T = TypeVar("T")
Answer = Mapping[str, object]


async def rule_add(app: App, arguments: Arguments) -> Answer:
    """Make a rule for the files of an arena, or of a folder in one."""
    mark = Mark.parse(arguments.text("mark"))
    pattern, below = arguments.path("pattern"), arguments.optional_text("below")
    slot, inside = await _place(app, arguments, below)
    smallest = _bound(arguments, "min_size", parse_size) or 0
    largest = _bound(arguments, "max_size", parse_size)
    newer, older = _age(arguments, "newer"), _age(arguments, "older")
    if largest is not None and largest < smallest:
        raise Misuse("No file is as large as --min-size and as small as --max-size.")
    if newer is not None and older is not None and newer <= older:
        raise Misuse("No file is as new as --newer and as old as --older.")
    async with app.using(slot) as arena:
        ino = await inode_found(app, arena, inside)
        if inside and arena.describe(ino).kind != "directory":
            raise Misuse(f'"{show(inside)}" is no folder; mark the file itself with `mark set`.')
        rule = Rule(0, mark, pattern, ino, smallest, largest, newer, older)
        return _shown(slot, Listed(await arena.ruling.add(rule), inside))


async def rule_list(app: App, arguments: Arguments) -> list[Answer]:
    """The rules of an arena, or of all."""
    name = arguments.optional_text("arena")
    found: list[Answer] = []
    for slot in [app.arenas.named(name)] if name is not None else list(app.arenas):
        async with app.using(slot) as arena:
            found += [_shown(slot, one) for one in arena.ruling.listed()]
    return found


async def rule_remove(app: App, arguments: Arguments) -> Answer:
    """Remove a rule by its number."""
    slot, _ = await _place(app, arguments, None)
    number = arguments.text("number")
    if not (number.isascii() and number.isdecimal()):
        raise Misuse(f'"{number[:40]}" is not the number of a rule; see `rule list`.')
    async with app.using(slot) as arena:
        known = {one.rule.number: one for one in arena.ruling.listed()}
        rule = await arena.ruling.remove(int(number[:18]))
        return _shown(slot, known.get(rule.number, Listed(rule, None)))


async def rule_test(app: App, arguments: Arguments) -> list[Answer]:
    """The mark in force at each path, and the rule that says so."""
    async with placed(app, arguments.paths("paths")) as found:
        return [marks_at(arena, inside) for arena, inside in found]


async def _place(app: App, arguments: Arguments, below: str | None) -> tuple[Slot, bytes]:
    """The arena that is meant, and the folder in it."""
    name = arguments.optional_text("arena")
    if below is not None:
        slot, inside = await Places(app.arenas, app.mounts.current).find(arguments.path("below"))
        if name is not None and slot.config.name != name:
            raise Misuse(f'"{below}" is not in the arena "{name}".')
        return slot, inside
    if name is not None:
        return app.arenas.named(name), b""
    slots = list(app.arenas)
    if len(slots) != 1:
        raise Misuse("This machine has several arenas, or none; say which with --arena.")
    return slots[0], b""


def _bound(arguments: Arguments, name: str, parse: Callable[[str], T]) -> T | None:
    text = arguments.optional_text(name)
    try:
        return parse(text) if text is not None else None
    except ValueError as error:
        raise Misuse(f"{error}.") from error


def _age(arguments: Arguments, name: str) -> int | None:
    seconds = _bound(arguments, name, parse_duration)
    return None if seconds is None else int(seconds * NANOSECONDS)


def _shown(slot: Slot, listed: Listed) -> Answer:
    rule = listed.rule
    return {
        "arena": slot.config.name,
        "number": rule.number,
        "mark": rule.mark.value,
        "pattern": path_text(rule.pattern),
        "below": None if listed.below is None else path_text(listed.below) or "/",
        "min_size": rule.min_size,
        "max_size": rule.max_size,
        "newer_seconds": None if rule.newer_ns is None else rule.newer_ns // NANOSECONDS,
        "older_seconds": None if rule.older_ns is None else rule.older_ns // NANOSECONDS,
        "rule": rule.said(),
    }
