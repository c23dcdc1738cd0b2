"""What `.realizeignore` names is never shared, and what is shared stays so."""

import os
from pathlib import Path

import pytest

from realizefs.core.ignore import IGNORE_BYTES_MAX
from realizefs.model.marks import Mark
from tests.fakes.peer import Peer, running_peer, until, write
from tests.fakes.two_peers import two_owners

IGNORE = ".realizeignore"


def ignore(root: Path, patterns: str, directory: str = "") -> None:
    """A file of patterns, of long ago: it isn't waited whether somebody goes on writing it."""
    path = f"{directory}/{IGNORE}".lstrip("/")
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    new = root.parent / "patterns"
    new.write_text(patterns)
    os.utime(new, (1e9, 1e9))
    new.rename(root / path)


def has(peer: Peer, names: set[str]) -> bool:
    """Whether a peer has all that is shared, and nothing else, as plain files."""
    return peer.paths() == names and all(peer.status(name) == "real" for name in names)


async def settled(peer: Peer, name: str = "sentinel") -> None:
    """Until what was made before is looked at: another file is indexed after it."""
    (peer.root / name).write_bytes(name.encode())
    await until(lambda: peer.status(name) == "real")
    await until(lambda: not peer.arena.scanner.is_pending(name.encode()))


async def test_what_is_ignored_is_not_announced(tmp_path: Path) -> None:
    ignore(tmp_path / "a/root", "*.tmp\n/build/\n")
    ignore(tmp_path / "a/root", "!*.tmp\nsecret\n", "sub")
    for path in ("x.tmp", "build/deep/out", "sub/y.tmp", "sub/secret", "plain"):
        write(tmp_path / "a/root", path, path.encode())
    async with two_owners(tmp_path) as (a, b):
        shared = {IGNORE, "sub", f"sub/{IGNORE}", "sub/y.tmp", "plain"}
        await until(lambda: has(b, shared))
        write(a.root, "later.tmp", b"later")
        write(a.root, "build/deep/later", b"later")
        write(a.root, "plain2", b"later")
        await until(lambda: has(b, shared | {"plain2"}))
        told = a.arena.describe(a.arena.resolve(b"plain"))
        assert told.status == "real"
        a.arena.scanner._scan_anew()
        await settled(a)
        await until(lambda: has(b, shared | {"plain2", "sentinel"}))


async def test_what_is_shared_stays_shared(tmp_path: Path) -> None:
    """A pattern never makes a deletion (R8), nor takes the last copy from the others (R1)."""
    async with two_owners(tmp_path) as (a, b):
        for path in ("x.tmp", "build/in"):
            write(a.root, path, path.encode())
        await until(lambda: (b.root / "build/in").exists() and (b.root / "x.tmp").exists())
        ignore(a.root, "*.tmp\nbuild/\n")
        await until((b.root / IGNORE).exists)
        write(a.root, "build/new", b"new")
        write(a.root, "new.tmp", b"new")
        (a.root / "x.tmp").write_bytes(b"edited")
        (a.root / "build/in").write_bytes(b"edited")
        for path in ("x.tmp", "build/in"):
            await until(lambda: (b.root / path).read_bytes() == b"edited")  # noqa: B023
        a.arena.scanner._scan_anew()
        await settled(a)
        expected = {IGNORE, "x.tmp", "build", "build/in", "sentinel"}
        await until(lambda: has(b, expected) and has(a, expected))
        assert (a.root / "build/new").exists()


