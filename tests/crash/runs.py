"""What a child process does with a scenario: record it, die in it, or go through a fault in it."""

import os
import stat
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import trio

from realizefs.model.errors import RealizeError
from realizefs.model.versions import Kind, Version
from tests.crash import consistency
from tests.crash.consistency import Told
from tests.crash.durability import Unsynced
from tests.crash.moving import work
from tests.crash.points import Die, Fail, Tracer
from tests.crash.scenario import CONTENTS, Scenario
from tests.crash.scenarios import SCENARIOS
from tests.crash.world import World

Report = dict[str, Any]

ATTEMPT_SECONDS = 60
DAY_NS = 24 * 3600 * 10**9


def new_world(name: str, directory: Path) -> World:
    scenario = SCENARIOS[name]
    return World(directory, contents=dict(CONTENTS), mark=scenario.mark, cache=scenario.cache_bytes)


async def _start(world: World, scenario: Scenario, tracer: Tracer, plan: Die | Fail | None) -> None:
    """Prepare; from here on steps count."""
    await scenario.prepare(world)
    await trio.to_thread.run_sync(world.store.blobs.flush)
    if scenario.meddle is not None:
        point, work = scenario.meddle

        def meddle() -> None:
            work(world)
            _meddled(world).touch()

        tracer.meddlers[point] = meddle
    tracer.arm(plan)


# -- recording, and dying --------------------------------------------------------------------


def act(name: str, directory: Path, tracer: Tracer, plan: Die | None) -> Report:
    """Do the scenario; the points it went through, if it comes to its end."""
    scenario, world = SCENARIOS[name], new_world(name, directory)

    async def main() -> None:
        async with world.stepping():
            await _start(world, scenario, tracer, plan)
            await scenario.act(world)
            tracer.disarm()

    with world.open():
        trio.run(main)
    return {"points": [step.point for step in tracer.steps]}


