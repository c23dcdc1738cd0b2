"""What the kernel and we remember of the mount is right, bounded, and let go."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from tests.household.waiting import until
from tests.mount.conftest import Bench
from tests.mount.renaming import exchange

NAMES = 3000
"""In one directory: several answers to the kernel, and more than the bound set below."""


def filled(bench: Bench, directory: str, count: int = NAMES) -> list[str]:
    names = [f"{number:05}" for number in range(0, 2 * count, 2)]
    bench.view.call(lambda: [bench.arena.peer_adds(f"{directory}/{name}") for name in names])
    bench.view.settle()
    return names


def opened(stack: ExitStack, path: Path) -> Iterator[str]:
    """The names of a directory that stays open."""
    return (one.name for one in stack.enter_context(os.scandir(path)))


def test_a_listing_goes_on_where_it_was_while_the_directory_changes(bench: Bench) -> None:
    """Names come and go on both sides of the place of reading, also where our own memory of the
    directory has been let go meanwhile."""
    names = filled(bench, "d")
    for limit in (1_000_000, 10):
        bench.view.served.snapshots.limit = limit
        with ExitStack() as stack:
            listed = opened(stack, bench.mnt / "d")
            seen = [next(listed) for _ in range(NAMES // 2)]
            away = names[::100]
            for name in away:
                ino = bench.arena.resolve(f"d/{name}".encode())
                bench.view.call(bench.arena.peer_removes, ino)
                bench.view.call(bench.arena.peer_adds, f"d/{int(name) + 1:05}")
            bench.view.settle()
            list(opened(stack, bench.mnt))  # with the small limit, this takes its memory
            seen += listed
        assert len(seen) == len(set(seen))
        assert set(seen) >= set(names) - set(away)
        for name in away:
            bench.view.call(bench.arena.peer_adds, f"d/{name}")
            ino = bench.arena.resolve(f"d/{int(name) + 1:05}".encode())
            bench.view.call(bench.arena.peer_removes, ino)
        bench.view.settle()


def test_open_directories_cost_a_bounded_memory(bench: Bench) -> None:
    names = filled(bench, "d")
    bench.view.served.snapshots.limit = 2 * NAMES
    with ExitStack() as stack:
        listings = [opened(stack, bench.mnt / "d") for _ in range(20)]
        first = [next(listing) for listing in listings]
        assert bench.view.served.snapshots.names <= 2 * NAMES
        for listing, name in zip(listings, first, strict=True):
            assert [name, *listing] == names
        assert bench.view.served.snapshots.names <= 2 * NAMES
    until(lambda: not len(bench.view.served.handles), "all is closed")
    until(lambda: not bench.view.served.snapshots.names, "nothing is kept")


def test_seeking_in_a_directory(bench: Bench) -> None:
    """telldir, seekdir and rewinddir, as lseek on the descriptor."""
    names = filled(bench, "d")
    fd = os.open(bench.mnt / "d", os.O_RDONLY | os.O_DIRECTORY)
    try:
        assert sorted(os.listdir(fd)) == names
        bench.view.call(bench.arena.peer_adds, "d/zz")
        bench.view.settle()
        os.lseek(fd, 0, os.SEEK_SET)
        assert sorted(os.listdir(fd)) == [*names, "zz"]
        os.lseek(fd, 2 + 1000, os.SEEK_SET)
        with os.scandir(fd) as listed:
            assert [one.name for one in listed] == [*names[1000:], "zz"]
    finally:
        os.close(fd)


def test_what_the_kernel_has_forgotten_we_have_forgotten(bench: Bench) -> None:
    """Looked at in every way, changed by peers meanwhile, and dropped: only the root is left."""
    names = filled(bench, "d", 500)
    for path in (bench.mnt / "d" / name for name in names):
        path.stat()
        path.read_bytes()
    (bench.mnt / "made").write_text("here")
    (bench.mnt / "made").unlink()
    for name in names[::7]:
        ino = bench.arena.resolve(f"d/{name}".encode())
        bench.view.call(bench.arena.peer_removes, ino)
    bench.view.settle()
    assert len(bench.view.served.lookups) > 1
    bench.view.forgotten()
    assert len(bench.view.served.lookups) == 1
    assert len(bench.view.served.handles) == 0


def test_a_directory_that_comes_back_is_as_good_as_new(bench: Bench) -> None:
    """Deleted by a peer while a program was in it, and made again under its old inode."""
    filled(bench, "d", 2)
    ino = bench.arena.resolve(b"d")
    fd = os.open(bench.mnt / "d", os.O_RDONLY | os.O_DIRECTORY)
    try:
        bench.view.call(bench.arena.peer_removes, ino)
        bench.view.settle()
        assert not (bench.mnt / "d").exists()
        bench.view.call(bench.arena.peer_adds, "d", None)
        bench.view.settle()
        assert os.listdir(bench.mnt / "d") == ["00000", "00002"]
        assert (bench.mnt / "d" / "00002").read_bytes() == b""
        (bench.mnt / "d" / "new").write_text("new")
        assert (bench.root / "d" / "new").read_text() == "new"
    finally:
        os.close(fd)


def test_two_that_were_exchanged_are_known_by_their_new_names(bench: Bench) -> None:
    """Else the kernel would not be told when a peer exchanges them back."""
    for name in ("a", "b"):
        (bench.mnt / name).write_text(name)
    above, a, b = (path.stat().st_ino for path in (bench.mnt, bench.mnt / "a", bench.mnt / "b"))
    exchange(bench.mnt / "a", bench.mnt / "b")
    lookups = bench.view.served.lookups
    assert (lookups.places(a), lookups.places(b)) == ([(above, b"b")], [(above, b"a")])
