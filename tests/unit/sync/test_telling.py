"""What the journals of peers tell of what was done at one of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from realizefs.core.telling import AGAIN_NS, EACH_ADDED_MAX
from realizefs.model.journal import What
from realizefs.model.marks import Mark
from realizefs.sync.telling import Wanted, journal
from tests.fakes.clock import SystemClock
from tests.fakes.peer import Peer, introduce, introduce_to, replace, running_peer, until, write

ALL = Wanted()
Line = tuple[str, What, bytes, bytes, int]


class Late(SystemClock):
    """Some time later, when the test says so."""

    later_ns = 0

    def wall_ns(self) -> int:
        return super().wall_ns() + self.later_ns


def lines(peer: Peer, wanted: Wanted = ALL) -> list[Line]:
    with peer.store.env.read() as txn:
        told, _ = journal(peer.store, txn, peer.arena.context.links, wanted)
    return [
        (one.peer, one.event.what, one.event.path, one.event.old, one.event.count) for one in told
    ]


def size_of(peer: Peer, path: str) -> int | None:
    entry = peer.entry(path)
    return entry.version.size if entry is not None else None


def hears(peer: Peer) -> bool:
    return peer.arena.context.heard_all.is_set()


async def until_told(peer: Peer, after: int, wanted: list[Line]) -> None:
    """Wait until its journal has these behind so many lines; fails with what it has."""
    try:
        await until(lambda: lines(peer)[after:] == wanted)
    except AssertionError:
        assert lines(peer)[after:] == wanted, (
            peer.household.roster.name,
            peer.paths(),
            lines(peer),
        )
        raise


@asynccontextmanager
async def acquainted(
    directory: Path, clock: SystemClock | None = None, mark: Mark = Mark.WATCH
) -> AsyncIterator[tuple[Peer, Peer]]:
    """Two that have told each other all that they know."""
    async with (
        running_peer(directory / "a", "a", clock=clock) as a,
        running_peer(directory / "b", "b", clock=clock, mark=mark) as b,
    ):
        await introduce(a, b)
        await until(lambda: hears(a) and hears(b))
        yield a, b


async def test_who_added_changed_renamed_and_deleted_what(tmp_path: Path) -> None:
    clock = Late()
    async with acquainted(tmp_path, clock) as both:
        a, b = both
        write(a.root, "f", b"first")
        for peer in both:
            await until_told(peer, 0, [("a", What.ADDED, b"f", b"", 1)])
        clock.later_ns = AGAIN_NS
        replace(a.root, "f", b"second")
        for peer in both:
            await until_told(peer, 1, [("a", What.CHANGED, b"f", b"", 1)])
        (a.root / "f").rename(a.root / "g")
        for peer in both:
            await until_told(peer, 2, [("a", What.RENAMED, b"g", b"f", 1)])
        await b.arena.remove(b.arena.resolve(b"g"))  # as through a mount: b has no file of it
        for peer in both:
            await until_told(peer, 3, [("b", What.DELETED, b"g", b"", 1)])
        for path in (b"f", b"g"):
            whats = [line[1] for line in lines(b, Wanted(path=path))]
            followed = [What.ADDED, What.CHANGED, What.RENAMED, What.DELETED]
            assert whats == (followed if path == b"g" else followed[:3])
        assert len(lines(b, Wanted(peer=b.identity.peer))) == 1
        assert [line[1] for line in lines(b, Wanted(last=1))] == [What.DELETED]
        assert lines(b, Wanted(since_ns=clock.wall_ns() + 10**9)) == []
        assert lines(b, Wanted(until_ns=1)) == []
        last = clock.wall_ns() + 10**9
        assert lines(b, Wanted(until_ns=last)) == lines(b) != []
    async with running_peer(tmp_path / "b", "b") as b:
        assert len(lines(b)) == 4, "a restart forgets nothing"


async def test_a_file_that_is_written_all_the_time_is_told_once(tmp_path: Path) -> None:
    async with acquainted(tmp_path) as (a, b):
        for number in range(5):
            replace(a.root, "log", b"line\n" * (number + 1))
            size = 5 * number + 5
            await until(lambda size=size: size_of(b, "log") == size)  # type: ignore[misc]
        for peer in (a, b):
            assert lines(peer) == [("a", What.ADDED, b"log", b"", 1)]


async def test_what_a_peer_knew_before_is_one_line(tmp_path: Path) -> None:
    for number in range(EACH_ADDED_MAX):
        write(tmp_path / "a/root", f"d/{number}", b"content")
    async with running_peer(tmp_path / "a", "a") as a:
        await until(lambda: len(a.paths()) == EACH_ADDED_MAX + 1)
        async with running_peer(tmp_path / "b", "b") as b:
            await introduce_to(a, b)
            await until(lambda: b.paths() == a.paths())
            assert lines(b) == [("a", What.HEARD, b"", b"", EACH_ADDED_MAX + 1)]
            write(a.root, "new", b"content")
            await until_told(b, 1, [("a", What.ADDED, b"new", b"", 1)])


async def test_a_renamed_folder_is_one_line(tmp_path: Path) -> None:
    async with acquainted(tmp_path) as both:
        a, b = both
        for number in range(30):
            write(a.root, f"old/{number}", b"content %d" % number)
        await until(lambda: len(b.paths()) == 31)
        before = [len(lines(peer)) for peer in both]
        (a.root / "old").rename(a.root / "new")
        renamed = [("a", What.RENAMED, b"new", b"old", 1)]
        for peer, count in zip(both, before, strict=True):
            await until_told(peer, count, renamed)


async def test_two_edits_at_once_are_a_conflict_on_both_sides(tmp_path: Path) -> None:
    write(tmp_path / "a/root", "plan", b"plan")
    async with acquainted(tmp_path, mark=Mark.OWN) as (a, b):
        await until((b.root / "plan").exists)
        await until(lambda: b.status("plan") == "real")
    for name, content in (("a", b"mine"), ("b", b"ours, and later")):
        replace(tmp_path / name / "root", "plan", content)
    async with acquainted(tmp_path, mark=Mark.OWN) as (a, b):
        for peer in (a, b):

            def conflict(peer: Peer = peer) -> bool:
                return [(line[0], line[3]) for line in lines(peer) if line[1] is What.CONFLICT] == [
                    ("a", b"plan")
                ]

            await until(conflict)


async def test_what_comes_back_from_the_trash_is_restored(tmp_path: Path) -> None:
    async with acquainted(tmp_path, mark=Mark.OWN) as (a, b):
        write(a.root, "f", b"content")
        await until(lambda: b.status("f") == "real")
        (a.root / "f").unlink()
        await until(lambda: not (b.root / "f").exists())
        await b.arena.trashcan.restore(b"f")
        for peer in (a, b):
            await until_told(peer, -1, [("b", What.RESTORED, b"f", b"", 1)])
