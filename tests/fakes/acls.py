"""ACLs as the kernel takes them."""

import struct

OWNER, USER, GROUP, MASK, OTHERS = 0x01, 0x02, 0x04, 0x10, 0x20
NOBODY = 65534
_NO_ID = 0xFFFFFFFF


def acl(owner: int, nobody: int, group: int, mask: int, others: int) -> bytes:
    """Of five entries, each with its rights: 4 to read, 2 to write, 1 to execute."""
    entries = [(OWNER, owner, _NO_ID), (USER, nobody, NOBODY), (GROUP, group, _NO_ID)]
    entries += [(MASK, mask, _NO_ID), (OTHERS, others, _NO_ID)]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *one) for one in entries)
