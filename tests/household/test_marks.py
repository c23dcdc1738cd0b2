"""Marks set through the mount, and what becomes of the files."""

import errno
import os
from pathlib import Path

import pytest

from tests.household.conftest import Household
from tests.household.machines import MARK, Pair, failure, wait_word, word
from tests.household.waiting import until


def tree(pair: Pair, name: str, mtime_ns: int = 1_234_567_890_123_456_789) -> dict[str, bytes]:
    """A folder of alice's with files of several sizes; their names and contents."""
    contents = {
        f"{name}/{inside}": os.urandom(size)
        for inside, size in [("small", 10), ("deep/er/middle", 300_000), ("large", 3_000_000)]
    } | {f"{name}/empty": b""}
    for path, content in contents.items():
        target = pair.files / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.with_name(".new").write_bytes(content)
        os.utime(target.with_name(".new"), ns=(mtime_ns, mtime_ns))
        target.with_name(".new").rename(target)
    for path, content in contents.items():
        pair.seen(path, len(content))
    return contents


def wait_words(pair: Pair, names: dict[str, bytes], wanted: str) -> None:
    for name in names:
        wait_word(pair.mnt / name, wanted)


def assert_plain(pair: Pair, contents: dict[str, bytes]) -> None:
    """Regular files in bob's root with the bytes and mtimes of alice's."""
    for name, content in contents.items():
        plain = pair.root / name
        assert plain.is_file()
        assert plain.read_bytes() == content
        assert plain.stat().st_mtime_ns == (pair.files / name).stat().st_mtime_ns


def test_keep_on_a_directory_caches_everything_below(pair: Pair) -> None:
    contents = tree(pair, "kept")
    os.setxattr(pair.mnt / "kept", MARK, b"keep")
    wait_words(pair, contents, "cached")
    assert not (pair.root / "kept").exists()
    assert {word(pair.mnt / name) for name in contents} == {"cached"}


def test_own_makes_plain_files_and_watch_brings_them_back(pair: Pair) -> None:
    contents = tree(pair, "owned")
    os.setxattr(pair.mnt / "owned", MARK, b"own")
    wait_words(pair, contents, "real")
    assert_plain(pair, contents)
    assert not list(pair.root.joinpath(".realize", "tmp").iterdir())
    os.removexattr(pair.mnt / "owned", MARK)
    wait_words(pair, contents, "cached")
    left = [path for path in (pair.root / "owned").rglob("*") if path.is_file()]
    assert left == []
    for name, content in contents.items():
        assert (pair.mnt / name).read_bytes() == content
        assert (pair.files / name).read_bytes() == content


def test_nothing_vanishes_while_it_leaves_the_root(pair: Pair) -> None:
    """Between the rename out of the root and the index's note of it a file had no place."""
    names = [f"leaving/{kind}{number}" for kind in ("full", "empty") for number in range(50)]
    (pair.files / "leaving").mkdir()
    for name in names:
        (pair.files / name).write_text("x" if "full" in name else "")
    (pair.files / "leaving/link").symlink_to("full0")
    until(
        lambda: all((pair.mnt / name).exists() for name in [*names, "leaving/link"]), "it is seen"
    )
    os.setxattr(pair.mnt / "leaving", MARK, b"own")
    wait_words(pair, dict.fromkeys(names, b""), "real")
    os.removexattr(pair.mnt / "leaving", MARK)

    def all_cached() -> bool:
        assert (pair.mnt / "leaving/link").is_symlink()
        words = {word(pair.mnt / name) for name in names}  # asks the daemon, not the kernel's cache
        assert len(os.listdir(pair.mnt / "leaving")) == len(names) + 1
        return words == {"cached"}

    until(all_cached, "all are cached again")


def test_a_mark_on_one_file_is_about_that_file(pair: Pair) -> None:
    contents = tree(pair, "one")
    os.setxattr(pair.mnt / "one/large", MARK, b"own")
    wait_word(pair.mnt / "one/large", "real")
    assert_plain(pair, {"one/large": contents["one/large"]})
    assert word(pair.mnt / "one/small") == "remote"
    os.setxattr(pair.mnt / "one/large", MARK, b"keep")
    wait_word(pair.mnt / "one/large", "cached")
    assert not (pair.root / "one/large").exists()


def test_the_files_own_mark_comes_first_then_the_nearest_directory(pair: Pair) -> None:
    contents = tree(pair, "nested")
    os.setxattr(pair.mnt / "nested/small", MARK, b"own")
    os.setxattr(pair.mnt / "nested/deep", MARK, b"watch")
    os.setxattr(pair.mnt / "nested", MARK, b"keep")
    wait_word(pair.mnt / "nested/small", "real")
    wait_word(pair.mnt / "nested/large", "cached")
    effective = {
        name: os.getxattr(pair.mnt / name, "user.realize.mark.effective") for name in contents
    }
    assert effective == {
        "nested/small": b"own",
        "nested/large": b"keep",
        "nested/empty": b"keep",
        "nested/deep/er/middle": b"watch",
    }
    assert word(pair.mnt / "nested/deep/er/middle") == "remote"
    assert pair.bob.info(pair.mnt / "nested/large")["mark_from"] == "nested"
    assert pair.bob.info(pair.mnt / "nested/small")["mark_from"] == "nested/small"


