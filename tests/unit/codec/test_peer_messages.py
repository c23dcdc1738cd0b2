"""Peer messages: every message comes back equal, and no bytes do more than raise ProtocolFault."""

import struct
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realizefs.codec.deltas import signature
from realizefs.codec.peer_messages import decode, encode
from realizefs.codec.schema import load
from realizefs.core.merge import deleted
from realizefs.model import messages as m
from realizefs.model.entries import PeerCard
from realizefs.model.errors import Misuse, ProtocolFault
from realizefs.model.grants import full
from realizefs.model.ids import ArenaId, Digest, PeerId, ReplicaId, Seq, peer_id_of
from realizefs.model.limits import (
    BLOCK_BYTES_MIN,
    FIRST_BYTES_MAX,
    FRAME_PAYLOAD_BYTES_MAX,
    PEERS_MAX,
    READ_BYTES_MAX,
    ROWS_BATCH_MAX,
    SEVERAL_MAX,
    VECTOR_ENTRIES_MAX,
)
from realizefs.model.versions import Dot, Held, Kind, Version

ARENA = ArenaId(b"a" * 16)
REPLICA = ReplicaId(b"r" * 16)
DIGEST = Digest(bytes(range(32)))
PEER = PeerId(2**64 - 1)

FILE = Version(
    kind=Kind.FILE,
    hash=DIGEST,
    block_root=Digest(b"b" * 32),
    size=2**63 - 1,
    mtime_ns=-(2**63),
    mode=0o1777,
    vector=((PeerId(3), 1), (PEER, 2**62)),
    author=PEER,
)
DIRECTORY = Version(kind=Kind.DIRECTORY, mode=0o755, vector=((PeerId(1), 1),), author=PeerId(1))
LINK = replace(DIRECTORY, kind=Kind.SYMLINK, target=b"../\xff")
CARD = PeerCard(
    peer_id_of(b"der"), "desk", b"der", ("desk.local:1", "[::1]:2"), full([ARENA]), addressed=7
)
READ = m.Read(7, ARENA, b"a/b:\xff\n", DIGEST, 2**62, READ_BYTES_MAX)


def rows(*found: m.Row) -> m.Rows:
    return m.Rows(ARENA, REPLICA, Seq(4), Seq(9), found)


