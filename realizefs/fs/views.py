"""What the mount root shows: one arena, or a directory for each arena of the household.

The kernel's inodes are the arenas' own (unique over all arenas of this machine), but for two
cases: a single arena's root is ROOT_INODE, and the directories above the arenas of a household
(an arena name may contain "/") have inodes of their own from SYNTHETIC_FIRST up, where the
allocator, which counts from 2, never gets.
"""

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from realizefs.fs.items import missing
from realizefs.fs.port import Arena
from realizefs.model import paths
from realizefs.model.ids import ROOT_INODE, Inode

SYNTHETIC_FIRST = 2**62


@dataclass(frozen=True, slots=True)
class Spot:
    """A kernel inode that belongs to an arena."""

    arena: Arena
    ino: Inode


@dataclass(frozen=True, slots=True)
class Synthetic:
    """A read-only directory above the arenas: `children` maps names to kernel inodes."""

    ino: int
    children: dict[bytes, int]


class View(Protocol):
    """Which arenas there are, and where their inodes are for the kernel."""

    def spot(self, ino: int) -> Spot | Synthetic:
        """Where a kernel inode is; FileNotFoundError if its arena is gone."""
        ...

    def kernel_ino(self, arena: Arena, ino: Inode) -> int:
        """What the kernel calls an inode of an arena."""
        ...

    def arenas(self) -> list[Arena]:
        """Those shown now."""
        ...

    def path(self, spot: Spot) -> bytes:
        """Where it is below the mountpoint; FileNotFoundError if it is gone."""
        ...


class SingleView:
    """The mount root is the arena's root.

    `current` gives the arena as it is carried now: one whose disk went and came is another object.
    None while it is out of service; then everything fails with ENODEV.
    """

    def __init__(self, arena: Arena, current: Callable[[], Arena | None] | None = None) -> None:
        self._current = current or (lambda: arena)

    def spot(self, ino: int) -> Spot | Synthetic:
        arena = self._current()
        if arena is None:
            raise FileNotFoundError(errno.ENODEV, os.strerror(errno.ENODEV))
        return Spot(arena, arena.root_ino if ino == ROOT_INODE else Inode(ino))

    def kernel_ino(self, arena: Arena, ino: Inode) -> int:
        return ROOT_INODE if ino == arena.root_ino else ino

    def arenas(self) -> list[Arena]:
        arena = self._current()
        return [] if arena is None else [arena]

    def path(self, spot: Spot) -> bytes:
        return spot.arena.path(spot.ino)


class HouseholdView:
    """One directory per arena below the mount root.

    `arenas` lists those of now (it may change at any time, within ARENAS_MAX); `owner` says
    whose an inode is. No arena's name is a path prefix of another's.
    """

    def __init__(
        self, arenas: Callable[[], list[Arena]], owner: Callable[[Inode], Arena | None]
    ) -> None:
        self._arenas = arenas
        self._owner = owner
        self._inodes: dict[bytes, int] = {b"": ROOT_INODE}
        self._paths: dict[int, bytes] = {ROOT_INODE: b""}

    def spot(self, ino: int) -> Spot | Synthetic:
        path = self._paths.get(ino)
        if path is not None:
            return Synthetic(ino, self._children(path))
        arena = self._owner(Inode(ino))
        if arena is None:
            raise missing(b"")
        return Spot(arena, Inode(ino))

    def kernel_ino(self, arena: Arena, ino: Inode) -> int:
        return ino

    def arenas(self) -> list[Arena]:
        return self._arenas()

    def path(self, spot: Spot) -> bytes:
        name, path = spot.arena.name.encode(), spot.arena.path(spot.ino)
        return paths.join(name, path) if path else name

    def _children(self, path: bytes) -> dict[bytes, int]:
        """Names in a synthetic directory; FileNotFoundError if no arena is below it any more."""
        prefix = path + b"/" if path else b""
        children: dict[bytes, int] = {}
        for arena in self._arenas():
            name = arena.name.encode()
            if not name.startswith(prefix):
                continue
            first, _, rest = name[len(prefix) :].partition(b"/")
            children[first] = self._synthetic(prefix + first) if rest else arena.root_ino
        if path and not children:
            raise missing(path)
        return children

    def _synthetic(self, path: bytes) -> int:
        """Paths keep their inode; bounded by ARENAS_MAX names of a few parts."""
        if path not in self._inodes:
            ino = SYNTHETIC_FIRST + len(self._inodes)
            self._inodes[path] = ino
            self._paths[ino] = path
        return self._inodes[path]
