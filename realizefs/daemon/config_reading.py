"""Reading the configuration file, and the one sentence when it is wrong.

What isn't understood is refused, a misspelt key too: silence would be taken for consent.
"""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from realizefs.daemon.background_config import parse_all_hours, parse_metered, parse_pause
from realizefs.daemon.cache_config import CacheConfig
from realizefs.daemon.config import (
    DEFAULT_LISTEN,
    ArenaConfig,
    Config,
    LanConfig,
    MountConfig,
    default_name,
)
from realizefs.daemon.config_lines import key_on_line, line_of
from realizefs.daemon.exposing import parse_metrics_address
from realizefs.daemon.rate_config import checked_rate, parse_rate
from realizefs.daemon.safety_config import SafetyConfig, parse_copies, parse_duration, parse_guard
from realizefs.daemon.sizes import parse_amount
from realizefs.fs.callers import NO_FETCH_DEFAULT
from realizefs.model.arena_names import check_arena_name, check_no_prefix
from realizefs.model.background import BackgroundRules, Pause
from realizefs.model.cache_limits import Amount
from realizefs.model.errors import BadConfig, Misuse, StoreFault
from realizefs.model.ids import ArenaId
from realizefs.model.marks import Mark
from realizefs.model.rates import RateLimit, RateLimits
from realizefs.model.upgrade import Upgrade

_TOP_KEYS = {"name", "listen", "arena", "mount", "limit", "background", "lan", "upgrade", "metrics"}
_SAFETY_KEYS = {"trash", "guard", "min_copies"}
_ARENA_KEYS = {"name", "id", "root", "mark", "cache", "cache_max", "state", "paused"} | _SAFETY_KEYS

T = TypeVar("T")
Keys = tuple[str | int, ...]
"""The way to a value: names of tables and keys, numbers of array elements."""


def read_config(path: Path) -> Config:
    """The configuration in `path`, defaults where it is missing; BadConfig or StoreFault."""
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        return Config(name=default_name())
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise BadConfig(f"{path}, line {line}: this is not UTF-8 text.") from error
    except OSError as error:
        raise StoreFault(f'"{path}" can\'t be read: {error.strerror}.') from error
    return _Reader(path, text).config()


