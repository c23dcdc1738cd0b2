import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realizefs.codec import index_records, records, schema
from realizefs.model.blobs import BlobRow
from realizefs.model.decisions import Action, Decision
from realizefs.model.entries import Entry, Fingerprint, PeerCard, RealRow
from realizefs.model.errors import StoreFault
from realizefs.model.grants import Access, Grant, full
from realizefs.model.ids import NO_DIGEST, ArenaId, BlobId, Digest, Inode, PeerId, Seq
from realizefs.model.limits import VECTOR_ENTRIES_MAX
from realizefs.model.ranges import Ranges
from realizefs.model.versions import Kind, Vector, Version, vector_of

u64 = st.integers(0, 2**64 - 1)
i64 = st.integers(-(2**63), 2**63 - 1)
digests = st.binary(min_size=32, max_size=32) | st.just(NO_DIGEST)
vectors = st.dictionaries(u64, st.integers(1, 2**64 - 1), max_size=5).map(vector_of)  # type: ignore[arg-type]
texts = st.text()
arenas = st.lists(st.binary(min_size=16, max_size=16), max_size=4).map(tuple)

versions = st.builds(
    Version,
    kind=st.sampled_from(Kind),
    hash=digests,
    block_root=digests,
    size=u64,
    mtime_ns=i64,
    mode=st.integers(0, 0o7777),
    target=st.binary(max_size=4095),
    deleted=st.booleans(),
    vector=vectors,
    author=u64,
)
entries = st.builds(
    Entry, ino=u64, parent=u64, name=st.binary(max_size=255), version=versions, origin=u64, seq=u64
)
fingerprints = st.builds(Fingerprint, u64, u64, u64, i64, i64, st.integers(0, 2**32 - 1))
reals = st.builds(RealRow, fingerprints, digests, vectors)
decisions = st.builds(
    Decision,
    action=st.sampled_from(Action),
    hash=digests,
    attempts=st.integers(0, 2**32 - 1),
    retry_at_ns=i64,
    wait_for_peer=st.booleans(),
    error=texts,
)
ranges = st.lists(st.tuples(u64, u64), max_size=6).map(
    lambda pairs: Ranges().union(Ranges(tuple((low, high) for low, high in pairs if low < high)))
)
blobs = st.builds(
    BlobRow,
    id=u64,
    ino=u64,
    hash=digests,
    size=u64,
    ranges=ranges,
    verified=st.booleans(),
    protected=st.booleans(),
    outdated=st.booleans(),
    stamp=u64,
    usage=u64,
)
cards = st.builds(
    PeerCard,
    peer=u64,
    name=texts,
    certificate=st.binary(max_size=1000),
    addresses=st.lists(texts, max_size=4).map(tuple),
    grants=st.dictionaries(
        st.binary(min_size=16, max_size=16).map(ArenaId), st.tuples(st.sampled_from(Access), u64)
    ).map(lambda found: tuple(Grant(arena, *found[arena]) for arena in sorted(found))),
    admitted=u64,
    removed=u64,
)


def flat(vector: Vector) -> list[int]:
    return [number for count in vector for number in count]


def entry_until_schema_2(entry: Entry) -> bytes:
    """As a packed message."""
    version = entry.version
    message = getattr(schema.load("records"), "Entry").new_message(  # noqa: B009 - mypy
        parent=entry.parent,
        name=entry.name,
        seq=entry.seq,
        origin=entry.origin,
        kind=int(version.kind),
        deleted=version.deleted,
        mode=version.mode,
        hash=version.hash,
        blockRoot=version.block_root,
        size=version.size,
        mtimeNs=version.mtime_ns,
        target=version.target,
        author=version.author,
        vector=flat(version.vector),
    )
    return bytes(message.to_bytes_packed())


