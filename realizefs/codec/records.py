"""Stored records ↔ values. A record that can't be read raises StoreFault: the disk lied.

Records are packed: half the bytes at the same speed. What costs when decoding is finding fields by
name, a microsecond each; so the fields of each struct are looked up once, and read in one go.
Entries and real files are stored by way of `index_records`, which is quicker still.
"""

from collections.abc import Callable, Sequence
from functools import cache
from itertools import chain, pairwise
from typing import Any, TypeVar

import capnp

from realizefs.codec import schema
from realizefs.model.blobs import BlobRow
from realizefs.model.decisions import Action, Decision
from realizefs.model.entries import Entry, Fingerprint, PeerCard, RealRow
from realizefs.model.errors import StoreFault
from realizefs.model.grants import Access, Grant, Grants, full, merge_grants
from realizefs.model.ids import ArenaId, BlobId, Digest, Inode, PeerId, Seq
from realizefs.model.limits import VECTOR_ENTRIES_MAX
from realizefs.model.ranges import Ranges
from realizefs.model.versions import Kind, Vector, Version

T = TypeVar("T")

TRAVERSAL_WORDS_MAX = 1 << 20
"""Words of 8 bytes that one record may make us read: a blob's ranges are the longest."""

_ENTRY = "parent name seq origin kind hash blockRoot size mtimeNs mode target deleted vector author lineage"
_PLACE = "parent name seq"
_REAL = "dev ino size mtimeNs ctimeNs mode hash vector"
_DECISION = "action hash attempts retryAtNs waitForPeer error"
_BLOB = "id ino hash size ranges verified protected outdated stamp usage window"
_CARD = "peer name certificate addresses arenas grants admitted removed"
_INVITATION = "expiresNs arenas"


@cache
def _struct(name: str) -> Any:
    return getattr(schema.load("records"), name)


@cache
def _fields(name: str, fields: str) -> list[Any]:
    known = _struct(name).schema.fields
    return [known[field] for field in fields.split()]


def _decode(name: str, fields: str, data: bytes, build: Callable[..., T]) -> T:
    """`build` with the values of the fields, in order."""
    try:
        row = _struct(name).from_bytes_packed(data, TRAVERSAL_WORDS_MAX)
        read = row._get_by_field  # noqa: SLF001 - what row.name calls, too
        return build(*[read(field) for field in _fields(name, fields)])
    except (capnp.KjException, ValueError) as error:
        raise damaged(name, data) from error


def damaged(name: str, data: bytes) -> StoreFault:
    """For a record of the struct `name` that is nonsense."""
    return StoreFault(f"The database has a damaged {name} record ({len(data)} bytes).")


def encode_entry(entry: Entry) -> bytes:
    """Everything but the inode, which is the key."""
    version = entry.version
    message = _struct("Entry").new_message()
    message.parent = entry.parent
    message.name = entry.name
    message.seq = entry.seq
    message.origin = entry.origin
    message.kind = int(version.kind)
    message.mode = version.mode
    message.size = version.size
    message.mtimeNs = version.mtime_ns
    message.author = version.author
    message.vector = list(chain.from_iterable(version.vector))
    # The rest is mostly empty, and each assignment costs half a microsecond.
    if version.hash:
        message.hash = version.hash
    if version.block_root:
        message.blockRoot = version.block_root
    if version.target:
        message.target = version.target
    if version.deleted:
        message.deleted = True
    if version.lineage:
        message.lineage = list(chain.from_iterable(version.lineage))
    return bytes(message.to_bytes_packed())


def decode_entry(ino: Inode, data: bytes) -> Entry:
    """The entry of an inode."""
    return _decode("Entry", _ENTRY, data, lambda *values: _entry(ino, *values))


def _entry(  # noqa: PLR0913, PLR0917 - in the order of _ENTRY
    ino: Inode,
    parent: int,
    name: bytes,
    seq: int,
    origin: int,
    kind: int,
    digest: bytes,
    block_root: bytes,
    size: int,
    mtime_ns: int,
    mode: int,
    target: bytes,
    deleted: bool,
    vector: Any,
    author: int,
    lineage: Any,
) -> Entry:
    version = Version(
        Kind(kind),
        _digest(digest),
        _digest(block_root),
        size,
        mtime_ns,
        mode,
        target,
        deleted,
        _vector(vector),
        PeerId(author),
        _vector(lineage) or None,
    )
    return Entry(ino, Inode(parent), name, version, PeerId(origin), Seq(seq))


def decode_place(data: bytes) -> tuple[Inode, bytes, Seq]:
    """(parent, name, seq) of an entry: what relinking needs, without the rest."""
    return _decode("Entry", _PLACE, data, lambda parent, name, seq: (parent, name, seq))


