"""What peers say to each other, as values. `codec.peer_messages` turns them into bytes.

One connection carries all arenas. Requests carry an id chosen by the asker, unique while in
flight on that connection and side; the answer has the same id.
"""

from dataclasses import dataclass

from realizefs.model.entries import PeerCard, Removal
from realizefs.model.ids import ArenaId, Digest, PeerId, ReplicaId, Seq
from realizefs.model.versions import Held, Vector, Version

ZSTD = "zstd"
"""The feature of a Hello that says: Packed is understood here."""

DELTA = "delta"
"""The feature of a Hello that says: ReadDelta is answered here."""

TAKE = "take"
"""The feature of a Hello that says: Take is understood here."""

SEVERAL = "several"
"""The feature of a Hello that says: ReadSeveral is answered here."""

FEATURES = (ZSTD, DELTA, TAKE, SEVERAL)
"""All that this program understands beyond the protocol's first version."""


@dataclass(frozen=True, slots=True)
class Hello:
    """First message of both sides. `arenas`: those this side has and lets the other see. `wall_ns`: what
    its clock says, nanoseconds since 1970; 0 where an older program doesn't tell."""

    protocol: int
    features: tuple[str, ...]
    peer: PeerId
    name: str
    arenas: tuple[ArenaId, ...]
    wall_ns: int = 0


@dataclass(frozen=True, slots=True)
class Roster:
    """All peers that the sender knows of in the receiver's arenas, itself included, and who was
    removed from the household; sent after Hello and on change. `connected`: those of them that the sender is
    connected to, the receiver included; () from older programs. Alone where only that has changed."""

    peers: tuple[PeerCard, ...]
    removed: tuple[Removal, ...] = ()
    connected: tuple[PeerId, ...] = ()


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Send me your history of `arena` after `after`, if your replica is `replica`, else all."""

    arena: ArenaId
    replica: ReplicaId
    after: Seq


@dataclass(frozen=True, slots=True)
class Row:
    """One path: its version, and what the sender holds of it."""

    path: bytes
    version: Version
    held: Held


@dataclass(frozen=True, slots=True)
class Rows:
    """A piece of the sender's history; `after` and `last` are the positions before and after it.

    The first is empty, and says where the stream begins. `replica` is the sender's.

    `seen` is the sender's causal context (see `core.causal`) when the rows were read, () where it
    says nothing of that; `is_all` if there was no more to tell then, `is_settled` if all deletions
    that it has heard of were carried out.
    """

    arena: ArenaId
    replica: ReplicaId
    after: Seq
    last: Seq
    rows: tuple[Row, ...]
    seen: Vector = ()
    is_all: bool = False
    is_settled: bool = False


@dataclass(frozen=True, slots=True)
class Ack:
    """Everything of your replica's history up to `seq` is committed here."""

    arena: ArenaId
    replica: ReplicaId
    seq: Seq


@dataclass(frozen=True, slots=True)
class Read:
    """Bytes [start, start+length) of the version of `path` with content `hash`.

    Answered by Data (length bytes, fewer only at the end of file) or Failure. `bulk`: nobody waits
    for it, so what isn't goes first.
    """

    request: int
    arena: ArenaId
    path: bytes
    hash: Digest
    start: int
    length: int
    bulk: bool = False


@dataclass(frozen=True, slots=True)
class ReadDelta:
    """The same bytes as a delta against those with this `signature`, if that is smaller.

    Answered by Delta, Data, Packed or Failure; to those whose Hello has the feature DELTA.
    """

    request: int
    arena: ArenaId
    path: bytes
    hash: Digest
    start: int
    length: int
    bulk: bool
    signature: bytes


@dataclass(frozen=True, slots=True)
class Small:
    """All `size` bytes of the version of `path` with content `hash`, a block at most."""

    path: bytes
    hash: Digest
    size: int


