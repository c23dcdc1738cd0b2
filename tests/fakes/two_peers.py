"""Two peers who know each other, as most tests begin: what each owns, and what the other has of it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from realizefs.model.limits import MIB
from realizefs.model.marks import Mark
from tests.fakes.peer import Peer, introduce, introduce_to, running_peer, until, write


@asynccontextmanager
async def two_owners(
    directory: Path, files: Mapping[str, bytes] | None = None
) -> AsyncIterator[tuple[Peer, Peer]]:
    """`a` and `b`, who own all; once introduced `a` gets these files, and both are at rest."""
    async with (
        running_peer(directory / "a", "a", mark=Mark.OWN) as a,
        running_peer(directory / "b", "b", mark=Mark.OWN) as b,
    ):
        await introduce(a, b)
        for path, content in (files or {}).items():
            write(a.root, path, content)
        await until(lambda: (files or {}).keys() <= b.paths() and at_rest(a, b))
        yield a, b


def at_rest(a: Peer, b: Peer) -> bool:
    """Whether both, who own all, have the same, know that of each other, and have nothing to do."""
    for one, other in ((a, b), (b, a)):
        if not one.arena.scanner.scanned.is_set():
            return False
        status, paths = one.arena.status(), one.paths()
        if status["pending"] or status["jobs"] or paths != other.paths():
            return False
        name = other.household.roster.name
        for path in paths:
            seen = one.arena.describe(one.arena.resolve(path.encode()))
            if seen.status != "real" or (name, "own") not in seen.holders:
                return False
    return True


@asynccontextmanager
async def owner_and_watcher(
    directory: Path,
    files: Mapping[str, bytes] | None = None,
    *,
    names: tuple[str, str] = ("a", "b"),
    cache_max: int = 64 * MIB,
) -> AsyncIterator[tuple[Peer, Peer]]:
    """`a`, who owns all and has these files from the beginning, and `b`, who sees them as remote."""
    first, second = names
    for path, content in (files or {}).items():
        write(directory / first / "root", path, content)
    async with (
        running_peer(directory / first, first, mark=Mark.OWN) as owner,
        running_peer(directory / second, second, cache_max=cache_max) as watcher,
    ):
        await introduce_to(owner, watcher)
        await until(lambda: all(watcher.status(path) == "remote" for path in files or {}))
        await until(lambda: all(one.arena.scanner.scanned.is_set() for one in (owner, watcher)))
        yield owner, watcher


def film_on_desk(
    directory: Path, content: bytes, *, cache_max: int = 64 * MIB
) -> AbstractAsyncContextManager[tuple[Peer, Peer]]:
    """A desk that has a file "film", and a lap that sees it as remote."""
    names = ("desk", "lap")
    return owner_and_watcher(directory, {"film": content}, names=names, cache_max=cache_max)