def encode_real(row: RealRow) -> bytes:
    """The row of a real file."""
    seen = row.fingerprint
    message = _struct("RealRow").new_message(
        dev=seen.dev,
        ino=seen.ino,
        size=seen.size,
        mtimeNs=seen.mtime_ns,
        ctimeNs=seen.ctime_ns,
        mode=seen.mode,
        hash=row.hash,
        vector=list(chain.from_iterable(row.vector)),
    )
    return bytes(message.to_bytes_packed())


def decode_real(data: bytes) -> RealRow:
    """The row of a real file."""

    def build(*values: Any) -> RealRow:
        *seen, digest, vector = values
        return RealRow(Fingerprint(*seen), _digest(digest), _vector(vector))

    return _decode("RealRow", _REAL, data, build)


def encode_decision(decision: Decision) -> bytes:
    """What is wanted done with a path."""
    message = _struct("Decision").new_message(
        action=int(decision.action),
        hash=decision.hash,
        attempts=decision.attempts,
        retryAtNs=decision.retry_at_ns,
        waitForPeer=decision.wait_for_peer,
        error=decision.error,
    )
    return bytes(message.to_bytes_packed())


def decode_decision(data: bytes) -> Decision:
    """What is wanted done with a path."""

    def build(action: int, digest: bytes, *rest: Any) -> Decision:
        return Decision(Action(action), _digest(digest), *rest)

    return _decode("Decision", _DECISION, data, build)


def encode_blob(blob: BlobRow) -> bytes:
    """The row of a blob."""
    message = _struct("BlobRow").new_message(
        id=blob.id,
        ino=blob.ino,
        hash=blob.hash,
        size=blob.size,
        ranges=list(chain.from_iterable(blob.ranges)),
        verified=blob.verified,
        protected=blob.protected,
        outdated=blob.outdated,
        stamp=blob.stamp,
        usage=blob.usage,
        window=blob.window,
    )
    return bytes(message.to_bytes_packed())


def decode_blob(data: bytes) -> BlobRow:
    """The row of a blob."""

    def build(blob: int, ino: int, digest: bytes, size: int, ranges: Any, *rest: Any) -> BlobRow:
        return BlobRow(BlobId(blob), Inode(ino), _digest(digest), size, _ranges(ranges), *rest)

    return _decode("BlobRow", _BLOB, data, build)


def encode_card(card: PeerCard) -> bytes:
    """A peer of the roster."""
    message = _struct("PeerCard").new_message(
        peer=card.peer,
        name=card.name,
        certificate=card.certificate,
        addresses=list(card.addresses),
        grants=[
            {"arena": grant.arena, "access": int(grant.access), "edition": grant.edition}
            for grant in card.grants
        ],
        admitted=card.admitted,
        removed=card.removed,
    )
    return bytes(message.to_bytes_packed())


def decode_card(data: bytes) -> PeerCard:
    """A peer of the roster; one that an older program wrote says only which arenas it is in."""

    def build(  # noqa: PLR0913, PLR0917 - in the order of _CARD
        peer: int,
        name: str,
        der: bytes,
        addresses: Any,
        arenas: Any,
        grants: Any,
        admitted: int,
        removed: int,
    ) -> PeerCard:
        told = _grants(grants) or full(_arenas(arenas))
        return PeerCard(PeerId(peer), name, der, tuple(addresses), told, admitted, removed)

    return _decode("PeerCard", _CARD, data, build)


def _grants(readers: Any) -> Grants:
    return merge_grants(
        (), (Grant(ArenaId(each.arena), Access(each.access), each.edition) for each in readers)
    )


def encode_invitation(expires_ns: int, arenas: Sequence[ArenaId]) -> bytes:
    """What is kept of an invitation beside the hash of its secret, which is the key."""
    message = _struct("Invitation").new_message(expiresNs=expires_ns, arenas=list(arenas))
    return bytes(message.to_bytes_packed())


def decode_invitation(data: bytes) -> tuple[int, tuple[ArenaId, ...]]:
    """(wall-clock nanoseconds when it expires, the arenas it opens)."""
    return _decode(
        "Invitation", _INVITATION, data, lambda expires, arenas: (expires, _arenas(arenas))
    )


def _arenas(ids: Any) -> tuple[ArenaId, ...]:
    return tuple(ArenaId(arena) for arena in ids)


def _digest(data: bytes) -> Digest:
    if len(data) not in (0, 32):
        raise ValueError("a digest has 32 bytes")
    return Digest(data)


def _vector(flat: Any) -> Vector:
    numbers = tuple(flat)
    if len(numbers) % 2 or len(numbers) > 2 * VECTOR_ENTRIES_MAX:
        raise ValueError("a vector has pairs")
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))


def _ranges(flat: Any) -> Ranges:
    numbers = tuple(flat)
    if len(numbers) % 2 or any(a >= b for a, b in pairwise(numbers)):
        raise ValueError("ranges ascend")
    return Ranges(tuple(zip(numbers[::2], numbers[1::2], strict=True)))
