"""Commands that ask a person something while they are carried out: the questions come as lines of
progress, and a line goes back with what he says.

He and the daemon may speak in any order: while he is asked the daemon may say that the question is
settled (the other machine went away), so both are waited for at once. What he types is therefore read
from the descriptor, without Python's buffer, of which `select` knows nothing.
"""

import os
import select
import subprocess
import tempfile
import termios
import time
from collections.abc import Callable
from typing import IO

import click

from realizefs.cli.client import RETRY_SECONDS, Arguments, Client, Connection, DaemonEnded
from realizefs.cli.render import printable
from realizefs.model.control import (
    Failed,
    Progress,
    Request,
    decode_answer,
    encode_reply,
    encode_request,
)
from realizefs.model.limits import CONTROL_LINE_BYTES_MAX, DAEMON_START_SECONDS

READ_BYTES = 64 * 1024

STANDARD_INPUT = 0


class Lines:
    """Lines from a descriptor."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._buffer = b""

    @property
    def waiting(self) -> bool:
        """Whether a line, or the end, can be had without waiting for anybody."""
        return b"\n" in self._buffer

    def forget(self) -> None:
        """Drop what has come so far."""
        self._buffer = b""

    def next(self) -> bytes:
        """The next line with its end; without one at the end of all."""
        while b"\n" not in self._buffer and len(self._buffer) <= CONTROL_LINE_BYTES_MAX:
            data = os.read(self.descriptor, READ_BYTES)
            if not data:
                break
            self._buffer += data
        line, end, self._buffer = self._buffer.partition(b"\n")
        return line + end


class Person:
    """Whoever sits at the standard input."""

    def __init__(self) -> None:
        self._lines = Lines(STANDARD_INPUT)

    def answers(self, prompt: str) -> str:
        """What he types, "" where nobody is there; the prompt goes to stderr."""
        click.echo(f"{printable(prompt)} ", nl=False, err=True)
        return self._lines.next().decode(errors="replace").strip()

    def says_yes(self, prompt: str, unless: Lines) -> bool | None:
        """Whether he types y or yes; None if a line came on `unless` before."""
        self._forget_keys()
        click.echo(f"{printable(prompt)} ", nl=False, err=True)
        if not self._lines.waiting:
            ready = unless.waiting or unless.descriptor in _readable(
                self._lines.descriptor, unless.descriptor
            )
            if ready:
                click.echo("", err=True)
                return None
        return self._lines.next().decode(errors="replace").strip().lower() in ("y", "yes")

    def _forget_keys(self) -> None:
        """What was typed before the question was seen doesn't answer it: it was meant for another one,
        which was settled meanwhile. A program, at a pipe, may say things in advance."""
        if os.isatty(self._lines.descriptor):
            termios.tcflush(self._lines.descriptor, termios.TCIFLUSH)
            self._lines.forget()


def _readable(*descriptors: int) -> list[int]:
    return select.select(descriptors, [], [])[0]


class Exchange:
    """A command that is under way: lines from whoever carries it out, and replies to him."""

    def __init__(self, descriptor: int, send: Callable[[bytes], None], person: Person) -> None:
        self.lines = Lines(descriptor)
        self._send = send
        self._person = person

    def put(self, number: int, prompt: str) -> bool | None:
        """Put a question to the person, and send what he says; None if it was settled before."""
        says_yes = self._person.says_yes(prompt, unless=self.lines)
        if says_yes is not None:
            self._send(encode_reply(number, says_yes))
        return says_yes


Hear = Callable[[dict[str, object], Exchange], None]
"""What is told meanwhile; it may put questions."""


def converse(
    client: Client, command: str, arguments: Arguments, person: Person, hear: Hear
) -> object:
    """The result of a command, of the running daemon or of a process for it; raises Failed."""
    request = encode_request(Request(command, arguments))
    deadline = time.monotonic() + DAEMON_START_SECONDS
    while True:
        connection = client.connect(None)
        try:
            if connection is not None:
                return _with_daemon(connection, request, person, hear)
            return _alone(client, request, person, hear)
        except Failed as failure:  # a daemon is just starting, or ending
            if failure.kind != "AlreadyRunning" or time.monotonic() > deadline:
                raise
        time.sleep(RETRY_SECONDS)


def _with_daemon(connection: Connection, request: bytes, person: Person, hear: Hear) -> object:
    try:
        connection.send(request)
        return _carry(Exchange(connection.fileno(), connection.send, person), hear)
    finally:
        connection.close()


def _alone(client: Client, request: bytes, person: Person, hear: Hear) -> object:
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            client.daemon_command("once"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=client.daemon_environment(),
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        send = _sender(process.stdin)
        try:
            send(request)
            return _carry(Exchange(process.stdout.fileno(), send, person), hear)
        except DaemonEnded as error:
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip().splitlines()
            raise Failed("The command failed before it answered.", tuple(said[-1:])) from error
        finally:
            process.kill()  # it has answered, or nobody waits any more


def _sender(pipe: IO[bytes]) -> Callable[[bytes], None]:
    def send(line: bytes) -> None:
        pipe.write(line)
        pipe.flush()

    return send


def _carry(exchange: Exchange, hear: Hear) -> object:
    while True:
        line = exchange.lines.next()
        if not line.endswith(b"\n"):
            raise DaemonEnded("The daemon ended before it answered; see its log.")
        answer = decode_answer(line)
        if not isinstance(answer, Progress):
            return answer
        if isinstance(answer.value, dict):
            hear(answer.value, exchange)
