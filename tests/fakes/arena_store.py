"""An arena's store by itself, in memory: no daemon, no peers, nothing that runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from realizefs.model.cache_limits import Amount, CacheLimits
from realizefs.model.ids import ArenaId
from realizefs.model.limits import MIB
from realizefs.store.arena import ArenaStore, open_arena
from realizefs.store.env import Environment
from realizefs.store.inodes import InodeAllocator
from realizefs.store.realfile import Root
from realizefs.store.schema import ARENA_SCHEMA, GLOBAL_SCHEMA

STORED = ArenaId(b"the same arena!!")


@contextmanager
def arena_store(directory: Path) -> Iterator[ArenaStore]:
    """What is in `directory`, open for a while; opened again it is a restart."""
    (directory / "root").mkdir(exist_ok=True)
    home, root = Environment(directory / "home", GLOBAL_SCHEMA), Root(directory / "root")
    env = Environment(root.state.database, ARENA_SCHEMA)
    try:
        store = open_arena(env, InodeAllocator(home), STORED, root, CacheLimits(Amount(MIB)))
        yield store
        store.blobs.close()
    finally:
        env.close()
        root.close()
        home.close()
