"""A simulated household: replicas, wires, and a plan that happens to them, in one thread.

Time is virtual and jumps; tasks take turns by a seeded chance; so a plan always runs alike. At the
end everybody is started and connected, without faults, and when nothing happens any more `judge`
looks at what has become of it all.
"""

import logging
import os
import random
import shutil
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, cast

import trio
import trio.testing

from realizefs.model.errors import RealizeError
from realizefs.model.marks import Mark
from realizefs.sync import forgetting, told_seen
from realizefs.sync.following import Following
from tests.fakes.in_memory import TMPFS
from tests.sim.deeds import ANCHOR, do, unmark
from tests.sim.judge import Judge
from tests.sim.plan import Deed, Plan
from tests.sim.process import CURRENT, NEVER, effects_counted, effects_watched
from tests.sim.replica import Replica
from tests.sim.user import User
from tests.sim.wire import Wire

log = logging.getLogger(__name__)

FAULTS = 0.05
"""The chance of each fault of a message on a faulty wire."""

FORGET_SECONDS, SEEN_SECONDS = 0.4, 0.1
"""Virtual seconds between rounds of forgetting tombstones, and between what is told of what was seen,
where that is to happen within a run."""

FORGOTTEN_SECONDS = 10.0
"""Virtual seconds until all has been forgotten, once nothing else happens."""

MOVING = {"ftruncate", "remove", "rename", "renameat2", "replace", "unlink"}

SETTLE_SECONDS = 5.0
SETTLED_AFTER_MAX = 400.0
"""Virtual seconds in which a household that can talk must come to rest: several times the longest
wait that a failed job of a short run has."""


