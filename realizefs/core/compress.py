"""Whether compressing an answer pays. Pure: the sample is taken elsewhere.

It pays where the link is slower than compressing is, and where the content shrinks; photos, films
and music don't. So no setting is needed: it costs next to nothing where it doesn't pay.
"""

from realizefs.model.limits import COMPRESS_LINK_BYTES_MAX, COMPRESS_RATIO_MAX


def link_is_slow(bytes_per_second: float) -> bool:
    """Whether a link is worth compressing for; of an unknown one (0.0) it is assumed."""
    return bytes_per_second < COMPRESS_LINK_BYTES_MAX


def shrinks(size: int, packed: int) -> bool:
    """Whether what became of `size` bytes is small enough to be worth the other side's time."""
    return packed <= size * COMPRESS_RATIO_MAX
