"""Logs: one line a record, to stderr for a daemon in the foreground, else to a bounded file."""

import logging
import logging.handlers
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


def log_to(file: Path | None, verbose: bool) -> None:
    """Send all records to `file`, or to stderr if None; called once, by the process's main."""
    handler: logging.Handler
    if file is None:
        handler = logging.StreamHandler(sys.stderr)
    else:
        handler = logging.handlers.RotatingFileHandler(
            file, maxBytes=LOG_BYTES_MAX, backupCount=LOG_FILES_KEPT, errors="backslashreplace"
        )
    handler.setFormatter(OneLine("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
