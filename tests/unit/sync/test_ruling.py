"""Rules of one machine: what they bring and take away, when, and against which marks."""

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from realizefs.core.foresee import Outcome
from realizefs.model.errors import Misuse, NotFound
from realizefs.model.marks import Mark
from realizefs.model.rules import NANOSECONDS, RULES_MAX, Rule
from realizefs.sync import ruling
from realizefs.sync.below import Top
from tests.fakes.clock import SystemClock
from tests.fakes.peer import Peer, introduce, running_peer, until, write

DAY = 86400 * NANOSECONDS


class LaterClock(SystemClock):
    """The wall clock, put forward at will."""

    ahead_ns = 0

    def wall_ns(self) -> int:
        return super().wall_ns() + self.ahead_ns


def rule(peer: Peer, mark: Mark, pattern: str = "*", below: str = "", **bounds: int | None) -> Rule:
    ino = peer.arena.resolve(below.encode())
    return Rule(0, mark, pattern.encode(), ino, **bounds)  # type: ignore[arg-type]


@asynccontextmanager
async def watching(
    tmp_path: Path, *names: str, clock: SystemClock | None = None
) -> AsyncIterator[tuple[Peer, Peer]]:
    """`a` owns these, ten bytes each, and `b` watches."""
    for name in names:
        write(tmp_path / "a/root", name, b"0123456789")
    async with (
        running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a,
        running_peer(tmp_path / "b", "b", clock=clock) as b,
    ):
        await introduce(a, b)
        await until(lambda: set(names) <= b.paths())
        await until(lambda: all(b.status(name) == "remote" for name in names))
        yield a, b


def kept(peer: Peer, name: str) -> bool:
    """Whether it is whole in the cache, and never leaves it."""
    entry = peer.entry(name)
    if entry is None:
        return False
    with peer.store.env.read() as txn:
        row = peer.store.blobs.find(txn, entry.ino)
    return row is not None and row.protected and row.verified


async def test_what_fits_is_kept_and_let_go_when_the_rule_goes(tmp_path: Path) -> None:
    async with watching(tmp_path, "d/a.pdf", "d/a.txt", "b.pdf") as (a, b):
        made = await b.arena.ruling.add(rule(b, Mark.KEEP, "*.pdf"))
        await until(lambda: kept(b, "d/a.pdf") and kept(b, "b.pdf"))
        told = b.arena.describe(b.arena.resolve(b"d/a.pdf"))
        assert (told.mark, told.mark_from, told.rule) == (
            Mark.KEEP,
            None,
            'rule 1: keep "*.pdf"',
        )
        assert b.arena.describe(b.arena.resolve(b"d/a.txt")).rule is None
        write(a.root, "new/c.pdf", b"new")
        await until(lambda: kept(b, "new/c.pdf"))
        assert b.status("d/a.txt") == "remote"
        await b.arena.ruling.remove(made.number)
        await until(lambda: not any(kept(b, name) for name in ("d/a.pdf", "b.pdf", "new/c.pdf")))
        assert b.arena.ruling.listed() == []


async def test_it_counts_up_to_the_next_mark(tmp_path: Path) -> None:
    names = ("d/a.pdf", "d/e/a.pdf", "d/e/marked.pdf", "f/a.pdf")
    async with watching(tmp_path, *names) as (_, b):
        await b.mark("d/e", Mark.WATCH)
        await b.mark("f", Mark.KEEP)
        await b.arena.ruling.add(rule(b, Mark.KEEP, "*.pdf"))
        await b.arena.ruling.add(rule(b, Mark.WATCH, "*.pdf", "f"))
        await until(lambda: kept(b, "d/a.pdf"))
        await until(lambda: not b.arena.status()["pending"])
        assert not kept(b, "d/e/a.pdf")  # a mark nearer than the rule's folder
        assert not kept(b, "f/a.pdf")  # the rule for the very folder that is marked
        await b.arena.ruling.add(rule(b, Mark.KEEP, "*.pdf", "d/e"))
        await until(lambda: kept(b, "d/e/a.pdf") and kept(b, "d/e/marked.pdf"))
        await b.mark("d/e/marked.pdf", Mark.WATCH)  # on the file itself
        await until(lambda: not kept(b, "d/e/marked.pdf"))


async def test_the_later_of_two_counts(tmp_path: Path) -> None:
    async with watching(tmp_path, "a.pdf", "b.pdf") as (_, b):
        await b.arena.ruling.add(rule(b, Mark.KEEP, "*.pdf"))
        await until(lambda: kept(b, "a.pdf") and kept(b, "b.pdf"))
        later = await b.arena.ruling.add(rule(b, Mark.WATCH, "b*"))
        await until(lambda: not kept(b, "b.pdf"))
        assert kept(b, "a.pdf")
        await b.arena.ruling.remove(later.number)
        await until(lambda: kept(b, "b.pdf"))


