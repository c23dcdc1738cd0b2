"""What is known of the content of a file that was renamed in the arena root, without reading it.

Its inode, size and mtime (in nanoseconds) are those under which it was indexed at a name that is
gone: a rename leaves them alone, and whatever writes to the file doesn't. Small files are hashed all
the same, which takes no longer than to ask.
"""

from collections.abc import Callable, Iterable

from realizefs.model.entries import Fingerprint, RealRow
from realizefs.model.limits import BLOCK_BYTES_MIN
from realizefs.store.arena import ArenaStore
from realizefs.store.hashing import ContentHash, hash_bytes

Known = Callable[[Fingerprint], ContentHash | None]


def nothing(_found: Fingerprint) -> ContentHash | None:
    """Of files that weren't renamed."""
    return None


def known_of(store: ArenaStore, gone: Iterable[bytes]) -> Known:
    """What is known of the files that were at these paths; blocking."""
    rows: dict[tuple[int, int], RealRow] = {}
    with store.env.read() as txn:
        for path in gone:
            entry = store.tree.entry_at(txn, path)
            real = store.real.get(txn, entry.ino) if entry is not None else None
            if real is not None and real.hash and real.fingerprint.size > BLOCK_BYTES_MIN:
                rows[real.fingerprint.dev, real.fingerprint.ino] = real

    def known(found: Fingerprint) -> ContentHash | None:
        real = rows.get((found.dev, found.ino))
        if real is None or not _is_unwritten(real.fingerprint, found):
            return None
        with store.env.read() as txn:
            blocks = store.blocks.get(txn, real.hash)
        if blocks is None:
            return None
        return ContentHash(real.hash, hash_bytes(blocks), found.size, blocks)

    return known if rows else nothing


def _is_unwritten(before: Fingerprint, now: Fingerprint) -> bool:
    return (before.size, before.mtime_ns) == (now.size, now.mtime_ns)
