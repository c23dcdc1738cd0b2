"""Whatever is done to files where they are unreal, an owner that only follows makes no copies (R2).

Nobody edits at the owner: so nothing there is an edit, neither what it is just carrying out nor
what half of it has been.
"""

import random
import stat
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from realizefs.model.entries import Fingerprint, RealRow
from realizefs.model.errors import NotFound
from realizefs.model.ids import Digest, Inode, PeerId
from realizefs.model.marks import Mark
from realizefs.model.versions import Kind, Version
from realizefs.sync import recording
from realizefs.sync.actions import Actions
from realizefs.sync.batch import Batch
from realizefs.sync.carried import carried_out
from realizefs.sync.overlay import Overlay
from realizefs.sync.record import Found, record_found
from realizefs.sync.rootwork import Target
from tests.fakes.peer import Peer, until, write
from tests.fakes.two_peers import owner_and_watcher

NAMES = [b"a", b"b", b"c", b"d/a", b"d/b"]
STEPS = 60


async def step(peer: Peer, chance: random.Random) -> None:
    """Something that a user may do to what is unreal here."""
    old, new = (peer.arena.context.names.resolve(chance.choice(NAMES)) for _ in range(2))
    if old is None:
        return
    what = chance.choice(["chmod", "utimens", "rename", "rename", "delete"])
    if what == "chmod":
        await peer.arena.change_metadata(old, chance.choice([0o600, 0o640, 0o755, 0o444]), None)
    elif what == "utimens":
        await peer.arena.change_metadata(old, None, chance.randrange(10**18, 2 * 10**18))
    elif what == "rename":
        parent, name = chance.choice([(peer.arena.root_ino, n) for n in (b"a", b"b", b"c")])
        await peer.arena.move(old, parent, name, 0)
    elif new is not None and chance.random() < 0.5:
        await peer.arena.remove(old)


def shown(peer: Peer) -> dict[str, tuple[object, ...]]:
    """What the index says, metadata included."""
    found: dict[str, tuple[object, ...]] = {}
    for path in peer.paths():
        entry = peer.entry(path)
        if entry is not None:
            version = entry.version
            time = version.mtime_ns if version.kind is Kind.FILE else 0
            found[path] = (version.hash, version.mode, time, version.vector)
    return found


def natively(root: Path, told: dict[str, tuple[object, ...]]) -> bool:
    """Whether the root has exactly the files that were told, with their modes."""
    names = {str(one.relative_to(root)) for one in root.rglob("*") if ".realize" not in one.parts}
    return names == set(told) and all(
        (root / path).stat().st_mode & 0o1777 == facts[1] for path, facts in told.items()
    )


