"""Commands that change the configuration: init, arena add, list, set and remove."""

import secrets
from collections.abc import Mapping
from dataclasses import replace

import trio

from realizefs.daemon.app import App
from realizefs.daemon.arguments import Arguments
from realizefs.daemon.cache_config import CacheConfig
from realizefs.daemon.config import ArenaConfig, default_name
from realizefs.daemon.config_edit import set_arena, write_home
from realizefs.daemon.config_reading import read_config
from realizefs.daemon.home import Home
from realizefs.daemon.safety_config import SafetyConfig, show_duration, show_guard
from realizefs.daemon.sizes import show_amount
from realizefs.model.arena_names import check_arena_name, check_no_prefix
from realizefs.model.cache_limits import Amount
from realizefs.model.errors import Misuse
from realizefs.model.ids import ArenaId
from realizefs.model.limits import ARENAS_MAX
from realizefs.model.marks import Mark
from realizefs.model.paths import show
from realizefs.net.address import parse_address
from realizefs.net.identity import fingerprint, load_or_create_identity

Answer = Mapping[str, object]


def init(home: Home, arguments: Arguments) -> Answer:
    """Make the key and the configuration; blocking. Refused where there is a key already."""
    if home.initialised:
        raise Misuse(
            f"This peer is set up already; its configuration is {home.config}, to be changed there."
        )
    name = arguments.optional_text("name")
    listen = arguments.texts("listen")
    for address in listen:
        parse_address(address)
    home.make_directories()
    config = read_config(home.config)
    name = name or config.name or default_name()
    if not name.isprintable():
        raise Misuse("A peer's name must be printable text, since other machines show it.")
    write_home(home.config, name, listen or config.listen)
    identity = load_or_create_identity(home.identity, name)
    return {
        "name": name,
        "fingerprint": fingerprint(identity.certificate),
        "listen": list(listen or config.listen),
        "config": str(home.config),
    }


async def arena_add(app: App, arguments: Arguments) -> Answer:
    """A new arena out of a directory."""
    async with app.changing:
        arena = ArenaConfig(
            name=arguments.text("name"),
            id=new_arena_id(),
            root=arguments.directory("directory"),
            mark=arguments.optional_mark("mark") or Mark.WATCH,
            cache=_cache(arguments),
            safety=_safety(arguments),
        )
        added = await add(app, [arena])
        return added[0]


async def add(app: App, arenas: list[ArenaConfig]) -> list[Answer]:
    """Add new arenas to the configuration, each in its place; `changing` is held."""
    placed = await check_new(app, arenas)
    await app.add_arenas(placed)
    return [shown(arena) for arena in placed]


async def check_new(app: App, arenas: list[ArenaConfig]) -> list[ArenaConfig]:
    """The arenas with the real paths of their roots; raises Misuse, and nothing was made."""
    config = await app.read_config()
    if len(config.arenas) + len(arenas) > ARENAS_MAX:
        raise Misuse(f"A machine can have {ARENAS_MAX} arenas at most.")
    names = [arena.name for arena in config.arenas]
    placed = []
    for arena in arenas:
        check_no_prefix(check_arena_name(arena.name), names)
        names.append(arena.name)
        root = await app.check_place(arena.root)
        placed.append(replace(arena, root=root))
    return placed


async def arena_list(app: App, _arguments: Arguments) -> list[Answer]:
    """The configured arenas."""
    return [shown(arena) for arena in (await app.read_config()).arenas]


async def arena_set(app: App, arguments: Arguments) -> Answer:
    """Another default mark, cache limit, or rule against losses, for an arena."""
    name = arguments.text("name")
    mark, cache, safety = arguments.optional_mark("mark"), _cache(arguments), _safety(arguments)
    async with app.changing:
        await trio.to_thread.run_sync(set_arena, app.home.config, name, mark, cache, safety)
        await app.take_up()
        return shown(app.arenas.named(name).config)


async def arena_remove(app: App, arguments: Arguments) -> Answer:
    """This machine is in an arena no more. Its files stay; its database and cache go, unless
    something would be lost with them (R1)."""
    async with app.changing:
        slot = app.arenas.named(arguments.text("name"))
        mounted = app.mounts.current
        if mounted is not None and mounted.arena in (None, slot.config.name):
            raise Misuse(
                f'The arena "{slot.config.name}" is mounted at {mounted.directory}; unmount first.'
            )
        if slot.opened is not None:
            alone = await trio.to_thread.run_sync(slot.opened.only_cached)
            if alone:
                raise Misuse(
                    f'"{show(alone[0])}" in "{slot.config.name}" is nowhere but in the cache here; '
                    "keep such files with `realizefs mark set own PATH` first."
                )
        await app.remove_arena(slot)
        return shown(slot.config)


def shown(arena: ArenaConfig) -> Answer:
    """An arena as commands answer it; null in `cache` means the default for its disk."""
    return {
        "name": arena.name,
        "id": arena.id.hex(),
        "root": str(arena.root),
        "mark": arena.mark.value,
        "cache": {"max": _shown_amount(arena.cache.max), "leave": _shown_amount(arena.cache.leave)},
        "trash": show_duration(arena.safety.trash_seconds),
        "guard": show_guard(arena.safety.guard_percent),
        "min_copies": arena.safety.copies_elsewhere,
    }


def _cache(arguments: Arguments) -> CacheConfig:
    return CacheConfig(
        arguments.optional_amount("cache_max"), arguments.optional_amount("cache_leave")
    )


def _safety(arguments: Arguments) -> SafetyConfig:
    return SafetyConfig(
        arguments.optional_duration("trash"),
        arguments.optional_guard("guard"),
        arguments.optional_copies("min_copies"),
    )


def _shown_amount(amount: Amount | None) -> str | None:
    return None if amount is None else show_amount(amount)


def new_arena_id() -> ArenaId:
    """16 random bytes."""
    return ArenaId(secrets.token_bytes(16))
