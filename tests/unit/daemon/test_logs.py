"""A record is one line."""

import logging
from pathlib import Path

from realizefs.daemon.failures import causes_of
from realizefs.daemon.logs import OneLine


def test_names_with_line_ends_and_exceptions_stay_on_one_line() -> None:
    record = logging.LogRecord("x", logging.INFO, "f.py", 1, "saw %s", ("a\nb\x1b[2J",), None)
    try:
        Path("/nowhere/at/all").read_text()
    except OSError as error:
        record.exc_info = (type(error), error, error.__traceback__)
    line = OneLine("%(message)s").format(record)
    assert line.isprintable()
    assert line.startswith("saw a b\\x1b[2J [FileNotFoundError: ")
    assert "Traceback" not in line


def test_causes_are_told_nearest_first() -> None:
    try:
        try:
            raise KeyError("deep")
        except KeyError as error:
            raise ValueError("middle") from error
    except ValueError as error:
        top = RuntimeError("top")
        top.__cause__ = error
    assert causes_of(top) == ("ValueError: middle", "KeyError: 'deep'")
