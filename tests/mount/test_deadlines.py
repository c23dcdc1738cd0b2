"""Whoever waits for a peer can be killed, holds nobody up, and hears in the end."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from realizefs.fs import hand
from realizefs.fs.connection import BACKGROUND
from tests.household.waiting import until
from tests.mount.conftest import Bench

MANY = 40
"""More than the kernel reads ahead for at once."""
CONTENT = bytes(range(256)) * 1000
READ = """
import sys
try:
    print(len(open(sys.argv[1], "rb").read()))
except OSError as error:
    print(-error.errno)
"""


@pytest.fixture
def stalled(bench: Bench) -> Iterator[Bench]:
    """Nothing that isn't here comes before `let_go`; nobody waits when the test is over."""
    bench.arena.stall = True
    yield bench
    let_go(bench)


def let_go(bench: Bench) -> None:
    bench.arena.stall = False
    bench.view.call(bench.arena.stalled.set)


@contextmanager
def running(*command: str | Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def files(bench: Bench, count: int, content: bytes = CONTENT) -> list[Path]:
    """Unreal files, none like another."""
    for number in range(count):
        bench.view.call(bench.arena.peer_adds, f"f{number}", b"%3d" % number + content)
    return [bench.mnt / f"f{number}" for number in range(count)]


def wait_until_waiting(bench: Bench, count: int = 1) -> None:
    until(lambda: bench.arena.waiting >= count, f"{count} wait for a peer")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("program", ["cat", "sh"])
def test_a_program_that_waits_for_a_peer_can_be_ended(
    stalled: Bench, program: str, number: signal.Signals
) -> None:
    """`cat` waits in a read, `sh` in an open for writing, which needs all of the file."""
    (path,) = files(stalled, 1)
    command = ["cat", path] if program == "cat" else ["sh", "-c", f'exec 3<>"{path}"']
    with running(*command) as process:
        wait_until_waiting(stalled)
        process.send_signal(number)
        assert process.wait(30) == -number
        assert stalled.arena.fetches == 0


@pytest.mark.parametrize("content", [b"tiny", CONTENT], ids=["tiny", "large"])
def test_readers_without_answer_hold_nobody_up(stalled: Bench, content: bytes) -> None:
    paths = files(stalled, MANY, content)
    (stalled.root / "here").write_bytes(CONTENT)
    with ExitStack() as stack:
        waiting = [stack.enter_context(running(sys.executable, "-c", READ, one)) for one in paths]
        wait_until_waiting(stalled, MANY)
        with running(sys.executable, "-c", READ, stalled.mnt / "here") as reader:
            assert reader.communicate(timeout=30)[0] == f"{len(CONTENT)}\n"
        assert len(os.listdir(stalled.mnt)) == MANY + 1
        assert os.statvfs(stalled.mnt).f_blocks
        assert all(one.poll() is None for one in waiting)
        let_go(stalled)
        lengths = [one.communicate(timeout=30)[0] for one in waiting]
        assert lengths == [f"{len(content) + 3}\n"] * MANY
    assert paths[7].read_bytes() == b"  7" + content


def test_the_kernel_lets_many_wait_at_once(root: None, bench: Bench) -> None:
    """Ordinary users may ask for that only where fusectl is mounted."""
    setting = f"{hand.CONNECTIONS}/{os.minor(bench.mnt.stat().st_dev)}/max_background"
    look = f"mount -t fusectl none {hand.CONNECTIONS}; cat {setting}"

    def background() -> int:
        return int(subprocess.check_output(["unshare", "--mount", "sh", "-c", look]))

    until(lambda: background() == BACKGROUND, "it is set once the mount is seen from outside")


def test_many_readers_can_be_killed(stalled: Bench) -> None:
    """Those that the kernel sent a second time can't leave without our answer."""
    with ExitStack() as stack:
        waiting = [stack.enter_context(running("cat", one)) for one in files(stalled, MANY)]
        wait_until_waiting(stalled, MANY)
        for one in waiting:
            one.kill()
        assert [one.wait(30) for one in waiting] == [-signal.SIGKILL] * MANY


def test_all_hear_that_the_link_is_cut_while_the_rest_goes_on(stalled: Bench) -> None:
    paths = files(stalled, MANY)
    with ExitStack() as stack:
        waiting = [stack.enter_context(running(sys.executable, "-c", READ, one)) for one in paths]
        wait_until_waiting(stalled, MANY)
        assert len(os.listdir(stalled.mnt)) == MANY
        stalled.arena.reachable = False
        let_go(stalled)
        failures = [one.communicate(timeout=30)[0] for one in waiting]
    assert failures == [f"{-errno.EHOSTUNREACH}\n"] * MANY
