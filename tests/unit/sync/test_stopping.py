"""An arena ends while something of it is just beginning."""

from pathlib import Path

import pytest

from realizefs.model.errors import Unreachable
from realizefs.model.marks import Mark
from tests.fakes.peer import introduce, running_peer, until, write


async def test_what_would_be_fetched_while_all_ends_is_refused_in_a_sentence(
    tmp_path: Path,
) -> None:
    """A job may hear that all ends after the fetcher has."""
    async with (
        running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a,
        running_peer(tmp_path / "b", "b") as b,
    ):
        write(a.root, "f", b"x" * 100)
        await introduce(a, b)
        await until(lambda: b.status("f") == "remote")
        nursery, b.arena.fetcher._nursery = b.arena.fetcher._nursery, None  # as it is then
        with pytest.raises(Unreachable, match="stopping"):
            await b.read("f")
        b.arena.fetcher._nursery = nursery
        assert await b.read("f") == b"x" * 100
