"""The command line's way to the daemon of a home.

Where a daemon runs, it is asked over its socket. Where none runs, `python -m realizefs.daemon
once` takes the home's lock and answers one request with the very same handlers. A daemon that is
just starting or ending holds the lock without a socket; then both ways are tried again shortly.
"""

import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Mapping

from realizefs.model.control import (
    DAEMON_MODULE,
    SOCKET_NAME,
    Failed,
    Progress,
    Request,
    control_directory,
    decode_answer,
    encode_request,
)
from realizefs.model.errors import NoDaemon
from realizefs.model.limits import COMMAND_SECONDS, CONTROL_LINE_BYTES_MAX, DAEMON_START_SECONDS

RETRY_SECONDS = 0.05
"""Seconds between tries while a daemon starts or ends: not noticed by a person."""

Arguments = Mapping[str, object]

Told = Callable[[object], None]
"""Hears how far a command is."""


class DaemonEnded(NoDaemon):
    """The daemon went away before it answered."""


class Connection:
    """A connected control socket; requests are answered in order."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._file = connected.makefile("rb")

    def ask(self, command: str, arguments: Arguments, told: Told | None = None) -> object:
        """The daemon's result; raises Failed with its sentence, or DaemonEnded. Until then `told`
        hears how far it is."""
        answer = self._heard(encode_request(Request(command, arguments)))
        while isinstance(answer, Progress):
            if told is not None:
                told(answer.value)
            answer = self._heard(b"")
        return answer

    def _heard(self, said: bytes) -> object:
        try:
            self._socket.sendall(said)
            line = self._file.readline(CONTROL_LINE_BYTES_MAX + 1)
        except TimeoutError as error:
            raise NoDaemon(
                "The daemon doesn't answer; `realizefs status` says more, its log too."
            ) from error
        except OSError as error:
            raise DaemonEnded("The daemon ended before it answered; see its log.") from error
        if not line.endswith(b"\n"):
            raise DaemonEnded("The daemon ended before it answered; see its log.")
        return decode_answer(line)

    def watch_process(self) -> int:
        """A descriptor that is readable once the daemon's process has ended; the caller's."""
        size = struct.calcsize("3i")  # struct ucred: pid, uid, gid
        credentials = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        return os.pidfd_open(struct.unpack("3i", credentials)[0])

    def fileno(self) -> int:
        """Where lines come, for who reads them himself; then not together with `ask`."""
        return self._socket.fileno()

    def send(self, line: bytes) -> None:
        """Say a line."""
        self._socket.sendall(line)

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self._socket.close()


class Client:
    """Asks the daemon of the home in `home`, None for the XDG directories."""

    def __init__(self, home: str | None) -> None:
        self.home = home
        self.directory = control_directory(
            home, os.environ.get("XDG_DATA_HOME"), os.path.expanduser("~")
        )

    def connect(self, seconds: float | None = COMMAND_SECONDS) -> Connection | None:
        """A connection to the running daemon; None if there is none.

        Answers are waited for so many seconds each; None: as long as it takes.
        """
        try:
            directory = os.open(self.directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return None
        stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        stream.settimeout(seconds)
        try:
            # Through the descriptor: the path of a socket has at most 107 bytes.
            stream.connect(f"/proc/self/fd/{directory}/{SOCKET_NAME}")
        except (FileNotFoundError, ConnectionRefusedError):
            stream.close()
            return None
        except BaseException:
            stream.close()
            raise
        finally:
            os.close(directory)
        return Connection(stream)

    def ask_running(
        self,
        command: str,
        arguments: Arguments,
        seconds: float | None = COMMAND_SECONDS,
        told: Told | None = None,
    ) -> object:
        """The running daemon's result; raises NoDaemon where there is none."""
        connection = self.connect(seconds)
        if connection is None:
            raise NoDaemon(
                "No daemon is running here; start one with `realizefs serve` or "
                "`realizefs mount DIR`."
            )
        try:
            return connection.ask(command, arguments, told)
        finally:
            connection.close()

    def ask(
        self,
        command: str,
        arguments: Arguments,
        seconds: float | None = COMMAND_SECONDS,
        told: Told | None = None,
    ) -> object:
        """The result of whoever can answer: the running daemon, which tells how far it is, or a process
        for this request.

        It is waited for so many seconds; None: as long as it takes, for what reads all there is.
        """
        deadline = time.monotonic() + DAEMON_START_SECONDS
        while True:
            try:
                return self.ask_running(command, arguments, seconds, told)
            except DaemonEnded:
                raise  # it may have done what was asked
            except NoDaemon:
                answer = self._ask_once(command, arguments, seconds)
            try:
                return decode_answer(answer)
            except Failed as failure:
                if failure.kind != "AlreadyRunning" or time.monotonic() > deadline:
                    raise
            time.sleep(RETRY_SECONDS)

    def ask_alone(self, command: str, arguments: Arguments, seconds: float) -> object:
        """The result of a process for this request, whatever daemon runs."""
        return decode_answer(self._ask_once(command, arguments, seconds))

    def daemon_command(self, *arguments: str) -> list[str]:
        """The command that runs a daemon for this home."""
        # -P: a module in the current directory must not become part of the daemon.
        home = ["--home", self.home] if self.home is not None else []
        return [sys.executable, "-P", "-m", DAEMON_MODULE, *home, *arguments]

    def daemon_environment(self) -> dict[str, str]:
        """The environment of a daemon. glibc gives every thread an arena of its own, and worker
        threads that come and go would keep tens of megabytes each."""
        return {"MALLOC_ARENA_MAX": "2", **os.environ}

    def _ask_once(self, command: str, arguments: Arguments, seconds: float | None) -> bytes:
        done = subprocess.run(
            self.daemon_command("once"),
            input=encode_request(Request(command, arguments)),
            capture_output=True,
            check=False,
            env=self.daemon_environment(),
            timeout=seconds,
        )
        if not done.stdout.endswith(b"\n"):
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise Failed(
                f"The command failed with status {done.returncode} before it answered.",
                tuple(said[-1:]),
            )
        return done.stdout