def test_nonsense_is_einval_and_changes_nothing(pair: Pair) -> None:
    contents = tree(pair, "nonsense")
    for name in ["nonsense", "nonsense/small", ""]:
        path = pair.mnt / name
        for value in (b"nonsense", b"", b"OWN", b"own\n", b"\xff" * 1000):
            assert failure(os.setxattr, path, MARK, value) == errno.EINVAL
        assert failure(os.getxattr, path, MARK) == errno.ENODATA
        assert failure(os.removexattr, path, MARK) == errno.ENODATA
        assert MARK not in os.listxattr(path)
    assert {word(pair.mnt / name) for name in contents} == {"remote", "cached"}  # the empty one


def test_only_a_mark_that_is_set_is_listed(pair: Pair) -> None:
    path = pair.write("listed", "x")
    assert os.listxattr(path) == []
    os.setxattr(path, MARK, b"keep")
    assert os.listxattr(path) == [MARK]
    assert os.getxattr(path, MARK) == b"keep"


@pytest.mark.parametrize("mark", ["keep", "own"])
def test_new_files_below_a_marked_directory_follow_it(pair: Pair, mark: str) -> None:
    (pair.files / f"later-{mark}").mkdir()
    until((pair.mnt / f"later-{mark}").exists, "bob sees the directory")
    os.setxattr(pair.mnt / f"later-{mark}", MARK, mark.encode())
    path = pair.write(f"later-{mark}/new", b"1" * 100_000)
    wait_word(path, {"keep": "cached", "own": "real"}[mark])


def test_an_owned_file_follows_the_other_owner(pair: Pair) -> None:
    path = pair.write("followed", "first")
    os.setxattr(path, MARK, b"own")
    wait_word(path, "real")
    pair.write("followed", "the second one")
    until(
        lambda: (pair.root / "followed").read_bytes() == b"the second one", "the plain file is new"
    )
    assert path.read_bytes() == b"the second one"


def test_the_only_copy_stays_whatever_the_mark(pair: Pair) -> None:
    pair.alice.stop()
    try:
        plain = pair.root / "only"
        plain.write_bytes(b"bob's")
        wait_word(pair.mnt / "only", "real")
        os.setxattr(pair.mnt / "only", MARK, b"watch")
        assert pair.bob.info(pair.mnt / "only")["decision"] is None
        assert plain.read_bytes() == b"bob's"
    finally:
        pair.alice.serve()
        pair.wait_connected()
    wait_word(pair.mnt / "only", "cached")  # alice owns it, too, now
    assert (pair.files / "only").read_bytes() == b"bob's"


def test_a_mark_set_in_the_root_itself_counts_the_same(pair: Pair) -> None:
    path = pair.write("marked-natively/file", "x")
    os.setxattr(path, MARK, b"own")
    wait_word(path, "real")
    os.setxattr(pair.root / "marked-natively/file", MARK, b"watch")
    wait_word(path, "cached")


def test_the_commands_do_what_the_attribute_does(pair: Pair) -> None:
    path = pair.write("by-command", "x")
    pair.bob.ask("mark", "set", "own", path)
    wait_word(path, "real")
    got = pair.bob.ask_json("mark", "get", path)
    assert (got["mark"], got["mark_from"], got["explicit"]) == ("own", "by-command", True)
    pair.bob.ask("mark", "clear", path)
    wait_word(path, "cached")
    assert pair.bob.ask_json("mark", "get", path)["mark_from"] is None
    assert "nonsense" in pair.bob.refused("mark", "set", "nonsense", path)


def test_plain_files_are_there_when_nothing_runs(pair: Pair) -> None:
    contents = tree(pair, "plain")
    os.setxattr(pair.mnt / "plain", MARK, b"own")
    wait_words(pair, contents, "real")
    pair.bob.ask("umount", pair.mnt)
    try:
        assert not os.path.ismount(pair.mnt)
        assert list(pair.mnt.iterdir()) == []
        assert_plain(pair, contents)
    finally:
        pair.remount()
    wait_words(pair, contents, "real")


def test_the_root_of_the_arena_takes_a_mark(own_pair: Pair) -> None:
    pair = own_pair
    contents = tree(pair, "all") | tree(pair, "of it")
    top = pair.mnt
    for mark, wanted in [(b"keep", "cached"), (b"own", "real"), (b"watch", "cached")]:
        os.setxattr(top, MARK, mark)
        wait_words(pair, contents, wanted)
        assert os.getxattr(top, MARK) == mark
        if mark == b"own":
            assert_plain(pair, contents)
    os.removexattr(top, MARK)
    assert pair.bob.info(top)["mark"] == "watch"
    assert sorted(plain_files(pair.root)) == []


def plain_files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file() and ".realize" not in path.parts]


def test_without_a_daemon_several_are_marked_at_once_and_right_after_the_arena_is_made(
    household: Household,
) -> None:
    """What was in its root already wasn't there, as nobody had looked yet; the second path of one
    arena failed, as that was opened anew."""
    machine = household.machine("desk")
    root = machine.directory / "files"
    root.mkdir()
    for name in "ab":
        (root / name).write_text(name)
    machine.share("docs", root, mark="watch")
    machine.ask("mark", "set", "own", root / "a", root / "b")
    found = machine.ask_json("rule", "test", root / "a", root / "b")
    assert [(one["path"], one["mark"]) for one in found] == [("a", "own"), ("b", "own")]
    assert "There is no" in machine.refused("mark", "clear", root / "a", root / "c")
    assert machine.ask("mark", "get", root / "a") == "own (set here)"
    assert machine.ask("conflicts", "--arena", "docs", "--arena", "docs") == "There is no conflict."
