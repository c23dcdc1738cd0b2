"""Peers that sent wrong bytes: remembered, told by name, and asked last.

Bounded: one sentence for each peer. It stays until the daemon ends: a disk that returned wrong bytes
once is to be looked at, not to be forgotten.
"""

import logging

from realizefs.model.errors import WrongBytes
from realizefs.model.ids import PeerId

log = logging.getLogger(__name__)


class Distrust:
    """What one arena got that was wrong."""

    def __init__(self) -> None:
        self._last: dict[PeerId, str] = {}
        self._times: dict[PeerId, int] = {}

    def __contains__(self, peer: PeerId) -> bool:
        return peer in self._last

    def noted(self, peer: PeerId, error: WrongBytes) -> None:
        """This peer sent wrong bytes. Logged where it is another file or place than the last."""
        if self._last.get(peer) != str(error):
            log.warning("%s", error)
        self._last[peer] = str(error)
        self._times[peer] = self._times.get(peer, 0) + 1

    def sentences(self) -> list[str]:
        """One for each peer, for `status`."""
        return [
            f"{error} That was {_times(self._times[peer])}; others are asked first now, and"
            " `realizefs check --deep` over there says more."
            for peer, error in self._last.items()
        ]


def _times(count: int) -> str:
    return "the only time" if count == 1 else f"the last of {count} times"
