"""Another inode for an entry, with all rows that name it: one transaction."""

from dataclasses import replace

from realizefs.codec.index_records import encode_entry
from realizefs.model.ids import BlobId, Inode
from realizefs.store.arena import ArenaStore
from realizefs.store.keys import name_of_place, pack_place, pack_u64, unpack_u64
from realizefs.store.queues import BlobRows
from realizefs.store.schema import (
    ATTRIBUTE,
    BLOB_OF,
    BLOB_ROW,
    DIRENT,
    ENTRY,
    HISTORY,
    HOLDER,
    MARK,
    REAL,
)
from realizefs.store.tree import dirent_value
from realizefs.store.txn import Txn


def renumber(store: ArenaStore, txn: Txn, old: Inode, new: Inode) -> None:
    """Entry `old` is called `new` from here on; nothing if there is no such entry.

    What is decided about it is decided anew. Whoever has it open through the mount has to open it
    again.
    """
    entry = store.tree.entry(txn, old)
    if entry is None:
        return
    before, after = pack_u64(old), pack_u64(new)
    store.decisions.clear(txn, old)
    store.dirty.forget(txn, old)
    txn.delete(ENTRY, before)
    entry = replace(entry, ino=new)
    txn.put(ENTRY, after, encode_entry(entry))
    txn.put(DIRENT, pack_place(entry.parent, entry.name), dirent_value(entry))
    txn.put(HISTORY, pack_u64(entry.seq), after)
    for table in (MARK, REAL):
        value = txn.get(table, before)
        if value is not None:
            txn.delete(table, before)
            txn.put(table, after, value)
    for table in (HOLDER, ATTRIBUTE):
        for key, value in list(txn.scan(table, prefix=before)):
            txn.delete(table, key)
            txn.put(table, after + key[8:], value)
    _renumber_children(store, txn, old, new)
    _renumber_blobs(txn, old, new)
    store.dirty.mark_subtree(txn, new)


def _renumber_children(store: ArenaStore, txn: Txn, old: Inode, new: Inode) -> None:
    for key, value in list(txn.scan(DIRENT, prefix=pack_u64(old))):
        child = store.tree.entry(txn, Inode(unpack_u64(value[:8])))
        txn.delete(DIRENT, key)
        txn.put(DIRENT, pack_place(new, name_of_place(key)), value)
        if child is not None:
            txn.put(ENTRY, pack_u64(child.ino), encode_entry(replace(child, parent=new)))


def _renumber_blobs(txn: Txn, old: Inode, new: Inode) -> None:
    rows = BlobRows()
    for key in list(txn.scan_keys(BLOB_ROW)):
        row = rows.get(txn, BlobId(unpack_u64(key)))
        if row is not None and row.ino == old:
            rows.put(txn, replace(row, ino=new))
    of = txn.get(BLOB_OF, pack_u64(old))
    if of is not None:
        txn.delete(BLOB_OF, pack_u64(old))
        txn.put(BLOB_OF, pack_u64(new), of)
