"""Dialling that is cancelled leaves no connection behind."""

from typing import Any

import pytest
import trio
import trio.testing

from realizefs.net.channel import WireCounters
from realizefs.net.dial import dial
from tests.fakes.wire import identity


async def test_what_is_connected_in_the_moment_of_a_cancellation_is_closed(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    """A socket was left to the garbage collector, once in some hundred stops of a daemon."""
    ours, _ = trio.testing.memory_stream_pair()

    async def connected(host: str, port: int, **_: Any) -> trio.abc.Stream:
        if port == 2:  # silent: it is cancelled with the others, and says so to the nursery
            await trio.sleep_forever()
        await trio.sleep(1)
        cancelled.cancel()
        return ours

    monkeypatch.setattr(trio, "open_tcp_stream", connected)
    with trio.CancelScope() as cancelled:
        certificate = identity("desk").certificate
        await dial(
            ["localhost:1", "localhost:2"],
            identity("lap"),
            certificate=certificate,
            counters=WireCounters(),
        )
    assert cancelled.cancelled_caught
    with pytest.raises(trio.ClosedResourceError):
        await ours.send_all(b"x")
