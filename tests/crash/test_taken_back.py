"""A power failure takes a rename back that was committed: its fsync had failed (`publish.take_out`)."""

import os
from pathlib import Path

from tests.crash.consistency import Told
from tests.crash.scenario import OLD
from tests.crash.world import World


async def test_a_file_that_is_back_in_the_root_is_real_again(tmp_path: Path) -> None:
    world = World(tmp_path / "w")
    with world.open():
        told = Told(world, frozenset())
        async with world.stepping():
            world.write("d/f", OLD)
            await world.index()
            await world.work()
            entry = world.entry("d/f")
            assert entry is not None
            await world.peer_tells("d/f", entry.version)
            await world.work()
            assert world.cached("d/f") == OLD
    [blob] = world.blob_files()
    os.chmod(blob, 0o644)
    os.rename(blob, world.root / "d/f")  # as the disk has it

    with world.open():
        async with world.stepping():
            await world.index()
            told.look()
            after = world.entry("d/f")
            assert after is not None
            assert after.version == entry.version
            assert world.native("d/f") == OLD
            assert world.cached("d/f") is None
            assert not list(told.problems())
            await world.work()  # leaves again, to the trash where the cache is believed to have it
            assert OLD in (world.cached("d/f"), *world.trash())
