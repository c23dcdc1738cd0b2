"""Whose a table is stands in its name, and any of them may share a transaction, all or nothing."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from realizefs.store.env import Environment
from realizefs.store.schema import ARENA_SCHEMA, GLOBAL_SCHEMA

GLOBAL_OWNERS = {"cache"}
ARENA_OWNERS = {"acache", "index", "journal", "blob", "mark", "engine"}
ONE_OF_EACH = [
    next(table for table in ARENA_SCHEMA.tables if table.startswith(f"{owner}."))
    for owner in sorted(ARENA_OWNERS)
]

COMMIT_FOREVER = f"""
import sys, pathlib
from realizefs.store.env import Environment
from realizefs.store.schema import ARENA_SCHEMA
env = Environment(pathlib.Path(sys.argv[1]), ARENA_SCHEMA)
for number in range(1_000_000):
    with env.write() as txn:
        for table in {ONE_OF_EACH!r}:
            txn.put(table, b"number", number.to_bytes(8, "big"))
            txn.put(table, number.to_bytes(8, "big"), bytes(3000))
    print(number, flush=True)
"""


class Halfway(Exception):
    """In the middle of a transaction."""


def test_a_table_carries_the_name_of_its_subsystem() -> None:
    tables = (*GLOBAL_SCHEMA.tables, *ARENA_SCHEMA.tables)
    assert all(re.fullmatch(r"[a-z]+\.[a-z_]+", table) for table in tables)
    assert {table.partition(".")[0] for table in GLOBAL_SCHEMA.tables} == GLOBAL_OWNERS
    assert {table.partition(".")[0] for table in ARENA_SCHEMA.tables} == ARENA_OWNERS
    assert len(set(tables)) == len(tables)


def test_subsystems_that_share_a_transaction_commit_or_fail_together(env: Environment) -> None:
    def write_all(halfway: bool) -> None:
        with env.write() as txn:
            for table in ONE_OF_EACH:
                txn.put(table, b"key", b"value")
            if halfway:
                raise Halfway

    def written() -> list[bytes | None]:
        with env.read() as txn:
            return [txn.get(table, b"key") for table in ONE_OF_EACH]

    with pytest.raises(Halfway):
        write_all(halfway=True)
    assert written() == [None] * len(ONE_OF_EACH)
    write_all(halfway=False)
    assert written() == [b"value"] * len(ONE_OF_EACH)


def test_subsystems_that_share_a_transaction_survive_kill_9_together(tmp_path: Path) -> None:
    command = [sys.executable, "-c", COMMIT_FOREVER, str(tmp_path / "db")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        told = [int(child.stdout.readline()) for _ in range(20)]
        child.kill()
    env = Environment(tmp_path / "db", ARENA_SCHEMA)
    with env.read() as txn:
        numbers = {txn.get(table, b"number") for table in ONE_OF_EACH}
        rows = {txn.count(table) for table in ONE_OF_EACH}
    env.close()
    [number] = numbers
    assert number is not None
    last = int.from_bytes(number, "big")
    assert last >= told[-1]
    assert rows == {last + 2}
