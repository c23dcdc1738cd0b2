"""top: rates and lines, and a real terminal that it draws on and leaves as it was."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from fcntl import ioctl
from pathlib import Path
from struct import pack
from typing import Any

import pyte
import pytest
from rich.cells import cell_len

from realizefs.cli.main import run
from realizefs.cli.top import Order, Sample, lines, state
from realizefs.model.control import HOME_VARIABLE, Request
from tests.fakes.control import FakeDaemon

SECOND = 10**9
SECONDS = 60


def metrics(at: int, started: int = 0, peers: int = 2) -> dict[str, Any]:
    """At a second of the clock: every peer brings 1 MiB a second, programs read 10 MiB."""
    flowing = (at - started) << 20
    queues = dict.fromkeys(("dirty", "decisions", "running", "due", "for_peer", "held"), 0)
    return {
        "now_ns": at * SECOND,
        "started_ns": started * SECOND,
        "wire": {"bytes_in": peers * flowing, "bytes_out": 0},
        "processes": [
            {"name": "rsync", "reads": at, "bytes": 10 * flowing},
            {"name": "evil\x1b[2J", "reads": 1, "bytes": 100 << 30},
        ],
        "peers": [
            {
                "name": f"peer {number}",
                "connected": number % 2 == 0,
                "since_ns": SECOND,
                "seen_ns": None,
                "bytes_in": flowing,
                "bytes_out": 0,
            }
            for number in range(peers)
        ],
        "arenas": [
            {
                "name": "photos",
                "cached_bytes": 5 << 20,
                "cache_limit": 10 << 30,
                "cache": {"hit_bytes": 3, "miss_bytes": 1, "evictions": 0, "evicted_bytes": 0},
                "queues": {**queues, "backoff": 0},
            }
        ],
    }


def jobs(count: int) -> list[dict[str, Any]]:
    one = {"action": "UpdateCache", "size": 4 << 20, "here": 1 << 20, "state": "running"}
    more = {"why": "", "attempts": 0, "retry_ns": None}
    path = "a long folder/" * 8 + "文件 é.jpg"
    return [{"arena": "photos", "waits": None, "jobs": [{**one, **more, "path": path}] * count}]


def test_rates_are_those_between_two_samples() -> None:
    shown = state(Sample(metrics(100), []), Sample(metrics(102), jobs(1)))
    assert (shown.down, shown.up) == (2 << 20, 0)
    assert [one.down for one in shown.peers] == [1 << 20, 1 << 20]
    assert [one.down for one in shown.programs] == [10 << 20, 0]
    assert [one.connected for one in shown.peers] == ["for 1 min", "no"]


def test_a_daemon_that_began_anew_has_no_negative_rates() -> None:
    shown = state(Sample(metrics(100), []), Sample(metrics(104, started=102), []))
    assert shown.down == 2 << 20
    assert shown.programs[0].down == 10 << 20


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (40, 10), (20, 3), (200, 60), (80, 1)])
def test_no_line_is_wider_and_no_screen_higher(columns: int, rows: int) -> None:
    shown = state(Sample(metrics(1, peers=30), []), Sample(metrics(2, peers=30), jobs(100)))
    for order in Order:
        screen = lines(shown, order, columns, rows)
        assert len(screen) <= rows
        assert max(map(cell_len, screen)) <= columns
        assert not any("\x1b" in line for line in screen)


def test_on_80_by_24_all_sections_are_there_and_what_is_left_out_is_counted() -> None:
    shown = state(Sample(metrics(1, peers=30), []), Sample(metrics(2, peers=30), jobs(100)))
    screen = lines(shown, Order.TOTAL, 80, 24)
    assert [line.split()[0] for line in screen if line[:3].isupper()] == [
        *("PEER", "ARENA", "PROGRAM", "JOB")
    ]
    assert "… and 26 more" in screen
    narrow = lines(shown, Order.TOTAL, 79, 23)  # curses leaves the last column and row to others
    assert next(one for one in narrow if one.startswith("PEER")).endswith("TOTAL")
    programs = screen[screen.index(next(one for one in screen if one.startswith("PROGRAM"))) + 1 :]
    assert programs[0].startswith("evil\\x1b[2J")  # has read most in all
    assert any(line.endswith("文件 é.jpg") for line in screen)


class Daemon:
    """Time goes on by a second at each answer."""

    def __init__(self) -> None:
        self.at = 100

    def __call__(self, request: Request) -> object:
        self.at += request.command == "metrics"
        return metrics(self.at) if request.command == "metrics" else jobs(3)


def test_once_is_printed_for_people_and_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    with FakeDaemon(tmp_path / "home", Daemon()):
        assert run(["top", "--once", "--interval", "0.2"]) == 0
        assert "down 2.0 MiB/s" in capsys.readouterr().out
        assert run(["top", "--json", "--interval", "0.2"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert run(["top"]) == 2
        assert "--once" in capsys.readouterr().err
    assert (told["down"], told["processes"][0]["read"]) == (2 << 20, 10 << 20)
    assert len(told["jobs"]) == 3


class Terminal:
    """A terminal of 80 by 24 with `top` on it."""

    def __init__(self, home: Path, term: str = "xterm") -> None:
        self.screen = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self.screen)
        self.master, slave = pty.openpty()
        ioctl(slave, termios.TIOCSWINSZ, pack("HHHH", 24, 80, 0, 0))
        self.slave, self.before = slave, termios.tcgetattr(slave)
        self.bytes = b""
        environment = {**os.environ, HOME_VARIABLE: str(home), "TERM": term, "LC_ALL": "C.UTF-8"}
        code = (
            "import os, termios; from fcntl import ioctl; os.setsid(); "
            "ioctl(0, termios.TIOCSCTTY, 0); from realizefs.cli.main import main; main()"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, "top", "--interval", "0.5"],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
        )

    def press(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def resize(self, columns: int, rows: int) -> None:
        self.screen.resize(rows, columns)
        ioctl(self.slave, termios.TIOCSWINSZ, pack("HHHH", rows, columns, 0, 0))

    def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < deadline, "\n".join(self.screen.display)
            if select.select([self.master], [], [], 0.1)[0]:
                read = os.read(self.master, 65536)
                self.bytes += read
                self._stream.feed(read)

    def shows(self, text: str) -> bool:
        return any(text in line for line in self.screen.display)

    def ended(self, status: int) -> None:
        self.until(lambda: self.process.poll() is not None)
        self.until(lambda: not select.select([self.master], [], [], 0)[0])
        assert self.process.returncode == status, self.bytes
        assert termios.tcgetattr(self.slave) == self.before
        if b"\x1b[?1049h" in self.bytes:  # the screen beside the one of the shell is left again
            assert self.bytes.rindex(b"\x1b[?1049l") > self.bytes.rindex(b"\x1b[?1049h")


@contextmanager
def terminal(home: Path, term: str = "xterm") -> Iterator[Terminal]:
    shown = Terminal(home, term)
    try:
        yield shown
    finally:
        shown.process.kill()
        shown.process.wait()
        os.close(shown.master)
        os.close(shown.slave)


def test_it_draws_sorts_follows_the_size_and_quits(tmp_path: Path) -> None:
    with FakeDaemon(tmp_path, Daemon()), terminal(tmp_path) as shown:
        shown.until(lambda: shown.shows("down 2.0 MiB/s") and shown.shows("q quit"))
        assert shown.shows("by rate")
        assert shown.shows("文件 é.jpg") or shown.shows("é.jpg")
        shown.press(b"n")
        shown.until(lambda: shown.shows("by name"))
        shown.resize(60, 12)
        shown.process.send_signal(signal.SIGWINCH)
        shown.until(lambda: "q quit" in shown.screen.display[11])
        shown.press(b"q")
        shown.ended(0)


@pytest.mark.parametrize(
    ("ends", "status"),
    [
        (lambda shown: shown.press(b"\x03"), 130),
        (lambda shown: shown.process.send_signal(signal.SIGTERM), 130),
    ],
)
def test_however_it_ends_the_terminal_is_as_before(
    tmp_path: Path, ends: Callable[[Terminal], None], status: int
) -> None:
    with FakeDaemon(tmp_path, Daemon()), terminal(tmp_path) as shown:
        shown.until(lambda: shown.shows("q quit"))
        ends(shown)
        shown.ended(status)


def test_a_daemon_that_ends_meanwhile_is_said_and_waited_for(tmp_path: Path) -> None:
    with terminal(tmp_path / "none") as shown:
        shown.ended(2)
    with ExitStack() as daemon:
        daemon.enter_context(FakeDaemon(tmp_path, Daemon()))
        with terminal(tmp_path) as shown:
            shown.until(lambda: shown.shows("q quit"))
            daemon.close()
            shown.until(lambda: shown.shows("Trying again"))
            with FakeDaemon(tmp_path, Daemon()):
                shown.until(lambda: shown.shows("PROGRAM"))
                shown.press(b"q")
                shown.ended(0)


def test_an_unknown_terminal_is_a_sentence(tmp_path: Path) -> None:
    with FakeDaemon(tmp_path, Daemon()), terminal(tmp_path, "no-such-terminal") as shown:
        shown.ended(2)
        assert b"--once" in shown.bytes
        assert b"Traceback" not in shown.bytes


def test_the_screen_has_the_colours_of_its_terminal(tmp_path: Path) -> None:
    """On a light one it was white on black."""
    with FakeDaemon(tmp_path, Daemon()), terminal(tmp_path, "xterm-256color") as shown:
        shown.until(lambda: shown.shows("q quit"))
        drawn = [cell for row in shown.screen.buffer.values() for cell in row.values()]
        assert {(cell.fg, cell.bg) for cell in drawn} == {("default", "default")}
        shown.press(b"q")
        shown.ended(0)
