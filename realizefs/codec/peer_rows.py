"""Rows from a peer, every field checked (R7)."""

from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any

from realizefs.codec import peer_fields as f
from realizefs.codec.schema import load
from realizefs.model import messages as m
from realizefs.model.ids import AuthorId
from realizefs.model.limits import REPLACED_MAX, VECTOR_ENTRIES_MAX
from realizefs.model.paths import PATH_BYTES_MAX
from realizefs.model.versions import LOCAL_MODE, Held, Kind, Vector, Version

_INT63_END = 1 << 63
_KINDS = {kind.value: kind for kind in Kind}
_HEAD = "kind deleted mode size mtimeNs author hash blockRoot target replaced"
_ROW = f"path held vector others {_HEAD}"
_HELD = {held.value: held for held in Held}


def row(reader: Any) -> m.Row:
    """A Row. Fields are found by name in a microsecond each, so all rows find them once (`_fields`)."""
    read = reader._get_by_field  # noqa: SLF001 - what reader.path calls, too
    name, held, counts, others, *head = [read(field) for field in _fields("Row", _ROW)]
    version = _head(*head)
    heads: tuple[Version, ...] = ()
    if len(others):
        heads = tuple(map(_other, f.bounded(others, VECTOR_ENTRIES_MAX, "heads")))
    if any(a.author >= b.author for a, b in pairwise(heads)):
        raise ValueError("heads that aren't sorted")
    version = replace(version, vector=vector(counts), others=heads)
    return m.Row(f.path(name), version, _HELD[held])


def _other(reader: Any) -> Version:
    read = reader._get_by_field  # noqa: SLF001 - as above
    return _head(*[read(field) for field in _fields("Head", _HEAD)])


def _head(  # noqa: PLR0913, PLR0917 - in the order of _HEAD
    kind: int,
    deleted: bool,
    mode: int,
    size: int,
    mtime_ns: int,
    author: int,
    content: bytes,
    block_root: bytes,
    target: bytes,
    replaced: bytes,
) -> Version:
    version = Version(
        kind=_KINDS[kind],
        hash=f.digest(content),
        block_root=f.digest(block_root),
        size=f.int63(size),
        mtime_ns=mtime_ns,
        mode=mode & ~LOCAL_MODE,
        target=target,
        deleted=deleted,
        author=AuthorId(author),
        replaced=_replaced(replaced),
    )
    _check_version(version)
    return version


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


def vector(readers: Any) -> Vector:
    """A version vector or a causal context."""
    counters = f.bounded(readers, VECTOR_ENTRIES_MAX, "peers in a version vector")
    peer_field, count_field = _fields("Counter", "peer count")
    # By index: pycapnp's own iteration ends each list with an exception, which costs more than it.
    found = [counters[index]._get_by_field for index in range(len(counters))]  # noqa: SLF001
    result: Vector = tuple((read(peer_field), read(count_field)) for read in found)
    for peer, count in result:
        if not 0 < count < _INT63_END:
            raise ValueError(f"counter {count} of peer {peer:016x} in a version vector")
    if len(result) > 1 and any(a[0] >= b[0] for a, b in pairwise(result)):
        raise ValueError("a version vector that isn't sorted")
    return result


def _replaced(value: bytes) -> tuple[bytes, ...]:
    if len(value) % 32 or len(value) > 32 * REPLACED_MAX:
        raise ValueError(f"{len(value)} bytes of digests")
    return tuple(value[at : at + 32] for at in range(0, len(value), 32))
