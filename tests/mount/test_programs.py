"""Everyday programs in the mount of a machine whose peer has the files."""

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.household.conftest import running_household
from tests.household.machines import Pair, word
from tests.household.waiting import until

GIT = {
    **os.environ,
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    **{f"GIT_{who}_NAME": "Someone" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "someone@example.org" for who in ("AUTHOR", "COMMITTER")},
}
MAKEFILE = """\
hello: main.o words.o
\tcc -o $@ $^
%.o: %.c words.h
\tcc -c -o $@ $<
"""
SOURCES = {
    "Makefile": MAKEFILE,
    "words.h": "const char *words(void);\n",
    "words.c": '#include "words.h"\nconst char *words(void) { return "hello"; }\n',
    "main.c": '#include <stdio.h>\n#include "words.h"\nint main(void) { return !puts(words()); }\n',
}


@pytest.fixture(scope="module")
def pair(fuse: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with running_household(tmp_path_factory.mktemp("programs")) as household:
        yield household.pair()


def run(*command: str | Path, cwd: Path) -> str:
    """What a program that must work prints."""
    done = subprocess.run(
        command, cwd=cwd, env=GIT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def repository(at: Path) -> None:
    at.mkdir()
    run("git", "init", "-q", "-b", "main", ".", cwd=at)
    for number in range(20):
        (at / f"d{number % 3}").mkdir(exist_ok=True)
        (at / f"d{number % 3}" / f"{number}.txt").write_text(f"line {number}\n" * number)
    run("git", "add", ".", cwd=at)
    run("git", "commit", "-q", "-m", "first", cwd=at)


def names(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))


def says(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text


def test_git_clones_into_the_mount_and_commits_there(pair: Pair, tmp_path: Path) -> None:
    repository(tmp_path / "source")
    clone = pair.mnt / "clone"
    run("git", "clone", "-q", tmp_path / "source", clone, cwd=pair.mnt)
    assert run("git", "status", "--porcelain", cwd=clone) == ""
    (clone / "d1" / "1.txt").write_text("changed\n")
    (clone / "new").write_text("new\n")
    assert run("git", "status", "--porcelain", cwd=clone) == " M d1/1.txt\n?? new\n"
    run("git", "add", ".", cwd=clone)
    run("git", "commit", "-q", "-m", "second", cwd=clone)
    run("git", "gc", "-q", cwd=clone)
    run("git", "fsck", "--strict", cwd=clone)
    assert run("git", "status", "--porcelain", cwd=clone) == ""
    assert run("git", "log", "--format=%s", cwd=clone) == "second\nfirst\n"


def test_git_reads_an_unreal_repository(pair: Pair, tmp_path: Path) -> None:
    repository(tmp_path / "far")
    (tmp_path / "far").rename(pair.files / "far")
    until(lambda: names(pair.mnt / "far") == names(pair.files / "far"), "bob sees all of it")
    run("git", "clone", "-q", "--no-hardlinks", pair.mnt / "far", tmp_path / "copy", cwd=tmp_path)
    assert run("git", "status", "--porcelain", cwd=tmp_path / "copy") == ""
    assert run("git", "status", "--porcelain", cwd=pair.mnt / "far") == ""


def test_make_builds_unreal_sources_once(pair: Pair) -> None:
    for name, text in SOURCES.items():
        pair.write(f"program/{name}", text)
    directory = pair.mnt / "program"
    run("make", cwd=directory)
    assert run("./hello", cwd=directory) == "hello\n"
    assert "up to date" in run("make", cwd=directory)
    source = directory / "words.c"
    source.write_text(source.read_text().replace("hello", "goodbye"))
    assert "words.c" in run("make", cwd=directory)
    assert run("./hello", cwd=directory) == "goodbye\n"


def test_sqlite_with_a_write_ahead_log(pair: Pair) -> None:
    path = pair.mnt / "data.db"
    one, other = (sqlite3.connect(path, isolation_level=None, timeout=10) for _ in range(2))
    assert one.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",)
    one.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, text TEXT)")
    for number in range(200):
        (one, other)[number % 2].execute("INSERT INTO t VALUES (?, ?)", (number, "x" * number))
    reader = "SELECT count(*), sum(length(text)) FROM t"
    assert one.execute(reader).fetchone() == other.execute(reader).fetchone() == (200, 19900)
    one.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    one.close()
    assert other.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    other.close()
    assert not (pair.mnt / "data.db-wal").exists()


def tree_facts(base: Path) -> dict[str, tuple[object, ...]]:
    """What an archive is to keep of a tree."""
    facts: dict[str, tuple[object, ...]] = {}
    for path in sorted(base.rglob("*")):
        found = path.lstat()
        content = path.read_bytes() if path.is_file() else None  # not of a fifo
        kept = [] if path.is_symlink() else os.listxattr(path)
        links = 0 if path.is_dir() else found.st_nlink
        facts[str(path.relative_to(base))] = (found.st_mode, links, content, *kept)
    return facts


def make_tree(base: Path) -> None:
    """With all that an archive is to keep."""
    (base / "d" / "empty").mkdir(parents=True)
    (base / "d" / "file").write_bytes(b"content" * 20_000)
    (base / "d" / "file").chmod(0o751)
    os.link(base / "d" / "file", base / "link")
    (base / "symlink").symlink_to("d/file")
    os.setxattr(base / "d" / "file", "user.colour", b"red")


def test_tar_and_cp_keep_a_tree_as_it_is(pair: Pair, tmp_path: Path) -> None:
    source = tmp_path / "source"
    make_tree(source)
    run("tar", "--xattrs", "--xattrs-include=*", "-cf", tmp_path / "a.tar", ".", cwd=source)
    unpacked = pair.mnt / "unpacked"
    unpacked.mkdir()
    run("tar", "--xattrs", "--xattrs-include=*", "-xf", tmp_path / "a.tar", cwd=unpacked)
    assert tree_facts(unpacked) == tree_facts(source)
    run("cp", "-a", unpacked, pair.mnt / "copied", cwd=pair.mnt)
    run("cp", "-a", pair.mnt / "copied", tmp_path / "back", cwd=tmp_path)
    assert tree_facts(tmp_path / "back") == tree_facts(source)
    assert (tmp_path / "back" / "d" / "file").stat().st_mtime_ns == (
        (source / "d" / "file").stat().st_mtime_ns
    )


def test_rsync_copies_into_the_mount_and_finds_nothing_to_do(pair: Pair, tmp_path: Path) -> None:
    source = tmp_path / "source"
    make_tree(source)
    os.mkfifo(source / "fifo")
    run("rsync", "-aHAX", f"{source}/", pair.mnt / "synced", cwd=tmp_path)
    again = run("rsync", "-aHAXi", "--delete", f"{source}/", pair.mnt / "synced", cwd=tmp_path)
    assert again == ""
    assert tree_facts(pair.mnt / "synced") == tree_facts(source)
    (source / "d" / "file").write_bytes(b"changed" * 30_000)
    (source / "symlink").unlink()
    run("rsync", "-aHAX", "--delete", f"{source}/", pair.mnt / "synced", cwd=tmp_path)
    assert tree_facts(pair.mnt / "synced") == tree_facts(source)


def test_rsync_updates_an_unreal_tree_in_both_directions(pair: Pair, tmp_path: Path) -> None:
    """Of a peer's tree: what is the same isn't even read, what differs is replaced."""
    make_tree(tmp_path / "mirror")
    os.unlink(tmp_path / "mirror" / "link")  # a hard link is two files for another machine
    os.removexattr(tmp_path / "mirror" / "d" / "file", "user.colour")
    run("cp", "-a", "mirror", "moving", cwd=tmp_path)
    (tmp_path / "moving").rename(pair.files / "mirrored")
    shown, ours = pair.mnt / "mirrored", tmp_path / "mirror"
    until(lambda: names(shown) == names(ours), "bob sees all of it")
    assert run("rsync", "-aHAXin", "--delete", f"{shown}/", ours, cwd=tmp_path) == ""
    assert word(shown / "d" / "file") == "remote"
    (ours / "d" / "file").write_bytes(b"changed" * 30_000)
    run("rsync", "-aHAX", f"{ours}/", shown, cwd=tmp_path)
    assert tree_facts(shown) == tree_facts(ours)
    run("rsync", "-aHAX", f"{shown}/", tmp_path / "back", cwd=tmp_path)
    assert tree_facts(tmp_path / "back") == tree_facts(ours)


def test_an_unreal_database_is_changed_with_a_write_ahead_log(pair: Pair, tmp_path: Path) -> None:
    path = tmp_path / "far.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as made:
        made.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, text TEXT)")
        made.executemany("INSERT INTO t VALUES (?, ?)", ((n, "x" * n) for n in range(500)))
    shown = pair.write("far.db", path.read_bytes())
    with closing(sqlite3.connect(shown, isolation_level=None, timeout=10)) as database:
        assert database.execute("SELECT count(*) FROM t").fetchone() == (500,)
        assert database.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",)
        with closing(sqlite3.connect(shown, isolation_level=None, timeout=10)) as other:
            other.execute("DELETE FROM t WHERE n % 2")
            assert database.execute("SELECT count(*) FROM t").fetchone() == (250,)
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    until(lambda: (pair.files / "far.db").read_bytes() == shown.read_bytes(), "alice has it")


