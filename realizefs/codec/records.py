"""Stored records ↔ values. A record that can't be read raises StoreFault: the disk lied.

Records are packed: half the bytes at the same speed. What costs when decoding is finding fields by
name, a microsecond each; so the fields of each struct are looked up once, and read in one go.
Entries and real files are written by `index_records`; here is read what older programs wrote.
"""

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
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

REMEMBERED_ROWS = 2048
"""Rows of blobs, and entries, that needn't be decoded again: the last ones that were."""

REMEMBERED_BYTES_MAX = 512
"""Bytes of those rows at most: with many ranges they are longer."""

_SEGMENTS = 0x0F
"""Bits of the first byte, the tag of the segment table, that say of more than one segment. Such a record
is unpacked here: capnp reads the last segments where it may not throw, and so ends the process if
they are damaged."""
_WORD = 8
"""Bytes."""
_DECISION_BYTES = 60
"""Bytes of a decision that failed for no reason that would have to be said."""
_SEGMENT_WORDS = 1024
"""Words: capnp's own first segment. One that holds all is read at once."""

_ENTRY = "parent name seq origin kind hash blockRoot size mtimeNs mode target deleted vector author"
_PLACE = "parent name seq"
_REAL = "dev ino size mtimeNs ctimeNs mode hash vector"
_DECISION = "action hash attempts retryAtNs waitForPeer error"
_BLOB = "id ino hash size ranges verified protected outdated stamp usage window"
_CARD = "peer name certificate addresses arenas grants admitted removed addressed"
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
        if data and data[0] & _SEGMENTS:
            with _struct(name).from_bytes(_unpacked(data), TRAVERSAL_WORDS_MAX) as row:
                return _built(name, fields, row, build)
        row = _struct(name).from_bytes_packed(data, TRAVERSAL_WORDS_MAX)
        return _built(name, fields, row, build)
    except (capnp.KjException, ValueError) as error:
        raise damaged(name, data) from error


def _built(name: str, fields: str, row: Any, build: Callable[..., T]) -> T:
    read = row._get_by_field  # noqa: SLF001 - what row.name calls, too
    return build(*[read(field) for field in _fields(name, fields)])


def _unpacked(data: bytes) -> bytes:
    """The message in packed bytes; ValueError if they end too early or say too much."""
    out, at, end = bytearray(), 0, len(data)
    while at < end:
        tag = data[at]
        at += 1
        present = tag.bit_count()
        rest = iter(data[at : at + present])
        at += present + (tag in (0x00, 0xFF))
        if at > end or len(out) > _WORD * TRAVERSAL_WORDS_MAX:
            raise ValueError("no packed message")
        out += bytes([next(rest) if tag >> bit & 1 else 0 for bit in range(_WORD)])
        if tag == 0x00:
            out += bytes(_WORD * data[at - 1])
        elif tag == 0xFF:
            run = _WORD * data[at - 1]
            out += data[at : at + run]
            at += run
    return bytes(out)


def decode_record(name: str, fields: str, data: bytes, build: Callable[..., T]) -> T:
    """`build` with the values of the fields, separated by spaces, of a packed struct."""
    return _decode(name, fields, data, build)


def new_record(name: str, **values: Any) -> bytes:
    """A packed struct."""
    return bytes(_struct(name).new_message(**values).to_bytes_packed())


def damaged(name: str, data: bytes) -> StoreFault:
    """For a record of the struct `name` that is nonsense."""
    return StoreFault(f"The database has a damaged {name} record ({len(data)} bytes).")


def decode_entry(ino: Inode, data: bytes) -> Entry:
    """The entry of an inode, as it was written until arena schema 2; so below."""
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
    )
    return Entry(ino, Inode(parent), name, version, PeerId(origin), Seq(seq))


def decode_place(data: bytes) -> tuple[Inode, bytes, Seq]:
    """(parent, name, seq) of an entry: what relinking needs, without the rest."""
    return _decode("Entry", _PLACE, data, lambda parent, name, seq: (parent, name, seq))


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
    # What follows a packed message is not read. A try that failed makes most records no longer so, and
    # a row that stays as long as it was doesn't split the page that it is in.
    return bytes(message.to_bytes_packed()).ljust(_DECISION_BYTES, b"\0")


def decode_decision(data: bytes) -> Decision:
    """What is wanted done with a path."""

    def build(action: int, digest: bytes, *rest: Any) -> Decision:
        return Decision(Action(action), _digest(digest), *rest)

    return _decode("Decision", _DECISION, data, build)


def encode_blob(blob: BlobRow) -> bytes:
    """The row of a blob."""
    words = _SEGMENT_WORDS + 2 * len(blob.ranges.pairs)
    message = _struct("BlobRow").new_message(
        num_first_segment_words=words,
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
    """The row of a blob; the same one for the same bytes, where they are few."""
    return _remembered_blob(data) if len(data) <= REMEMBERED_BYTES_MAX else _blob(data)


def _blob(data: bytes) -> BlobRow:
    def build(blob: int, ino: int, digest: bytes, size: int, ranges: Any, *rest: Any) -> BlobRow:
        return BlobRow(BlobId(blob), Inode(ino), _digest(digest), size, _ranges(ranges), *rest)

    return _decode("BlobRow", _BLOB, data, build)


# What is brought into the cache is looked at by each who has to do with it, a dozen times in a second.
_remembered_blob = lru_cache(maxsize=REMEMBERED_ROWS)(_blob)


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
        addressed=card.addressed,
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
        addressed: int,
    ) -> PeerCard:
        told = _grants(grants) or full(_arenas(arenas))
        where = tuple(addresses)
        return PeerCard(PeerId(peer), name, der, where, told, admitted, removed, addressed)

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
