"""Reads of an unreal file whose holder changes it at that moment."""

import errno
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from realizefs.fs import pinned
from realizefs.fs.notify import FuseKernel, Notifier
from realizefs.model.ids import Inode
from tests.household.waiting import until
from tests.mount.conftest import Bench, failure

OLD, NEW = b"old" * 100_000, b"the new one, of another size" * 20_000


@contextmanager
def edited_unannounced(bench: Bench, content: bytes = OLD) -> Iterator[Inode]:
    """The holder has changed the file, and nobody knows yet."""
    ino = bench.arena.peer_adds("file", content)
    bench.arena.gone.add(bench.arena.entries[ino].version.hash)
    yield ino


def whole(fd: int, failures: int = 0) -> bytes:
    """All that can be read, with so many failures at most."""
    parts = []
    for attempt in range(failures + 1):
        try:
            while part := os.read(fd, 1 << 20):
                parts.append(part)
        except OSError as error:
            if attempt == failures or error.errno != errno.EHOSTUNREACH:
                raise
        else:
            break
    return b"".join(parts)


@pytest.mark.parametrize("size", [len(NEW), 200_000, 8192, 5, 0])
def test_a_reader_who_has_seen_nothing_yet_gets_the_new_version(bench: Bench, size: int) -> None:
    """Larger or smaller than what it opened; it failed, for about a tenth of a second. A smaller one it
    may have to ask for again, if the kernel hears of that while it waits for an answer."""
    with edited_unannounced(bench) as ino, ThreadPoolExecutor() as pool:
        fd = os.open(bench.mnt / "file", os.O_RDONLY)
        try:
            reading = pool.submit(whole, fd, 2 if size < len(OLD) else 0)
            until(lambda: bench.arena.refused, "the reader is told that it is gone")
            bench.view.call(bench.arena.peer_changes, ino, NEW[:size])
            assert reading.result() == NEW[:size]
            bench.view.settle()
            assert os.pread(fd, 1 << 20, 0) == NEW[:size]
        finally:
            os.close(fd)


def test_a_smaller_version_has_no_zeros_after_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel had heard of it by the time that the reader was answered, and had yet to drop
    pages: it seldom was so slow."""
    monkeypatch.setattr(Notifier, "inode_changed", lambda *_, **__: None)
    with edited_unannounced(bench) as ino, ThreadPoolExecutor() as pool:
        fd = os.open(bench.mnt / "file", os.O_RDONLY)
        try:
            reading = pool.submit(whole, fd)
            until(lambda: bench.arena.refused, "the reader is told that it is gone")
            FuseKernel().forget_inode(os.fstat(fd).st_ino, attributes_only=True)
            bench.arena.peer_changes(ino, NEW[:5])
            assert reading.result() == NEW[:5]
        finally:
            os.close(fd)


def test_a_reader_who_has_seen_the_old_version_gets_nothing_of_the_new(bench: Bench) -> None:
    ino = bench.arena.peer_adds("file", OLD)
    fd = os.open(bench.mnt / "file", os.O_RDONLY)
    try:
        assert os.pread(fd, 10, 0) == OLD[:10]
        bench.arena.gone.add(bench.arena.entries[ino].version.hash)
        bench.view.call(bench.arena.peer_changes, ino, NEW)
        bench.view.settle()
        assert failure(os.pread, fd, 10, 200_000) == errno.EHOSTUNREACH
    finally:
        os.close(fd)
    assert (bench.mnt / "file").read_bytes() == NEW


def test_no_reader_goes_on_while_another_fills_the_page_cache(bench: Bench) -> None:
    """Two handles of the old version: what one reads of the new the other would see."""
    ino = bench.arena.peer_adds("file", OLD)
    first, second = (os.open(bench.mnt / "file", os.O_RDONLY) for _ in range(2))
    try:
        assert os.pread(first, 10, 0) == OLD[:10]
        bench.arena.gone.add(bench.arena.entries[ino].version.hash)
        bench.view.call(bench.arena.peer_changes, ino, NEW)
        bench.view.settle()
        assert failure(os.pread, second, 10, 0) == errno.EHOSTUNREACH
    finally:
        os.close(first)
        os.close(second)
    assert (bench.mnt / "file").read_bytes() == NEW


def test_a_version_that_is_never_announced_is_an_error_in_time(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pinned, "PROGRESS_SECONDS", 0.01)
    with edited_unannounced(bench):
        assert failure((bench.mnt / "file").read_bytes) == errno.EHOSTUNREACH
    bench.arena.reachable = False
    bench.arena.peer_adds("other", b"not here")
    assert failure((bench.mnt / "other").read_bytes) == errno.EHOSTUNREACH
