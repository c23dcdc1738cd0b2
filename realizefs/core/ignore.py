"""What is never shared: files of patterns, as git reads them (gitignore(5)).

A pattern is matched against one name or path at a time, and whoever asks goes down from the top:
what is in an ignored directory is ignored, whatever patterns below say. The deepest file that has
something to say decides, and in it the last pattern; with "!" before it, that it isn't ignored.

Patterns come from peers, too (R7). A name is matched piece by piece between the stars, each where it
fits first, and names between "**" the same way, so that no pattern takes longer than its length times
that of the path. pathspec, which knows the same syntax, answers for a file what the directories
above it are, not for a directory alone whether to go into it ("build/**" with "!build/keep" ignores
build), and its expressions go back and forth for minutes over "*a*a*a*a*b".
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from realizefs.model import paths
from realizefs.model.limits import KIB
from realizefs.model.versions import Kind, Version

IGNORE_NAME = b".realizeignore"
"""The file of patterns, for the directory that it is in and all below."""

IGNORE_BYTES_MAX = 64 * KIB
"""Bytes of one file of patterns: a thousand lines and more. What is kept parsed is a few times it."""

PARSED_MAX = 64
"""Files of patterns kept parsed: more than most arenas have, a few megabytes at most."""

_CLASSES = {
    b"alpha": rb"[A-Za-z]",
    b"digit": rb"[0-9]",
    b"alnum": rb"[A-Za-z0-9]",
    b"upper": rb"[A-Z]",
    b"lower": rb"[a-z]",
    b"space": rb"[ \t\n\r\f\v]",
    b"blank": rb"[ \t]",
    b"punct": rb"[!-/:-@\[-`{-~]",
    b"xdigit": rb"[0-9A-Fa-f]",
    b"cntrl": rb"[\x00-\x1f\x7f]",
    b"graph": rb"[!-~]",
    b"print": rb"[ -~]",
}

Name = re.Pattern[bytes]


class _Senseless(Exception):
    """A pattern that matches nothing: a bracket that isn't closed, say."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """One line. `names`: what each name on the way from the file's directory must be, None for "**",
    any number of names; a single one is that of the last name, wherever it is."""

    line: int
    text: str
    is_negated: bool
    only_directories: bool
    is_anchored: bool
    names: tuple[Name | None, ...]

    @property
    def last(self) -> Name:
        """What the last name of a path must be at least."""
        last = self.names[-1]
        assert last is not None, "a trailing ** is followed by any name"
        return last

    def may_match_in(self, directory: Sequence[bytes]) -> bool:
        """Whether it can say something about what is right in a directory, relative to its own."""
        if not self.is_anchored or None in self.names:
            return True
        return len(self.names) == len(directory) + 1 and all(
            one is not None and one.fullmatch(name)
            for one, name in zip(self.names[:-1], directory, strict=True)
        )

    def matches(self, names: Sequence[bytes], *, is_directory: bool) -> bool:
        """Whether it says something about this very path, relative to its file's directory."""
        if self.only_directories and not is_directory:
            return False
        if not self.is_anchored:
            return self.last.fullmatch(names[-1]) is not None
        return _match_names(self.names, names)


Patterns = tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a path is ignored: the pattern, and the directory that its file is in."""

    directory: bytes
    pattern: Pattern


def are_patterns(name: bytes, version: Version) -> bool:
    """Whether an entry is a file of patterns. It is a plain file on every machine, whatever is marked
    above it: only where it is does it say what isn't to be shared from there."""
    is_file = name == IGNORE_NAME and version.kind is Kind.FILE and not version.deleted
    return is_file and version.size <= IGNORE_BYTES_MAX


@dataclass(frozen=True, slots=True)
class _Candidates:
    """What may be said about what is in a directory, the deepest and last first: how deep its file is,
    and the pattern. A name that isn't one of the `screen` is that of none of them."""

    patterns: tuple[tuple[int, Pattern], ...]
    screen: Name | None


class Judge:
    """Whether paths of one arena are ignored. `patterns_in` gives those of the file in a directory,
    () if there is none; each directory is asked about once, so a judge is good for a moment only."""

    def __init__(self, patterns_in: Callable[[bytes], Patterns]) -> None:
        self._patterns_in = patterns_in
        self._patterns: dict[bytes, Patterns] = {}
        self._directories: dict[bytes, Reason | None] = {b"": None}
        self._candidates: dict[bytes, _Candidates] = {}

    def has_patterns(self, directory: bytes) -> bool:
        """Whether anything is said about what is in a directory."""
        while True:
            if self._of(directory):
                return True
            if not directory:
                return False
            directory, _ = paths.split(directory)

    def reason(self, path: bytes, *, is_directory: bool) -> Reason | None:
        """Why a path is ignored; None if it isn't."""
        above, _ = paths.split(path)
        if above not in self._directories:
            self._directories[above] = self.reason(above, is_directory=True)
        return self._directories[above] or self._own(path, is_directory=is_directory)

    def _own(self, path: bytes, *, is_directory: bool) -> Reason | None:
        above, name = paths.split(path)
        candidates = self._candidates.get(above)
        if candidates is None:
            candidates = self._candidates[above] = self._candidates_in(above)
        if candidates.screen is None or not candidates.screen.fullmatch(name):
            return None
        names = paths.components(path)
        for depth, pattern in candidates.patterns:
            if pattern.matches(names[depth:], is_directory=is_directory):
                directory = b"/".join(names[:depth])
                return None if pattern.is_negated else Reason(directory, pattern)
        return None

    def _candidates_in(self, directory: bytes) -> "_Candidates":
        names = paths.components(directory)
        found = [
            (depth, pattern)
            for depth in range(len(names), -1, -1)
            for pattern in reversed(self._of(b"/".join(names[:depth])))
            if pattern.may_match_in(names[depth:])
        ]
        return _Candidates(tuple(found), _screen(tuple(one.last.pattern for _, one in found)))

    def _of(self, directory: bytes) -> Patterns:
        known = self._patterns.get(directory)
        if known is None:
            known = self._patterns[directory] = self._patterns_in(directory)
        return known


