"""Announcing this machine on the local network, and hearing who else is there: multicast DNS.

The library is zeroconf, which has a thread with an event loop of its own, and another one for each
browser. Nothing of it runs on the trio thread, and nothing of trio on its: what blocks (opening,
closing, asking for what belongs to a name) is done in worker threads, one at a time, and from the
browser's thread comes only "this name came, changed or went". These names wait in a dict of at most
NAMES_WAITING_MAX, so that a flood costs neither memory nor the trio thread's time; what is too much is
dropped, and heard of when it is announced again. The trio thread is woken by a call that takes a
place only once however often it is made (`run_sync_soon` with `idempotent`). There is no way back.

What a machine caches of others' announcements is bounded by the library (10,000 records).
"""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import trio

from realizefs.core.neighbour import Neighbour, understood
from realizefs.model.errors import Unreachable

if TYPE_CHECKING:
    from zeroconf import ServiceInfo, Zeroconf

log = logging.getLogger(__name__)

SERVICE = "_realizefs._tcp.local."

NAMES_WAITING_MAX = 64
"""Announcements that wait to be looked at: more than a household's machines and its neighbours'."""

RESOLVE_SECONDS = 2.0
"""Seconds for an answer about a name; mostly it came with the name. So long others wait behind one
that doesn't answer."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """What this machine says: a name that is nobody else's, where it is, and `properties`, whose keys
    and values make 1300 bytes at most."""

    name: str
    port: int
    hosts: tuple[str, ...]
    properties: Mapping[bytes, bytes]


Heard = Callable[[str, Neighbour | None], None]
"""Hears, on the trio thread, of a name and what it announces; None: nothing, or nothing any more."""


async def run_mdns(
    announced: Announcement | None,
    heard: Heard | None,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Until cancelled: announce that, and tell what others announce; started once it is on its way.

    On the way out the others are told that it is no longer so. Raises Unreachable where there is no
    network that can be asked.
    """
    names = _Names(trio.lowlevel.current_trio_token())
    responder = _Responder(names)
    try:
        # Not cancelled halfway: what was opened is closed.
        await trio.to_thread.run_sync(responder.open, announced, heard is not None)
        task_status.started()
        if heard is None:
            await trio.sleep_forever()
        else:
            await _listen(names, responder, heard)
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(responder.close)


async def _listen(names: "_Names", responder: "_Responder", heard: Heard) -> None:
    while True:
        await names.come.wait()
        for name, is_there in names.take():
            found = None
            if is_there:
                found = await trio.to_thread.run_sync(
                    responder.resolve, name, abandon_on_cancel=True
                )
            heard(name.removesuffix(f".{SERVICE}"), found)


class _Names:
    """Names that came, changed or went, on their way from the browser's thread to trio's."""

    def __init__(self, token: trio.lowlevel.TrioToken) -> None:
        self.come = trio.Event()
        self._token = token
        self._lock = threading.Lock()
        self._waiting: dict[str, bool] = {}

    def put(self, name: str, is_there: bool) -> None:
        """From any thread: the last word on a name counts."""
        with self._lock:
            if name not in self._waiting and len(self._waiting) >= NAMES_WAITING_MAX:
                return
            self._waiting[name] = is_there
        try:
            self._token.run_sync_soon(self._ring, idempotent=True)
        except trio.RunFinishedError:
            log.debug("A name came after the end.")

    def _ring(self) -> None:
        self.come.set()

    def take(self) -> list[tuple[str, bool]]:
        """All that wait; `come` is set again when there are more."""
        self.come = trio.Event()
        with self._lock:
            taken, self._waiting = list(self._waiting.items()), {}
        return taken


class _Responder:
    """The library, in a worker thread: everything here may block for seconds."""

    def __init__(self, names: _Names) -> None:
        self._names = names
        self._zeroconf: Zeroconf | None = None

    def open(self, announced: Announcement | None, browse: bool) -> None:
        """Begin; raises Unreachable, and then is closed."""
        # Imported here: it takes 40 ms, and who is told to keep quiet never needs it.
        from zeroconf import Error, InterfaceChoice, IPVersion, ServiceBrowser, Zeroconf  # noqa: PLC0415

        # It complains of other machines' packets.
        logging.getLogger("zeroconf").setLevel(logging.CRITICAL)
        try:
            self._zeroconf = Zeroconf(InterfaceChoice.All, ip_version=IPVersion.All)
            if announced is not None:
                # Nobody else has a name of so many random digits: no need to ask who has it.
                self._zeroconf.register_service(_info(announced), cooperating_responders=True)
            if browse:
                ServiceBrowser(self._zeroconf, SERVICE, handlers=[self._changed])
        except (Error, OSError, RuntimeError) as error:
            self.close()
            raise Unreachable(f"The local network can't be asked who is there: {error}.") from error

    def _changed(self, *, name: str, state_change: Any, **_others: Any) -> None:
        """On the browser's thread."""
        from zeroconf import ServiceStateChange  # noqa: PLC0415

        self._names.put(name, state_change is not ServiceStateChange.Removed)

    def resolve(self, name: str) -> Neighbour | None:
        """What belongs to a name; None if nobody says, or it is nothing of ours."""
        from zeroconf import Error, ServiceInfo  # noqa: PLC0415

        opened = self._zeroconf
        if opened is None:
            return None
        try:
            info = ServiceInfo(SERVICE, name)
            if not info.request(opened, RESOLVE_SECONDS * 1000):
                return None
            return understood(info.port or 0, info.parsed_addresses(), info.properties)
        except (Error, OSError, RuntimeError, ValueError) as error:
            log.debug("What %a announces can't be understood: %r", name, error)
            return None

    def close(self) -> None:
        """End, saying goodbye."""
        opened, self._zeroconf = self._zeroconf, None
        if opened is None:
            return
        from zeroconf import Error  # noqa: PLC0415

        try:
            opened.close()
        except (Error, OSError, RuntimeError) as error:
            log.debug("The local network wasn't left properly: %r", error)


def _info(announced: Announcement) -> "ServiceInfo":
    from zeroconf import ServiceInfo  # noqa: PLC0415

    return ServiceInfo(
        SERVICE,
        f"{announced.name}.{SERVICE}",
        port=announced.port,
        properties=dict(announced.properties),
        server=f"{announced.name}.local.",  # not the host's name, which is nobody's business
        parsed_addresses=list(announced.hosts),
    )
