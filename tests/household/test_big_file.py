"""A big file: what is read is what is fetched; test_big has it at 1 GiB."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.household.machines import Pair, wait_word, word
from tests.household.waiting import until

MIB = 1 << 20


def same(one: Path, other: Path) -> bool:
    """Compared byte by byte; filecmp would remember what it has compared once."""
    return subprocess.run(["cmp", one, other], check=False).returncode == 0


def write_random(pair: Pair, name: str, size: int) -> None:
    with (pair.files / f".{name}").open("wb") as file:
        for _ in range(size // MIB):
            file.write(os.urandom(MIB))
    (pair.files / f".{name}").rename(pair.files / name)


def read_middle(pair: Pair, name: str, size: int) -> int:
    """Read and compare 4 KiB in the middle; the bytes that this fetched."""
    before = pair.bob.ask_json("status")["wire"]["bytes_in"]
    at = size // 2 + 12_345
    with (pair.files / name).open("rb") as original, (pair.mnt / name).open("rb") as seen:
        assert os.pread(seen.fileno(), 4096, at) == os.pread(original.fileno(), 4096, at)
        return int(pair.bob.ask_json("status")["wire"]["bytes_in"]) - before


@pytest.mark.parametrize("size", [64 * MIB])
def test_a_piece_is_fetched_then_all_then_it_reads_offline(own_pair: Pair, size: int) -> None:
    pair = own_pair
    write_random(pair, "film", size)
    seen = pair.seen("film", size)
    assert word(seen) == "remote"
    assert read_middle(pair, "film", size) < 2 * MIB
    assert word(seen).startswith("partial ")
    assert same(pair.files / "film", seen)
    wait_word(seen, "cached")
    fetched = pair.bob.status()["wire"]["bytes_in"]
    assert fetched < size * 1.05  # nothing came twice
    pair.alice.stop()
    pair.bob.ask("umount", pair.mnt)  # what the kernel has cached goes
    pair.remount()
    assert same(pair.files / "film", seen)


def test_what_was_fetched_before_a_kill_is_not_fetched_again(own_pair: Pair) -> None:
    pair = own_pair
    write_random(pair, "film", 32 * MIB)
    seen = pair.seen("film", 32 * MIB)
    with seen.open("rb") as file:
        half = file.read(24 * MIB)
    os.setxattr(seen, "user.realize.mark", b"keep")
    held = [{"peer": "bob", "state": "cached"}]  # which bob says once it is on disk
    until(lambda: pair.alice.info(pair.files / "film")["holders"] == held, "bob holds it")
    pair.bob.kill()
    pair.remount()
    pair.wait_connected()
    wait_word(seen, "cached")
    assert seen.read_bytes()[: 24 * MIB] == half
    assert pair.bob.status()["wire"]["bytes_in"] < 2 * MIB
