"""Tombstones that everybody has are forgotten, and nothing comes back for it."""

from pathlib import Path

import pytest
import trio

from realizefs.model.ids import AuthorId
from realizefs.model.marks import Mark
from realizefs.store import graves
from realizefs.store.repair_tree import TreeRepair
from realizefs.sync import told_seen
from tests.fakes.peer import ARENA, Peer, introduce, running_peer, until, write


@pytest.fixture(autouse=True)
def _told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(told_seen, "SEEN_SECONDS", 0.02)


def tombstones(peer: Peer) -> set[str]:
    found: set[str] = set()
    with peer.store.env.read() as txn:
        inodes, _ = graves.page(txn, b"", 100_000)
        for ino in inodes:
            found.add((peer.store.tree.path(txn, ino) or b"?").decode())
    return found


async def forget(*peers: Peer) -> None:
    """Rounds until none of them remembers anything."""

    async def go_over() -> None:
        while any(tombstones(one) for one in peers):
            for one in peers:
                await one.arena.forgetting.go_over()
            await trio.sleep(0.02)

    with trio.fail_after(60):
        await go_over()


async def test_what_everybody_has_heard_of_is_forgotten(tmp_path: Path) -> None:
    async with (
        running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a,
        running_peer(tmp_path / "b", "b", mark=Mark.OWN) as b,
        running_peer(tmp_path / "c", "c") as c,
    ):
        files = ("d/e/f", "d/g", "h")
        for path in files:
            write(a.root, path, b"x" * 100)
        await introduce(a, b, c)
        await until(lambda: all(b.status(path) == "real" for path in files))
        await until(lambda: not b.arena.status()["pending"])  # folders, too, are known to be here
        await until(lambda: a.paths() == b.paths() == c.paths())
        (b.root / "d/e/f").unlink()
        (b.root / "d/e").rmdir()
        (b.root / "d/g").unlink()
        (b.root / "d").rmdir()
        await until(lambda: a.paths() == b.paths() == c.paths() == {"h"})
        assert tombstones(c) == {"d", "d/e", "d/e/f", "d/g"}
        await forget(a, b, c)
        assert a.paths() == b.paths() == c.paths() == {"h"}
        with c.store.env.read() as txn:
            history = c.store.tree.history(txn, 0, 1000)  # type: ignore[arg-type]
            assert len(history) == 1
        write(c.root, "d/g", b"x" * 100)  # what was deleted, content and all, may be made again
        await until(lambda: b.status("d/g") == "real" and a.status("d/g") == "real")


async def test_what_is_made_anew_before_all_have_forgotten_it_lives(tmp_path: Path) -> None:
    """Though those who still remember know that this very content was deleted."""
    async with (
        running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a,
        running_peer(tmp_path / "b", "b", mark=Mark.OWN) as b,
        running_peer(tmp_path / "c", "c", mark=Mark.OWN) as c,
    ):
        write(a.root, "d/f", b"x")
        await introduce(a, b, c)
        await until(lambda: b.status("d/f") == c.status("d/f") == "real")
        (b.root / "d/f").unlink()
        await until(lambda: not a.entry("d/f") and not c.entry("d/f"))
        await forget(a)
        assert tombstones(b) == tombstones(c) == {"d/f"}
        write(a.root, "d/f", b"x")
        await until(lambda: b.status("d/f") == c.status("d/f") == "real")
        assert a.status("d/f") == "real"
        assert a.paths() == b.paths() == c.paths() == {"d", "d/f"}


async def test_one_that_sleeps_is_waited_for(tmp_path: Path) -> None:
    async with (
        running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a,
        running_peer(tmp_path / "b", "b", mark=Mark.OWN) as b,
    ):
        write(a.root, "f", b"x")
        async with running_peer(tmp_path / "c", "c", mark=Mark.OWN) as c:
            await introduce(a, b, c)
            await until(lambda: b.status("f") == c.status("f") == "real")
        (a.root / "f").unlink()
        await until(lambda: not b.paths())
        for _ in range(5):
            await a.arena.forgetting.go_over()
            await b.arena.forgetting.go_over()
            await trio.sleep(0.1)
        assert tombstones(a) == tombstones(b) == {"f"}
        async with running_peer(tmp_path / "c", "c", mark=Mark.OWN) as c:
            await until(lambda: not c.paths())
            await forget(a, b, c)
        assert not (tmp_path / "c/root/f").exists()


