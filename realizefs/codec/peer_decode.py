"""capnp structs from a peer as messages of the model, every field checked (R7).

The functions here raise ValueError or BadPath with the reason; `peer_messages.decode` makes the
ProtocolFault of it. Counts are checked before anything is collected.
"""

from collections.abc import Callable, Iterable
from functools import cache
from itertools import pairwise
from typing import Any

from realizefs.codec.schema import load
from realizefs.model import messages as m
from realizefs.model.entries import PeerCard, Removal
from realizefs.model.grants import Access, Grant, Grants, full, merge_grants
from realizefs.model.ids import ArenaId, Digest, PeerId, ReplicaId, Seq, peer_id_of
from realizefs.model.limits import (
    ADDRESS_BYTES_MAX,
    ADDRESSES_MAX,
    ARENAS_MAX,
    CERTIFICATE_BYTES_MAX,
    FEATURES_MAX,
    JOIN_SECRET_BYTES_MAX,
    PEER_NAME_BYTES_MAX,
    PEERS_MAX,
    READ_BYTES_MAX,
    REMOVED_MAX,
    ROWS_BATCH_MAX,
    SENTENCE_BYTES_MAX,
    VECTOR_ENTRIES_MAX,
)
from realizefs.model.paths import PATH_BYTES_MAX, check_peer_path
from realizefs.model.versions import LOCAL_MODE, Held, Kind, Vector, Version

_INT63_END = 1 << 63
_KINDS = {kind.value: kind for kind in Kind}
_ROW = "path kind held deleted mode size mtimeNs author hash blockRoot target vector lineage"
_HELD = {held.value: held for held in Held}


def hello(reader: Any, payload: bytes) -> m.Hello:
    """A Hello."""
    return m.Hello(
        protocol=reader.protocol,
        features=tuple(
            _text(each, PEER_NAME_BYTES_MAX)
            for each in _bounded(reader.features, FEATURES_MAX, "features")
        ),
        peer=PeerId(reader.peer),
        name=_name(reader.name),
        arenas=_arenas(reader.arenas),
    )


def roster(reader: Any, payload: bytes) -> m.Roster:
    """A Roster."""
    removed = _bounded(reader.removed, REMOVED_MAX, "removed peers")
    return m.Roster(
        _cards(reader.peers),
        tuple(Removal(PeerId(each.peer), _int63(each.edition)) for each in removed),
    )


def _cards(readers: Any) -> tuple[PeerCard, ...]:
    return tuple(card(each) for each in _bounded(readers, PEERS_MAX, "peers"))


def card(reader: Any) -> PeerCard:
    """A Card, whose id is that of its certificate."""
    certificate = reader.certificate
    if not 0 < len(certificate) <= CERTIFICATE_BYTES_MAX:
        raise ValueError(f"a certificate of {len(certificate)} bytes")
    if reader.peer != peer_id_of(certificate):
        raise ValueError("a peer with the id of another certificate")
    return PeerCard(
        peer=PeerId(reader.peer),
        name=_name(reader.name),
        certificate=certificate,
        addresses=tuple(
            _text(each, ADDRESS_BYTES_MAX)
            for each in _bounded(reader.addresses, ADDRESSES_MAX, "addresses")
        ),
        grants=_grants(reader.grants) or full(_arenas(reader.arenas)),
        admitted=_int63(reader.admitted),
    )


def _grants(readers: Any) -> Grants:
    found = _bounded(readers, ARENAS_MAX, "grants")
    return merge_grants(
        (),
        (Grant(_arena(each.arena), _access(each.access), _int63(each.edition)) for each in found),
    )


def _access(value: int) -> Access:
    try:
        return Access(value)
    except ValueError:
        return Access.NONE  # one that a newer program knows: less is safe


def subscribe(reader: Any, payload: bytes) -> m.Subscribe:
    """A Subscribe."""
    replica = reader.replica
    return m.Subscribe(
        arena=_arena(reader.arena),
        replica=_replica(replica) if replica else ReplicaId(b""),
        after=_seq(reader.after),
    )


