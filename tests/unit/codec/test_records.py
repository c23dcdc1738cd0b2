import contextlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realizefs.codec import index_records, records
from realizefs.model.blobs import BlobRow
from realizefs.model.decisions import Action, Decision
from realizefs.model.entries import Entry, Fingerprint, PeerCard, RealRow
from realizefs.model.errors import StoreFault
from realizefs.model.grants import Access, Grant, full
from realizefs.model.ids import NO_DIGEST, ArenaId, BlobId, Digest, Inode, PeerId, Seq
from realizefs.model.ranges import Ranges
from realizefs.model.versions import Kind, Version, vector_of

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


@pytest.mark.parametrize("writer", [records, index_records])
@pytest.mark.parametrize("reader", [records, index_records])
@given(entry=entries)
def test_entries_come_back_whoever_wrote_them(
    writer: ModuleType, reader: ModuleType, entry: Entry
) -> None:
    data = writer.encode_entry(entry)
    assert reader.decode_entry(entry.ino, data) == entry
    assert reader.decode_place(data) == (entry.parent, entry.name, entry.seq)


@pytest.mark.parametrize("writer", [records, index_records])
@pytest.mark.parametrize("reader", [records, index_records])
@given(row=reals)
def test_real_rows_come_back_whoever_wrote_them(
    writer: ModuleType, reader: ModuleType, row: RealRow
) -> None:
    assert reader.decode_real(writer.encode_real(row)) == row


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


def test_a_blob_of_many_ranges_comes_back() -> None:
    pairs = tuple((start, start + 1) for start in range(0, 80_000, 2))
    blob = BlobRow(BlobId(1), Inode(2), NO_DIGEST, 80_000, Ranges(pairs))
    assert records.decode_blob(records.encode_blob(blob)) == blob


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
"""An entry that is written by layout."""

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
    records.encode_entry(
        Entry(Inode(5), Inode(2), b"name", Version(Kind.FILE, Digest(b"h" * 32)), seq=Seq(4))
    ),
    index_records.encode_entry(ORDINARY),
    index_records.encode_real(RealRow(SEEN, Digest(b"h" * 32), ORDINARY.version.vector)),
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


@pytest.mark.parametrize("data", [b"", b"\x00", b"\xff" * 100])
def test_what_is_no_record_at_all_is_a_store_fault(data: bytes) -> None:
    with pytest.raises(StoreFault, match="damaged Entry record"):
        records.decode_entry(Inode(5), data)
