"""From a path on this machine to a path in an arena.

What people name is in the mount or in an arena root. The text decides where it can: nothing of
the mount is touched, so a mount that can't answer is no obstacle to asking about it. Only a path
that leads there through a symlink is resolved, its last name excepted, in a worker thread, since
resolving may ask this very process through its mount.
"""

import os
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import trio

from realizefs.daemon.app import App
from realizefs.daemon.arenas import Arenas, RunningArena, Slot
from realizefs.daemon.config import ArenaConfig
from realizefs.daemon.mounts import Mounted
from realizefs.fs import mountpoints
from realizefs.model.errors import NotFound
from realizefs.model.paths import is_reserved, is_within, show


@asynccontextmanager
async def placed(
    app: App, wanted: Iterable[bytes], check: Callable[[ArenaConfig], None] = lambda _: None
) -> AsyncIterator[Sequence[tuple[RunningArena, bytes]]]:
    """The arena of each path, and the path in it. Without a daemon each arena is opened once: to open it
    is to look through it. `check` refuses arenas."""
    places, arenas = Places(app.arenas, app.mounts.current), dict[str, RunningArena]()
    async with AsyncExitStack() as stack:
        found: list[tuple[RunningArena, bytes]] = []
        for path in wanted:
            slot, inside = await places.find(path)
            check(slot.config)
            name = slot.config.name
            if name not in arenas:
                arenas[name] = await stack.enter_async_context(app.using(slot))
            found.append((arenas[name], inside))
        yield found


class Places:
    """Where arenas are seen: their roots, and the mount if there is one."""

    def __init__(self, arenas: Arenas, mounted: Mounted | None) -> None:
        self._arenas = arenas
        self._mounted = mounted

    async def find(self, path: bytes) -> tuple[Slot, bytes]:
        """The arena of an absolute path, and the path in it; raises NotFound."""
        found = self._by_text(path)
        if found is None:
            real = await trio.to_thread.run_sync(_resolved, path)
            found = self._by_text(real)
        if found is None:
            raise NotFound(_why_not(path, real))
        slot, inside = found
        if is_reserved(inside):
            raise NotFound(f'"{show(path)}" belongs to the state of the arena, not to its files.')
        return slot, inside

    def _by_text(self, path: bytes) -> tuple[Slot, bytes] | None:
        mounted = self._mounted
        if mounted is not None:
            inside = _below(path, mounted.directory)
            if inside is not None and mounted.arena is not None:
                return self._arenas.named(mounted.arena), inside
            if inside is not None:
                return self._in_household(inside, path)
        for slot in self._arenas:  # no root is inside another one
            inside = _below(path, slot.config.root)
            if inside is not None:
                return slot, inside
        return None

    def _in_household(self, inside: bytes, path: bytes) -> tuple[Slot, bytes]:
        for slot in self._arenas:
            name = slot.config.name.encode()
            if is_within(inside, name):
                return slot, inside[len(name) + 1 :]
        raise NotFound(f'"{show(path)}" is not in an arena; it only leads to them.')


def _why_not(path: bytes, real: bytes) -> str:
    mount = mountpoints.mount_around(real)
    if mount is None:
        return f'"{show(path)}" is neither in a mount of RealizeFS nor in an arena root of this machine.'
    return (
        f'"{show(path)}" is in the mount at "{show(mount.path)}", whose daemon has ended, or has another '
        f"--home; `realizefs mount {show(mount.path)}` mounts it anew."
    )


def _below(path: bytes, directory: Path) -> bytes | None:
    """`path` relative to `directory`, None if it isn't there."""
    top = os.fsencode(directory)
    if not is_within(path, top):
        return None
    return path[len(top) :].lstrip(b"/")


def _resolved(path: bytes) -> bytes:
    """Without symlinks, but for the last name, which may be a symlink that is asked about."""
    parent, name = os.path.split(path)
    return os.path.join(os.path.realpath(parent), name)
