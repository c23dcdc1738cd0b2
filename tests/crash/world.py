"""One arena on one machine, with everything real but the network: a peer is what it told.

`World` opens the arena as the daemon does at its start. What the peer holds comes from `contents`.
"""

import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import trio

from realizefs.daemon import opening
from realizefs.daemon.cache_config import CacheConfig
from realizefs.daemon.config import ArenaConfig
from realizefs.daemon.parts import Parts
from realizefs.model.cache_limits import Amount
from realizefs.model.entries import Entry
from realizefs.model.findings import Report
from realizefs.model.ids import NO_DIGEST, ArenaId, Digest, Inode, PeerId
from realizefs.model.limits import BLOCK_BYTES_MIN, MIB
from realizefs.model.marks import Mark
from realizefs.model.messages import Hello, Row
from realizefs.model.upgrade import Upgrade
from realizefs.model.versions import Held, Kind, Version, vector_of
from realizefs.store.arena import ArenaStore
from realizefs.store.env import Environment
from realizefs.store.hashing import hash_bytes
from realizefs.store.inodes import InodeAllocator
from realizefs.store.schema import GLOBAL_SCHEMA
from realizefs.sync.apply import apply_row
from realizefs.sync.arena import Arena
from realizefs.sync.background import Background
from realizefs.sync.batch import Batch
from realizefs.sync.engine import decide_page

ARENA = ArenaId(b"the arena's id!!")
ME, PEER = PeerId(1), PeerId(2)
MTIME_NS = 1_600_000_000_123_456_789
CACHE_BYTES = 8 * MIB
SETTLED_SECONDS = 60
"""After which it isn't going to happen any more."""


class SkippingClock:
    """The machine's clock, and a wall clock that can be set forward."""

    ahead_ns = 0

    def now(self) -> float:
        return time.monotonic()

    def wall_ns(self) -> int:
        return time.time_ns() + self.ahead_ns

    def skip(self, seconds: float) -> None:
        self.ahead_ns += int(seconds * 1e9)


@dataclass(eq=False, slots=True)
class _Link:
    """A connected peer that sends what it is asked for."""

    contents: dict[Digest, bytes]
    name: str = "peer"
    peer: PeerId = PEER
    busy: int = 0
    rate: float = 0.0
    payload_at: float = 0.0
    hello: Hello = field(default_factory=lambda: Hello(1, (), PEER, "peer", (ARENA,)))

    async def read(
        self, _: object, __: bytes, digest: Digest, start: int, length: int, ___: object = None
    ) -> bytes:
        await trio.lowlevel.checkpoint()
        return self.contents[digest][start : start + length]

    async def pin(self, _: object, __: bytes, ___: Digest) -> None:
        await trio.lowlevel.checkpoint()

    async def read_blocks(
        self, _: object, __: bytes, digest: Digest, start: int = 0, length: int = 0
    ) -> bytes:
        await trio.lowlevel.checkpoint()
        content = self.contents[digest]
        return block_list(content) + content[start : start + length]


def block_list(content: bytes) -> bytes:
    """The digests of the blocks of a content that has more than one."""
    if len(content) <= BLOCK_BYTES_MIN:
        return b""
    starts = range(0, len(content), BLOCK_BYTES_MIN)
    return b"".join(hash_bytes(content[at : at + BLOCK_BYTES_MIN]) for at in starts)


def file_version(content: bytes, counter: int = 1, **changes: Any) -> Version:
    """A version that the peer made."""
    blocks = block_list(content)
    version = Version(
        Kind.FILE,
        hash_bytes(content),
        hash_bytes(blocks) if blocks else NO_DIGEST,
        len(content),
        MTIME_NS + counter,
        0o644,
        vector=vector_of({PEER: counter}),
        author=PEER,
    )
    return replace(version, **changes)