@dataclass(frozen=True, slots=True)
class ReadSeveral:
    """The contents of small files, for which nobody waits: at most SEVERAL_MAX, together
    SEVERAL_BYTES_MAX.

    Answered by Data or Packed with what `codec.several` makes of those that are there, or Failure;
    to those whose Hello has the feature SEVERAL.
    """

    request: int
    arena: ArenaId
    files: tuple[Small, ...]

    @property
    def path(self) -> bytes:
        """That of the first one, for messages."""
        return self.files[0].path

    @property
    def size(self) -> int:
        """Bytes of all."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True, slots=True)
class ReadBlocks:
    """The block list of that version: Data with 32 bytes a block, in order; behind it bytes [start,
    start+length) of it, by who knows of that: a reader's first block comes with the list."""

    request: int
    arena: ArenaId
    path: bytes
    hash: Digest
    start: int = 0
    length: int = 0


@dataclass(frozen=True, slots=True)
class Pin:
    """Promise to keep the real file of that version for PIN_SECONDS: I want to give mine up.

    Answered by Data without bytes, or Failure.
    """

    request: int
    arena: ArenaId
    path: bytes
    hash: Digest


@dataclass(frozen=True, slots=True)
class Take:
    """Mark this path own, so that it and all below it become plain files of yours: somebody here
    moves it to you.

    Answered by Data without bytes, or Failure.
    """

    request: int
    arena: ArenaId
    path: bytes


@dataclass(frozen=True, slots=True)
class Data:
    """The answer to Read, ReadSeveral and ReadBlocks; the bytes travel as the frame's raw payload."""

    request: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Packed:
    """The same, `size` bytes as a zstd frame; to those whose Hello has the feature ZSTD."""

    request: int
    size: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Delta:
    """An answer to ReadDelta: a delta of `size` bytes, as a zstd frame if `payload` is smaller."""

    request: int
    size: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Failure:
    """The request failed at the holder; `code` is one of FAILURE_CODES."""

    request: int
    code: str
    detail: str


FAILURE_CODES = ("version-gone", "no-arena", "bad-request", "io", "busy", "cancelled")


@dataclass(frozen=True, slots=True)
class Cancel:
    """The asker no longer wants the answer; one comes all the same, Failure "cancelled" at once
    unless another crossed the Cancel, so that both sides agree on what is in flight."""

    request: int


@dataclass(frozen=True, slots=True)
class Ping:
    """Are you there?"""

    token: int


@dataclass(frozen=True, slots=True)
class Pong:
    """Yes."""

    token: int


@dataclass(frozen=True, slots=True)
class Join:
    """From somebody who holds an invitation, over TLS pinned to the inviter's certificate."""

    secret: bytes
    card: PeerCard


@dataclass(frozen=True, slots=True)
class SharedArena:
    """An arena that an invitation opens."""

    arena: ArenaId
    name: str


@dataclass(frozen=True, slots=True)
class Welcome:
    """The invitation was good: the inviter's roster (itself first) and the arenas it opens."""

    roster: tuple[PeerCard, ...]
    arenas: tuple[SharedArena, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """The connection or the invitation is not accepted; the connection ends after this."""

    reason: str


@dataclass(frozen=True, slots=True)
class PairStart:
    """From somebody whose user wants to pair with this machine, over TLS; see `core.pairing`. What the
    card says beyond name and certificate doesn't count."""

    commitment: bytes
    card: PeerCard


@dataclass(frozen=True, slots=True)
class PairAnswer:
    """This machine is open for pairing."""

    nonce: bytes
    name: str


@dataclass(frozen=True, slots=True)
class PairReveal:
    """What the joiner was committed to."""

    nonce: bytes


@dataclass(frozen=True, slots=True)
class PairAgreed:
    """The joiner's user says that both show the same code."""


@dataclass(frozen=True, slots=True)
class PairInvited:
    """Both users say so: an invitation, to be used with Join."""

    secret: bytes
    arenas: tuple[SharedArena, ...]


_Asking = Read | ReadSeveral | ReadBlocks | ReadDelta | Pin | Take
_Answering = Data | Packed | Delta | Failure
_Joining = Join | Welcome | PairStart | PairAnswer | PairReveal | PairAgreed | PairInvited
_Living = Hello | Cancel | Ping | Pong | Refused
_Telling = Roster | Subscribe | Rows | Ack

Message = _Living | _Telling | _Asking | _Answering | _Joining