async def test_renamed_to_an_ignored_name_it_stays_shared(tmp_path: Path) -> None:
    async with two_owners(tmp_path) as (a, b):
        ignore(a.root, "*.tmp\n/private/\n")
        write(a.root, "x", b"x")
        write(a.root, "y", b"y")
        write(a.root, "d/in", b"in")
        (a.root / "private").mkdir()
        (a.root / "private/secret").write_bytes(b"secret")
        await until(lambda: all((b.root / path).exists() for path in ("x", "y", "d/in")))
        (a.root / "x").rename(a.root / "x.tmp")
        (a.root / "y").rename(a.root / "private/y")
        (a.root / "d").rename(a.root / "d.tmp")
        after = {IGNORE, "x.tmp", "private", "private/y", "d.tmp", "d.tmp/in"}
        await until(lambda: has(b, after))
        await until(lambda: (b.root / "private/y").read_bytes() == b"y")
        assert not list((b.root / ".realize/trash").rglob("y"))


async def test_renamed_while_nobody_looked_it_stays_shared(tmp_path: Path) -> None:
    ignore(tmp_path / "a/root", "*.tmp\n")
    write(tmp_path / "a/root", "x", b"x")
    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
        await until(lambda: a.paths() == {IGNORE, "x"})
    (tmp_path / "a/root/x").rename(tmp_path / "a/root/x.tmp")
    write(tmp_path / "a/root", "other.tmp", b"other")
    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
        await until(lambda: a.paths() == {IGNORE, "x.tmp"})


async def test_ignored_no_longer_it_is_shared(tmp_path: Path) -> None:
    ignore(tmp_path / "a/root", "*.tmp\n/build/\n")
    write(tmp_path / "a/root", "x.tmp", b"x")
    write(tmp_path / "a/root", "build/deep/out", b"out")
    async with two_owners(tmp_path) as (a, b):
        await settled(a)
        assert a.paths() == {IGNORE, "sentinel"}
        ignore(a.root, "*.tmp\n!x.tmp\n")
        shared = {IGNORE, "sentinel", "x.tmp", "build", "build/deep", "build/deep/out"}
        await until(lambda: has(b, shared))


async def test_while_it_is_written_anew_nothing_new_is_told(tmp_path: Path) -> None:
    """An editor that empties it first, or renames it away, doesn't tell what it hides."""
    ignore(tmp_path / "a/root", "*.tmp\n")
    write(tmp_path / "a/root", "x.tmp", b"x")
    async with two_owners(tmp_path) as (a, b):
        await settled(a)
        (a.root / IGNORE).rename(a.root / "old patterns")
        write(a.root, "y.tmp", b"y")
        (a.root / IGNORE).write_text("# mine\n*.tmp\n")
        shared = {IGNORE, "old patterns", "sentinel"}
        await until(lambda: has(b, shared))
        await settled(a, "another")
        await until(lambda: has(b, shared | {"another"}))


