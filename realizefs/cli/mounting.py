"""Mounting in the background and unmounting, which need more than one question to the daemon."""

import os
import select
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from realizefs.cli.client import RETRY_SECONDS, Client, Connection, DaemonEnded
from realizefs.fs import mountpoints
from realizefs.model.control import Failed, decode_answer
from realizefs.model.limits import COMMAND_SECONDS, CONTROL_LINE_BYTES_MAX, DAEMON_START_SECONDS


def real_directory(directory: str) -> str:
    """The absolute path of a mount point without symlinks, as the kernel will name it."""
    return os.path.realpath(directory)


@dataclass(frozen=True, slots=True)
class WantedMount:
    """Where to mount which arena (None: what there is), with which flags."""

    directory: str
    arena: str | None = None
    flags: tuple[str, ...] = ()

    def as_options(self) -> list[str]:
        """For the command line of a new daemon."""
        arena = [] if self.arena is None else ["--arena", self.arena]
        return ["--mount", self.directory, *arena, *(f"--flag={flag}" for flag in self.flags)]


def mount_detached(client: Client, wanted: WantedMount, verbose: bool) -> str:
    """Mount by the running daemon, or by a new one; the sentence once the mount answers."""
    deadline = time.monotonic() + DAEMON_START_SECONDS
    while True:
        connection = client.connect()
        try:
            if connection is None:
                return _sentence(_spawn(client, wanted, verbose))
            return _sentence(_ask(connection, wanted))
        except DaemonEnded:
            if time.monotonic() > deadline:
                raise
        except Failed as failure:
            # A daemon that is starting or ending has the lock, and no socket yet or any more.
            if failure.kind != "AlreadyRunning" or connection or time.monotonic() > deadline:
                raise
        time.sleep(RETRY_SECONDS)


def unmount(client: Client, directory: str) -> str:
    """Unmount by the daemon that has the mount, or else without it; the sentence.

    A daemon that ends with its mount has ended when this returns.
    """
    connection = client.connect()
    if connection is not None:
        process = connection.watch_process()
        try:
            answer: Any = connection.ask("umount", {"directory": directory})
            if answer["ends"]:
                select.select([process], [], [], COMMAND_SECONDS)
            return _sentence(answer)
        except Failed as failure:
            if failure.kind != "NotFound":
                raise
        except DaemonEnded:  # quicker than its answer
            if not mountpoints.is_mounted(Path(directory)):
                select.select([process], [], [], COMMAND_SECONDS)
                return f"{directory} is unmounted."
        finally:
            os.close(process)
            connection.close()
    mountpoints.unmount(Path(directory))
    return f"{directory} is unmounted."


def _ask(connection: Connection, wanted: WantedMount) -> object:
    try:
        return connection.ask(
            "mount",
            {
                "directory": wanted.directory,
                "arena": wanted.arena,
                "flags": list(wanted.flags),
            },
        )
    finally:
        connection.close()


def _spawn(client: Client, wanted: WantedMount, verbose: bool) -> object:
    """Start a daemon of its own session; it tells through a pipe how the mount went."""
    loud = ["--verbose"] if verbose else []
    readable, writable = os.pipe()
    with os.fdopen(readable, "rb") as answers, tempfile.TemporaryFile() as complaints:
        try:
            process = subprocess.Popen(
                client.daemon_command(
                    *loud, "run", *wanted.as_options(), "--ready-fd", str(writable)
                ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=complaints,  # until it has opened its log
                env=client.daemon_environment(),
                pass_fds=[writable],
                start_new_session=True,
                cwd="/",
            )
        finally:
            os.close(writable)
        # Bounded: the daemon gives up on a mount after MOUNT_SECONDS, and its end ends the pipe.
        line = answers.readline(CONTROL_LINE_BYTES_MAX + 1)
        if not line.endswith(b"\n"):
            raise _died(process.wait(), complaints)
    return decode_answer(line)


def _died(status: int, complaints: IO[bytes]) -> Failed:
    complaints.seek(0)
    said = complaints.read().decode("utf-8", "replace").strip().splitlines()
    return Failed(
        f"The daemon ended with status {status} before the mount answered; see its log.",
        tuple(said[-1:]),
    )


def _sentence(answer: Any) -> str:
    return str(answer["sentence"])
