"""An arena ends while something of it is just beginning."""

from pathlib import Path

import pytest
import trio
import trio.testing

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


async def test_nothing_new_is_fetched_while_what_is_on_its_way_ends(tmp_path: Path) -> None:
    """Regression: a job that began a fetch in the moment after the last one had ended, and before the
    fetcher ran again, ended with "Nursery is closed to new arrivals"."""
    seen: list[bool] = []

    async with running_peer(tmp_path / "a", "a") as a:
        fetcher = a.arena.fetcher

        async def last_one() -> None:
            try:
                await trio.sleep_forever()
            finally:
                with trio.CancelScope(shield=True):
                    await trio.testing.wait_all_tasks_blocked()
                seen.append(fetcher._nursery is None)

        assert fetcher._nursery is not None
        fetcher._nursery.start_soon(last_one)
        await trio.testing.wait_all_tasks_blocked()
    assert seen == [True]