class World:
    """One run."""

    def __init__(self, plan: Plan, directory: Path) -> None:
        self.plan = plan
        self.chance = Random(plan.seed)
        self.directory = directory
        self.replicas = [
            Replica(number, directory / f"p{number}", Mark(mark), skew, plan.min_copies)
            for number, (mark, skew) in enumerate(zip(plan.marks, plan.skews, strict=True))
        ]
        self.judge = Judge(self.replicas, plan.min_copies)
        self.users = [
            User(
                one,
                self.judge.wrote,
                self.judge.replaced,
                self.judge.moved,
                self.judge.doubted,
                self.judge.touched if plan.forgets else lambda seen, user: None,
                self._say,
            )
            for one in self.replicas
        ]
        self.cut: set[tuple[int, int]] = set()
        self.faulty: set[tuple[int, int]] = set()
        self.wires: dict[tuple[int, int], Wire] = {}
        self.changed = trio.Event()
        self.nursery: trio.Nursery
        self.log: list[str] = []
        self.written = count(1)

    async def run(self) -> None:
        """Raises AssertionError with what is wrong."""
        async with trio.open_nursery() as nursery:
            self.nursery = nursery
            for one in self.replicas:
                await self._start(one, NEVER)
            pairs = [
                (a, b) for a in range(len(self.replicas)) for b in range(a + 1, len(self.replicas))
            ]
            for pair in pairs:
                nursery.start_soon(self._connect_forever, pair)
            await self.users[0].make_directory(ANCHOR)
            await trio.sleep(1.0)
            for deed in self.plan.deeds:
                await trio.sleep(deed.wait)
                await self._do(deed)
            await self._heal_all(pairs)
            await self._settle()
            await trio.sleep(FORGOTTEN_SECONDS if self.plan.forgets else 0.0)
            await self.judge.at_the_end(
                self.users, everybody_connected=self.plan.mesh, forgets=self.plan.forgets
            )
            for one in self.replicas:
                one.process.die()
            nursery.cancel_scope.cancel()

    def look(self, effect: str) -> None:
        """Before an effect of anybody by which a copy goes from where it is."""
        if effect in MOVING:
            self.judge.audit(f"before {effect} at {trio.current_time():.4f}")

    def _say(self, what: str) -> None:
        self.log.append(f"{trio.current_time():9.4f} {what}")
        log.info("%s", self.log[-1])

    # -- what happens ---------------------------------------------------------------------------

    async def _do(self, deed: Deed) -> None:
        self.judge.audit(f"before {deed}")
        if deed.kind not in ("write", "write by a program"):
            self._say(f"{deed}")
        replica = self.replicas[deed.where % len(self.replicas)]
        user = self.users[replica.number]
        deeds: dict[str, Callable[[Replica, User, Deed], Any]] = {
            "crash": self._crash,
            "start": self._start_again,
            "cut": self._cut,
            "heal": self._heal,
            "faults": self._faults,
            "back up": self._back_up,
            "restore": self._restore,
            "lose the database": self._lose_database,
        }
        if deed.kind == "unmark everywhere":
            await self._unmark_everywhere(user, deed)
        elif deed.kind in deeds:
            await deeds[deed.kind](replica, user, deed)
        elif replica.running:
            self.nursery.start_soon(self._as_user, replica, partial(do, user, deed, self.written))
            await trio.lowlevel.checkpoint()

    async def _unmark_everywhere(self, user: User, deed: Deed) -> None:
        """All who know of a file let go of it, at the same instant."""
        files = user.files() if user.replica.running else []
        for one in self.replicas if files else []:
            if one.running:
                path = files[deed.pick % len(files)][0]
                unmarking = partial(unmark, self.users[one.number], path)
                self.nursery.start_soon(self._as_user, one, unmarking)
        await trio.lowlevel.checkpoint()

    async def _as_user(self, replica: Replica, doing: Callable[[], Awaitable[None]]) -> None:
        """In a task of its own: what waits for a peer keeps nobody else from working."""
        CURRENT.set(replica.process)
        with trio.CancelScope() as scope:
            replica.nursery.start_soon(self._cancel_with, replica, scope)
            try:
                await doing()
            except (RealizeError, OSError) as error:
                self.log.append(f"{replica.name}: {error}")

    async def _cancel_with(self, replica: Replica, scope: trio.CancelScope) -> None:
        await replica.process.died.wait()
        scope.cancel()

    # -- processes and disks --------------------------------------------------------------------

    async def _start(self, replica: Replica, fuse: int) -> None:
        await replica.ended.wait()
        if not replica.ended.is_set():
            return  # somebody else was quicker
        replica.new_process(fuse)
        cards = [one.card for one in self.replicas if one is not replica]
        self.nursery.start_soon(replica.live, cards)
        while not replica.running and not replica.process.dead:  # noqa: ASYNC110 - or it dies
            await trio.sleep(0.01)
        self._ring()

    async def _crash(self, replica: Replica, user: User, deed: Deed) -> None:
        """Now, or after a few more effects."""
        if deed.pick % 3 == 0:
            replica.process.die()
        else:
            replica.process.fuse = replica.process.effects + deed.pick % 200
        await trio.lowlevel.checkpoint()

    async def _start_again(self, replica: Replica, user: User, deed: Deed) -> None:
        if replica.process.dead:
            await self._start(replica, deed.pick % 300 if deed.pick % 4 == 0 else NEVER)

    async def _stopped(self, replica: Replica) -> None:
        replica.process.die()
        await replica.ended.wait()

    async def _back_up(self, replica: Replica, user: User, deed: Deed) -> None:
        replica.make_backup(self.directory / f"backup {replica.number}")

    async def _restore(self, replica: Replica, user: User, deed: Deed) -> None:
        if replica.backup is not None:
            await self._stopped(replica)
            self.judge.before_loss(replica)
            replica.restore()
            self.judge.after_loss(replica)
            self.judge.came_back(replica)
            await self._start(replica, NEVER)

    async def _lose_database(self, replica: Replica, user: User, deed: Deed) -> None:
        await self._stopped(replica)
        self.judge.before_loss(replica)
        replica.lose_database()
        self.judge.after_loss(replica)
        await self._start(replica, NEVER)

    # -- wires ----------------------------------------------------------------------------------

    def _pair(self, deed: Deed) -> tuple[int, int]:
        a = deed.where % len(self.replicas)
        b = (a + 1 + deed.pick % (len(self.replicas) - 1)) % len(self.replicas)
        return min(a, b), max(a, b)

    async def _cut(self, replica: Replica, user: User, deed: Deed) -> None:
        """One wire, or all of a replica."""
        pairs = {self._pair(deed)}
        if deed.other % 3 == 0:
            pairs = {
                (min(a, replica.number), max(a, replica.number)) for a in self._others(replica)
            }
        self.cut |= pairs
        for pair in pairs:
            if pair in self.wires:
                self.wires[pair].cut()

    def _others(self, replica: Replica) -> list[int]:
        return [one.number for one in self.replicas if one is not replica]

    async def _heal(self, replica: Replica, user: User, deed: Deed) -> None:
        self.cut = {pair for pair in self.cut if replica.number not in pair}
        self._ring()

    async def _faults(self, replica: Replica, user: User, deed: Deed) -> None:
        self.faulty ^= {self._pair(deed)}

    def _ring(self) -> None:
        self.changed.set()
        self.changed = trio.Event()

    async def _connect_forever(self, pair: tuple[int, int]) -> None:
        one, other = (self.replicas[number] for number in pair)
        while True:
            if pair in self.cut or not one.running or not other.running:
                with trio.move_on_after(1.0):
                    await self.changed.wait()
                continue
            wire = Wire(self.chance, lambda: FAULTS if pair in self.faulty else 0.0, self.nursery)
            here, there = wire.ends(
                (one.certificate, one.process), (other.certificate, other.process)
            )
            self.wires[pair] = wire
            one.carry(here, dialled=True)
            other.carry(there, dialled=False)
            while not wire.is_cut:
                await trio.sleep(0.5)
                if one.process is not here._process or other.process is not there._process:
                    wire.cut()
            await trio.sleep(self.chance.uniform(0.05, 0.5))

    # -- the end --------------------------------------------------------------------------------

    async def _heal_all(self, pairs: list[tuple[int, int]]) -> None:
        """Everybody lives; all are connected with all, or just so that each reaches each."""
        for one in self.replicas:
            if one.process.fuse != NEVER and not one.process.dead:
                one.process.fuse = NEVER
            if one.process.dead:
                await self._start(one, NEVER)
        self.faulty.clear()
        for wire in self.wires.values():
            wire.cut()
        self.cut = set() if self.plan.mesh else set(pairs) - self._tree()
        self._ring()

    def _tree(self) -> set[tuple[int, int]]:
        numbers = list(range(len(self.replicas)))
        self.chance.shuffle(numbers)
        edges = set()
        for place in range(1, len(numbers)):
            a, b = numbers[place], numbers[self.chance.randrange(place)]
            edges.add((min(a, b), max(a, b)))
        return edges

    async def _settle(self) -> None:
        """Until nothing has changed for a while and nothing is about to."""
        before: object = None
        with trio.move_on_after(SETTLED_AFTER_MAX):
            while True:
                await trio.sleep(SETTLE_SECONDS)
                now = self.judge.state()
                if now is not None and now == before and self.judge.at_rest():
                    return
                before = now
        raise AssertionError(f"it never comes to rest: {self.judge.unrest()}")


