"""POSIX ACLs as the kernel has them in extended attributes (linux/posix_acl_xattr.h).

They stay on their machine (DESIGN 3.2). Of them three entries are what the permission bits of a mode
say, and those are shared: of the owner, of others, and of the mask or, without one, of the group.
"""

import struct

from realizefs.model.errors import Misuse

ACCESS = b"system.posix_acl_access"
DEFAULT = b"system.posix_acl_default"
NAMES = frozenset({ACCESS, DEFAULT})

_HEADER = struct.Struct("<I")
_VERSION = 2
_ENTRY = struct.Struct("<HHI")
_OWNER, _GROUP, _MASK, _OTHERS = 0x01, 0x04, 0x10, 0x20


def with_mode(value: bytes, mode: int) -> bytes:
    """An access ACL after chmod(mode), as posix_acl_chmod_masq of Linux has it; Misuse for what is
    none."""
    if (
        len(value) < _HEADER.size
        or (len(value) - _HEADER.size) % _ENTRY.size
        or _HEADER.unpack_from(value)[0] != _VERSION
    ):
        raise Misuse("What is stored as an ACL is none.")
    entries = list(_ENTRY.iter_unpack(value[_HEADER.size :]))
    of_group = _MASK if any(tag == _MASK for tag, _, _ in entries) else _GROUP
    bits = {_OWNER: mode >> 6 & 7, of_group: mode >> 3 & 7, _OTHERS: mode & 7}
    return value[: _HEADER.size] + b"".join(
        _ENTRY.pack(tag, bits.get(tag, rights), who) for tag, rights, who in entries
    )
