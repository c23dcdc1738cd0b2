"""Listing a directory: the index's live entries and the native names that it doesn't know.

opendir takes a snapshot of the names (in a thread: a scan of 100,000 native names takes a while)
and a cookie is a position in it: while the directory changes, no name comes twice and none that
stays is skipped, even where the snapshot had to be let go meanwhile (see `snapshots`). Attributes are looked up when they are asked for, and a name that is gone by
then is left out. For unreal entries the snapshot has them already; where a change was announced
since the snapshot, the entry is looked up anew, so that the kernel is never given, for long,
what it was told to drop before.
"""

import errno
import os
from collections.abc import Iterator

import pyfuse3
import trio

from realizefs.fs import attrs, items
from realizefs.fs.attrs import Facts
from realizefs.fs.handles import HouseholdListing, Listing
from realizefs.fs.items import Item
from realizefs.fs.port import Arena
from realizefs.fs.served import Served
from realizefs.fs.snapshots import Snapshot
from realizefs.fs.views import Spot, Synthetic
from realizefs.model import paths
from realizefs.model.ids import Inode
from realizefs.model.limits import KERNEL_CACHE_SECONDS_REAL

DOTS = (b".", b"..")
"""Positions 0 and 1 of every listing. The kernel takes no reference for them."""


async def open_directory(served: Served, arena: Arena, ino: Inode) -> int:
    """The number of a new handle on a directory."""
    item = items.find(arena, ino)
    if not item.is_directory:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), item.path)
    listing = Listing(arena, ino)
    fh = served.handles.add(listing)  # before the snapshot: changes during it are noticed
    try:
        await _take_snapshot(served, listing)
    except BaseException:
        served.handles.remove(fh)
        close(listing)
        raise
    return fh


async def reply(served: Served, listing: Listing, start: int, token: pyfuse3.ReaddirToken) -> None:
    """Fill the kernel's buffer from position `start` on."""
    reading = listing.reading
    if start == 0 and listing.served:  # rewinddir: POSIX wants the directory as it is now
        reading.rewind()
    reading.at = max(start - len(DOTS), 0)
    if reading.snapshot is None:
        listing.stale, listing.distrusted = set(), False
        await _take_snapshot(served, listing)
    listing.served = True
    served.snapshots.used(reading)
    # No await from here on: what is answered is true until the next change is announced.
    directory = Spot(listing.arena, listing.ino)
    for position, name, entry in _entries(served, listing, start):
        entry.generation = served.lookups.generation(entry.st_ino)
        if not pyfuse3.readdir_reply(token, name, entry, position + 1):
            return
        if position >= len(DOTS):
            served.named(entry, directory, name)


def reply_synthetic(
    served: Served, listing: HouseholdListing, start: int, token: pyfuse3.ReaddirToken
) -> None:
    """The same for a directory above the arenas."""
    entries = [(name, listing.ino) for name in DOTS] + listing.entries
    for position, (name, ino) in enumerate(entries[start:], start):
        entry = _synthetic_entry(served, ino)
        if entry is None:
            continue
        if not pyfuse3.readdir_reply(token, name, entry, position + 1):
            return
        if position >= len(DOTS):
            served.lookups.add(ino)


async def sync(served: Served, listing: Listing | HouseholdListing) -> None:
    """Make the names of a native directory durable."""
    if isinstance(listing, Listing) and listing.fd >= 0:
        await trio.to_thread.run_sync(os.fsync, listing.fd, limiter=served.threads)


def close(listing: Listing | HouseholdListing) -> None:
    """Close what the listing holds; again is harmless."""
    if isinstance(listing, Listing) and listing.fd >= 0:
        os.close(listing.fd)
        listing.fd = -1


async def _take_snapshot(served: Served, listing: Listing) -> None:
    arena, ino = listing.arena, listing.ino
    path = arena.path(ino)
    close(listing)
    try:
        listing.fd = arena.store.root.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        if items.native_stat(arena, path) is not None:
            raise
    has_native = listing.fd >= 0

    def look() -> Snapshot:
        native = {one.name for one in arena.store.root.list(path)} if has_native else set()
        dirents = {one.name: one for one in arena.children(ino) if not one.deleted}
        unreal = {one.ino: name for name, one in dirents.items() if name not in native}
        hidden = {unreal[one] for one in arena.believed_real(unreal)}
        names = sorted((dirents.keys() | native) - hidden)
        return Snapshot(names, dirents, native, arena.cached_bytes(unreal))

    listing.reading.take(await trio.to_thread.run_sync(look, limiter=served.threads))
    served.snapshots.used(listing.reading)


def _entries(
    served: Served, listing: Listing, start: int
) -> Iterator[tuple[int, bytes, pyfuse3.EntryAttributes]]:
    """(position, name, attributes) from a position on; what is gone by now is left out."""
    for position, name in enumerate(DOTS[start:], start):
        yield position, name, _dot(served, listing)
    snapshot = listing.reading.snapshot
    assert snapshot is not None, "it was taken before it is read"
    first = max(start - len(DOTS) - snapshot.first, 0)
    owner = listing.arena.store.root.owner()
    where = listing.arena.path(listing.ino), owner
    for index in range(first, len(snapshot.names)):
        name = snapshot.names[index]
        entry = _entry(served, listing, (snapshot, name), where)
        if entry is not None:
            yield index + snapshot.first + len(DOTS), name, entry


def _entry(
    served: Served,
    listing: Listing,
    what: tuple[Snapshot, bytes],
    where: tuple[bytes, os.stat_result],
) -> pyfuse3.EntryAttributes | None:
    """Of a name of a snapshot; `where` is the directory's path and whose unreal things are."""
    arena, (snapshot, name), (path, owner) = listing.arena, what, where
    dirent = snapshot.dirents.get(name)
    if listing.distrusted or name in listing.stale:
        item = items.child(arena, listing.ino, name)
        return served.answer(item) if item else None
    if name not in snapshot.native:
        assert dirent is not None, "a name is in one of the two"
        cached = snapshot.cached.get(dirent.ino, 0)
        ino = served.kernel_ino(arena, dirent.ino)
        entry = attrs.of_unreal(Facts.of(dirent), ino, owner, cached)
        served.lookups.told(ino, None, entry.st_mode)
        return entry
    try:
        native = os.stat(name, dir_fd=listing.fd, follow_symlinks=False)
    except FileNotFoundError:
        item = items.child(arena, listing.ino, name)  # removed, or unreal since the snapshot
        return served.answer(item) if item else None
    ino = dirent.ino if dirent else items.native_ino(arena, listing.ino, name)
    return served.answer(Item(arena, ino, paths.join(path, name), None, native))


def _dot(served: Served, listing: Listing) -> pyfuse3.EntryAttributes:
    """For "." and "..": the kernel uses nothing of it but the type."""
    entry = pyfuse3.EntryAttributes()
    entry.st_ino = served.kernel_ino(listing.arena, listing.ino)
    entry.st_mode = 0o040755
    return entry


def _synthetic_entry(served: Served, ino: int) -> pyfuse3.EntryAttributes | None:
    try:
        place = served.view.spot(ino)
        if isinstance(place, Synthetic):
            return attrs.of_synthetic(place)
        return arena_root(served, place)
    except FileNotFoundError:
        return None


def arena_root(served: Served, place: Spot) -> pyfuse3.EntryAttributes:
    """An arena's root among the directories above the arenas, which come and go."""
    entry = served.answer(items.find(place.arena, place.ino))
    entry.entry_timeout = min(entry.entry_timeout, KERNEL_CACHE_SECONDS_REAL)
    return entry
