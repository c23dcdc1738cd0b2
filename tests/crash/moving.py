"""Scenarios in which content moves between the cache, the arena root and the trash."""

import os
from dataclasses import replace

from realizefs.core.merge import changed, deleted
from realizefs.model.marks import Mark
from realizefs.model.versions import Dot, Held, Kind, Version, join_vectors, vector_of
from tests.crash.scenario import EDIT, EMPTY, LARGE, NEW, OLD, Scenario
from tests.crash.world import ME, MTIME_NS, PEER, World, file_version

_BOTH = vector_of({ME: 9, PEER: 2})
"""The peer's change of what was first made here."""


async def work(world: World) -> None:
    await world.work()


async def _peer_has_new(world: World) -> None:
    await world.peer_has("d/f", NEW)


async def _peer_has_empty(world: World) -> None:
    await world.peer_has("d/f", EMPTY)


async def _peer_has_large(world: World) -> None:
    await world.peer_has("d/f", LARGE)


async def _cached(world: World) -> None:
    """The peer's file is in the cache, complete."""
    await world.peer_has("d/f", NEW)
    await world.set_mark("d", Mark.KEEP)
    await world.work()


async def _cached_and_to_be_real(world: World) -> None:
    await _cached(world)
    await world.set_mark("d", Mark.OWN)


async def _real(world: World, content: bytes = OLD) -> None:
    """A user's file, indexed; nobody else has it."""
    world.write("d/f", content)
    await world.index()
    await world.work()


async def _outdated(world: World, content: bytes = NEW) -> None:
    """The peer has changed what is real here."""
    await _real(world)
    await world.peer_tells("d/f", file_version(content, 2, vector=_BOTH))


async def _outdated_by_empty(world: World) -> None:
    await _outdated(world, EMPTY)


async def _owned_by_peer(world: World) -> None:
    """The peer has the very version that is real here."""
    await _real(world)
    entry = world.entry("d/f")
    assert entry is not None
    await world.peer_tells("d/f", entry.version)


async def _owned_by_peer_empty(world: World) -> None:
    await _real(world, EMPTY)
    entry = world.entry("d/f")
    assert entry is not None
    await world.peer_tells("d/f", entry.version)


async def _deleted(world: World) -> None:
    """The peer has deleted what is real here."""
    await _real(world)
    await _tombstone(world, "d/f")


async def _tombstone(world: World, path: str) -> None:
    entry = world.entry(path)
    assert entry is not None
    await world.peer_tells(path, deleted(entry.version, Dot(PEER, 0), MTIME_NS), Held.NONE)


async def _link_deleted(world: World) -> None:
    os.symlink("somewhere", world.root / "d")
    await world.index()
    await world.work()
    await _tombstone(world, "d")


async def _directory_deleted(world: World) -> None:
    (world.root / "d").mkdir()
    await world.index()
    await world.work()
    await _tombstone(world, "d")


async def _metadata_changed(world: World) -> None:
    await _real(world)
    entry = world.entry("d/f")
    assert entry is not None
    edited = replace(entry.version, mode=0o600, mtime_ns=MTIME_NS - 5)
    await world.peer_tells("d/f", changed(edited, Dot(PEER, 0), entry.version))


async def _directory_mode_changed(world: World) -> None:
    (world.root / "d").mkdir()
    await world.index()
    await world.work()
    entry = world.entry("d")
    assert entry is not None
    await world.peer_tells(
        "d", changed(replace(entry.version, mode=0o711), Dot(PEER, 0), entry.version)
    )


def _link(target: bytes, counter: int = 1) -> Version:
    return Version(
        Kind.SYMLINK,
        size=len(target),
        mtime_ns=MTIME_NS,
        mode=0o777,
        target=target,
        vector=vector_of({PEER: counter}),
        author=PEER,
    )


async def _peer_has_link(world: World) -> None:
    await world.peer_tells("d/l", _link(b"somewhere"))


async def _link_outdated(world: World) -> None:
    os.symlink("somewhere", world.root / "l")
    os.utime(world.root / "l", ns=(MTIME_NS, MTIME_NS), follow_symlinks=False)
    await world.index()
    await world.work()
    entry = world.entry("l")
    assert entry is not None
    vector = join_vectors(entry.version.vector, vector_of({PEER: 2}))
    await world.peer_tells("l", replace(_link(b"elsewhere"), vector=vector))


async def _peer_has_directories(world: World) -> None:
    directory = Version(
        Kind.DIRECTORY, mode=0o755, mtime_ns=MTIME_NS, vector=vector_of({PEER: 1}), author=PEER
    )
    await world.peer_tells("d", directory)
    await world.peer_tells("d/e", replace(directory, mode=0o750))
    await world.set_mark("d/e", Mark.OWN)


async def _make_real(world: World) -> None:
    await world.arena.make_real(world.ino("d/f"), False)


async def _make_real_empty(world: World) -> None:
    await world.arena.make_real(world.ino("d/f"), True)


