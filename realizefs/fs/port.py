"""What `fs` needs of an arena: the narrow side of `sync.arena.Arena`, which tests fake.

Synchronous methods are called on the trio thread and answer from memory, one LMDB read or one
native system call; they never wait. `children`, `believed_real` and `cached_bytes` are also called
from worker threads. A method that is given an inode which doesn't exist raises FileNotFoundError.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from realizefs.model.changes import Change
from realizefs.model.entries import Dirent, Entry, Node
from realizefs.model.ids import Digest, Inode
from realizefs.model.marks import Mark
from realizefs.model.versions import Version
from realizefs.store.realfile import Root
from realizefs.store.watch import RootEvent


class Description(Protocol):
    """What DESIGN 3.3 shows of a path: `status` in its words, `hash` b"" where there is none."""

    @property
    def mark(self) -> Mark:
        """The mark in force."""
        ...

    @property
    def status(self) -> str:
        """A word of DESIGN 3.3."""
        ...

    @property
    def hash(self) -> Digest:
        """Of the content."""
        ...

    @property
    def holders(self) -> Sequence[tuple[str, str]]:
        """(peer name, "own" or "cached"), other peers only."""
        ...


class Overlay(Protocol):
    """Inodes of native things that the index doesn't know (yet)."""

    def ino_of(self, parent: Inode, name: bytes) -> Inode:
        """The inode of this place; a new one the first time."""
        ...

    def release(self, ino: Inode) -> None:
        """The kernel doesn't know this inode any more; harmless for inodes of the index."""
        ...


class HasRoot(Protocol):
    """The part of the arena's store that `fs` touches."""

    @property
    def root(self) -> Root:
        """The arena root, opened before anything was mounted over it."""
        ...


class Arena(Protocol):
    """One tree of files: what is real natively in `store.root`, the rest through here."""

    @property
    def name(self) -> str:
        """The name on this machine; may contain "/"."""
        ...

    @property
    def root_ino(self) -> Inode:
        """The inode of the arena root."""
        ...

    @property
    def store(self) -> HasRoot:
        """Its real files."""
        ...

    @property
    def overlay(self) -> Overlay:
        """Inodes of what only exists natively."""
        ...

    @property
    def listeners(self) -> list[Callable[[Change], None]]:
        """Called on the trio thread for every committed change; must not block."""
        ...

    @property
    def watchers(self) -> list[Callable[[Sequence[RootEvent]], None]]:
        """Called on the trio thread with what was seen to change in the root, ours too; must not
        block."""
        ...

    def is_watched(self, directory: bytes) -> bool:
        """Whether whatever changes in this very directory of the root is seen."""
        ...

    def node(self, ino: Inode) -> Node:
        """What the inode is now; FileNotFoundError if neither index nor overlay knows it."""
        ...

    def path(self, ino: Inode) -> bytes:
        """Where the inode is now."""
        ...

    def ino_for(self, parent: Inode, name: bytes) -> Inode | None:
        """The inode called so: of a live entry of the index, else of the overlay."""
        ...

    def unreal_child(self, parent: Inode, name: bytes) -> Entry | None:
        """The live entry called so, if no native file is believed to belong to it."""
        ...

    def children(self, ino: Inode) -> Sequence[Dirent]:
        """The index's entries in a directory, tombstones included, by name."""
        ...

    def believed_real(self, inodes: Iterable[Inode]) -> set[Inode]:
        """Those of which the index holds that a native file belongs to them."""
        ...

    def cached_bytes(self, inodes: Iterable[Inode]) -> dict[Inode, int]:
        """Bytes of disk that the cache uses for these entries, 0 left out."""
        ...

    def cached_complete(self, ino: Inode) -> bool:
        """Whether reading this entry's current version needs no peer."""
        ...

    def explicit_mark(self, ino: Inode) -> Mark | None:
        """The mark set on this very inode."""
        ...

    def attributes(self, ino: Inode) -> Mapping[bytes, bytes]:
        """The user's own extended attributes of an unreal entry; a real one has its own natively."""
        ...

    def describe(self, ino: Inode) -> Description:
        """The derived attributes."""
        ...

    def touched(self, path: bytes, made: Entry | None = None) -> None:
        """Something native at `path` may have changed: index it soon. A directory of the index was
        just `made` there as it was."""
        ...

    def writing(self, ino: Inode) -> None:
        """A handle that can write was opened."""
        ...

    def written(self, ino: Inode, path: bytes | None) -> None:
        """A handle that could write was closed; None if the file has no name any more."""
        ...

    async def read(self, ino: Inode, version: Version, start: int, length: int) -> bytes:
        """Bytes of exactly that version, from the cache or a peer."""
        ...

    async def make_real(self, ino: Inode, truncate: bool) -> None:
        """Give an unreal file a native one with its content, with `truncate` an empty one; or a
        symlink."""
        ...

    async def remove(self, ino: Inode, *, native: bool = False) -> None:
        """Record that an entry is deleted; committed on return unless all of it was native."""
        ...

    async def move(
        self,
        ino: Inode,
        new_parent: Inode,
        new_name: bytes,
        flags: int,
        *,
        over_native: bool = False,
    ) -> None:
        """Record a rename: the inode and all below it follow, what was there is replaced, with
        `over_native` something native.

        Committed on return unless all of it is native; seen at once in any case.
        """
        ...

    async def change_metadata(self, ino: Inode, mode: int | None, mtime_ns: int | None) -> None:
        """Record new permission bits or mtime of an unreal entry."""
        ...

    async def set_attribute(self, ino: Inode, name: bytes, value: bytes | None) -> None:
        """Set, or with None remove, one of an unreal entry; ENOSPC where there are too many."""
        ...

    async def set_mark(self, ino: Inode, mark: Mark | None) -> None:
        """Set or clear the explicit mark; committed on return."""
        ...
