"""Records of entries and of real files: as many as there are files, so written by `layout`.

Those that it can't write, or that were written in another way, are left to `records`: long
symlinks, files of 4 GiB, names that are waiting for a place, what an older program wrote.
"""

import struct

from realizefs.codec import records
from realizefs.codec.layout import BYTES, WORDS, Fields, Layout
from realizefs.model.entries import Entry, Fingerprint, RealRow
from realizefs.model.ids import Inode, Seq
from realizefs.model.limits import VECTOR_ENTRIES_MAX
from realizefs.model.versions import Kind, Vector, Version

ENTRY_FIELDS = Fields(
    words=7,
    tag=0x0F,
    numbers="IBIBQBBBBHBIBqBQ",
    tags={1: 0x0F, 3: 0xFF, 5: 0, 6: 0x0F, 10: 0x0F, 12: 0xFF, 14: 1},
    pointers=(BYTES, BYTES, BYTES, BYTES, WORDS, WORDS),
    first=4,
)
"""parent, seq, origin, kind and deleted and mode, size, mtimeNs, author, each word with its tag;
name, hash, blockRoot, target, vector, lineage. Inodes, seqs and sizes below 2**32."""

REAL_FIELDS = Fields(
    words=6,
    tag=0x0F,
    numbers="IBQBBIBqBqBH",
    tags={1: 0xFF, 3: 0, 4: 0x0F, 6: 0xFF, 8: 1, 10: 0x03},
    pointers=(BYTES, WORDS),
    first=1,
)
"""dev, ino, size, mtimeNs, ctimeNs, mode; hash, vector. Devices and sizes below 2**32."""

_ENTRIES = Layout(ENTRY_FIELDS)
_REALS = Layout(REAL_FIELDS)
_KINDS = {int(kind): kind for kind in Kind}
_DIGEST_BYTES = (32, 0)
_COUNT = struct.Struct("<QQ")
"""peer, counter: one element of a vector"""


def encode_entry(entry: Entry) -> bytes:
    """Everything but the inode, which is the key."""
    version = entry.version
    digest, root, target = version.hash, version.block_root, version.target
    vector = _flat(version.vector)
    lineage = _flat(version.lineage) if version.lineage else b""
    shape = _ENTRIES.shape(
        len(entry.name), len(digest), len(root), len(target), len(vector), len(lineage)
    )
    if shape is None:
        return records.encode_entry(entry)
    try:
        return shape.form.pack(
            *(shape.head, entry.parent, 0x0F, entry.seq, 0xFF, entry.origin, 0),
            *(0x0F, version.kind, version.deleted, version.mode, 0x0F, version.size),
            *(0xFF, version.mtime_ns, 1, version.author, shape.middle),
            *(vector[:8], shape.run, vector[8:], entry.name, digest, root, target, lineage),
        )
    except struct.error:
        return records.encode_entry(entry)


def decode_entry(ino: Inode, data: bytes) -> Entry:
    """The entry of an inode."""
    values = _ENTRIES.unpack(data)
    if values is None:
        return records.decode_entry(ino, data)
    (_, parent, _, seq, _, origin, _, _, kind, flags, mode, _, size, _, mtime_ns, _, author) = (
        values[:17]
    )
    _, first, _, vector, name, digest, root, target, lineage = values[17:]
    try:
        _check(digest)
        _check(root)
        version = Version(
            _KINDS[kind],
            digest,
            root,
            size,
            mtime_ns,
            mode,
            target,
            flags & 1 == 1,
            _pairs(first + vector),
            author,
            _pairs(lineage) or None,
        )
    except (KeyError, ValueError) as error:
        raise records.damaged("Entry", data) from error
    return Entry(ino, parent, name, version, origin, seq)


def decode_place(data: bytes) -> tuple[Inode, bytes, Seq]:
    """(parent, name, seq) of an entry: what relinking needs, without the rest."""
    values = _ENTRIES.unpack(data)
    if values is None:
        return records.decode_place(data)
    return values[1], values[21], values[3]


def encode_real(row: RealRow) -> bytes:
    """The row of a real file."""
    seen, vector = row.fingerprint, _flat(row.vector)
    shape = _REALS.shape(len(row.hash), len(vector))
    if shape is None:
        return records.encode_real(row)
    try:
        return shape.form.pack(
            *(shape.head, seen.dev, 0xFF, seen.ino, 0, 0x0F, seen.size),
            *(0xFF, seen.mtime_ns, 1, seen.ctime_ns, 0x03, seen.mode, shape.middle),
            *(vector[:8], shape.run, vector[8:], row.hash),
        )
    except struct.error:
        return records.encode_real(row)


def decode_real(data: bytes) -> RealRow:
    """The row of a real file."""
    values = _REALS.unpack(data)
    if values is None:
        return records.decode_real(data)
    _, dev, _, ino, _, _, size, _, mtime_ns, _, ctime_ns, _, mode = values[:13]
    _, first, _, vector, digest = values[13:]
    try:
        fingerprint = Fingerprint(dev, ino, size, mtime_ns, ctime_ns, mode)
        _check(digest)
        return RealRow(fingerprint, digest, _pairs(first + vector))
    except ValueError as error:
        raise records.damaged("RealRow", data) from error


def _flat(vector: Vector) -> bytes:
    if len(vector) == 1:
        return _COUNT.pack(*vector[0])
    return b"".join([_COUNT.pack(*count) for count in vector])


def _check(digest: bytes) -> None:
    if len(digest) not in _DIGEST_BYTES:
        raise ValueError("a digest has 32 bytes")


def _pairs(flat: bytes) -> Vector:
    if len(flat) % 16 or len(flat) > 16 * VECTOR_ENTRIES_MAX:
        raise ValueError("a vector has pairs")
    return tuple(_COUNT.iter_unpack(flat))
