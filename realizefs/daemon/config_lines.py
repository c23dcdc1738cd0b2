"""Lines of a TOML text: where a key stands, for sentences about its value.

`tomllib` gives values without places. This reads just enough of the text to find headers and
keys at the beginning of lines; where that fails (inline tables) the line of the nearest enclosing
table is given, which is still where a person looks first.
"""

import re

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?")
_KEY = re.compile(r"""\s*("[^"]*"|'[^']*'|[A-Za-z0-9_.\- ]+?)\s*=""")


def line_of(text: str, keys: tuple[str | int, ...]) -> int:
    """The line (from 1) of a value: ("arena", 1, "mark") is `mark` in the second [[arena]].

    The line of the longest part of the way that can be found; 1 if there is none.
    """
    best_line, best_length = 1, 0
    for line, place in _places(text):
        length = _common(place, keys)
        if length > best_length:
            best_line, best_length = line, length
    return best_line


def key_on_line(text: str, line: int) -> str:
    """What stands before the "=" of a line, or its beginning if it has none."""
    lines = text.splitlines()
    content = lines[line - 1].strip() if 0 < line <= len(lines) else ""
    found = _KEY.match(content)
    return found[1] if found else content[:40]


def _places(text: str) -> list[tuple[int, tuple[str | int, ...]]]:
    """(line, way) of every header and of every key that begins a line."""
    places: list[tuple[int, tuple[str | int, ...]]] = []
    table: tuple[str | int, ...] = ()
    seen: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        header = _HEADER.fullmatch(line)
        if header:
            name = header[2]
            first, *rest = name.split(".")
            table = (first, seen[first] - 1, *rest) if first in seen else (first, *rest)
            if header[1] == "[[":
                table = tuple(name.split("."))
                table = (*table, seen.get(name, 0))
                seen[name] = seen.get(name, 0) + 1
            places.append((number, table))
        elif key := _KEY.match(line):
            places.append((number, (*table, key[1].strip("\"'"))))
    return places


def _common(place: tuple[str | int, ...], keys: tuple[str | int, ...]) -> int:
    """How much of the way to `keys` a place goes, 0 if it goes elsewhere in the end."""
    return len(place) if place == keys[: len(place)] else 0
