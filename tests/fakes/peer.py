"""A whole peer without a mount or a daemon: real stores, real TLS on loopback, in this process."""

import dataclasses
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from realizefs.model.cache_limits import Amount, CacheLimits
from realizefs.model.entries import Entry, PeerCard
from realizefs.model.errors import RealizeError
from realizefs.model.ids import ArenaId
from realizefs.model.limits import MIB
from realizefs.model.marks import Mark
from realizefs.model.ports import Clock
from realizefs.net.channel import WireCounters
from realizefs.net.identity import Identity, load_or_create_identity
from realizefs.store.arena import ArenaStore, open_arena
from realizefs.store.env import Environment
from realizefs.store.inodes import InodeAllocator
from realizefs.store.interrupted import recover_arena
from realizefs.store.peers import Invitations
from realizefs.store.peers import Roster as StoredRoster
from realizefs.store.realfile import Root
from realizefs.store.schema import ARENA_SCHEMA, GLOBAL_SCHEMA
from realizefs.sync.arena import Arena
from realizefs.sync.background import Background
from realizefs.sync.household import Household
from realizefs.sync.joining import Doorman
from realizefs.sync.roster import Roster
from realizefs.sync.suspension import seconds_slept, whenever_resumed
from tests.fakes.clock import SystemClock
from tests.fakes.soundness import assert_sound

ARENA = ArenaId(b"the same arena!!")
WAIT_SECONDS = 60
"""Seconds after which what a test waits for isn't going to happen."""


@dataclasses.dataclass(eq=False)
class Peer:
    """One running peer with one arena."""

    identity: Identity
    household: Household
    arena: Arena
    store: ArenaStore
    root: Path

    @property
    def card(self) -> PeerCard:
        return self.household.roster.own()

    def entry(self, path: str) -> Entry | None:
        """The live entry at a path."""
        with self.store.env.read() as txn:
            entry = self.store.tree.entry_at(txn, path.encode())
        return entry if entry is not None and not entry.version.deleted else None

    def paths(self) -> set[str]:
        """All live paths."""
        found: set[str] = set()
        with self.store.env.read() as txn:
            for _, ino in self.store.tree.history(txn, 0, 1_000_000):  # type: ignore[arg-type]
                entry = self.store.tree.entry(txn, ino)
                path = self.store.tree.path(txn, ino)
                if entry is not None and path and not entry.version.deleted:
                    found.add(path.decode())
        return found

    def status(self, path: str) -> str:
        entry = self.entry(path)
        return self.arena.describe(entry.ino).status if entry is not None else "absent"

    def explain(self) -> str:
        """Everything that may say why something didn't happen."""
        lines = [f"{self.household.roster.name}: {self.arena.status()}"]
        lines += [str(one) for one in self.root.rglob("*") if ".realize/" not in str(one)]
        for path in sorted(self.paths()):
            entry = self.entry(path)
            if entry is not None:
                with self.store.env.read() as txn:
                    facts = (
                        self.store.real.get(txn, entry.ino),
                        self.store.decisions.get(txn, entry.ino),
                        self.store.blobs.find(txn, entry.ino),
                        self.store.holders.of(txn, entry.ino),
                    )
                lines += [str(self.arena.describe(entry.ino)), *map(str, facts)]
        return "\n".join(lines)

    async def mark(self, path: str, mark: Mark | None) -> None:
        await self.arena.set_mark(self.arena.resolve(path.encode()), mark)

    async def read(self, path: str, start: int = 0, length: int = 1 << 40) -> bytes:
        entry = self.entry(path)
        assert entry is not None, path
        size = min(length, entry.version.size - start)
        parts = []
        for at in range(start, start + size, MIB):
            part = min(MIB, start + size - at)
            parts.append(await self.arena.read(entry.ino, entry.version, at, part))
        return b"".join(parts)


@asynccontextmanager
async def running_peer(
    directory: Path,
    name: str,
    *,
    mark: Mark = Mark.WATCH,
    cache_max: int = 64 * MIB,
    listen: Sequence[str] = ("localhost:0",),
    slept: Callable[[], float] = seconds_slept,
    clock: Clock | None = None,
    background: Background | None = None,
) -> AsyncIterator[Peer]:
    """A peer that keeps its state below `directory`: started again there, it goes on."""
    root_path = directory / "root"
    root_path.mkdir(parents=True, exist_ok=True)
    identity = load_or_create_identity(directory / "identity", name)
    clock = clock or SystemClock()
    global_env = Environment(directory / "state", GLOBAL_SCHEMA)
    root = Root(root_path)
    env = Environment(root.state.database, ARENA_SCHEMA)
    try:
        store = open_arena(
            env, InodeAllocator(global_env), ARENA, root, CacheLimits(Amount(cache_max))
        )
        recover_arena(store)
        roster = Roster(global_env, StoredRoster(), identity, name, clock)
        arena = Arena(
            ARENA, "arena", store, me=identity.peer, me_name=name, default_mark=mark, clock=clock
        )
        arena.context.background = background
        doorman = Doorman(global_env, Invitations(), roster, clock, lambda _: "arena")
        household = Household(identity, roster, doorman, WireCounters(), clock)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(whenever_resumed, household.resumed, slept)
            bound = await nursery.start(household.run, list(listen))
            roster.addresses = tuple(bound)
            await nursery.start(arena.run)
            await household.add_arena(arena)
            peer = Peer(identity, household, arena, store, root_path)
            try:
                yield peer
            except AssertionError as error:
                error.add_note(peer.explain())
                raise
            nursery.cancel_scope.cancel()
        assert_sound(store)
    finally:
        env.close()
        root.close()
        global_env.close()


async def introduce(*peers: Peer) -> None:
    """Make each know all the others."""
    for one in peers:
        for other in peers:
            if other is not one:
                await one.household.roster.add(other.card)


async def introduce_to(first: Peer, second: Peer) -> None:
    """Both know each other, and only the second knows where the other is: there is one link, and none
    takes its place, as happens where both dial; what is asked for then may be asked for again."""
    await first.household.roster.add(dataclasses.replace(second.card, addresses=()))
    await second.household.roster.add(first.card)


async def until(
    condition: Callable[[], object], what: str = "", *, seconds: float = WAIT_SECONDS
) -> None:
    """Wait for something that the peers are about to do; fails if they don't within so long."""
    with trio.move_on_after(seconds):
        while not _holds(condition):  # noqa: ASYNC110 - the outside world rings no bell
            await trio.sleep(0.01)
        return
    raise AssertionError(f"it never happened: {what or condition}")


def _holds(condition: Callable[[], object]) -> bool:
    try:
        return bool(condition())
    except (RealizeError, FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return False


def write(root: Path, path: str, content: bytes) -> None:
    """Write a file below a root, with its directories."""
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def replace(root: Path, path: str, content: bytes) -> None:
    """Replace a file below a root all at once: nobody sees, or announces, half of it."""
    new = root.parent / "new content"
    new.write_bytes(content)
    new.rename(root / path)


def copy_tree(source: Path, target: Path) -> None:
    """Copy a tree, symlinks as they are."""
    shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
