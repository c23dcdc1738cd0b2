"""A native file that has a content which was replaced knowingly: an older one of what there is."""

from pathlib import Path

import pytest

from realizefs.model.marks import Mark
from tests.fakes.peer import replace, until, write
from tests.fakes.two_peers import at_rest, owner_and_watcher, two_owners


@pytest.mark.parametrize("mark", [Mark.OWN, Mark.KEEP, Mark.WATCH])
async def test_an_older_content_that_appears_beside_the_newer_one_makes_way(
    tmp_path: Path, mark: Mark
) -> None:
    """As where its row was lost. It was neither what there is nor a conflict with that, so it stayed, and
    what was to take its place was put off for good."""
    async with owner_and_watcher(tmp_path, {"f": b"old", "stays": b"stays"}) as (a, b):
        write(a.root, "f", b"newer")
        await until(lambda: b.arena.describe(b.arena.resolve(b"f")).size == len(b"newer"))
        await until(lambda: b.status("f") == "remote")
        write(b.root, "f", b"old")
        await until(lambda: not (b.root / "f").exists())  # at first it is none of its own
        await b.mark("f", mark)
        wanted = {Mark.OWN: "real", Mark.KEEP: "cached", Mark.WATCH: "remote"}[mark]
        await until(lambda: b.status("f") == wanted)
        assert await b.read("f") == b"newer"
        assert (a.root / "f").read_bytes() == b"newer"
        assert a.paths() == b.paths() == {"f", "stays"}
        [trashed] = (b.root / ".realize/trash").rglob("f")
        assert trashed.read_bytes() == b"old"


async def test_at_an_owner_it_is_replaced_at_once(tmp_path: Path) -> None:
    async with owner_and_watcher(tmp_path, {"f": b"old", "stays": b"stays"}) as (a, b):
        write(a.root, "f", b"newer")
        await until(lambda: b.arena.describe(b.arena.resolve(b"f")).size == len(b"newer"))
        write(b.root, "f", b"old")
        await b.mark("f", Mark.OWN)
        await until(lambda: (b.root / "f").read_bytes() == b"newer")
        await until(lambda: b.status("f") == "real")
        assert a.paths() == b.paths() == {"f", "stays"}
        assert (a.root / "f").read_bytes() == b"newer"


@pytest.mark.parametrize("content", [b"first", b"another"])
async def test_who_brings_it_back_over_what_he_has_keeps_it(tmp_path: Path, content: bytes) -> None:
    """Without having seen what there is by now: a conflict as any other (R2)."""
    async with two_owners(tmp_path, {"f": b"first", "stays": b"stays"}) as (a, b):
        write(a.root, "f", b"second one")
        await until(lambda: (b.root / "f").read_bytes() == b"second one" and at_rest(a, b))
        with (b.root / "f").open("r+b") as file:
            replace(a.root, "f", b"the third")
            await until(lambda: b.arena.describe(b.arena.resolve(b"f")).size == len(b"the third"))
            file.write(content)
            file.truncate()
        await until(lambda: len(a.paths()) == 3 and at_rest(a, b))
        for peer in (a, b):
            found = {path.read_bytes() for path in peer.root.iterdir() if path.is_file()}
            assert found == {b"stays", b"the third", content}
            assert (peer.root / "f").read_bytes() in (b"the third", content)
