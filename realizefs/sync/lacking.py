"""Whether there is room for what is to come, asked before it is fetched.

Each write reserves what it needs (`store.room`), so the disk never has less free than is to be left
free; but what can't be there as a whole is better not begun.
"""

from realizefs.model.errors import CacheFull
from realizefs.model.limits import MIB
from realizefs.model.paths import show
from realizefs.store.arena import ArenaStore

ROOM_BYTES = 8 * MIB
"""Bytes that a content lacks from which on it is asked: less is fetched as fast as it is refused."""


def check_room(store: ArenaStore, path: bytes, lacking: int) -> None:
    """CacheFull, a sentence, where so many bytes can't come to the disk. Blocking."""
    with store.env.read() as txn:
        spare = store.blobs.spare(txn)
    if lacking > spare:
        raise CacheFull(
            f'There is no room on the disk for "{show(path)}": it lacks {lacking:,} bytes, and '
            f"{spare:,} may come, with what is to be left free."
        )
