"""A daemon that can't answer any more, and a program that waits for its answer."""

import os
import signal
import socket
import subprocess
import sys

from realizefs.fs import hand
from tests.household.conftest import Household
from tests.household.waiting import SECONDS


def test_the_hand_frees_who_waits_for_a_daemon_that_will_never_answer(household: Household) -> None:
    """A killed daemon's thread waited in the kernel for a directory's lock; who held the lock
    waited for the daemon. Nobody could end either."""
    machine = household.machine("desk")
    mnt = machine.directory / "mnt"
    mnt.mkdir()
    machine.share("photos", machine.directory / "photos")
    machine.ask("mount", mnt)
    device, pid = os.stat(mnt).st_dev, machine.pid
    assert pid is not None
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection = hand.open_setting(device, "abort")
    places = [str(one) for one in (mnt, device, pid, connection)]
    command = [sys.executable, "-I", "-S", hand.__file__, *places]
    with ours, subprocess.Popen(command, stdin=theirs.fileno(), pass_fds=[connection]) as one:
        theirs.close()
        os.close(connection)
        os.kill(pid, signal.SIGSTOP)
        try:
            waiting = subprocess.Popen(["touch", mnt / "new"], stderr=subprocess.PIPE)
            ours.close()  # as when the daemon is killed
            _, said = waiting.communicate(timeout=SECONDS)
        finally:
            os.kill(pid, signal.SIGKILL)
        assert waiting.returncode != 0
        assert said
        assert one.wait(SECONDS) == 0
