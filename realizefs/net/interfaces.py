"""Noticing that this machine's addresses change: a laptop goes from the cable to the wireless, a
router gives out others.

The kernel says so on a netlink socket. What it says isn't parsed: whoever is called looks anew. Changes
come in bursts (a line goes, another comes, IPv6 follows), so there is a call once it is quiet again.
Where there is no such socket, as in some sandboxes, there is a call now and then instead.
"""

import errno
import logging
import socket
from collections.abc import Callable

import trio

log = logging.getLogger(__name__)

_GROUPS = 0x1 | 0x10 | 0x100  # RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR of rtnetlink(7)
_MESSAGE_BYTES = 16 * 1024  # what doesn't fit is cut, and isn't looked at anyway

QUIET_SECONDS = 0.5
"""Seconds without news after which a burst is over: within one the kernel is done in milliseconds,
and a person doesn't notice half a second."""

BURST_SECONDS_MAX = 5.0
"""Seconds after which there is a call although it isn't quiet: a flapping line never is."""

LOOK_SECONDS = 30.0
"""Seconds between calls where the kernel doesn't tell."""


async def whenever_addresses_change(look: Callable[[], None]) -> None:
    """Until cancelled: call `look` each time that addresses may have changed."""
    try:
        news = _open()
    except OSError as error:
        log.debug("The kernel tells nothing of addresses (%s): they are looked at instead.", error)
        while True:
            await trio.sleep(LOOK_SECONDS)
            look()
    with news:
        while True:
            await _heard(news)
            with trio.move_on_after(BURST_SECONDS_MAX):
                await _quiet(news)
            look()


def _open() -> trio.socket.SocketType:
    kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    try:
        kernel.bind((0, _GROUPS))
        return trio.socket.from_stdlib_socket(kernel)
    except BaseException:
        kernel.close()
        raise


async def _quiet(news: trio.socket.SocketType) -> None:
    while True:
        with trio.move_on_after(QUIET_SECONDS) as waiting:
            await _heard(news)
        if waiting.cancelled_caught:
            return


async def _heard(news: trio.socket.SocketType) -> None:
    try:
        await news.recv(_MESSAGE_BYTES)
    except OSError as error:
        if error.errno != errno.ENOBUFS:  # more than the socket holds: news it is
            raise
