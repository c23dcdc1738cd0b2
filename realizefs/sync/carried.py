"""Telling what a crash left of a realize from what a user did: nobody edited it (R2, R8)."""

import stat
from dataclasses import replace

from realizefs.model.entries import Fingerprint, RealRow
from realizefs.model.ids import Digest
from realizefs.model.versions import SYNCED_MODE, Kind, Version
from realizefs.store.fingerprint import NEVER_INDEXED


def carried_out(
    current: Version, real: RealRow | None, now: Fingerprint, content: tuple[Kind, Digest, bytes]
) -> RealRow | None:
    """The row of a native thing that we were about to make the version `current` of a peer.

    It is that version already, or it is what was indexed as `real` with half of the new
    metadata, which the engine then completes. None if somebody else changed it: but where only the
    metadata is other, and the peer's content, too, the peer's version is what there is (R2).
    """
    if real is None or real.vector == current.vector or current.deleted:
        return None
    kind, digest, _ = content
    if (current.kind, current.hash, current.target) != content:
        was_file = stat.S_ISREG(real.fingerprint.mode) or real.fingerprint == NEVER_INDEXED
        same = kind is Kind.FILE and was_file and real.hash == digest
        return replace(real, fingerprint=now) if same else None
    mode_done = kind is Kind.SYMLINK or stat.S_IMODE(now.mode) & SYNCED_MODE == current.mode
    time_done = kind is Kind.DIRECTORY or now.mtime_ns == current.mtime_ns
    if mode_done and time_done:
        return RealRow(now, digest, current.vector)
    was = real.fingerprint
    half = (mode_done and now.mtime_ns == was.mtime_ns) or (time_done and now.mode == was.mode)
    return replace(real, fingerprint=now) if half and real.hash == digest else None