def _another_file(world: World) -> None:
    """A program saves by renaming its new file over the old one."""
    world.write("d/g", EDIT)
    os.rename(world.root / "d/g", world.root / "d/f")


def _another_new_file(world: World) -> None:
    world.write("d/f", EDIT)


def _a_directory(world: World) -> None:
    """A program puts a directory where the file was."""
    (world.root / "d/f").unlink()
    (world.root / "d/f").mkdir()
    world.write("d/f/g", EDIT)


def _a_symlink(world: World) -> None:
    world.write("d/g", EDIT)
    (world.root / "d/f").unlink()
    (world.root / "d/f").symlink_to("g")


def _a_file_for_the_link(world: World) -> None:
    """A program saves a file where a symlink was."""
    world.write("g", EDIT)
    os.rename(world.root / "g", world.root / "l")


MOVING: dict[str, Scenario] = {
    "realize a new file": Scenario(_peer_has_new, work, mark=Mark.OWN),
    "realize a file of several blocks": Scenario(_peer_has_large, work, mark=Mark.OWN),
    "realize an empty file": Scenario(_peer_has_empty, work, mark=Mark.OWN),
    "realize what is cached": Scenario(_cached_and_to_be_real, work, (NEW,)),
    "realize over an outdated file": Scenario(_outdated, work, (OLD,), mark=Mark.OWN),
    "realize an empty file over an outdated one": Scenario(
        _outdated_by_empty, work, (OLD,), mark=Mark.OWN
    ),
    "realize a symlink": Scenario(_peer_has_link, work, mark=Mark.OWN),
    "realize a symlink over another": Scenario(_link_outdated, work, mark=Mark.OWN),
    "realize directories": Scenario(_peer_has_directories, work),
    "realize permissions and mtime": Scenario(_metadata_changed, work, (OLD,), mark=Mark.OWN),
    "realize the mode of a directory": Scenario(_directory_mode_changed, work),
    "realize while a program saves over it": Scenario(
        _outdated,
        work,
        (OLD,),
        mark=Mark.OWN,
        meddle=("store.publish._replace:renameat2#1", _another_file),
        kept_after_meddling=(EDIT,),
    ),
    "realize a symlink while a file takes its place": Scenario(
        _link_outdated,
        work,
        mark=Mark.OWN,
        meddle=("store.publish._replace:renameat2#1", _a_file_for_the_link),
        kept_after_meddling=(EDIT,),
    ),
    "realize permissions and mtime while a program saves over it": Scenario(
        _metadata_changed,
        work,
        (OLD,),
        mark=Mark.OWN,
        meddle=("store.in_root.stamp:fchmod#1", _another_file),
        kept_after_meddling=(EDIT,),
    ),
    "realize while a directory takes its place": Scenario(
        _outdated,
        work,
        (OLD,),
        mark=Mark.OWN,
        meddle=("store.publish._replace:renameat2#1", _a_directory),
        kept_after_meddling=(EDIT,),
    ),
    "realize while a program makes a file there": Scenario(
        _peer_has_new,
        work,
        mark=Mark.OWN,
        meddle=("store.publish.put_in:renameat2#1", _another_new_file),
        kept_after_meddling=(EDIT,),
    ),
    "unrealize to the cache": Scenario(_owned_by_peer, work, (OLD,)),
    "unrealize an empty file": Scenario(_owned_by_peer_empty, work),
    # Its owner has promised to keep it.
    "unrealize what is larger than the cache": Scenario(
        _owned_by_peer, work, cache_bytes=8192, may_trash=True
    ),
    "unrealize what is to be kept and is larger than the cache": Scenario(
        _owned_by_peer, work, (OLD,), mark=Mark.KEEP, cache_bytes=8192
    ),
    "unrealize an outdated file": Scenario(_outdated, work, (OLD,)),
    "unrealize a deleted file": Scenario(_deleted, work, (OLD,), frozenset({"d/f"})),
    "unrealize a deleted symlink": Scenario(_link_deleted, work, (), frozenset({"d"})),
    "unrealize a deleted directory": Scenario(_directory_deleted, work, (), frozenset({"d"})),
    "unrealize while a program saves over it": Scenario(
        _owned_by_peer,
        work,
        (OLD,),
        meddle=("store.publish.take_out:renameat2#1", _another_file),
        kept_after_meddling=(EDIT,),
    ),
    "unrealize while a symlink takes its place": Scenario(
        _owned_by_peer,
        work,
        (OLD,),
        meddle=("store.publish.take_out:renameat2#1", _a_symlink),
        kept_after_meddling=(EDIT,),
    ),
    "unrealize while a directory takes its place": Scenario(
        _owned_by_peer,
        work,
        (OLD,),
        meddle=("store.publish.take_out:renameat2#1", _a_directory),
        kept_after_meddling=(EDIT,),
    ),
    "make real for writing": Scenario(_cached, _make_real, (NEW,)),
    "make real for writing, not cached": Scenario(_peer_has_new, _make_real),
    "make real for truncating": Scenario(_peer_has_new, _make_real_empty),
}
