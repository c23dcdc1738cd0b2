"""One machine of the simulated household: a disk that stays, and processes that come and go.

All of a peer is real down to `net` and the database: `Household`, `Arena` and what they are made
of, on a directory in memory. Its channels, its clock and its databases are simulated.
"""

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import trio

from realizefs.model.cache_limits import Amount, CacheLimits
from realizefs.model.entries import PeerCard
from realizefs.model.errors import RealizeError, RootGone
from realizefs.model.grants import full
from realizefs.model.ids import ArenaId, PeerId, peer_id_of
from realizefs.model.limits import MIB
from realizefs.model.marks import Mark
from realizefs.net.channel import Channel, WireCounters
from realizefs.net.identity import Identity
from realizefs.store.arena import ArenaStore, open_arena
from realizefs.store.hashing import hash_bytes
from realizefs.store.inodes import InodeAllocator
from realizefs.store.interrupted import recover_arena
from realizefs.store.peers import Invitations
from realizefs.store.peers import Roster as StoredRoster
from realizefs.store.realfile import Root
from realizefs.sync.arena import Arena
from realizefs.sync.household import Household
from realizefs.sync.joining import Doorman
from realizefs.sync.presence import check_present
from realizefs.sync.roster import Roster
from tests.sim.memory_env import MemoryEnvironment, Tables
from tests.sim.process import CURRENT, NEVER, Process
from tests.sim.wire import SimChannel

ARENA = ArenaId(b"the same arena!!")
BEGAN_NS = 1_700_000_000 * 10**9
CACHE_BYTES = 8 * MIB


class SimClock:
    """The clock of one machine, wrong by `skew` seconds."""

    def __init__(self, skew: float) -> None:
        self._skew = skew

    def now(self) -> float:
        return trio.current_time()

    def wall_ns(self) -> int:
        return BEGAN_NS + int((trio.current_time() + self._skew) * 1e9)


@dataclass(eq=False)
class Disk:
    """What outlives a process."""

    directory: Path
    home: Tables
    arena: Tables

    @property
    def root(self) -> Path:
        return self.directory / "root"


