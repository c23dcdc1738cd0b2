"""Rules: marks for files by name, size and age."""

from dataclasses import dataclass

from realizefs.model.ids import Inode
from realizefs.model.marks import Mark

RULES_MAX = 100
"""Rules of one arena: more than anybody keeps an overview of; each is asked about each file."""

NANOSECONDS = 1_000_000_000

_SIZES = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))
_TIMES = ((86400, "days"), (3600, "hours"), (60, "minutes"))


@dataclass(frozen=True, slots=True)
class Rule:
    """`mark` counts for the files in the directory `below`, at any depth, that the pattern names, as one
    of `.realizeignore` in that directory would, and whose size in bytes and whose time since they were
    changed are within these; None for no bound. The one with the larger `number` was made later.
    """

    number: int
    mark: Mark
    pattern: bytes
    below: Inode
    min_size: int = 0
    max_size: int | None = None
    newer_ns: int | None = None
    older_ns: int | None = None

    def said(self) -> str:
        """As people read it, without its directory: keep "*.pdf", 20 MiB at most."""
        parts = [f'{self.mark.value} "{self.pattern.decode("utf-8", "backslashreplace")}"']
        if self.min_size:
            parts.append(f"{_in(self.min_size, _SIZES, 'bytes')} at least")
        if self.max_size is not None:
            parts.append(f"{_in(self.max_size, _SIZES, 'bytes')} at most")
        if self.newer_ns is not None:
            parts.append(f"changed in the last {_time(self.newer_ns)}")
        if self.older_ns is not None:
            parts.append(f"not changed for {_time(self.older_ns)}")
        return ", ".join(parts)


def _time(nanoseconds: int) -> str:
    return _in(nanoseconds // NANOSECONDS, _TIMES, "seconds")


def _in(number: int, units: tuple[tuple[int, str], ...], rest: str) -> str:
    """In the largest unit that is exact."""
    for size, unit in units:
        if number and number % size == 0:
            return f"{number // size} {unit}"
    return f"{number} {rest}"
