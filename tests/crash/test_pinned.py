"""What is about to become real stays in the cache until it is taken from there.

What is fetched to be real, or kept, is passed by anyway; what was cached before becomes real, too, when
it is opened for writing.
"""

from pathlib import Path

import trio

from realizefs.model.ids import Inode
from realizefs.model.marks import Mark
from realizefs.model.versions import Version
from realizefs.store.blob import Blob
from tests.crash.scenario import NEW
from tests.crash.world import World


async def test_an_eviction_between_fetch_and_realize_finds_nothing_to_drop(tmp_path: Path) -> None:
    """It took the blob away, and who had opened the file for writing was told that it is busy."""
    world = World(tmp_path / "w")
    with world.open():
        async with world.stepping():
            await world.peer_has("d/f", NEW)
            await world.set_mark("d", Mark.KEEP)
            await world.work()
            await world.set_mark("d", Mark.WATCH)
            await world.work()
            freed = await _evicting_after_complete(world)
            await world.arena.make_real(world.ino("d/f"), False)
            assert freed == [0]
            assert world.native("d/f") == NEW


async def _evicting_after_complete(world: World) -> list[int]:
    """From now on, everything that may go goes as soon as something is complete."""
    blobs, fetcher = world.store.blobs, world.arena.fetcher
    complete, freed = fetcher.complete, list[int]()

    async def then_evict(ino: Inode, version: Version) -> Blob:
        blob = await complete(ino, version)
        freed.append(await trio.to_thread.run_sync(blobs.evict, 1 << 30, lambda *_: True))
        return blob

    setattr(fetcher, "complete", then_evict)  # noqa: B010 - mypy
    return freed
