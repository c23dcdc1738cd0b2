"""Two processes on one arena are refused, whatever their homes; the dead hold nothing."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

OPEN = """
import sys
from pathlib import Path
from realizefs.daemon.config import ArenaConfig
from realizefs.daemon.home import home_at
from realizefs.daemon.opening import opener
from realizefs.daemon.parts import open_parts
from realizefs.model.errors import AlreadyRunning
from realizefs.model.ids import ArenaId
from realizefs.model.marks import Mark

home, root = home_at(sys.argv[1]), Path(sys.argv[2])
home.make_directories()
parts = open_parts(home, "me", lambda arena: None)
try:
    opened = opener(parts, "me")(ArenaConfig("arena", ArenaId(b"the same arena!!"), root))
except AlreadyRunning as refused:
    print(refused, flush=True)
else:
    store = opened.arena.store
    with store.env.write() as txn:
        print("marks:", *[mark.value for _, mark in store.marks.list(txn)], flush=True)
        store.marks.set(txn, b"", Mark.OWN)
    print("holds it", flush=True)
    sys.stdin.read()
"""


@contextmanager
def process(home: Path, root: Path) -> Iterator["subprocess.Popen[str]"]:
    """One that tries to open the arena as the daemon does; killed at the end."""
    command = [sys.executable, "-c", OPEN, str(home), str(root)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        try:
            yield child
        finally:
            child.kill()


def says(child: "subprocess.Popen[str]") -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root" / ".realize").mkdir(parents=True)
    return tmp_path / "root"


def test_the_second_process_on_an_arena_is_refused_until_the_first_is_dead(
    tmp_path: Path, root: Path
) -> None:
    """The first is killed (kill -9), and the next one takes over at once, with all it wrote."""
    with process(tmp_path / "one", root) as first:
        assert (says(first), says(first)) == ("marks:", "holds it")
        with process(tmp_path / "two", root) as second:
            state = root / ".realize"
            refused = f'"{state}" is already in use by process {first.pid}; stop that one first.'
            assert says(second) == refused
            assert second.wait() == 0
        first.kill()
        first.wait()
        with process(tmp_path / "two", root) as third:
            assert (says(third), says(third)) == ("marks: own", "holds it")