class _Reader:
    """Turns the text of one file into values, or into the sentence with file, line and key."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._text = text

    def config(self) -> Config:
        try:
            top = tomllib.loads(self._text)
        except tomllib.TOMLDecodeError as error:
            raise self._not_toml(error) from error
        self._only((), top, _TOP_KEYS)
        arenas = tuple(self._arenas(top))
        return Config(
            name=self._text_of((), top, "name") or default_name(),
            listen=self._texts((), top, "listen", DEFAULT_LISTEN),
            arenas=arenas,
            mount=self._mount(top),
            limits=self._limits(top),
            background=self._background(top),
            lan=self._lan(top),
            upgrade=self._upgrade(top),
            metrics=self._metrics(top),
        )

    def _arenas(self, top: Mapping[str, object]) -> Iterator[ArenaConfig]:
        tables = top.get("arena", [])
        if not isinstance(tables, list):
            raise self._wrong(("arena",), "begins with [[arena]], in double brackets")
        names: list[str] = []
        ids: set[ArenaId] = set()
        for number, table in enumerate(tables):
            keys: Keys = ("arena", number)
            if not isinstance(table, dict):
                raise self._wrong(keys, "begins with [[arena]], in double brackets")
            arena = self._arena(keys, table)
            try:
                check_no_prefix(check_arena_name(arena.name), names)
            except Misuse as error:
                raise self._wrong((*keys, "name"), f"is refused: {error}") from error
            if arena.id in ids:
                raise self._wrong((*keys, "id"), "is that of another arena above")
            names.append(arena.name)
            ids.add(arena.id)
            yield arena

    def _arena(self, keys: Keys, table: Mapping[str, object]) -> ArenaConfig:
        self._only(keys, table, _ARENA_KEYS)
        state = self._path_of(keys, table, "state")
        mark = self._text_of(keys, table, "mark")
        if mark is not None and mark not in {each.value for each in Mark}:
            raise self._wrong((*keys, "mark"), "must be own, keep or watch")
        return ArenaConfig(
            name=self._needed(keys, "name", self._text_of(keys, table, "name")),
            id=self._arena_id(keys, table),
            root=self._needed(keys, "root", self._path_of(keys, table, "root")),
            mark=Mark(mark) if mark else Mark.WATCH,
            cache=self._cache(keys, table),
            state=state,
            safety=SafetyConfig(
                self._parsed(keys, table, "trash", parse_duration),
                self._parsed(keys, table, "guard", parse_guard),
                self._copies(keys, table),
            ),
            paused=self._pause(keys, table),
        )

    def _copies(self, keys: Keys, table: Mapping[str, object]) -> int | None:
        value = table.get("min_copies")
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            raise self._wrong((*keys, "min_copies"), "must be a number, such as 2")
        try:
            return parse_copies(str(value))
        except ValueError as error:
            raise self._wrong((*keys, "min_copies"), f"is refused: {error}") from error

    def _mount(self, top: Mapping[str, object]) -> MountConfig:
        table = top.get("mount", {})
        if not isinstance(table, dict):
            raise self._wrong(("mount",), "must be a table, [mount]")
        self._only(("mount",), table, {"no_fetch", "allow_other"})
        return MountConfig(
            no_fetch=self._texts(("mount",), table, "no_fetch", NO_FETCH_DEFAULT),
            allow_other=self._flag(("mount",), table, "allow_other", False),
        )

    def _upgrade(self, top: Mapping[str, object]) -> Upgrade:
        text = self._text_of((), top, "upgrade")
        if text is not None and text not in {each.value for each in Upgrade}:
            raise self._wrong(("upgrade",), "must be copy, migrate or refuse")
        return Upgrade(text) if text else Upgrade.COPY

    def _lan(self, top: Mapping[str, object]) -> LanConfig:
        table = top.get("lan", {})
        if not isinstance(table, dict):
            raise self._wrong(("lan",), "must be a table, [lan]")
        self._only(("lan",), table, {"announce", "discover"})
        return LanConfig(
            announce=self._flag(("lan",), table, "announce", True),
            discover=self._flag(("lan",), table, "discover", True),
        )

    def _metrics(self, top: Mapping[str, object]) -> str | None:
        table, within = top.get("metrics", {}), ("metrics",)
        if not isinstance(table, dict):
            raise self._wrong(within, "must be a table, [metrics]")
        self._only(within, table, {"listen"})
        listen = self._text_of(within, table, "listen")
        if listen is not None:
            self._read(within, "listen", lambda _: parse_metrics_address(listen), listen)
        return listen

    def _flag(self, keys: Keys, table: Mapping[str, object], key: str, default: bool) -> bool:
        value = table.get(key, default)
        if not isinstance(value, bool):
            raise self._wrong((*keys, key), "must be true or false")
        return value

    def _background(self, top: Mapping[str, object]) -> BackgroundRules:
        table, within = top.get("background", {}), ("background",)
        if not isinstance(table, dict):
            raise self._wrong(within, "must be a table, [background]")
        self._only(within, table, {"hours", "metered", "paused"})
        return BackgroundRules(
            self._read(within, "hours", parse_all_hours, table.get("hours", [])),
            self._read(within, "metered", parse_metered, table.get("metered", "wait")),
            self._pause(within, table),
        )

    def _pause(self, keys: Keys, table: Mapping[str, object]) -> Pause | None:
        return self._read(keys, "paused", parse_pause, table.get("paused", False))

    def _read(self, keys: Keys, key: str, parse: Callable[[object], T], value: object) -> T:
        try:
            return parse(value)
        except ValueError as error:
            raise self._wrong((*keys, key), f"is refused: {error}") from error

    def _limits(self, top: Mapping[str, object]) -> RateLimits:
        """[limit], and in it [limit.peers.NAME]."""
        table = top.get("limit", {})
        if not isinstance(table, dict):
            raise self._wrong(("limit",), "must be a table, [limit]")
        self._only(("limit",), table, {"down", "up", "peers"})
        peers = table.get("peers", {})
        if not isinstance(peers, dict) or not all(isinstance(one, dict) for one in peers.values()):
            raise self._wrong(("limit", "peers"), "must hold a table for each peer")
        for name, one in peers.items():
            self._only(("limit", "peers", name), one, {"down", "up"})
        return RateLimits(
            self._limit(("limit",), table),
            {name: self._limit(("limit", "peers", name), one) for name, one in peers.items()},
        )

    def _limit(self, keys: Keys, table: Mapping[str, object]) -> RateLimit:
        return RateLimit(self._rate(keys, table, "down"), self._rate(keys, table, "up"))

    def _rate(self, keys: Keys, table: Mapping[str, object], key: str) -> int | None:
        value = table.get(key)
        if value is None:
            return None
        try:
            if isinstance(value, int) and not isinstance(value, bool):
                return checked_rate(value)
            if isinstance(value, str):
                return parse_rate(value)
        except ValueError as error:
            raise self._wrong((*keys, key), f"is refused: {error}") from error
        raise self._wrong((*keys, key), 'must be bytes a second, such as "2MB"')

    def _arena_id(self, keys: Keys, table: Mapping[str, object]) -> ArenaId:
        text = self._needed(keys, "id", self._text_of(keys, table, "id"))
        if not re.fullmatch(r"[0-9a-f]{32}", text):
            raise self._wrong((*keys, "id"), "must be the 32 hexadecimal digits of an arena's id")
        return ArenaId(bytes.fromhex(text))

    def _cache(self, keys: Keys, table: Mapping[str, object]) -> CacheConfig:
        """`cache`, or the `cache_max` of before."""
        cache = table.get("cache", {})
        within = (*keys, "cache")
        if not isinstance(cache, dict):
            raise self._wrong(within, 'must be a table such as { max = "10GiB", leave = "5%" }')
        self._only(within, cache, {"max", "leave"})
        if "cache_max" not in table:
            return CacheConfig(
                self._amount(within, cache, "max"), self._amount(within, cache, "leave")
            )
        if "cache" in table:
            raise self._wrong((*keys, "cache_max"), 'is what "cache" says now; remove this line')
        return CacheConfig(self._amount(keys, table, "cache_max"))

    def _amount(self, keys: Keys, table: Mapping[str, object], key: str) -> Amount | None:
        value = table.get(key)
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return Amount(value)
        try:
            if isinstance(value, str):
                return parse_amount(value)
        except ValueError as error:
            raise self._wrong((*keys, key), f"is refused: {error}") from error
        raise self._wrong((*keys, key), 'must be a size such as "10GiB", or one such as "5%"')

    def _parsed(
        self, keys: Keys, table: Mapping[str, object], key: str, parse: Callable[[str], T]
    ) -> T | None:
        text = self._text_of(keys, table, key)
        try:
            return None if text is None else parse(text)
        except ValueError as error:
            raise self._wrong((*keys, key), f"is refused: {error}") from error

    def _path_of(self, keys: Keys, table: Mapping[str, object], key: str) -> Path | None:
        text = self._text_of(keys, table, key)
        path = Path(text).expanduser() if text else None
        if path is not None and not path.is_absolute():
            raise self._wrong((*keys, key), "must be an absolute path, or one that begins with ~/")
        return path

    def _text_of(self, keys: Keys, table: Mapping[str, object], key: str) -> str | None:
        value = table.get(key)
        if value is None or (isinstance(value, str) and value and "\0" not in value):
            return value
        raise self._wrong((*keys, key), "must be text in quotes")

    def _texts(
        self, keys: Keys, table: Mapping[str, object], key: str, default: tuple[str, ...]
    ) -> tuple[str, ...]:
        values = table.get(key)
        if values is None:
            return default
        if isinstance(values, list) and all(isinstance(value, str) for value in values):
            return tuple(values)
        raise self._wrong((*keys, key), 'must be a list of texts, such as ["a", "b"]')

    def _needed(self, keys: Keys, key: str, value: T | None) -> T:
        if value is None:
            raise self._wrong((*keys, key), "is missing; `realizefs arena add` writes it")
        return value

    def _only(self, keys: Keys, table: Mapping[str, object], known: set[str]) -> None:
        for key in table:
            if key not in known:
                expected = ", ".join(sorted(known))
                raise self._wrong((*keys, key), f"is not known; known here are {expected}")

    def _wrong(self, keys: Keys, why: str) -> BadConfig:
        name = ".".join(key for key in keys if isinstance(key, str))
        return BadConfig(f'{self._path}, line {line_of(self._text, keys)}: "{name}" {why}.')

    def _not_toml(self, error: tomllib.TOMLDecodeError) -> BadConfig:
        found = re.search(r"^(.*) \(at line (\d+), column \d+\)$", str(error))
        line = int(found[2]) if found else self._text.rstrip("\n").count("\n") + 1
        reason = found[1] if found else str(error)
        key = key_on_line(self._text, line)
        named = f' at "{key}"' if key else ""
        return BadConfig(f"{self._path}, line {line}: this is not TOML{named}: {reason}.")
