"""Whether the network costs money by the byte, as NetworkManager says over D-Bus.

Where there is no bus, or no NetworkManager on it, nobody says so, and the network counts as free.
"""

import logging
from collections.abc import Callable

import trio
from jeepney import DBusAddress, Message, MessageType, Properties
from jeepney.io.trio import open_dbus_router

log = logging.getLogger(__name__)

LOOK_SECONDS = 20.0
"""Seconds between looks: who has moved to a telephone's network has not used much of it by then."""

ANSWER_SECONDS = 5.0
"""Seconds for one look, connecting included: the bus is on this machine."""

YES, GUESS_YES = 1, 3
"""NMMetered of NetworkManager: said by somebody, or guessed from the kind of network."""

MANAGER = DBusAddress(
    "/org/freedesktop/NetworkManager",
    bus_name="org.freedesktop.NetworkManager",
    interface="org.freedesktop.NetworkManager",
)


async def follow_metered(told: Callable[[bool], None], bus: str = "SYSTEM") -> None:
    """Tell it now and then, until cancelled; `bus` is SYSTEM or a D-Bus address."""
    while True:
        told(await is_metered(bus))
        await trio.sleep(LOOK_SECONDS)


async def is_metered(bus: str = "SYSTEM") -> bool:
    """Whether it is at this moment; False where nobody says."""
    with trio.move_on_after(ANSWER_SECONDS):
        try:
            async with open_dbus_router(bus) as router:
                return _is_metered(
                    await router.send_and_get_reply(Properties(MANAGER).get("Metered"))
                )
        except* Exception as errors:  # noqa: BLE001 - whatever a bus does, files go on
            log.debug("NetworkManager can't be asked: %s", errors.exceptions[0])
    return False


def _is_metered(reply: Message) -> bool:
    if reply.header.message_type is MessageType.error:  # there is no NetworkManager
        return False
    ((_signature, value),) = reply.body
    return value in (YES, GUESS_YES)
