"""The arguments of a control request, checked as they are taken."""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from realizefs.daemon.moments import parse_moment
from realizefs.daemon.safety_config import parse_copies, parse_duration, parse_guard
from realizefs.daemon.sizes import parse_amount
from realizefs.model.cache_limits import Amount
from realizefs.model.control import BadControlLine, path_bytes
from realizefs.model.errors import Misuse
from realizefs.model.marks import Mark

T = TypeVar("T")


class Arguments:
    """What came with a command; what has the wrong type or is missing raises BadControlLine."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = values

    def text(self, name: str) -> str:
        """A text."""
        value = self._values.get(name)
        if not isinstance(value, str):
            raise BadControlLine(f'The command needs "{name}" as text.')
        return value

    def optional_text(self, name: str) -> str | None:
        """A text, None where it is null or missing."""
        return None if self._values.get(name) is None else self.text(name)

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts."""
        values = self._values.get(name)
        if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
            raise BadControlLine(f'The command needs "{name}" as a list of texts.')
        return tuple(values)

    def optional_texts(self, name: str) -> tuple[str, ...]:
        """A list of texts, empty where it is null or missing."""
        return () if self._values.get(name) is None else self.texts(name)

    def flag(self, name: str) -> bool:
        """Whether something is wanted; false where it is missing."""
        value = self._values.get(name, False)
        if not isinstance(value, bool):
            raise BadControlLine(f'The command needs "{name}" as true or false.')
        return value

    def count(self, name: str) -> int:
        """A whole number, not below zero."""
        value = self._values.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise BadControlLine(f'The command needs "{name}" as a number.')
        return value

    def path(self, name: str) -> bytes:
        """A path in any bytes."""
        return path_bytes(self.text(name))

    def paths(self, name: str) -> tuple[bytes, ...]:
        """A list of paths in any bytes."""
        return tuple(path_bytes(text) for text in self.texts(name))

    def directory(self, name: str) -> Path:
        """An absolute path."""
        path = Path(self.text(name))
        if not path.is_absolute():
            raise BadControlLine(f'The command needs "{name}" as an absolute path.')
        return path

    def optional_directory(self, name: str) -> Path | None:
        """An absolute path, None where it is null or missing."""
        return None if self._values.get(name) is None else self.directory(name)

    def optional_mark(self, name: str) -> Mark | None:
        """A mark, None where it is null or missing; raises BadMark."""
        text = self.optional_text(name)
        return None if text is None else Mark.parse(text)

    def optional_amount(self, name: str) -> Amount | None:
        """A size or a percentage of the disk, None where it is null or missing; raises Misuse."""
        return self._parsed(name, parse_amount)

    def optional_duration(self, name: str) -> float | None:
        """Seconds, None where it is null or missing; raises Misuse."""
        return self._parsed(name, parse_duration)

    def optional_moment(self, name: str, now_ns: int, *, end: bool = False) -> int | None:
        """Nanoseconds since 1970, None where it is null or missing; see `parse_moment`; raises
        Misuse."""
        now = datetime.fromtimestamp(now_ns / 1e9)  # noqa: DTZ006 - the clock on the wall
        found = self._parsed(name, lambda text: parse_moment(text, now, end=end))
        return None if found is None else int(found * 1e9)

    def optional_guard(self, name: str) -> float | None:
        """Percent, None where it is null or missing; raises Misuse."""
        return self._parsed(name, parse_guard)

    def optional_copies(self, name: str) -> int | None:
        """A number of other owners, None where it is null or missing; raises Misuse."""
        return self._parsed(name, parse_copies)

    def _parsed(self, name: str, parse: Callable[[str], T]) -> T | None:
        text = self.optional_text(name)
        try:
            return None if text is None else parse(text)
        except ValueError as error:
            raise Misuse(f"{error}.") from error
