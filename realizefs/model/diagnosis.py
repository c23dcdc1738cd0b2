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

    `kernel` is the release of Linux. `fuse_error` is why /dev/fuse can't be opened, "" if it can,
    `fusermount` where fusermount3 was found, "" if nowhere, `is_privileged` whether that may mount for
    ordinary users. `wants_others` says that the configuration lets other users see the mount,
    `allows_others` that fuse.conf lets ordinary users decide so. `watches` and `instances` are the
    limits of inotify for each user. `now_ns` is what the clock says, nanoseconds since 1970, and
    `is_clock_kept` whether something keeps it right; None where the kernel doesn't say.
    """

    kernel: tuple[int, int]
    fuse_error: str
    fusermount: str
    is_privileged: bool
    is_root: bool
    wants_others: bool
    allows_others: bool
    watches: int
    instances: int
    now_ns: int
    is_clock_kept: bool | None


@dataclass(frozen=True, slots=True)
class Features:
    """What a filesystem can do, its type as the kernel calls it, and its room in bytes."""

    xattrs: bool
    sparse: bool
    reflinks: bool
    free: int
    size: int
    filesystem: str = ""
    writable: bool = True
    """whether files can be made in the arena root; if not, only what is cached comes here"""


@dataclass(frozen=True, slots=True)
class HomeFacts:
    """Where a home keeps its database: on which type of filesystem, with how much room in bytes.
    `open_key` is its key, if others may read that, else ""."""

    path: str
    filesystem: str
    free: int
    size: int
    open_key: str = ""


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
    "" if it answered. `ahead_ns` is how far its clock is ahead of ours, nanoseconds; None: unknown."""

    name: str
    connected: bool
    tried: tuple[tuple[str, str], ...] = ()
    ahead_ns: int | None = None
