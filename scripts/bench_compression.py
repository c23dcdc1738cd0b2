"""Does compressing pay? Text, a database and pictures over slow and fast lines, on, off and adaptive.

    .venv/bin/python scripts/bench_compression.py

Two peers in one process over loopback TLS; the line is as slow as its limit. Adaptive is what is
used: it is to lose no more than a twentieth to the better of the two others, noise apart.
"""

import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import trio

sys.path.insert(0, str(Path(__file__).parents[1]))

from realizefs.model.limits import MIB
from realizefs.model.marks import Mark
from realizefs.model.messages import DELTA, FEATURES
from realizefs.model.rates import RateLimit, RateLimits
from tests.fakes.peer import introduce, running_peer, until

LINES: dict[str, tuple[int | None, int]] = {
    "2 MB/s": (2_000_000, 6 * MIB),
    "100 MB/s": (100_000_000, 64 * MIB),
    "no limit": (None, 64 * MIB),
}
"""The rate, and the bytes that are sent."""


def text(size: int) -> bytes:
    """Source text of this machine."""
    found = bytearray()
    for path in sorted(Path("/usr/include").rglob("*.h")):
        found += path.read_bytes()
        if len(found) >= size:
            break
    return bytes((found * (size // len(found) + 1))[:size])


def database(size: int) -> bytes:
    """Rows of words and numbers in SQLite."""
    with tempfile.NamedTemporaryFile() as file:
        base = sqlite3.connect(file.name)
        base.execute("create table rows (number integer, name text, key blob)")
        rows = ((n, f"name {n * 7919 % 99991}", os.urandom(16)) for n in range(size // 40))
        base.executemany("insert into rows values (?, ?, ?)", rows)
        base.commit()
        base.close()
        found = Path(file.name).read_bytes()
    return (found * (size // len(found) + 1))[:size]


CONTENTS: dict[str, Callable[[int], bytes]] = {
    "source text": text,
    "database": database,
    "pictures": os.urandom,
}


@contextmanager
def on() -> Iterator[None]:
    """Whatever the line is."""
    with patch("realizefs.sync.answering.link_is_slow", lambda rate: True):
        yield


@contextmanager
def off() -> Iterator[None]:
    """Nobody says that it understands it."""
    with patch("realizefs.sync.household.FEATURES", (DELTA,)):
        yield


@contextmanager
def adaptive() -> Iterator[None]:
    """As it is."""
    assert FEATURES
    yield


async def measure(content: bytes, rate: int | None) -> float:
    """MB/s of fetching it whole."""
    with tempfile.TemporaryDirectory(prefix="realizefs-bench-") as place:
        where = Path(place)
        (where / "a/root").mkdir(parents=True)
        (where / "a/root/file").write_bytes(content)
        async with (
            running_peer(where / "a", "a", mark=Mark.OWN) as a,
            running_peer(where / "b", "b", cache_max=1024 * MIB) as b,
        ):
            b.household.bandwidth.set(RateLimits(RateLimit(down=rate)))
            await introduce(a, b)
            await until(lambda: b.entry("file"))
            entry = b.entry("file")
            assert entry is not None
            began = time.perf_counter()
            (await b.arena.fetcher.complete(entry.ino, entry.version)).close()
            return len(content) / (time.perf_counter() - began) / 1e6


def main() -> None:
    """Print the table."""
    print(f"  {'':<14}{'line':<12}{'off':>8}{'on':>8}{'adaptive':>10}  MB/s")
    for what, make in CONTENTS.items():
        for line, (rate, size) in LINES.items():
            content = make(size)
            figures = []
            for way in (off, on, adaptive):
                with way():
                    figures.append(max(trio.run(measure, content, rate) for _ in range(2)))
            lost = 1 - figures[2] / max(figures[:2])
            shown = "".join(f"{figure:>8.1f}" for figure in figures[:2]) + f"{figures[2]:>10.1f}"
            print(f"  {what:<14}{line:<12}{shown}  {-100 * lost:+.0f} %", flush=True)


if __name__ == "__main__":
    main()
