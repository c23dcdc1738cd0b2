"""How fast does a household agree? Catch-up, latency, bytes, idle peers, and syncthing beside.

    .venv/bin/python scripts/bench_household.py [--entries N,…] [--files N] [--peers N] [--only ROW,…]
    make bench ARGS=household

Everything is real daemons on loopback, over TLS. Rows:
    catchup    a new peer hears of an index of N entries, written beforehand, so that the indexing of
               files isn't in it; entries a second by the clock, and a second of processor time of
               the receiver, which a busy machine changes less
    latency    a file is made in an arena root; until a mount shows it, one and two hops away
    follow     a file is changed at its owner; until another one that owns it has the new content as a
               plain file, and one that keeps it has it in its cache
    idle       processor time of a peer that is connected to the others and has nothing to do
    syncthing  N small files are made in a folder of one peer; until the other lists them all
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path

from blake3 import blake3

from realizefs.model.cache_limits import Amount, CacheLimits
from realizefs.model.ids import ArenaId, Digest, PeerId
from realizefs.model.limits import MIB
from realizefs.model.versions import Kind, Version
from realizefs.store.arena import ArenaStore, open_arena
from realizefs.store.env import Environment
from realizefs.store.inodes import InodeAllocator
from realizefs.store.realfile import Root
from realizefs.store.schema import ARENA_SCHEMA, GLOBAL_SCHEMA
from scripts.household_machines import Machine, Syncthing, installed, wait

IN_A_FOLDER = 100
PAGE = 2000
AUTHOR = PeerId(77)
TIME_NS = 1_700_000_000 * 10**9
SAMPLES = 60
FOLLOWED_BYTES = 100_000
IDLE_SECONDS = 30.0
CATCHUP_SECONDS = 1800.0


def show(row: str, value: str, aim: str = "") -> None:
    """One line of the table, at once."""
    print(f"{row:52}{value:>24}   {aim}", flush=True)


# -- catch-up ----------------------------------------------------------------------------------


def catchup(work: Path, entries: int) -> None:
    """From the joining of a peer until it has heard of everything."""
    old, new = Machine(work, "old"), Machine(work, "new")
    old.ask("arena", "add", "docs", old.root)
    fill(old, entries)
    with old.serving(), new.serving():
        sent, cpu = old.status()["wire"]["bytes_out"], new.cpu_seconds
        new.join(old)
        began = time.monotonic()
        wait(lambda: new.files == files_of(entries), CATCHUP_SECONDS, every=0.1)
        seconds, cpu = time.monotonic() - began, new.cpu_seconds - cpu
        size = (old.status()["wire"]["bytes_out"] - sent) / entries
    name = f"catch-up of {entries:,} entries"
    show(name, f"{entries / seconds:,.0f}/s", f"aim 25,000/s; load {os.getloadavg()[0]:.1f}")
    show("  a second of the receiver's processor time", f"{entries / cpu:,.0f}/s")
    show("  on the wire", f"{size:.0f} B an entry")


def files_of(entries: int) -> int:
    """Those that aren't folders."""
    return entries - -(-entries // IN_A_FOLDER)


def fill(machine: Machine, entries: int) -> None:
    """Write an index into the arena of a daemon that doesn't run."""
    state = Environment(machine.home / "state", GLOBAL_SCHEMA)
    root = Root(machine.root)
    database = Environment(root.state.database, ARENA_SCHEMA)
    listed = machine.ask("arena", "list").split()
    limits = CacheLimits(Amount(64 * MIB))
    arena = ArenaId(bytes.fromhex(listed[-1]))
    store = open_arena(database, InodeAllocator(state), arena, root, limits)
    try:
        _write(store, entries)
    finally:
        database.close()
        root.close()
        state.close()


def _write(store: ArenaStore, entries: int) -> None:
    parent = store.tree.root
    for start in range(0, entries, PAGE):
        store.inodes.ensure(PAGE)
        with store.env.write() as txn:
            for number in range(start, min(start + PAGE, entries)):
                ino = store.inodes.allocate()
                if number % IN_A_FOLDER == 0:
                    parent = ino
                    store.tree.add(txn, ino, store.tree.root, b"folder %d" % number, _version(0))
                else:
                    name = b"photo number %d.jpg" % number
                    store.tree.add(txn, ino, parent, name, _version(number))


def _version(number: int) -> Version:
    return Version(
        kind=Kind.FILE if number else Kind.DIRECTORY,
        hash=Digest(sha256(b"%d" % number).digest() if number else b""),
        size=number,
        mtime_ns=TIME_NS + number,
        mode=0o644 if number else 0o755,
        vector=((AUTHOR, 1),),
        author=AUTHOR,
    )


# -- latency -----------------------------------------------------------------------------------


def latency(work: Path) -> None:
    """Both ends listen nowhere and dial the one in the middle, so that there are two hops."""
    middle = Machine(work, "middle")
    ends = [Machine(work, name, listen="") for name in ("maker", "seer")]
    maker, seer = ends
    middle.ask("arena", "add", "docs", middle.root)
    with ExitStack() as stack:
        for machine in (middle, *ends):
            stack.enter_context(machine.serving())
        for machine, mark in ((maker, "own"), (seer, "watch")):
            machine.join(middle, mark)
        for machine in (middle, seer):
            machine.mnt.mkdir()
            machine.ask("mount", machine.mnt)
            stack.callback(machine.ask, "umount", machine.mnt)
        (maker.root / "first").write_bytes(b"x")
        wait((seer.mnt / "first").exists, 60)
        took: dict[str, list[float]] = {"one hop": [], "two hops": []}
        for number in range(SAMPLES):
            time.sleep(0.2)
            began = time.monotonic()
            (maker.root / f"file{number}").write_bytes(b"x")
            for hops, machine in (("one hop", middle), ("two hops", seer)):
                wait((machine.mnt / f"file{number}").exists, 60, every=0.001)
                took[hops].append(time.monotonic() - began)
    for hops, aim in (("one hop", "100 ms"), ("two hops", "200 ms")):
        p50, p95 = statistics.median(took[hops]), statistics.quantiles(took[hops], n=20)[-1]
        show(
            f"made until visible, {hops}: p50, p95",
            f"{p50 * 1000:.0f} ms, {p95 * 1000:.0f} ms",
            f"aim p95 < {aim}; load {os.getloadavg()[0]:.1f}",
        )


# -- follow ------------------------------------------------------------------------------------


def follow(work: Path) -> None:
    """What `own` and `keep` take to be up to date again."""
    desk, owner, keeper = (Machine(work, name) for name in ("desk", "owner", "keeper"))
    desk.ask("arena", "add", "docs", desk.root, "--mark", "own")
    took: dict[str, list[float]] = {"own": [], "keep": []}
    with ExitStack() as stack:
        for machine in (desk, owner, keeper):
            stack.enter_context(machine.serving())
        for machine, mark in ((owner, "own"), (keeper, "keep")):
            machine.join(desk, mark)
        keeper.mnt.mkdir()
        keeper.ask("mount", keeper.mnt)
        stack.callback(keeper.ask, "umount", keeper.mnt)
        (desk.root / "file").write_bytes(b"first")
        wait((owner.root / "file").exists, 60)
        wait((keeper.mnt / "file").exists, 60)
        for number in range(SAMPLES):
            content = os.urandom(FOLLOWED_BYTES)
            digest = blake3(content).hexdigest().encode()
            (work / "new").write_bytes(content)
            time.sleep(0.2)
            began = time.monotonic()
            (work / "new").rename(desk.root / "file")
            has = {
                "own": lambda: (owner.root / "file").read_bytes() == content,  # noqa: B023
                "keep": lambda: _cached(keeper.mnt / "file") == digest,  # noqa: B023
            }
            for mark in sorted(has, key=lambda _: number % 2):  # which is looked at first
                wait(has[mark], 60, every=0.001)
                took[mark].append(time.monotonic() - began)
    for mark, times in took.items():
        p50, p95 = statistics.median(times), statistics.quantiles(times, n=20)[-1]
        show(
            f"changed until {mark} has it: p50, p95",
            f"{p50 * 1000:.0f} ms, {p95 * 1000:.0f} ms",
            f"aim < 1 s; load {os.getloadavg()[0]:.1f}",
        )


def _cached(path: Path) -> bytes | None:
    """The hash of a file that is complete in the cache."""
    if os.getxattr(path, "user.realize.status") != b"cached":
        return None
    return os.getxattr(path, "user.realize.hash")


# -- idle --------------------------------------------------------------------------------------


def idle(work: Path, peers: int) -> None:
    """Everybody knows and is connected with everybody."""
    machines = [Machine(work, f"peer{number}") for number in range(peers)]
    first, *others = machines
    first.ask("arena", "add", "docs", first.root)
    with ExitStack() as stack:
        for machine in machines:
            stack.enter_context(machine.serving())
        for machine in others:
            machine.join(first)
        for machine in machines:
            wait(lambda machine=machine: all_connected(machine, peers - 1), 120)  # type: ignore[misc]
        time.sleep(5)
        before = [machine.cpu_seconds for machine in machines]
        time.sleep(IDLE_SECONDS)
        used = [after.cpu_seconds - cpu for after, cpu in zip(machines, before, strict=True)]
    percent = [100 * each / IDLE_SECONDS for each in used]
    show(
        f"idle with {peers} peers: mean, most of a processor",
        f"{statistics.mean(percent):.2f} %, {max(percent):.2f} %",
        "aim < 0.5 %",
    )


def all_connected(machine: Machine, count: int) -> bool:
    """With all others."""
    return [peer["connected"] for peer in machine.status()["peers"]].count(True) == count


# -- beside syncthing --------------------------------------------------------------------------


def beside_syncthing(work: Path, files: int) -> None:
    """The same files made by the same program, once in a folder of each."""
    ours = listed_by_us(work, files)
    show(f"{files:,} small files made until the other lists them", f"{ours:.1f} s")
    version = installed("syncthing")
    if not version:
        print("syncthing is left out: it is not installed.")
        return
    theirs = listed_by_syncthing(work, files)
    show(f"  syncthing {version}", f"{theirs:.1f} s", f"{theirs / ours:.2f} times as long")


def listed_by_us(work: Path, files: int) -> float:
    """Seconds from the first file that is made until all are listed."""
    maker, other = Machine(work, "maker"), Machine(work, "other")
    maker.ask("arena", "add", "docs", maker.root, "--mark", "own")
    with maker.serving(), other.serving():
        other.join(maker)
        wait(lambda: all_connected(other, 1), 60)
        began = time.monotonic()
        make_files(maker.root, files)
        wait(lambda: other.files == files, 900, every=0.05)
        return time.monotonic() - began


def listed_by_syncthing(work: Path, files: int) -> float:
    """The same. It is told to scan when the last one is made, and doesn't wait for its watcher."""
    maker, other = Syncthing(work, "syncthing-maker"), Syncthing(work, "syncthing-other")
    maker.configure(other)
    other.configure(maker)
    with maker.serving(), other.serving():
        wait(lambda: maker.connected and other.connected, 60)
        began = time.monotonic()
        make_files(maker.root, files)
        maker.scan()
        wait(lambda: other.files == files, 900, every=0.05)
        return time.monotonic() - began


def make_files(root: Path, files: int) -> None:
    """A hundred to a folder, each of a few bytes."""
    for number in range(files):
        folder = root / f"folder {number // IN_A_FOLDER}"
        if number % IN_A_FOLDER == 0:
            folder.mkdir()
        (folder / f"file {number}").write_bytes(b"content %d" % number)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", default="100000,1000000", metavar="N,…")
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--peers", type=int, default=10)
    parser.add_argument("--only", default="catchup,latency,follow,idle,syncthing", metavar="ROW,…")
    options = parser.parse_args()
    entries = [int(each) for each in options.entries.split(",")]
    rows: dict[str, list[Callable[[Path], None]]] = {
        "catchup": [lambda work, count=count: catchup(work, count) for count in entries],  # type: ignore[misc]
        "latency": [latency],
        "follow": [follow],
        "idle": [lambda work: idle(work, options.peers)],
        "syncthing": [lambda work: beside_syncthing(work, options.files)],
    }
    failed = 0
    for name in options.only.split(","):
        for measure in rows[name]:
            with tempfile.TemporaryDirectory(prefix="bench-household-") as place:
                try:
                    measure(Path(place))
                except (TimeoutError, subprocess.SubprocessError) as error:
                    failed = 1
                    print(f"{name} failed: {error}", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
