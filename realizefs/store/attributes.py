"""The user's own extended attributes of what is unreal (DESIGN 3.3).

A real file has its own natively, which alone counts: rows about it are left from when it was last
unreal, and mean nothing. Whoever makes something unreal writes them anew before.
"""

import errno
import os
from collections.abc import Mapping

from realizefs.model.ids import Inode
from realizefs.model.limits import ATTRIBUTE_BYTES_MAX
from realizefs.store.keys import pack_u64
from realizefs.store.schema import ATTRIBUTE
from realizefs.store.txn import Txn


class Attributes:
    """Inode and name → value; all within the caller's transaction."""

    def of(self, txn: Txn, ino: Inode) -> dict[bytes, bytes]:
        """All of an inode."""
        prefix = pack_u64(ino)
        return {key[len(prefix) :]: value for key, value in txn.scan(ATTRIBUTE, prefix=prefix)}

    def set(self, txn: Txn, ino: Inode, name: bytes, value: bytes | None) -> None:
        """Insert, replace, or with None remove one; ENOSPC beyond ATTRIBUTE_BYTES_MAX an inode."""
        attributes = self.of(txn, ino)
        attributes.pop(name, None)
        key = pack_u64(ino) + name
        if value is None:
            txn.delete(ATTRIBUTE, key)
            return
        if _size({**attributes, name: value}) > ATTRIBUTE_BYTES_MAX:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        txn.put(ATTRIBUTE, key, value)

    def replace(self, txn: Txn, ino: Inode, attributes: Mapping[bytes, bytes]) -> None:
        """These, and no others, as they were natively."""
        self.forget(txn, ino)
        for name, value in attributes.items():
            txn.put(ATTRIBUTE, pack_u64(ino) + name, value)

    def forget(self, txn: Txn, ino: Inode) -> None:
        """Remove all of an inode."""
        for key, _ in txn.scan(ATTRIBUTE, prefix=pack_u64(ino)):
            txn.delete(ATTRIBUTE, key)


def _size(attributes: Mapping[bytes, bytes]) -> int:
    return sum(len(name) + len(value) for name, value in attributes.items())
