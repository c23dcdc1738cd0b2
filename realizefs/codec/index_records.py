"""Records of entries and of real files, as bytes and back.

There are as many as files, and every lookup reads one: so they are no capnp messages, but all
numbers as one `struct`, and then what has no fixed length. That takes two thirds of the bytes of a
packed message, and less time than the fastest way to read such.

    mark        1 byte: NARROW, or WIDE where a number doesn't fit that
    numbers     _ENTRY or _REAL, little-endian, with the lengths of what follows
    contents    in the order in which they are named there

A path with several heads, or a version that replaced a content, is HEADS:

    mark        1 byte: HEADS
    _HEADS      the length of the record of the named head, as above; numbers of digests and of heads
    contents    that record, what it replaced, and the other heads, each a record with its length

Origin and author are mostly peers of the vector; then their place in it stands for them. Older
programs wrote packed messages, which begin with the tag of a segment table and so never with one of
our marks: `records` reads these. New fields bring new marks.
"""

import struct
from dataclasses import replace
from functools import lru_cache
from struct import Struct

from realizefs.codec import records
from realizefs.model.entries import Entry, Fingerprint, RealRow
from realizefs.model.ids import Digest, Inode, PeerId, Seq
from realizefs.model.limits import VECTOR_ENTRIES_MAX
from realizefs.model.versions import Kind, Vector, Version

NARROW, WIDE, HEADS = 0x01, 0x02, 0x03

_HEADS = Struct("<BIBH")
"""mark, length, digests, heads"""
_LENGTH = Struct("<I")

_ENTRY = {NARROW: Struct("<BBHBBBBBBIIIq"), WIDE: Struct("<BBHBHHHBBQQQq")}
"""mark, flags, mode; lengths of name, target, vector and lineage (the latter in authors; no lineage is
written any more); which peers
origin and author are; parent, seq, size, mtime_ns. Then name, hash, block root, target, vector,
lineage, and those of origin and author that the vector doesn't have."""

_REAL = {NARROW: Struct("<BBBHIIQqq"), WIDE: Struct("<BBHIQQQqq")}
"""mark, flags, length of the vector (in peers); mode, dev, size, ino, mtime_ns, ctime_ns. Then hash
and vector."""

_KIND = 0x03
_DELETED, _HASH, _BLOCK_ROOT = 0x04, 0x08, 0x10
"""Flags: two bits are the kind, the others say what is so, or is there."""
_KINDS = {int(kind): kind for kind in Kind}

_NOBODY, _BEHIND, _IN_VECTOR = 0, 1, 2
"""Which peer: none; the next one behind the lineage; from here on, the one at that place of the
vector."""
_PLACES_MAX = 255 - _IN_VECTOR

_DIGEST_BYTES = 32
_COUNT, _COUNT_BYTES = Struct("<QQ"), 16
"""peer, counter: one element of a vector"""
_PEER, _PEER_BYTES = Struct("<Q"), 8


def encode_entry(entry: Entry) -> bytes:
    """Everything but the inode, which is the key."""
    version = entry.version
    if version.replaced or version.others:
        return _encode_heads(entry)
    name, digest, root, target = entry.name, version.hash, version.block_root, version.target
    vector, lineage = version.vector, ()
    flags = int(version.kind)
    if version.deleted:
        flags |= _DELETED
    if digest:
        flags |= _HASH
    if root:
        flags |= _BLOCK_ROOT
    origin, origin_behind = _which(entry.origin, vector)
    author, author_behind = _which(version.author, vector)
    numbers = (
        *(flags, version.mode, len(name), len(target), len(vector), len(lineage)),
        *(origin, author, entry.parent, entry.seq, version.size, version.mtime_ns),
    )
    contents = (name, digest, root, target, _flat(vector), _flat(lineage))
    return b"".join((_packed(_ENTRY, numbers), *contents, origin_behind, author_behind))


def _encode_heads(entry: Entry) -> bytes:
    version = entry.version
    named = encode_entry(replace(entry, version=replace(version, others=(), replaced=())))
    parts = [_HEADS.pack(HEADS, len(named), len(version.replaced), len(version.others)), named]
    parts += version.replaced
    for other in version.others:
        head = encode_entry(Entry(Inode(0), Inode(0), b"", other))
        parts += [_LENGTH.pack(len(head)), head]
    return b"".join(parts)


def _decode_heads(ino: Inode, data: bytes) -> Entry:
    _, size, digests, heads = _HEADS.unpack_from(data)
    at = _HEADS.size
    entry = decode_entry(ino, data[at : (at := at + size)])
    replaced = tuple(
        data[at + number * _DIGEST_BYTES : at + (number + 1) * _DIGEST_BYTES]
        for number in range(digests)
    )
    at += digests * _DIGEST_BYTES
    others = []
    for _ in range(heads):
        (length,) = _LENGTH.unpack_from(data, at)
        at += _LENGTH.size
        others.append(decode_entry(Inode(0), data[at : (at := at + length)]).version)
    if at != len(data):
        raise ValueError("it has another length")
    version = replace(entry.version, replaced=replaced, others=tuple(others))
    return replace(entry, version=version)


def decode_entry(ino: Inode, data: bytes) -> Entry:
    """The entry of an inode; the same one for the same bytes, where they are few."""
    if len(data) <= records.REMEMBERED_BYTES_MAX:
        return _remembered_entry(ino, data)
    return _decoded_entry(ino, data)


