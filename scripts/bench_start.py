"""How long until a large arena is there? From `realizefs mount` to the first listing.

    .venv/bin/python scripts/bench_start.py [--entries N] [--real N] [--directory DIR]

Three homes are mounted and unmounted in turn: one whose arena has nothing, one with a million
entries that are unreal and watched, and one with files in its arena root, all of them indexed. What
is measured is the command as a user types it, up to its end (a new Python, a new daemon, the
databases, the mount); then `ls` of the arena's root and `ls -l` of a directory in it. How much
slower than the empty one says what the entries cost.

The entries are written directly into the database, 50 files a directory; so are those of the real
files, which are empty. "Warm": the pages that the round before left are there, of programs and
databases. "Cold", where this runs as root: the kernel's caches were dropped. The homes are in DIR
(the current directory: a disk, not memory) and removed at the end.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from realizefs.model.ids import ArenaId
from scripts.demo.household import Peer
from scripts.demo.saying import wait_until
from scripts.index_stores import FOLDER, Index, folder_name

ENTRIES, REAL = 1_000_000, 100_000
BATCH = 5000
"""Entries of a transaction while an arena is made."""
ROUNDS = 5
SETTLED_SECONDS = 600
DROP_CACHES = Path("/proc/sys/vm/drop_caches")


@dataclass
class Home:
    """A peer with one arena of so many files; seconds by step, one of each round."""

    peer: Peer
    root: Path
    mnt: Path
    files: int
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def timed(self, step: str, work: Callable[[], object]) -> None:
        """Do it and note how long it took."""
        began = time.perf_counter()
        work()
        self.seconds.setdefault(step, []).append(time.perf_counter() - began)


def make(base: Path, name: str, unreal: int, real: int) -> Home:
    """A home with so many entries, and an arena root with so many files."""
    home = Home(Peer(name, base / name), base / f"{name} root", base / f"{name} mnt", unreal + real)
    home.mnt.mkdir()
    home.root.mkdir()
    home.peer.ask("init", "--name", name, "--listen", "localhost:0")
    home.peer.ask("arena", "add", "photos", home.root)
    [arena] = json.loads(home.peer.ask("arena", "list", "--json"))
    database, arena_id = home.root / ".realize" / "db", ArenaId(bytes.fromhex(arena["id"]))
    index = Index(home.peer.home / "state", database, arena_id)
    for start in range(0, unreal, BATCH):
        index.insert(range(start, min(start + BATCH, unreal)))
    for start in range(0, real, BATCH):
        index.insert_real(range(start, min(start + BATCH, real)), home.root)
    index.close()
    home.peer.ask("mount", home.mnt)
    wait_until(lambda: _is_settled(home), SETTLED_SECONDS, f"The arena {name} is never settled")
    home.peer.ask("umount", home.mnt)
    return home


def _is_settled(home: Home) -> bool:
    [arena] = home.peer.status()["arenas"]
    return (arena["files"], arena["pending"]) == (home.files, 0)


def start(home: Home, heat: str) -> None:
    """Mount, list, unmount."""
    folder = home.mnt / os.fsdecode(folder_name(0)) if home.files else home.mnt
    began = time.perf_counter()
    home.timed(f"mount, {heat}", lambda: home.peer.ask("mount", home.mnt))
    home.timed(f"ls, {heat}", lambda: _run("ls", home.mnt))
    home.seconds.setdefault(f"both, {heat}", []).append(time.perf_counter() - began)
    home.timed(f"ls -l of {FOLDER}, {heat}", lambda: _run("ls", "-l", folder))
    home.peer.ask("umount", home.mnt)


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def show(homes: list[Home]) -> None:
    """The table: median (slowest) in seconds, and how many times the empty arena's."""
    print(f"{'seconds: median (slowest)':<26}" + "".join(f"{_title(one):>28}" for one in homes))
    for step in homes[0].seconds:
        base = median(homes[0].seconds[step])
        cells = [
            f"{median(one.seconds[step]):.2f} ({max(one.seconds[step]):.2f})"
            f"{median(one.seconds[step]) / base:>8.2f}"
            for one in homes
        ]
        print(f"{step:<26}" + "".join(f"{cell:>28}" for cell in cells))


def _title(home: Home) -> str:
    return f"{home.files:,} {home.peer.name}"


def main(entries: int, real: int, directory: Path) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(dir=directory, prefix="bench-start-") as made:
        base = Path(made)
        homes = [make(base, "entries", 0, 0), make(base, "unreal", entries, 0)]
        homes.append(make(base, "real", 0, real))
        for heat in ("warm", "cold") if os.access(DROP_CACHES, os.W_OK) else ("warm",):
            for _ in range(ROUNDS):
                for home in homes:
                    if heat == "cold":
                        os.sync()
                        DROP_CACHES.write_text("3")
                    start(home, heat)
        show(homes)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--entries", type=int, default=ENTRIES)
    parser.add_argument("--real", type=int, default=REAL)
    parser.add_argument("--directory", type=Path, default=Path.cwd())
    options = parser.parse_args()
    main(options.entries, options.real, options.directory)
