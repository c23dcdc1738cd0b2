"""A native file that has a content which was replaced knowingly: an older one of what there is."""

from pathlib import Path

import pytest

from realizefs.model.marks import Mark
from tests.fakes.peer import until, write
from tests.fakes.two_peers import owner_and_watcher


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
