"""What loses its name gets one that nothing else has, here or at any peer."""

import os
from datetime import UTC, datetime
from pathlib import Path

from realizefs.model.marks import Mark
from tests.fakes.peer import Peer, introduce, running_peer, until, write
from tests.fakes.two_peers import two_owners

SECOND = 1_700_000_000
DATE = datetime.fromtimestamp(SECOND, UTC).strftime("%Y-%m-%d %H.%M.%S")
COPY = f"doc (conflict b {DATE}).txt"


def write_at(peer: Peer, name: str, content: bytes, second: int) -> None:
    """In one step, as the scanner sees it."""
    made = peer.root.parent / "made"
    made.write_bytes(content)
    os.utime(made, (second, second))
    made.rename(peer.root / name)


async def test_a_copy_that_isnt_here_keeps_its_name(tmp_path: Path) -> None:
    """Of the same second: natively its name is free, and it was replaced by the next copy."""
    async with two_owners(tmp_path, {"doc.txt": b"common"}) as (a, b):
        write(a.root, COPY, b"an earlier one")
        await until(lambda: b.status(COPY) == "real")
        await b.mark(COPY, Mark.WATCH)
        await until(lambda: b.status(COPY) in ("cached", "remote"))
    async with running_peer(tmp_path / "b", "b", mark=Mark.OWN) as b:
        write_at(b, "doc.txt", b"the older edit", SECOND)
        await until(lambda: b.arena.describe(b.arena.resolve(b"doc.txt")).size == 14)
    async with (
        running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a,
        running_peer(tmp_path / "b", "b", mark=Mark.OWN) as b,
    ):
        write_at(a, "doc.txt", b"newer", SECOND + 10)
        await until(lambda: a.arena.describe(a.arena.resolve(b"doc.txt")).size == 5)
        await introduce(a, b)
        second = COPY.replace(DATE, f"{DATE} 1")
        await until(lambda: a.paths() == b.paths() == {"doc.txt", COPY, second})
        await until(lambda: a.status(second) == a.status("doc.txt") == "real")
        assert (a.root / COPY).read_bytes() == b"an earlier one"
        assert (a.root / second).read_bytes() == b"the older edit"
        assert (a.root / "doc.txt").read_bytes() == b"newer"
