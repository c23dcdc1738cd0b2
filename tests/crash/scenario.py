"""What a scenario is, and the contents that scenarios use."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from realizefs.model.ids import Digest
from realizefs.model.limits import KIB
from realizefs.model.marks import Mark
from realizefs.store.hashing import hash_bytes
from tests.crash.world import CACHE_BYTES, World

OLD = b"what the user wrote " * 1500
NEW = b"what the peer made of it " * 2000
EDIT = b"what the user wrote meanwhile " * 100
EMPTY = b""
LARGE = bytes(range(251)) * (300 * KIB // 251)
"""Three blocks."""

CONTENTS: dict[Digest, bytes] = {hash_bytes(one): one for one in (OLD, NEW, EDIT, EMPTY, LARGE)}

Deed = Callable[[World], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Scenario:
    """`prepare` makes the arena what it is before; `act` is what is interrupted, and can be done
    again. No crash and no fault may lose any of `kept`; peers hear of no deletion but `deleted`."""

    prepare: Deed
    act: Deed
    kept: tuple[bytes, ...] = ()
    deleted: frozenset[str] = frozenset()
    mark: Mark = Mark.WATCH
    cache_bytes: int = CACHE_BYTES
    meddle: tuple[str, Callable[[World], None]] | None = None
    """(point, what another program does just before it)"""
    kept_after_meddling: tuple[bytes, ...] = ()
    counts_up: bool = False
    """After a crash the engine may see that an outdated file has left its place before the scan puts
    it back: then the copy is found as a new file, and its conflict isn't counted in the version."""
    repairs: bool = False
    """Begins with what is wrong, so that only another repair makes it sound after a crash."""
    may_trash: bool = False
    """After a crash the trash may have what could have been moved."""
