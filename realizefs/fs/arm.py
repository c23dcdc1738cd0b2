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
from contextlib import ExitStack
from pathlib import Path

import trio

from realizefs.fs import hand
from realizefs.fs.mountpoints import device_of

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
        with ExitStack() as stack:
            connection = await trio.to_thread.run_sync(its_end, mountpoint, device)
            if connection >= 0:
                stack.callback(os.close, connection)
            try:
                process, ours = await _started(mountpoint, device, connection)
            except OSError as error:
                raise HandLost(str(error)) from error
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


async def _started(
    mountpoint: Path, device: int, connection: int
) -> tuple[trio.Process, socket.socket]:
    """A hand, and our end of its socket; raises OSError."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    places = str(mountpoint), str(device), str(os.getpid()), str(connection)
    try:
        process = await trio.lowlevel.open_process(
            [sys.executable, "-I", "-S", hand.__file__, *places],
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[connection] if connection >= 0 else [],
            cwd="/",  # nothing of it is in anybody's mount
            start_new_session=True,  # Ctrl-C in a terminal is for the daemon to answer
        )
    except BaseException:  # cancelled: the mount has ended already
        ours.close()
        raise
    finally:
        theirs.close()
    return process, ours


def its_end(mountpoint: Path, device: int) -> int:
    """The descriptor by which a hand ends the connection; -1 where that isn't ours to do. Blocks.

    Looked at again once it is open: since `device` was looked up the mount may have ended, and
    another one got its number.
    """
    try:
        connection = hand.open_setting(device, "abort")
    except OSError as error:
        log.debug("The connection can't be ended from outside: %s.", error.strerror)
        return -1
    if device_of(mountpoint) != device:
        os.close(connection)
        return -1
    return connection
