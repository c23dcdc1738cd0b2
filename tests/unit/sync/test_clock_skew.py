"""Peers whose clocks are years apart: nothing comes of it but who wins a conflict."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from realizefs.model.grants import Access
from realizefs.model.marks import Mark
from tests.fakes.clock import SystemClock
from tests.fakes.peer import ARENA, Peer, introduce, running_peer, until, write

YEAR_NS = 365 * 24 * 3600 * 10**9


class Skewed(SystemClock):
    """Years ahead, or behind."""

    def __init__(self, years: int) -> None:
        self._offset_ns = years * YEAR_NS

    def wall_ns(self) -> int:
        return super().wall_ns() + self._offset_ns


@asynccontextmanager
async def owners(tmp_path: Path, years: int) -> AsyncIterator[tuple[Peer, Peer]]:
    async with (
        running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a,
        running_peer(tmp_path / "b", "b", mark=Mark.OWN, clock=Skewed(years)) as b,
    ):
        await introduce(a, b)
        await until(lambda: all(one.connected for one in a.household.peers()))
        yield a, b


def made_at(root: Path, name: str, content: bytes, years: int) -> None:
    """What a program on a machine with that clock leaves behind."""
    write(root, name, content)
    time_ns = SystemClock().wall_ns() + years * YEAR_NS
    os.utime(root / name, ns=(time_ns, time_ns))


@pytest.mark.parametrize("years", [30, -30])
async def test_edits_renames_and_deletes_travel_both_ways(tmp_path: Path, years: int) -> None:
    async with owners(tmp_path, years) as (a, b):
        for number in range(3):
            made_at(a.root, f"of-a{number}", b"of a", 0)
            made_at(b.root, f"of-b{number}", b"of b", years)
        names = {f"of-{peer}{number}" for peer in "ab" for number in range(3)}
        await until(lambda: all((one.root / name).exists() for one in (a, b) for name in names))
        await until(lambda: not (a.arena.status()["pending"] or b.arena.status()["pending"]))
        made_at(
            a.root, "of-b0", b"edited by a", 0
        )  # an old mtime over a new one, or a new over old
        made_at(b.root, "of-a0", b"edited by b", years)
        (a.root / "of-b1").unlink()
        (b.root / "of-a1").unlink()
        (a.root / "of-b2").rename(a.root / "renamed-by-a")
        (b.root / "of-a2").rename(b.root / "renamed-by-b")
        expected = {
            "of-b0": b"edited by a",
            "of-a0": b"edited by b",
            "renamed-by-a": b"of b",
            "renamed-by-b": b"of a",
        }
        await until(lambda: contents(a.root) == contents(b.root) == expected)
        await until(lambda: a.paths() == b.paths() == set(expected))


@pytest.mark.parametrize("years", [30, -30])
async def test_of_two_edits_made_apart_the_one_with_the_later_clock_has_the_name(
    tmp_path: Path, years: int
) -> None:
    async with owners(tmp_path, years) as (a, b):
        made_at(a.root, "f", b"common", 0)
        await until(lambda: contents(b.root) == {"f": b"common"})
        await until(lambda: not b.arena.status()["pending"])
    made_at(tmp_path / "a/root", "f", b"by a", 0)
    made_at(tmp_path / "b/root", "f", b"by b", years)
    winner, loser = (b"by b", b"by a") if years > 0 else (b"by a", b"by b")
    async with owners(tmp_path, years) as (a, b):
        await until(lambda: len(contents(a.root)) == len(contents(b.root)) == 2)
        await until(lambda: contents(a.root) == contents(b.root))
        assert contents(a.root)["f"] == winner
        assert set(contents(a.root).values()) == {winner, loser}


@pytest.mark.parametrize("years", [30, -30])
async def test_the_last_word_about_who_may_do_what_counts(tmp_path: Path, years: int) -> None:
    """Whoever decides knowingly of an earlier decision has the last word, whatever the clocks."""
    async with (
        owners(tmp_path, years) as (a, b),
        running_peer(tmp_path / "c", "c") as c,
    ):
        await introduce(a, b, c)
        one, other = a.household.roster, b.household.roster
        peer = c.identity.peer
        for access in (Access.READ, Access.WRITE, Access.NONE):
            for decider in (one, other):
                await decider.grant(peer, [ARENA], access)
                assert decider.access(peer, ARENA) is access
                await until(lambda: one.get(peer) == other.get(peer))
                assert one.access(peer, ARENA) is access
        await one.grant(peer, [ARENA], Access.WRITE)
        await until(lambda: _access(b, c) is Access.WRITE)
        await other.remove(peer)
        await until(lambda: one.get(peer) is None)


def _access(teller: Peer, other: Peer) -> Access:
    return teller.household.roster.access(other.identity.peer, ARENA)


def contents(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in root.iterdir() if path.is_file()}


@pytest.mark.parametrize("years", [30, -30])
async def test_each_knows_how_far_the_clock_of_the_other_is_ahead(
    tmp_path: Path, years: int
) -> None:
    """For `doctor`; but for the time that a Hello takes, which is less than a minute."""
    async with owners(tmp_path, years) as (a, b):
        for peer in (a, b):
            await until(lambda: all(one.ahead_ns is not None for one in peer.household.peers()))  # noqa: B023
        (ahead,) = [one.ahead_ns for one in a.household.peers()]
        (behind,) = [one.ahead_ns for one in b.household.peers()]
        assert ahead is not None
        assert behind is not None
        assert abs(ahead - years * YEAR_NS) < 60 * 10**9
        assert abs(behind + years * YEAR_NS) < 60 * 10**9
