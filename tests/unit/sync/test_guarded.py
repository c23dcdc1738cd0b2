"""Deletions that peers made, where they are many (see `guard`)."""

import os
from pathlib import Path

from realizefs.model.limits import GUARD_FEW
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
