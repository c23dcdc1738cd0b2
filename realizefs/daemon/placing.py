"""Where a new arena root may be."""

import os
from collections.abc import Iterable
from pathlib import Path

from realizefs.daemon.config import ArenaConfig
from realizefs.fs import mountpoints
from realizefs.model.errors import Misuse


def check_place(root: Path, arenas: Iterable[ArenaConfig]) -> Path:
    """The real path of a directory that can become an arena root; raises Misuse where not.

    Blocking; makes nothing.
    """
    real = Path(os.path.realpath(root))
    if _in_our_mount(real):
        raise Misuse(f"{root} is in a mount of RealizeFS; an arena root must be a plain folder.")
    for arena in arenas:
        other = Path(os.path.realpath(arena.root))
        if real == other:
            raise Misuse(f'{root} is already the root of the arena "{arena.name}".')
        if real.is_relative_to(other):
            raise Misuse(f'{root} is inside the root of the arena "{arena.name}" ({arena.root}).')
        if other.is_relative_to(real):
            raise Misuse(f'{root} contains the root of the arena "{arena.name}" ({arena.root}).')
    _check_usable(real)
    return real


def make_root(root: Path) -> None:
    """Make the directory if it is missing; its parent exists, as `check_place` saw."""
    try:
        root.mkdir(exist_ok=True)
    except OSError as error:
        raise Misuse(f"{root} can't be made: {error.strerror}.") from error


def _check_usable(root: Path) -> None:
    if root.is_dir():
        if not os.access(root, os.W_OK | os.X_OK):
            raise Misuse(f"{root} can't be written; an arena root must be yours.")
    elif os.path.lexists(root):
        raise Misuse(f"{root} is not a folder.")
    elif not root.parent.is_dir():
        raise Misuse(f"{root} can't be made: there is no folder {root.parent}.")
    elif not os.access(root.parent, os.W_OK | os.X_OK):
        raise Misuse(f"{root} can't be made: {root.parent} can't be written.")


def _in_our_mount(path: Path) -> bool:
    """Whether the filesystem seen at `path` is one of ours."""
    mounts = (mountpoints.find_mount(place) for place in (path, *path.parents))
    nearest = next((mount for mount in mounts if mount is not None), None)
    return nearest is not None and nearest.type == mountpoints.TYPE
