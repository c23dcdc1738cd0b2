"""What libfuse and fusermount3 say when they refuse: they write it to standard error, and return
nothing but that they did."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

SAID_BYTES_MAX = 4096
"""Bytes that are heard, and told on; libfuse says a line or two."""

_STDERR = 2


class Sayings:
    """The lines that were written to standard error meanwhile."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    @property
    def reason(self) -> str:
        """The last line, without a full stop; "" if there is none."""
        return self.lines[-1].rstrip(".") if self.lines else ""


@contextmanager
def overheard() -> Iterator[Sayings]:
    """Hear what C code and the programs that it starts write to standard error; it is written there
    all the same, when this ends. Whatever else the process says meanwhile is among it, so it
    is for milliseconds."""
    sayings = Sayings()
    sys.stderr.flush()
    kept, heard = os.dup(_STDERR), os.memfd_create("sayings")
    try:
        os.dup2(heard, _STDERR)
        try:
            yield sayings
        finally:
            os.dup2(kept, _STDERR)
            said = os.pread(heard, SAID_BYTES_MAX, 0)
            sayings.lines = said.decode("utf-8", "replace").split("\n")
            sayings.lines = [line.strip() for line in sayings.lines if line.strip()]
            _tell(said)
    finally:
        os.close(heard)
        os.close(kept)


def _tell(said: bytes) -> None:
    while said:
        said = said[os.write(_STDERR, said) :]
