"""A command that asks things while it is carried out: questions go to whoever waits for it, replies come
back. Who hangs up ends the command.

A question is a line of progress with the number of the question as `ask`; a person may take as long as
the asker has patience. Questions that nobody wants to be answered any more are forgotten, and a late
reply to one counts for nothing.
"""

import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

import trio

from realizefs.daemon.control import Caller, Lines
from realizefs.model.control import BadControlLine, decode_reply, encode_progress


class Piped(Caller):
    """Whoever waits at the ends of our standard input and output: he hears no progress, but may be
    asked something."""

    def __init__(self) -> None:
        self._lines: Lines | None = None

    async def say(self, question: object) -> None:
        """See `Caller`."""
        sys.stdout.buffer.write(encode_progress(question))
        sys.stdout.buffer.flush()

    async def hear(self) -> bytes | None:
        """See `Caller`. The request has been read; nothing else comes before we have asked."""
        if self._lines is None:
            self._lines = Lines(trio.lowlevel.FdStream(os.dup(sys.stdin.fileno())))
        return await self._lines.next()


class Asker:
    """Asks and tells, one line at a time, from any task."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._saying = trio.Lock()
        self._asked = 0
        self._open: dict[int, trio.MemorySendChannel[bool]] = {}
        self._ended = False

    async def tell(self, value: Mapping[str, object]) -> None:
        """Say something that needs no reply."""
        async with self._saying:
            await self._caller.say(value)

    async def ask(self, question: Mapping[str, object]) -> bool:
        """The reply; no where nobody is there any more."""
        self._asked += 1
        number = self._asked
        reply, replied = trio.open_memory_channel[bool](1)
        if self._ended:
            return False
        self._open[number] = reply
        try:
            await self.tell({**question, "ask": number})
            return await replied.receive()
        finally:
            self._open.pop(number, None)

    async def listen(self) -> None:
        """Take replies until nobody is there any more; raises BadControlLine."""
        while (line := await self._caller.hear()) is not None:
            number, says_yes = decode_reply(line)
            self._answer(number, says_yes)

    def end(self) -> None:
        """Nobody is there any more: all is answered with no."""
        self._ended = True
        for number in list(self._open):
            self._answer(number, says_yes=False)

    def _answer(self, number: int, says_yes: bool) -> None:
        asked = self._open.pop(number, None)
        if asked is not None:  # else nobody wants to know any more
            asked.send_nowait(says_yes)


@asynccontextmanager
async def conversation(caller: Caller) -> AsyncIterator[Asker]:
    """What is inside may ask the caller, and is cancelled when he hangs up or can't be understood."""
    asker = Asker(caller)
    async with trio.open_nursery() as nursery:

        async def listen() -> None:
            with suppress(BadControlLine):  # whoever he is, he isn't answering
                await asker.listen()
            nursery.cancel_scope.cancel()

        nursery.start_soon(listen)
        try:
            yield asker
        finally:
            asker.end()
        nursery.cancel_scope.cancel()
