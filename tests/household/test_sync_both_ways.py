"""Two machines with changes on both sides, online and offline: both end with the same files."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.household.machines import MARK, Pair, wait_word, word
from tests.household.waiting import until


def contents(root: Path) -> dict[str, bytes | None]:
    """Plain files and their contents, and empty directories."""
    found: dict[str, bytes | None] = {}
    for path in root.rglob("*"):
        name = str(path.relative_to(root))
        if name.startswith(".realize"):
            continue
        if path.is_file():
            found[name] = path.read_bytes()
        elif not any(path.iterdir()):
            found[name] = None
    return found


def wait_same(pair: Pair, folder: str, expected: Mapping[str, bytes | None]) -> None:
    """Until alice's root, bob's mount and, where he owns all, his root have exactly this."""
    places = [pair.files, pair.mnt, pair.root]
    state: list[object] = []

    def same() -> bool:
        try:
            state[:] = [contents(place / folder) for place in places]
        except OSError as error:  # changes while it is looked at, or its owner isn't back yet
            state[:] = [error]
        return state == [expected] * len(places)

    until(same, f"{expected} at both; there is {state}")


def both_own(pair: Pair, folder: str, files: dict[str, bytes]) -> dict[str, bytes | None]:
    """A folder with files that both machines own."""
    for name, content in files.items():
        pair.write(f"{folder}/{name}", content)
    os.setxattr(pair.mnt / folder, MARK, b"own")
    for name in files:
        wait_word(pair.mnt / folder / name, "real")
    # Nothing of a former test waits for the other, who is about to leave.
    until(lambda: pair.bob.arena()["pending"] == 0, "bob has settled")
    return dict(files)


def test_what_is_written_through_the_mount_reaches_the_other(pair: Pair) -> None:
    pair.write("shared/theirs", "before")
    (pair.mnt / "shared/new").write_text("new")
    (pair.mnt / "shared/dir/deep").mkdir(parents=True)
    (pair.mnt / "shared/dir/deep/file").write_text("deep")
    (pair.mnt / "shared/link").symlink_to("new")
    expected = {"theirs": b"before", "new": b"new", "dir/deep/file": b"deep", "link": b"new"}
    until(lambda: contents(pair.files / "shared") == expected, "alice has all, in whatever order")
    assert os.readlink(pair.files / "shared/link") == "new"


def test_an_existing_file_is_written_through_the_mount(pair: Pair) -> None:
    content = os.urandom(1_000_000)
    seen = pair.write("edited", content)
    with seen.open("r+b") as file:
        file.seek(500_000)
        file.write(b"in the middle")
    assert word(seen) in ("modified", "real", "cached")  # alice may have it by now
    wanted = content[:500_000] + b"in the middle" + content[500_013:]
    until(lambda: (pair.files / "edited").read_bytes() == wanted, "alice has the edit")
    wait_word(seen, "cached")  # she owns it, so bob needn't
    assert seen.read_bytes() == wanted


def test_an_unread_file_is_replaced_without_being_fetched(pair: Pair) -> None:
    seen = pair.write("replaced", os.urandom(3_000_000))
    seen.chmod(0o666)
    before = pair.bob.status()["wire"]["bytes_in"]
    seen.write_text("short")
    until(lambda: (pair.files / "replaced").read_bytes() == b"short", "alice has the new one")
    assert pair.bob.status()["wire"]["bytes_in"] - before < 1_000_000
    mode = (pair.files / "replaced").stat().st_mode
    assert mode & 0o777 == 0o666, "no umask of a daemon's narrowed it"


def test_renames_and_deletes_through_the_mount(pair: Pair) -> None:
    for name in ("old name", "to go", "folder/one", "folder/two"):
        pair.write(f"moves/{name}", name)
    before = pair.bob.status()["wire"]["bytes_in"]
    (pair.mnt / "moves/old name").rename(pair.mnt / "moves/new name")
    (pair.mnt / "moves/to go").unlink()
    (pair.mnt / "moves/folder").rename(pair.mnt / "moves/other folder")
    expected = {"new name": b"old name", "other folder/one": b"folder/one"}
    expected |= {"other folder/two": b"folder/two"}
    until(lambda: contents(pair.files / "moves") == expected, "alice has the same")
    assert contents(pair.mnt / "moves") == expected
    assert pair.bob.status()["wire"]["bytes_in"] - before < 200_000


def test_permissions_and_times_of_unreal_files(pair: Pair) -> None:
    seen = pair.write("dressed", "x")
    seen.chmod(0o640)
    os.utime(seen, ns=(1, 987_654_321_012_345_678))
    there = pair.files / "dressed"
    until(lambda: there.stat().st_mode & 0o7777 == 0o640, "alice has the mode")
    until(lambda: there.stat().st_mtime_ns == 987_654_321_012_345_678, "alice has the time")
    assert word(seen) == "remote"


@pytest.mark.parametrize("offline", ["alice", "bob", "both in turn"])
def test_changes_in_either_root_while_the_other_is_away(pair: Pair, offline: str) -> None:
    folder = f"away {offline}"
    names = ("edited", "deleted", "renamed", "dir/inside", "gone dir/inside", "untouched")
    expected = both_own(pair, folder, {name: name.encode() * 100 for name in names})
    if offline == "alice":
        pair.alice.stop()
        edit(pair.root / folder, expected, b"bob")
        pair.bob.stop()
        pair.alice.serve()
        pair.remount()
    elif offline == "bob":
        pair.bob.stop()
        edit(pair.files / folder, expected, b"alice")
        pair.remount()
    else:
        pair.bob.stop()
        pair.alice.stop()
        edit(pair.files / folder, expected, b"alice")
        pair.alice.serve()
        pair.remount()
    wait_same(pair, folder, expected)


def edit(top: Path, expected: dict[str, bytes | None], who: bytes) -> None:
    """Every kind of change, made natively; `expected` follows."""
    (top / "edited").write_bytes(b"edited by " + who)
    (top / "deleted").unlink()
    (top / "renamed").rename(top / "has a new name")
    shutil.rmtree(top / "gone dir")
    (top / "new").write_bytes(b"new by " + who)
    (top / "dir" / "new dir").mkdir()
    del expected["deleted"], expected["gone dir/inside"]
    expected["has a new name"] = expected.pop("renamed")
    expected |= {"edited": b"edited by " + who, "new": b"new by " + who, "dir/new dir": None}


def test_different_files_changed_on_both_sides(pair: Pair) -> None:
    expected = both_own(pair, "apart", {"a": b"a", "b": b"b", "both": b"both", "c": b"c"})
    pair.bob.stop()
    (pair.files / "apart/a").write_bytes(b"a by alice")
    (pair.files / "apart/of alice").write_bytes(b"alice")
    (pair.files / "apart/both").write_bytes(b"the same by both")
    (pair.files / "apart/c").unlink()
    pair.alice.stop()
    (pair.root / "apart/b").write_bytes(b"b by bob")
    (pair.root / "apart/of bob").write_bytes(b"bob")
    (pair.root / "apart/both").write_bytes(b"the same by both")
    (pair.root / "apart/c").unlink()
    pair.remount()
    until(lambda: pair.bob.arena()["pending"] == 0, "bob has settled")
    pair.alice.serve()
    pair.wait_connected()
    expected |= {"a": b"a by alice", "b": b"b by bob", "both": b"the same by both"}
    expected |= {"of alice": b"alice", "of bob": b"bob"}
    del expected["c"]
    wait_same(pair, "apart", expected)


def test_one_file_changed_on_both_sides_becomes_two(pair: Pair) -> None:
    """R2: the newer edit keeps the name, the other lives on beside it, at both."""
    both_own(pair, "conflict", {"file.txt": b"base"})
    pair.bob.stop()
    pair.alice.stop()
    (pair.files / "conflict/file.txt").write_bytes(b"alice's, the older")
    os.utime(pair.files / "conflict/file.txt", ns=(0, 10**18))
    (pair.root / "conflict/file.txt").write_bytes(b"bob's, the newer")
    pair.alice.serve()
    pair.remount()
    until(lambda: len(contents(pair.files / "conflict")) == 2, "alice has two files")
    found = contents(pair.files / "conflict")
    other = next(name for name in found if name != "file.txt")
    assert other.startswith("file (conflict alice ")
    assert other.endswith(".txt")
    wait_same(pair, "conflict", {"file.txt": b"bob's, the newer", other: b"alice's, the older"})


def test_an_edit_wins_over_a_delete(pair: Pair) -> None:
    both_own(pair, "edit or delete", {"file": b"base"})
    pair.bob.stop()
    pair.alice.stop()
    (pair.files / "edit or delete/file").unlink()
    (pair.root / "edit or delete/file").write_bytes(b"edited")
    pair.alice.serve()
    pair.remount()
    wait_same(pair, "edit or delete", {"file": b"edited"})


def test_what_a_peer_replaces_goes_to_the_trash(pair: Pair) -> None:
    both_own(pair, "trashed", {"file": b"precious"})
    (pair.files / "trashed/file").unlink()
    until(lambda: not (pair.root / "trashed/file").exists(), "it is deleted at bob's")
    trash = pair.root / ".realize" / "trash"
    assert b"precious" in [path.read_bytes() for path in trash.rglob("*file") if path.is_file()]


def test_a_burst_of_changes_settles(pair: Pair) -> None:
    both_own(pair, "burst", {"file": b"0"})
    for number in range(50):
        (pair.files / "burst/file").write_text(str(number) * number)
        (pair.files / f"burst/{number}").write_text(str(number))
        if number % 2:
            (pair.files / f"burst/{number}").unlink()
    expected: dict[str, bytes | None] = {"file": b"49" * 49}
    expected |= {str(number): str(number).encode() for number in range(0, 50, 2)}
    wait_same(pair, "burst", expected)


def test_what_was_just_opened_for_writing_and_is_deleted_at_once_stays_deleted(pair: Pair) -> None:
    """The index knew of the native file, or directory, only that it would come: it took it for
    another one that had appeared beside what was deleted."""
    shown, owned = pair.mnt / "just opened", pair.files / "just opened"
    names = [f"d{number}" for number in range(20)]
    for name in names:
        (owned / name / "e").mkdir(parents=True)
        (owned / name / "truncated").write_bytes(b"")
        (owned / name / "e" / "written").write_bytes(b"content")
    pair.write("just opened/last", b"")
    until(lambda: all((shown / one / "e" / "written").exists() for one in names), "bob sees all")
    for name in names:
        (shown / name / "truncated").write_bytes(b"")
        (shown / name / "e" / "written").open("r+").close()
        shutil.rmtree(shown / name)
    for place in (shown, owned):
        until(lambda at=place: os.listdir(at) == ["last"], f"all of it is gone from {place}")  # type: ignore[misc]
    assert os.listdir(shown) == ["last"]


def test_who_waits_to_write_is_told_what_for(own_pair: Pair) -> None:
    """The content comes first, and `info` says how far it is."""
    pair = own_pair
    seen = pair.write("big", os.urandom(6_000_000))
    pair.bob.ask("limit", "--down", "200K")
    with subprocess.Popen(["sh", "-c", 'printf x >> "$1"', "sh", seen]) as writer:
        until(lambda: word(seen).startswith("partial"), "some of it is here")
        info = pair.bob.info(seen)
        assert info["status"].startswith("partial")
        assert info["why"].startswith("A program waits to write to it")
        assert writer.poll() is None, "it waits"
        pair.bob.ask("limit", "--down", "none")
    assert writer.returncode == 0
    assert seen.stat().st_size == 6_000_001


def test_whole_unreal_trees_are_changed_while_their_owner_is_away(own_pair: Pair) -> None:
    """The owner does the same with its plain files when it is back, and no content travels."""
    pair = own_pair
    for tree in ("moved", "deleted", "dressed"):
        for number in range(12):
            pair.write(f"{tree}/d{number % 3}/f{number}", os.urandom(100_000))
    before = {path.stat().st_ino for path in (pair.files / "moved").rglob("f*")}
    pair.alice.stop()
    (pair.mnt / "moved").rename(pair.mnt / "here")
    shutil.rmtree(pair.mnt / "deleted")
    for path in (pair.mnt / "dressed").rglob("*"):
        path.chmod(0o750)
        os.utime(path, ns=(1, 10**18))
    assert sorted(path.name for path in pair.mnt.iterdir()) == ["dressed", "here"]
    assert pair.bob.status()["wire"]["bytes_in"] < 1_000_000
    pair.alice.serve()
    until(lambda: not (pair.files / "deleted").exists(), "what was deleted is gone")
    until(lambda: not (pair.files / "moved").exists(), "what was renamed is gone")
    assert {path.stat().st_ino for path in (pair.files / "here").rglob("f*")} == before
    dressed = list((pair.files / "dressed").rglob("*"))
    assert len(dressed) == 15
    until(lambda: {one.stat().st_mode & 0o777 for one in dressed} == {0o750}, "all have the mode")
    files = [one for one in dressed if one.is_file()]
    until(lambda: {one.stat().st_mtime_ns for one in files} == {10**18}, "files have their times")
    assert [arena["count"] for arena in pair.alice.ask_json("trash", "list")] == [12]
    assert pair.bob.status()["wire"]["bytes_in"] < 1_000_000
    here = list((pair.mnt / "here").rglob("f*"))
    until(lambda: {word(path) for path in here} == {"remote"}, "alice has said that she has them")
