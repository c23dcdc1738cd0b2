"""A check of an arena that runs, an emptied root, and a peer whose database is another one."""

import shutil
from pathlib import Path

import pytest

from realizefs.model.decisions import Action, Decision
from realizefs.model.errors import RootGone
from realizefs.model.findings import Report
from realizefs.model.marks import Mark
from realizefs.model.versions import Held
from realizefs.store.inodes import InodeAllocator
from realizefs.store.keys import pack_u64
from realizefs.store.schema import HISTORY, MARK
from realizefs.sync.checking import Checking
from realizefs.sync.loss import accept, assess
from realizefs.sync.presence import check_present
from tests.fakes.peer import Peer, introduce, running_peer, until, write


async def check(peer: Peer, *, repair: bool = False, deep: bool = False) -> Report:
    allocator: InodeAllocator = peer.store.inodes._allocator
    return await Checking(peer.arena, allocator).run(Report("arena"), repair=repair, deep=deep)


async def test_a_check_beside_work_finds_nothing(tmp_path: Path) -> None:
    """Files come, change and go meanwhile; rows and disk never agree at one moment."""
    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
        async with running_peer(tmp_path / "b", "b", mark=Mark.KEEP) as b:
            await introduce(a, b)
            for turn in range(3):
                for number in range(60):
                    write(a.root, f"d{number % 7}/{number}", b"%d %d" % (turn, number) * 50)
                for peer in (a, b):
                    report = await check(peer, deep=True)
                    assert [finding.sentence for finding in report.findings] == []
            await until(lambda: len(b.paths()) == 67)


async def test_a_repair_beside_work_is_announced(tmp_path: Path) -> None:
    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
        write(a.root, "file", b"content")
        await until(lambda: a.entry("file"))
        entry = a.entry("file")
        assert entry is not None

        def break_it() -> None:
            with a.store.env.write() as txn:
                txn.delete(HISTORY, pack_u64(entry.seq))
                txn.put(MARK, pack_u64(999_999), b"own")

        break_it()
        told = [finding.sentence for finding in (await check(a)).findings]
        assert told == [
            '"file" has no row in the history; --repair adds one, and peers hear of it again.',
            "A mark is about inode 999999, which doesn't exist; --repair removes it.",
        ]
        report = await check(a, repair=True)
        assert report.findings == []
        assert report.repaired == 2
        assert (await check(a)).found == 0
        assert a.status("file") == "real"


async def test_what_the_scanner_missed_is_looked_at_again(tmp_path: Path) -> None:
    async with running_peer(tmp_path / "a", "a") as a:
        write(a.root, "one", b"1")
        await until(lambda: a.entry("one"))
        await until(a.arena.scanner.scanned.is_set)
        due = a.arena.scanner._due
        due.add = lambda path, delay: None  # type: ignore[method-assign]
        write(a.root, "missed", b"2")
        told = [finding.sentence for finding in (await check(a)).findings]
        assert told == ['"missed" is there and not indexed; --repair has it looked at again.']
        del due.add
        await check(a, repair=True)
        await until(lambda: a.entry("missed"))


async def test_an_emptied_root_is_not_believed(tmp_path: Path) -> None:
    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
        write(a.root, "d/one", b"1")
        write(a.root, "d/two", b"2")
        await until(lambda: a.entry("d/two") and a.entry("d/one"))
        await until(lambda: not a.arena.status()["pending"])
        check_present(a.store, "arena")
        due = a.arena.scanner._due
        due.add = lambda path, delay: None  # type: ignore[method-assign]
        shutil.move(a.root / "d", tmp_path / "d")
        with pytest.raises(RootGone, match=r"is empty although .* accept-loss arena"):
            check_present(a.store, "arena")
        shutil.move(tmp_path / "d", a.root / "d")
        check_present(a.store, "arena")


async def test_what_we_take_out_ourselves_leaves_no_emptied_root(tmp_path: Path) -> None:
    """An Unrealize of all files, killed between its rename and its commit."""
    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
        write(a.root, "one", b"1")
        write(a.root, "two", b"2")
        await until(lambda: a.entry("one") and a.entry("two"))
        await until(lambda: not a.arena.status()["pending"])
        due = a.arena.scanner._due
        due.add = lambda path, delay: None  # type: ignore[method-assign]
        for name in ("one", "two"):
            entry = a.entry(name)
            assert entry is not None
            with a.store.env.write() as txn:
                decision = Decision(Action.UNREALIZE, entry.version.hash)
                a.store.decisions.set(txn, entry.ino, decision)
            (a.root / name).rename(tmp_path / name)
        check_present(a.store, "arena")


async def test_a_loss_names_what_nobody_else_has(tmp_path: Path) -> None:
    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
        async with running_peer(tmp_path / "b", "b", mark=Mark.KEEP) as b:
            await introduce(a, b)
            write(a.root, "both", b"both")
            await until(lambda: b.status("both") == "cached")
            await until(lambda: a.arena.describe(a.arena.resolve(b"both")).holders)
        write(a.root, "alone", b"nobody else")
        await until(lambda: a.entry("alone"))
        loss = assess(a.store)
        assert (loss.files, loss.size) == (2, 15)
        assert (loss.alone, loss.alone_size, loss.alone_paths) == (1, 11, (b"alone",))
        before = a.entry("alone")
        accept(a.store)
        after = a.entry("alone")
        assert before is not None
        assert after is not None
        assert after.version == before.version
        assert after.seq > before.seq  # so peers hear that we don't hold it
        assert assess(a.store).files == 0


async def test_a_peer_with_another_database_holds_nothing_it_said_before(tmp_path: Path) -> None:
    """R1: of what it hears from us first it tells us nothing, so silence must not mean `own`."""
    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
        async with running_peer(tmp_path / "b", "b", mark=Mark.OWN) as b:
            await introduce(a, b)
            write(a.root, "file", b"content")
            await until(lambda: b.status("file") == "real")
            await until(lambda: _held(a, "file") == [Held.OWN])
        shutil.rmtree(tmp_path / "b/root")
        async with running_peer(tmp_path / "b", "b", mark=Mark.WATCH) as b:
            await introduce(a, b)
            await until(lambda: b.entry("file"))
            await until(lambda: _held(a, "file") == [])
        assert (a.root / "file").exists()


def _held(peer: Peer, path: str) -> list[Held]:
    entry = peer.entry(path)
    assert entry is not None
    with peer.store.env.read() as txn:
        return [holder.held for holder in peer.store.holders.of(txn, entry.ino)]
