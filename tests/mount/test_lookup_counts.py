"""Hours of use in a bounded number of steps: the kernel's count of each inode is ours, at the end."""

import os
import random
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.mount.conftest import Bench

STEPS = 1500
SEED = 20


def counted(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int, int]]:
    """References that the kernel gives back and was never given: (inode, given back, had)."""
    lookups = bench.view.served.lookups
    wrong: list[tuple[int, int, int]] = []
    forget = lookups.forget

    def check(inodes: Iterable[tuple[int, int]]) -> list[int]:
        pairs = list(inodes)
        for ino, count in pairs:
            had = lookups._counts.get(ino, 0)
            if count > had:
                wrong.append((ino, count, had))
        gone: list[int] = forget(pairs)
        return gone

    monkeypatch.setattr(lookups, "forget", check)
    return wrong


class Use:
    """Steps of programs in the mount and in the root, and of peers; each may fail as it likes."""

    def __init__(self, bench: Bench, chance: random.Random) -> None:
        self._bench = bench
        self._chance = chance
        self.steps: list[Callable[[], object]] = [
            *(self.list_with_attributes, self.list_names, self.stat, self.stat, self.read),
            *(self.create, self.rename, self.delete, self.link, self.native, self.native_gone),
            *(self.peer_adds, self.peer_adds, self.peer_changes, self.peer_removes, self.forget),
        ]

    def _path(self, top: Path) -> Path:
        directory = self._chance.choice(["", "real", "unreal", "real/deep"])
        return top / directory / f"f{self._chance.randrange(12)}"

    def _unreal(self) -> int | None:
        return self._bench.arena.resolve(b"unreal/f%d" % self._chance.randrange(12))

    def list_with_attributes(self) -> None:
        for one in os.scandir(self._path(self._bench.mnt).parent):
            one.stat(follow_symlinks=False)

    def list_names(self) -> None:
        os.listdir(self._path(self._bench.mnt).parent)

    def stat(self) -> None:
        self._path(self._bench.mnt).stat()

    def read(self) -> None:
        self._path(self._bench.mnt).read_bytes()

    def create(self) -> None:
        self._path(self._bench.mnt).write_bytes(b"here")

    def rename(self) -> None:
        self._path(self._bench.mnt).rename(self._path(self._bench.mnt))

    def delete(self) -> None:
        self._path(self._bench.mnt).unlink()

    def link(self) -> None:
        self._path(self._bench.mnt).hardlink_to(self._path(self._bench.mnt))

    def native(self) -> None:
        self._path(self._bench.root).write_bytes(b"natively")

    def native_gone(self) -> None:
        self._path(self._bench.root).unlink()

    def peer_adds(self) -> None:
        name = f"unreal/f{self._chance.randrange(12)}"
        self._bench.view.call(self._bench.arena.peer_adds, name, b"content")

    def peer_changes(self) -> None:
        ino = self._unreal()
        if ino is not None:
            content = b"%d" % self._chance.randrange(1000)
            self._bench.view.call(self._bench.arena.peer_changes, ino, content)

    def peer_removes(self) -> None:
        ino = self._unreal()
        if ino is not None:
            self._bench.view.call(self._bench.arena.peer_removes, ino)

    def forget(self) -> None:
        """The kernel is short of memory, as it were, for some of what it knows."""
        view = self._bench.view
        for ino in view.call(view.served.lookups.known)[:: self._chance.randrange(2, 6)]:
            view.drop_name(ino)


def test_lookup_counts_are_the_kernels_after_long_use(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = counted(bench, monkeypatch)
    (bench.root / "real" / "deep").mkdir(parents=True)
    bench.arena.peer_adds("unreal/f0", b"content")
    bench.arena.watched |= {b"", b"real", b"real/deep"}
    chance = random.Random(SEED)
    use = Use(bench, chance)
    for _ in range(STEPS):
        with suppress(OSError):
            chance.choice(use.steps)()
    bench.view.forgotten()
    assert wrong == []
    assert len(bench.view.served.lookups) == 1
    for table in ("_pages", "_places", "_others", "_told"):
        assert set(getattr(bench.view.served.lookups, table)) <= {1}, table
    assert len(bench.view.served.handles) == 0
    shutil.rmtree(bench.root / "real")
