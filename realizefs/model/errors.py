"""Everything that can go wrong, as one tree.

`str()` of an error is the one sentence that the user reads. `errno` is what a program in the
mount gets, `exit_status` what a shell gets. Foreign exceptions are translated once, at the edge
where they appear. `PeerFault` says that the other side misbehaved; `Misuse` that the user asked
for something that can't be.
"""

import errno
from typing import ClassVar


class RealizeError(Exception):
    """The root of the tree: one sentence, an errno and an exit status."""

    errno: ClassVar[int] = errno.EIO
    exit_status: ClassVar[int] = 1


class Misuse(RealizeError):
    """What was asked for can't be done; nothing was changed."""

    errno = errno.EINVAL
    exit_status = 2


class BadConfig(Misuse):
    """The configuration can't be used; says file, line and key."""


class BadMark(Misuse):
    """A mark that doesn't exist."""

    def __init__(self, text: str | bytes) -> None:
        shown = text.decode("utf-8", "backslashreplace") if isinstance(text, bytes) else text
        super().__init__(f'"{shown[:80]}" is not a mark; use own, keep or watch.')


class BadPath(Misuse):
    """A path that the arena can't contain."""

    def __init__(self, path: bytes, reason: str) -> None:
        shown = path[:200].decode("utf-8", "backslashreplace")
        super().__init__(f'The path "{shown}" {reason}.')


class BadInvitation(Misuse):
    """An invitation code that is malformed, used, expired, or from somebody else."""


class NotPaired(Misuse):
    """Two machines were not paired on the local network; nothing was changed."""


class NotFound(Misuse):
    """A path, arena or peer of that name doesn't exist."""

    errno = errno.ENOENT


class AlreadyRunning(Misuse):
    """Another daemon has this home or this arena."""


class NoDaemon(Misuse):
    """A command needs a running daemon and there is none."""


class StoreFault(RealizeError):
    """The disk or the database here failed; says which file."""


class RootGone(StoreFault):
    """The arena root is missing or isn't the one that was indexed (R8)."""

    errno = errno.ENODEV


class NewerSchema(StoreFault):
    """The database was written by a newer program; it is left untouched."""


class OlderSchema(StoreFault):
    """The database was written by an older program and isn't to be migrated; it is left untouched."""


class CacheFull(StoreFault):
    """The cache limit leaves no room for these bytes."""

    errno = errno.ENOSPC


class DiskFull(StoreFault):
    """The disk of the database has no room."""

    errno = errno.ENOSPC


class MapFull(StoreFault):
    """A transaction needs more of the database in memory than this process may map."""

    errno = errno.ENOMEM


class Busy(StoreFault):
    """A file is in use or changed meanwhile; try again later: after `seconds`, where that is known."""

    errno = errno.EBUSY

    def __init__(self, sentence: str, seconds: float | None = None) -> None:
        super().__init__(sentence)
        self.seconds = seconds


class Cancelled(RealizeError):
    """Work that was given up because nobody wants it any more."""

    errno = errno.ECANCELED


class PeerFault(RealizeError):
    """The other side broke the protocol, lied or failed."""


class ProtocolFault(PeerFault):
    """What arrived is not the protocol; the connection is closed."""


class WrongBytes(PeerFault):
    """Bytes that don't have the digest that they should have."""


class RequestFailed(PeerFault):
    """The peer answered a request with a Failure; `code` is its code."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class VersionGone(PeerFault):
    """The holder no longer has that version: to a reader, who is promised it, as if nobody were
    there (DESIGN 3.4: ESTALE never)."""

    errno = errno.EHOSTUNREACH


class Unreachable(RealizeError):
    """No peer that holds this is connected, or none made progress before the deadline."""

    errno = errno.EHOSTUNREACH


class ConnectionLost(Unreachable):
    """The connection ended while an answer was awaited."""
