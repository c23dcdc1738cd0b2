"""How answers look: JSON for programs, tables and short lines for people.

What is printed may contain names that aren't UTF-8 or that carry control characters; both are
shown escaped, so that a file name can't play with the terminal.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import click

CELL_COLUMNS_MIN = 16
"""Columns to which a cell of a table may be folded: a path in less than that can't be read."""


def show_json(value: object) -> None:
    """Print JSON; ASCII, so that a name in any bytes arrives intact."""
    click.echo(json.dumps(value, indent=2))


def show_json_line(value: object) -> None:
    """Print JSON on a line of its own, at once: one of several answers."""
    click.echo(json.dumps(value))


def show_line(text: str) -> None:
    """Print one line of text."""
    click.echo(printable(text))


def show_note(text: str) -> None:
    """Print one line beside the answer: on stderr."""
    click.echo(printable(text), err=True)


def show_table(columns: Sequence[str], rows: Iterable[Sequence[str]], empty: str) -> None:
    """Print a table, or the line `empty` if it has no rows. Where a terminal is too narrow for a table
    that can be read, each row is a paragraph of fields."""
    cells = [[printable(cell) for cell in row] for row in rows]
    if not cells:
        show_line(empty)
        return
    widths = [max(map(_width, column)) for column in zip(columns, *cells, strict=True)]
    # A program may read what isn't shown on a terminal: nothing is folded.
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    if room is None or _columns_of(widths) <= room:
        _show_unfolded(columns, cells, widths)
    elif _columns_of(min(width, CELL_COLUMNS_MIN) for width in widths) <= room:
        _show_folded(columns, cells)
    else:
        _show_paragraphs(columns, cells)


def _columns_of(widths: Iterable[int]) -> int:
    """Columns that a table takes, with two between each two of its own."""
    return sum(width + 2 for width in widths) - 2


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # noqa: PLC0415 - as in `_show_folded`

    return cell_len(text)


def _show_unfolded(
    columns: Sequence[str], rows: Iterable[Sequence[str]], widths: Sequence[int]
) -> None:
    def line(cells: Sequence[str]) -> str:
        padded = (
            cell + " " * (width - _width(cell)) for cell, width in zip(cells, widths, strict=True)
        )
        return "  ".join(padded).rstrip()

    click.echo(click.style(line(columns), bold=True) if _has_styles() else line(columns))
    for row in rows:
        click.echo(line(row))


def _show_folded(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    # Imported here: most commands print a line, and rich takes longer to load than they to run. It also
    # takes a second for some thousands of rows.
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell, overflow="fold") for cell in row))
    console = Console(highlight=False)
    with console.capture() as captured:
        console.print(table)
    for shown in captured.get().splitlines():
        click.echo(shown.rstrip())


def _has_styles() -> bool:
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def _show_paragraphs(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print `label  value` lines for each row, and an empty one between two rows."""
    for number, row in enumerate(rows):
        if number:
            show_line("")
        show_fields(zip((column.lower() for column in columns), row, strict=True))


def show_fields(fields: Iterable[tuple[str, str | Sequence[str]]]) -> None:
    """Print `label  value` lines; the values of a list stand below each other."""
    lines = list(fields)
    width = max((len(label) for label, _ in lines), default=0)
    for label, value in lines:
        first, *more = [value] if isinstance(value, str) else value or [""]
        show_line(f"{label:<{width}}  {first}")
        for line in more:
            show_line(f"{'':<{width}}  {line}")


def coloured(text: str, colour: str) -> str:
    """`text` in a colour on a terminal, unless somebody wants none (NO_COLOR, https://no-color.org)."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    return click.style(text, fg=colour)


def printable(text: str) -> str:
    """`text` with everything escaped that a terminal can't show.

    >>> printable("caf\\xe9 \\x1b \\udcff")
    'café \\\\x1b \\\\xff'
    """
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def size(count: int) -> str:
    """Bytes for people.

    >>> size(0), size(1536), size(10 * 1024**3)
    ('0 B', '1.5 KiB', '10.0 GiB')
    """
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} PiB"


def local_time(nanoseconds: int) -> str:
    """Since 1970, to the minute, where we are."""
    return _local(datetime.fromtimestamp(nanoseconds // 10**9, UTC))


def moment(text: str) -> str:
    """The same of a time in ISO 8601, as the daemon tells some."""
    return _local(datetime.fromisoformat(text))


def _local(when: datetime) -> str:
    return when.astimezone().strftime("%Y-%m-%d %H:%M")


def duration(seconds: float) -> str:
    """A time for people, in its largest unit.

    >>> duration(3.2), duration(7300), duration(10 * 86400)
    ('3 s', '2 h', '10 days')
    """
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= (2 if unit == "days" else 1) * length:
            return f"{seconds // length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _escaped(char: str) -> str:
    if "\udc80" <= char <= "\udcff":  # a byte that isn't UTF-8
        return f"\\x{ord(char) - 0xDC00:02x}"
    return char.encode("unicode_escape").decode()
