"""The real files: which native file is which entry's, as it was last indexed."""

import stat
from collections.abc import Iterator
from itertools import islice

from realizefs.codec.index_records import decode_real, encode_real
from realizefs.model.entries import RealRow
from realizefs.model.ids import Inode
from realizefs.store.keys import inode_of, pack_u64
from realizefs.store.schema import META, REAL
from realizefs.store.txn import Txn

_TOTAL = b"real"


class RealIndex:
    """Inode → RealRow; the sum of sizes is kept beside it."""

    def get(self, txn: Txn, ino: Inode) -> RealRow | None:
        """The real file of an entry; None if it is unreal."""
        data = txn.get(REAL, pack_u64(ino))
        return decode_real(data) if data is not None else None

    def has(self, txn: Txn, ino: Inode) -> bool:
        """Whether an entry has a real file."""
        return txn.get(REAL, pack_u64(ino)) is not None

    def any(self, txn: Txn) -> bool:
        """Whether anything is real; at once."""
        return txn.count(REAL) > 0

    def add(self, txn: Txn, ino: Inode, row: RealRow) -> None:
        """`put` of an inode that is known to have no row."""
        txn.put(REAL, pack_u64(ino), encode_real(row))
        txn.count_up(META, _TOTAL, _bytes(row))

    def put(self, txn: Txn, ino: Inode, row: RealRow) -> None:
        """Insert or replace."""
        key = pack_u64(ino)
        before = txn.get(REAL, key)
        txn.put(REAL, key, encode_real(row))
        difference = _bytes(row) - (_bytes(decode_real(before)) if before is not None else 0)
        txn.count_up(META, _TOTAL, difference)

    def delete(self, txn: Txn, ino: Inode) -> bool:
        """Whether it was real."""
        key = pack_u64(ino)
        before = txn.get(REAL, key)
        if before is None:
            return False
        txn.delete(REAL, key)
        txn.count_up(META, _TOTAL, -_bytes(decode_real(before)))
        return True

    def all(self, txn: Txn) -> Iterator[tuple[Inode, RealRow]]:
        """Every row, by inode."""
        for key, value in txn.scan(REAL):
            yield inode_of(key), decode_real(value)

    def page(self, txn: Txn, after: Inode, limit: int) -> list[tuple[Inode, RealRow]]:
        """Up to `limit` rows of inodes beyond `after`."""
        rows = txn.scan(REAL, start=pack_u64(after + 1))
        return [(inode_of(key), decode_real(value)) for key, value in islice(rows, limit)]

    def total_bytes(self, txn: Txn) -> int:
        """Bytes of the contents of all real regular files; at once."""
        return txn.counter(META, _TOTAL)


def _bytes(row: RealRow) -> int:
    return row.fingerprint.size if stat.S_ISREG(row.fingerprint.mode) else 0
