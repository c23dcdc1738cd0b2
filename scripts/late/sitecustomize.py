"""Something comes late: what fails then rests on an order that nobody keeps.

    make test-late LATE=WHAT,SECONDS[,SHARE]
    LATE=jobs,0.6 PYTHONPATH=$PWD/scripts/late .venv/bin/pytest …

In the tests' process and in each daemon that it starts. WHAT is "threads": of 100 calls into a worker
thread, and of 100 messages, SHARE (0.06: six) begin up to SECONDS later, as on a machine that is busy
with something else. Or it is one of WORK: each of these begins SECONDS later, which finds, every time,
who looks at what it brings without waiting for it.

Python imports this module at its start; without LATE it does nothing. What a test gives a limit of
seconds, and what has a clock of its own, may fail for that alone.
"""

import importlib.util
import os
import random
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial, wraps
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

WORK = {
    "answers": ("realizefs.sync.answering", "Answering.run"),
    "commits": ("realizefs.sync.writer", "Writer._commit_group"),
    "contents": ("realizefs.sync.homeless", "Homeless._go_over"),
    "decisions": ("realizefs.sync.jobs", "decide_page"),
    "events": ("realizefs.sync.following", "Following._tell"),
    "index": ("realizefs.sync.scanner", "Scanner._index"),
    "jobs": ("realizefs.sync.jobs", "Jobs._attempt_in_turn"),
    "notes": ("realizefs.sync.engine_store", "EngineStore.carried_out"),
    "rows": ("realizefs.sync.gossip", "Gossip.rows"),
}
"""What may be late: where it is, and its name there."""

SHARE = 0.06
WAITING_MAX = 5000
"""Threads that wait: more than a daemon has of its own."""

Change = Callable[[Any], None]


class _Finder(MetaPathFinder):
    """Changes a module as soon as it is imported, and not before: most commands never do."""

    def __init__(self, name: str, change: Change) -> None:
        self._name = name
        self._change = change

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != self._name:
            return None
        sys.meta_path.remove(self)
        found = importlib.util.find_spec(name)
        if found is None or found.loader is None:
            return found
        execute = found.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            self._change(module)

        found.loader.exec_module = exec_module  # type: ignore[method-assign]
        return found


def threads_late(seconds: float, share: float) -> Change:
    """A change of trio: calls into threads, and messages, of which a share is late."""

    def some() -> float:
        chance = random.SystemRandom()
        return chance.uniform(0.0, seconds) if chance.random() < share else 0.0

    def change(trio: Any) -> None:
        run_sync, send_all = trio.to_thread.run_sync, trio.SocketStream.send_all

        @wraps(run_sync)
        async def late_thread(work: Any, *arguments: Any, **options: Any) -> Any:
            def begin(*given: Any) -> Any:
                if delay := some():
                    time.sleep(delay)
                return work(*given)

            return await run_sync(begin, *arguments, **options)

        @wraps(send_all)
        async def late_message(stream: Any, data: bytes) -> None:
            if delay := some():
                await run_sync(time.sleep, delay)  # not by the clock of a test
            await send_all(stream, data)

        trio.to_thread.run_sync = late_thread
        trio.SocketStream.send_all = late_message

    return change


def work_late(name: str, seconds: float, share: float) -> Change:
    """A change of a module: what has that name in it, a function or Class.method, begins later."""

    def change(module: Any) -> None:
        import trio  # noqa: PLC0415 - the module has it already

        *owners, last = name.split(".")
        owner = getattr(module, owners[0]) if owners else module
        work: Callable[..., Awaitable[Any]] = getattr(owner, last)
        waiting = trio.CapacityLimiter(WAITING_MAX)

        @wraps(work)
        async def late(*arguments: Any, **options: Any) -> Any:
            if random.SystemRandom().random() < share:
                await trio.to_thread.run_sync(time.sleep, seconds, limiter=waiting)
            return await work(*arguments, **options)

        setattr(owner, last, late)

    return change


def _begin(late: str | None) -> None:
    if not late:
        return
    try:
        what, seconds, *share = late.split(",")
        module, name = ("trio", "") if what == "threads" else WORK[what]
        make = partial(work_late, name) if name else threads_late
        change = make(float(seconds), float(share[0]) if share else 1.0 if name else SHARE)
    except (KeyError, ValueError):
        raise SystemExit(
            f'LATE="{late}" is not WHAT,SECONDS[,SHARE]; WHAT is threads, {", ".join(WORK)}.'
        ) from None
    sys.meta_path.insert(0, _Finder(module, change))


_begin(os.environ.get("LATE"))
