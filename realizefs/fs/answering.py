"""One answer to the kernel: failures become an errno, and how long it took is counted.

Our errors carry their errno, OSErrors theirs, and anything else is a fault of ours that is logged in
one line and answered EIO; the mount lives on.
"""

import errno
import functools
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from time import perf_counter
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import pyfuse3

from realizefs.fs.served import Served
from realizefs.model.errors import RealizeError

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


class _Handlers(Protocol):
    """Whose methods answer requests."""

    _served: Served


Self_ = TypeVar("Self_", bound=_Handlers)


def answered(
    handler: Callable[Concatenate[Self_, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Self_, P], Coroutine[Any, Any, T]]:
    """Translate whatever a handler raises into the errno that the program gets, and count."""
    name = handler.__name__

    async def wrapped(self: Self_, /, *args: P.args, **kwargs: P.kwargs) -> T:
        if getattr(type(self), name) is not wrapped:  # the one that answers in its place counts
            return await handler(self, *args, **kwargs)
        latency = self._served.counts.operation(name)
        began = perf_counter()
        try:
            answer = await handler(self, *args, **kwargs)
        except pyfuse3.FUSEError:
            latency.failed += 1
            raise
        except Exception as error:
            latency.failed += 1
            raise _translated(name, error) from error
        finally:
            latency.took(perf_counter() - began)
        return answer

    functools.update_wrapper(wrapped, handler)
    return wrapped


LOOKS_MAX = 3
"""Times that is looked at what a job has just taken out of the root, or put there."""


def looks_again(
    handler: Callable[P, Coroutine[Any, Any, T]],
) -> Callable[P, Coroutine[Any, Any, T]]:
    """Around what looks whether a file is real and then says by its path what becomes of it: a job's
    thread may take it out of the root in between. Nothing has happened then; who looks again finds it
    unreal, or really gone."""

    @functools.wraps(handler)
    async def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        for _ in range(LOOKS_MAX - 1):
            with suppress(FileNotFoundError):
                return await handler(*args, **kwargs)
        return await handler(*args, **kwargs)

    return wrapped


def _translated(name: str, error: Exception) -> pyfuse3.FUSEError:
    """What the program is answered, which `name` failed for."""
    match error:
        case RealizeError():
            log.debug("%s: %s", name, error)
            return pyfuse3.FUSEError(error.errno)
        case OSError():
            return pyfuse3.FUSEError(error.errno or errno.EIO)
    log.error("The mount failed to %s: %r.", name, error)
    log.debug("The failure in full:", exc_info=error)
    return pyfuse3.FUSEError(errno.EIO)
