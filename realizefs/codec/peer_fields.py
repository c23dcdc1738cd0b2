"""Fields of messages from a peer, each checked (R7): ValueError or BadPath with the reason."""

from collections.abc import Sequence
from typing import Any

from realizefs.model.ids import ArenaId, Digest, ReplicaId, Seq
from realizefs.model.limits import ARENAS_MAX, PEER_NAME_BYTES_MAX, SENTENCE_BYTES_MAX
from realizefs.model.paths import check_peer_path

_INT63_END = 1 << 63


def bounded(readers: Any, bound: int, what: str) -> Sequence[Any]:
    """A list of at most `bound`; nothing of it is collected before."""
    if len(readers) > bound:
        raise ValueError(f"{len(readers)} {what}; {bound} are allowed")
    return readers  # type: ignore[no-any-return]


def sixteen(value: bytes, what: str) -> bytes:
    """An id of 16 bytes."""
    if len(value) != 16:
        raise ValueError(f"the id of {what} with {len(value)} bytes")
    return value


def thirty_two(value: bytes, what: str) -> bytes:
    """Bytes of a hash, or as many random ones."""
    if len(value) != 32:
        raise ValueError(f"{what} of {len(value)} bytes")
    return value


def arena(value: bytes) -> ArenaId:
    """An arena."""
    return ArenaId(sixteen(value, "an arena"))


def arenas(readers: Any) -> tuple[ArenaId, ...]:
    """Arenas."""
    return tuple(arena(each) for each in bounded(readers, ARENAS_MAX, "arenas"))


def replica(value: bytes) -> ReplicaId:
    """A replica."""
    return ReplicaId(sixteen(value, "a replica"))


def seq(value: int) -> Seq:
    """A position in a history."""
    return Seq(int63(value))


def int63(value: int) -> int:
    """A number that others may add to."""
    if value >= _INT63_END:
        raise ValueError(f"the number {value}")
    return value


def digest(value: bytes) -> Digest:
    """A digest, or none."""
    if len(value) not in (0, 32):
        raise ValueError(f"a digest of {len(value)} bytes")
    return Digest(value)


def content(value: bytes) -> Digest:
    """The digest of a content."""
    if not value:
        raise ValueError("a request without a digest")
    return digest(value)


def path(value: bytes) -> bytes:
    """A path below the root."""
    if not value:
        raise ValueError("the arena root as a path")
    return check_peer_path(value)


def text(value: str, bound: int) -> str:
    """Printable text."""
    if len(value.encode()) > bound or not value.isprintable():
        raise ValueError(f"the text {value[:40]!a}")
    return value


def name(value: str) -> str:
    """The name of a peer or an arena."""
    if not value:
        raise ValueError("an empty name")
    return text(value, PEER_NAME_BYTES_MAX)


def sentence(value: str) -> str:
    """Goes into logs: one line whatever the peer wrote."""
    shown = value.encode()[:SENTENCE_BYTES_MAX].decode(errors="ignore")
    return "".join(char if char.isprintable() else "?" for char in shown)
