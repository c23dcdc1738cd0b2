"""Names of arenas: what people call them, and where they stand in the household view."""

from collections.abc import Iterable

from realizefs.model.errors import Misuse
from realizefs.model.paths import NAME_BYTES_MAX, STATE_DIR, is_within

ARENA_NAME_BYTES_MAX = 1024
"""Bytes of an arena's name: a path of a few folders."""


def check_arena_name(name: str) -> str:
    """Return `name` if an arena can be called so, else raise Misuse.

    A name may contain "/" and then nests in the household view; each part must be a plain name.
    Names are text, unlike names of files: they stand in configurations and on the wire.
    """
    if not name.isprintable():  # false for line ends, control characters and surrogate escapes
        raise Misuse("An arena's name must be printable text, since it stands in configurations.")
    parts = name.encode().split(b"/")
    if any(part in (b"", b".", b"..", STATE_DIR) for part in parts):
        raise Misuse(f'"{name[:80]}" can\'t be an arena\'s name; use "photos" or "home/photos".')
    if len(name.encode()) > ARENA_NAME_BYTES_MAX or max(map(len, parts)) > NAME_BYTES_MAX:
        raise Misuse(f'The arena name "{name[:40]}…" is too long.')
    return name


def check_no_prefix(name: str, others: Iterable[str]) -> None:
    """Raise Misuse if `name` is that of another arena, a path prefix of it, or the reverse."""
    for other in others:
        if name == other:
            raise Misuse(f'There is an arena called "{name}" already.')
        if is_within(name.encode(), other.encode()) or is_within(other.encode(), name.encode()):
            raise Misuse(
                f'"{name}" and the arena "{other}" can\'t exist together: one would be a folder '
                "inside the other."
            )
