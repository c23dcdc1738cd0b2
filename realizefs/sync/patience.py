"""When something fails: our own disk or database says no, or a link ends. The others go on.

What a disk or a database refuses and what must be done is tried again.

A full disk is the usual case. Nothing is lost by waiting: what is to be decided or saved is still
in the database or in memory, and readers are served meanwhile.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

from realizefs.model.errors import RealizeError, StoreFault

log = logging.getLogger(__name__)

T = TypeVar("T")

RETRY_SECONDS = 5.0
"""Seconds between tries: soon after somebody has made room, and few lines in the log."""


async def patiently(work: Callable[[], Awaitable[T]], what: str) -> T:
    """The result of `work`, which is run until neither disk nor database refuses it."""
    told = ""
    while True:
        try:
            return await work()
        except (StoreFault, OSError) as error:
            if str(error) != told:
                told = str(error)
                log.warning("%s has to wait: %s", what, told)
            await trio.sleep(RETRY_SECONDS)


async def guarded(work: Callable[..., Awaitable[None]], *arguments: object) -> None:
    """Run something whose failure concerns nobody else: of a link, which is ending then, or of what was
    only fetched ahead."""
    try:
        await work(*arguments)
    except (RealizeError, OSError) as error:
        log.debug("%s", error)