class Replica:
    """Number `number` of the household; `arena` and `household` while `running`."""

    def __init__(
        self, number: int, directory: Path, mark: Mark, skew: float, min_copies: int = 1
    ) -> None:
        self.number = number
        self.name = f"p{number}"
        self.certificate = b"certificate of %d" % number
        self.peer: PeerId = peer_id_of(self.certificate)
        self.mark = mark
        self.min_copies = min_copies
        self.clock = SimClock(skew)
        self.disk = Disk(directory, Tables(), Tables())
        self.disk.root.mkdir(parents=True)
        self.process = Process()
        self.running = False
        self.arena: Arena
        self.household: Household
        self.store: ArenaStore
        self.nursery: trio.Nursery
        self.ended = trio.Event()
        self.ended.set()
        self.problem: Exception | None = None
        self.backup: Disk | None = None
        self._hashes: dict[tuple[int, int, int], bytes] = {}

    # -- its processes --------------------------------------------------------------------------

    def new_process(self, fuse: int = NEVER) -> None:
        """What `live` is to be."""
        assert self.ended.is_set()
        self.ended = trio.Event()
        self.process = Process(fuse)

    async def live(self, cards: list[PeerCard]) -> None:
        """One process, from its start until it dies."""
        CURRENT.set(self.process)
        try:
            await self._live(cards)
        except* (RealizeError, OSError) as group:
            if not self.process.dead:
                self.problem = group
                if group.split(RootGone)[1] is not None:
                    raise
        finally:
            self.running = False
            self.process.die()
            self.ended.set()

    async def _live(self, cards: list[PeerCard]) -> None:
        root = Root(self.disk.root)
        try:
            home = MemoryEnvironment(self.disk.home, self.disk.directory)
            env = MemoryEnvironment(self.disk.arena, self.disk.directory)
            limits = CacheLimits(Amount(CACHE_BYTES))
            store = open_arena(env, InodeAllocator(home), ARENA, root, limits)
            recover_arena(store)
            check_present(store, "arena")
            self.store = store
            await self._run(home, store, cards)
        finally:
            self._close_blobs()
            with suppress(OSError):
                root.close()

    def _close_blobs(self) -> None:
        """As the kernel does with what a process had open: a file whose blob stays open is in use, and
        never leaves the root."""
        for blob in self.store.blobs._opened.growing() if hasattr(self, "store") else ():
            with suppress(OSError):
                os.close(blob.fd)

    async def _run(self, home: MemoryEnvironment, store: ArenaStore, cards: list[PeerCard]) -> None:
        identity = Identity(self.peer, self.name, self.certificate, Path(), Path())
        roster = Roster(home, StoredRoster(), identity, self.name, self.clock)
        self.arena = Arena(
            ARENA,
            "arena",
            store,
            me=self.peer,
            me_name=self.name,
            default_mark=self.mark,
            clock=self.clock,
        )
        self.arena.context.min_copies = self.min_copies
        doorman = Doorman(home, Invitations(), roster, self.clock, lambda _: "arena")
        self.household = Household(identity, roster, doorman, WireCounters(), self.clock)
        async with trio.open_nursery() as nursery:
            self.nursery = nursery
            nursery.start_soon(self._until_dead, nursery.cancel_scope)
            for card in cards:
                await roster.add(card)
            await nursery.start(self.household.run, [])
            await nursery.start(self.arena.run)
            await self.household.add_arena(self.arena)
            self.running = True

    async def _until_dead(self, scope: trio.CancelScope) -> None:
        await self.process.died.wait()
        self.running = False
        scope.cancel()

    def carry(self, channel: SimChannel, *, dialled: bool) -> None:
        """Be one end of a connection."""
        self.nursery.start_soon(self._carry, channel, dialled)

    async def _carry(self, channel: SimChannel, dialled: bool) -> None:
        await self.household._carry(cast("Channel", channel), dialled=dialled)

    @property
    def card(self) -> PeerCard:
        return PeerCard(self.peer, self.name, self.certificate, (), full([ARENA]))

    # -- its disk -------------------------------------------------------------------------------

    def make_backup(self, directory: Path) -> None:
        """Copy all that is on the disk; the process, if any, stands still meanwhile."""
        if directory.exists():
            shutil.rmtree(directory)
        shutil.copytree(self.disk.directory, directory, symlinks=True)
        self.backup = Disk(directory, self.disk.home.backup(), self.disk.arena.backup())

    def restore(self) -> None:
        """Put back what was copied; no process runs."""
        assert self.backup is not None
        shutil.rmtree(self.disk.directory)
        shutil.copytree(self.backup.directory, self.disk.directory, symlinks=True)
        self.disk.home, self.disk.arena = self.backup.home.backup(), self.backup.arena.backup()

    def lose_database(self) -> None:
        """The arena's database is gone, the files are there; no process runs."""
        self.disk.arena = Tables()
        shutil.rmtree(self.disk.root / ".realize", ignore_errors=True)

    def owned(self) -> set[bytes]:
        """The hashes of the real files, and of those in the trash: what lost its name to another
        version waits there for the one that its author gives it."""
        return {
            self._hash(one)
            for one in self.disk.root.rglob("*")
            if one.is_file() and not one.is_symlink()
            if ".realize" not in one.parts or "trash" in one.parts
        }

    def contents(self) -> set[bytes]:
        """The hashes of all complete contents on this disk, whatever they are named."""
        return {
            self._hash(one)
            for one in self.disk.directory.rglob("*")
            if one.is_file() and not one.is_symlink()
        }

    def _hash(self, path: Path) -> bytes:
        """What was read before isn't opened again: an effect may be about to happen to it under a
        lease, which would be broken, and its holder waits for us."""
        stat = path.stat()
        key = stat.st_ino, stat.st_size, stat.st_mtime_ns
        if key not in self._hashes:
            self._hashes[key] = bytes(hash_bytes(path.read_bytes()))
        return self._hashes[key]