async def test_a_file_that_grows_or_is_renamed_is_decided_again(tmp_path: Path) -> None:
    async with watching(tmp_path, "grows.pdf", "renamed.pdf", "to come.txt") as (a, b):
        await b.arena.ruling.add(rule(b, Mark.KEEP, "*.pdf", max_size=10))
        await until(lambda: kept(b, "grows.pdf") and kept(b, "renamed.pdf"))
        (a.root / "grows.pdf").write_bytes(b"larger than ten bytes")
        (a.root / "renamed.pdf").rename(a.root / "renamed.txt")
        (a.root / "to come.txt").rename(a.root / "come.pdf")
        await until(lambda: not kept(b, "grows.pdf"))
        await until(lambda: b.entry("renamed.txt") and not kept(b, "renamed.txt"))
        await until(lambda: kept(b, "come.pdf"))
        replaced = a.root.parent / "short again"
        replaced.write_bytes(b"short")
        replaced.rename(a.root / "grows.pdf")
        await until(lambda: kept(b, "grows.pdf"))


async def test_own_becomes_a_plain_file_and_leaves_again(tmp_path: Path) -> None:
    async with watching(tmp_path, "a.pdf") as (_, b):
        made = await b.arena.ruling.add(rule(b, Mark.OWN, "*.pdf"))
        await until(lambda: b.status("a.pdf") == "real")
        await b.arena.ruling.remove(made.number)
        await until(lambda: not (b.root / "a.pdf").exists())


async def test_time_alone_lets_go_and_takes_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ruling, "LOOK_SECONDS", 0.02)
    clock = LaterClock()
    write(tmp_path / "a/root", "old", b"old")
    year = time.time() - 365 * 86400
    os.utime(tmp_path / "a/root/old", (year, year))
    async with watching(tmp_path, "new", clock=clock) as (a, b):
        await b.arena.ruling.add(rule(b, Mark.KEEP, newer_ns=30 * DAY))
        await until(lambda: kept(b, "new"))
        assert not kept(b, "old")
        clock.ahead_ns = 31 * DAY
        await until(lambda: not kept(b, "new"))
        write(a.root, "touched", b"touched")
        later = time.time() + 31 * 86400
        os.utime(a.root / "old", (later, later))
        await until(lambda: kept(b, "old"))
        await b.arena.ruling.add(rule(b, Mark.KEEP, "new", older_ns=40 * DAY))
        await until(lambda: not b.arena.status()["pending"])
        assert not kept(b, "new")
        clock.ahead_ns = 41 * DAY
        await until(lambda: kept(b, "new"))


async def test_rules_and_times_last_over_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ruling, "LOOK_SECONDS", 0.02)
    async with watching(tmp_path, "new") as (_, b):
        await b.arena.ruling.add(rule(b, Mark.KEEP, newer_ns=30 * DAY))
        await until(lambda: kept(b, "new"))
    clock = LaterClock()
    async with running_peer(tmp_path / "b", "b", clock=clock) as b:
        assert [one.rule.said() for one in b.arena.ruling.listed()] == [
            'keep "*", changed in the last 30 days'
        ]
        assert kept(b, "new")
        clock.ahead_ns = 31 * DAY
        await until(lambda: not kept(b, "new"))


async def test_a_rule_goes_along_with_its_folder_and_ends_with_it(tmp_path: Path) -> None:
    async with watching(tmp_path, "d/a.pdf", "d/b.txt") as (_, b):
        made = await b.arena.ruling.add(rule(b, Mark.KEEP, "*.pdf", "d"))
        await until(lambda: kept(b, "d/a.pdf"))
        await b.arena.move(b.arena.resolve(b"d"), b.arena.root_ino, b"e", 0)
        await until(lambda: b.entry("e/a.pdf"))
        assert [one.below for one in b.arena.ruling.listed()] == [b"e"]
        await until(lambda: kept(b, "e/a.pdf"))
        with pytest.raises(NotFound):
            await b.arena.ruling.remove(made.number + 1)


async def test_there_are_only_so_many(tmp_path: Path) -> None:
    async with running_peer(tmp_path / "a", "a") as a:
        for _ in range(RULES_MAX):
            await a.arena.ruling.add(rule(a, Mark.KEEP))
        with pytest.raises(Misuse, match="at most"):
            await a.arena.ruling.add(rule(a, Mark.KEEP))
        with pytest.raises(Misuse):
            await a.arena.ruling.add(rule(a, Mark.KEEP, "!x"))
        await a.arena.ruling.remove(7)
        made = await a.arena.ruling.add(rule(a, Mark.KEEP))
        assert made.number == RULES_MAX + 1  # a number is never given twice


async def test_what_a_mark_would_do_is_foreseen_with_the_rules(tmp_path: Path) -> None:
    async with watching(tmp_path, "d/a.pdf", "d/b.txt") as (_, b):
        await b.arena.ruling.add(rule(b, Mark.WATCH, "*.pdf", "d"))
        top = Top(b"d", b.arena.resolve(b"d"))
        seen = b.arena.foresight([top], Mark.KEEP, lambda: None)
        assert seen.of(Outcome.CACHED).files == 1