def again(name: str, directory: Path, tracer: Tracer, plan: Die, day: int) -> Report:
    """Start, find what is there, and do the scenario, which is prepared on day 0 only. A day later
    whatever failed is tried again."""
    scenario, world = SCENARIOS[name], new_world(name, directory)

    async def main() -> None:
        async with world.stepping():
            if day:
                await world.index()
                tracer.arm(plan)
            else:
                await _start(world, scenario, tracer, plan)
            await scenario.act(world)
            tracer.disarm()

    world.clock.skip(day * DAY_NS // 10**9)
    with world.open():
        trio.run(main)
    return {}


def order(name: str, directory: Path, tracer: Tracer, plan: Fail | None) -> Report:
    """Do the scenario; what a power failure at any of its commits would have made untrue."""
    scenario, world = SCENARIOS[name], new_world(name, directory)

    async def main() -> Unsynced:
        async with world.stepping():
            await _start(world, scenario, tracer, plan)
            unsynced = Unsynced(world)
            tracer.watch, tracer.watch_failed = unsynced.watch, unsynced.watch_failed
            await _attempt(world, scenario)
            await world.work_again()
            tracer.disarm()
            return unsynced

    with world.open():
        unsynced = trio.run(main)
    return {
        "problems": unsynced.breaches,
        "commits": unsynced.commits,
        "failed": tracer.failed,
    }


def go_on(name: str, directory: Path, tracer: Tracer) -> Report:
    """Start after whatever happened; what is wrong at once, and what it is like in the end."""
    scenario, world = SCENARIOS[name], new_world(name, directory)
    told = Told(world, scenario.deleted)
    tracer.committed = told.look
    found: list[str] = []

    async def once_more() -> None:
        async with world.stepping():
            await scenario.act(world)

    world.clock.skip(7 * 24 * 3600)  # whatever failed is tried again
    if scenario.repairs:
        with world.open():
            trio.run(once_more)
    with world.open():
        found += consistency.problems(world)
        found += _after_start(world, scenario)
        trio.run(world.settle)
        if scenario.act is work:  # the engine has done it
            return _in_the_end(world, scenario, [*found, *told.problems()])
    with world.open():
        trio.run(once_more)
    with world.open():
        trio.run(world.settle)
        return _in_the_end(world, scenario, [*found, *told.problems()])


def _in_the_end(world: World, scenario: Scenario, found: list[str]) -> Report:
    found += (f"at the end, {one}" for one in consistency.problems_at_rest(world))
    found += (f"at the end, {one}" for one in _after_start(world, scenario))
    state = snapshot(world) if scenario.meddle is None else {}
    gone = list(_not_in_root(world, scenario))
    return {"problems": found, "state": state, "not in root": gone}


def _after_start(world: World, scenario: Scenario) -> Iterator[str]:
    yield from consistency.unfinished(world)
    yield from _whole(world)
    yield from _lost(world, scenario, set())


def _whole(world: World) -> Iterator[str]:
    """Each real file is one content, and no blob's file as well."""
    for path in _native(world):
        if path.is_symlink() or not path.is_file():
            continue
        if path.read_bytes() not in CONTENTS.values():
            yield f"{path.name} has a content that nobody made"
        if path.stat().st_nlink != 1:
            yield f"{path.name} has {path.stat().st_nlink} names"


def _lost(world: World, scenario: Scenario, elsewhere: set[bytes]) -> Iterator[str]:
    """Contents that neither root nor trash nor cache has."""
    held = {path.read_bytes() for path in _native(world) if path.is_file()}
    held |= {*world.trash(), *world.lost_and_found()} | elsewhere
    held |= {one for one in map(world.cached, _paths(world)) if one is not None}
    kept = scenario.kept_after_meddling if _meddled(world).exists() else scenario.kept
    for content in kept:
        if content not in held:
            yield f"{content[:30]!r} is lost"


def _not_in_root(world: World, scenario: Scenario) -> Iterator[str]:
    """R2: what a program saved meanwhile is an edit, and no trash."""
    held = {path.read_bytes() for path in _native(world) if path.is_file()}
    for content in scenario.kept_after_meddling if _meddled(world).exists() else ():
        if content not in held:
            yield f"{content[:30]!r} isn't in the root any more"


def _meddled(world: World) -> Path:
    """Tells, whoever dies, that the other program was there."""
    return world.directory / "meddled"


def _native(world: World) -> list[Path]:
    return [one for one in world.root.rglob("*") if ".realize" not in one.parts]


def _paths(world: World) -> list[str]:
    return sorted(consistency.versions(world))


def snapshot(world: World) -> Report:
    """What a user finds and peers are told, comparable between runs."""
    natives = {}
    for path in _native(world):
        at = path.lstat()
        what: list[object] = [stat.filemode(at.st_mode)]
        if path.is_symlink():
            what.append(os.readlink(path))
        elif path.is_file():
            what += [_name(path.read_bytes()), _mtime(at.st_mtime_ns)]
        natives[str(path.relative_to(world.root))] = what
    cached = {path: _name(data) for path in _paths(world) if (data := world.cached(path))}
    versions = _ranked(consistency.versions(world))
    told = {path: _shown(version) for path, version in versions.items()}
    trash = sorted({_name(one) for one in world.trash()})
    put_away = [_name(one) for one in world.lost_and_found()]
    return {
        "natives": natives,
        "cached": cached,
        "told": told,
        "trash": trash,
        "lost+found": put_away,
    }


def _ranked(versions: dict[str, Version]) -> dict[str, Version]:
    """Numbers of changes as places in their order: each process begins them anew, far behind."""
    numbers = {pair for version in versions.values() for pair in version.vector}
    ranks = {pair: place for place, pair in enumerate(sorted(numbers), 1)}
    return {
        path: replace(version, vector=tuple((one[0], ranks[one]) for one in version.vector))
        for path, version in versions.items()
    }


def _shown(version: Version) -> str:
    """A directory's mtime is its machine's own business."""
    own = version.kind is Kind.DIRECTORY
    return str(replace(version, mtime_ns=0 if own else _mtime(version.mtime_ns)))


def _mtime(mtime_ns: int) -> int:
    """Comparable between runs: scenarios set all mtimes but those of files that are made today."""
    return 0 if abs(mtime_ns - time.time_ns()) < DAY_NS else mtime_ns


def _name(content: bytes) -> str:
    return f"{content[:20]!r} {len(content)}"


# -- faults ----------------------------------------------------------------------------------


def fail(name: str, directory: Path, tracer: Tracer, plan: Fail, again: bool) -> Report:
    """Do the scenario with a fault; what is wrong right after it, and, with `again`, when it is
    done again without the fault."""
    scenario, world = SCENARIOS[name], new_world(name, directory)
    told = Told(world, scenario.deleted)
    tracer.committed = told.look
    found: list[str] = []
    sentences: list[str] = []

    async def main() -> None:
        async with world.stepping():
            await _start(world, scenario, tracer, plan)
            sentences.extend(await _attempt(world, scenario))
            tracer.disarm()
            found.extend(await _at_once(world, scenario, sound=not scenario.repairs))
            if again:
                await world.index()
                await scenario.act(world)
                await world.work_again()
                found.extend(f"done again, {one}" for one in await _at_once(world, scenario))

    with world.open():
        trio.run(main)
        if again and scenario.meddle is None:
            found += (f"done again, {one}" for one in consistency.problems_at_rest(world))
    found += told.problems()
    return {"problems": found, "told": sentences, "failed": tracer.failed}


async def _attempt(world: World, scenario: Scenario) -> list[str]:
    """The sentences that came of it. Any exception but these two kinds is a fault of ours."""
    told: list[str] = []
    with trio.fail_after(ATTEMPT_SECONDS):
        try:
            await scenario.act(world)
        except (RealizeError, OSError) as error:
            told.append(str(error))
    return told + world.errors()


async def _at_once(world: World, scenario: Scenario, *, sound: bool = True) -> list[str]:
    """What is wrong without a restart, after the flush that comes every second. Where a repair failed
    (not `sound`) nothing need be found by its path yet, but all of it is still on the disk."""
    await trio.to_thread.run_sync(world.store.blobs.flush)
    in_tmp = {one.read_bytes() for one in (world.state / "tmp").rglob("*") if one.is_file()}
    strange = set() if sound else {one.read_bytes() for one in world.blob_files()}
    return [
        *(consistency.problems(world) if sound else ()),
        *_lost(world, scenario, in_tmp | strange),
    ]
