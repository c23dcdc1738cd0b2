"""What is told of an arena's jobs and cache: what runs, what waits and why."""

import os
from pathlib import Path

from realizefs.model.background import BackgroundRules, Pause
from realizefs.model.decisions import Action, Decision
from realizefs.model.marks import Mark
from realizefs.sync.background import Background
from realizefs.sync.work import Job, Work
from tests.fakes.clock import SystemClock
from tests.fakes.peer import Peer, introduce, running_peer, until, write


def work(peer: Peer) -> Work:
    return peer.arena.work(10)


async def test_what_waits_for_a_peer_names_it_and_a_pause_says_so(tmp_path: Path) -> None:
    background = Background(SystemClock())
    background.set(BackgroundRules(pause=Pause()))
    async with running_peer(tmp_path / "b", "b", mark=Mark.OWN, background=background) as b:
        async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
            for number in range(20):
                write(a.root, f"{number}", b"x" * 1000)
            await introduce(a, b)
            await until(lambda: work(b).queues.for_peer == 20)
            told = work(b)
            assert len(told.jobs) == 10
            assert {(job.state, job.action, job.size) for job in told.jobs} == {
                ("paused", "Realize", 1000)
            }
            assert told.jobs[0].why == "since somebody has paused it"
            assert told.queues.decisions == 20
            assert told.queues.running == told.queues.backoff == told.queues.held == 0
        background.set(BackgroundRules())
        await until(lambda: {job.state for job in work(b).jobs} == {"peer"})
        assert work(b).jobs[0].why == "for a"


async def test_what_failed_says_how_and_until_when_it_waits(tmp_path: Path) -> None:
    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
        write(a.root, "file", b"x" * 1000)
        await until(lambda: "file" in a.paths())
        ino, decisions = a.arena.resolve(b"file"), a.store.decisions
        digest = a.arena.describe(ino).hash
        later = SystemClock().wall_ns() + 3600 * 10**9
        failed = Decision(Action.REALIZE, digest, 3, later, error="The disk is full.")
        await a.arena.context.commit(lambda batch: decisions.set(batch.txn, ino, failed))
        told = work(a)
        assert (told.queues.backoff, told.queues.due, told.queues.decisions) == (1, 0, 1)
        assert told.jobs == (
            Job(
                *(b"file", "Realize", 1000, 0, "backoff", "since it failed: The disk is full."),
                attempts=3,
                retry_ns=later,
            ),
        )


async def test_bytes_that_programs_read_are_hits_or_misses(tmp_path: Path) -> None:
    async with (
        running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a,
        running_peer(tmp_path / "b", "b") as b,
    ):
        content = os.urandom(300_000)
        write(a.root, "file", content)
        await introduce(a, b)
        await until(lambda: "file" in b.paths())
        assert await b.read("file", 0, 1000) == content[:1000]
        cache = work(b).cache
        assert (cache.hit, cache.miss) == (0, 1000)
        await until(lambda: b.arena.store.blobs.usage() > 0)
        ino = b.arena.resolve(b"file")
        await until(lambda: b.arena.describe(ino).status != "remote")
        await until(lambda: not b.arena.context.arriving(ino, b.arena.describe(ino).hash))
        assert await b.read("file", 0, 1000) == content[:1000]
        assert (cache.hit, cache.miss) == (1000, 1000)
        a_seen = b.household.acquaintances.of(a.household._identity.peer)
        assert a_seen.since_ns is not None
        assert a_seen.wire.bytes_in > 1000
        assert a_seen.wire.bytes_out > 0