MESSAGES: list[m.Message] = [
    m.Hello(1, ("zstd", "delta"), PEER, "Anna's desk", (ARENA,)),
    m.Hello(1, (), PEER, "Anna's desk", (ARENA,), wall_ns=-(2**63)),
    m.Roster((CARD, replace(CARD, addresses=(), grants=()))),
    m.Roster((CARD,), (), (PEER, PeerId(2**64 - 1))),
    m.Roster((), (), (PEER,)),
    m.Subscribe(ARENA, REPLICA, Seq(5)),
    m.Subscribe(ARENA, ReplicaId(b""), Seq(0)),
    rows(),
    rows(
        m.Row(b"f", FILE, Held.OWN),
        m.Row(b"d", DIRECTORY, Held.NONE),
        m.Row(b"d/l", LINK, Held.CACHED),
        m.Row(b"gone", deleted(FILE, Dot(PeerId(3), 1), 5), Held.NONE),
    ),
    m.Ack(ARENA, REPLICA, Seq(2**63 - 1)),
    READ,
    m.ReadBlocks(8, ARENA, b"a", DIGEST),
    m.ReadBlocks(8, ARENA, b"a", DIGEST, 2**62, FIRST_BYTES_MAX),
    m.ReadSeveral(
        9, ARENA, (m.Small(b"a", DIGEST, 1), m.Small(b"b/\xff", DIGEST, BLOCK_BYTES_MIN))
    ),
    m.Data(7, b"bytes"),
    m.Data(7, b""),
    m.Packed(7, READ_BYTES_MAX, b"zstd"),
    m.ReadDelta(7, ARENA, b"a/b:\xff\n", DIGEST, 2**62, READ_BYTES_MAX, True, signature(b"old")),
    m.Delta(7, READ_BYTES_MAX, b"delta"),
    replace(READ, bulk=True),
    m.Failure(7, "version-gone", "it changed"),
    m.Cancel(7),
    m.Take(7, ARENA, b"a/b"),
    m.Ping(1),
    m.Pong(2**64 - 1),
    m.Join(b"s" * 32, CARD),
    m.Welcome((CARD,), (m.SharedArena(ARENA, "photos"),)),
    m.Refused("used"),
    m.PairStart(b"c" * 32, replace(CARD, addresses=(), grants=())),
    m.PairAnswer(b"n" * 32, "Anna's desk"),
    m.PairReveal(b"n" * 32),
    m.PairAgreed(),
    m.PairInvited(b"secret", (m.SharedArena(ARENA, "docs"),)),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_message_comes_back_equal(message: m.Message) -> None:
    assert decode(*encode(message)) == message


def refused(message: m.Message) -> None:
    with pytest.raises(ProtocolFault):
        decode(*encode(message))


@pytest.mark.parametrize(
    "path",
    [
        b"../x",
        b"a/../../x",
        b"/etc/passwd",
        b"a//b",
        b"a/",
        b".",
        b"a\0b",
        b".realize",
        b".realize/db",
        b"",
        b"n" * 256,
        b"d/" * 2048 + b"x",
    ],
)
def test_a_path_that_leaves_the_arena_is_refused(path: bytes) -> None:
    refused(rows(m.Row(path, FILE, Held.OWN)))
    refused(replace(READ, path=path))
    refused(m.ReadBlocks(1, ARENA, path, DIGEST))
    refused(m.ReadSeveral(1, ARENA, (m.Small(path, DIGEST, 1),)))


@pytest.mark.parametrize("size", [0, 4, READ_BYTES_MAX + 1])
def test_a_delta_is_no_smaller_than_its_frame_and_no_longer_than_may_be_asked(size: int) -> None:
    refused(m.Delta(1, size, b"delta"))


def test_a_request_with_a_signature_that_is_none_is_refused() -> None:
    refused(m.ReadDelta(7, ARENA, b"a", DIGEST, 0, 10, False, b"not a signature"))
    refused(m.ReadDelta(7, ARENA, b"../a", DIGEST, 0, 10, False, signature(b"old")))
    refused(m.ReadDelta(7, ARENA, b"a", DIGEST, 0, 0, False, signature(b"old")))


@pytest.mark.parametrize("size", [0, 4, READ_BYTES_MAX + 1])
def test_a_packed_answer_holds_more_than_it_takes_and_no_more_than_may_be_asked(size: int) -> None:
    refused(m.Packed(1, size, b"zstd"))


@pytest.mark.parametrize(
    "version",
    [
        replace(FILE, hash=Digest(b"")),
        replace(FILE, hash=Digest(b"short")),
        replace(FILE, block_root=Digest(b"short")),
        replace(FILE, size=2**63),
        replace(FILE, mode=0o10000),
        replace(FILE, target=b"x"),
        replace(DIRECTORY, hash=DIGEST),
        replace(DIRECTORY, target=b"x"),
        replace(LINK, target=b""),
        replace(LINK, target=b"x" * 4096),
        replace(LINK, target=b"x\0"),
        replace(FILE, deleted=True),
        replace(FILE, vector=((PeerId(2), 1), (PeerId(1), 1))),
        replace(FILE, vector=((PeerId(2), 1), (PeerId(2), 2))),
        replace(FILE, vector=((PeerId(2), 0),)),
        replace(FILE, vector=((PeerId(2), 2**63),)),
        replace(FILE, vector=tuple((PeerId(i), 1) for i in range(VECTOR_ENTRIES_MAX + 1))),
    ],
)
def test_an_impossible_version_is_refused(version: Version) -> None:
    refused(rows(m.Row(b"f", version, Held.NONE)))


@pytest.mark.parametrize(
    "message",
    [
        replace(READ, length=0),
        replace(READ, length=READ_BYTES_MAX + 1),
        replace(READ, start=2**63),
        m.ReadBlocks(8, ARENA, b"a", DIGEST, 0, FIRST_BYTES_MAX + 1),
        m.ReadBlocks(8, ARENA, b"a", DIGEST, 2**63, 1),
        replace(READ, hash=Digest(b"")),
        replace(READ, arena=ArenaId(b"short")),
        m.Roster((replace(CARD, peer=PeerId(1)),)),
        m.Roster((replace(CARD, certificate=b""),)),
        m.Roster((replace(CARD, name=""),)),
        m.Roster((replace(CARD, name="two\nlines"),)),
        m.Roster((replace(CARD, addresses=("x:1",) * 17),)),
        m.Roster((CARD,) * (PEERS_MAX + 1)),
        m.Roster((), (), (PEER,) * (PEERS_MAX + 1)),
        rows(*[m.Row(b"f", DIRECTORY, Held.NONE)] * (ROWS_BATCH_MAX + 1)),
        m.Rows(ARENA, ReplicaId(b""), Seq(0), Seq(0), ()),
        m.Failure(1, "no-such-code", ""),
        m.ReadSeveral(1, ARENA, ()),
        m.ReadSeveral(1, ARENA, (m.Small(b"a", DIGEST, 1),) * (SEVERAL_MAX + 1)),
        m.ReadSeveral(1, ARENA, (m.Small(b"a", DIGEST, BLOCK_BYTES_MIN + 1),)),
        m.ReadSeveral(1, ARENA, (m.Small(b"a", DIGEST, 1), m.Small(b"b", DIGEST, 0))),
        m.ReadSeveral(1, ARENA, (m.Small(b"a", DIGEST, BLOCK_BYTES_MIN),) * 9),
        m.Join(b"", CARD),
        m.Join(b"s" * 65, CARD),
    ],
)
def test_a_field_out_of_bounds_is_refused(message: m.Message) -> None:
    refused(message)


def test_sentences_of_a_peer_stay_one_line() -> None:
    message = m.Failure(1, "io", "first\n\x1b[31msecond")
    assert decode(*encode(message)) == m.Failure(1, "io", "first??[31msecond")


def test_sentences_with_undecodable_file_names_can_be_sent() -> None:
    name = b"\xff".decode("utf-8", "surrogateescape")
    decoded = decode(*encode(m.Failure(1, "io", name)))
    assert isinstance(decoded, m.Failure)
    assert decoded.detail.isprintable()


def test_what_fits_no_frame_is_our_misuse() -> None:
    with pytest.raises(Misuse):
        encode(m.Data(1, bytes(FRAME_PAYLOAD_BYTES_MAX + 1)))


def test_bytes_after_another_message_than_data_are_refused() -> None:
    message, _ = encode(m.Ping(1))
    with pytest.raises(ProtocolFault, match="bytes of data"):
        decode(message, b"x")


def test_a_message_of_a_newer_protocol_is_refused() -> None:
    """The union's discriminant is the first 16 bits after the root pointer and the Data word."""
    message = bytearray(encode(m.Ping(1))[0])
    at = next(
        at for at in range(16, len(message), 2) if message[at : at + 2] == struct.pack("<H", 10)
    )
    message[at : at + 2] = struct.pack("<H", 99)
    with pytest.raises(ProtocolFault):
        decode(bytes(message), b"")


def with_field(name: str, value: Any) -> bytes:
    made: bytes = load("peer").PeerMessage.new_message(**{name: value}).to_bytes()
    return made


@pytest.mark.parametrize("row", [{"kind": 9}, {"kind": 0}, {"kind": 1, "held": 7}])
def test_kinds_that_do_not_exist_are_refused(row: dict[str, int]) -> None:
    ids = {"arena": ARENA, "replica": REPLICA}
    message = with_field("rows", {**ids, "rows": [{"path": b"f", "hash": DIGEST, **row}]})
    with pytest.raises(ProtocolFault):
        decode(message, b"")


@given(st.binary(max_size=300), st.binary(max_size=8))
def test_random_bytes_never_do_more_than_raise(message: bytes, payload: bytes) -> None:
    with pytest.raises(ProtocolFault):
        decode(message, payload)


@given(st.sampled_from(MESSAGES), st.data())
def test_damaged_messages_never_do_more_than_raise(message: m.Message, data: st.DataObject) -> None:
    encoded = bytearray(encode(message)[0])
    for _ in range(data.draw(st.integers(1, 4))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(encoded)))
    with suppress(ProtocolFault):  # what still is a message may come out; nothing else may
        decode(bytes(encoded[:cut] if data.draw(st.booleans()) else encoded), b"")


def test_setuid_and_setgid_of_a_peer_stay_there() -> None:
    row = m.Row(b"f", replace(FILE, mode=0o6755), Held.OWN)
    told = decode(*encode(m.Rows(ARENA, REPLICA, Seq(0), Seq(1), (row,))))
    assert isinstance(told, m.Rows)
    assert told.rows[0].version.mode == 0o755
