"""Threads and the wire come late at random: what fails then rests on an order that nobody keeps.

`make test-late`, or `LATE=0.06,0.4 PYTHONPATH=$PWD/scripts/late pytest …`: of 100 calls into a worker
thread, and of 100 messages, 6 begin up to 0.4 s later; in the tests' process and in each daemon that it
starts. Python imports this module at its start; without LATE it does nothing. What a test gives a
limit of seconds may fail for that alone.
"""

import importlib.util
import os
import random
import sys
import time
from collections.abc import Sequence
from functools import wraps
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


class _Late(MetaPathFinder):
    """Changes trio as soon as it is imported, and not before: most commands never do."""

    def __init__(self, share: float, seconds: float) -> None:
        self._share = share
        self._seconds = seconds

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "trio":
            return None
        sys.meta_path.remove(self)
        found = importlib.util.find_spec(name)
        if found is None or found.loader is None:
            return found
        execute = found.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            self._delay(module)

        found.loader.exec_module = exec_module  # type: ignore[method-assign]
        return found

    def _delay(self, trio: Any) -> None:
        run_sync, send_all = trio.to_thread.run_sync, trio.SocketStream.send_all

        @wraps(run_sync)
        async def late_thread(work: Any, *arguments: Any, **options: Any) -> Any:
            def begin(*given: Any) -> Any:
                if seconds := self._some():
                    time.sleep(seconds)
                return work(*given)

            return await run_sync(begin, *arguments, **options)

        @wraps(send_all)
        async def late_message(stream: Any, data: bytes) -> None:
            if seconds := self._some():
                await run_sync(time.sleep, seconds)  # not by the clock of a test
            await send_all(stream, data)

        trio.to_thread.run_sync = late_thread
        trio.SocketStream.send_all = late_message

    def _some(self) -> float:
        """Seconds, mostly none."""
        chance = random.SystemRandom()
        return chance.uniform(0.0, self._seconds) if chance.random() < self._share else 0.0


def _begin(late: str | None) -> None:
    if late:
        share, seconds = late.split(",")
        sys.meta_path.insert(0, _Late(float(share), float(seconds)))


_begin(os.environ.get("LATE"))
