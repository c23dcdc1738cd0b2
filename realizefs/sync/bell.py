"""A bell: wakes whoever waits for "something happened since I last looked".

Counting, so that a ring between looking and waiting isn't missed; any number of waiters; rung
only on the trio thread.
"""

import trio


class Bell:
    """`seen = bell.count`, look, `await bell.after(seen)`."""

    def __init__(self) -> None:
        self.count = 0
        self._event = trio.Event()

    def ring(self) -> None:
        """Wake all waiters."""
        self.count += 1
        self._event.set()
        self._event = trio.Event()

    async def after(self, seen: int) -> None:
        """Return once the bell has rung more often than `seen` times."""
        while self.count <= seen:
            await self._event.wait()
