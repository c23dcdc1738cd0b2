"""What must hold of an arena at certain moments, each breach a sentence."""

import os
from collections.abc import Callable, Iterator
from threading import Lock

from realizefs.model.findings import Report
from realizefs.model.ids import Seq
from realizefs.model.versions import Version
from realizefs.store.blobdir import BlobDirectory
from realizefs.store.check import Means, check
from realizefs.store.check_arena import Household, check_arena, database_rules
from realizefs.store.check_deep import DeepRules
from realizefs.store.inodes import InodeAllocator
from realizefs.store.queues import BlobRows
from realizefs.store.repair_deep import DeepRepair
from realizefs.store.txn import Txn
from tests.crash.world import ARENA, ME, World

_BLOCK = 512


def problems(world: World) -> list[str]:
    """Of the database and the cache, whenever nothing is under way: the store's own check."""
    store, report = world.store, Report("arena")
    files = BlobDirectory(store.root.state.blobs_fd)
    means = _means(world)
    repair = DeepRepair(store, means, BlobRows(), files)
    deep = DeepRules(store, repair, str, means.checkpoint).rules()
    check(means, database_rules(store, ME, means), deep, report)
    return [*(one.sentence for one in report.findings), *_usage(world)]


def problems_at_rest(world: World) -> list[str]:
    """Of everything, the arena root included, when all is done."""
    household = Household(ME, str, InodeAllocator(world.global_env), ARENA)
    report = check_arena(Report("arena"), world.store, household, _means(world), deep=True)
    return [*(one.sentence for one in report.findings), *_usage(world)]


def _means(world: World) -> Means:
    def commit(work: Callable[[Txn], int]) -> int:
        with world.store.env.write() as txn:
            return work(txn)

    return Means(world.store.env, commit)


def _usage(world: World) -> Iterator[str]:
    allocated = sum(one.stat().st_blocks * _BLOCK for one in world.blob_files())
    if world.store.blobs.usage() != allocated:
        yield f"{world.store.blobs.usage()} bytes are counted as used and {allocated} are"


def unfinished(world: World) -> Iterator[str]:
    """What must not be right after a start."""
    for name in os.listdir(world.state / "tmp"):
        yield f"tmp/{name} is left"
    with world.store.env.read() as txn:
        for blob, step in BlobRows().unfinished(txn):
            yield f"blob {blob} is still {step.name}"


class Told:
    """R8: what peers would hear to be deleted, at any moment, though no user did.

    `look` is to be called after each commit: a tombstone that wins nothing in the end was told
    all the same. What a peer deleted (`allowed`) we don't delete ourselves.
    """

    def __init__(self, world: World, allowed: frozenset[str]) -> None:
        self._world = world
        self._allowed = allowed
        self._seen = Seq(0)
        self._lock = Lock()
        self._deleted: dict[str, str] = {}

    def look(self) -> None:
        """Go through the history since the last time."""
        if not self._world.is_open:
            return
        store = self._world.store
        with self._lock, store.env.read() as txn:
            for seq, ino in store.tree.history(txn, self._seen, 1_000_000):
                self._seen = max(self._seen, seq)
                entry, path = store.tree.entry(txn, ino), store.tree.path(txn, ino)
                if entry is not None and path and entry.version.deleted:
                    self._note(os.fsdecode(path), entry.version)

    def _note(self, path: str, version: Version) -> None:
        if version.author == ME:
            self._deleted[path] = f"{path} was told to be deleted by us"
        elif path not in self._allowed:
            self._deleted[path] = f"{path} was told to be deleted"

    def problems(self) -> Iterator[str]:
        """A sentence a path."""
        yield from self._deleted.values()


def versions(world: World) -> dict[str, Version]:
    """Every path's version: what peers are told."""
    found: dict[str, Version] = {}
    with world.store.env.read() as txn:
        for _, ino in world.store.tree.history(txn, 0, 1_000_000):  # type: ignore[arg-type]
            entry = world.store.tree.entry(txn, ino)
            path = world.store.tree.path(txn, ino)
            if entry is not None and path:
                found[os.fsdecode(path)] = entry.version
    return found
