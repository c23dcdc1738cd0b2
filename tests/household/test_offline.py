"""The owner stopped: what is here works, what isn't fails at once."""

import errno
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.household.conftest import Household
from tests.household.machines import MARK, Pair, failure, readable, wait_word, word
from tests.household.waiting import SECONDS, until

AT_ONCE_SECONDS = 4.5
"""Less than a read waits for a peer that doesn't answer."""


@pytest.fixture(scope="module")
def away(pair: Pair) -> Iterator[Pair]:
    """A pair whose owner is stopped; bob has cached one file, and never had another."""
    pair.write("folder/cached", b"c" * 300_000)
    pair.write("folder/remote", b"r" * 300_000)
    pair.write("folder/half", os.urandom(4_000_000))
    pair.write("folder/kept", b"k" * 300_000)
    (pair.mnt / "folder/cached").read_bytes()
    with (pair.mnt / "folder/half").open("rb") as file:
        os.pread(file.fileno(), 1000, 0)
    os.setxattr(pair.mnt / "folder/kept", MARK, b"keep")
    for name in ("cached", "kept"):
        wait_word(pair.mnt / "folder" / name, "cached")
    pair.alice.stop()
    until(lambda: not pair.bob.connected(pair.alice), "bob notices")
    yield pair
    pair.alice.serve()


def test_listing_and_df_work(away: Pair) -> None:
    for command in (["ls", "-lR"], ["df"], ["find"], ["stat"]):
        done = subprocess.run(
            [*command, away.mnt], capture_output=True, check=False, timeout=SECONDS
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == b""
    listed = subprocess.run(["ls", "-lR", away.mnt], capture_output=True, check=True, text=True)
    for name in ("cached", "remote", "half", "kept"):
        assert name in listed.stdout


def test_cached_files_read(away: Pair) -> None:
    assert (away.mnt / "folder/cached").read_bytes() == b"c" * 300_000
    assert (away.mnt / "folder/kept").read_bytes() == b"k" * 300_000


def test_an_uncached_read_fails_at_once(away: Pair) -> None:
    began = time.monotonic()
    assert failure((away.mnt / "folder/remote").read_bytes) == errno.EHOSTUNREACH
    assert time.monotonic() - began < AT_ONCE_SECONDS
    done = subprocess.run(
        ["cat", away.mnt / "folder/remote"], capture_output=True, check=False, text=True
    )
    assert "No route to host" in done.stderr


def test_the_missing_half_of_a_file_fails_and_the_other_reads(away: Pair) -> None:
    with (away.mnt / "folder/half").open("rb") as seen:
        assert len(os.pread(seen.fileno(), 1000, 0)) == 1000
        assert failure(os.pread, seen.fileno(), 1000, 3_900_000) == errno.EHOSTUNREACH
    assert word(away.mnt / "folder/half").startswith("partial ")


def test_marks_work(away: Pair) -> None:
    path = away.mnt / "folder/remote"
    os.setxattr(path, MARK, b"keep")
    assert os.getxattr(path, MARK) == b"keep"
    info = away.bob.info(path)
    assert (info["decision"], info["mark_from"]) == ("UpdateCache", "folder/remote")
    os.removexattr(path, MARK)
    assert failure(os.getxattr, path, MARK) == errno.ENODATA
    os.setxattr(away.mnt / "folder/cached", MARK, b"own")  # all of it is here
    wait_word(away.mnt / "folder/cached", "real")
    assert (away.root / "folder/cached").read_bytes() == b"c" * 300_000


def test_all_of_it_works_from_the_start_too(household: Household) -> None:
    """The visitor's machine starts while the owner's is off."""
    pair = household.pair()
    pair.write("folder/cached", b"c" * 300_000).read_bytes()
    pair.write("folder/remote", b"r")
    wait_word(pair.mnt / "folder/cached", "cached")
    pair.alice.stop()
    pair.bob.stop()
    pair.remount()
    assert sorted(os.listdir(pair.mnt / "folder")) == ["cached", "remote"]
    assert (pair.mnt / "folder/cached").read_bytes() == b"c" * 300_000
    assert failure((pair.mnt / "folder/remote").read_bytes) == errno.EHOSTUNREACH
    assert pair.bob.arena()["files"] == 2
    _back(pair, pair.mnt / "folder/remote", b"r")


def test_a_mark_set_offline_is_carried_out_when_the_owner_is_back(own_pair: Pair) -> None:
    pair = own_pair
    kept = pair.write("kept", b"k" * 500_000)
    owned = pair.write("owned", b"o" * 500_000)
    pair.alice.stop()
    os.setxattr(kept, MARK, b"keep")
    os.setxattr(owned, MARK, b"own")
    until(
        lambda: "waits for a peer" in pair.bob.info(kept)["why"],
        "info says what the job waits for",
    )
    until(lambda: pair.bob.arena()["awaited"] == ["alice"], "so does the status")
    assert 'Waits: Arena "docs": for alice to be connected.' in pair.bob.ask("status")
    pair.alice.serve()
    wait_word(kept, "cached")
    wait_word(owned, "real")
    until(lambda: pair.bob.arena()["awaited"] == [], "nothing waits any more")


def test_the_owner_killed_in_the_midst_of_a_read(own_pair: Pair) -> None:
    pair = own_pair
    content = os.urandom(24_000_000)
    seen = pair.write("film", content)
    with seen.open("rb") as file:
        assert file.read(1_000_000) == content[:1_000_000]
        pair.alice.kill()
        assert failure(os.pread, file.fileno(), 1000, 23_000_000) == errno.EHOSTUNREACH
    _back(pair, seen, content)


def _back(pair: Pair, path: Path, content: bytes) -> None:
    """The owner is back: it works again, with no action."""
    pair.alice.serve()
    until(lambda: readable(path), f"{path.name} is read again")
    assert path.read_bytes() == content