def real_until_schema_2(row: RealRow) -> bytes:
    seen = row.fingerprint
    message = getattr(schema.load("records"), "RealRow").new_message(  # noqa: B009 - mypy
        dev=seen.dev,
        ino=seen.ino,
        size=seen.size,
        mtimeNs=seen.mtime_ns,
        ctimeNs=seen.ctime_ns,
        mode=seen.mode,
        hash=row.hash,
        vector=flat(row.vector),
    )
    return bytes(message.to_bytes_packed())


@pytest.mark.parametrize("encode", [index_records.encode_entry, entry_until_schema_2])
@given(entry=entries)
def test_entries_come_back_whoever_wrote_them(
    encode: Callable[[Entry], bytes], entry: Entry
) -> None:
    data = encode(entry)
    assert index_records.decode_entry(entry.ino, data) == entry
    assert index_records.decode_place(data) == (entry.parent, entry.name, entry.seq)


@pytest.mark.parametrize("encode", [index_records.encode_real, real_until_schema_2])
@given(row=reals)
def test_real_rows_come_back_whoever_wrote_them(
    encode: Callable[[RealRow], bytes], row: RealRow
) -> None:
    assert index_records.decode_real(encode(row)) == row


@given(entries, st.integers(0, 3), st.integers(0, 3))
def test_an_origin_and_an_author_among_the_peers_of_the_vector_come_back(
    entry: Entry, origin: int, author: int
) -> None:
    peers = [PeerId(0), *(peer for peer, _ in entry.version.vector)]
    version = replace(entry.version, author=peers[author % len(peers)])
    entry = replace(entry, origin=peers[origin % len(peers)], version=version)
    assert index_records.decode_entry(entry.ino, index_records.encode_entry(entry)) == entry


def test_each_of_the_most_peers_may_be_the_author() -> None:
    """What stands for the last ones in one byte is no place any more."""
    vector = vector_of({PeerId(peer): 1 for peer in range(1, VECTOR_ENTRIES_MAX + 1)})
    for peer, _ in vector:
        version = replace(ORDINARY.version, vector=vector, author=peer)
        entry = replace(ORDINARY, origin=peer, version=version)
        assert index_records.decode_entry(entry.ino, index_records.encode_entry(entry)) == entry


def test_records_take_few_bytes() -> None:
    assert len(index_records.encode_entry(ORDINARY)) <= 93
    assert len(index_records.encode_real(ORDINARY_REAL)) <= 85


@given(decisions)
def test_decisions_come_back(decision: Decision) -> None:
    assert records.decode_decision(records.encode_decision(decision)) == decision


@given(blobs)
def test_blobs_come_back(blob: BlobRow) -> None:
    assert records.decode_blob(records.encode_blob(blob)) == blob


@given(cards)
def test_cards_come_back(card: PeerCard) -> None:
    assert records.decode_card(records.encode_card(card)) == card


@given(i64, arenas)
def test_invitations_come_back(expires_ns: int, opened: tuple[ArenaId, ...]) -> None:
    data = records.encode_invitation(expires_ns, opened)
    assert records.decode_invitation(data) == (expires_ns, opened)


def blob_of_many_ranges(pieces: int) -> BlobRow:
    pairs = tuple((start, start + 1) for start in range(0, 2 * pieces, 2))
    return BlobRow(BlobId(1), Inode(2), NO_DIGEST, 2 * pieces, Ranges(pairs))


def in_segments(blob: BlobRow) -> bytes:
    """As blobs of many ranges were written until arena schema 2."""
    ranges = [number for pair in blob.ranges for number in pair]
    message = getattr(schema.load("records"), "BlobRow").new_message(  # noqa: B009 - mypy
        id=blob.id, ino=blob.ino, size=blob.size, ranges=ranges
    )
    return bytes(message.to_bytes_packed())


@pytest.mark.parametrize("encode", [records.encode_blob, in_segments])
def test_a_blob_of_many_ranges_comes_back(encode: Callable[[BlobRow], bytes]) -> None:
    blob = blob_of_many_ranges(40_000)
    assert records.decode_blob(encode(blob)) == blob


