"""What was looked at before it was deleted, and is recorded after that."""

from pathlib import Path

from realizefs.model.marks import Mark
from realizefs.model.versions import Kind
from realizefs.sync.record import Found, record_found
from tests.fakes.peer import running_peer, until, write


async def test_a_file_seen_before_its_directory_was_removed_doesnt_bring_that_back(
    tmp_path: Path,
) -> None:
    """`rm -r` was undone: the file revived the directory, and `own` made it again."""
    for name in ("d/f", "stays"):
        write(tmp_path / "a/root", name, b"content")
    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as peer:
        await until(lambda: peer.paths() == {"d", "d/f", "stays"})
        seen = Found(b"d/new", Kind.FILE, peer.store.root.fingerprint(b"d/f"))
        (peer.root / "d/f").unlink()
        (peer.root / "d").rmdir()
        await until(lambda: peer.paths() == {"stays"})
        context = peer.arena.context
        made = await context.commit(
            lambda batch: record_found(batch, context.overlay, seen, context.clock.wall_ns())
        )
        assert made is None
        assert peer.paths() == {"stays"}
    assert not (tmp_path / "a/root/d").exists()


async def test_a_directory_seen_before_it_was_removed_is_not_recorded(tmp_path: Path) -> None:
    """It hadn't been indexed: what was seen of it was, after its removal, and what was in it
    revived it, so that `own` made it again."""
    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as peer:
        context, place = peer.arena.context, (peer.arena.root_ino, b"d")
        (peer.root / "d").mkdir()
        ino = context.overlay.ino_of(*place)
        seen = Found(b"d", Kind.DIRECTORY, peer.store.root.fingerprint(b"d"))
        (peer.root / "d").rmdir()
        await peer.arena.remove(ino)
        made = await context.commit(
            lambda batch: record_found(batch, context.overlay, seen, context.clock.wall_ns())
        )
        assert made is None
        assert peer.paths() == set()
