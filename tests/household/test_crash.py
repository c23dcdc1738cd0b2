"""The mounting daemon killed (SIGKILL) while marks are carried out.

Whatever the moment, the next daemon ends in the same state, and nothing is lost anywhere.
"""

import os
from functools import partial
from pathlib import Path

import pytest

from tests.household.machines import MARK, Pair, word
from tests.household.waiting import until

FILES = 60
LARGE = 6_000_000


def contents_of(root: Path) -> dict[str, tuple[bytes, int]]:
    """(content, mtime) of all plain files."""
    return {
        str(path.relative_to(root)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in root.rglob("*")
        if path.is_file() and ".realize" not in path.parts
    }


def make_tree(pair: Pair, name: str) -> dict[str, tuple[bytes, int]]:
    """Small, empty and large files in two directories; bob sees them all."""
    top = pair.files / name
    (top / "deep").mkdir(parents=True)
    for number in range(FILES):
        (top / f"small {number}").write_bytes(os.urandom(number * 100))
        os.utime(top / f"small {number}", ns=(number, 10**18 + number))
    for number in range(3):
        (top / "deep" / f"large {number}").write_bytes(os.urandom(LARGE + number))
    until(lambda: len(all_words(pair, name)) == FILES + 3, "bob sees all")
    return contents_of(top)


def all_words(pair: Pair, name: str) -> dict[str, str]:
    found = [path for path in (pair.mnt / name).rglob("*") if path.is_file()]
    return {str(path.relative_to(pair.mnt)): word(path) for path in found}


def wait_all(pair: Pair, name: str, wanted: str) -> None:
    words: dict[str, str] = {}

    def there() -> bool:
        words.clear()
        words.update(all_words(pair, name))
        return len(words) == FILES + 3 and set(words.values()) == {wanted}

    try:
        until(there, f"all are {wanted}")
    except AssertionError as error:
        wrong = {path: found for path, found in words.items() if found != wanted}
        error.add_note(f"{len(words)} are seen, of which these are something else: {wrong}")
        for path in list(wrong)[:3]:
            error.add_note(str(pair.bob.info(pair.mnt / path)))
        raise


def change_mark(pair: Pair, name: str, mark: str | None) -> None:
    if mark is None:
        os.removexattr(pair.mnt / name, MARK)
    else:
        os.setxattr(pair.mnt / name, MARK, mark.encode())


def progress(pair: Pair, name: str, wanted: str) -> int:
    """How many files are as they should be."""
    return sum(found == wanted for found in all_words(pair, name).values())


def advanced(pair: Pair, name: str, wanted: str, least: float) -> bool:
    """Whether so many files are as they should be."""
    return progress(pair, name, wanted) >= least


def is_gone(path: Path) -> bool:
    return not path.exists()


def assert_settled(pair: Pair, name: str, expected: dict[str, tuple[bytes, int]]) -> None:
    """Nothing lost at the owner, the same through the mount, no rests in between."""
    assert contents_of(pair.files / name) == expected
    seen = contents_of(pair.mnt / name)
    assert {path: content for path, (content, _) in seen.items()} == {
        path: content for path, (content, _) in expected.items()
    }
    assert os.listdir(pair.root / ".realize" / "tmp") == []
    until(lambda: pair.bob.arena()["pending"] == 0, "nothing is pending")


# (mark before, mark to set, status word that everything ends with)
STEPS = [("watch", "keep", "cached"), ("keep", "own", "real"), ("own", None, "cached")]


@pytest.mark.parametrize("part", [0, 0.5])
def test_killed_after_a_part_of_the_work(pair: Pair, part: float) -> None:
    """Killed as soon as that part of the files is done, for each change of a mark in turn."""
    kill_after(pair, part)


@pytest.mark.big
@pytest.mark.timeout(1800)
def test_killed_after_each_of_many_parts(pair: Pair) -> None:
    for part in range(1, 41):
        kill_after(pair, part / 40)


def kill_after(pair: Pair, part: float) -> None:
    """One run through all marks."""
    name = f"part {part}"
    expected = make_tree(pair, name)
    for _, mark, wanted in STEPS:
        change_mark(pair, name, mark)
        until(partial(advanced, pair, name, wanted, part * (FILES + 3)), "it advances")
        pair.bob.kill()
        pair.remount()
        wait_all(pair, name, wanted)
        assert_settled(pair, name, expected)
        if wanted == "real":
            assert contents_of(pair.root / name) == expected
        else:
            assert contents_of(pair.root) == {}


def test_killed_again_and_again(pair: Pair) -> None:
    """Each new daemon is killed a little later than the one before, until one comes through."""
    name = "again"
    expected = make_tree(pair, name)
    for _, mark, wanted in STEPS:
        change_mark(pair, name, mark)
        for least in range(0, FILES, 30):
            until(partial(advanced, pair, name, wanted, least), "more")
            pair.bob.kill()
            pair.remount()
        wait_all(pair, name, wanted)
        assert_settled(pair, name, expected)
        held = contents_of(pair.root)
        assert held == ({f"{name}/{path}": at for path, at in expected.items()} if held else {})
        assert bool(held) == (wanted == "real")


def test_killed_while_the_mark_is_being_set(pair: Pair) -> None:
    """What setxattr returned for is there after the crash."""
    path = pair.write("marked/file", "content")
    for mark in (b"own", b"watch", b"keep"):
        os.setxattr(path.parent, MARK, mark)
        pair.bob.kill()
        pair.remount()
        assert os.getxattr(path.parent, MARK) == mark
    until(lambda: word(path) == "cached", "it is cached")
    assert path.read_bytes() == b"content"


def test_the_owner_killed_loses_nothing_either(pair: Pair) -> None:
    expected = make_tree(pair, "owner")
    change_mark(pair, "owner", "own")
    pair.alice.kill()
    pair.alice.serve()
    wait_all(pair, "owner", "real")
    assert_settled(pair, "owner", expected)
    change_mark(pair, "owner", None)
    pair.alice.kill()
    pair.alice.serve()
    wait_all(pair, "owner", "cached")
    assert_settled(pair, "owner", expected)


def test_files_written_just_before_the_kill_are_shared_after_it(pair: Pair) -> None:
    (pair.mnt / "before the kill").write_bytes(b"written through the mount")
    pair.bob.kill()
    (pair.root / "while it was dead").write_bytes(b"written natively")
    pair.remount()
    for name in ("before the kill", "while it was dead"):
        until((pair.files / name).exists, f"alice has {name}")
        assert (pair.files / name).read_bytes().startswith(b"written ")
        (pair.mnt / name).unlink()
        until(partial(is_gone, pair.files / name), "it is deleted at both")
