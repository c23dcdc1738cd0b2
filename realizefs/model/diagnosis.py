"""What `realizefs doctor` finds out about a machine, and what it says of it."""

from dataclasses import dataclass
from enum import StrEnum


class Health(StrEnum):
    """How serious it is."""

    OK = "ok"
    NOTE = "note"
    """works, but not all that could, or not as well"""
    WRONG = "wrong"
    """something that people expect doesn't work"""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One line: `subject` is a word for programs, `sentence` what is so, `fix` how to change that; ""
    where nothing need be done."""

    subject: str
    health: Health
    sentence: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    """Facts about this machine.

    `fuse_error` is why /dev/fuse can't be opened, "" if it can, `fusermount` where fusermount3 was
    found, "" if nowhere. `wants_others` says that the configuration lets other users see the mount,
    `allows_others` that fuse.conf lets ordinary users decide so. `watches` and `instances` are the
    limits of inotify for each user. `now_ns` is what the clock says, nanoseconds since 1970, and
    `is_clock_kept` whether something keeps it right; None where the kernel doesn't say.
    """

    fuse_error: str
    fusermount: str
    is_root: bool
    wants_others: bool
    allows_others: bool
    watches: int
    instances: int
    now_ns: int
    is_clock_kept: bool | None


@dataclass(frozen=True, slots=True)
class Features:
    """What a filesystem can do, and its room in bytes."""

    xattrs: bool
    sparse: bool
    reflinks: bool
    free: int
    size: int


@dataclass(frozen=True, slots=True)
class ArenaFacts:
    """Facts about one arena: `problem` is why it is out of service, and then nothing else is known."""

    name: str
    root: str
    features: Features | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Port:
    """An address that others are to connect to; `problem` is why they can't, "" if they can. `is_ours`:
    a daemon of this home listens there."""

    address: str
    is_ours: bool
    problem: str = ""


@dataclass(frozen=True, slots=True)
class PeerFacts:
    """Another machine of the household; `tried` are its addresses with what came of connecting there,
    "" if it answered."""

    name: str
    connected: bool
    tried: tuple[tuple[str, str], ...] = ()
