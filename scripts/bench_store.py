"""What does the index cost? A million entries: rates, bytes and memory, against SQLite and LMDB.

    .venv/bin/python scripts/bench_store.py [--entries N] [--directory DIR]

The same entries, in directories of 50, are written in transactions of BATCHES that are on disk when
they end (a quarter of them with the larger), and looked up in random order. The peers do the same in the same run: SQLite (WAL,
synchronous=FULL; two tables with the columns of a version and of a listing, an index of changes)
and LMDB alone, given the bytes that we would store: what no index on LMDB can beat. Each store is
written and opened by a process of its own, so that its memory is its own. The databases are in
DIR (the current directory: a disk, not memory) and removed at the end.

"bytes an entry" is what the files of the databases take on disk, the entries of directories counted as
such. In the first table it is that of the index rows (entry, name, history), which are what the peers
store; the second one is of ours alone, in the states in which an arena rests: with the rows of
`index.real`, of one or two peers that hold a file, of its blob and its place in the queues, of what
is to be decided or wanted. Bytes of contents and of block lists are not in it.

A lookup by name is what stat in the mount asks: (directory, name) → what a listing shows. One by
inode gives the whole entry, with its version; those are asked ROWS_BATCH_MAX in a transaction, as
for telling a peer. Memory (RSS) is what `top` shows after LOOKUPS random lookups of each sort and a
listing of everything: `own` is Python's and ours (RssAnon), `mapped` are pages of files, which the
kernel takes back when somebody needs them: the database, and 15 MB of Python and its libraries
(RssFile); `at most` is the most of both at any moment (VmHWM).
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from realizefs.model.limits import ROWS_BATCH_MAX
from scripts.index_states import STATES, bytes_stored
from scripts.index_stores import FOLDER, STORES, file_name

T = TypeVar("T")

ENTRIES = 1_000_000
STATE_FILES = 100_000
LOOKUPS = 200_000
BATCHES = (ROWS_BATCH_MAX, 10 * ROWS_BATCH_MAX)
"""Entries of a transaction: what a catch-up writes in one, and what it could."""
ROUNDS = 5
"""Parts that a rate is measured over; shown are the median and the lowest."""
MB = 1_000_000


def memory() -> dict[str, int]:
    """Bytes of this process: its own, those of mapped files, and the most of both together."""
    fields = (line.split() for line in Path("/proc/self/status").read_text().splitlines())
    sizes = {field[0].rstrip(":"): int(field[1]) * 1024 for field in fields if field[-1] == "kB"}
    return {"own": sizes["RssAnon"], "mapped": sizes["RssFile"], "at most": sizes["VmHWM"]}


def parts(total: int, batch: int) -> Iterator[range]:
    """ROUNDS ranges of whole batches, which are all of 0 to `total`."""
    size = -(-total // ROUNDS // batch) * batch
    for start in range(0, total, size):
        yield range(start, min(start + size, total))


def pages(asked: list[T]) -> Iterator[list[T]]:
    """As many at a time as the daemon looks up in one transaction, to tell a peer of them."""
    return (asked[at : at + ROWS_BATCH_MAX] for at in range(0, len(asked), ROWS_BATCH_MAX))


def fill(name: str, directory: Path, entries: int, batch: int) -> dict[str, Any]:
    """Entries a second in each part, of a new database in `directory`; and its bytes."""
    directory.mkdir()
    store = STORES[name](directory)
    rates = []
    for part in parts(entries, batch):
        began = time.perf_counter()
        for start in range(part.start, part.stop, batch):
            store.insert(range(start, min(start + batch, part.stop)))
        rates.append(len(part) * (1 + 1 / FOLDER) / (time.perf_counter() - began))
    store.close()
    used = sum(one.stat().st_blocks * 512 for one in directory.rglob("*") if one.is_file())
    return {"rates": rates, "bytes": used / (entries * (1 + 1 / FOLDER))}


def serve(name: str, directory: Path, entries: int) -> dict[str, Any]:
    """Seconds to open, lookups a second in each round, and memory after all of it."""
    began = time.perf_counter()
    store = STORES[name](directory)
    opened = time.perf_counter() - began
    folders = store.folders()
    chance = random.Random(1)
    rates: dict[str, list[float]] = {"by name": [], "by name, together": [], "by inode": []}
    for _ in range(ROUNDS):
        numbers = [chance.randrange(entries) for _ in range(LOOKUPS // ROUNDS)]
        places = [(folders[number // FOLDER], file_name(number)) for number in numbers]
        began = time.perf_counter()
        inodes = store.by_name(places)
        rates["by name"].append(len(places) / (time.perf_counter() - began))
        began = time.perf_counter()
        again = [ino for some in pages(places) for ino in store.by_name_together(some)]
        rates["by name, together"].append(len(places) / (time.perf_counter() - began))
        began = time.perf_counter()
        there = sum(store.by_inode(some) for some in pages(inodes))
        rates["by inode"].append(len(inodes) / (time.perf_counter() - began))
        if again != inodes or there != len(inodes):
            raise AssertionError(f"{name} lost something")
    began = time.perf_counter()
    if store.list_all(folders) != entries:
        raise AssertionError(f"{name} doesn't list everything")
    listed = entries / (time.perf_counter() - began)
    after = memory()
    store.close()
    return {"opened": opened, "rates": rates, "listed": listed, "memory": after}


def child(*arguments: object) -> dict[str, Any]:
    """What a process of its own measured."""
    command = [sys.executable, __file__, "--child", *map(str, arguments)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def run_child(what: str, name: str, directory: str, *numbers: str) -> None:
    """One measurement, printed for the parent."""
    measure: Callable[..., dict[str, Any]] = fill if what == "fill" else serve
    print(json.dumps(measure(name, Path(directory), *map(int, numbers))))


class Table:
    """A row for each figure, a column for each store, then how many times the peer we are."""

    def __init__(self) -> None:
        names = "".join(f"{name:>22}" for name in STORES)
        print(f"{'':>26}{names}{'/ sqlite3':>11}{'/ LMDB':>8}")

    def row(self, title: str, shown: list[str], values: list[float]) -> None:
        """Print one; `values` are those that the ratios are of."""
        ours, sqlite, raw = values
        line = f"{title:>26}" + "".join(f"{one:>22}" for one in shown)
        print(f"{line}{ours / sqlite:>11.2f}{ours / raw:>8.2f}", flush=True)

    def rates(self, title: str, rates: list[list[float]]) -> None:
        """Of each store its rounds: median, lowest."""
        shown = [f"{statistics.median(one):,.0f} ({min(one):,.0f})" for one in rates]
        self.row(title, shown, [statistics.median(one) for one in rates])


def main(entries: int, directory: Path) -> None:
    """Print the table."""
    print(f"{entries:,} entries; rates a second: median of {ROUNDS} (lowest)")
    table = Table()
    with tempfile.TemporaryDirectory(dir=directory, prefix="bench-store-") as made:
        home = Path(made)
        for batch in BATCHES:
            count = entries if batch == BATCHES[0] else entries // 4
            filled = [
                child("fill", name, home / f"{name} {batch}", count, batch) for name in STORES
            ]
            table.rates(f"insert, {batch:,} a commit", [one["rates"] for one in filled])
            if batch == BATCHES[0]:
                sizes = [one["bytes"] for one in filled]
                table.row("bytes an entry", [f"{one:.0f}" for one in sizes], sizes)
        served = [child("serve", name, home / f"{name} {BATCHES[0]}", entries) for name in STORES]
    for way in served[0]["rates"]:
        table.rates(f"lookup {way}", [one["rates"][way] for one in served])
    table.rates("names listed", [[one["listed"]] for one in served])
    opened = [one["opened"] for one in served]
    table.row("open, s", [f"{one:.3f}" for one in opened], opened)
    for what in ("own", "mapped", "at most"):
        sizes = [one["memory"][what] / MB for one in served]
        table.row(f"memory {what}, MB", [f"{one:.0f}" for one in sizes], sizes)
    print(f"bytes an entry, {STATE_FILES:,} files:")
    for state in STATES:
        with tempfile.TemporaryDirectory(dir=directory, prefix="bench-store-") as made:
            used = bytes_stored(state, Path(made), STATE_FILES)
        print(f"{used / (STATE_FILES * (1 + 1 / FOLDER)):>8.0f}  {state.name}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        run_child(*sys.argv[2:])
    else:
        parser = argparse.ArgumentParser()
        parser.add_argument("--entries", type=int, default=ENTRIES)
        parser.add_argument("--directory", type=Path, default=Path.cwd())
        options = parser.parse_args()
        main(options.entries, options.directory)
