"""Entries: a place in the arena's tree, its version, and the traces of its real file."""

from dataclasses import dataclass

from realizefs.model.grants import Access, Grants
from realizefs.model.ids import NO_DIGEST, ArenaId, Digest, Inode, PeerId, Seq
from realizefs.model.versions import Held, Kind, Vector, Version


@dataclass(frozen=True, slots=True)
class Entry:
    """What the arena database knows of one path.

    `origin` is the peer we learnt this version from; 0 if made here or if what we hold of it
    changed since, so that a row is not told back to whom it came from.
    `seq` is its place in our history.
    """

    ino: Inode
    parent: Inode
    name: bytes
    version: Version
    origin: PeerId = PeerId(0)
    seq: Seq = Seq(0)


@dataclass(frozen=True, slots=True)
class Node:
    """An inode, its path, and its entry if the index knows it (tombstones included)."""

    ino: Inode
    path: bytes
    entry: Entry | None


@dataclass(frozen=True, slots=True)
class Dirent:
    """One line of a directory listing: enough for readdirplus without opening the entry."""

    name: bytes
    ino: Inode
    kind: Kind
    deleted: bool
    mode: int
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What tells cheaply that a real file is still the one that was hashed.

    `dev` and `ino` of the native filesystem, `size` bytes, `mtime_ns`, `ctime_ns`
    nanoseconds, `mode` the full st_mode.
    """

    dev: int
    ino: int
    size: int
    mtime_ns: int
    ctime_ns: int
    mode: int


@dataclass(frozen=True, slots=True)
class RealRow:
    """The real file of an entry as it was last indexed.

    `hash` is that of its content then. `vector` is that of the version which it was when it and
    the index last agreed: an edit of the file is a change of *that* version, so that it is seen
    to be concurrent with what a peer made meanwhile (R2).
    """

    fingerprint: Fingerprint
    hash: Digest = NO_DIGEST
    vector: Vector = ()


@dataclass(frozen=True, slots=True)
class Holder:
    """What `peer` said that it holds: `held` of the content `hash`."""

    peer: PeerId
    held: Held
    hash: Digest


@dataclass(frozen=True, slots=True)
class PeerCard:
    """What the household knows of one peer: `certificate` is DER, `addresses` "host:port", and
    `addressed` the edition of these, which the peer itself gives them (0: by an older program).

    `admitted` and `removed` are the editions (see `grants`) of the last invitation that it used and
    of the last removal, 0 for none; of equal ones the removal counts, and what was granted before it
    is void. A removal may be known of somebody who isn't: then there is no certificate.
    """

    peer: PeerId
    name: str
    certificate: bytes
    addresses: tuple[str, ...] = ()
    grants: Grants = ()
    admitted: int = 0
    removed: int = 0
    addressed: int = 0

    @property
    def arenas(self) -> tuple[ArenaId, ...]:
        """Those that exist for it."""
        return tuple(grant.arena for grant in self.grants if self.access(grant.arena))

    @property
    def is_member(self) -> bool:
        """Whether it belongs to the household."""
        return bool(self.certificate) and (not self.removed or self.admitted > self.removed)

    def access(self, arena: ArenaId) -> Access:
        """What it may do in an arena."""
        if not self.is_member:
            return Access.NONE
        found = (
            grant.access
            for grant in self.grants
            if grant.arena == arena and (grant.edition > self.removed or not self.removed)
        )
        return next(found, Access.NONE)


@dataclass(frozen=True, slots=True)
class Removal:
    """That a peer was removed from the household, and when (see `grants`)."""

    peer: PeerId
    edition: int
