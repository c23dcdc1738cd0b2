"""Answers compressed with zstd, and back. The only importer of zstandard.

Compressing and decompressing release the GIL; both are for worker threads, but for a few KiB.
"""

import zstandard

from realizefs.core.compress import shrinks
from realizefs.model.errors import WrongBytes
from realizefs.model.limits import (
    COMPRESS_BYTES_MIN,
    COMPRESS_SAMPLE_BYTES,
    READ_BYTES_MAX,
)

_LEVEL = 1
"""The fastest that packs text to a quarter; level 3 takes half as long again for a tenth less."""


def pack(data: bytes) -> bytes | None:
    """`data` compressed; None where a sample of it, or it, doesn't shrink enough.

    A compressor a call: they aren't thread-safe, and making one takes microseconds.
    """
    if len(data) < COMPRESS_BYTES_MIN:
        return None
    compressor = zstandard.ZstdCompressor(level=_LEVEL)
    if len(data) > 4 * COMPRESS_SAMPLE_BYTES:
        middle = (len(data) - COMPRESS_SAMPLE_BYTES) // 2
        sample = memoryview(data)[middle : middle + COMPRESS_SAMPLE_BYTES]
        if not shrinks(len(sample), len(compressor.compress(sample))):
            return None
    packed = compressor.compress(data)
    return packed if shrinks(len(data), len(packed)) else None


def unpack(packed: bytes, size: int) -> bytes:
    """The `size` bytes that were packed; raises WrongBytes for whatever else it is (R7).

    A frame says how much comes out of it and what memory that takes; both are compared with what
    was asked for before any of it is allocated, since a few hundred bytes could fill the memory.
    """
    try:
        frame = zstandard.get_frame_parameters(packed)
        if frame.content_size != size or frame.window_size > READ_BYTES_MAX:
            raise WrongBytes("the compressed data doesn't hold what it says.")
        return zstandard.ZstdDecompressor(max_window_size=READ_BYTES_MAX).decompress(
            packed, max_output_size=size, allow_extra_data=False
        )
    except zstandard.ZstdError as error:
        raise WrongBytes(f"the compressed data is damaged ({error}).") from error
