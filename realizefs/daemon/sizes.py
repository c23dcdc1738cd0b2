"""Sizes as people write them: 500MB, 10GiB, 1.5T, a plain number of bytes, or 12% of a disk."""

import re

from realizefs.model.cache_limits import Amount

_UNITS = {"": 1, "B": 1} | {
    letter + suffix: base**power
    for power, letter in enumerate("KMGTP", start=1)
    for suffix, base in (("", 1024), ("IB", 1024), ("B", 1000))
}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMGTP]?(?:I?B)?)\s*", re.IGNORECASE)
_PERCENT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*%\s*")


def parse_size(text: str) -> int:
    """Bytes; K, M, G, T and P count in 1024s as KiB… do, KB… in 1000s. Raises ValueError."""
    match = _SIZE.fullmatch(text)
    unit = match[2].upper() if match else ""
    if match is None or unit not in _UNITS:
        raise ValueError(f'"{text[:40]}" is not a size; write 500MB, 10GiB or a number of bytes')
    return int(float(match[1]) * _UNITS[unit])


def show_size(size: int) -> str:
    """The shortest exact form.

    >>> show_size(10 * 1024**3), show_size(500_000_000), show_size(1500)
    ('10GiB', '500MB', '1500')
    """
    forms = [str(size)]
    for power, letter in enumerate("KMGTP", start=1):
        for unit, base in ((f"{letter}iB", 1024), (f"{letter}B", 1000)):
            if size and size % base**power == 0:
                forms.append(f"{size // base**power}{unit}")
    return min(forms, key=len)


def parse_amount(text: str) -> Amount:
    """A size, or a percentage of the disk from 0% to 100%. Raises ValueError."""
    match = _PERCENT.fullmatch(text)
    if match is None:
        try:
            return Amount(parse_size(text))
        except ValueError as error:
            raise ValueError(
                f'"{text[:40]}" is neither a size, such as 500MB or 10GiB, nor a part of the '
                "disk, such as 5%"
            ) from error
    percent = float(match[1])
    if percent > 100:
        raise ValueError(f'"{text[:40]}" is more than the disk; write 0% to 100%')
    return Amount(percent, percent=True)


def show_amount(amount: Amount) -> str:
    """As `parse_amount` reads it.

    >>> show_amount(Amount(2.5, percent=True)), show_amount(Amount(2**30))
    ('2.5%', '1GiB')
    """
    return f"{amount.value:.10g}%" if amount.percent else show_size(int(amount.value))