@dataclass(eq=False)
class World:
    """The arena below `directory`, open or not."""

    directory: Path
    clock: SkippingClock = field(default_factory=SkippingClock)
    contents: dict[Digest, bytes] = field(default_factory=dict)
    mark: Mark = Mark.WATCH
    cache: int = CACHE_BYTES
    kept: dict[str, Any] = field(default_factory=dict)
    """what a scenario's preparation leaves for its act"""

    _opened: Any = None
    global_env: Any = None
    _writes: int = 0

    @property
    def root(self) -> Path:
        return self.directory / "root"

    @property
    def state(self) -> Path:
        return self.root / ".realize"

    @property
    def is_open(self) -> bool:
        return self._opened is not None

    @property
    def arena(self) -> Arena:
        arena: Arena = self._opened.arena
        return arena

    @property
    def store(self) -> ArenaStore:
        return self.arena.store

    @contextmanager
    def open(self) -> Iterator[None]:
        """As the daemon does; closed without saving what isn't saved."""
        self.state.mkdir(parents=True, exist_ok=True)
        self.global_env = Environment(self.directory / "global", GLOBAL_SCHEMA)
        parts = SimpleNamespace(
            allocator=InodeAllocator(self.global_env),
            identity=SimpleNamespace(peer=ME),
            clock=self.clock,
            roster=SimpleNamespace(all=tuple),
            background=Background(self.clock),
            upgrade=Upgrade.MIGRATE,
        )
        cache = CacheConfig(max=Amount(self.cache), leave=Amount(0))
        config = ArenaConfig("arena", ARENA, self.root, self.mark, cache)
        self._opened = opening.opener(cast(Parts, parts), "me")(config)
        self.store.tree._number = None  # so that ME is who counts in version vectors
        links = self.arena.context.links
        setattr(links, "holding", lambda *_: [_Link(self.contents)])  # noqa: B010 - mypy
        try:
            yield
        finally:
            opened, self._opened = self._opened, None
            opened.close()
            self.global_env.close()

    @asynccontextmanager
    async def stepping(self) -> AsyncIterator[None]:
        """The parts that act when they are told to, so that every run takes the same steps."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.arena.context.writer.run)
            await nursery.start(self.arena.fetcher.run)
            yield
            nursery.cancel_scope.cancel()

    async def settle(self) -> None:
        """Run the whole arena until there is nothing left to do."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self.arena.run)
            with trio.move_on_after(SETTLED_SECONDS):
                await self.arena.scanner.scanned.wait()
                while self._busy():  # noqa: ASYNC110 - being idle rings no bell
                    await trio.sleep(0.005)
                nursery.cancel_scope.cancel()
                return
            raise AssertionError(f"not within {SETTLED_SECONDS} s; {self.unsettled()}")

    def _busy(self) -> bool:
        status = self.arena.status()
        return bool(status["pending"] or status["jobs"] or self.arena.scanner._due)

    def unsettled(self) -> str:
        """What there is still to do."""
        with self.store.env.read() as txn:
            decisions = list(self.store.decisions.all(txn))
            dirty = self.store.dirty.take(txn, 10)
        return f"left: {decisions} {dirty} {self.arena.scanner._due}"

    # -- what happens --------------------------------------------------------------------------

    def write(self, path: str, content: bytes) -> Path:
        """A user writes a file in the root."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        self._writes += 1
        os.utime(target, ns=(MTIME_NS, MTIME_NS + self._writes))
        return target

    async def index(self) -> None:
        """The scanner finds what users did."""
        await self.arena.scanner._scan_all()

    async def peer_tells(self, path: str, version: Version, held: Held = Held.OWN) -> Version:
        """A row of the peer's history arrives; what the path's version is then."""

        def apply(batch: Batch) -> Version:
            row = Row(path.encode(), version, held)
            apply_row(batch, row, PEER, self.arena.context.renames)
            entry = self.store.tree.entry_at(batch.txn, path.encode())
            assert entry is not None
            return entry.version

        await trio.to_thread.run_sync(self.store.inodes.ensure, 8)
        return await self.arena.context.commit(apply)

    async def peer_has(self, path: str, content: bytes, counter: int = 1) -> Version:
        """The peer tells of a file with that content and sends it when asked."""
        version = file_version(content, counter)
        self.contents[version.hash] = content
        return await self.peer_tells(path, version)

    async def set_mark(self, path: str, mark: Mark) -> None:
        await self.arena.set_mark(self.arena.resolve(path.encode()), mark)

    async def work(self) -> None:
        """Decide and carry out, one after the other, until nothing is dirty."""
        while (todo := await decide_page(self.arena.context)) is not None:
            for ino in todo:
                await self.arena.jobs._attempt(ino)

    async def work_again(self) -> None:
        """Long afterwards: whatever failed is tried again."""
        self.clock.skip(24 * 3600)
        with self.store.env.read() as txn:
            waiting = [ino for ino, _ in self.store.decisions.all(txn)]
        for ino in waiting:
            await self.arena.jobs._attempt(ino)
        await self.work()

    async def check(self, *, repair: bool, deep: bool) -> Report:
        """`realizefs check` where no daemon runs."""
        report: Report = await self._opened.check(Report("arena"), repair=repair, deep=deep)
        return report

    # -- what is there -------------------------------------------------------------------------

    def ino(self, path: str) -> Inode:
        entry = self.entry(path)
        assert entry is not None, f"{path} is in the index"
        return entry.ino

    def entry(self, path: str) -> Entry | None:
        with self.store.env.read() as txn:
            return self.store.tree.entry_at(txn, path.encode())

    def native(self, path: str) -> bytes | None:
        """The content of the real file; None if there is none."""
        target = self.root / path
        if target.is_symlink():
            return os.readlink(os.fsencode(target))
        return target.read_bytes() if target.is_file() else None

    def cached(self, path: str) -> bytes | None:
        """What the cache has of the current version, all of it and verified; else None."""
        with self.store.env.read() as txn:
            entry = self.store.tree.entry_at(txn, path.encode())
            row = self.store.blobs.find(txn, entry.ino) if entry is not None else None
        if entry is None or row is None or not row.verified or row.hash != entry.version.hash:
            return None
        file = self.state / "blobs" / os.fsdecode(self.store.blobs.moves.file_name(row.id))
        return file.read_bytes() if file.exists() else None

    def blob_files(self) -> list[Path]:
        """The files of all blobs."""
        return [one for one in (self.state / "blobs").rglob("*") if one.is_file()]

    def trash(self) -> list[bytes]:
        """The contents in the trash."""
        found = (one for one in (self.state / "trash").rglob("*") if one.is_file())
        return sorted(one.read_bytes() for one in found)

    def lost_and_found(self) -> list[bytes]:
        """The contents that a repair has put away."""
        return sorted(one.read_bytes() for one in (self.state / "lost+found").glob("*"))

    def errors(self) -> list[str]:
        """The reasons that failed jobs were given."""
        with self.store.env.read() as txn:
            return [one.error for _, one in self.store.decisions.all(txn) if one.error]
