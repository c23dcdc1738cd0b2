"""An invitation as a QR code made of characters.

Each character is two modules, one above the other (half blocks), as a cell of a terminal is about
twice as high as wide. A terminal's own colours may be light on dark or dark on light, and not every
camera takes a code that is inverted: so the colours are said, black on white by their numbers in the
256-colour table, which themes leave alone. Where no colours are wanted the light modules are what is
drawn, which is right on a dark terminal.
"""

import os
import shutil
import sys
from collections.abc import Sequence

BORDER = 2
"""Light modules around it: scanners want some, and four, as the standard says, cost two lines more."""

BLACK_ON_WHITE = "\x1b[38;5;16;48;5;231m"
PLAIN = "\x1b[0m"

HALVES = " ▄▀█"
"""By what is drawn: nothing, the lower, the upper, both."""


def qr_lines(code: str, *, coloured: bool) -> list[str]:
    """The lines of the picture; ValueError where the code is too long for one."""
    import segno  # noqa: PLC0415 - most commands draw none, and it takes 25 ms to load

    symbol = segno.make(code, error="l", micro=False)  # screens aren't scratched
    rows = [[bool(module) for module in row] for row in symbol.matrix_iter(border=BORDER)]
    if not coloured:
        rows = [[not dark for dark in row] for row in rows]
    if len(rows) % 2:  # below the last row there is nothing: light there, too
        rows.append([not coloured] * len(rows[0]))
    lines = [_line(upper, lower) for upper, lower in zip(rows[::2], rows[1::2], strict=True)]
    return [f"{BLACK_ON_WHITE}{line}{PLAIN}" for line in lines] if coloured else lines


def _line(upper: Sequence[bool], lower: Sequence[bool]) -> str:
    return "".join(HALVES[2 * above + below] for above, below in zip(upper, lower, strict=True))


def drawable() -> bool:
    """Whether the standard output takes the characters."""
    try:
        HALVES.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def wants_colours() -> bool:
    """Whether it is a terminal that shows colours, and nobody asked for none."""
    return (
        sys.stdout.isatty()
        and os.environ.get("TERM", "dumb") != "dumb"
        and not os.environ.get("NO_COLOR")
    )


def fits(code: str) -> bool:
    """Whether the standard output is a terminal that holds the picture, with a line to spare."""
    if not sys.stdout.isatty() or not drawable():
        return False
    lines = qr_lines(code, coloured=False)
    terminal = shutil.get_terminal_size()
    return len(lines[0]) <= terminal.columns and len(lines) < terminal.lines