def rows(reader: Any, payload: bytes) -> m.Rows:
    """Rows."""
    return m.Rows(
        arena=_arena(reader.arena),
        replica=_replica(reader.replica),
        last=_seq(reader.last),
        rows=tuple(_row(each) for each in _bounded(reader.rows, ROWS_BATCH_MAX, "rows")),
    )


def _row(reader: Any) -> m.Row:
    """Fields are found by name in a microsecond each, so all rows find them once (`_fields`)."""
    read = reader._get_by_field  # noqa: SLF001 - what reader.path calls, too
    values = [read(field) for field in _fields("Row", _ROW)]
    path, kind, held, deleted, mode, size, mtime_ns, author = values[:8]
    digest, block_root, target, vector, lineage = values[8:]
    version = Version(
        kind=_KINDS[kind],
        hash=_digest(digest),
        block_root=_digest(block_root),
        size=_int63(size),
        mtime_ns=mtime_ns,
        mode=mode & ~LOCAL_MODE,
        target=target,
        deleted=deleted,
        vector=_vector(vector),
        author=PeerId(author),
        lineage=_vector(lineage) or None,
    )
    _check_version(version)
    return m.Row(_path(path), version, _HELD[held])


@cache
def _fields(struct: str, names: str) -> list[Any]:
    known = getattr(load("peer"), struct).schema.fields
    return [known[name] for name in names.split()]


def _check_version(version: Version) -> None:
    if version.mode > 0o7777:
        raise ValueError(f"mode {version.mode:o}")
    has_content = version.kind is Kind.FILE and not version.deleted
    if has_content != bool(version.hash) or (version.block_root and not version.hash):
        raise ValueError("a version whose digest doesn't fit its kind")
    links = version.kind is Kind.SYMLINK and not version.deleted
    target = version.target
    if links != bool(target) or len(target) > PATH_BYTES_MAX or b"\0" in target:
        raise ValueError("a version whose link target doesn't fit its kind")


def _vector(readers: Any) -> Vector:
    counters = _bounded(readers, VECTOR_ENTRIES_MAX, "peers in a version vector")
    peer_field, count_field = _fields("Counter", "peer count")
    vector: Vector = tuple(
        (each._get_by_field(peer_field), each._get_by_field(count_field))  # noqa: SLF001
        for each in counters
    )
    for peer, count in vector:
        if not 0 < count < _INT63_END:
            raise ValueError(f"counter {count} of peer {peer:016x} in a version vector")
    if len(vector) > 1 and any(a[0] >= b[0] for a, b in pairwise(vector)):
        raise ValueError("a version vector that isn't sorted")
    return vector


def ack(reader: Any, payload: bytes) -> m.Ack:
    """An Ack."""
    return m.Ack(_arena(reader.arena), _replica(reader.replica), _seq(reader.seq))


def read(reader: Any, payload: bytes) -> m.Read:
    """A Read of 1 to READ_BYTES_MAX bytes."""
    length = reader.length
    if not 0 < length <= READ_BYTES_MAX:
        raise ValueError(f"a read of {length} bytes")
    _int63(reader.start + length)
    return m.Read(
        request=reader.request,
        arena=_arena(reader.arena),
        path=_path(reader.path),
        hash=_content(reader.hash),
        start=reader.start,
        length=length,
        bulk=reader.bulk,
    )


def read_blocks(reader: Any, payload: bytes) -> m.ReadBlocks:
    """A ReadBlocks."""
    return m.ReadBlocks(
        request=reader.request,
        arena=_arena(reader.arena),
        path=_path(reader.path),
        hash=_content(reader.hash),
    )


def data(request: int, payload: bytes) -> m.Data:
    """Data with the payload of its frame."""
    return m.Data(request, payload)


