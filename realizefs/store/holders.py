"""Holders: what each peer said that it has of a path.

Mostly it has what the entry is: then the row doesn't repeat the entry's digest, which is half of
what it would take. So before an entry gets another content `keep_digests` writes out what such
rows have meant until then.
"""

from collections.abc import Iterator

from realizefs.codec.index_records import decode_entry
from realizefs.model.entries import Holder
from realizefs.model.errors import StoreFault
from realizefs.model.ids import Digest, Inode, PeerId
from realizefs.model.versions import Held
from realizefs.store.keys import inode_of, pack_pair, pack_u64, peer_of
from realizefs.store.schema import ENTRY, HOLDER
from realizefs.store.txn import Txn

_AS_THE_ENTRY = 0x80
"""Beside `Held` in the first byte: the digest is that of the entry, and not written."""


class Holders:
    """(inode, peer) → one byte of `Held`, and the digest where it isn't the entry's."""

    def of(self, txn: Txn, ino: Inode) -> list[Holder]:
        """Everybody who has something of an entry."""
        rows = list(txn.scan(HOLDER, prefix=pack_u64(ino)))
        current = _current(txn, ino) if any(map(_is_as_entry, rows)) else None
        return [_holder(row, current) for row in rows]

    def having(self, txn: Txn, ino: Inode, digest: Digest) -> list[Holder]:
        """Who said that it holds this content at this path."""
        return [
            holder
            for holder in self.of(txn, ino)
            if holder.held is not Held.NONE and holder.hash == digest
        ]

    def get(self, txn: Txn, ino: Inode, peer: PeerId) -> Holder | None:
        """What one peer has of it; None for nothing."""
        key = pack_pair(ino, peer)
        value = txn.get(HOLDER, key)
        return _holder((key, value), _current(txn, ino)) if value is not None else None

    def put(self, txn: Txn, ino: Inode, holder: Holder) -> None:
        """Insert or replace; a holder of nothing has no row."""
        key = pack_pair(ino, holder.peer)
        if holder.held is Held.NONE:
            txn.delete(HOLDER, key)
        else:
            txn.put(HOLDER, key, _value(holder, _current(txn, ino)))

    def forget(self, txn: Txn, ino: Inode) -> None:
        """Remove all rows of an entry."""
        for key in txn.scan_keys(HOLDER, prefix=pack_u64(ino)):
            txn.delete(HOLDER, key)

    def drop_peer(self, txn: Txn, peer: PeerId) -> Iterator[Inode]:
        """Remove all rows of a peer that left the household, while it is asked which inodes they
        were of; goes over the whole table."""
        for key in txn.scan_keys(HOLDER):
            if peer_of(key) == peer:
                txn.delete(HOLDER, key)
                yield inode_of(key[:8])


def keep_digests(txn: Txn, ino: Inode, before: Digest, after: Digest) -> None:
    """The entry's digest, which was `before`, becomes `after`: who held something holds it still."""
    if before == after:
        return
    for row in list(txn.scan(HOLDER, prefix=pack_u64(ino))):
        value = _value(_holder(row, before), after)
        if value != row[1]:
            txn.put(HOLDER, row[0], value)


def read_holder(txn: Txn, key: bytes) -> Holder:
    """What a row says, but for a digest that it leaves to the entry; StoreFault if it is damaged."""
    return _holder((key, txn.get(HOLDER, key) or b""), None)


def _current(txn: Txn, ino: Inode) -> Digest | None:
    """The digest that the entry has now; None where there is no entry."""
    data = txn.get(ENTRY, pack_u64(ino))
    return decode_entry(ino, data).version.hash if data is not None else None


def _is_as_entry(row: tuple[bytes, bytes]) -> bool:
    return row[1][:1] >= bytes([_AS_THE_ENTRY])


def _value(holder: Holder, current: Digest | None) -> bytes:
    if holder.hash == current:
        return bytes([holder.held | _AS_THE_ENTRY])
    return bytes([holder.held]) + holder.hash


def _holder(row: tuple[bytes, bytes], current: Digest | None) -> Holder:
    """What a row says of an entry whose digest is `current`."""
    key, value = row
    try:
        held, digest = Held(value[0] & ~_AS_THE_ENTRY), Digest(value[1:])
    except (ValueError, IndexError) as error:
        raise StoreFault("The database has a damaged holder row.") from error
    return Holder(peer_of(key), held, (current or digest) if _is_as_entry(row) else digest)
