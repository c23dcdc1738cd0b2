"""Three peers: introductions, changes that travel through a peer in the middle, two holders."""

import os
from pathlib import Path

from realizefs.model.ids import PeerId
from realizefs.model.limits import MIB
from realizefs.model.marks import Mark
from tests.fakes.peer import Peer, introduce, running_peer, until, write


async def test_a_peer_invited_by_one_member_is_introduced_to_the_others(tmp_path: Path) -> None:
    write(tmp_path / "a/root", "f", b"of a")
    async with (
        running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a,
        running_peer(tmp_path / "b", "b") as b,
        running_peer(tmp_path / "c", "c") as c,
    ):
        await introduce(a, b)
        await until(lambda: b.entry("f"))
        await introduce(b, c)  # what an invitation of b's does
        await until(lambda: c.identity.peer in {one.peer for one in a.household.peers()})
        await until(lambda: all(one.connected for one in a.household.peers()))
        await until(lambda: c.entry("f") and c.status("f") == "remote")
        assert await c.read("f") == b"of a"


async def test_peers_tell_each_other_whom_they_are_connected_to(tmp_path: Path) -> None:
    def links(one: Peer) -> dict[str, tuple[str, ...] | None]:
        return {each.name: each.links for each in one.household.peers()}

    async with (
        running_peer(tmp_path / "a", "a") as a,
        running_peer(tmp_path / "b", "b") as b,
    ):
        async with running_peer(tmp_path / "c", "c") as c:
            await introduce(a, b, c)
            await until(lambda: links(a) == {"b": ("c",), "c": ("b",)})
            await until(lambda: links(c) == {"a": ("b",), "b": ("a",)})
        await until(lambda: links(a) == {"b": (), "c": None})
        stranger = PeerId(c.identity.peer ^ 1)
        a.household.introducing.heard(b.identity.peer, [stranger, a.identity.peer])
        assert links(a)["b"] == (), "nobody that isn't of the household, nor ourselves"
        a.household.introducing.heard(c.identity.peer, [b.identity.peer])
        assert links(a)["c"] is None, "who isn't connected says nothing"


async def test_a_change_travels_through_a_peer_that_stores_nothing(tmp_path: Path) -> None:
    write(tmp_path / "a/root", "d/f", b"first")
    async with running_peer(tmp_path / "b", "b") as b:
        async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
            await introduce(a, b)
            await until(lambda: b.entry("d/f"))
        async with running_peer(tmp_path / "c", "c") as c:
            await c.household.roster.add(b.card)
            await b.household.roster.add(c.card)
            await until(lambda: c.entry("d/f"))
            assert c.status("d/f") in ("remote", "unavailable")  # a is not even known to c
            (b.root / "d").mkdir(exist_ok=True)
            write(b.root, "d/of-b", b"new")
            await until(lambda: c.entry("d/of-b"))
            assert await c.read("d/of-b") == b"new"


async def test_the_reader_does_not_notice_that_one_of_two_holders_leaves(tmp_path: Path) -> None:
    content = os.urandom(6 * MIB)
    write(tmp_path / "a/root", "big", content)
    async with (
        running_peer(tmp_path / "b", "b", mark=Mark.OWN) as b,
        running_peer(tmp_path / "c", "c") as c,
    ):
        async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
            await introduce(a, b, c)
            await until((b.root / "big").exists)
            await until(lambda: c.entry("big"))
            await until(lambda: len(c.arena.describe(c.arena.resolve(b"big")).holders) == 2)
            assert await c.read("big", 0, MIB) == content[:MIB]
        assert await c.read("big") == content


async def test_three_owners_end_with_the_same_files_after_editing_apart(tmp_path: Path) -> None:
    names = ["a", "b", "c"]
    async with (
        running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a,
        running_peer(tmp_path / "b", "b", mark=Mark.OWN) as b,
        running_peer(tmp_path / "c", "c", mark=Mark.OWN) as c,
    ):
        await introduce(a, b, c)
        write(a.root, "shared", b"common")
        await until(lambda: all((one.root / "shared").exists() for one in (b, c)))
    for name in names:
        write(tmp_path / name / "root", "shared", f"edited by {name}".encode())
        write(tmp_path / name / "root", f"new-{name}", name.encode())
    async with (
        running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a,
        running_peer(tmp_path / "b", "b", mark=Mark.OWN) as b,
        running_peer(tmp_path / "c", "c", mark=Mark.OWN) as c,
    ):
        await introduce(a, b, c)
        roots = [a.root, b.root, c.root]
        await until(lambda: all(len(_contents(root)) == 6 for root in roots))
        await until(lambda: _contents(a.root) == _contents(b.root) == _contents(c.root))
        found = set(_contents(a.root).values())
        assert found >= {f"edited by {name}".encode() for name in names}


def _contents(root: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in root.iterdir() if one.is_file()}
