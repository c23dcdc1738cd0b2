"""Telling the service manager how the daemon is: sd_notify(3)'s protocol, one datagram a message.

Where nobody asked (NOTIFY_SOCKET isn't set) nothing is sent. A manager that is gone is no reason
to end: what couldn't be told is logged.

The watchdog (WatchdogSec= of the unit) is fed by a task among all the others: a loop that takes
turns no more doesn't feed it, and then the manager ends this process and starts another.
"""

import logging
import os
import socket
from collections.abc import Callable, MutableMapping

import trio

log = logging.getLogger(__name__)

VARIABLE = "NOTIFY_SOCKET"

STATUS_SECONDS = 10.0
"""Seconds after which what `systemctl status` shows is looked at again, and told if it has changed."""

FEEDINGS = 3
"""Times that the watchdog is fed within its time: two may come late."""


class ServiceManager:
    """The one that started this process, if it wants to hear of it."""

    def __init__(self, environment: MutableMapping[str, str]) -> None:
        """Takes the variables away, so that no program which is started later speaks for us."""
        self._address = environment.pop(VARIABLE, "")
        self._watchdog = _watchdog_seconds(environment)

    async def keep(self, describe: Callable[[], str]) -> None:
        """Feed the watchdog and tell what `describe` says, as long as it runs."""
        if not self._address:
            return
        seconds, told = STATUS_SECONDS, ""
        if self._watchdog is not None:
            seconds = min(seconds, self._watchdog / FEEDINGS)
        while True:
            await trio.sleep(seconds)
            said = describe()
            news = [f"STATUS={said}"] if said != told else []
            fed = ["WATCHDOG=1"] if self._watchdog is not None else []
            if news or fed:
                self._tell(*fed, *news)
            told = said

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


def _watchdog_seconds(environment: MutableMapping[str, str]) -> float | None:
    """How long the manager waits for a sign of life; None if it doesn't, or not for one of ours."""
    microseconds, process = (
        environment.pop("WATCHDOG_USEC", ""),
        environment.pop("WATCHDOG_PID", ""),
    )
    if not microseconds.isdecimal() or (process and process != str(os.getpid())):
        return None
    return int(microseconds) / 1e6 or None