def _decoded_entry(ino: Inode, data: bytes) -> Entry:
    if data and data[0] == HEADS:
        try:
            return _decode_heads(ino, data)
        except (struct.error, ValueError) as error:
            raise records.damaged("Entry", data) from error
    form = _ENTRY.get(data[0]) if data else None
    if form is None:
        return records.decode_entry(ino, data)
    try:
        return _entry(ino, data, form)
    except (struct.error, LookupError, ValueError) as error:
        raise records.damaged("Entry", data) from error


# What changes is looked at by each who has to do with it, a dozen times in a second.
_remembered_entry = lru_cache(maxsize=records.REMEMBERED_ROWS)(_decoded_entry)


def _entry(ino: Inode, data: bytes, form: Struct) -> Entry:
    numbers = form.unpack_from(data)
    _, flags, mode, name_size, target_size, vector_size, lineage_size, origin, author = numbers[:9]
    at = form.size
    name = data[at : (at := at + name_size)]
    digest = data[at : (at := at + _DIGEST_BYTES)] if flags & _HASH else b""
    root = data[at : (at := at + _DIGEST_BYTES)] if flags & _BLOCK_ROOT else b""
    target = data[at : (at := at + target_size)]
    vector = _pairs(data[at : (at := at + vector_size * _COUNT_BYTES)])
    at += lineage_size * _COUNT_BYTES
    behind = [PeerId(peer) for (peer,) in _PEER.iter_unpack(data[at:])] if at != len(data) else []
    by_whom, from_whom = _peer(author, vector, behind), _peer(origin, vector, behind)
    if behind or at > len(data):
        raise ValueError("it has another length")
    parent, seq, size, mtime_ns = numbers[9:]
    kind, deleted = _KINDS[flags & _KIND], flags & _DELETED != 0
    version = Version(
        kind,
        Digest(digest),
        Digest(root),
        size,
        mtime_ns,
        mode,
        target,
        deleted,
        vector,
        by_whom,
    )
    return Entry(ino, parent, name, version, from_whom, seq)


def decode_place(data: bytes) -> tuple[Inode, bytes, Seq]:
    """(parent, name, seq) of an entry: what relinking needs, without the rest."""
    if data and data[0] == HEADS:
        return decode_place(data[_HEADS.size :])
    form = _ENTRY.get(data[0]) if data else None
    if form is None:
        return records.decode_place(data)
    try:
        numbers = form.unpack_from(data)
    except struct.error as error:
        raise records.damaged("Entry", data) from error
    return numbers[9], data[form.size : form.size + numbers[3]], numbers[10]


def encode_real(row: RealRow) -> bytes:
    """The row of a real file."""
    seen = row.fingerprint
    numbers = (
        *(_HASH if row.hash else 0, len(row.vector), seen.mode, seen.dev, seen.size),
        *(seen.ino, seen.mtime_ns, seen.ctime_ns),
    )
    return _packed(_REAL, numbers) + row.hash + _flat(row.vector)


def decode_real(data: bytes) -> RealRow:
    """The row of a real file."""
    form = _REAL.get(data[0]) if data else None
    if form is None:
        return records.decode_real(data)
    try:
        _, flags, vector_size, mode, dev, size, ino, mtime_ns, ctime_ns = form.unpack_from(data)
        end = form.size + (_DIGEST_BYTES if flags & _HASH else 0)
        if len(data) != end + vector_size * _COUNT_BYTES:
            raise ValueError("it has another length")
        vector = _pairs(data[end:])
    except (struct.error, ValueError) as error:
        raise records.damaged("RealRow", data) from error
    fingerprint = Fingerprint(dev, ino, size, mtime_ns, ctime_ns, mode)
    return RealRow(fingerprint, Digest(data[form.size : end]), vector)


def _packed(forms: dict[int, Struct], numbers: tuple[int, ...]) -> bytes:
    try:
        return forms[NARROW].pack(NARROW, *numbers)
    except struct.error:
        return forms[WIDE].pack(WIDE, *numbers)


def _which(peer: PeerId, vector: Vector) -> tuple[int, bytes]:
    """What stands for a peer beside that vector, and what is put behind for it."""
    if not peer:
        return _NOBODY, b""
    if vector and vector[0][0] == peer:
        return _IN_VECTOR, b""  # most, without a loop
    for place, (other, _) in enumerate(vector):
        if other == peer and place <= _PLACES_MAX:
            return _IN_VECTOR + place, b""
    return _BEHIND, _PEER.pack(peer)


def _peer(which: int, vector: Vector, behind: list[PeerId]) -> PeerId:
    """The peer that `which` stands for; the last one of `behind` is taken from there."""
    if which >= _IN_VECTOR:
        return vector[which - _IN_VECTOR][0]
    return behind.pop() if which == _BEHIND else PeerId(0)


def _flat(vector: Vector) -> bytes:
    if len(vector) == 1:
        return _COUNT.pack(*vector[0])
    return b"".join([_COUNT.pack(*count) for count in vector]) if vector else b""


def _pairs(flat: bytes) -> Vector:
    if len(flat) > _COUNT_BYTES * VECTOR_ENTRIES_MAX:
        raise ValueError("a peer stands in a vector once")
    return tuple(_COUNT.iter_unpack(flat))
