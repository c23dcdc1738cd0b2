"""How keys are packed: big-endian, so that LMDB's byte order is the order of the numbers."""

from struct import Struct

from realizefs.model.ids import Inode, PeerId

_U64 = Struct(">Q")
_U64_PAIR = Struct(">QQ")

pack_u64 = _U64.pack
"""8 bytes of a number from 0 to 2**64-1; struct.error for others."""


def unpack_u64(key: bytes) -> int:
    """The number in 8 bytes."""
    return int.from_bytes(key, "big")


def pack_place(parent: Inode, name: bytes) -> bytes:
    """A name in a directory: all of one directory stand together, in the order of names."""
    return _U64.pack(parent) + name


def name_of_place(key: bytes) -> bytes:
    """The name in the key of a place."""
    return key[8:]


def pack_pair(first: int, second: int) -> bytes:
    """16 bytes of two numbers, ordered by the first."""
    return _U64_PAIR.pack(first, second)


def unpack_pair(key: bytes) -> tuple[int, int]:
    """The numbers of `pack_pair`."""
    first, second = _U64_PAIR.unpack(key)
    return first, second


def inode_of(key: bytes) -> Inode:
    """The inode that a key, or value, of 8 bytes is."""
    return Inode(int.from_bytes(key, "big"))


def peer_of(key: bytes) -> PeerId:
    """The peer at the end of a key."""
    return PeerId(int.from_bytes(key[-8:], "big"))
