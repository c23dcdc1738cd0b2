"""A program that watches bob's mount hears of what alice does, and alice of nothing new."""

import os
from pathlib import Path

from tests.household.machines import MARK, Pair, wait_word
from tests.household.waiting import until
from tests.mount.watching import Watcher


def held(pair: Pair) -> dict[str, object]:
    """What each of the two says of every file, as far as another version would change it."""
    return {
        f"{machine.name} {path.name}": {
            key: value for key, value in machine.info(top / path.name).items() if key in SAID
        }
        for machine, top in ((pair.alice, pair.files), (pair.bob, pair.mnt))
        for path in sorted(pair.files.iterdir())
        if path.name != ".realize"
    }


SAID = ("hash", "size", "mtime", "version", "vector", "author")


def test_a_peers_changes_are_heard(pair: Pair) -> None:
    pair.write("kept", "kept")
    (pair.mnt / "kept").stat()
    with Watcher(pair.mnt) as watcher:
        (pair.files / "new").write_text("new")
        watcher.hears(("create", "new"), ("close write", "new"))
        assert (pair.mnt / "new").read_text() == "new"
        (pair.files / "new").write_text("changed")
        watcher.hears(("modify", "new"), ("close write", "new"))
        assert (pair.mnt / "new").read_text() == "changed"
        (pair.files / "new").chmod(0o600)
        watcher.hears(("attrib", "new"))
        (pair.files / "new").rename(pair.files / "newer")
        watcher.hears(("moved from", "new"), ("moved to", "newer"))
        assert (pair.mnt / "newer").read_text() == "changed"
        (pair.files / "newer").unlink()
        watcher.hears(("delete", "newer"))
        (pair.files / "dir").mkdir()
        watcher.hears(("create", "dir"))
        (pair.files / "dir").rmdir()
        watcher.hears(("delete", "dir"))
    assert os.listdir(pair.root) in ([".realize"], [])


def test_what_makes_watchers_hear_is_no_change_to_anybody(pair: Pair) -> None:
    """Nothing is announced, and nothing made, in bob's root or at alice's."""
    for name in ("a", "b", "c"):
        pair.write(name, name)
    before = held(pair)
    with Watcher(pair.mnt) as watcher:
        pair.write("d", "d")
        watcher.hears(("create", "d"), ("close write", "d"))
        for number in range(5):
            (pair.files / "d").write_text("d" * (number + 2))
            watcher.hears(("modify", "d"), ("close write", "d"))
    (pair.files / "d").unlink()
    until(lambda: not (pair.mnt / "d").exists(), "bob sees the deletion")
    assert held(pair) == before


def test_changes_in_the_arena_root_are_heard_once(pair: Pair) -> None:
    with Watcher(pair.mnt) as watcher:
        fd = os.open(pair.root / "native", os.O_WRONLY | os.O_CREAT)
        os.setxattr(fd, MARK, b"own")
        os.close(fd)
        watcher.hears(("create", "native"))
        until((pair.files / "native").exists, "alice has it")
        (pair.mnt / "mine").write_text("through the mount")
        until((pair.files / "mine").exists, "alice has it")
        (pair.root / "native").rename(pair.root / "renamed")
        watcher.hears(("moved from", "native"), ("moved to", "renamed"))
        (pair.root / "renamed").unlink()
        watcher.hears(("delete", "renamed"))
        mine = [kind for kind, name in watcher.read() if name == "mine"]
        native = [kind for kind, name in watcher.heard if name in ("native", "renamed")]
    assert mine.count("create") == 1
    assert mine.count("modify") == 1
    assert native.count("create") == native.count("delete") == 1


def test_an_own_file_is_heard_when_its_content_is_there(pair: Pair) -> None:
    path = pair.write("a", "first")
    os.setxattr(path, MARK, b"own")
    wait_word(path, "real")
    seen: list[str] = []

    def look(kind: str, name: str) -> None:
        if kind == "modify":
            seen.append(Path(pair.mnt, name).read_text())

    with Watcher(pair.mnt, look) as watcher:
        (pair.files / "a").write_text("and second")
        until(lambda: watcher.read() and "and second" in seen, "the new content is heard of")
        (pair.files / "a").unlink()
        watcher.hears(("delete", "a"))
