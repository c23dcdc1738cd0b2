"""A daemon's end of the control socket: canned answers, and what was asked."""

import os
import socket
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from realizefs.model.control import (
    SOCKET_NAME,
    Failed,
    Request,
    decode_request,
    encode_failure,
    encode_progress,
    encode_result,
)

Answering = Callable[[Request], object]


class FakeDaemon:
    """Answers at HOME/control.sock while entered, after telling how far it is; `asked` are the requests
    it got."""

    def __init__(self, home: Path, answering: Answering, telling: Sequence[object] = ()) -> None:
        self._home = home
        self._answering = answering
        self._telling = telling
        self.asked: list[Request] = []
        self._listening = socket.socket(socket.AF_UNIX)
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> "FakeDaemon":
        self._home.mkdir(parents=True, exist_ok=True)
        directory = os.open(self._home, os.O_PATH)
        self._listening.bind(f"/proc/self/fd/{directory}/{SOCKET_NAME}")
        os.close(directory)
        self._listening.listen()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()
        (self._home / SOCKET_NAME).unlink()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:  # shut down
                return
            with connection, connection.makefile("rb") as lines:
                for line in lines:
                    request = decode_request(line)
                    self.asked.append(request)
                    reply = self._reply(request)
                    if not reply:
                        break
                    for progress in self._telling:
                        connection.sendall(encode_progress(progress))
                    connection.sendall(reply)

    def _reply(self, request: Request) -> bytes:
        """An answer of None is the daemon's sudden end."""
        try:
            result = self._answering(request)
        except Failed as failure:
            return encode_failure(failure)
        return b"" if result is None else encode_result(result)