@pytest.mark.parametrize("way", ["nowritebackup", "backupcopy=yes", "backupcopy=no"])
def test_vim_saves_a_real_and_an_unreal_file(pair: Pair, way: str) -> None:
    """In place, in place beside a copy, and as a new file with the old one as the backup."""
    shown = pair.write(f"poem {way}", "roses\n")
    for line in ("are red", "violets"):
        edit = ["vim", "-u", "NONE", "-es", "-c", f"set {way}", "-c", f"normal Go{line}"]
        run(*edit, "-c", "wq", shown, cwd=pair.mnt)
    text = "roses\nare red\nviolets\n"
    assert shown.read_text() == text
    until(lambda: says(pair.files / shown.name, text), "alice has it")
    assert not list(pair.mnt.glob(".*.swp")) + list(pair.mnt.glob("*~"))


def test_an_editor_saves_by_a_new_file_renamed_over_an_unreal_one(pair: Pair) -> None:
    shown = pair.write("letter", "Dear reader")
    assert word(shown) == "remote"
    for text in ("Dear writer", "Dear all of you"):
        new = shown.with_name("letter.new")
        with new.open("w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.rename(shown)
        assert shown.read_text() == text
    until(lambda: says(pair.files / "letter", "Dear all of you"), "alice has it")
    until(lambda: not list(pair.files.glob("letter?*")), "alice has no other")


def test_an_editor_saves_beside_a_backup(pair: Pair) -> None:
    """As vim does: the old file becomes the backup, a new one is written, the backup goes."""
    shown = pair.write("notes", "one")
    backup = shown.with_name("notes~")
    shown.rename(backup)
    shown.write_text("one, two")
    shown.chmod(backup.stat().st_mode & 0o7777)
    backup.unlink()
    assert shown.read_text() == "one, two"
    until(lambda: says(pair.files / "notes", "one, two"), "alice has it")
    until(lambda: not (pair.files / "notes~").exists(), "alice has no backup")
