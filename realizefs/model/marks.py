"""Marks: what this machine should store of a path."""

from enum import Enum

from realizefs.model.errors import BadMark


class Mark(Enum):
    """own: a regular file here. keep: complete in the cache. watch: shown, fetched as read."""

    OWN = "own"
    KEEP = "keep"
    WATCH = "watch"

    @staticmethod
    def parse(text: str | bytes) -> "Mark":
        """The mark of that name; raises BadMark."""
        try:
            return Mark(text.decode() if isinstance(text, bytes) else text)
        except ValueError:
            raise BadMark(text) from None
