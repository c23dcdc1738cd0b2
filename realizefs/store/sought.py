"""Files whose content nobody is known to hold, to be looked for under other names (`sync.homeless`)."""

from itertools import islice

from realizefs.model.ids import Digest, Inode
from realizefs.store.keys import inode_of, pack_u64
from realizefs.store.schema import SOUGHT
from realizefs.store.txn import Txn


class Sought:
    """Inode → the content, all in the caller's transaction."""

    def note(self, txn: Txn, ino: Inode, digest: Digest) -> None:
        """To be looked for."""
        txn.put(SOUGHT, pack_u64(ino), digest)

    def page(self, txn: Txn, after: Inode, limit: int) -> list[tuple[Inode, Digest]]:
        """Up to `limit` of them, by inode, beyond `after`; they stay until they are `settled`."""
        rows = islice(txn.scan(SOUGHT, start=pack_u64(after + 1)), limit)
        return [(inode_of(key), Digest(value)) for key, value in rows]

    def settled(self, txn: Txn, ino: Inode, digest: Digest) -> None:
        """It was looked for; another content of that inode still is."""
        key = pack_u64(ino)
        if txn.get(SOUGHT, key) == digest:
            txn.delete(SOUGHT, key)

    def forget(self, txn: Txn, ino: Inode) -> None:
        """The entry is gone."""
        txn.delete(SOUGHT, pack_u64(ino))
