"""What is done with what a link brings."""

from typing import TYPE_CHECKING, Protocol

from realizefs.core import effects as fx
from realizefs.core.calls import Request

if TYPE_CHECKING:
    from realizefs.sync.link import Link


class LinkHandler(Protocol):
    """What the household does with a link; called in the link's own tasks."""

    async def opened(self, link: "Link") -> None:
        """The hello was good; messages come after this returns."""
        ...

    async def message(self, link: "Link", message: fx.Gossip) -> None:
        """Gossip, in order, one at a time. A RealizeError ends the link."""
        ...

    async def serve(self, link: "Link", request: Request) -> bytes:
        """The bytes asked for; a RealizeError or OSError becomes a Failure. May be cancelled."""
        ...

    def closed(self, link: "Link") -> None:
        """The link has ended; comes once after `opened`, and never without it."""
        ...
