"""The inode of a file stays while it is realized, unrealized and over restarts."""

from pathlib import Path

from realizefs.model.ids import Inode
from realizefs.model.marks import Mark
from realizefs.store.env import Environment
from realizefs.store.inodes import InodeAllocator
from realizefs.store.schema import GLOBAL_SCHEMA
from tests.fakes.peer import ARENA, Peer, introduce, running_peer, until, write

PATHS = ["photos", "photos/one.jpg", "photos/two.jpg"]


def inodes(peer: Peer) -> list[Inode]:
    return [peer.arena.resolve(path.encode()) for path in PATHS]


async def realize_and_unrealize(peer: Peer) -> list[list[Inode]]:
    """The inodes after each step."""
    seen = [inodes(peer)]
    await peer.mark("photos", Mark.OWN)
    await until(lambda: all(peer.status(path) == "real" for path in PATHS))
    seen.append(inodes(peer))
    await peer.mark("photos", None)
    await until(lambda: all(peer.status(path) == "cached" for path in PATHS[1:]))
    return [*seen, inodes(peer)]


async def test_an_inode_stays_over_realize_unrealize_and_restart(tmp_path: Path) -> None:
    for path in PATHS[1:]:
        write(tmp_path / "a/root", path, path.encode() * 1000)
    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
        async with running_peer(tmp_path / "b", "b") as b:
            await introduce(a, b)
            await until(lambda: b.entry(PATHS[-1]))
            first, *later = await realize_and_unrealize(b)
            at_a = inodes(a)
        async with running_peer(tmp_path / "b", "b") as b:
            restarted = inodes(b)
            again = await realize_and_unrealize(b)
    assert [*later, restarted, *again] == [first] * 6
    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
        assert inodes(a) == at_a
    home = Environment(tmp_path / "b" / "state", GLOBAL_SCHEMA)
    assert {InodeAllocator(home).arena_of(ino) for ino in first} == {ARENA}
    home.close()
