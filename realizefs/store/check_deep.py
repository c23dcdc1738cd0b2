"""`check --deep`: every byte here against the hash it is to have.

A real file that has the fingerprint it was indexed with and other bytes was changed by nobody: a
disk lied, or something wrote beside the file system. Such bytes must not pass for an edit, or they
would replace the right ones at every peer. So they are neither overwritten nor indexed. Where
another peer has the right content, a repair puts the file aside (lost+found: people may still
want it) and tells peers that we no longer hold it; the mark then brings the right bytes back. Where
nobody has, the file stays, since most of it may be right, and its user is told what to do.

Wrong bytes in the cache are forgotten where they can be fetched again, and kept where not.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from blake3 import blake3

from realizefs.model.blobs import BlobRow
from realizefs.model.errors import StoreFault
from realizefs.model.findings import Finding
from realizefs.model.ids import BlobId, Digest, Inode, PeerId
from realizefs.model.limits import MIB
from realizefs.model.paths import show
from realizefs.model.ranges import Ranges
from realizefs.store.arena import ArenaStore
from realizefs.store.check import Problem, SlowRule, rows_of
from realizefs.store.check_tree import named
from realizefs.store.fingerprint import fingerprint_of
from realizefs.store.hashing import block_size, hash_fd
from realizefs.store.keys import inode_of, unpack_u64
from realizefs.store.queues import Step
from realizefs.store.repair_deep import DeepRepair
from realizefs.store.schema import BLOB_ROW, REAL
from realizefs.store.txn import Txn


@dataclass(frozen=True, slots=True)
class DeepRules:
    """The rules about contents of one arena. `peer_name` names peers in sentences."""

    store: ArenaStore
    repair: DeepRepair
    peer_name: Callable[[PeerId], str]
    checkpoint: Callable[[], None]

    def rules(self) -> list[SlowRule]:
        """Real files, then blobs."""
        return [
            SlowRule("hashed real files", rows_of(REAL), self.look_at_real),
            SlowRule("hashed blobs", rows_of(BLOB_ROW), self.look_at_blob),
        ]

    # -- real files ------------------------------------------------------------------------------

    def look_at_real(self, key: bytes) -> Iterator[Problem]:
        """A real file that wasn't changed since it was indexed has the content it had then."""
        ino = inode_of(key)
        with self.store.env.read() as txn:
            try:
                row, path = self.store.real.get(txn, ino), self.store.tree.path(txn, ino)
            except StoreFault:
                return
            others = self._others(txn, ino, row.hash) if row is not None else []
        if row is None or not row.hash or not path:
            return
        try:
            fd = self.store.root.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError:
            return  # gone or closed to us: the other rules' business
        try:
            if fingerprint_of(os.fstat(fd)) != row.fingerprint:
                return
            digest = hash_fd(fd, self._cancelled).hash
            if digest == row.hash or fingerprint_of(os.fstat(fd)) != row.fingerprint:
                return
        finally:
            os.close(fd)
        what = f'The bytes of "{show(path)}" are not those that were indexed, and nobody changed it'
        if not others:
            what += (
                "; nobody else is known to have the right ones, so restore it from a backup, or "
                '"touch" it to have it shared as it is'
            )
            yield Problem(Finding("rotten", what))
            return
        what += f" ({_has(others)} the right ones)"
        remedy = f'moves it to "{self.repair.lost_and_found}" and has it fetched as its mark asks'
        act = partial(self.repair.put_aside, ino, path, row)
        yield Problem(Finding("rotten", what, remedy), act=act)

    # -- blobs -----------------------------------------------------------------------------------

    def look_at_blob(self, key: bytes) -> Iterator[Problem]:
        """What a blob is said to have is what its content has there."""
        with self.store.env.read() as txn:
            row, blocks = self._blob(txn, key)
            if row is None:
                return
            shown = named(self.store, txn, row.ino)
            others = self._others(txn, row.ino, row.hash)
        try:
            fd = self.repair.files.open(row.id)
        except OSError:
            return  # the other rules say so
        try:
            wrong = self._wrong(fd, row, blocks)
        finally:
            os.close(fd)
        if not wrong:
            return
        what = f"Of blob {row.id:016x} (of {shown}) {wrong.total()} bytes are wrong"
        if not others and not row.outdated:
            what += "; nobody else is known to have the right ones, so it is kept as it is"
            yield Problem(Finding("wrong-bytes", what))
            return
        if others:
            what += f" ({_has(others)} the right ones)"
        finding = Finding("wrong-bytes", what, "forgets them, and they are fetched again")
        yield Problem(finding, act=partial(self.repair.lose, row, wrong))

    def _blob(self, txn: Txn, key: bytes) -> tuple[BlobRow | None, bytes | None]:
        try:
            row = self.repair.rows.get(txn, BlobId(unpack_u64(key)))
            if row is None or not row.ranges:
                return None, None
            step = self.repair.rows.step(txn, row.id)
        except (StoreFault, ValueError):  # the other rules say so
            return None, None
        if step not in (None, Step.WRITING):
            return None, None
        return row, self.store.blocks.get(txn, row.hash)

    def _wrong(self, fd: int, row: BlobRow, blocks: bytes | None) -> Ranges:
        """The ranges whose bytes aren't those of the content, as far as that can be known."""
        complete = row.verified and row.complete
        if complete and hash_fd(fd, self._cancelled).hash == row.hash:
            return Ranges()
        wrong = self._wrong_blocks(fd, row, blocks) if blocks else Ranges()
        return wrong or (Ranges.of(0, row.size) if complete else Ranges())

    def _wrong_blocks(self, fd: int, row: BlobRow, blocks: bytes) -> Ranges:
        size = block_size(row.size)
        wrong = Ranges()
        for number in range(len(blocks) // 32):
            start, end = number * size, min((number + 1) * size, row.size)
            if not row.ranges.covers(start, end):
                continue
            if self._hash(fd, start, end) != blocks[number * 32 : number * 32 + 32]:
                wrong = wrong.add(start, end)
        return wrong

    def _hash(self, fd: int, start: int, end: int) -> bytes:
        hasher = blake3()
        while start < end:
            self.checkpoint()
            data = os.pread(fd, min(MIB, end - start), start)
            if not data:
                break
            hasher.update(data)
            start += len(data)
        return hasher.digest()

    # -- who has it --------------------------------------------------------------------------------

    def _others(self, txn: Txn, ino: Inode, digest: Digest) -> list[str]:
        """Names of the peers that said that they have this content at this path."""
        holders = self.store.holders.having(txn, ino, digest)
        return sorted(self.peer_name(holder.peer) for holder in holders)

    def _cancelled(self) -> bool:
        self.checkpoint()
        return False


def _has(names: list[str]) -> str:
    if len(names) == 1:
        return f"{names[0]} has"
    return f"{', '.join(names[:-1])} and {names[-1]} have"
