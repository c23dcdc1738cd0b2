"""A process that renames and deletes real files of a peer, no commit coming, until it is killed.

python -m tests.fakes.renaming DIRECTORY
"""

import sys
from pathlib import Path

import trio

from realizefs.model.marks import Mark
from tests.fakes.blocking import no_commits
from tests.fakes.peer import Peer, running_peer, until

READY = "done"


async def rename(peer: Peer, old: str, new: str) -> None:
    """As the mount does it: natively, then recorded."""
    ino = peer.arena.resolve(old.encode())
    parent, _, name = new.rpartition("/")
    directory = peer.arena.resolve(parent.encode())
    (peer.root / old).rename(peer.root / new)
    await peer.arena.move(ino, directory, name.encode(), 0)


async def main(directory: Path) -> None:
    async with running_peer(directory, "a", mark=Mark.OWN) as peer:
        await until(peer.arena.scanner.scanned.is_set)
        await until(lambda: peer.arena.status()["pending"] == 0)
        async with no_commits(peer.arena):
            await rename(peer, "d", "e")
            await rename(peer, "e/one", "e/two")
            await rename(peer, "tmp", "doc")
            ino = peer.arena.resolve(b"gone")
            (peer.root / "gone").unlink()
            await peer.arena.remove(ino)
            sys.stdout.write(f"{READY}\n")
            sys.stdout.flush()
            await trio.sleep_forever()


if __name__ == "__main__":
    trio.run(main, Path(sys.argv[1]))
