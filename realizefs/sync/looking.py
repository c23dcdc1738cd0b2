"""Looking at many native things, in a worker thread: what is there, what is gone, and so much at a time."""

import logging
from collections.abc import Callable

import trio

from realizefs.model import limits, paths
from realizefs.model.errors import Cancelled
from realizefs.store.arena import ArenaStore
from realizefs.sync.following import DEBOUNCE_WRITING_SECONDS
from realizefs.sync.ignoring import Ignoring
from realizefs.sync.known import Known
from realizefs.sync.look import Unstable, is_indexed, look
from realizefs.sync.record import Found

log = logging.getLogger(__name__)

BATCH_PATHS = 1024
"""Paths looked at in one worker thread call and recorded in one transaction: about 100 ms of work, of
which the fsync is a part that doesn't grow with them."""

BATCH_BYTES = 64 * limits.MIB
"""Bytes hashed in one such call, unless one file alone is bigger."""


class Looking:
    """Of the scanner of one arena: what changes while it is looked at is to be `touched` again."""

    def __init__(self, store: ArenaStore, touched: Callable[[bytes, float], None]) -> None:
        self._store = store
        self._touched = touched
        self._stopping = False

    def stop(self) -> None:
        """Nothing is hashed any more."""
        self._stopping = True

    def look_at(
        self, touched: list[bytes], known: Known, ignoring: Ignoring
    ) -> tuple[list[Found], list[bytes], list[bytes]]:
        """(what was found, what is gone, what is left for the next call)."""
        found: list[Found] = []
        gone: list[bytes] = []
        hashed = 0
        for position, path in enumerate(touched):
            if hashed >= BATCH_BYTES or position >= BATCH_PATHS:
                return found, gone, touched[position:]
            one = self._look(path, gone, known, ignoring)
            if one is not None:
                found.append(one)
                hashed += one.fingerprint.size
        return found, gone, []

    def _look(
        self, path: bytes, gone: list[bytes], known: Known, ignoring: Ignoring
    ) -> Found | None:
        if paths.is_too_deep(path):
            return None
        store = self._store
        try:
            if is_indexed(store, path) or ignoring.skips(path):
                return None
            one = look(store.root, path, lambda: self._stopping, known)
        except Unstable:
            trio.from_thread.run_sync(self._touched, path, DEBOUNCE_WRITING_SECONDS)
            return None
        except Cancelled:
            return None
        except OSError as error:
            log.warning('"%s" is not shared: %s.', paths.show(path), error.strerror)
            return None
        if one is None:
            gone.append(path)
        return one
