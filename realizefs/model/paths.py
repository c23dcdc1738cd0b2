"""Paths inside an arena: bytes, relative, separated by b"/", the arena root being b"".

Names are bytes because Linux names are. A path from a peer is checked by `check_peer_path`
before anything else looks at it: what passes can't point outside the arena root by its text
(symlinks on disk are dealt with where files are opened, see `store.openat`).
"""

import re

from realizefs.model.errors import BadPath

STATE_DIR = b".realize"
"""The arena's own state in the arena root; no listing shows it and no peer hears of it."""

NAME_BYTES_MAX = 255
"""Linux NAME_MAX, bytes."""

DEPTH_MAX = 256
"""Names in a shared path: deeper trees stay on their machine. Nobody makes them by hand, and the
cost of a path grows with it."""

PATH_BYTES_MAX = 4095
"""Linux PATH_MAX without its terminating zero, bytes."""


def join(parent: bytes, name: bytes) -> bytes:
    """The path of `name` in directory `parent`."""
    return parent + b"/" + name if parent else name


def split(path: bytes) -> tuple[bytes, bytes]:
    """(parent, name) of a path; (b"", b"") for the root."""
    parent, _, name = path.rpartition(b"/")
    return parent, name


def components(path: bytes) -> list[bytes]:
    """The names on the way from the arena root; none for the root itself."""
    return path.split(b"/") if path else []


def is_within(path: bytes, directory: bytes) -> bool:
    """Whether `path` is `directory` or below it."""
    return not directory or path == directory or path.startswith(directory + b"/")


def is_reserved(path: bytes) -> bool:
    """Whether the path belongs to the arena's own state."""
    return path == STATE_DIR or path.startswith(STATE_DIR + b"/")


def is_too_deep(path: bytes) -> bool:
    """Whether it has more names, or bytes, than a shared path may have."""
    return path.count(b"/") >= DEPTH_MAX or len(path) > PATH_BYTES_MAX


def check_peer_path(path: bytes) -> bytes:
    """Return `path` if a peer may name it, else raise BadPath (R7)."""
    if len(path) > PATH_BYTES_MAX:
        raise BadPath(path, "is longer than Linux allows")
    if is_too_deep(path):
        raise BadPath(path, f"is more than {DEPTH_MAX} directories deep")
    if b"\0" in path:
        raise BadPath(path, "contains a zero byte")
    for name in components(path):
        if name in (b"", b".", b".."):
            raise BadPath(path, "is not a plain path below the arena root")
        if len(name) > NAME_BYTES_MAX:
            raise BadPath(path, "has a name longer than 255 bytes")
    if is_reserved(path):
        raise BadPath(path, "is in the arena's own state directory")
    return path


def conflict_name(name: bytes, peer: str, date: str) -> bytes:
    """`NAME (conflict PEER DATE).EXT`, cut so that it stays a legal name.

    >>> conflict_name(b"a.tar.gz", "desk", "2026-01-02")
    b'a.tar (conflict desk 2026-01-02).gz'
    """
    return noted_name(name, f"conflict {peer} {date}")


def noted_name(name: bytes, text: str) -> bytes:
    """`NAME (TEXT).EXT`, cut so that it stays a legal name.

    >>> noted_name(b"a.txt", "restored")
    b'a (restored).txt'
    """
    stem, dot, extension = name.rpartition(b".")
    if not stem or len(extension) > 16:  # ".profile" has no extension; a long one is none
        stem, dot, extension = name, b"", b""
    note = f" ({text})".encode().replace(b"/", b"_")
    room = NAME_BYTES_MAX - len(note) - len(dot) - len(extension)
    return stem[: max(room, 1)] + note + dot + extension


def conflict_date(name: bytes, peer: str) -> str:
    """The DATE in the name of a conflict copy of that peer; "" in any other name.

    >>> conflict_date(b"a.tar (conflict desk 2026-01-02).gz", "desk")
    '2026-01-02'
    """
    _, note, rest = name.rpartition(f" (conflict {peer} ".encode().replace(b"/", b"_"))
    date, closed, _ = rest.partition(b")")
    return date.decode("utf-8", "replace") if note and closed else ""


CONFLICT = b" (conflict "
"""In the name of every conflict copy."""

_COPY = re.compile(
    rb"(.+) \(conflict (.+) (\d{4}-\d\d-\d\d \d\d\.\d\d\.\d\d(?: \d+)?)\)(\.[^.]{1,16})?", re.DOTALL
)


def conflict_of(name: bytes) -> tuple[bytes, bytes, bytes] | None:
    """(NAME.EXT, PEER, DATE) in the name of a conflict copy; None for any other name.

    >>> conflict_of(b"a.tar (conflict desk 2026-01-02 10.00.00).gz")
    (b'a.tar.gz', b'desk', b'2026-01-02 10.00.00')
    """
    match = _COPY.fullmatch(name) if CONFLICT in name else None
    return (match[1] + (match[4] or b""), match[2], match[3]) if match is not None else None


def show(path: bytes) -> str:
    """For messages to people: undecodable bytes as \\xNN, the root as "/"."""
    return path.decode("utf-8", "backslashreplace") or "/"
