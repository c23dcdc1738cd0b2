"""A machine that came back from a backup: what it has lost comes back, what it made since stays."""

import shutil
from pathlib import Path

from realizefs.model.marks import Mark
from tests.fakes.peer import Peer, introduce, replace, running_peer, until, write


def contents(peer: Peer) -> set[bytes]:
    return {
        one.read_bytes()
        for one in peer.root.iterdir()
        if one.is_file() and one.parent.name != ".realize"
    }


async def settled(*peers: Peer) -> None:
    for peer in peers:
        await until(lambda peer=peer: not peer.arena.status()["pending"])  # type: ignore[misc]


async def test_an_edit_since_the_backup_and_one_that_was_lost_both_live(tmp_path: Path) -> None:
    """Both are counted alike, by the same machine: its second change of that file."""
    async with running_peer(tmp_path / "b", "b", mark=Mark.OWN) as b:
        async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
            await introduce(a, b)
            write(a.root, "doc", b"first")
            write(a.root, "other", b"other")
            await until(lambda: contents(b) == {b"first", b"other"})
            await settled(a, b)
        shutil.copytree(tmp_path / "a", tmp_path / "backup", symlinks=True)
        async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
            replace(a.root, "doc", b"lost later")
            write(a.root, "new", b"lost too")
            await until(lambda: contents(b) == {b"lost later", b"other", b"lost too"})
    shutil.rmtree(tmp_path / "a")
    (tmp_path / "backup").rename(tmp_path / "a")
    everything = {b"lost later", b"lost too", b"other", b"made since", b"an edit since"}
    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
        replace(a.root, "doc", b"an edit since")
        write(a.root, "since", b"made since")
        await until(lambda: a.paths() == {"doc", "other", "since"})
        await settled(a)
        async with running_peer(tmp_path / "b", "b", mark=Mark.OWN) as b:
            await introduce(a, b)  # with the addresses that they have now
            await until(lambda: contents(a) == contents(b) == everything)
            assert a.paths() == b.paths()
            assert {"doc", "new", "other", "since"} < a.paths()


async def test_who_has_changed_nothing_since_is_brought_up_to_date(tmp_path: Path) -> None:
    async with running_peer(tmp_path / "b", "b", mark=Mark.OWN) as b:
        async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
            await introduce(a, b)
            write(a.root, "doc", b"first")
            await until(lambda: contents(b) == {b"first"})
            await settled(a, b)
        shutil.copytree(tmp_path / "a", tmp_path / "backup", symlinks=True)
        async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
            replace(a.root, "doc", b"lost later")
            await until(lambda: contents(b) == {b"lost later"})
        shutil.rmtree(tmp_path / "a")
        (tmp_path / "backup").rename(tmp_path / "a")
        async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
            await until(lambda: contents(a) == {b"lost later"})
            write(a.root, "since", b"since")
            await until(lambda: contents(b) == {b"lost later", b"since"})
            assert a.paths() == b.paths() == {"doc", "since"}
