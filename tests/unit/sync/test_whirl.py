"""Whatever a user does natively, and how fast: in the end the index, and the roots of all owners, are
what he made."""

import threading
from pathlib import Path

import pytest
import trio

from realizefs.model.marks import Mark
from tests.fakes.peer import Peer, running_peer, until
from tests.fakes.two_peers import two_owners
from tests.fakes.whirl import Whirl, tree

WHIRL_SECONDS = 100
"""Seconds until all of it is indexed, and with the other."""


async def whirl(peer: Peer, seed: int, count: int, pause: float) -> None:
    """Until it is done; it ends with the test."""
    stopped = threading.Event()
    try:
        await trio.to_thread.run_sync(
            Whirl(peer.root, seed, pause).run, count, stopped, abandon_on_cancel=True
        )
    finally:
        stopped.set()


def is_true(peer: Peer) -> bool:
    """Whether the index says what the root has."""
    there = tree(peer.root)
    if peer.arena.status()["pending"] or peer.paths() != set(there):
        return False
    entries = {path: peer.entry(path) for path in there}
    return all(
        content is None or (entry is not None and entry.version.size == len(content))
        for content, entry in ((there[path], entries[path]) for path in there)
    ) and all(peer.status(path) == "real" for path in there)


@pytest.mark.parametrize(("seed", "pause"), [(1, 0.02), (2, 0.005)])
async def test_the_index_is_true_in_the_end(tmp_path: Path, seed: int, pause: float) -> None:
    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
        await whirl(a, seed, 300, pause)
        await until(lambda: is_true(a), seconds=WHIRL_SECONDS)


@pytest.mark.big
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(4))
async def test_two_owners_have_the_same_in_the_end(tmp_path: Path, seed: int) -> None:
    """Both at work in the same folders."""
    async with two_owners(tmp_path) as (a, b):
        async with trio.open_nursery() as nursery:
            for number, peer in enumerate((a, b)):
                nursery.start_soon(whirl, peer, 2 * seed + number, 150, 0.1)
        await until(
            lambda: is_true(a) and is_true(b) and tree(a.root) == tree(b.root),
            seconds=WHIRL_SECONDS,
        )
