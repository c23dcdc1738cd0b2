"""Making native what was unreal: files and symlinks that are to be linked or exchanged, and the
directories that something native is made in."""

import pyfuse3

from realizefs.fs import content, items
from realizefs.fs.items import Item
from realizefs.fs.port import Arena
from realizefs.fs.served import Served
from realizefs.model import paths
from realizefs.model.versions import Kind
from realizefs.sync.own_attributes import write_attributes


async def make_real(served: Served, item: Item, ctx: pyfuse3.RequestContext) -> Item:
    """The same file or symlink, real by now."""
    if item.stat is not None:
        return item
    if item.version.kind is Kind.FILE:
        await content.realize(served, item, truncate=False, ctx=ctx)
    else:
        await item.arena.make_real(item.ino, False)
    return items.find(item.arena, item.ino)


def make_directory(arena: Arena, directory: Item, umask: int) -> None:
    """Make a directory of the index, and those above it, with the modes that the index has."""
    root = arena.store.root
    ino = arena.root_ino
    for name in paths.components(directory.path):
        item = items.child(arena, ino, name)
        if item is None:
            raise items.missing(directory.path)
        ino = item.ino
        if item.stat is None:
            mode = item.version.mode & 0o7777
            root.mkdir(item.path, mode)
            attributes = arena.attributes(item.ino)
            write_attributes(root, item.path, attributes)
            if mode & umask or attributes:
                root.chmod(item.path, mode)
            arena.touched(item.path, item.entry)
