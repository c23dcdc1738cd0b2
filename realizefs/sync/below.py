"""All files at and below a path, a page at a time: what a person names is seldom a single file."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple, TypeVar

from realizefs.model import paths
from realizefs.model.entries import Entry
from realizefs.model.ids import Inode
from realizefs.model.versions import Kind
from realizefs.store.arena import ArenaStore
from realizefs.store.tree import Tree
from realizefs.store.txn import Txn

T = TypeVar("T")

PAGE = 2000
"""Files looked at in one read transaction, some ten milliseconds."""


class Top(NamedTuple):
    """Where to begin: an inode, and the path that what is below it is named with."""

    path: bytes
    ino: Inode


Page = tuple[Sequence[T], bytes | None]
"""What was found among PAGE files, and after which to go on; None at the end."""


def page(
    store: ArenaStore, top: Top, after: bytes, look: Callable[[Txn, bytes, Entry], T | None]
) -> Page[T]:
    """What `look` makes of the next PAGE files beyond `after`, by path, where it makes anything."""
    found: list[T] = []
    last: bytes | None = None
    with store.env.read() as txn:
        files = islice(files_below(store.tree, txn, top.ino, after), PAGE)
        for count, (path, ino) in enumerate(files, 1):
            last = path if count == PAGE else None
            entry = store.tree.entry(txn, ino)
            shown = paths.join(top.path, path) if path else top.path
            one = look(txn, shown, entry) if entry is not None else None
            if one is not None:
                found.append(one)
    return found, last


def pages(
    store: ArenaStore, top: Top, look: Callable[[Txn, bytes, Entry], T | None]
) -> Iterator[T]:
    """The same of all pages, each of another moment. Blocking."""
    after: bytes | None = b""
    while after is not None:
        found, after = page(store, top, after, look)
        yield from found


def files_below(tree: Tree, txn: Txn, top: Inode, after: bytes) -> Iterator[tuple[bytes, Inode]]:
    """Live files at or below an inode by their paths from there, beyond `after`, in the order of the
    names of each directory; b"" is the path of `top` itself. Depth bounded by PATH_BYTES_MAX."""
    entry = tree.entry(txn, top)
    if entry is None or entry.version.deleted:
        return
    if entry.version.kind is Kind.FILE:
        if not after:
            yield b"", top
        return
    yield from _below(tree, txn, top, b"", paths.components(after))


def _below(
    tree: Tree, txn: Txn, directory: Inode, path: bytes, after: Sequence[bytes]
) -> Iterator[tuple[bytes, Inode]]:
    if len(after) > 1:  # it ended somewhere within this one
        inner = tree.lookup(txn, directory, after[0])
        if inner is not None and not inner.deleted and inner.kind is Kind.DIRECTORY:
            yield from _below(tree, txn, inner.ino, paths.join(path, after[0]), after[1:])
    for child in tree.children(txn, directory, after[0] if after else None):
        if child.deleted:
            continue
        where = paths.join(path, child.name)
        if child.kind is Kind.DIRECTORY:
            yield from _below(tree, txn, child.ino, where, ())
        elif child.kind is Kind.FILE:
            yield where, child.ino
