"""The same operations in two trees, one in a mount and one in a native directory, compared.

What may differ is said here and nowhere else: sizes, times and link counts of directories (an
unreal directory has none of its own), times of "now", and how many blocks a file takes.
"""

import errno
import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

START_NS = 1_600_000_000_123_456_789
"""mtime of everything that a tree starts with."""
BIG = bytes(range(256)) * 1200
_NOW_SLACK_NS = 3 * 10**9
_BLOCK_BYTES = 512


def make_start(base: Path) -> None:
    """The tree that both sides begin with."""
    (base / "d").mkdir(parents=True)
    (base / "e").mkdir()
    (base / "a").write_bytes(b"a few words")
    (base / "b").write_bytes(BIG)
    (base / "c").write_bytes(b"")
    (base / "c").chmod(0o750)
    (base / "s").symlink_to("a")
    (base / "d" / "a").write_bytes(b"in a directory")
    with (base / "d" / "b").open("wb") as sparse:
        sparse.seek(300_000)
        sparse.write(b"behind a hole")
        sparse.truncate(400_000)
    for path in [*base.rglob("*"), base]:
        os.utime(path, ns=(START_NS, START_NS), follow_symlinks=False)


@dataclass
class Side:
    """One of the two: `base` of its tree, its open descriptors by slot."""

    base: Path
    open: dict[int, int] = field(default_factory=dict)

    def at(self, path: str) -> Path:
        return self.base / path

    def fd(self, slot: int) -> int:
        if slot not in self.open:
            raise OSError(errno.EBADF, "this slot is closed")
        return self.open[slot]

    def close(self, slot: int) -> None:
        os.close(self.fd(slot))
        del self.open[slot]

    def close_all(self) -> None:
        for slot in list(self.open):
            self.close(slot)


class Twins:
    """A mounted tree, and the native one that it must be like."""

    def __init__(self, shown: Path, native: Path) -> None:
        self.shown = Side(shown)
        self.native = Side(native)
        self.done: list[str] = []
        self._began_ns = time.time_ns() - _NOW_SLACK_NS

    def do(self, what: str, operation: Callable[[Side], Any]) -> Any:
        """Do it on both sides, assert that it ends alike; the result, or the errno that it
        failed with as OSError."""
        expected, got = _outcome(operation, self.native), _outcome(operation, self.shown)
        self.done.append(f"{what} {_said(expected)[:30]}")
        assert got == expected, f"{what}: {_said(got)} in the mount, {_said(expected)} natively"
        return got[1]

    def check_names(self) -> None:
        """The same names with the same stat, and the same hard links, on both sides."""
        expected, got = self._facts(self.native), self._facts(self.shown)
        assert got == expected, _difference(expected, got)

    def check_contents(self) -> None:
        """Every file that can be read has the same bytes on both sides."""
        for path in sorted(self._walk(self.native)):
            self.do(f"read {path}", lambda side, path=path: _content(side.at(path)))  # type: ignore[misc]

    def _facts(self, side: Side) -> dict[str, tuple[Any, ...]]:
        facts: dict[str, tuple[Any, ...]] = {}
        first_of: dict[int, str] = {}
        for path in sorted(self._walk(side)):
            found = side.at(path).lstat()
            first = first_of.setdefault(found.st_ino, path)
            facts[path] = (first, *self._stat_facts(found))
        return facts

    def _walk(self, side: Side) -> list[str]:
        found = []
        for directory, directories, files in os.walk(side.base):
            found += [os.path.relpath(Path(directory, name), side.base) for name in directories]
            found += [os.path.relpath(Path(directory, name), side.base) for name in files]
        return found

    def _stat_facts(self, found: os.stat_result) -> tuple[Any, ...]:
        owner = found.st_mode, found.st_uid, found.st_gid, found.st_rdev
        if stat.S_ISDIR(found.st_mode):
            return owner
        used = found.st_blocks * _BLOCK_BYTES
        assert 0 <= used <= found.st_size + 2**20, f"{used} bytes of disk for {found.st_size}"
        return (*owner, found.st_nlink, found.st_size, self._time(found.st_mtime_ns))

    def _time(self, ns: int) -> int | str:
        """What was set is compared to the nanosecond; what is of now, only as such."""
        return "now" if self._began_ns <= ns <= time.time_ns() + _NOW_SLACK_NS else ns


def _outcome(operation: Callable[[Side], Any], side: Side) -> tuple[str, Any]:
    try:
        return "gave", operation(side)
    except OSError as error:
        return "failed", error.errno


def _said(outcome: tuple[str, Any]) -> str:
    how, what = outcome
    return f"{how} {errno.errorcode.get(what, what) if how == 'failed' else repr(what)[:200]}"


def _content(path: Path) -> Any:
    if path.is_symlink():
        return os.readlink(path)
    if not path.is_file():
        return None
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    with os.fdopen(fd, "rb") as file:
        return file.read()


def _difference(expected: dict[str, tuple[Any, ...]], got: dict[str, tuple[Any, ...]]) -> str:
    paths = sorted(
        path for path in expected.keys() | got.keys() if expected.get(path) != got.get(path)
    )
    return "\n".join(
        f"{path}: {got.get(path)} in the mount, {expected.get(path)} natively" for path in paths
    )
