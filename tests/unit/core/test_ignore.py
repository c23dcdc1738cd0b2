"""What is never shared is what git would ignore."""

import random
import subprocess
from pathlib import Path

import pytest

from realizefs.core.ignore import Judge, everything, parse

ROWS = [
    # patterns                       path               is_directory  ignored
    (b"*.tmp\n", b"a.tmp", False, True),
    (b"*.tmp\n", b"deep/down/a.tmp", False, True),
    (b"*.tmp\n!keep.tmp\n", b"keep.tmp", False, False),
    (b"/a\n", b"b/a", False, False),
    (b"build/\n", b"build", True, True),
    (b"build/\n", b"build", False, False),
    (b"build/\n!build/keep\n", b"build/keep", False, True),
    (b"build/**\n!build/keep\n", b"build/keep", False, False),
    (b"build/**\n!build/keep\n", b"build", True, False),
    (b"build/**\n!build/keep\n", b"build/other", False, True),
    (b"*\n!*/\n!*.c\n", b"a/b.c", False, False),
    (b"*\n!*/\n!*.c\n", b"a/b.o", False, True),
    (b"a/**/b\n", b"a/b", False, True),
    (b"a/**/b\n", b"a/x/y/b", False, True),
    (b"# no\n\\#yes\n", b"#yes", False, True),
    (b"end \\ \n", b"end  ", False, True),
    (b"windows\r\n", b"windows", False, True),
    (b"[!a-c]x\n", b"dx", False, True),
    (b"[!a-c]x\n", b"bx", False, False),
    (b"[[:digit:]]*\n", b"7up", False, True),
    (b"open[\n", b"open[", False, False),
    (b"\xff?\n", b"\xff\xfe", False, True),
    (b"caf\xc3\xa9\n", b"caf\xc3\xa9", False, True),
]


@pytest.mark.parametrize(("patterns", "path", "is_directory", "ignored"), ROWS)
def test_each_kind_of_pattern(
    patterns: bytes, path: bytes, is_directory: bool, ignored: bool
) -> None:
    files = {b"": parse(patterns)}
    judge = Judge(lambda directory: files.get(directory, ()))
    assert (judge.reason(path, is_directory=is_directory) is not None) is ignored


def test_the_deepest_file_that_has_something_to_say_decides_and_is_named() -> None:
    files = {b"": parse(b"\n*.log\n"), b"a": parse(b"!*.log\n/own\n")}
    judge = Judge(lambda directory: files.get(directory, ()))
    assert judge.reason(b"a/x.log", is_directory=False) is None
    above, within = (
        judge.reason(b"b/x.log", is_directory=False),
        judge.reason(b"a/own", is_directory=False),
    )
    assert above is not None
    assert within is not None
    assert (above.directory, above.pattern.line, above.pattern.text) == (b"", 2, "*.log")
    assert (within.directory, within.pattern.line) == (b"a", 2)


def test_what_cannot_be_read_ignores_everything() -> None:
    judge = Judge(lambda directory: everything("closed") if directory == b"a" else ())
    assert judge.reason(b"a/b/c", is_directory=False) is not None
    assert judge.reason(b"a", is_directory=True) is None


@pytest.mark.parametrize("pattern", [b"*a" * 100 + b"b", b"**/a/" * 100 + b"b", b"[a-z]*" * 99])
def test_no_pattern_takes_long(pattern: bytes) -> None:
    """A peer may write it: backtracking over this would take longer than the universe is old."""
    files = {b"": parse(pattern + b"!\n")}
    judge = Judge(lambda directory: files.get(directory, ()))
    assert judge.reason(b"/".join([b"a" * 200] * 20), is_directory=False) is None
    assert judge.reason(b"/".join([b"a"] * 255), is_directory=False) is None


SEGMENTS = (
    *("a", "b", "ab", "x", "foo", "*", "**", "*.o", "a*", "?", "*b", "*a*", "*a*b*", "c.?"),
    *("[ab]", "[!a]", "[a-f]*", "[]x]", "[^x]b", "\\a", "[[:alpha:]]"),
)
DIRECTORIES = ("a", "b", "a/b", "a/ab", "b/a", "b/a/x", "foo", "foo/a", "foo/a/b", "foo/a/b/ab")
NAMES = ("c.o", "x", "ab", "foo1", "z", "]", "a ")


def some_pattern(chance: random.Random) -> str:
    parts = [chance.choice(SEGMENTS) for _ in range(chance.choice([1, 1, 1, 2, 2, 3, 4]))]
    anchor, end = chance.choice(["", "", "", "/"]), chance.choice(["", "", "", "/", "  ", "\r"])
    return chance.choice(["", "", "!"]) + anchor + "/".join(parts) + end


@pytest.mark.parametrize("seed", range(4))
def test_the_same_is_ignored_as_git_ignores(seed: int, tmp_path: Path) -> None:
    """Random files of patterns at three depths, over all paths of a tree."""
    chance = random.Random(seed)
    subprocess.run(["git", "init", "-q", tmp_path], check=True, env={"PATH": "/usr/bin:/bin"})
    for directory in DIRECTORIES:
        (tmp_path / directory).mkdir(parents=True, exist_ok=True)
    files = [f"{at}/{name}" if at else name for at in ("", *DIRECTORIES) for name in NAMES]
    found = [(path, False) for path in files if path not in DIRECTORIES]
    found += [(path, True) for path in DIRECTORIES]
    for path, is_directory in found:
        if not is_directory and not (tmp_path / path).is_dir():
            (tmp_path / path).touch()
    found = [(path, (tmp_path / path).is_dir()) for path, _ in found]
    for _ in range(40):
        patterns: dict[bytes, bytes] = {}
        for at in ("", "a", "b/a"):
            lines = [some_pattern(chance) for _ in range(chance.randint(1, 4))]
            data = "\n".join(lines).encode() + b"\n" if chance.random() < 0.6 or not at else b""
            (tmp_path / at / ".gitignore").write_bytes(data)
            patterns[at.encode()] = data
        assert ours(patterns, found) == gits(tmp_path, [path for path, _ in found]), patterns


def ours(patterns: dict[bytes, bytes], found: list[tuple[str, bool]]) -> set[str]:
    judge = Judge(lambda directory: parse(patterns.get(directory, b"")))
    return {
        path
        for path, is_dir in found
        if judge.reason(path.encode(), is_directory=is_dir) is not None
    }


def gits(top: Path, found: list[str]) -> set[str]:
    command = ["git", "-C", str(top), "check-ignore", "--no-index", "--stdin", "-z"]
    given = "\0".join(found) + "\0"
    told = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    assert told.returncode in (0, 1), told.stderr
    return {path for path in told.stdout.split("\0") if path}
