"""What all handlers of one mount share. Lives on the trio thread."""

import stat
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field

import pyfuse3
import trio

from realizefs.core.counting import MountCounts
from realizefs.fs import attrs, items
from realizefs.fs.callers import Comms
from realizefs.fs.handles import Handles
from realizefs.fs.hardlinks import Hardlinks
from realizefs.fs.inodes import Lookups, Place
from realizefs.fs.items import Item
from realizefs.fs.port import Arena
from realizefs.fs.snapshots import Snapshots
from realizefs.fs.views import Spot, View
from realizefs.fs.witness import Witness
from realizefs.model.ids import Inode
from realizefs.model.limits import FUSE_THREADS_MAX
from realizefs.sync.bell import Bell


@dataclass(slots=True, eq=False)
class Served:
    """One mount: `no_fetch` are the comm names of DESIGN 3.5, `umask` this process's own, `acl` whether
    it answers for ACLs."""

    view: View
    no_fetch: frozenset[bytes] = frozenset()
    umask: int = 0
    acl: bool = False
    counts: MountCounts = field(default_factory=MountCounts)
    comms: Comms = field(default_factory=Comms)
    lookups: Lookups = field(default_factory=Lookups)
    handles: Handles = field(default_factory=Handles)
    hardlinks: Hardlinks = field(default_factory=Hardlinks)
    snapshots: Snapshots = field(default_factory=Snapshots)
    witness: Witness = field(default_factory=Witness)
    news: Bell = field(default_factory=Bell)
    """rings at each change of an index"""
    kernel_told: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint
    """returns once the kernel was told of what has changed until now; the mount's notifier does"""
    kernel_is_told: Callable[[], bool] = lambda: True
    """whether it is so already"""
    answering: ContextVar[bool] = field(
        default_factory=lambda: ContextVar("answering", default=False)
    )
    """true in the tasks that answer the kernel, which knows what changes there without being told"""
    renaming: ContextVar[bool] = field(
        default_factory=lambda: ContextVar("renaming", default=False)
    )
    """true where names are recorded that the kernel itself changes, with the directory locked"""
    threads: trio.CapacityLimiter = field(
        default_factory=lambda: trio.CapacityLimiter(FUSE_THREADS_MAX)
    )

    def kernel_ino(self, arena: Arena, ino: Inode) -> int:
        """What the kernel calls an inode of an arena."""
        return self.view.kernel_ino(arena, self.hardlinks.known_as(ino))

    def find(self, arena: Arena, ino: Inode) -> Item:
        """What an inode that the kernel knows is now; raises FileNotFoundError."""
        return items.find(arena, self.hardlinks.name_of(arena, ino))

    def attributes(self, item: Item) -> pyfuse3.EntryAttributes:
        """Of something that exists now."""
        ino = self.hardlinks.shown_as(item)
        return attrs.of_item(item, self.view.kernel_ino(item.arena, ino))

    def answer(self, item: Item) -> pyfuse3.EntryAttributes:
        """The same for the kernel, which trusts them from now on."""
        attributes = self.attributes(item)
        self.lookups.told(attributes.st_ino, item.stat, attributes.st_mode)
        return attributes

    def entry(self, item: Item, directory: Spot, name: bytes) -> pyfuse3.EntryAttributes:
        """The same, as an answer that gives the kernel one more reference to the inode."""
        attributes = self.answer(item)
        attributes.generation = self.lookups.generation(attributes.st_ino)
        self.named(attributes, directory, name)
        self.handles.found(self.hardlinks.known_as(item.ino))
        return attributes

    def reader_of(self, fh: int, pid: int) -> None:
        """What is read through a handle is read by this caller."""
        self.handles.file(fh).reader = self.counts.reader(self.comms.of(pid))

    def named(self, entry: pyfuse3.EntryAttributes, directory: Spot, name: bytes) -> None:
        """The kernel is answered this under a name."""
        linked = entry.st_nlink > 1 and not stat.S_ISDIR(entry.st_mode)
        self.lookups.add(entry.st_ino, self.place(directory, name), linked=linked)

    def place(self, directory: Spot, name: bytes) -> Place:
        """A name as the kernel knows it."""
        return self.view.kernel_ino(directory.arena, directory.ino), name

    @contextmanager
    def changed_by_kernel(self) -> Iterator[None]:
        """What is told by this task meanwhile is a rename or delete that the kernel asks for: it
        drops what it knew itself. A notice would only wait for the lock that it holds."""
        token = self.renaming.set(True)
        try:
            yield
        finally:
            self.renaming.reset(token)

    def touched(self, item: Item) -> None:
        """A native file changed, under each of its names: index it soon."""
        names = self.hardlinks.names(self.hardlinks.known_as(item.ino))
        for name in {item.ino, *names}:
            with suppress(FileNotFoundError):  # removed meanwhile by another program, or a peer
                item.arena.touched(item.arena.path(name))