@lru_cache(maxsize=PARSED_MAX)
def _screen(expressions: tuple[bytes, ...]) -> Name | None:
    """One expression for all, so that a name that none of them means costs one look."""
    return (
        re.compile(b"|".join(b"(?:%b)" % one for one in expressions), re.DOTALL)
        if expressions
        else None
    )


@lru_cache(maxsize=PARSED_MAX)
def parse(data: bytes) -> Patterns:
    """The patterns of a file, in its order; what makes no sense matches nothing."""
    found = []
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        pattern = _pattern(number, line.removesuffix(b"\r"))
        if pattern is not None:
            found.append(pattern)
    return tuple(found)


def everything(text: str) -> Patterns:
    """Patterns that ignore all: of a file that can't be read, say, as `text` tells."""
    return (Pattern(0, text, False, False, False, (re.compile(rb".*", re.DOTALL),)),)


def _pattern(number: int, line: bytes) -> Pattern | None:
    text = _without_spaces(line)
    if not text or text.startswith(b"#"):
        return None
    negated = text.startswith(b"!")
    body = text[1:] if negated else text
    only_directories = body.endswith(b"/")
    body = body.removesuffix(b"/")
    if not body:
        return None
    anchored = b"/" in body
    try:
        names = _names(body.removeprefix(b"/")) if anchored else (_name(body),)
    except _Senseless:
        return None
    shown = text.decode("utf-8", "backslashreplace")
    return Pattern(number, shown, negated, only_directories, anchored, names)


def _without_spaces(line: bytes) -> bytes:
    """Without those at the end, unless a backslash is before them."""
    end = len(line)
    while end and line[end - 1 : end] == b" ":
        end -= 1
    backslashes = end - len(line[:end].rstrip(b"\\"))
    return line[: end + 1] if backslashes % 2 and end < len(line) else line[:end]


def _names(body: bytes) -> tuple[Name | None, ...]:
    parts = body.split(b"/")
    names = [None if part == b"**" else _name(part) for part in parts]
    if names[-1] is None:  # what is in it, and not the directory itself
        names.append(_name(b"*"))
    return tuple(names)


def _match_names(pattern: Sequence[Name | None], names: Sequence[bytes]) -> bool:
    """As a star among characters: what comes after a "**" is looked for further on where it fails,
    and never before a later "**"."""
    at = position = 0
    back: tuple[int, int] | None = None
    while position < len(names):
        one = pattern[at] if at < len(pattern) else None
        if at < len(pattern) and one is None:
            at += 1
            back = (at, position)
        elif one is not None and one.fullmatch(names[position]):
            at += 1
            position += 1
        elif back is not None:
            at, position = back[0], back[1] + 1
            back = (at, position)
        else:
            return False
    return all(one is None for one in pattern[at:])


def _name(glob: bytes) -> Name:
    """The expression for one name: pieces between stars, each taken where it fits first."""
    pieces = _pieces(glob)
    if len(pieces) == 1:
        expression = pieces[0]
    else:
        inner = b"".join(b"(?>.*?" + piece + b")" for piece in pieces[1:-1] if piece)
        expression = pieces[0] + inner + b".*" + pieces[-1]
    return re.compile(expression, re.DOTALL)


def _pieces(glob: bytes) -> list[bytes]:
    pieces, at = [b""], 0
    while at < len(glob):
        char = glob[at : at + 1]
        at += 1
        if char == b"*":
            pieces.append(b"")
            continue
        if char == b"[":
            one, at = _set(glob, at)
        elif char == b"?":
            one = b"."
        else:
            if char == b"\\":
                char, at = glob[at : at + 1], at + 1
            if not char:
                raise _Senseless
            one = re.escape(char)
        pieces[-1] += one
    return pieces


def _set(glob: bytes, at: int) -> tuple[bytes, int]:
    """The expression for a bracket that was opened before `at`, and where it ends."""
    negated = glob[at : at + 1] in (b"!", b"^")
    at += negated
    allowed: set[int] = set()
    first, start = True, None
    while first or glob[at : at + 1] != b"]":
        first = False
        if glob[at : at + 2] == b"[:":
            found, at = _class(glob, at)
            allowed |= found
            start = None
            continue
        if start is not None and glob[at : at + 1] == b"-" and glob[at + 1 : at + 2] != b"]":
            last, at = _character(glob, at + 1)
            allowed |= set(range(start, last + 1))
            start = None
            continue
        start, at = _character(glob, at)
        allowed.add(start)
    if negated:
        allowed = set(range(256)) - allowed
    allowed.discard(ord("/"))
    if not allowed:
        raise _Senseless
    return b"[" + b"".join(b"\\x%02x" % one for one in sorted(allowed)) + b"]", at + 1


def _class(glob: bytes, at: int) -> tuple[set[int], int]:
    end = glob.find(b":]", at + 2)
    known = _CLASSES.get(glob[at + 2 : end]) if end >= 0 else None
    if known is None:
        raise _Senseless
    return {one for one in range(256) if re.fullmatch(known, bytes([one]))}, end + 2


def _character(glob: bytes, at: int) -> tuple[int, int]:
    if glob[at : at + 1] == b"\\":
        at += 1
    if at >= len(glob):
        raise _Senseless
    return glob[at], at + 1
