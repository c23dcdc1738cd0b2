"""What of a database counts as memory of the process."""

import os

import pytest

from realizefs.store import residency
from realizefs.store.dbdir import DATA_FILE
from realizefs.store.env import Environment
from realizefs.store.inodes import ArenaInodes
from realizefs.store.tree import Tree
from tests.unit.store.test_density import fill

PAGE = os.sysconf("SC_PAGESIZE")


def resident_bytes(env: Environment) -> int:
    """Of the map of a database, as the kernel counts it."""
    path, inside, total = os.path.realpath(env.directory / DATA_FILE), False, 0
    with open("/proc/self/smaps", encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if "-" in line.split(" ")[0]:
                inside = line.rstrip("\n").endswith(" " + path)
            elif inside and line.startswith("Rss:"):
                total += int(line.split()[1]) * 1024
    return total


def read_all(env: Environment, tree: Tree) -> int:
    """Lists every directory, in a transaction of its own."""
    with env.read() as txn:
        directories = list(tree.children(txn, tree.root))
    listed = 0
    for directory in directories:
        with env.read() as txn:
            listed += len([tree.entry(txn, one.ino) for one in tree.children(txn, directory.ino)])
    return listed


def test_what_was_read_is_given_back_where_it_is_too_much(
    env: Environment, inodes: ArenaInodes, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(env, inodes, tree, 5000)
    assert read_all(env, tree) == 5000
    assert resident_bytes(env) > 100 * PAGE
    monkeypatch.setattr(residency, "MAPPED_BYTES_MAX", 0)
    monkeypatch.setattr(residency, "LOOKS_BETWEEN", 1)
    for _ in range(300):  # the count that had begun runs out
        with env.read() as txn:
            tree.entry(txn, tree.root)
    assert resident_bytes(env) == 0
    assert read_all(env, tree) == 5000
    assert resident_bytes(env) == 0


def test_a_process_counts_the_files_that_it_maps() -> None:
    assert 0 < residency.mapped_bytes() < 1 << 40