async def test_who_was_removed_isnt_waited_for_and_brings_nothing_back(tmp_path: Path) -> None:
    """When he is invited again he hears what was deleted meanwhile."""
    async with (
        running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a,
        running_peer(tmp_path / "b", "b", mark=Mark.OWN) as b,
    ):
        for path in ("d/f", "d/g", "h"):
            write(a.root, path, b"x")
        async with running_peer(tmp_path / "c", "c", mark=Mark.OWN) as c:
            await introduce(a, b, c)
            await until(lambda: b.status("h") == c.status("h") == c.status("d/f") == "real")
            await until(lambda: c.arena.status()["pending"] == 0)
        for one in (a, b):
            await one.household.roster.remove(c.identity.peer)
        (a.root / "d/f").unlink()
        (a.root / "d/g").unlink()
        (a.root / "d").rmdir()
        await until(lambda: b.paths() == {"h"})
        await forget(a, b)
        async with running_peer(tmp_path / "c", "c", mark=Mark.OWN) as c:
            write(c.root, "new", b"made while it was away")
            for one in (a, b):
                await one.household.roster.admit(c.card, [ARENA])
            await until(lambda: a.paths() == b.paths() == c.paths() == {"h", "new"})
            await until(lambda: not (c.root / "d").exists())


async def test_a_machine_alone_forgets_at_once(tmp_path: Path) -> None:
    write(tmp_path / "a/root", "f", b"x")
    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
        await until(lambda: a.entry("f"))
        (a.root / "f").unlink()
        await until(lambda: tombstones(a) == {"f"})
        await forget(a)


async def test_what_is_alive_or_still_here_stays(tmp_path: Path) -> None:
    """A deletion that waits for somebody's approval has not been carried out."""
    async with (
        running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a,
        running_peer(tmp_path / "b", "b", mark=Mark.OWN) as b,
    ):
        for number in range(120):
            write(a.root, f"d/{number}", b"x")
        await introduce(a, b)
        await until(lambda: all(b.status(f"d/{number}") == "real" for number in range(120)))
        for number in range(120):
            (a.root / f"d/{number}").unlink()
        await until(lambda: b.arena.status()["held"])
        await until(lambda: len(tombstones(a)) == len(tombstones(b)) == 120)
        for _ in range(5):
            await a.arena.forgetting.go_over()
            await b.arena.forgetting.go_over()
            await trio.sleep(0.1)
        assert len(tombstones(a)) == len(tombstones(b)) == 120
        assert await b.arena.reject()
        await until(lambda: all(a.status(f"d/{number}") == "real" for number in range(120)))
        assert not tombstones(a)


async def test_after_a_repair_nothing_counts_as_seen_before_all_is_told_again(
    tmp_path: Path,
) -> None:
    """What it has forgotten would else pass for deleted, and be deleted everywhere."""
    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
        async with running_peer(tmp_path / "b", "b") as b:
            write(a.root, "f", b"x")
            write(a.root, "g", b"x")
            await introduce(a, b)
            await until(lambda: b.paths() == {"f", "g"} and claims(b))
            ino = b.arena.resolve(b"f")

            def lose() -> None:
                with b.store.env.write() as txn:
                    TreeRepair(b.store, b.identity.peer)._ask_again(txn)
                    b.store.forget(txn, ino)

            await trio.to_thread.run_sync(lose)
            write(a.root, "h", b"x")
            await until(lambda: "h" in b.paths())
            await trio.sleep(0.3)  # longer than it takes until what was seen is told again
            assert not claims(b)
        async with running_peer(tmp_path / "b", "b") as b:
            await until(lambda: b.paths() == {"f", "g", "h"})
        assert a.paths() == {"f", "g", "h"}


def claims(peer: Peer) -> dict[AuthorId, int]:
    with peer.store.env.read() as txn:
        return peer.store.contexts.seen(txn, peer.store.tree.author(peer.identity.peer))
