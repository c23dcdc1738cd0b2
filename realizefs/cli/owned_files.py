"""Files of ours in places that are the user's: units, completions, pages of the manual.

Each says in its first lines that we wrote it. One that doesn't is somebody else's, and is neither
replaced nor removed.
"""

import contextlib
from pathlib import Path

from realizefs.model.errors import Misuse, StoreFault

SIGN_WITHIN_BYTES = 4096
"""Bytes of a file in which its sign is looked for."""


def is_ours(file: Path, sign: str) -> bool:
    """Whether a file is there and was written by us; Misuse if it is somebody else's."""
    try:
        with file.open("rb") as opened:
            begins = opened.read(SIGN_WITHIN_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise StoreFault(f'"{file}" can\'t be read: {error.strerror}.') from error
    if sign.encode() not in begins:
        raise Misuse(f'"{file}" wasn\'t written by RealizeFS; move it away first.')
    return True


def put(file: Path, text: str, sign: str) -> None:
    """Put a file in place, as a whole, over an older one of ours."""
    assert sign in text[:SIGN_WITHIN_BYTES], "it would pass for somebody else's"
    is_ours(file, sign)
    temporary = file.with_name(f".{file.name}.new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8", errors="surrogateescape")
        temporary.replace(file)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise StoreFault(f'"{file}" can\'t be written: {error.strerror or error}.') from error


def take_away(file: Path, sign: str) -> bool:
    """Remove a file of ours; whether there was one."""
    if not is_ours(file, sign):
        return False
    try:
        file.unlink()
    except OSError as error:
        raise StoreFault(f'"{file}" can\'t be removed: {error.strerror}.') from error
    return True
