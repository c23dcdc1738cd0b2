"""The engine's decision table (DESIGN 5.4): what should be done with a path here.

    mark         situation                                                    decision
    any          deleted by a peer, a real file is still here                 Unrealize (trash)
    own          no real file, or not the current version                     Realize
    own          real file current, metadata not                              Realize (metadata)
    keep, watch  real file outdated                                           Unrealize
    keep, watch  real file current, >= min_copies other peers own it          Unrealize
    keep         no real file; blob absent, partial or outdated               UpdateCache
    otherwise                                                                 none

A local edit that the index hasn't seen never gets this far: jobs compare the file's fingerprint
with the indexed one before they touch it. Directories are made real by `own` and stay real until
deleted: they cost nothing, and a plain folder is where the user's next file goes.
"""

from dataclasses import dataclass

from realizefs.model.decisions import Action, LocalBlob
from realizefs.model.entries import RealRow
from realizefs.model.marks import Mark
from realizefs.model.versions import Kind, Version


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a decision depends on. `owners`: other peers known to own the current content."""

    mark: Mark
    current: Version
    real: RealRow | None
    blob: LocalBlob | None
    owners: int
    min_copies: int = 1


def decide(at: Situation) -> Action | None:
    """The action wanted, or None if everything is as it should be."""
    current, real = at.current, at.real
    if current.deleted:
        return Action.UNREALIZE if real is not None else None
    if not current.vector:
        return None  # a placeholder for a directory whose own row hasn't come yet
    if at.mark is Mark.OWN:
        return Action.REALIZE if real is None or not is_current(real, current) else None
    if real is not None:
        return _leave_root(at, real)
    if at.mark is Mark.KEEP and current.kind is Kind.FILE and not _cached(at.blob, current):
        return Action.UPDATE_CACHE
    return None


def _leave_root(at: Situation, real: RealRow) -> Action | None:
    if at.current.kind is Kind.DIRECTORY:
        return None if is_current(real, at.current) else Action.REALIZE  # only its mode
    if real.hash == at.current.hash and not is_current(real, at.current) and not at.owners:
        return Action.REALIZE  # metadata of the only copy
    if real.hash != at.current.hash or at.owners >= at.min_copies:
        return Action.UNREALIZE if at.owners else None
    return None


def is_current(real: RealRow, current: Version) -> bool:
    """Whether the real file was indexed as this version (content and metadata)."""
    return real.hash == current.hash and real.vector == current.vector


def _cached(blob: LocalBlob | None, current: Version) -> bool:
    return blob is not None and blob.complete and blob.hash == current.hash
