"""What became of a content that is nowhere any more: files here whose user changed them from it.

Somebody renames a file that he hasn't got, while another, who has it and hasn't heard of that, edits it
in place: the edit keeps the old name, and what the new one is to have is nowhere. Whoever renamed a
file meant the file, edits included; so the new name gets what its content has become. Only who made the
edit says so: else all owners would, each at another moment of it. What is known of is what a
version remembers (REPLACED_MAX edits).
"""

from collections.abc import Iterator, Set
from dataclasses import dataclass, replace

from realizefs.core.merge import changed
from realizefs.model.entries import Entry
from realizefs.model.ids import Digest, Inode, PeerId, is_by
from realizefs.model.versions import Kind, Version
from realizefs.store.arena import ArenaStore
from realizefs.store.txn import Txn
from realizefs.sync.batch import Batch

PAGE = 500
"""Real files, and their entries, looked at in one read transaction: some ten milliseconds."""


@dataclass(frozen=True, slots=True)
class Successor:
    """A real file here, and the version that it is."""

    ino: Inode
    version: Version


def successors(store: ArenaStore, me: PeerId, wanted: Set[Digest]) -> dict[Digest, Successor]:
    """One for each content that has any. Blocking: it goes over all real files."""
    found: dict[Digest, Successor] = {}
    for entry in _edited_here(store, me):
        for digest in wanted & {Digest(one) for one in entry.version.replaced}:
            found.setdefault(digest, Successor(entry.ino, entry.version))
        if len(found) == len(wanted):
            break
    return found


def give_on(batch: Batch, entry: Entry, successor: Successor) -> bool:
    """The entry has what its content became from now on; False if that is another by now."""
    now = batch.store.tree.entry(batch.txn, successor.ino)
    if now is None or now.version != successor.version or not _is_here(batch.store, batch.txn, now):
        return False
    became = successor.version
    value = replace(
        entry.version,
        hash=became.hash,
        block_root=became.block_root,
        size=became.size,
        mtime_ns=became.mtime_ns,
    )
    version = changed(value, batch.dot, entry.version)
    batch.put(entry.ino, entry.parent, entry.name, version)
    if version.size:
        batch.store.sought.note(batch.txn, entry.ino, version.hash)
        batch.seeks = True
    return True


def _edited_here(store: ArenaStore, me: PeerId) -> Iterator[Entry]:
    after = Inode(0)
    while True:
        edited = []
        with store.env.read() as txn:
            page = store.real.page(txn, after, PAGE)
            for ino, row in page:
                entry = store.tree.entry(txn, ino) if row.hash else None
                if entry is not None and entry.version.replaced and is_by(entry.version.author, me):
                    edited += [entry] if _is_here(store, txn, entry) else []
        yield from edited
        if len(page) < PAGE:
            return
        after = page[-1][0]


def _is_here(store: ArenaStore, txn: Txn, entry: Entry) -> bool:
    version, real = entry.version, store.real.get(txn, entry.ino)
    is_file = version.kind is Kind.FILE and not version.deleted
    return is_file and real is not None and real.hash == version.hash
