"""The hand, without a mount: who watches, and what it refuses to touch."""

import errno
import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from inotify_simple import INotify, flags

from realizefs.fs import hand, interrupts
from tests.household.waiting import until


def test_it_sees_who_watches_on_one_device(tmp_path: Path) -> None:
    watched, not_watched = tmp_path / "a", tmp_path / "b"
    watched.mkdir()
    not_watched.mkdir()
    device = tmp_path.stat().st_dev
    with INotify() as inotify:
        inotify.add_watch(watched, flags.CREATE)
        found = hand.watched(device)
        assert watched.stat().st_ino in found
        assert not_watched.stat().st_ino not in found
        assert watched.stat().st_ino not in hand.watched(device + 1)


def test_it_touches_nothing_but_the_mount_it_was_started_for(tmp_path: Path) -> None:
    elsewhere = hand.Mountpoint(os.fsencode(tmp_path), tmp_path.stat().st_dev + 1)
    asked = b"\0".join((b"create", b"", b"new", b"%d" % 0o100600))
    assert hand.answer(elsewhere, asked) == hand.FAILURE.pack(errno.ENODEV)
    assert os.listdir(tmp_path) == []


def test_it_follows_no_symlink_and_no_way_out(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (inside / "link").symlink_to(outside)
    mount = hand.Mountpoint(os.fsencode(inside), inside.stat().st_dev)
    for path in (b"link", b"../outside", b"/" + os.fsencode(outside)):
        asked = b"\0".join((b"create", path, b"new", b"%d" % 0o100600))
        assert hand.answer(mount, asked) != hand.FAILURE.pack(0)
    assert os.listdir(outside) == []
    (outside / "target").write_text("")
    (inside / "file").symlink_to(outside / "target")
    before = (outside / "target").stat()
    assert hand.answer(mount, b"modify\0\0file") == hand.FAILURE.pack(0)
    assert (outside / "target").stat().st_mtime_ns == before.st_mtime_ns


def test_a_process_is_ending_when_a_signal_waits_that_ends_it() -> None:
    assert not interrupts.is_ending(os.getpid())
    assert not interrupts.is_ending(2**30)
    blocks = "import signal, sys; signal.pthread_sigmask(0, {15}); print(1, flush=True); input()"
    command = [sys.executable, "-c", blocks]
    with subprocess.Popen(command, stdin=-1, stdout=-1) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.send_signal(signal.SIGTERM)  # blocked: it goes on
        assert not interrupts.is_ending(process.pid)
        process.send_signal(signal.SIGSTOP)
        until(lambda: _state(process.pid) == "T", "it stops")
        process.send_signal(signal.SIGINT)
        assert interrupts.is_ending(process.pid)
        process.kill()


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]


@pytest.mark.parametrize("end", ["killed", "hung up"])
def test_it_ends_the_connection_that_it_was_given_and_no_other(tmp_path: Path, end: str) -> None:
    """Whichever mount has the device's number when the daemon has ended."""
    reader, writer = os.pipe()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with subprocess.Popen(["sleep", "60"]) as daemon, ours, open(reader, "rb", 0) as ended:
        places = str(tmp_path), "0", str(daemon.pid), str(writer)
        command = [sys.executable, "-I", "-S", hand.__file__, *places]
        with subprocess.Popen(command, stdin=theirs.fileno(), pass_fds=[writer]) as process:
            theirs.close()
            os.close(writer)
            try:
                ours.send(hand.LOOK)
                assert ours.recv(hand.PACKET_BYTES_MAX), "it serves, and has ended nothing"
                assert not select.select([ended], [], [], 0)[0]
                if end == "killed":
                    daemon.kill()
                    assert daemon.wait(30) == -9
                else:
                    ours.close()
                assert ended.read(10) == b"1"
                ours.close()
                assert process.wait(30) == 0
            finally:
                process.kill()
                daemon.kill()