def test_a_damaged_record_of_several_segments_does_not_end_the_process() -> None:
    """capnp reads the last segments in a destructor: what it throws there ends the process."""
    whole = in_segments(blob_of_many_ranges(600))
    assert whole[0] & 0x0F  # it has several
    pieces = [whole[:end] for end in range(1, len(whole), 7)]
    pieces += [whole[:at] + b"\xff" + whole[at + 1 :] for at in range(0, len(whole), 7)]
    pieces += [b"\x13\1\1\1" + index_records.encode_entry(ORDINARY), b"\x01" * 90]
    for piece in pieces:
        with contextlib.suppress(StoreFault):
            records.decode_blob(piece)


SEEN = Fingerprint(65024, 2**40, 12345, -1, 2**62, 0o100644)
ORDINARY = Entry(
    Inode(5),
    Inode(2),
    b"photograph.jpeg",
    Version(
        Kind.FILE,
        Digest(b"h" * 32),
        size=12345,
        mtime_ns=1_700_000_000_123_456_789,
        mode=0o644,
        vector=((PeerId(2**63 + 5), 1),),
        author=PeerId(2**63 + 5),
    ),
    PeerId(2**63 + 5),
    Seq(7),
)
"""An entry as most are."""
ORDINARY_REAL = RealRow(SEEN, ORDINARY.version.hash, ORDINARY.version.vector)

DECODERS: list[Callable[[bytes], Any]] = [
    lambda data: records.decode_entry(Inode(5), data),
    lambda data: index_records.decode_entry(Inode(5), data),
    records.decode_place,
    index_records.decode_place,
    records.decode_real,
    index_records.decode_real,
    records.decode_decision,
    records.decode_blob,
    records.decode_card,
    records.decode_invitation,
]
SAMPLES = [
    entry_until_schema_2(ORDINARY),
    index_records.encode_entry(ORDINARY),
    index_records.encode_entry(replace(ORDINARY, parent=Inode(2**40), origin=PeerId(3))),
    index_records.encode_real(ORDINARY_REAL),
    records.encode_card(PeerCard(PeerId(5), "name", b"der", ("a:1",), full([ArenaId(b"a" * 16)]))),
]


@given(st.sampled_from(DECODERS), st.binary(max_size=200))
def test_garbage_is_a_value_or_a_store_fault(decode: Callable[[bytes], Any], data: bytes) -> None:
    with contextlib.suppress(StoreFault):
        decode(data)


@given(st.sampled_from(DECODERS), st.sampled_from(SAMPLES), st.integers(0, 500), st.binary())
def test_damage_is_a_value_or_a_store_fault(
    decode: Callable[[bytes], Any], sample: bytes, at: int, noise: bytes
) -> None:
    with contextlib.suppress(StoreFault):
        decode(sample[:at] + noise + sample[at + len(noise) :])


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x01", b"\x02", b"\x03", b"\xff" * 100])
def test_what_is_no_record_at_all_is_a_store_fault(data: bytes) -> None:
    with pytest.raises(StoreFault, match="damaged Entry record"):
        index_records.decode_entry(Inode(5), data)
    with pytest.raises(StoreFault, match="damaged RealRow record"):
        index_records.decode_real(data)


@pytest.mark.parametrize("more", [b"\0", b"\0" * 8, b"\0" * 16])
def test_what_is_longer_or_shorter_than_it_says_is_a_store_fault(more: bytes) -> None:
    entry, real = index_records.encode_entry(ORDINARY), index_records.encode_real(ORDINARY_REAL)
    for data in (entry + more, entry[: -len(more)]):
        with pytest.raises(StoreFault):
            index_records.decode_entry(Inode(5), data)
    for data in (real + more, real[: -len(more)]):
        with pytest.raises(StoreFault):
            index_records.decode_real(data)
