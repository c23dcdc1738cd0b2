"""What an arena's jobs are at: what is carried out, what waits and why, and how long the queues are.

Blocking, for worker threads: a few LMDB reads for each job that is shown, and none for the others,
however many there are.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice, takewhile

from realizefs.core.counting import CacheCounts
from realizefs.model.decisions import Action, Decision
from realizefs.model.entries import Entry
from realizefs.model.ids import Inode
from realizefs.model.paths import show
from realizefs.store.txn import Txn
from realizefs.sync.background import said
from realizefs.sync.context import Context
from realizefs.sync.describe import ACTION_NAMES, holders, ranges_here

COUNTED_MAX = 10_000
"""Rows that are counted one by one, in 10 ms; beyond that a queue is only said to be so long."""

AWAITED_LOOKED_AT = 10
"""Of what waits for a peer: what came together mostly waits for the same."""


@dataclass(frozen=True, slots=True)
class Queues:
    """How many: `dirty` to be decided, `decisions` in all, of which `due` wait for their turn (COUNTED_MAX at most),
    `for_peer` once one connects, `held` once somebody approves (COUNTED_MAX at most), and `backoff`
    at some time; `running` are carried out."""

    dirty: int = 0
    decisions: int = 0
    running: int = 0
    due: int = 0
    for_peer: int = 0
    held: int = 0
    backoff: int = 0


@dataclass(frozen=True, slots=True)
class Job:
    """`here` of `size` bytes are here. `state`: running, ready, peer, backoff, approval or paused;
    `why` the rest of a sentence that begins with "It waits", "" for what runs. `retry_ns` in
    wall-clock nanoseconds, None where it isn't the clock that is waited for."""

    path: bytes
    action: str
    size: int
    here: int
    state: str
    why: str = ""
    attempts: int = 0
    retry_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """Some of the jobs: those that run, then as they are due. `failure`: why the one failed that is tried
    again soonest, a sentence, "" for none; `awaited`: peers that have what some of those wait for that
    wait for a peer, by name."""

    queues: Queues
    cache: CacheCounts
    jobs: tuple[Job, ...]
    failure: str = ""
    awaited: tuple[str, ...] = ()


def work(context: Context, limit: int) -> Work:
    """At this moment, with `limit` jobs at most."""
    decisions, running = context.store.decisions, dict(context.running)
    with context.store.env.read() as txn:
        found: list[Job] = []
        waiting = chain(
            (ino for _, ino in decisions.by_time(txn) if ino not in running),
            decisions.for_a_peer(txn),
        )
        for ino in islice(chain(running, waiting), limit):
            with suppress(FileNotFoundError):  # done since, or its file is gone
                found.append(_job(context, txn, ino, is_running=ino in running))
        return Work(
            _queues(context, txn, running),
            context.store.blobs.counts,
            tuple(found),
            _failure(context, txn),
            _awaited(context, txn),
        )


def _failure(context: Context, txn: Txn) -> str:
    decisions = context.store.decisions
    ino = decisions.failed(txn, context.clock.wall_ns())
    failed = None if ino is None else decisions.get(txn, ino)
    return "" if failed is None else failed.error


def _awaited(context: Context, txn: Txn) -> tuple[str, ...]:
    if context.wait() is not None:
        return ()  # what is put off is stored as if it waited for a peer
    waiting = islice(context.store.decisions.for_a_peer(txn), AWAITED_LOOKED_AT)
    entries = (context.store.tree.entry(txn, ino) for ino in waiting)
    names = {name for entry in entries if entry for name, _ in holders(context, txn, entry)}
    return tuple(sorted(names))


def _queues(context: Context, txn: Txn, running: Mapping[Inode, Action]) -> Queues:
    store, now = context.store, context.clock.wall_ns()
    every, for_peer = store.decisions.count(txn), store.decisions.waiting(txn)
    by_time = store.decisions.by_time(txn)
    due = max(0, _count(at <= now for at, _ in by_time) - len(running))
    held = _count(True for _ in store.decisions.held(txn))
    return Queues(
        dirty=store.dirty.count(txn),
        decisions=every,
        running=len(running),
        due=due,
        for_peer=for_peer,
        held=held,
        backoff=max(0, every - for_peer - due - held - len(running)),
    )


def _count(rows: Iterator[bool]) -> int:
    """Those before the first that doesn't count."""
    return sum(takewhile(bool, islice(rows, COUNTED_MAX)))


def _job(context: Context, txn: Txn, ino: Inode, *, is_running: bool) -> Job:
    store = context.store
    entry, decision = store.tree.entry(txn, ino), store.decisions.get(txn, ino)
    path = context.names.path(txn, ino)
    if entry is None or decision is None or path is None:
        raise FileNotFoundError
    here = 0
    if decision.action is not Action.UNREALIZE and entry.version.size:
        here = ranges_here(context, store.blobs.find(txn, ino), entry).total()
    state, why = ("running", "") if is_running else _reason(context, txn, entry, decision)
    return Job(
        path,
        ACTION_NAMES[decision.action],
        entry.version.size,
        min(here, entry.version.size),
        state,
        why,
        decision.attempts,
        decision.retry_at_ns if state == "backoff" else None,
    )


def _reason(context: Context, txn: Txn, entry: Entry, decision: Decision) -> tuple[str, str]:
    """What it waits for, as a word and as the end of a sentence."""
    if context.guard.is_held(txn, entry.ino):
        return "approval", "for `realizefs approve`: peers deleted very much"
    if decision.wait_for_peer:
        wait = context.wait()
        if wait is not None:
            return "paused", f"since {said(wait)}"
        names = sorted({show(name.encode()) for name, _ in holders(context, txn, entry)})
        return "peer", f"for {' or '.join(names)}" if names else "for a peer that has it"
    if decision.retry_at_ns > context.clock.wall_ns():
        return "backoff", f"since it failed: {decision.error}"
    return "ready", "for its turn"
