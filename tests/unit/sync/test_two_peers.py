"""Two peers in one process, over TLS on loopback: index, bytes, marks, conflicts."""

import os
from pathlib import Path

import pytest

from realizefs.model.errors import Unreachable
from realizefs.model.limits import KIB, MIB
from realizefs.model.marks import Mark
from tests.fakes.peer import Peer, introduce, introduce_to, running_peer, until, write
from tests.fakes.two_peers import at_rest, owner_and_watcher, two_owners


async def test_a_file_of_one_peer_is_listed_and_read_at_the_other(tmp_path: Path) -> None:
    write(tmp_path / "a/root", "photos/one.jpg", b"one" * 1000)
    (tmp_path / "a/root/empty").mkdir()
    (tmp_path / "a/root/link").symlink_to("photos/one.jpg")
    async with running_peer(tmp_path / "a", "a") as a, running_peer(tmp_path / "b", "b") as b:
        await introduce(a, b)
        await until(lambda: b.paths() == {"photos", "photos/one.jpg", "empty", "link"})
        assert b.status("photos/one.jpg") == "remote"
        assert await b.read("photos/one.jpg") == b"one" * 1000
        await until(lambda: b.status("photos/one.jpg") == "cached")
        await until(lambda: a.arena.describe(a.arena.resolve(b"photos/one.jpg")).holders)
        assert not list(b.root.glob("[!.]*"))


async def test_a_middle_read_of_a_big_file_fetches_little(tmp_path: Path) -> None:
    content = os.urandom(8 * MIB)
    write(tmp_path / "a/root", "big", content)
    async with running_peer(tmp_path / "a", "a") as a, running_peer(tmp_path / "b", "b") as b:
        await introduce_to(a, b)
        await until(lambda: b.entry("big"))
        before = b.household.counters.bytes_in
        assert await b.read("big", 4 * MIB + 5, 4 * KIB) == content[4 * MIB + 5 :][: 4 * KIB]
        assert b.household.counters.bytes_in - before < 256 * KIB
        assert b.status("big").startswith("partial")
        assert await b.read("big") == content


async def test_edits_deletes_and_new_files_travel_both_ways(tmp_path: Path) -> None:
    write(tmp_path / "a/root", "f", b"first")
    async with two_owners(tmp_path) as (a, b):
        await until((b.root / "f").exists)
        write(b.root, "f", b"second, from b")
        await until(lambda: (a.root / "f").read_bytes() == b"second, from b")
        write(a.root, "d/new", b"new")
        await until((b.root / "d/new").exists)
        (b.root / "f").unlink()
        await until(lambda: not (a.root / "f").exists())
        trashed = (a.root / ".realize/trash").glob("*/f")
        assert {one.read_bytes() for one in trashed} == {b"first", b"second, from b"}


async def test_marks_bring_files_here_and_send_them_back(tmp_path: Path) -> None:
    for number in range(20):
        write(tmp_path / "a/root", f"sub/{number}", b"%d" % number * 5000)
    os.utime(tmp_path / "a/root/sub/7", ns=(1, 1234567890123456789))
    async with owner_and_watcher(tmp_path) as (a, b):
        names = [f"sub/{number}" for number in range(20)]
        await until(lambda: b.entry("sub/19"))
        await b.mark("sub", Mark.KEEP)
        await until(lambda: all(b.status(name) == "cached" for name in names))
        await b.mark("sub", Mark.OWN)
        await until(lambda: all(b.status(name) == "real" for name in names))
        assert (b.root / "sub/7").stat().st_mtime_ns == 1234567890123456789
        assert (b.root / "sub/7").read_bytes() == b"7" * 5000
        await b.mark("sub", None)
        await until(lambda: all(b.status(name) == "cached" for name in names))
        assert not [one for one in (b.root / "sub").iterdir() if one.is_file()]
        assert (a.root / "sub/7").read_bytes() == b"7" * 5000


async def test_a_file_made_by_who_watches_goes_to_the_owner_and_is_cached_here(
    tmp_path: Path,
) -> None:
    """At each moment one of them has it as a plain file."""
    owned: list[bool] = []
    async with owner_and_watcher(tmp_path) as (a, b):
        write(b.root, "d/f", b"new" * 5000)

        def is_cached() -> bool:
            owned.append(any((one.root / "d/f").exists() for one in (a, b)))
            return b.status("d/f") == "cached"

        await until(is_cached)
        assert all(owned)
        assert a.status("d/f") == "real"
        assert (a.root / "d/f").read_bytes() == await b.read("d/f") == b"new" * 5000


async def test_what_all_owners_have_lost_is_kept_by_who_has_it_cached(tmp_path: Path) -> None:
    """It is the last copy, which no other content pushes out of the cache; what nobody has stays
    listed."""
    contents = {f"{number}": os.urandom(MIB) for number in range(6)}
    async with running_peer(tmp_path / "b", "b", cache_max=3 * MIB) as b:
        async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
            for name, content in {"cached": b"c" * MIB, "nowhere": b"n" * MIB}.items():
                write(a.root, name, content)
            await introduce(a, b)
            await until(lambda: b.status("nowhere") == "remote")
            assert await b.read("cached") == b"c" * MIB
            await until(lambda: is_stored(b, "cached"))  # and not just on its way there
            lost = a.identity.peer
        await b.household.roster.remove(lost)
        await until(lambda: b.status("nowhere") == "unavailable")
        async with running_peer(tmp_path / "c", "c", mark=Mark.OWN) as c:
            for name, content in contents.items():
                write(c.root, name, content)
            await introduce(b, c)
            for name, content in contents.items():
                await until(lambda name=name: b.entry(name))  # type: ignore[misc]
                assert await b.read(name) == content
            # As soon as c says that it owns it, it may go.
            assert b.status("cached") == "cached" or c.status("cached") == "real"
            await until(lambda: c.status("cached") == "real")
            assert (c.root / "cached").read_bytes() == b"c" * MIB
            assert c.status("nowhere") == b.status("nowhere") == "unavailable"


