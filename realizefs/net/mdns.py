"""Announcing this machine on the local network, and hearing who else is there: multicast DNS.

The library is zeroconf, which has a thread with an event loop of its own, and another one for each
browser. Nothing of it runs on the trio thread, and nothing of trio on its: what blocks (opening and
closing) is done in worker threads, and from the browser's thread come only announcements that were
understood and are `wanted`: of peers, or of machines that are open for pairing. So strangers, however
many, crowd nobody out. What comes waits in a dict of at most WAITING_MAX, and the trio thread is woken by
a call that takes a place only once however often it is made (`run_sync_soon` with `idempotent`).
There is no way back.

Who announces a name says in the same breath what belongs to it, or we are told again when that comes: so
nothing is asked for.

What is cached of others' announcements is bounded by the library (10,000 records), which doesn't keep
it from being full of lies: then all is begun anew, with an empty cache.
"""

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import trio

from realizefs.core.neighbour import Neighbour, understood
from realizefs.model.errors import Unreachable
from realizefs.model.lan_limits import CACHED_LOOK_SECONDS, CACHED_MAX, NEIGHBOURS_MAX

if TYPE_CHECKING:
    from zeroconf import ServiceInfo, Zeroconf

log = logging.getLogger(__name__)

SERVICE = "_realizefs._tcp.local."

WAITING_MAX = NEIGHBOURS_MAX
"""Announcements that wait for the trio thread: as many as are remembered there."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """What this machine says: a name that is nobody else's, where it is, and `properties`, whose keys
    and values make 1300 bytes at most."""

    name: str
    port: int
    hosts: tuple[str, ...]
    properties: Mapping[bytes, bytes]


class Listener(Protocol):
    """Who wants to hear what others announce."""

    def wanted(self, neighbour: Neighbour) -> bool:
        """Whether to be told of an announcement; called on the browser's thread."""

    def heard(self, name: str, neighbour: Neighbour | None) -> None:
        """What is announced under a name; None: nothing that is wanted, any more. On the trio thread."""


async def run_mdns(
    announced: Announcement | None,
    listener: Listener | None,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Announce that, and tell what others announce; started once it is on its way.

    Returns when strangers have announced too much (CACHED_MAX): it is best begun anew then. On the way
    out the others are told that it is no longer so. Raises Unreachable where there is no
    network that can be asked.
    """
    waiting = _Waiting(trio.lowlevel.current_trio_token())
    responder = _Responder(waiting, listener)
    try:
        # Not cancelled halfway: what was opened is closed.
        await trio.to_thread.run_sync(responder.open, announced)
        task_status.started()
        while not responder.is_flooded():
            with trio.move_on_after(CACHED_LOOK_SECONDS):
                await _tell(waiting, listener)
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(responder.close)


async def _tell(waiting: "_Waiting", listener: Listener | None) -> None:
    while True:
        await waiting.come.wait()
        for name, found in waiting.take():
            if listener is not None:
                listener.heard(name, found)


class _Waiting:
    """Announcements on their way from the browser's thread to trio's."""

    def __init__(self, token: trio.lowlevel.TrioToken) -> None:
        self.come = trio.Event()
        self._token = token
        self._lock = threading.Lock()
        self._waiting: dict[str, Neighbour | None] = {}

    def put(self, name: str, found: Neighbour | None) -> None:
        """From any thread: the last word on a name counts."""
        with self._lock:
            if name not in self._waiting and len(self._waiting) >= WAITING_MAX:
                return
            self._waiting[name] = found
        try:
            self._token.run_sync_soon(self._ring, idempotent=True)
        except trio.RunFinishedError:
            log.debug("An announcement came after the end.")

    def _ring(self) -> None:
        self.come.set()

    def take(self) -> list[tuple[str, Neighbour | None]]:
        """All that wait; `come` is set again when there are more."""
        self.come = trio.Event()
        with self._lock:
            taken, self._waiting = list(self._waiting.items()), {}
        return taken


class _Responder:
    """The library. Opening and closing may block for seconds, and are done in a worker thread."""

    def __init__(self, waiting: _Waiting, listener: Listener | None) -> None:
        self._waiting = waiting
        self._listener = listener
        self._zeroconf: Zeroconf | None = None
        self._told: dict[str, None] = {}

    def open(self, announced: Announcement | None) -> None:
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
            if self._listener is not None:
                ServiceBrowser(self._zeroconf, SERVICE, handlers=[self._changed])
        except (Error, OSError, RuntimeError) as error:
            self.close()
            raise Unreachable(f"The local network can't be asked who is there: {error}.") from error

    def _changed(self, *, zeroconf: "Zeroconf", name: str, state_change: Any, **_: Any) -> None:
        """On the browser's thread. Of what wasn't told nobody hears that it is gone, either."""
        from zeroconf import ServiceStateChange  # noqa: PLC0415

        found = None
        if state_change is not ServiceStateChange.Removed:
            found = _resolved(zeroconf, name)
        short = name.removesuffix(f".{SERVICE}")
        if found is not None and self._listener is not None and self._listener.wanted(found):
            self._told[short] = None
            if len(self._told) > NEIGHBOURS_MAX:  # the listener has forgotten it as well
                del self._told[next(iter(self._told))]
            self._waiting.put(short, found)
        elif short in self._told:
            del self._told[short]
            self._waiting.put(short, None)

    def is_flooded(self) -> bool:
        """Whether too much of others is cached. A list of the values is made in one step, while the
        library's thread goes on."""
        opened = self._zeroconf
        return opened is not None and sum(map(len, list(opened.cache.cache.values()))) > CACHED_MAX

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


def _resolved(opened: "Zeroconf", name: str) -> Neighbour | None:
    """What belongs to a name, as far as it was heard; None if that is nothing of ours."""
    from zeroconf import Error, ServiceInfo  # noqa: PLC0415

    try:
        info = ServiceInfo(SERVICE, name)
        if not info.load_from_cache(opened):
            return None
        return understood(info.port or 0, info.parsed_addresses(), info.properties)
    except (Error, OSError, RuntimeError, ValueError) as error:
        log.debug("What %a announces can't be understood: %r", name, error)
        return None


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