def run(plan: Plan) -> World:
    """Run a plan; AssertionError if a rule is broken."""
    with TemporaryDirectory(prefix="realizefs-sim-", dir=TMPFS) as directory:
        with effects_counted(), _deterministic(plan):
            world = World(plan, Path(directory))
            watch = effects_watched(world.look) if plan.watched else nullcontext()
            try:
                with watch:
                    trio.run(world.run, clock=trio.testing.MockClock(autojump_threshold=0))
            finally:
                shutil.rmtree(directory, ignore_errors=True)
                Path(directory).mkdir()
    return world


class _deterministic:  # noqa: N801 - reads as a word
    """Tasks take turns by a seeded chance, which numbers databases, too, and nobody has inotify. What is
    left is the order of sets of bytes: `scripts/simulate.py` runs with the same one every time."""

    def __init__(self, plan: Plan) -> None:
        self._seed = plan.seed
        soon = (FORGET_SECONDS, SEEN_SECONDS)
        self._soon = soon if plan.forgets else (forgetting.FORGET_SECONDS, told_seen.SEEN_SECONDS)

    def __enter__(self) -> None:
        self._run = cast("Any", trio._core._run)
        self._was = self._run._ALLOW_DETERMINISTIC_SCHEDULING
        self._run._ALLOW_DETERMINISTIC_SCHEDULING = True
        self._run._r.seed(self._seed)
        self._urandom = os.urandom
        cast("Any", random)._urandom = os.urandom = Random(self._seed).randbytes
        self._watch = Following.begin
        setattr(Following, "begin", _watch_nothing)  # noqa: B010 - mypy
        self._late = forgetting.FORGET_SECONDS, told_seen.SEEN_SECONDS
        forgetting.FORGET_SECONDS, told_seen.SEEN_SECONDS = self._soon

    def __exit__(self, *_: object) -> None:
        self._run._ALLOW_DETERMINISTIC_SCHEDULING = self._was
        cast("Any", random)._urandom = os.urandom = self._urandom
        setattr(Following, "begin", self._watch)  # noqa: B010 - mypy
        forgetting.FORGET_SECONDS, told_seen.SEEN_SECONDS = self._late


async def _watch_nothing(following: Following) -> None:
    """What changes is said by whoever changes it, or found by a scan."""
    following._context.watching = "Nothing is watched in a simulation."
    await trio.lowlevel.checkpoint()
