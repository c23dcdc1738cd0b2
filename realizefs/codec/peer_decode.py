"""capnp structs from a peer as messages of the model, every field checked (R7).

The functions here raise ValueError or BadPath with the reason; `peer_messages.decode` makes the
ProtocolFault of it. Counts are checked before anything is collected.
"""

from collections.abc import Callable
from typing import Any

from realizefs.codec import peer_fields as f
from realizefs.codec.deltas import check_signature
from realizefs.codec.peer_rows import row, vector
from realizefs.model import messages as m
from realizefs.model.entries import PeerCard, Removal
from realizefs.model.grants import Access, Grant, Grants, full, merge_grants
from realizefs.model.ids import PeerId, ReplicaId, peer_id_of
from realizefs.model.limits import (
    ADDRESS_BYTES_MAX,
    ADDRESSES_MAX,
    ARENAS_MAX,
    BLOCK_BYTES_MIN,
    CERTIFICATE_BYTES_MAX,
    FEATURES_MAX,
    FIRST_BYTES_MAX,
    JOIN_SECRET_BYTES_MAX,
    PEER_NAME_BYTES_MAX,
    PEERS_MAX,
    READ_BYTES_MAX,
    REMOVED_MAX,
    ROWS_BATCH_MAX,
    SEVERAL_BYTES_MAX,
    SEVERAL_MAX,
)


def hello(reader: Any, payload: bytes) -> m.Hello:
    """A Hello."""
    return m.Hello(
        protocol=reader.protocol,
        features=tuple(
            f.text(each, PEER_NAME_BYTES_MAX)
            for each in f.bounded(reader.features, FEATURES_MAX, "features")
        ),
        peer=PeerId(reader.peer),
        name=f.name(reader.name),
        arenas=f.arenas(reader.arenas),
        wall_ns=reader.wallNs,
    )


def roster(reader: Any, payload: bytes) -> m.Roster:
    """A Roster."""
    removed = f.bounded(reader.removed, REMOVED_MAX, "removed peers")
    return m.Roster(
        _cards(reader.peers),
        tuple(Removal(PeerId(each.peer), f.int63(each.edition)) for each in removed),
        tuple(PeerId(each) for each in f.bounded(reader.connected, PEERS_MAX, "connections")),
    )


def _cards(readers: Any) -> tuple[PeerCard, ...]:
    return tuple(card(each) for each in f.bounded(readers, PEERS_MAX, "peers"))


def card(reader: Any) -> PeerCard:
    """A Card, whose id is that of its certificate."""
    certificate = reader.certificate
    if not 0 < len(certificate) <= CERTIFICATE_BYTES_MAX:
        raise ValueError(f"a certificate of {len(certificate)} bytes")
    if reader.peer != peer_id_of(certificate):
        raise ValueError("a peer with the id of another certificate")
    return PeerCard(
        peer=PeerId(reader.peer),
        name=f.name(reader.name),
        certificate=certificate,
        addresses=tuple(
            f.text(each, ADDRESS_BYTES_MAX)
            for each in f.bounded(reader.addresses, ADDRESSES_MAX, "addresses")
        ),
        grants=_grants(reader.grants) or full(f.arenas(reader.arenas)),
        admitted=f.int63(reader.admitted),
        addressed=f.int63(reader.addressed),
    )


def _grants(readers: Any) -> Grants:
    found = f.bounded(readers, ARENAS_MAX, "grants")
    return merge_grants(
        (),
        (Grant(f.arena(each.arena), _access(each.access), f.int63(each.edition)) for each in found),
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
        arena=f.arena(reader.arena),
        replica=f.replica(replica) if replica else ReplicaId(b""),
        after=f.seq(reader.after),
    )


def rows(reader: Any, payload: bytes) -> m.Rows:
    """Rows."""
    return m.Rows(
        arena=f.arena(reader.arena),
        replica=f.replica(reader.replica),
        last=f.seq(reader.last),
        after=f.seq(reader.after),
        rows=tuple(map(row, f.bounded(reader.rows, ROWS_BATCH_MAX, "rows"))),
        seen=vector(reader.seen),
        is_all=reader.isAll,
        is_settled=reader.isSettled,
    )


def ack(reader: Any, payload: bytes) -> m.Ack:
    """An Ack."""
    return m.Ack(f.arena(reader.arena), f.replica(reader.replica), f.seq(reader.seq))


def read(reader: Any, payload: bytes) -> m.Read:
    """A Read of 1 to READ_BYTES_MAX bytes."""
    return m.Read(**_range(reader))


def read_delta(reader: Any, payload: bytes) -> m.ReadDelta:
    """The same, with a signature."""
    check_signature(payload)
    return m.ReadDelta(**_range(reader.read), signature=payload)


def read_several(reader: Any, payload: bytes) -> m.ReadSeveral:
    """A ReadSeveral of 1 to SEVERAL_MAX files of one block at most, all within SEVERAL_BYTES_MAX."""
    files = tuple(map(_small, f.bounded(reader.files, SEVERAL_MAX, "files")))
    several = m.ReadSeveral(reader.request, f.arena(reader.arena), files)
    if not 0 < several.size <= SEVERAL_BYTES_MAX:
        raise ValueError(f"a read of {len(files)} files with {several.size} bytes")
    return several