def packed(reader: Any, payload: bytes) -> m.Packed:
    """A Packed of 1 to READ_BYTES_MAX bytes, smaller than what it holds."""
    if not len(payload) < reader.size <= READ_BYTES_MAX:
        raise ValueError(f"{len(payload)} bytes for {reader.size} packed ones")
    return m.Packed(reader.request, reader.size, payload)


def failure(reader: Any, payload: bytes) -> m.Failure:
    """A Failure with a code that we know."""
    if reader.code not in m.FAILURE_CODES:
        raise ValueError(f"failure code {reader.code[:40]!r}")
    return m.Failure(reader.request, reader.code, _sentence(reader.detail))


def join(reader: Any, payload: bytes) -> m.Join:
    """A Join."""
    if not 0 < len(reader.secret) <= JOIN_SECRET_BYTES_MAX:
        raise ValueError(f"a secret of {len(reader.secret)} bytes")
    return m.Join(reader.secret, card(reader.card))


def welcome(reader: Any, payload: bytes) -> m.Welcome:
    """A Welcome."""
    return m.Welcome(
        roster=_cards(reader.roster),
        arenas=tuple(
            m.SharedArena(_arena(each.arena), _name(each.name))
            for each in _bounded(reader.arenas, ARENAS_MAX, "arenas")
        ),
    )


def refused(reason: str, payload: bytes) -> m.Refused:
    """A Refused."""
    return m.Refused(_sentence(reason))


def _bounded(readers: Any, bound: int, what: str) -> Iterable[Any]:
    if len(readers) > bound:
        raise ValueError(f"{len(readers)} {what}; {bound} are allowed")
    return readers  # type: ignore[no-any-return]


def _sixteen(value: bytes, what: str) -> bytes:
    if len(value) != 16:
        raise ValueError(f"the id of {what} with {len(value)} bytes")
    return value


def _arena(value: bytes) -> ArenaId:
    return ArenaId(_sixteen(value, "an arena"))


def _arenas(readers: Any) -> tuple[ArenaId, ...]:
    return tuple(_arena(each) for each in _bounded(readers, ARENAS_MAX, "arenas"))


def _replica(value: bytes) -> ReplicaId:
    return ReplicaId(_sixteen(value, "a replica"))


def _seq(value: int) -> Seq:
    return Seq(_int63(value))


def _int63(value: int) -> int:
    if value >= _INT63_END:
        raise ValueError(f"the number {value}")
    return value


def _digest(value: bytes) -> Digest:
    if len(value) not in (0, 32):
        raise ValueError(f"a digest of {len(value)} bytes")
    return Digest(value)


def _content(value: bytes) -> Digest:
    if not value:
        raise ValueError("a request without a digest")
    return _digest(value)


def _path(value: bytes) -> bytes:
    if not value:
        raise ValueError("the arena root as a path")
    return check_peer_path(value)


def _text(value: str, bound: int) -> str:
    if len(value.encode()) > bound or not value.isprintable():
        raise ValueError(f"the text {value[:40]!a}")
    return value


def _name(value: str) -> str:
    if not value:
        raise ValueError("an empty name")
    return _text(value, PEER_NAME_BYTES_MAX)


def _sentence(value: str) -> str:
    """Goes into logs: one line whatever the peer wrote."""
    shown = value.encode()[:SENTENCE_BYTES_MAX].decode(errors="ignore")
    return "".join(char if char.isprintable() else "?" for char in shown)


DECODERS: dict[str, Callable[[Any, bytes], m.Message]] = {
    "hello": hello,
    "roster": roster,
    "subscribe": subscribe,
    "rows": rows,
    "ack": ack,
    "read": read,
    "readBlocks": read_blocks,
    "packed": packed,
    "data": data,
    "failure": failure,
    "cancel": lambda number, payload: m.Cancel(number),
    "ping": lambda number, payload: m.Ping(number),
    "pong": lambda number, payload: m.Pong(number),
    "join": join,
    "welcome": welcome,
    "refused": refused,
}
