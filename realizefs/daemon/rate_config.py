"""Rates as people write them: 2MB, 500KiB/s, a number of bytes a second, or none."""

from realizefs.daemon.sizes import parse_size
from realizefs.model.limits import RATE_BYTES_MIN

NONE = "none"
"""The word for "as fast as it goes" on the command line; in the file a key that isn't there."""


def parse_rate(text: str) -> int:
    """Bytes a second. Raises ValueError."""
    try:
        return checked_rate(parse_size(text.removesuffix("/s")))
    except ValueError as error:
        raise ValueError(
            f'"{text[:40]}" is not a rate of {RATE_BYTES_MIN} bytes a second or more; write '
            "500KB, 2MiB or a number of bytes a second"
        ) from error


def checked_rate(rate: int) -> int:
    """The rate, if a connection can live with it. Raises ValueError."""
    if rate < RATE_BYTES_MIN:
        raise ValueError(f"{rate} bytes a second are fewer than {RATE_BYTES_MIN}")
    return rate


def parse_rate_or_none(text: str) -> int | None:
    """The same, None for "none". Raises ValueError."""
    return None if text.strip().lower() == NONE else parse_rate(text)
