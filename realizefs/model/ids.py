"""The identifiers of the system, as types that can't be mixed up.

`PeerId` is short for a reason: it stands in every version vector. It names a peer within a
household; what authenticates a peer is the full certificate (see `PeerCard.certificate`).
"""

from hashlib import sha256
from typing import NewType

Inode = NewType("Inode", int)
"""1 to 2**63-1; unique over all arenas of this machine; 1 is the mount's own root."""

BlobId = NewType("BlobId", int)
"""1 to 2**63-1; never used twice in one arena database."""

PeerId = NewType("PeerId", int)
"""The first 8 bytes, big-endian, of the SHA-256 of a peer's DER certificate."""

AuthorId = PeerId
"""Who stands in version vectors: a peer, with one database. The lower 48 bits are the peer's."""

_PEER_BITS = 48

ArenaId = NewType("ArenaId", bytes)
"""16 random bytes, made by `arena add` and carried by invitations; the name is only for people."""

ReplicaId = NewType("ReplicaId", bytes)
"""16 random bytes, made with an arena database; a new database is a new history."""

Seq = NewType("Seq", int)
"""Position in a replica's history; the first change is 1, so 0 means "nothing seen"."""

Digest = NewType("Digest", bytes)
"""32 bytes of BLAKE3, or b"" where there is no content."""

NO_DIGEST = Digest(b"")
ROOT_INODE = Inode(1)
"""What the kernel calls the root of any mount; never allocated to an entry."""


def peer_id_of(certificate: bytes) -> PeerId:
    """The id of the peer that owns this DER certificate."""
    return PeerId(int.from_bytes(sha256(certificate).digest()[:8], "big"))


def author_of(peer: PeerId, database: int) -> AuthorId:
    """The author that a peer is with a database; `database` is a number of 16 bits, by chance.

    By chance it may be one that the peer had before, once in 65,536 times: then it counts on where
    that began anew, as if there had been no loss.
    """
    return AuthorId(database << _PEER_BITS | peer & (1 << _PEER_BITS) - 1)


def is_by(author: AuthorId, peer: PeerId) -> bool:
    """Whether an author is that peer, with whatever database."""
    return (author ^ peer) & (1 << _PEER_BITS) - 1 == 0
