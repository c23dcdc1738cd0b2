"""What doesn't leave the arena root: in use, changed, or nobody else's (R1); and where it can't."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from realizefs.model.decisions import Action
from tests.crash.runner import TOP
from tests.crash.scenario import OLD
from tests.crash.world import MTIME_NS, World

OPENS = """
import os, sys
fd = os.open(sys.argv[1], int(sys.argv[2]))
print("open", flush=True)
sys.stdin.read()
"""
APART = """
import sys
from pathlib import Path
from realizefs.model.errors import StoreFault
from realizefs.store.realfile import Root
try:
    Root(Path(sys.argv[1]), Path(sys.argv[2])).close()
except StoreFault as error:
    print(error)
"""


@contextmanager
def another_process_has_open(path: Path, flags: int) -> Iterator[None]:
    command = [sys.executable, "-c", OPENS, str(path), str(flags)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as process:  # type: ignore[call-overload]
        try:
            assert process.stdout.readline() == "open\n"
            yield
        finally:
            process.stdin.close()


@asynccontextmanager
async def owned_by_both(directory: Path) -> AsyncIterator[World]:
    """A file that is real here and at the peer, and needn't be here."""
    world = World(directory)
    with world.open():
        async with world.stepping():
            world.write("d/f", OLD)
            await world.index()
            entry = world.entry("d/f")
            assert entry is not None
            await world.peer_tells("d/f", entry.version)
            yield world


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_WRONLY, os.O_RDWR])
async def test_a_file_that_another_process_has_open_stays(tmp_path: Path, flags: int) -> None:
    async with owned_by_both(tmp_path / "w") as world:
        with another_process_has_open(world.root / "d/f", flags):
            await world.work()
            assert world.native("d/f") == OLD
            assert world.errors() == ['"d/f" is open in some program.']
        await world.work_again()
        assert world.native("d/f") is None
        assert world.cached("d/f") == OLD


CHANGES: dict[str, Callable[[Path], object]] = {
    "size": lambda path: path.write_bytes(OLD + b"more"),
    "content": lambda path: path.write_bytes(OLD[::-1]),
    "mtime": lambda path: os.utime(path, ns=(0, MTIME_NS + 77)),
    "ctime": lambda path: os.setxattr(path, b"user.mine", b"1"),
    "mode": lambda path: path.chmod(0o600),
    "another of the same": lambda path: path.with_name("g").rename(path),
}


@pytest.mark.parametrize("what", CHANGES)
async def test_a_file_that_changed_since_it_was_indexed_stays(tmp_path: Path, what: str) -> None:
    async with owned_by_both(tmp_path / "w") as world:
        world.write("d/g", OLD)
        CHANGES[what](world.root / "d/f")
        content = world.native("d/f")
        await world.work()
        assert world.native("d/f") == content
        assert world.errors()[0].startswith('"d/f" changed ')
        assert world.blob_files() == []


async def test_a_file_with_attributes_leaves_at_the_first_try(tmp_path: Path) -> None:
    """That they were noted in the database passed for a change of the file."""
    async with owned_by_both(tmp_path / "w") as world:
        os.setxattr(world.root / "d/f", b"user.mine", b"1")
        await world.index()
        await world.work()
        assert world.errors() == []
        assert world.native("d/f") is None


async def test_a_file_that_nobody_else_owns_stays(tmp_path: Path) -> None:
    async with owned_by_both(tmp_path / "w") as world:
        world.write("only here", OLD)
        await world.index()
        await world.work()
        assert world.native("only here") == OLD
        with world.store.env.read() as txn:
            decision = world.store.decisions.get(txn, world.ino("only here"))
        assert decision is None or decision.action is not Action.UNREALIZE


@pytest.mark.parametrize("kind", ["tmpfs", "bind"])
def test_a_state_directory_on_another_mount_is_refused(tmp_path: Path, kind: str) -> None:
    """A bind mount has the same device number, and renames across it fail all the same."""
    root, state, origin = tmp_path / "root", tmp_path / "state", tmp_path / "origin"
    for directory in (root, state, origin):
        directory.mkdir()
    mount = "mount -t tmpfs none" if kind == "tmpfs" else f"mount --bind {origin}"
    script = f'{mount} {state} && exec {sys.executable} -c "$APART" {root} {state}'
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script],
        cwd=TOP,
        env={**os.environ, "APART": APART},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == (
        f'The state directory "{state}" is not on the filesystem of the arena root "{root}"; '
        "choose one that is (files move between the two).\n"
    ), f"{done.stderr} Unprivileged user namespaces must be allowed for this test."
