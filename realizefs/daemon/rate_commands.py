"""The command about rates: limit."""

from collections.abc import Mapping
from dataclasses import replace

import trio

from realizefs.daemon.app import App
from realizefs.daemon.arguments import Arguments
from realizefs.daemon.config_edit import set_limit
from realizefs.daemon.rate_config import parse_rate_or_none
from realizefs.model.errors import Misuse, NotFound
from realizefs.model.rates import UNLIMITED, RateLimit, RateLimits

Answer = Mapping[str, object]


async def limit(app: App, arguments: Arguments) -> Answer:
    """Set rates, of all or of one peer, from this moment on; what isn't named stays."""
    peer = arguments.optional_text("peer")
    wanted = {
        way: _rate(text)
        for way in ("down", "up")
        if (text := arguments.optional_text(way)) is not None
    }
    async with app.changing:
        limits = (await app.read_config()).limits
        known = {card.name for card in app.parts.roster.all()} | limits.peers.keys()
        if peer is not None and peer not in known:
            raise NotFound(f'There is no peer called "{peer}"; see `realizefs peer list`.')
        if wanted:
            before = limits.total if peer is None else limits.peers.get(peer, UNLIMITED)
            after = replace(before, **wanted)
            await trio.to_thread.run_sync(set_limit, app.home.config, peer, after)
            limits = (await app.read_config()).limits
        app.parts.household.bandwidth.set(limits)
        return shown_limits(limits)


def shown_limits(limits: RateLimits) -> Answer:
    """Rates as commands answer them, bytes a second; null where nothing limits."""
    peers = {name: _shown(limit) for name, limit in sorted(limits.peers.items())}
    return {**_shown(limits.total), "peers": peers}


def _shown(limit: RateLimit) -> dict[str, object]:
    return {"down": limit.down, "up": limit.up}


def _rate(text: str) -> int | None:
    try:
        return parse_rate_or_none(text)
    except ValueError as error:
        raise Misuse(f"{error}.") from error
