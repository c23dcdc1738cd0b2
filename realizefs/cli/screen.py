"""A terminal that `top` draws on, by curses: only what has changed is sent, so that nothing flickers.

Whatever ends it, a key, Ctrl-C, SIGTERM or an error, the terminal is left as it was.
"""

import curses
import locale
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Never

from realizefs.cli.top import HELP, Order
from realizefs.model.errors import Misuse

KEYS = {"r": Order.RATE, "t": Order.TOTAL, "n": Order.NAME}

Draw = Callable[[Order, int, int], list[str]]
"""The lines for an order, columns and rows; it may ask the daemon."""


def run(draw: Draw, seconds: float) -> None:
    """Draw every so many seconds until somebody quits. Misuse where there is no terminal."""
    if not (sys.stdout.isatty() and sys.stdin.isatty()):
        raise Misuse("There is no terminal to draw on; `realizefs top --once` prints it.")
    locale.setlocale(locale.LC_ALL, "")
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        curses.setupterm(os.environ.get("TERM", ""), sys.stdout.fileno())
        curses.wrapper(_loop, draw, seconds)
    except curses.error as error:
        raise Misuse(
            f'The terminal "{os.environ.get("TERM", "")}" is not known here ({error}); '
            "`realizefs top --once` prints it."
        ) from error
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(_number: int, _frame: FrameType | None) -> Never:
    raise KeyboardInterrupt


def _loop(window: "curses.window", draw: Draw, seconds: float) -> None:
    order = Order.RATE
    _keep_colours()
    _hide_cursor()
    window.timeout(int(seconds * 1000))
    while True:
        rows, columns = window.getmaxyx()
        # The last row is the keys'; curses can't write its last cell without scrolling.
        _show(window, [*draw(order, columns - 1, rows - 1)[: rows - 1]], columns, rows)
        key = window.getch()
        if key in (ord("q"), ord("Q"), 27):
            return
        if key == curses.KEY_RESIZE:
            window.clear()
        elif 0 < key < 256:
            order = KEYS.get(chr(key).lower(), order)


def _keep_colours() -> None:
    """Those of the terminal, or curses would have it white on black wherever it can have colours."""
    try:
        curses.use_default_colors()
    except curses.error:
        return  # a terminal that has none


def _hide_cursor() -> None:
    try:
        curses.curs_set(0)
    except curses.error:
        return  # a terminal that can't: it only blinks


def _show(window: "curses.window", lines: list[str], columns: int, rows: int) -> None:
    window.erase()
    for row, line in enumerate(lines):
        heading = row == 0 or (line[:4].isupper() and line[:1].isalpha())
        _write(window, row, line, columns, curses.A_BOLD if heading else curses.A_NORMAL)
    if rows > 1:
        _write(window, rows - 1, HELP, columns, curses.A_REVERSE)
    window.refresh()


def _write(window: "curses.window", row: int, line: str, columns: int, style: int) -> None:
    encoding = locale.getpreferredencoding()
    text = line.encode(encoding, "replace").decode(encoding)
    try:
        window.addnstr(row, 0, text, max(columns - 1, 0), style)
    except curses.error:
        return  # the window has just become smaller: it is drawn anew at once