def is_stored(peer: Peer, path: str) -> bool:
    """Whether the cache says that it has the whole content."""
    entry = peer.entry(path)
    with peer.store.env.read() as txn:
        row = peer.store.blobs.find(txn, entry.ino) if entry is not None else None
    return row is not None and row.verified


async def test_the_last_owner_keeps_its_files(tmp_path: Path) -> None:
    write(tmp_path / "a/root", "only", b"only here")
    async with running_peer(tmp_path / "a", "a") as a, running_peer(tmp_path / "b", "b") as b:
        await introduce(a, b)
        await until(lambda: b.entry("only"))
        await a.mark("only", Mark.KEEP)
        await a.mark("only", Mark.WATCH)
        await until(lambda: not a.arena.status()["pending"])
        assert (a.root / "only").read_bytes() == b"only here"


async def test_concurrent_edits_leave_two_files_at_both(tmp_path: Path) -> None:
    write(tmp_path / "a/root", "f", b"common")
    async with two_owners(tmp_path) as (a, b):
        await until((b.root / "f").exists)
    write(tmp_path / "a/root", "f", b"edited by a")
    write(tmp_path / "b/root", "f", b"edited by b, later")
    os.utime(tmp_path / "b/root/f", ns=(0, 4_000_000_000 * 10**9))
    async with two_owners(tmp_path) as (a, b):
        await until(lambda: (a.root / "f").read_bytes() == b"edited by b, later")
        await until(lambda: len(_contents(a.root)) == 2)
        await until(lambda: _contents(a.root) == _contents(b.root))
        assert b"edited by a" in _contents(b.root).values()


async def test_changes_made_while_the_other_is_away_arrive_later(tmp_path: Path) -> None:
    write(tmp_path / "a/root", "stays", b"1")
    write(tmp_path / "a/root", "goes", b"2")
    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
        async with running_peer(tmp_path / "b", "b", mark=Mark.OWN) as b:
            await introduce(a, b)
            await until(lambda: (b.root / "goes").exists() and (b.root / "stays").exists())
        (a.root / "goes").unlink()
        write(a.root, "stays", b"changed")
        await until(lambda: a.entry("goes") is None)
    write(tmp_path / "b/root", "fresh", b"made while a was away")
    async with two_owners(tmp_path) as (a, b):
        await until(lambda: not (b.root / "goes").exists())
        await until(lambda: (b.root / "stays").read_bytes() == b"changed")
        await until((a.root / "fresh").exists)


async def test_an_uncached_read_fails_at_once_when_the_owner_is_away(tmp_path: Path) -> None:
    write(tmp_path / "a/root", "here", b"x" * 300_000)
    write(tmp_path / "a/root", "there", b"y" * 300_000)
    async with running_peer(tmp_path / "b", "b") as b:
        async with running_peer(tmp_path / "a", "a") as a:
            await introduce(a, b)
            await until(lambda: b.entry("here") and b.entry("there"))
            assert await b.read("here") == b"x" * 300_000
        await until(lambda: not any(peer.connected for peer in b.household.peers()))
        assert await b.read("here") == b"x" * 300_000
        with pytest.raises(Unreachable):
            await b.read("there")


async def test_the_cache_limit_holds_and_evicted_files_are_fetched_again(tmp_path: Path) -> None:
    contents = {f"f{number}": os.urandom(MIB) for number in range(12)}
    for name, content in contents.items():
        write(tmp_path / "a/root", name, content)
    async with owner_and_watcher(tmp_path, cache_max=4 * MIB) as (_, b):
        await until(lambda: len(b.paths()) == 12)
        for name, content in [*contents.items(), *contents.items()]:
            assert await b.read(name) == content
            assert b.store.blobs.usage() <= 4 * MIB


async def test_a_file_that_becomes_a_directory_at_one_peer_does_so_at_the_other(
    tmp_path: Path,
) -> None:
    write(tmp_path / "a/root", "x", b"a file")
    async with two_owners(tmp_path) as (a, b):
        await until((b.root / "x").is_file)
        (a.root / "x").unlink()
        write(a.root, "x/inside", b"now a directory")
        await until(lambda: (b.root / "x/inside").read_bytes() == b"now a directory")
        await until(lambda: at_rest(a, b))  # who replaces what isn't noted yet hasn't seen it
        (b.root / "x/inside").unlink()
        (b.root / "x").rmdir()
        write(b.root, "x", b"a file again")
        await until((a.root / "x").is_file)
        assert (a.root / "x").read_bytes() == b"a file again"


async def test_marks_are_obeyed_for_files_larger_than_the_cache(tmp_path: Path) -> None:
    kept, owned = os.urandom(3 * MIB), os.urandom(5 * MIB)
    write(tmp_path / "a/root", "kept", kept)
    write(tmp_path / "a/root", "owned", owned)
    async with owner_and_watcher(tmp_path, cache_max=2 * MIB) as (_, b):
        await until(lambda: b.entry("kept") and b.entry("owned"))
        await b.mark("kept", Mark.KEEP)
        await b.mark("owned", Mark.OWN)
        await until(lambda: b.status("kept") == "cached" and b.status("owned") == "real")
        assert (b.root / "owned").read_bytes() == owned
        assert await b.read("kept") == kept


def _contents(root: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in root.iterdir() if one.is_file()}
