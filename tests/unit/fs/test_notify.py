"""The queue of notices: coalesced, bounded, told by one thread, deadlock-free at the end."""

import errno
import threading

import pytest
import trio

from realizefs.fs.notify import Notifier, Place


class FakeKernel:
    """Remembers what it is told; `gate` holds it as a busy directory lock would."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.refuse: dict[object, int] = {}

    def forget_inode(self, ino: int, *, attributes_only: bool) -> None:
        self._take(ino, ("inode", ino, attributes_only))

    def forget_name(self, place: Place, deleted: int) -> None:
        self._take((place, deleted), ("name", place, deleted))

    def _take(self, key: object, told: tuple[object, ...]) -> None:
        self.entered.set()
        self.gate.wait(10)
        self.told.append(told)
        if key in self.refuse:
            raise OSError(self.refuse[key], "refused")


def notifier(kernel: FakeKernel, known: list[int], limit: int = 100) -> Notifier:
    def places_of(ino: int) -> list[Place]:
        return [(1, b"%d" % ino), (1, b"also %d" % ino)] if ino != 1 else []

    return Notifier(kernel, lambda: known, places_of, limit)


async def told_all(subject: Notifier) -> None:
    with trio.fail_after(10):
        await subject.reached(subject.ticket())


async def test_changes_of_one_thing_are_one_notice() -> None:
    kernel = FakeKernel()
    subject = notifier(kernel, [])
    for _ in range(50):
        subject.inode_changed(7, attributes_only=True)
        subject.name_changed((1, b"a"), 7)
    subject.inode_changed(7, attributes_only=False)
    subject.inode_changed(7, attributes_only=True)
    subject.name_changed((1, b"a"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(subject.run)
        await told_all(subject)
        subject.stop()
    assert kernel.told == [("name", (1, b"a"), 0), ("inode", 7, False)]


async def test_too_many_become_one_sweep_of_what_the_kernel_knows() -> None:
    kernel = FakeKernel()
    subject = notifier(kernel, [1, 2, 3], limit=10)
    for ino in range(1000):
        subject.inode_changed(ino, attributes_only=True)
    subject.name_changed((1, b"late"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(subject.run)
        await told_all(subject)
        subject.stop()
    names = [("name", (1, name), 0) for name in (b"late", b"2", b"also 2", b"3", b"also 3")]
    inodes = [("inode", ino, False) for ino in (1, 2, 3)]
    assert sorted(kernel.told, key=repr) == sorted([*names, *inodes], key=repr)


async def test_stopping_waits_for_a_kernel_that_waits_for_us() -> None:
    """The thread hangs in a directory lock until a request is answered; then it ends."""
    kernel = FakeKernel()
    kernel.gate.clear()
    subject = notifier(kernel, [])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(subject.run)
        subject.inode_changed(1, attributes_only=True)
        subject.inode_changed(2, attributes_only=True)
        await trio.to_thread.run_sync(kernel.entered.wait, 10)
        subject.stop()
        kernel.gate.set()
    assert len(kernel.told) == 1


async def test_refusals(caplog: pytest.LogCaptureFixture) -> None:
    """ENOENT is nothing; a directory that isn't empty can't be "deleted" but can be dropped."""
    kernel = FakeKernel()
    kernel.refuse = {5: errno.ENOENT, 6: errno.EINVAL, ((1, b"d"), 9): errno.ENOTEMPTY}
    subject = notifier(kernel, [])
    subject.inode_changed(5, attributes_only=True)
    subject.inode_changed(6, attributes_only=True)
    subject.name_changed((1, b"d"), 9)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(subject.run)
        await told_all(subject)
        subject.stop()
    assert ("name", (1, b"d"), 0) in kernel.told
    assert [one.getMessage() for one in caplog.records] == [
        "The kernel refused to drop what it caches of 6: refused."
    ]
