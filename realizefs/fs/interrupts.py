"""Programs that are killed, or interrupted, while they wait for our answer.

The kernel tells a file system of it, and pyfuse3 doesn't pass that on. A program that waits can't
end before it has its answer, so those that wait are looked at a few times a second: /proc says
which signals are waiting for them. One that is to end gets EINTR.
"""

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import trio

LOOK_SECONDS = 0.2
"""Seconds between looks: less than a person notices, and 50 µs for each who waits."""

_MASK = re.compile(rb"^(SigPnd|ShdPnd|SigBlk|SigIgn):\s*(\S+)$", re.MULTILINE)

LOOKS_AT_ONCE = 4
"""Programs looked at before those have a turn that wait for nobody."""

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP)
"""Signals that mean an end where they are neither ignored nor blocked."""


class Interrupts:
    """Those who wait, by the scope in which they are answered. Trio thread only."""

    def __init__(self) -> None:
        self._waiting: dict[trio.CancelScope, int] = {}
        self._wake = trio.Event()

    @contextmanager
    def heeding(self, pid: int) -> Iterator[None]:
        """Give up what is done inside when the thread `pid` is to end: InterruptedError."""
        scope = trio.CancelScope()
        self._waiting[scope] = pid
        self._wake.set()
        try:
            with scope:
                yield
        finally:
            del self._waiting[scope]
        if scope.cancelled_caught:
            raise InterruptedError(4, "The program that asked is to end.")

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self._wake.wait()
            await trio.sleep(LOOK_SECONDS)
            for count, (scope, pid) in enumerate(list(self._waiting.items())):
                if count % LOOKS_AT_ONCE == 0:
                    await trio.lowlevel.checkpoint()
                # Who has got an answer meanwhile isn't in that scope any more, or is done with it.
                if scope in self._waiting and is_ending(pid):
                    scope.cancel()
            if not self._waiting:
                self._wake = trio.Event()


def is_ending(pid: int) -> bool:
    """Whether a signal that ends it waits for this thread; False if it isn't there at all."""
    try:
        with open(f"/proc/{pid}/status", "rb", buffering=0) as file:
            masks = dict(_MASK.findall(file.read()))
    except (FileNotFoundError, ProcessLookupError):
        return False
    pending = int(masks[b"SigPnd"], 16) | int(masks[b"ShdPnd"], 16)
    deaf = int(masks[b"SigBlk"], 16) | int(masks[b"SigIgn"], 16)
    ending = sum(1 << number - 1 for number in ENDING) & ~deaf
    return bool(pending & (ending | 1 << signal.SIGKILL - 1))
