"""Scenarios in the cache, in the trash, and in the index."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import trio

from realizefs.core.merge import changed
from realizefs.model.limits import TRASH_SECONDS_DEFAULT
from realizefs.model.marks import Mark
from realizefs.model.versions import Dot, Held, vector_of
from realizefs.sync.trash import Trash
from tests.crash.moving import _cached, _outdated, _real, _tombstone, work
from tests.crash.scenario import EDIT, LARGE, NEW, OLD, Scenario
from tests.crash.world import ME, PEER, World, file_version


async def _large(world: World) -> None:
    await world.peer_has("d/f", LARGE)


async def _read_and_flush(world: World) -> None:
    entry = world.entry("d/f")
    assert entry is not None
    for start in range(0, len(LARGE), 70_000):
        part = await world.arena.read(entry.ino, entry.version, start, 70_000)
        assert part == LARGE[start : start + 70_000]
        while world.arena.fetcher._pieces:  # noqa: ASYNC110 - what was read is still being stored
            await trio.sleep(0.001)
        await trio.to_thread.run_sync(world.store.blobs.flush)


async def _two_cached(world: World) -> None:
    await world.peer_has("d/f", NEW)
    await world.peer_has("d/g", LARGE)
    await world.set_mark("d", Mark.KEEP)
    await world.work()
    await world.set_mark("d", Mark.WATCH)
    await world.work()
    await trio.to_thread.run_sync(world.store.blobs.flush)


async def _evict(world: World) -> None:
    blobs, fetcher = world.store.blobs, world.arena.fetcher
    await trio.to_thread.run_sync(blobs.evict, 1 << 30, fetcher._shelf._may_drop)


async def _evict_a_part(world: World) -> None:
    blobs, fetcher = world.store.blobs, world.arena.fetcher
    await trio.to_thread.run_sync(blobs.evict, 100_000, fetcher._shelf._may_drop)
    await trio.to_thread.run_sync(blobs.flush)


async def _large_cached(world: World) -> None:
    await world.peer_has("d/g", LARGE)
    await world.set_mark("d", Mark.KEEP)
    await world.work()
    await world.set_mark("d", Mark.WATCH)
    await world.work()


async def _evict_while_open(world: World) -> None:
    entry = world.entry("d/g")
    assert entry is not None
    blob = world.store.blobs.open_existing(entry.ino, entry.version.hash)
    try:
        await _evict(world)
    finally:
        if blob is not None:
            blob.close()
    await trio.to_thread.run_sync(world.store.blobs.flush)


async def _drop(world: World) -> None:
    await trio.to_thread.run_sync(world.store.blobs.drop, world.ino("d/f"))


async def _cache_outdated(world: World) -> None:
    await _cached(world)
    await world.peer_has("d/f", LARGE, 2)


async def _old_trash(world: World) -> None:
    await _outdated(world)
    await world.work()
    today = datetime.fromtimestamp(world.clock.wall_ns() / 1e9, UTC)
    for days in (31, 32):
        day = world.state / "trash" / (today - timedelta(days=days)).strftime("%Y-%m-%d")
        day.mkdir()
        (day / "120000.000000-f").write_bytes(EDIT)
        (day / "120001.000000-f").write_bytes(EDIT)


async def _purge(world: World) -> None:
    await trio.to_thread.run_sync(Trash(world.store.root, world.clock).purge, TRASH_SECONDS_DEFAULT)


async def _peer_renames(world: World) -> None:
    """A peer without the bytes renames what is real here: the new name, then the tombstone."""
    entry = world.entry("d/f")
    assert entry is not None
    if not entry.version.deleted:
        moved = changed(entry.version, Dot(PEER, 0), entry.version)
        await world.peer_tells("d/e/g", moved, Held.NONE)
        await _tombstone(world, "d/f")


async def _peer_renames_and_work(world: World) -> None:
    await _peer_renames(world)
    await world.work()


async def _edited_by_both(world: World) -> None:
    """The user has edited what the peer has changed meanwhile."""
    await _real(world)
    version = file_version(NEW, 2, vector=vector_of({ME: 9, PEER: 2}), mtime_ns=2**62)
    await world.peer_tells("d/f", version)
    world.write("d/f", EDIT)


async def _index(world: World) -> None:
    await world.index()


async def _user_edits_indexed(world: World) -> None:
    await _real(world)
    world.write("d/f", EDIT)
    await world.index()
    await world.work()


async def _peer_edits_too(world: World) -> None:
    """A concurrent version comes, and wins."""
    version = replace(file_version(NEW, 1), mtime_ns=2**62)
    await world.peer_tells("d/f", version)
    await world.index()


async def _new_files(world: World) -> None:
    world.write("d/e/f", OLD)
    world.write("d/g", EDIT)
    os.symlink("g", world.root / "d/l")


async def _mark_file(world: World) -> None:
    await world.set_mark("d/f", Mark.KEEP)


CACHING: dict[str, Scenario] = {
    "read on demand and flush": Scenario(_large, _read_and_flush),
    "update the cache": Scenario(_cache_outdated, work),
    "evict all": Scenario(_two_cached, _evict),
    "evict a part": Scenario(_large_cached, _evict_a_part, cache_bytes=400_000),
    "evict a file that is open": Scenario(_two_cached, _evict_while_open),
    "drop": Scenario(_two_cached, _drop),
    "purge the trash": Scenario(_old_trash, _purge, (OLD,)),
    "follow a rename": Scenario(
        _real, _peer_renames_and_work, (OLD,), frozenset({"d/f"}), mark=Mark.OWN, may_trash=True
    ),
    "index new files": Scenario(_new_files, _index, (OLD, EDIT)),
    "index a conflicting edit": Scenario(_edited_by_both, _index, (EDIT,), counts_up=True),
    "apply a conflicting edit": Scenario(_user_edits_indexed, _peer_edits_too, (EDIT,)),
    "mark a real file": Scenario(_real, _mark_file, (OLD,)),
}
