"""An arena without database, scanner or peers: real files in a directory, the rest in dicts.

It follows `fs.port.Arena`. `peer_adds`, `peer_changes` and `peer_removes` play the household;
`reachable` says whether any peer is connected. What is announced is on the thread of the mount that
shows the arena, whichever thread calls.
"""

import functools
import itertools
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

import trio

from realizefs.model import paths
from realizefs.model.changes import Change, ChangeKind
from realizefs.model.entries import Dirent, Entry, Node
from realizefs.model.errors import Unreachable, VersionGone
from realizefs.model.ids import NO_DIGEST, Digest, Inode
from realizefs.model.marks import Mark
from realizefs.model.versions import Kind, Version
from realizefs.store.openat import RENAME_EXCHANGE
from realizefs.store.realfile import Root
from realizefs.store.watch import EventKind, RootEvent
from realizefs.sync.overlay import Overlay

P = ParamSpec("P")
T = TypeVar("T")

MTIME_NS = 1_600_000_000_123_456_789


Caller = Callable[[Callable[[], Any]], Any]


def announced(
    change: Callable[Concatenate["FakeArena", P], T],
) -> Callable[Concatenate["FakeArena", P], T]:
    """Have it done where the listeners expect it."""

    @functools.wraps(change)
    def there(self: "FakeArena", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return cast("T", self.there(functools.partial(change, self, *args, **kwargs)))

    return there


@dataclass(frozen=True, slots=True)
class FakeDescription:
    mark: Mark
    status: str
    hash: Digest
    holders: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class FakeStore:
    root: Root


class FakeArena:
    def __init__(self, path: Path, name: str = "arena", first_ino: int = 1000) -> None:
        self.name = name
        self.there: Caller = lambda change: change()
        self.store = FakeStore(Root(path))
        self._inodes = itertools.count(first_ino)
        self.root_ino = self._allocate()
        self.overlay = Overlay(self._allocate)
        self.listeners: list[Callable[[Change], None]] = []
        self.watchers: list[Callable[[Sequence[RootEvent]], None]] = []
        self.watched: set[bytes] = set()
        self.entries: dict[Inode, Entry] = {}
        self.names: dict[tuple[Inode, bytes], Inode] = {}
        self.contents: dict[Digest, bytes] = {}
        self.cached: set[Digest] = set()
        self.real: set[Inode] = set()
        self.marks: dict[Inode, Mark] = {}
        self.own_attributes: dict[Inode, dict[bytes, bytes]] = {}
        self.reachable = True
        self.gone: set[Digest] = set()
        self.refused = 0
        self.fetches = 0
        self.stalled = trio.Event()
        self.stall = False
        self.waiting = 0
        self.open_for_writing: list[Inode] = []
        self.touched_paths: list[bytes] = []
        version = Version(Kind.DIRECTORY, mode=0o755, mtime_ns=MTIME_NS)
        self.entries[self.root_ino] = Entry(self.root_ino, self.root_ino, b"", version)

    def _allocate(self) -> Inode:
        return Inode(next(self._inodes))

    # -- the household ------------------------------------------------------------------------

    @announced
    def peer_adds(
        self,
        path: str | bytes,
        content: bytes | None = b"",
        mode: int | None = None,
        target: bytes = b"",
    ) -> Inode:
        """A file (directory if `content` is None, symlink if `target`) that is unreal here."""
        if mode is None:
            mode = 0o755 if content is None else 0o644
        raw = path.encode() if isinstance(path, str) else path
        parent_path, name = paths.split(raw)
        parent = self.resolve(parent_path) if parent_path else self.root_ino
        if parent is None:
            parent = self.peer_adds(parent_path, None, 0o755)
        version = self._version(content, mode, target)
        ino = self.names.get((parent, name)) or self._allocate()
        self._put(Entry(ino, parent, name, version), ChangeKind.ENTRY)
        return ino

    @announced
    def peer_changes(self, ino: Inode, content: bytes) -> None:
        entry = self.entries[ino]
        version = replace(self._version(content, entry.version.mode, b""), mtime_ns=MTIME_NS + 1)
        self._put(replace(entry, version=version), ChangeKind.CONTENT)

    @announced
    def peer_removes(self, ino: Inode) -> None:
        entry = self.entries[ino]
        gone = replace(entry, version=replace(entry.version, deleted=True))
        self._put(gone, ChangeKind.ENTRY)

    @announced
    def scanned(self, path: str) -> Inode:
        """What the scanner does about a native file in the root directory of the arena."""
        name = path.encode()
        known = self.names.get((self.root_ino, name))
        native = self.store.root.lstat(name)
        content = (self.store.root.path / path).read_bytes()
        version = replace(
            self._version(content, native.st_mode & 0o777, b""), mtime_ns=native.st_mtime_ns
        )
        ino = known or self.overlay.ino_of(self.root_ino, name)
        self.overlay.forget(ino)
        self.real.add(ino)
        what = ChangeKind.CONTENT if known else ChangeKind.ENTRY
        self._put(Entry(ino, self.root_ino, name, version), what)
        return ino

    @announced
    def is_indexed(self, path: bytes) -> None:
        """A native directory in the root gets its entry, under the inode that it has."""
        version = self._version(None, 0o755, b"")
        ino = self.overlay.ino_of(self.root_ino, path)
        self._put(Entry(ino, self.root_ino, path, version), ChangeKind.ENTRY)

    @announced
    def becomes_unreal(self, path: bytes) -> None:
        """A real file goes to the cache, under the inode that it has."""
        content = (self.store.root.path / os.fsdecode(path)).read_bytes()
        parent_path, name = paths.split(path)
        parent = self.resolve(parent_path)
        assert parent is not None
        ino = self.names.get((parent, name)) or self.overlay.ino_of(parent, name)
        version = self._version(content, 0o644, b"")
        self.cached.add(version.hash)
        self.store.root.unlink(path)
        self._put(Entry(ino, parent, name, version), ChangeKind.ATTRIBUTES)

    def _version(self, content: bytes | None, mode: int, target: bytes) -> Version:
        if target:
            return Version(Kind.SYMLINK, size=len(target), target=target, mtime_ns=MTIME_NS)
        if content is None:
            return Version(Kind.DIRECTORY, mode=mode, mtime_ns=MTIME_NS)
        digest = Digest(sha256(content).digest())
        self.contents[digest] = content
        return Version(Kind.FILE, digest, NO_DIGEST, len(content), MTIME_NS, mode)

    def _put(self, entry: Entry, what: ChangeKind) -> None:
        self.entries[entry.ino] = entry
        self.names[entry.parent, entry.name] = entry.ino
        for listener in self.listeners:
            content = entry.version.hash if entry.version.size else NO_DIGEST
            listener(Change(entry.parent, entry.name, entry.ino, what, content))

    def resolve(self, path: bytes) -> Inode | None:
        at: Inode | None = self.root_ino
        for name in paths.components(path):
            at = self.names.get((at, name)) if at is not None else None
        return at

    @announced
    def sees(self, path: str, kind: EventKind, *, is_dir: bool = False) -> None:
        """inotify reports something in the root."""
        for watcher in self.watchers:
            watcher([RootEvent(path.encode(), kind, is_dir)])

    # -- the port -----------------------------------------------------------------------------

    def is_watched(self, directory: bytes) -> bool:
        return directory in self.watched

    def node(self, ino: Inode) -> Node:
        path = self._indexed_path(ino) or self.overlay.path(ino, self._indexed_path)
        if path is None and ino != self.root_ino:
            raise FileNotFoundError(2, "no such inode")
        return Node(ino, path or b"", self.entries.get(ino))

    def _indexed_path(self, ino: Inode) -> bytes | None:
        if ino == self.root_ino:
            return b""
        entry = self.entries.get(ino)
        if entry is None:
            return None
        above = self._indexed_path(entry.parent)
        if above is None:
            above = self.overlay.path(entry.parent, self._indexed_path)
        return None if above is None else paths.join(above, entry.name)

    def path(self, ino: Inode) -> bytes:
        return self.node(ino).path

    def ino_for(self, parent: Inode, name: bytes) -> Inode | None:
        ino = self.names.get((parent, name))
        if ino is not None and not self.entries[ino].version.deleted:
            return ino
        return self.overlay.peek(parent, name)

    def unreal_child(self, parent: Inode, name: bytes) -> Entry | None:
        ino = self.names.get((parent, name))
        if ino is None or ino in self.real or self.entries[ino].version.deleted:
            return None
        return self.entries[ino]

    def children(self, ino: Inode) -> Sequence[Dirent]:
        found = [(name, child) for (parent, name), child in self.names.items() if parent == ino]
        return [self._dirent(name, self.entries[child]) for name, child in sorted(found)]

    def _dirent(self, name: bytes, entry: Entry) -> Dirent:
        is_ = entry.version
        return Dirent(name, entry.ino, is_.kind, is_.deleted, is_.mode, is_.size, is_.mtime_ns)

    def believed_real(self, inodes: Iterable[Inode]) -> set[Inode]:
        return {ino for ino in inodes if ino in self.real}

    def cached_bytes(self, inodes: Iterable[Inode]) -> dict[Inode, int]:
        versions = {ino: self.entries[ino].version for ino in inodes}
        return {ino: one.size for ino, one in versions.items() if one.hash in self.cached}

    def cached_complete(self, ino: Inode) -> bool:
        return self.entries[ino].version.hash in self.cached

    def explicit_mark(self, ino: Inode) -> Mark | None:
        return self.marks.get(ino)

    def attributes(self, ino: Inode) -> dict[bytes, bytes]:
        return self.own_attributes.setdefault(ino, {})

    async def set_attribute(self, ino: Inode, name: bytes, value: bytes | None) -> None:
        self.attributes(ino).pop(name, None)
        if value is not None:
            self.attributes(ino)[name] = value

    def describe(self, ino: Inode) -> FakeDescription:
        entry = self.entries.get(ino)
        digest = entry.version.hash if entry else NO_DIGEST
        status = "remote" if entry and not self.cached_complete(ino) else "real"
        return FakeDescription(
            self.marks.get(ino, Mark.WATCH), status, digest, (("desk", "own"), ("nas", "cached"))
        )

    def touched(self, path: bytes, made: Entry | None = None) -> None:
        self.touched_paths.append(path)

    def writing(self, ino: Inode) -> None:
        self.open_for_writing.append(ino)

    def written(self, ino: Inode, path: bytes | None) -> None:
        self.open_for_writing.remove(ino)
        if path is not None:
            self.touched(path)

    async def read(self, ino: Inode, version: Version, start: int, length: int) -> bytes:
        if version.hash in self.gone:
            self.refused += 1
            raise VersionGone("The holder has changed it.")
        if version.hash not in self.cached:
            if not self.reachable:
                raise Unreachable("No peer that holds this is connected.")
            if self.stall:
                self.waiting += 1
                try:
                    await self.stalled.wait()
                finally:
                    self.waiting -= 1
                if not self.reachable:
                    raise Unreachable("The link was cut.")
            self.fetches += 1
            self.cached.add(version.hash)
        return self.contents[version.hash][start : start + length]

    async def make_real(self, ino: Inode, truncate: bool) -> None:
        entry = self.entries[ino]
        version = entry.version
        if version.kind is Kind.SYMLINK:
            self.store.root.symlink(version.target, self.path(ino))
            return
        data = b"" if truncate else await self.read(ino, version, 0, version.size)
        path = self.path(ino)
        self.store.root.make_parents(path)
        fd = self.store.root.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, version.mode)
        with os.fdopen(fd, "wb") as file:
            file.write(data)
        self.store.root.utime_ns(path, version.mtime_ns, version.mtime_ns)

    async def remove(self, ino: Inode, *, native: bool = False) -> None:
        entry = self.entries.get(ino)
        if entry is None:
            self.overlay.forget(ino)
            return
        self.entries[ino] = replace(entry, version=replace(entry.version, deleted=True))
        self.real.discard(ino)

    async def move(
        self,
        ino: Inode,
        new_parent: Inode,
        new_name: bytes,
        flags: int,
        *,
        over_native: bool = False,
    ) -> None:
        if flags & RENAME_EXCHANGE:
            self._exchange(ino, new_parent, new_name)
            return
        if ino not in self.entries:
            self._bury(new_parent, new_name)
            self.overlay.move(ino, new_parent, new_name)
            return
        entry = self.entries[ino]
        self._bury(new_parent, new_name)
        del self.names[entry.parent, entry.name]
        self.entries[ino] = replace(entry, parent=new_parent, name=new_name)
        self.names[new_parent, new_name] = ino

    def _exchange(self, ino: Inode, parent: Inode, name: bytes) -> None:
        """Of files that aren't indexed: the kernel has exchanged the inodes of the two names."""
        here = self.overlay.place(ino)
        assert here is not None
        self.overlay.exchange(here, (parent, name))

    def _bury(self, parent: Inode, name: bytes) -> None:
        over = self.names.pop((parent, name), None)
        if over is not None:
            del self.entries[over]

    async def change_metadata(self, ino: Inode, mode: int | None, mtime_ns: int | None) -> None:
        entry = self.entries[ino]
        was = entry.version
        version = replace(
            was,
            mode=was.mode if mode is None else mode,
            mtime_ns=was.mtime_ns if mtime_ns is None else mtime_ns,
        )
        self.entries[ino] = replace(entry, version=version)

    async def set_mark(self, ino: Inode, mark: Mark | None) -> None:
        if mark is None:
            self.marks.pop(ino, None)
        else:
            self.marks[ino] = mark
