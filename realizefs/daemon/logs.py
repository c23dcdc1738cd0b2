"""Logs: one line a record, to stderr for a daemon in the foreground, else to a bounded file.

Where stderr is systemd's journal, which keeps the time of a line and its priority by itself, the
latter is told as sd-daemon(3) says: `<4>` before the line.
"""

import logging
import logging.handlers
import os
import sys
import traceback
from pathlib import Path
from types import TracebackType

LOG_BYTES_MAX = 5 * 1024 * 1024
"""Bytes of the log file before it is put aside; two older ones are kept."""

LOG_FILES_KEPT = 2

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class OneLine(logging.Formatter):
    """A record is one line, whatever a peer or a file name put into it; an exception is its
    type, its message and the places it came through, innermost first."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record).replace("\n", " ")
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)

    def formatException(self, ei: ExcInfo) -> str:  # noqa: N802 - the base class calls it so
        _, error, trace = ei
        frames = reversed(traceback.extract_tb(trace))
        places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
        return f"[{type(error).__name__}: {error}; at {places}]"


def in_journal() -> bool:
    """Whether stderr goes to systemd's journal: it names the device and the inode of what it reads."""
    try:
        stderr = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):  # closed, or not a file
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{stderr.st_dev}:{stderr.st_ino}"


def priority(level: int) -> str:
    """What a line of this level begins with in the journal, as syslog(3) numbers them."""
    known = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
    return f"<{next((number for least, number in known if level >= least), 7)}>"


class JournalLine(OneLine):
    """A record for the journal: its priority, and no time, which the journal has."""

    def __init__(self) -> None:
        super().__init__("%(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return priority(record.levelno) + super().format(record)


def log_to(file: Path | None, verbose: bool) -> None:
    """Send all records to `file`, or to stderr if None; called once, by the process's main."""
    handler: logging.Handler
    plain = OneLine("%(asctime)s %(levelname)s %(name)s: %(message)s")
    if file is None:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(JournalLine() if in_journal() else plain)
    else:
        handler = logging.handlers.RotatingFileHandler(
            file, maxBytes=LOG_BYTES_MAX, backupCount=LOG_FILES_KEPT, errors="backslashreplace"
        )
        handler.setFormatter(plain)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
