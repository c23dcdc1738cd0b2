"""What one machine sees of the other's files: everything that Linux allows, as it is there."""

import errno
import os
import stat
import subprocess
from pathlib import Path

import pytest
from blake3 import blake3

from tests.household.machines import MARK, Pair, failure, wait_word, word
from tests.household.waiting import until

ODD_NAMES = [
    b"with:colon",
    b"not utf-8 \xff\xfe",
    b"new\nline",
    b"n" * 255,
    b"\xc3\xa9" * 127,
    b" leading and trailing ",
    b"-rf",
    b"*?[]'\"\\$`|<>&;",
    b".hidden",
    b"...",
    b"\x01\x7f",
]


def make_odd_tree(root: Path) -> None:
    """Names, kinds, modes and times that are legal and seldom."""
    top = os.fsencode(root)
    for name in ODD_NAMES:
        inside = os.path.join(top, b"dirs", name)
        os.makedirs(inside)
        for path in (os.path.join(top, name), os.path.join(inside, name)):
            with open(path, "wb") as file:
                file.write(name * 3)
    (root / "empty dir" / "empty too").mkdir(parents=True)
    (root / "empty file").touch()
    for mode in (0o000, 0o400, 0o755, 0o1711, 0o666):
        (root / f"mode {mode:o}").write_text("x")
        (root / f"mode {mode:o}").chmod(mode)
    (root / "sticky").mkdir()
    (root / "sticky").chmod(0o1777)
    (root / "closed").mkdir()
    (root / "closed").chmod(0o500)
    for link, target in [("to file", "empty file"), ("dangling", "/no/such"), ("loop", "loop")]:
        (root / link).symlink_to(target)
    os.symlink(b"\xff\xfe\n", os.path.join(top, b"odd target"))
    (root / "blocks").write_bytes(os.urandom(1_000_001))
    for seconds in (0, 1, 2_000_000_000):
        (root / f"mtime {seconds}").write_text("x")
        os.utime(root / f"mtime {seconds}", ns=(0, seconds * 10**9 + 123_456_789))
    os.mkfifo(root / "fifo stays local")


def listing(root: Path) -> dict[bytes, tuple[object, ...]]:
    """All that is shared of a tree: kind, mode, size, mtime, target."""
    found: dict[bytes, tuple[object, ...]] = {}
    top = os.fsencode(root)
    for directory, names, files in os.walk(top):
        for name in names + files:
            path = os.path.join(directory, name)
            there = os.lstat(path)
            inside = os.path.relpath(path, top)
            if stat.S_ISFIFO(there.st_mode) or inside.startswith(b".realize"):
                continue
            facts: tuple[object, ...] = (stat.S_IFMT(there.st_mode),)
            if stat.S_ISREG(there.st_mode):
                facts += (there.st_mode, there.st_size, there.st_mtime_ns)
            elif stat.S_ISLNK(there.st_mode):
                facts += (os.readlink(path), there.st_size, there.st_mtime_ns)
            else:
                facts += (there.st_mode,)
            found[inside] = facts
    return found


@pytest.fixture(scope="module")
def odd(pair: Pair) -> Pair:
    """A pair with the odd tree, all of which bob sees."""
    make_odd_tree(pair.files / "odd")
    wanted = len(listing(pair.files / "odd"))
    until(
        lambda: (pair.mnt / "odd").exists() and len(listing(pair.mnt / "odd")) == wanted,
        "bob sees all",
    )
    return pair


def test_the_listing_is_that_of_the_owner(odd: Pair) -> None:
    until(
        lambda: listing(odd.mnt / "odd") == listing(odd.files / "odd"),
        f"{listing(odd.mnt / 'odd').items() ^ listing(odd.files / 'odd').items()}",
        seconds=5,
    )


def test_listing_fetches_nothing(odd: Pair) -> None:
    before = odd.bob.arena()["cached_bytes"]
    subprocess.run(["ls", "-lR", odd.mnt], check=True, capture_output=True)
    subprocess.run(["find", odd.mnt, "-ls"], check=True, capture_output=True)
    subprocess.run(["du", "-a", odd.mnt], check=True, capture_output=True)
    assert odd.bob.arena()["cached_bytes"] == before


