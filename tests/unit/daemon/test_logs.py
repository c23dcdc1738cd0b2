"""A record is one line."""

import logging
import os
import sys
from pathlib import Path

import pytest

from realizefs.daemon.failures import causes_of
from realizefs.daemon.logs import JournalLine, OneLine, in_journal


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


@pytest.mark.parametrize(
    ("level", "begins"),
    [
        (logging.DEBUG, "<7>x: said"),
        (logging.INFO, "<6>x: said"),
        (logging.WARNING, "<4>x: said"),
        (logging.ERROR, "<3>x: said"),
        (logging.CRITICAL, "<3>x: said"),
    ],
)
def test_the_journal_hears_the_priority_and_no_time(level: int, begins: str) -> None:
    record = logging.LogRecord("x", level, "f.py", 1, "said", (), None)
    assert JournalLine().format(record) == begins


def test_the_journal_is_known_by_the_device_and_inode_of_stderr(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "journal").open("w") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        here = os.fstat(stderr.fileno())
        monkeypatch.delenv("JOURNAL_STREAM", raising=False)
        assert not in_journal()
        monkeypatch.setenv("JOURNAL_STREAM", f"{here.st_dev}:{here.st_ino}")
        assert in_journal()
        monkeypatch.setenv("JOURNAL_STREAM", f"{here.st_dev}:{here.st_ino + 1}")
        assert not in_journal()
