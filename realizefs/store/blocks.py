"""Block lists of contents longer than one block."""

from realizefs.model.ids import Digest
from realizefs.store.schema import BLOCKS
from realizefs.store.txn import Txn


class BlockLists:
    """Digest of a content → digests of its blocks, 32 bytes each, in order.

    What is put here was computed from the content or checked against its block_root.
    """

    def get(self, txn: Txn, digest: Digest) -> bytes | None:
        """The list, concatenated; None if it isn't known here."""
        return txn.get(BLOCKS, digest)

    def put(self, txn: Txn, digest: Digest, digests: bytes) -> None:
        """Learn a list."""
        txn.put(BLOCKS, digest, digests)

    def delete(self, txn: Txn, digest: Digest) -> bool:
        """Whether it was known."""
        return txn.delete(BLOCKS, digest)