def _small(reader: Any) -> m.Small:
    if not 0 < reader.size <= BLOCK_BYTES_MIN:
        raise ValueError(f"a small file of {reader.size} bytes")
    return m.Small(f.path(reader.path), f.content(reader.hash), reader.size)


def _range(reader: Any) -> dict[str, Any]:
    length = reader.length
    if not 0 < length <= READ_BYTES_MAX:
        raise ValueError(f"a read of {length} bytes")
    f.int63(reader.start + length)
    return {
        "request": reader.request,
        "arena": f.arena(reader.arena),
        "path": f.path(reader.path),
        "hash": f.content(reader.hash),
        "start": reader.start,
        "length": length,
        "bulk": reader.bulk,
    }


def read_blocks(reader: Any, payload: bytes) -> m.ReadBlocks:
    """A ReadBlocks, of FIRST_BYTES_MAX bytes besides at most."""
    if reader.length > FIRST_BYTES_MAX:
        raise ValueError(f"a read of {reader.length} bytes")
    f.int63(reader.start + reader.length)
    return m.ReadBlocks(
        request=reader.request,
        arena=f.arena(reader.arena),
        path=f.path(reader.path),
        hash=f.content(reader.hash),
        start=reader.start,
        length=reader.length,
    )


def pin(reader: Any, payload: bytes) -> m.Pin:
    """A Pin."""
    return m.Pin(
        request=reader.request,
        arena=f.arena(reader.arena),
        path=f.path(reader.path),
        hash=f.content(reader.hash),
    )


def take(reader: Any, payload: bytes) -> m.Take:
    """A Take."""
    return m.Take(request=reader.request, arena=f.arena(reader.arena), path=f.path(reader.path))


def data(request: int, payload: bytes) -> m.Data:
    """Data with the payload of its frame."""
    return m.Data(request, payload)


def packed(reader: Any, payload: bytes) -> m.Packed:
    """A Packed of 1 to READ_BYTES_MAX bytes, smaller than what it holds."""
    if not len(payload) < reader.size <= READ_BYTES_MAX:
        raise ValueError(f"{len(payload)} bytes for {reader.size} packed ones")
    return m.Packed(reader.request, reader.size, payload)


def delta(reader: Any, payload: bytes) -> m.Delta:
    """A Delta of 1 to READ_BYTES_MAX bytes, not smaller than its frame."""
    if not 0 < len(payload) <= reader.size <= READ_BYTES_MAX:
        raise ValueError(f"{len(payload)} bytes for a delta of {reader.size}")
    return m.Delta(reader.request, reader.size, payload)


def failure(reader: Any, payload: bytes) -> m.Failure:
    """A Failure with a code that we know."""
    if reader.code not in m.FAILURE_CODES:
        raise ValueError(f"failure code {reader.code[:40]!r}")
    return m.Failure(reader.request, reader.code, f.sentence(reader.detail))


def join(reader: Any, payload: bytes) -> m.Join:
    """A Join."""
    return m.Join(_secret(reader.secret), card(reader.card))


def _secret(value: bytes) -> bytes:
    if not 0 < len(value) <= JOIN_SECRET_BYTES_MAX:
        raise ValueError(f"a secret of {len(value)} bytes")
    return value


def welcome(reader: Any, payload: bytes) -> m.Welcome:
    """A Welcome."""
    return m.Welcome(roster=_cards(reader.roster), arenas=_shared(reader.arenas))


def _shared(readers: Any) -> tuple[m.SharedArena, ...]:
    return tuple(
        m.SharedArena(f.arena(each.arena), f.name(each.name))
        for each in f.bounded(readers, ARENAS_MAX, "arenas")
    )


def pair_start(reader: Any, payload: bytes) -> m.PairStart:
    """A PairStart."""
    return m.PairStart(f.thirty_two(reader.commitment, "a commitment"), card(reader.card))


def pair_answer(reader: Any, payload: bytes) -> m.PairAnswer:
    """A PairAnswer."""
    return m.PairAnswer(f.thirty_two(reader.nonce, "a nonce"), f.name(reader.name))


def pair_invited(reader: Any, payload: bytes) -> m.PairInvited:
    """A PairInvited."""
    return m.PairInvited(_secret(reader.secret), _shared(reader.arenas))


def refused(reason: str, payload: bytes) -> m.Refused:
    """A Refused."""
    return m.Refused(f.sentence(reason))


DECODERS: dict[str, Callable[[Any, bytes], m.Message]] = {
    "hello": hello,
    "roster": roster,
    "subscribe": subscribe,
    "rows": rows,
    "ack": ack,
    "read": read,
    "readBlocks": read_blocks,
    "readSeveral": read_several,
    "pin": pin,
    "take": take,
    "packed": packed,
    "readDelta": read_delta,
    "delta": delta,
    "data": data,
    "failure": failure,
    "cancel": lambda number, payload: m.Cancel(number),
    "ping": lambda number, payload: m.Ping(number),
    "pong": lambda number, payload: m.Pong(number),
    "join": join,
    "welcome": welcome,
    "refused": refused,
    "pairStart": pair_start,
    "pairAnswer": pair_answer,
    "pairReveal": lambda nonce, payload: m.PairReveal(f.thirty_two(nonce, "a nonce")),
    "pairAgreed": lambda _void, payload: m.PairAgreed(),
    "pairInvited": pair_invited,
}
