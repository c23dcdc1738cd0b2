"""Telling cheaply that a real file is still the one that was looked at."""

import os
from dataclasses import replace

from realizefs.model.entries import Fingerprint

NEVER_INDEXED = Fingerprint(0, 0, 0, 0, 0, 0)
"""Matches no file: what carries it is looked at again."""


def fingerprint_of(stat: os.stat_result) -> Fingerprint:
    """The fingerprint in a stat result."""
    return Fingerprint(
        dev=stat.st_dev,
        ino=stat.st_ino,
        size=stat.st_size,
        mtime_ns=stat.st_mtime_ns,
        ctime_ns=stat.st_ctime_ns,
        mode=stat.st_mode,
    )


def unsure(now: Fingerprint) -> Fingerprint:
    """Matches no file either; who looks at it again finds a change in another content only, and not in
    the metadata that are there `now`."""
    return replace(NEVER_INDEXED, mode=now.mode, mtime_ns=now.mtime_ns)


def matches_none(fingerprint: Fingerprint) -> bool:
    """Whether it is one of these."""
    return (fingerprint.dev, fingerprint.ino) == (0, 0)


def same_but_renamed(a: Fingerprint, b: Fingerprint) -> bool:
    """Whether they are equal but for ctime, which a rename changes."""
    return replace(a, ctime_ns=0) == replace(b, ctime_ns=0)