@pytest.mark.parametrize("seed", range(4))
async def test_an_owner_that_follows_makes_no_conflict_copies(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    for number, name in enumerate(NAMES):
        write(tmp_path / "a/root", name.decode(), b"%d" % number * 1000 * (number % 3))
    write(tmp_path / "a/root", "stays", b"stays")
    async with owner_and_watcher(tmp_path) as (a, b):
        await until(lambda: len(b.paths()) == len(NAMES) + 2)
        for _ in range(STEPS):
            with suppress(NotFound):
                await step(b, chance)
            await trio.sleep(chance.choice([0, 0, 0.01, 0.03]))
            assert not [path for path in a.paths() | b.paths() if "conflict" in path]
        await until(lambda: shown(a) == shown(b), "both know the same")
        await until(lambda: natively(a.root, shown(b)), "the owner has exactly that")
        assert not [path for path in a.paths() | b.paths() if "conflict" in path]


class Recording:
    """Notes what the scanners come to record, and lets them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._paths: list[bytes] = []
        monkeypatch.setattr(recording, "record_found", self._record)

    def _record(self, batch: Batch, overlay: Overlay, found: Found, now_ns: int) -> Inode | None:
        ino = record_found(batch, overlay, found, now_ns)
        self._paths.append(found.path)
        return ino

    async def looks_at(self, peer: Peer, path: bytes) -> None:
        """What is at `path` by now has been seen, and its record is committed."""
        self._paths.clear()
        peer.arena.touched(path)
        await until(lambda: path in self._paths, "the scanner has looked")
        await peer.arena.context.commit(lambda batch: None)


@pytest.mark.parametrize("then", ["renamed over", "deleted"])
async def test_a_chmod_that_is_being_carried_out_is_no_edit_of_the_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    """Its scanner saw the new mode before the commit, when the peer had done the next thing: what
    it took for an edit became a conflict copy, or brought the deleted file back."""
    for name in ("c", "new", "stays"):
        write(tmp_path / "a/root", name, name.encode())
    recording = Recording(monkeypatch)
    commit_real = Actions._commit_real
    async with owner_and_watcher(tmp_path) as (a, b):
        await until(lambda: b.paths() == {"c", "new", "stays"})
        ino = b.arena.resolve(b"c")

        async def after_the_next(self: Actions, target: Target, row: RealRow) -> None:
            if target.path == b"c" and target.version.mode == 0o600:
                if then == "deleted":
                    await b.arena.remove(ino)
                    await until(lambda: a.entry("c") is None)
                else:
                    await b.arena.move(b.arena.resolve(b"new"), b.arena.root_ino, b"c", 0)
                    await until(lambda: a.entry("new") is None)
                await recording.looks_at(a, b"c")
            await commit_real(self, target, row)

        monkeypatch.setattr(Actions, "_commit_real", after_the_next)
        await b.arena.change_metadata(ino, 0o600, None)
        left = {"new", "stays"} if then == "deleted" else {"c", "stays"}
        await until(lambda: a.paths() == b.paths() == left and _files(a.root) == left)
        await until(lambda: a.arena.status()["pending"] == 0)
        assert a.paths() == b.paths() == left
        if then != "deleted":
            assert (a.root / "c").read_bytes() == b"new"


def _files(root: Path) -> set[str]:
    return {one.name for one in root.iterdir() if one.name != ".realize"}


def test_a_chmod_of_what_a_peer_has_replaced_is_no_edit_of_its_content() -> None:
    """Not even a user's: only metadata differs, and the peer's content is newer (R2)."""
    old, new = Digest(b"o" * 32), Digest(b"n" * 32)
    was = Fingerprint(1, 2, 3, 4, 5, stat.S_IFREG | 0o644)
    now = replace(was, mode=stat.S_IFREG | 0o600, ctime_ns=6)
    real = RealRow(was, old, ((PeerId(1), 1),))
    current = Version(Kind.FILE, new, vector=((PeerId(1), 1), (PeerId(2), 2)))
    assert carried_out(current, real, now, (Kind.FILE, old, b"")) == replace(real, fingerprint=now)
    assert carried_out(current, real, now, (Kind.FILE, Digest(b"e" * 32), b"")) is None
    gone = replace(current, deleted=True)
    assert carried_out(gone, real, now, (Kind.FILE, old, b"")) is None


async def test_a_directory_made_for_what_is_in_it_keeps_the_mode_that_peers_know(
    tmp_path: Path,
) -> None:
    """It is made with our own bits added, which were told as a change of it."""
    write(tmp_path / "a/root", "closed/inner/file", b"content")
    (tmp_path / "a/root/closed/inner").chmod(0o555)
    (tmp_path / "a/root/closed").chmod(0o055)
    async with owner_and_watcher(tmp_path) as (a, b):
        await until(lambda: b.entry("closed/inner/file"))
        before = shown(b)
        await b.mark("closed/inner/file", Mark.OWN)
        await until(lambda: b.status("closed/inner/file") == "real")
        await until(lambda: b.status("closed") == b.status("closed/inner") == "real")
        await until(lambda: b.arena.status()["pending"] == 0)
        assert (b.root / "closed").stat().st_mode & 0o7777 == 0o755
        assert shown(a) == shown(b) == before
