"""Decisions: what the engine wants done with a path, and what became of the last try."""

from dataclasses import dataclass
from enum import IntEnum

from realizefs.model.ids import Digest


class Action(IntEnum):
    """The numbers are those on disk."""

    REALIZE = 1
    UNREALIZE = 2
    UPDATE_CACHE = 3


NEVER_NS = 2**63 - 1
"""A `retry_at_ns` for what waits for a person."""


@dataclass(frozen=True, slots=True)
class Decision:
    """`action` to be done for the version whose content is `hash`.

    After a failure `attempts` counts the tries, `retry_at_ns` is wall-clock nanoseconds (0: at
    once) and `error` says why; or `wait_for_peer` means that nothing helps but a peer that connects,
    which says it all: a million files may wait for one that is away.
    """

    action: Action
    hash: Digest
    attempts: int = 0
    retry_at_ns: int = 0
    wait_for_peer: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True)
class LocalBlob:
    """What the cache has of a path, as far as decisions need it."""

    hash: Digest
    complete: bool
