"""Records packed by hand are what Cap'n Proto makes of the schema, and nothing else."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import capnp
import pytest

from realizefs.codec import index_records, records, schema
from realizefs.codec.index_records import ENTRY_FIELDS, REAL_FIELDS
from realizefs.codec.layout import BYTES, WORDS, Fields, Layout
from realizefs.model.entries import RealRow
from realizefs.model.ids import Digest, PeerId
from realizefs.model.versions import Version
from tests.unit.codec.test_records import ORDINARY, SEEN

SCHEMA = Path(__file__).parents[3] / "capnp" / "records.capnp"
ONE = ((PeerId(2**63 + 5), 1),)
REAL = RealRow(SEEN, Digest(b"h" * 32), ONE)


def struct_of(name: str) -> Any:
    return getattr(schema.load("records"), name)


def words_of(name: str, packed: bytes) -> bytes:
    """The message unpacked, as it would travel unpacked: every bit of it."""
    return bytes(struct_of(name).from_bytes_packed(packed).as_builder().to_bytes())


@pytest.mark.parametrize(("name", "fields"), [("Entry", ENTRY_FIELDS), ("RealRow", REAL_FIELDS)])
def test_the_schema_has_the_size_and_the_pointers_that_we_write(name: str, fields: Fields) -> None:
    node = struct_of(name).schema.node.struct
    assert (node.dataWordCount, node.pointerCount) == (fields.words, len(fields.pointers))
    kinds = {"data": BYTES, "list": WORDS}
    found = {
        field.slot.offset: kinds[field.slot.type.which()]
        for field in node.fields
        if field.slot.type.which() in kinds
    }
    assert tuple(found[place] for place in range(len(found))) == fields.pointers


def test_each_number_stands_where_the_schema_has_it() -> None:
    whole = ORDINARY.version
    for entry in (
        ORDINARY,
        replace(ORDINARY, name=b"n" * 255, version=replace(whole, deleted=True)),
        replace(ORDINARY, origin=PeerId(0), version=replace(whole, block_root=Digest(b"r" * 32))),
        replace(ORDINARY, version=replace(whole, target=b"to", lineage=((PeerId(3), 4),))),
        replace(ORDINARY, version=replace(whole, vector=(*((PeerId(n), n) for n in (1, 2, 3)),))),
    ):
        ours, theirs = index_records.encode_entry(entry), records.encode_entry(entry)
        assert ours != theirs
        assert words_of("Entry", ours) == words_of("Entry", theirs)
    ours, theirs = index_records.encode_real(REAL), records.encode_real(REAL)
    assert ours != theirs
    assert words_of("RealRow", ours) == words_of("RealRow", theirs)


def test_records_take_few_bytes() -> None:
    assert len(index_records.encode_entry(ORDINARY)) <= 140
    assert len(index_records.encode_real(REAL)) <= 104


@pytest.mark.parametrize(
    "version",
    [
        Version(ORDINARY.version.kind),
        replace(ORDINARY.version, size=2**32),
        replace(ORDINARY.version, target=b"t" * 4000),
        replace(ORDINARY.version, vector=tuple((PeerId(n), 1) for n in range(1, 257))),
    ],
    ids=["no vector", "4 GiB", "a long target", "256 peers"],
)
def test_what_does_not_fit_is_left_to_pycapnp(version: Version) -> None:
    entry = replace(ORDINARY, version=version)
    data = index_records.encode_entry(entry)
    assert data == records.encode_entry(entry)
    assert index_records.decode_entry(entry.ino, data) == entry


@pytest.mark.parametrize("added", ["note @15 :UInt64;", "note @15 :UInt8;", "note @15 :Text;"])
def test_a_record_of_a_newer_program_is_read_without_its_new_fields(
    tmp_path: Path, added: str
) -> None:
    text = SCHEMA.read_text()
    (tmp_path / "newer.capnp").write_text(text.replace("lineage @14", f"{added} lineage @14"))
    parser = capnp.SchemaParser()  # what it loaded lives as long as it does
    newer = parser.load(str(tmp_path / "newer.capnp")).Entry.new_message()
    ours = struct_of("Entry").from_bytes_packed(index_records.encode_entry(ORDINARY))
    for field, value in ours.to_dict().items():
        setattr(newer, field, value)
    newer.note = "new" if "Text" in added else 200
    data = bytes(newer.to_bytes_packed())
    assert index_records.decode_entry(ORDINARY.ino, data) == ORDINARY
    del parser


def test_every_changed_byte_is_another_value_or_left_to_pycapnp() -> None:
    layout = Layout(REAL_FIELDS)
    data = index_records.encode_real(REAL)
    for at in range(len(data)):
        changed = data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :]
        values = layout.unpack(changed)
        if values is not None:
            assert index_records.decode_real(changed) == records.decode_real(changed)
