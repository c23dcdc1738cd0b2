"""What programs ask of a mount is counted once, and what they read by their names."""

import errno
import os
import subprocess

from realizefs.core.counting import MountCounts
from tests.household.waiting import until
from tests.mount.conftest import Bench, failure
from tests.mount.test_unreal_files import BIG, unreal


def counts(bench: Bench) -> MountCounts:
    bench.view.settle()
    found: MountCounts = bench.view.served.counts
    return found


def test_bytes_that_are_read_are_those_of_the_program(bench: Bench) -> None:
    unreal(bench, "unreal", BIG)
    (bench.root / "real").write_bytes(BIG)
    (bench.root / "other").write_bytes(b"12345")
    for name in ("unreal", "real"):
        subprocess.run(["head", "-c", "10M", bench.mnt / name], check=True, capture_output=True)
    (bench.mnt / "other").read_bytes()
    readers = counts(bench).readers
    assert readers[b"head"].bytes == 2 * len(BIG)
    assert readers[b"head"].reads > 1
    assert sum(one.bytes for one in readers.values()) == 2 * len(BIG) + 5


def test_each_request_is_counted_once_whoever_answers_it(bench: Bench) -> None:
    # What is open here while the hand is made is open there, too, for a moment: it is released late.
    until(lambda: bench.view.hand, "the hand is there")
    before = {name: one.count for name, one in counts(bench).operations.items()}
    (bench.mnt / "folder").mkdir()
    (bench.mnt / "folder" / "file").write_bytes(b"x")
    os.link(bench.mnt / "folder" / "file", bench.mnt / "folder" / "link")
    (bench.mnt / "folder" / "file").rename(bench.mnt / "folder" / "new")
    (bench.mnt / "folder" / "new").unlink()
    operations = counts(bench).operations
    for name in ("mkdir", "create", "write", "link", "rename", "unlink", "release"):
        assert operations[name].count == before.get(name, 0) + 1, name
        assert operations[name].failed == 0
        assert operations[name].seconds > 0


def test_what_fails_is_counted_as_failed(bench: Bench) -> None:
    unreal(bench, "a", BIG)
    bench.arena.reachable = False
    assert failure((bench.mnt / "a").read_bytes) == errno.EHOSTUNREACH
    read = counts(bench).operations["read"]
    assert read.failed >= 1
    assert read.count >= read.failed
