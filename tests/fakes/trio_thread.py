"""trio in a thread of its own, so that a test's own thread can make system calls of its mount."""

import threading
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import trio

T = TypeVar("T")
END_SECONDS = 60

Ready = Callable[[], None]
"""Called by what runs in the thread when the test may begin."""


class TrioThread:
    """Runs `main` from `start` to `stop`; what it raises is raised in the test's thread."""

    def __init__(self, main: Callable[[Ready], Awaitable[None]]) -> None:
        self._main = main
        self._is_ready = threading.Event()
        self._token: trio.lowlevel.TrioToken | None = None
        self._scope = trio.CancelScope()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="trio")

    def start(self) -> None:
        self._thread.start()
        self._is_ready.wait(END_SECONDS)
        if self._failure is not None:
            self._thread.join(END_SECONDS)
            raise self._failure

    def stop(self) -> bool:
        """Cancel it; whether it has ended."""
        if self._thread.is_alive() and self._token is not None:
            self._token.run_sync_soon(self._scope.cancel)
        return self.wait_ended()

    def wait_ended(self) -> bool:
        self._thread.join(END_SECONDS)
        return not self._thread.is_alive()

    def raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Run a function on the trio thread, at once if this is it."""
        if threading.current_thread() is self._thread:
            return function(*arguments)
        assert self._token is not None
        return trio.from_thread.run_sync(function, *arguments, trio_token=self._token)

    def wait_for(self, function: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        """Run an async function on the trio thread, END_SECONDS at most."""
        assert self._token is not None
        return trio.from_thread.run(self._timed, function, *arguments, trio_token=self._token)

    async def _timed(self, function: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        with trio.fail_after(END_SECONDS):
            return await function(*arguments)

    def _run(self) -> None:
        try:
            trio.run(self._with_scope)
        except BaseException as error:  # noqa: BLE001 - raised in the test's thread
            self._failure = _only(error)
        finally:
            self._is_ready.set()

    async def _with_scope(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        with self._scope:
            await self._main(self._is_ready.set)


def _only(error: BaseException) -> BaseException:
    """What a nursery's group is about, where it is one thing."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