async def test_what_cannot_be_read_hides_what_is_new(tmp_path: Path) -> None:
    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
        ignore(a.root, "# much\n" * (IGNORE_BYTES_MAX // 7 + 1), "sub")
        await until(lambda: f"sub/{IGNORE}" not in a.paths() and a.arena.context.ignoring)
        write(a.root, "sub/x", b"x")
        await settled(a)
        assert a.paths() == {"sub", "sentinel"} or a.paths() == {"sentinel"}
        await until(lambda: "has more than 64 KiB" in str(a.arena.status()["notice"]))
        ignore(a.root, "y\n", "sub")
        await until(lambda: {"sub/x", f"sub/{IGNORE}"} <= a.paths())
        assert a.arena.status()["notice"] is None


async def test_a_file_of_patterns_may_name_itself(tmp_path: Path) -> None:
    """Then it stays on this machine, and nobody else's takes its place."""
    ignore(tmp_path / "a/root", f"{IGNORE}\n*.tmp\n")
    write(tmp_path / "a/root", "x.tmp", b"x")
    async with two_owners(tmp_path) as (a, b):
        await settled(a)
        assert a.paths() == {"sentinel"}
        ignore(b.root, "*.bak\n")
        await until(lambda: IGNORE in a.paths())
        await settled(a, "another")
        assert (a.root / IGNORE).read_text() == f"{IGNORE}\n*.tmp\n"
        assert (b.root / IGNORE).read_text() == "*.bak\n"
        await until(lambda: has(b, {IGNORE, "sentinel", "another"}))


async def test_what_a_peer_has_of_that_name_stays_behind_it(tmp_path: Path) -> None:
    """Ours is neither overwritten nor told, and deleting it deletes nothing of theirs (R2, R8)."""
    ignore(tmp_path / "a/root", f"{IGNORE}\nnotes\n")
    write(tmp_path / "a/root", "notes", b"ours")
    async with two_owners(tmp_path) as (a, b):
        await settled(a)
        write(b.root, "notes", b"theirs")
        await until(lambda: "notes" in a.paths())
        await settled(a, "another")
        assert (a.root / "notes").read_bytes() == b"ours"
        assert (b.root / "notes").read_bytes() == b"theirs"
        (a.root / "notes").unlink()
        a.arena.touched(b"notes")
        await settled(a, "third")
        await settled(b, "fourth")
        assert (b.root / "notes").read_bytes() == b"theirs"
        await until(lambda: b.paths() >= {"notes", "another"})
        assert not [path for path in b.paths() if "conflict" in path]


async def test_a_folder_that_a_peer_deletes_keeps_what_is_ignored(tmp_path: Path) -> None:
    async with two_owners(tmp_path) as (a, b):
        ignore(a.root, "*.o\n")
        write(a.root, "src/main.c", b"c")
        write(a.root, "src/main.o", b"o")
        await until((b.root / "src/main.c").exists)
        await until(lambda: not b.arena.status()["pending"])
        (b.root / "src/main.c").unlink()
        (b.root / "src").rmdir()
        await until(lambda: not (a.root / "src/main.c").exists())
        await settled(a)
        assert (a.root / "src/main.o").read_bytes() == b"o"
        await until(lambda: has(b, {IGNORE, "sentinel"}))


@pytest.mark.parametrize("change", ["unlink", "symlink"])
async def test_ignored_files_come_and_go_without_anybody_hearing(
    tmp_path: Path, change: str
) -> None:
    ignore(tmp_path / "a/root", "*.tmp\n")
    write(tmp_path / "a/root", "x.tmp", b"x")
    async with two_owners(tmp_path) as (a, b):
        await settled(a)
        (a.root / "x.tmp").unlink()
        if change == "symlink":
            (a.root / "x.tmp").symlink_to("sentinel")
        await settled(a, "another")
        await until(lambda: has(b, {IGNORE, "sentinel", "another"}))


async def test_why_is_told(tmp_path: Path) -> None:
    ignore(tmp_path / "a/root", "# ours\n*.tmp\n", "sub")
    write(tmp_path / "a/root", "sub/x.tmp", b"x")
    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
        await settled(a)
        parent = a.arena.resolve(b"sub")
        told = a.arena.describe(a.arena.overlay.ino_of(parent, b"x.tmp"))
        assert told.status == "real"
        assert told.why == (
            'It is never shared: "*.tmp" in line 2 of "sub/.realizeignore" says so; '
            "it stays on this machine."
        )


async def test_what_is_as_the_others_have_it_is_theirs(tmp_path: Path) -> None:
    """Made real just before a crash, say, whose commit didn't come: it isn't ours to hide."""
    ignore(tmp_path / "a/root", f"{IGNORE}\n*.tmp\n")
    async with two_owners(tmp_path) as (a, b):
        await settled(a)
        await a.arena.set_default_mark(Mark.WATCH)
        write(b.root, "x.tmp", b"theirs")
        await until(lambda: a.status("x.tmp") == "remote")
        write(a.root, "x.tmp", b"theirs")
        # real for a moment only: what is watched moves to the cache, which is faster than we look
        await until(lambda: a.status("x.tmp") in {"real", "cached"})
        assert not [path for path in b.paths() if "conflict" in path]
