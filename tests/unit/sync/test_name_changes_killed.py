"""Killed (SIGKILL) between native renames and their commit: the next start finds them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from realizefs.model.limits import KIB
from realizefs.model.marks import Mark
from tests.fakes.peer import Peer, introduce, running_peer, until, write
from tests.fakes.renaming import READY
from tests.fakes.two_peers import two_owners

BEFORE = {"d", "d/one", "d/sub", "d/sub/deep", "tmp", "doc", "gone"}
AFTER = {"e", "e/two", "e/sub", "e/sub/deep", "doc"}


@contextmanager
def killed_while_renaming(directory: Path) -> Iterator[None]:
    """Inside, the other process has done all; it is dead at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.renaming", str(directory)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == READY
        yield
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def numbers(peer: Peer, *paths: str) -> list[int]:
    return [peer.arena.resolve(path.encode()) for path in paths]


async def test_renames_are_found_with_inodes_and_marks_and_reach_peers_once(tmp_path: Path) -> None:
    for name in ("d/one", "d/sub/deep", "tmp", "doc", "gone"):
        write(tmp_path / "a/root", name, os.urandom(40 * KIB))
    async with two_owners(tmp_path) as (a, b):
        await until(lambda: a.paths() == b.paths() == BEFORE)
        await a.mark("d/one", Mark.OWN)
        await until(lambda: all(b.status(path) == "real" for path in BEFORE))
        await until(lambda: a.arena.status()["pending"] == b.arena.status()["pending"] == 0)
        before = numbers(a, "d", "d/one", "d/sub/deep", "tmp")
    one, deep, tmp = (
        (tmp_path / "b/root" / path).stat() for path in ("d/one", "d/sub/deep", "tmp")
    )
    with killed_while_renaming(tmp_path / "a"):
        pass
    async with (
        running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a,
        running_peer(tmp_path / "b", "b", mark=Mark.OWN) as b,
    ):
        await introduce(a, b)  # their ports are others now
        await until(lambda: a.paths() == b.paths() == AFTER)
        assert numbers(a, "e", "e/two", "e/sub/deep", "doc") == before
        assert a.arena.explicit_mark(a.arena.resolve(b"e/two")) is Mark.OWN
        await until(lambda: all(b.status(path) == "real" for path in AFTER))
        await until(lambda: a.arena.status()["pending"] == b.arena.status()["pending"] == 0)
        for path, was in (("e/two", one), ("e/sub/deep", deep), ("doc", tmp)):
            now = (b.root / path).stat()
            assert (now.st_ino, now.st_size) == (was.st_ino, was.st_size), "it was fetched again"
        assert b.household.counters.bytes_in < 40 * KIB
