"""What becomes of a row that a peer tells."""

from dataclasses import replace
from pathlib import Path

import pytest

from realizefs.core.merge import changed
from realizefs.model.ids import AuthorId, PeerId
from realizefs.model.marks import Mark
from realizefs.model.messages import Row
from realizefs.model.versions import Dot, Held, Version, bump
from realizefs.store.hashing import hash_bytes
from realizefs.sync.apply import apply_row
from realizefs.sync.batch import Batch
from tests.fakes.peer import Peer, running_peer, until, write

OTHER = PeerId(77)


async def tell(peer: Peer, path: str, version: Version) -> None:
    def apply(batch: Batch) -> None:
        row = Row(path.encode(), version, Held.NONE)
        apply_row(batch, row, OTHER, peer.arena.context.renames)

    await peer.arena.context.commit(apply)


@pytest.mark.parametrize("is_held", [True, False])
async def test_what_is_held_is_told_to_who_tells_a_new_version_of_it(
    tmp_path: Path, is_held: bool
) -> None:
    """He may have renamed what had the name there, and with it all that he knew of who holds what:
    this one has it again, and he looks for it."""
    write(tmp_path / "a/root", "f", b"content")
    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
        await until(lambda: a.entry("f"))
        entry = a.entry("f")
        assert entry is not None
        seen = bump(entry.version.vector, Dot(AuthorId(OTHER), 5))
        path = "f" if is_held else "g"
        await tell(a, path, replace(entry.version, vector=entry.version.vector))
        await tell(a, path, replace(entry.version, vector=seen))
        told = a.entry(path)
        assert told is not None
        assert told.version.vector == seen
        assert told.origin == (PeerId(0) if is_held else OTHER)


async def test_a_write_that_has_not_seen_what_was_touched_meanwhile_keeps_both(
    tmp_path: Path,
) -> None:
    """A program has the file open; a peer's version comes, another program changes its permissions,
    and then the first one writes. Both changes are ours, and only one has seen the peer's content."""
    write(tmp_path / "a/root", "f", b"first")
    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
        await until(lambda: a.entry("f"))
        entry = a.entry("f")
        assert entry is not None
        theirs = changed(
            replace(entry.version, hash=hash_bytes(b"theirs"), size=6), Dot(OTHER, 1), entry.version
        )

        def touch(batch: Batch) -> None:
            now = batch.store.tree.entry(batch.txn, entry.ino)
            assert now is not None
            touched = replace(now.version, mode=0o600)
            version = changed(touched, batch.dot, now.version)
            batch.put(entry.ino, now.parent, now.name, version)

        await tell(a, "f", theirs)
        await a.arena.context.commit(touch)
        write(a.root, "f", b"written meanwhile")
        await until(lambda: a.entry("f").version.hash == hash_bytes(b"written meanwhile"))  # type: ignore[union-attr]
        copies = [path for path in a.paths() if path.startswith("f (conflict a ")]
        assert len(copies) == 1
        kept = a.entry(copies[0])
        assert kept is not None
        assert kept.version.hash == hash_bytes(b"theirs")