def test_diff_finds_nothing(odd: Pair) -> None:
    options = ["-r", "--no-dereference", "-x", "fifo*"]
    command = ["diff", *options, f"{odd.files}/odd", f"{odd.mnt}/odd"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_what_is_local_at_the_owner_is_not_seen(odd: Pair) -> None:
    assert not (odd.mnt / "odd" / "fifo stays local").exists()
    assert ".realize" not in os.listdir(odd.mnt)
    assert ".realize" in os.listdir(odd.files)


def test_unreal_files_take_no_room_in_the_root(odd: Pair) -> None:
    assert [name for name in os.listdir(odd.root) if name != ".realize"] == []


def test_inodes_are_distinct_and_lookups_agree_with_the_listing(odd: Pair) -> None:
    with os.scandir(odd.mnt / "odd") as entries:
        inodes = {entry.name: entry.inode() for entry in entries}
    assert len(set(inodes.values())) == len(inodes)
    for name, inode in inodes.items():
        assert (odd.mnt / "odd" / name).lstat().st_ino == inode


def test_the_attributes_say_what_is_known(pair: Pair) -> None:
    path = pair.write("known", b"abc" * 100)
    assert word(path) == "remote"
    assert os.getxattr(path, "user.realize.hash") == blake3(b"abc" * 100).hexdigest().encode()
    assert os.getxattr(path, "user.realize.peers") == b"alice own"
    assert os.getxattr(path, "user.realize.mark.effective") == b"watch"
    assert path.read_bytes() == b"abc" * 100
    wait_word(path, "cached")
    mine = pair.alice.info(pair.files / "known")
    assert (mine["status"], mine["mark"]) == ("real", "own")
    until(
        lambda: (
            pair.alice.info(pair.files / "known")["holders"] == [{"peer": "bob", "state": "cached"}]
        ),
        "alice hears that bob has cached it",
    )


def test_what_is_derived_is_read_only_and_never_listed(pair: Pair) -> None:
    path = pair.write("attributes", "x")
    for name in ("status", "hash", "peers", "mark.effective", "nonsense"):
        assert failure(os.setxattr, path, f"user.realize.{name}", b"own") == errno.EPERM
    assert failure(os.getxattr, path, "user.realize.nonsense") == errno.ENODATA
    assert os.listxattr(path) == []


def test_the_users_own_attributes_of_a_real_file_stay_here(pair: Pair) -> None:
    path = pair.write("own attributes", "x")
    os.setxattr(path, MARK, b"own")
    wait_word(path, "real")
    os.setxattr(path, "user.mine", b"1")
    assert os.getxattr(path, "user.mine") == b"1"
    assert sorted(os.listxattr(path)) == ["user.mine", MARK]
    assert "user.mine" not in os.listxattr(pair.files / "own attributes")
    os.removexattr(path, MARK)
    wait_word(path, "cached")  # and the room it takes is not in the way of the tests below


def test_info_says_what_and_why(pair: Pair) -> None:
    path = pair.write("folder/informed", "hello")
    found = pair.bob.info(path)
    assert found["path"] == "folder/informed"
    assert found["hash"] == blake3(b"hello").hexdigest()
    assert found["size"] == 5
    assert (found["mark"], found["mark_from"]) == ("watch", None)
    assert found["status"] == "remote"
    assert found["holders"] == [{"peer": "alice", "state": "own"}]
    assert found["decision"] is None
    assert found["why"].endswith(".")
    readable = pair.bob.ask("info", path)
    for part in ("folder/informed", "watch", "remote", "alice", found["hash"], found["why"]):
        assert part in readable.replace("\n", " ") or part in readable


def test_status_counts_files_bytes_and_the_wire(pair: Pair) -> None:
    path = pair.write("counted", os.urandom(500_000))
    before = pair.bob.ask_json("status")
    path.read_bytes()
    wait_word(path, "cached")
    cached = before["arenas"][0]["cached_bytes"] + 500_000  # on the disk: a moment later
    until(lambda: pair.bob.arena()["cached_bytes"] >= cached, "it is counted")
    after = pair.bob.ask_json("status")
    (peer,) = after["peers"]
    assert (peer["name"], peer["connected"]) == ("alice", True)
    assert 500_000 < peer["bytes_in"] <= after["wire"]["bytes_in"]
    arena = after["arenas"][0]
    assert (arena["name"], arena["root"], arena["mount"]) == ("docs", str(pair.root), str(pair.mnt))
    assert arena["files"] == pair.alice.arena()["files"]
    assert (arena["pending"], arena["jobs"], arena["real_bytes"]) == (0, 0, 0)
    assert 500_000 < after["wire"]["bytes_in"] - before["wire"]["bytes_in"] < 700_000
    assert after["wire"]["bytes_out"] > 0


def test_df_works(pair: Pair) -> None:
    done = subprocess.run(["df", pair.mnt], check=True, capture_output=True, text=True)
    assert str(pair.mnt) in done.stdout
    assert os.statvfs(pair.mnt).f_namemax == 255
