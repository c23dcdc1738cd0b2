"""Changes of config.toml that keep what people wrote into it, comments too."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.items import AoT, Table

from realizefs.daemon.cache_config import CacheConfig
from realizefs.daemon.config import ArenaConfig
from realizefs.daemon.config_reading import read_config
from realizefs.daemon.safety_config import SafetyConfig, show_duration, show_guard
from realizefs.daemon.sizes import show_amount, show_size
from realizefs.model.background import Pause
from realizefs.model.errors import BadConfig, Misuse, NotFound, StoreFault
from realizefs.model.marks import Mark
from realizefs.model.rates import RateLimit

HEADING = "RealizeFS on this machine; README.md explains every key."


def write_home(path: Path, name: str, listen: tuple[str, ...]) -> None:
    """Set the peer's name and the addresses it listens on."""

    def change(document: tomlkit.TOMLDocument) -> None:
        document["name"] = name
        document["listen"] = list(listen)
        if "arena" not in document:
            document.add(tomlkit.nl())

    _edit(path, change)


def add_arena(path: Path, arena: ArenaConfig) -> None:
    """Append an [[arena]]."""

    def change(document: tomlkit.TOMLDocument) -> None:
        table = tomlkit.table()
        table["name"] = arena.name
        table["id"] = arena.id.hex()
        table["root"] = str(arena.root)
        table["mark"] = arena.mark.value
        _set_cache(table, arena.cache)
        _set_safety(table, arena.safety)
        if arena.state is not None:
            table["state"] = str(arena.state)
        arenas = document.get("arena")
        if not isinstance(arenas, AoT):
            arenas = tomlkit.aot()
            document["arena"] = arenas
        table.add(tomlkit.nl())
        arenas.append(table)

    _edit(path, change)


def set_arena(
    path: Path, name: str, mark: Mark | None, cache: CacheConfig, safety: SafetyConfig
) -> None:
    """Change an [[arena]]; what is None stays as it is."""

    def change(document: tomlkit.TOMLDocument) -> None:
        table = _arena_table(document, name)
        if mark is not None:
            table["mark"] = mark.value
        _set_cache(table, cache)
        _set_safety(table, safety)

    _edit(path, change)


def remove_arena(path: Path, name: str) -> None:
    """Take an [[arena]] out."""

    def change(document: tomlkit.TOMLDocument) -> None:
        arenas = document.get("arena")
        assert isinstance(arenas, AoT), "it has this arena"
        arenas.remove(_arena_table(document, name))
        if not arenas:
            document.remove("arena")

    _edit(path, change)


def set_limit(path: Path, peer: str | None, limit: RateLimit) -> None:
    """Set the rates of a peer, or with None those of all together; what is empty then goes."""

    def change(document: tomlkit.TOMLDocument) -> None:
        ways = {"down": limit.down, "up": limit.up}
        table = (
            _table(document, "limit") if peer is None else _table(document, "limit", "peers", peer)
        )
        for way, rate in ways.items():
            if rate is not None:
                table[way] = show_size(rate)
            elif way in table:
                del table[way]
        _prune(document, "limit", "peers", *([] if peer is None else [peer]))

    _edit(path, change)


def set_pause(path: Path, arena: str | None, pause: Pause | None) -> None:
    """Set the pause of an arena, or with None that of all; none for all is none for any."""

    def change(document: tomlkit.TOMLDocument) -> None:
        if arena is not None:
            tables = [_arena_table(document, arena)]
        else:
            tables = [_table(document, "background")]
            tables += document.get("arena", []) if pause is None else []
        for table in tables:
            if pause is not None:
                table["paused"] = _paused(pause)
            elif "paused" in table:
                del table["paused"]
        _prune(document, "background")

    _edit(path, change)


def _paused(pause: Pause) -> bool | datetime:
    if pause.until_ns is None:
        return True
    # Whole seconds, rounded up: a pause is never shorter than was asked for.
    return datetime.fromtimestamp(-(-pause.until_ns // 10**9), UTC)


def _table(document: tomlkit.TOMLDocument, *names: str) -> Any:
    """The table at the end of these names, made where it is missing."""
    table: Any = document
    for name in names:
        if name not in table:
            table[name] = tomlkit.table(is_super_table=name == "peers")
        table = table[name]
    return table


def _prune(document: tomlkit.TOMLDocument, *names: str) -> None:
    """Remove the tables at the ends of these names that hold nothing."""
    for length in range(len(names), 0, -1):
        parent: Any = document
        for name in names[: length - 1]:
            parent = parent.get(name, {})
        if names[length - 1] in parent and not parent[names[length - 1]]:
            del parent[names[length - 1]]


def _set_cache(table: Table, cache: CacheConfig) -> None:
    """`cache_max`, as it was called before, becomes `cache`; it stays where nothing changes."""
    amounts = {"max": cache.max, "leave": cache.leave}
    said = {key: show_amount(amount) for key, amount in amounts.items() if amount is not None}
    if not said:
        return
    if "cache" not in table:
        table["cache"] = tomlkit.inline_table()
        if "cache_max" in table:
            table["cache"].update({"max": table.pop("cache_max")})
    for key, value in said.items():
        table["cache"][key] = value


def _set_safety(table: Table, safety: SafetyConfig) -> None:
    if safety.trash is not None:
        table["trash"] = show_duration(safety.trash)
    if safety.guard is not None:
        table["guard"] = show_guard(safety.guard)
    if safety.min_copies is not None:
        table["min_copies"] = safety.min_copies


def _arena_table(document: tomlkit.TOMLDocument, name: str) -> Table:
    for table in document.get("arena", []):
        if table.get("name") == name:
            assert isinstance(table, Table)
            return table
    raise NotFound(f'There is no arena called "{name}" here; see `realizefs arena list`.')


def _edit(path: Path, change: Callable[[tomlkit.TOMLDocument], None]) -> None:
    """Change the file all at once: a crash leaves the old one or the new one."""
    read_config(path)  # its sentences are better than those of tomlkit
    try:
        document = tomlkit.parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        document = tomlkit.document()
        document.add(tomlkit.comment(HEADING))
    change(document)
    try:
        text = tomlkit.dumps(document).encode()
    except UnicodeEncodeError as error:
        raise Misuse(
            "A path that isn't UTF-8 text can't stand in the configuration; choose another one."
        ) from error
    path = path.resolve()  # a link to it, from a collection of dot files, stays a link
    temporary = path.with_name(f".{path.name}.new")
    try:
        _write_durably(temporary, text)
        read_config(temporary)
        os.replace(temporary, path)
    except OSError as error:
        raise StoreFault(f'"{path}" can\'t be written: {error.strerror}.') from error
    except BadConfig as error:
        raise BadConfig(str(error).replace(str(temporary), str(path))) from error


def _write_durably(path: Path, text: bytes) -> None:
    with open(path, "wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
