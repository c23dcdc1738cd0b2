"""What a folder is on this machine: its entries with their states, and how much is in which state.

Blocking, for worker threads: each file costs a system call.
"""

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from stat import S_ISDIR

from realizefs.model import paths
from realizefs.model.entries import Dirent, Entry
from realizefs.model.ids import Inode
from realizefs.model.versions import Kind
from realizefs.store.txn import Txn
from realizefs.sync.below import Top, page
from realizefs.sync.context import Context
from realizefs.sync.describe import describe_native, status_of

LISTED_MAX = 500
"""Entries of one answer: with the longest names Linux has a quarter of what a line may have."""


SPAN_MAX = 200
"""Entries of one span: a few screens."""

SOUGHT_MAX = 100
"""Names whose positions are told with a span: of the folders that are open within one, mostly."""


@dataclass(slots=True)
class Usage:
    """Files in one state, their `size` in bytes, and how many of these are `here`."""

    files: int = 0
    size: int = 0
    here: int = 0


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry of a folder: `status` as `info` has it, `mark` the one in force."""

    name: bytes
    kind: str
    size: int
    status: str
    mark: str


@dataclass(frozen=True, slots=True)
class Span:
    """Entries of a folder from a position on, of `total` live ones in the order of their names; where
    some names are, those that are there."""

    total: int
    entries: Sequence[Listed]
    positions: dict[bytes, int]


def usage(
    context: Context, tops: Sequence[Top], checkpoint: Callable[[], None]
) -> dict[str, Usage]:
    """By state, a partial file's without its share; `checkpoint` is called often and may raise."""
    found: dict[str, Usage] = {}

    def look(txn: Txn, _path: bytes, entry: Entry) -> tuple[str, int, int]:
        state, _, share = status_of(context, txn, entry).partition(" ")
        whole = entry.version.size
        if state == "partial":
            return state, whole, whole * int(share.rstrip("%")) // 100
        return state, whole, whole if state in ("real", "modified", "cached") else 0

    for top in tops:
        after: bytes | None = b""
        while after is not None:
            checkpoint()
            looked, after = page(context.store, top, after, look)
            for state, size, here in looked:
                at = found.setdefault(state, Usage())
                at.files, at.size, at.here = at.files + 1, at.size + size, at.here + here
    return found


def listing(context: Context, ino: Inode, after: bytes) -> list[Listed]:
    """The next LISTED_MAX live entries of a directory beyond a name, or a file alone."""
    store = context.store
    with store.env.read() as txn:
        entry = store.tree.entry(txn, ino)
        if entry is None or entry.version.deleted:
            return []
        if entry.version.kind is not Kind.DIRECTORY:
            name = paths.split(store.tree.path(txn, ino) or b"")[1]
            return [] if after else [_listed(context, txn, entry, name)]
        children = store.tree.children(txn, ino, after or None)
        live = islice((one for one in children if not one.deleted), LISTED_MAX)
        entries = ((one.name, store.tree.entry(txn, one.ino)) for one in live)
        return [_listed(context, txn, one, name) for name, one in entries if one is not None]


def never_shared(context: Context, path: bytes) -> list[Listed]:
    """The first LISTED_MAX things of a native directory that stay on this machine, in the order of their
    names, or such a thing alone; FileNotFoundError where nothing is."""
    root = context.store.root
    is_directory = S_ISDIR(root.lstat(path).st_mode)
    parent = path if is_directory else paths.split(path)[0]
    names = [one.name for one in root.list(path)] if is_directory else [paths.split(path)[1]]
    found = (_stays(context, parent, name) for name in sorted(_not_indexed(context, parent, names)))
    return list(islice(filter(None, found), LISTED_MAX))


def _not_indexed(context: Context, parent: bytes, names: Sequence[bytes]) -> Sequence[bytes]:
    ino, tree = context.names.resolve(parent), context.store.tree
    if ino is None:
        return names
    with context.store.env.read() as txn:
        known = ((name, context.names.find(txn, ino, name)) for name in names)
        return [name for name, one in known if one is None or tree.entry(txn, one) is None]


def _stays(context: Context, parent: bytes, name: bytes) -> Listed | None:
    """None for what will be shared, or is gone."""
    with suppress(FileNotFoundError, NotADirectoryError):
        found = describe_native(context, paths.join(parent, name))
        if not found.shared:
            return Listed(name, found.kind, found.size, found.status, found.mark.value)
    return None


def span(context: Context, ino: Inode, start: int, count: int, sought: Collection[bytes]) -> Span:
    """Up to `count` live entries of a directory from the one at `start` on, and where `sought` are."""
    store, total = context.store, 0
    within: list[Dirent] = []
    positions: dict[bytes, int] = {}
    with store.env.read() as txn:
        for one in store.tree.children(txn, ino):
            if one.deleted:
                continue
            if start <= total < start + count:
                within.append(one)
            if one.name in sought:
                positions[one.name] = total
            total += 1
        found = ((one.name, store.tree.entry(txn, one.ino)) for one in within)
        listed = [_listed(context, txn, one, name) for name, one in found if one is not None]
    return Span(total, listed, positions)


def _listed(context: Context, txn: Txn, entry: Entry, name: bytes) -> Listed:
    mark = context.names.marked(txn, entry, context.default_mark).mark
    version = entry.version
    status = status_of(context, txn, entry)
    return Listed(name, version.kind.name.lower(), version.size, status, mark.value)
