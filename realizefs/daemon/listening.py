"""Where other peers connect: each address is listened at as soon as it can be.

An address may be taken when the daemon starts (the last one is just ending), or not be there yet (a
network that comes up later). It is tried again until it is free; what is wrong is in every status,
and the rest goes on: other peers can still be dialled.
"""

import logging
from collections.abc import Callable, Iterable

import trio

from realizefs.daemon.addresses import listenable
from realizefs.daemon.arenas import once
from realizefs.daemon.failures import first_of
from realizefs.model.errors import RealizeError
from realizefs.model.limits import LISTEN_RETRY_SECONDS
from realizefs.sync.household import Household

log = logging.getLogger(__name__)


class Listening:
    """The addresses of one daemon; `changed` is called when one more is bound."""

    def __init__(self, household: Household, changed: Callable[[], None]) -> None:
        self._household = household
        self._changed = changed
        self._bound: dict[str, tuple[str, ...]] = {}
        self._problems: dict[str, str] = {}

    @property
    def bound(self) -> tuple[str, ...]:
        """The addresses in use."""
        return tuple(one for bound in self._bound.values() for one in bound)

    @property
    def problems(self) -> list[str]:
        """A sentence for each address that can't be listened at."""
        return list(self._problems.values())

    async def run(
        self,
        addresses: Iterable[str],
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Listen until cancelled; started once every address was tried."""
        async with trio.open_nursery() as nursery:
            for address in listenable(addresses):
                await nursery.start(self._keep, address)
            task_status.started()

    async def _keep(
        self, address: str, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        report = once(task_status)
        while True:
            try:
                async with trio.open_nursery() as nursery:
                    bound = await nursery.start(self._household.listen, [address])
                    self._bound[address] = tuple(bound)
                    self._problems.pop(address, None)
                    self._changed()
                    log.info("Other peers can connect at %s.", ", ".join(bound))
                    report()
            except* (RealizeError, OSError) as errors:
                self._failed(address, first_of(errors))
            report()
            await trio.sleep(LISTEN_RETRY_SECONDS)

    def _failed(self, address: str, error: BaseException) -> None:
        self._bound.pop(address, None)
        problem = f"Other peers can't connect at {address} yet, which is tried again: {error}"
        if self._problems.get(address) != problem:
            log.warning("%s", problem)
        self._problems[address] = problem
