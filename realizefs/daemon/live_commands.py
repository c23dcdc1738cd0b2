"""Commands about what goes on at this moment: metrics and jobs."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import trio

from realizefs.core.counting import Latency
from realizefs.daemon.app import App
from realizefs.daemon.arenas import Slot
from realizefs.daemon.arguments import Arguments
from realizefs.model.control import path_text
from realizefs.sync.background import said
from realizefs.sync.peer_state import PeerState
from realizefs.sync.work import Job, Work

Answer = Mapping[str, object]

JOBS_SHOWN_MAX = 500
"""Jobs of one arena in one answer: with the longest paths Linux has a line has room for 200, and who
has so long ones in so many jobs at once is told that it is too much."""


async def jobs(app: App, _arguments: Arguments) -> list[Answer]:
    """By arena: what is carried out, and what waits and why; those that are nearest first."""
    found: list[Answer] = []
    for slot in app.arenas:
        if slot.opened is not None:
            work = await trio.to_thread.run_sync(slot.arena.work, JOBS_SHOWN_MAX)
            wait = app.parts.background.wait(slot.config.id)
            found.append(
                {
                    "arena": slot.config.name,
                    "waits": said(wait) if wait else None,
                    "queues": asdict(work.queues),
                    "jobs": [_shown(job) for job in work.jobs],
                }
            )
    return found


async def metrics(app: App, _arguments: Arguments) -> Answer:
    """All counters and gauges; counters begin with the process, and only grow."""
    wire = app.parts.household.counters
    return {
        "now_ns": app.parts.clock.wall_ns(),
        "started_ns": app.started_ns,
        "wire": {"bytes_in": wire.bytes_in, "bytes_out": wire.bytes_out},
        "operations": {
            name: _latency(latency) for name, latency in sorted(app.mount_counts.operations.items())
        },
        "processes": [
            {"name": path_text(comm), "reads": reader.reads, "bytes": reader.bytes}
            for comm, reader in app.mount_counts.readers.items()
        ],
        "peers": [peer_line(state) for state in app.parts.household.peers()],
        "arenas": [await _arena(slot) for slot in app.arenas if slot.opened is not None],
    }


def peer_line(state: PeerState) -> dict[str, Any]:
    """A peer: since when it is connected, when it last was, what went to and fro; the others that it says
    it is connected to."""
    return {
        "name": state.name,
        "connected": state.connected,
        "since_ns": state.met.since_ns,
        "seen_ns": state.met.seen_ns,
        "bytes_in": state.met.wire.bytes_in,
        "bytes_out": state.met.wire.bytes_out,
        "links": state.links,
    }


def _latency(latency: Latency) -> Answer:
    return {
        "count": latency.count,
        "failed": latency.failed,
        "seconds": round(latency.seconds, 6),
        "buckets": [count for _, count in latency.cumulated()],
    }


async def _arena(slot: Slot) -> Answer:
    known = slot.arena.status()
    work: Work = await trio.to_thread.run_sync(slot.arena.work, 0)
    sizes = ("files", "bytes", "real_bytes", "cached_bytes", "cache_limit", "kept_bytes")
    return {
        "name": slot.config.name,
        **{name: known.get(name, 0) for name in sizes},
        "cache": {
            "hit_bytes": work.cache.hit,
            "miss_bytes": work.cache.miss,
            "evictions": work.cache.evictions,
            "evicted_bytes": work.cache.evicted,
        },
        "queues": asdict(work.queues),
    }


def _shown(job: Job) -> Answer:
    return {**asdict(job), "path": path_text(job.path)}
