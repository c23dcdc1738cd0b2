"""What `top` shows: rates out of two answers of the daemon, and a screen of lines.

No terminal here: what is shown is a list of lines for so many columns and rows, the same for a
screen that is drawn again and again and for one that is printed once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rich.cells import cell_len, set_cell_size

from realizefs.cli.commands_live import DOING, job_state, share
from realizefs.cli.render import duration, printable, size

SECTION_ROWS_MAX = 5
"""Peers, arenas and programs that are shown while there are jobs to be shown, too."""

HELP = "q quit   r by rate   t by total   n by name"


class Order(StrEnum):
    """By what peers and programs are sorted."""

    RATE = "rate"
    TOTAL = "total"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Sample:
    """What the daemon told at one moment: its answers to `metrics` and to `jobs`."""

    metrics: Mapping[str, Any]
    jobs: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Flow:
    """Bytes a second, and in all."""

    name: str
    down: float
    up: float
    total: int
    connected: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """Between two samples; rates are of bytes a second."""

    seconds: float
    up_seconds: float
    down: float
    up: float
    peers: tuple[Flow, ...]
    programs: tuple[Flow, ...]
    arenas: tuple[Mapping[str, Any], ...]
    jobs: tuple[Mapping[str, Any], ...]


def state(before: Sample, now: Sample) -> State:
    """A daemon that was started anew meanwhile has counters that begin anew: rates are since then."""
    new, old = now.metrics, before.metrics
    if new["started_ns"] != old["started_ns"]:
        old = {**old, "now_ns": new["started_ns"], "wire": {}, "peers": [], "processes": []}
    seconds: float = max((new["now_ns"] - old["now_ns"]) / 1e9, 1e-3)

    def rate(one: Mapping[str, Any], other: Mapping[str, Any], key: str) -> float:
        more: float = one[key] - other.get(key, 0)
        return max(more, 0.0) / seconds

    peers, programs = _by_name(old["peers"]), _by_name(old["processes"])
    return State(
        seconds=seconds,
        up_seconds=(new["now_ns"] - new["started_ns"]) / 1e9,
        down=rate(new["wire"], old["wire"], "bytes_in"),
        up=rate(new["wire"], old["wire"], "bytes_out"),
        peers=tuple(
            Flow(
                one["name"],
                rate(one, peers.get(one["name"], {}), "bytes_in"),
                rate(one, peers.get(one["name"], {}), "bytes_out"),
                one["bytes_in"] + one["bytes_out"],
                _connected(one, new["now_ns"]),
            )
            for one in new["peers"]
        ),
        programs=tuple(
            Flow(one["name"], rate(one, programs.get(one["name"], {}), "bytes"), 0.0, one["bytes"])
            for one in new["processes"]
        ),
        arenas=tuple(new["arenas"]),
        jobs=tuple({**job, "arena": each["arena"]} for each in now.jobs for job in each["jobs"]),
    )


def as_json(shown: State) -> dict[str, object]:
    """For programs: bytes and bytes a second."""
    return {
        "seconds": round(shown.seconds, 3),
        "down": round(shown.down),
        "up": round(shown.up),
        "peers": [
            {
                "name": one.name,
                "connected": one.connected,
                "total_bytes": one.total,
                "down": round(one.down),
                "up": round(one.up),
            }
            for one in shown.peers
        ],
        "processes": [
            {"name": one.name, "read": round(one.down), "total_bytes": one.total}
            for one in shown.programs
        ],
        "arenas": list(shown.arenas),
        "jobs": list(shown.jobs),
    }


def lines(shown: State, order: Order, columns: int, rows: int | None = None) -> list[str]:
    """The screen: no more than `rows` lines (None: as many as there are), none wider than `columns`."""
    most = None if rows is None else SECTION_ROWS_MAX
    head = f"RealizeFS, up {duration(shown.up_seconds)}"
    screen = [
        f"{head}   down {_rate(shown.down)}   up {_rate(shown.up)}   by {order.value}",
        "",
        *_section(_PEERS, map(_peer, _sorted(shown.peers, order)), columns, most),
        *_section(_ARENAS, map(_arena, shown.arenas), columns, most),
        *_section(_PROGRAMS, map(_program, _sorted(shown.programs, order)), columns, most),
    ]
    left = None if rows is None else max(rows - len(screen) - 2, 0)
    screen += _section(_JOBS, map(_job, shown.jobs), columns, left)
    cut = [set_cell_size(line, columns).rstrip() for line in screen]
    return cut if rows is None else cut[:rows]


_PEERS = (("PEER", 22), ("CONNECTED", 18), ("DOWN", 12), ("UP", 12), ("TOTAL", 10))
_ARENAS = (("ARENA", 18), ("CACHED", 10), ("OF", 10), ("HITS", 5), ("EVICTED", 10), ("WAITING", 8))
_PROGRAMS = (("PROGRAM", 22), ("READS", 12), ("TOTAL", 10))
_JOBS = (("JOB", 9), ("SIZE", 10), ("HERE", 5), ("STATE", 22), ("PATH", 0))
"""Columns with their width; 0: all that is left."""

_NUMBERS = {
    "DOWN",
    "UP",
    "TOTAL",
    "CACHED",
    "OF",
    "HITS",
    "EVICTED",
    "WAITING",
    "READS",
    "SIZE",
    "HERE",
}
"""Columns that stand at the right."""


def _section(
    head: Sequence[tuple[str, int]],
    rows: Iterable[Sequence[str]],
    columns: int,
    most: int | None,
) -> list[str]:
    cells = list(rows)
    if not cells:
        return []
    kept = cells if most is None or len(cells) <= most else cells[: max(most - 1, 0)]
    more = len(cells) - len(kept)
    tail = [f"… and {more} more"] if more and (most is None or most > 0) else []
    title = _line(head, [name for name, _ in head], columns)
    return [title, *(_line(head, row, columns) for row in kept), *tail, ""]


def _line(head: Sequence[tuple[str, int]], cells: Sequence[str], columns: int) -> str:
    parts: list[str] = []
    for (name, width), cell in zip(head, cells, strict=True):
        text = printable(cell)
        room = width or max(columns - sum(map(cell_len, parts)) - len(parts), 1)
        text = (
            _tail(text, room) if name == "PATH" else set_cell_size(text, min(room, cell_len(text)))
        )
        space = " " * (room - cell_len(text))
        parts.append(space + text if name in _NUMBERS else text + space)
    return " ".join(parts)


def _tail(text: str, room: int) -> str:
    """The end of a path says more than its beginning."""
    if cell_len(text) <= room:
        return text
    while text and cell_len(text) >= room:
        text = text[1:]
    return "…" + text


def _peer(one: Flow) -> Sequence[str]:
    return one.name, one.connected, _rate(one.down), _rate(one.up), size(one.total)


def _program(one: Flow) -> Sequence[str]:
    return one.name, _rate(one.down), size(one.total)


def _arena(one: Mapping[str, Any]) -> Sequence[str]:
    cache, queues = one["cache"], one["queues"]
    read = cache["hit_bytes"] + cache["miss_bytes"]
    waiting = queues["dirty"] + queues["decisions"] - queues["running"]
    return (
        *(one["name"], size(one["cached_bytes"]), size(one["cache_limit"])),
        *(share(cache["hit_bytes"], read), size(cache["evicted_bytes"]), str(waiting)),
    )


def _job(one: Mapping[str, Any]) -> Sequence[str]:
    here = share(one["here"], one["size"]) if one["action"] != "Unrealize" else "-"
    return (
        DOING.get(one["action"], one["action"]),
        size(one["size"]),
        here,
        job_state(one),
        one["path"],
    )


def _sorted(flows: Iterable[Flow], order: Order) -> list[Flow]:
    match order:
        case Order.RATE:
            return sorted(flows, key=lambda one: (-one.down - one.up, -one.total, one.name))
        case Order.TOTAL:
            return sorted(flows, key=lambda one: (-one.total, one.name))
    return sorted(flows, key=lambda one: one.name)


def _by_name(listed: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {one["name"]: one for one in listed}


def _connected(one: Mapping[str, Any], now_ns: int) -> str:
    if not one["connected"]:
        seen = one["seen_ns"]
        return f"no, {duration((now_ns - seen) / 1e9)} ago" if seen else "no"
    return f"for {duration((now_ns - one['since_ns']) / 1e9)}" if one["since_ns"] else "yes"


def _rate(rate: float) -> str:
    return f"{size(int(rate))}/s"
