"""Sizes as people write them: 500MB, 10GiB, 1.5T, or a plain number of bytes."""

import re

_UNITS = {"": 1, "B": 1} | {
    letter + suffix: base**power
    for power, letter in enumerate("KMGTP", start=1)
    for suffix, base in (("", 1024), ("IB", 1024), ("B", 1000))
}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMGTP]?(?:I?B)?)\s*", re.IGNORECASE)


def parse_size(text: str) -> int:
    """Bytes; K, M, G, T and P count in 1024s as KiB… do, KB… in 1000s. Raises ValueError."""
    match = _SIZE.fullmatch(text)
    unit = match[2].upper() if match else ""
    if match is None or unit not in _UNITS:
        raise ValueError(f'"{text[:40]}" is not a size; write 500MB, 10GiB or a number of bytes')
    return int(float(match[1]) * _UNITS[unit])


def show_size(size: int) -> str:
    """The shortest exact form in powers of 1024.

    >>> show_size(10 * 1024**3), show_size(1500)
    ('10GiB', '1500')
    """
    for power, unit in reversed(list(enumerate(("KiB", "MiB", "GiB", "TiB", "PiB"), start=1))):
        if size and size % 1024**power == 0:
            return f"{size // 1024**power}{unit}"
    return str(size)
