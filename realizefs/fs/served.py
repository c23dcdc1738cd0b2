"""What all handlers of one mount share. Lives on the trio thread."""

from dataclasses import dataclass, field

import pyfuse3
import trio

from realizefs.fs import attrs
from realizefs.fs.handles import Handles
from realizefs.fs.inodes import Lookups
from realizefs.fs.items import Item
from realizefs.fs.port import Arena
from realizefs.fs.views import View
from realizefs.model.ids import Inode
from realizefs.model.limits import FUSE_THREADS_MAX


@dataclass(slots=True, eq=False)
class Served:
    """One mount: `no_fetch` are the comm names of DESIGN 3.5, `umask` this process's own."""

    view: View
    no_fetch: frozenset[bytes] = frozenset()
    umask: int = 0
    lookups: Lookups = field(default_factory=Lookups)
    handles: Handles = field(default_factory=Handles)
    threads: trio.CapacityLimiter = field(
        default_factory=lambda: trio.CapacityLimiter(FUSE_THREADS_MAX)
    )

    def kernel_ino(self, arena: Arena, ino: Inode) -> int:
        """What the kernel calls an inode of an arena."""
        return self.view.kernel_ino(arena, ino)

    def attributes(self, item: Item) -> pyfuse3.EntryAttributes:
        """Of something that exists now."""
        return attrs.of_item(item, self.kernel_ino)

    def entry(self, item: Item) -> pyfuse3.EntryAttributes:
        """The same, as an answer that gives the kernel one more reference to the inode."""
        attributes = self.attributes(item)
        self.lookups.add(attributes.st_ino)
        return attributes
