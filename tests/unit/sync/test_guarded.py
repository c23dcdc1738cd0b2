"""Deletions that peers made, where they are many (see `guard`)."""

import os
from pathlib import Path

import pytest

from realizefs.model.ids import Inode
from realizefs.model.limits import GUARD_FEW
from realizefs.store.txn import Txn
from realizefs.sync.guard import Guard
from tests.fakes.peer import until, write
from tests.fakes.two_peers import two_owners

MANY = 4 * GUARD_FEW


def files(root: Path) -> set[str]:
    return {name for name in os.listdir(root) if name != ".realize"}


async def test_many_are_carried_out_that_are_not_too_many(tmp_path: Path) -> None:
    """Each waits a moment for how many more there are, and for nothing else."""
    names = [str(number) for number in range(MANY)]
    for name in names:
        write(tmp_path / "a/root", name, name.encode())
    async with two_owners(tmp_path) as (a, b):
        await until(lambda: files(b.root) == set(names))
        await until(lambda: b.arena.status()["pending"] == 0)
        for name in names[: MANY // 3]:
            (a.root / name).unlink()
        await until(lambda: files(b.root) == set(names[MANY // 3 :]))
        assert b.arena.status()["held"] == 0


async def test_what_has_left_waits_no_longer_in_the_same_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whenever it is judged: else more than all would seem to be deleted, where all may be."""
    stale, judged = list[Inode](), list[int]()
    judge = Guard.judge

    def watched(guard: Guard, txn: Txn) -> None:
        store = guard._store
        waiting = store.removals.page(txn, Inode(0), 2 * MANY)
        stale.extend(ino for ino in waiting if not store.real.has(txn, ino))
        judged.append(len(waiting))
        judge(guard, txn)

    names = [str(number) for number in range(MANY)]
    for name in ("stays", *names):
        write(tmp_path / "a/root", name, name.encode())
    async with two_owners(tmp_path) as (a, b):
        b.arena.context.guard.percent = 100
        await until(lambda: files(b.root) == {"stays", *names})
        await until(lambda: b.arena.status()["pending"] == 0)
        monkeypatch.setattr(Guard, "judge", watched)
        for name in names:
            (a.root / name).unlink()
        await until(lambda: files(b.root) == {"stays"})
        assert b.arena.status()["held"] == 0
    assert max(judged) > GUARD_FEW
    assert not stale
