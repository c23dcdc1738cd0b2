"""Telling the service manager how the daemon is: sd_notify(3)'s protocol, one datagram a message.

Where nobody asked (NOTIFY_SOCKET isn't set) nothing is sent. A manager that is gone is no reason
to end: what couldn't be told is logged.
"""

import logging
import socket
from collections.abc import MutableMapping

log = logging.getLogger(__name__)

VARIABLE = "NOTIFY_SOCKET"


class ServiceManager:
    """The one that started this process, if it wants to hear of it."""

    def __init__(self, environment: MutableMapping[str, str]) -> None:
        """Takes the variable away, so that no program which is started later speaks for us."""
        self._address = environment.pop(VARIABLE, "")

    def ready(self, sentence: str) -> None:
        """Everything that was to be started is up, the mount too."""
        self._tell("READY=1", f"STATUS={sentence}")

    def stopping(self) -> None:
        """What is written is being saved, then the process ends."""
        self._tell("STOPPING=1")

    def _tell(self, *lines: str) -> None:
        if not self._address:
            return
        # An address that begins with @ is in the abstract namespace.
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        message = "\n".join(line.replace("\n", " ") for line in lines).encode(errors="replace")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.setblocking(False)
            try:
                channel.sendto(message, address)
            except OSError as error:
                log.warning("The service manager can't be told %s: %s.", lines[0], error.strerror)
