"""The way to the hand: its process, and the socket on which it is asked.

Its process id is the only thing by which the mount tells the hand's requests from those of
programs, whose changes must not be taken for nothing. So the process is waited for only after
nobody goes by that id any more: until then the kernel gives it to nobody else.
"""

import logging
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import trio

from realizefs.fs import hand

log = logging.getLogger(__name__)

END_SECONDS = 2.0
"""Seconds that a killed hand may take to end while the mount still answers it."""
LOOK_ANSWER = struct.Struct("=Q")


class HandLost(Exception):
    """The hand has ended, or couldn't be started."""


class Arm:
    """One hand at one mount."""

    def __init__(self, process: trio.Process, link: trio.socket.SocketType) -> None:
        self._process = process
        self._link = link
        self.pid = process.pid

    @staticmethod
    async def reach(mountpoint: Path, device: int) -> "Arm":
        """Start a hand at `mountpoint`, where the mount is `device`; raises HandLost."""
        connection = await trio.to_thread.run_sync(_its_end, device)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        places = str(mountpoint), str(device), str(os.getpid()), str(connection)
        command = [sys.executable, "-I", "-S", hand.__file__, *places]
        try:
            process = await trio.lowlevel.open_process(
                command,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[connection] if connection >= 0 else [],
                cwd="/",  # nothing of it is in anybody's mount
                start_new_session=True,  # Ctrl-C in a terminal is for the daemon to answer
            )
        except OSError as error:
            ours.close()
            raise HandLost(str(error)) from error
        except BaseException:  # cancelled: the mount has ended already
            ours.close()
            raise
        finally:
            theirs.close()
            if connection >= 0:
                os.close(connection)
        return Arm(process, trio.socket.from_stdlib_socket(ours))

    async def look(self) -> set[int] | None:
        """The inodes that are watched; None if that may be all of them."""
        answer = await self._ask(hand.LOOK)
        inodes = {ino for (ino,) in LOOK_ANSWER.iter_unpack(answer)}
        return None if hand.EVERYTHING in inodes else inodes

    async def do(self, request: Iterable[bytes]) -> int:
        """Have it do something; the errno, 0 if it was done."""
        return self._failure(await self._ask(b"\0".join(request), whole=True))

    async def _ask(self, request: bytes, *, whole: bool = False) -> bytes:
        try:
            await self._link.send(request)
            answer = await self._link.recv(hand.PACKET_BYTES_MAX)
        except OSError as error:
            raise HandLost(str(error)) from error
        if not answer:
            raise HandLost("it ended")
        return answer if whole else answer[hand.FAILURE.size :]

    @staticmethod
    def _failure(answer: bytes) -> int:
        (failure,) = hand.FAILURE.unpack_from(answer)
        return int(failure)

    async def kill(self) -> bool:
        """End it; False if it hangs in a call that only the end of the mount ends."""
        self._process.kill()  # first: a hand that sees the socket closed ends the connection
        self._link.close()
        with trio.CancelScope(shield=True, deadline=trio.current_time() + END_SECONDS):
            await self._process.wait()
            return True
        return False


def _its_end(device: int) -> int:
    """The descriptor by which a hand ends the connection; -1 where that isn't ours to do."""
    try:
        return hand.open_setting(device, "abort")
    except OSError as error:
        log.debug("The connection can't be ended from outside: %s.", error.strerror)
        return -1
