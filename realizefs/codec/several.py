"""Several contents in one answer: their lengths, 4 bytes each, then their bytes. None of the length
0 is asked for, so that says: not here.
"""

import struct
from collections.abc import Sequence

from realizefs.core.calls import LENGTH_BYTES
from realizefs.model.errors import WrongBytes


def join(contents: Sequence[bytes]) -> bytes:
    """The answer; b"" of what isn't here."""
    return b"".join([struct.pack(f">{len(contents)}I", *map(len, contents)), *contents])


def split(answer: bytes, sizes: Sequence[int]) -> list[bytes]:
    """The contents, each of the size that was asked for or b""; WrongBytes for whatever else it is
    (R7)."""
    at = LENGTH_BYTES * len(sizes)
    if len(answer) < at:
        raise WrongBytes(f"an answer of {len(answer)} bytes for {len(sizes)} files.")
    lengths = struct.unpack_from(f">{len(sizes)}I", answer)
    if any(length not in (0, size) for length, size in zip(lengths, sizes, strict=True)):
        raise WrongBytes("an answer with a file of another size.")
    if len(answer) != at + sum(lengths):
        raise WrongBytes("an answer with less or more than the files that it names.")
    contents = []
    for length in lengths:
        contents.append(bytes(answer[at : at + length]))
        at += length
    return contents
