"""Who asks: programs that must not cause downloads, and to whom new files belong.

The caller's pid is that of a thread; its process may have another comm, so both count. A comm
has 15 bytes at most, longer names are compared by those.
"""

import os
import stat
from dataclasses import dataclass, field
from time import monotonic

import pyfuse3

from realizefs.core.counting import UNKNOWN
from realizefs.store.realfile import Root

COMM_BYTES_MAX = 15

COMM_SECONDS = 1.0
"""Seconds for which a caller is believed to be called as before."""

COMMS_MAX = 256
"""Callers remembered; then all are forgotten, to be looked up again: 20 us each."""

NO_FETCH_DEFAULT = (
    "baloo_file",
    "baloo_file_extractor",
    "evince-thumbnailer",
    "ffmpegthumbnailer",
    "gdk-pixbuf-thumbnailer",
    "gnome-desktop-thumbnailer",
    "gst-thumbnailer",
    "localsearch-3",
    "localsearch-extractor-3",
    "mlocate",
    "plocate",
    "raw-thumbnailer",
    "thumbnail.so",
    "totem-video-thumbnailer",
    "tracker-extract",
    "tracker-extract-3",
    "tracker-miner-fs",
    "tracker-miner-fs-3",
    "tumblerd",
    "updatedb",
    "updatedb.mlocate",
    "updatedb.plocate",
)
"""The thumbnailers and indexers of the common desktops, as DESIGN 3.5 has them."""


def comm_names(names: tuple[str, ...]) -> frozenset[bytes]:
    """Program names as the kernel shortens them."""
    return frozenset(os.fsencode(name)[:COMM_BYTES_MAX] for name in names)


def is_one_of(names: frozenset[bytes], pid: int) -> bool:
    """Whether the caller, or the process its thread belongs to, has one of these comms.

    False for one that has ended meanwhile or isn't visible from here (pid 0): it is unknown.
    """
    if not names or not pid:
        return False
    try:
        status = _read(f"/proc/{pid}/status")
        thread, process = _field(status, b"Name"), _field(status, b"Tgid")
        if thread in names:
            return True
        return int(process) != pid and _read(f"/proc/{int(process)}/comm").strip() in names
    except (FileNotFoundError, ProcessLookupError):
        return False


@dataclass(slots=True)
class Comms:
    """What callers are called, remembered for a second: a program that opens many files is looked up
    once, and one that has become another by exec soon goes by its new name."""

    known: dict[int, tuple[float, bytes]] = field(default_factory=dict)

    def of(self, pid: int) -> bytes:
        """The comm of a caller; UNKNOWN of one that has ended meanwhile, or isn't visible."""
        now = monotonic()
        at, comm = self.known.get(pid, (-COMM_SECONDS, UNKNOWN))
        if now - at < COMM_SECONDS:
            return comm
        try:
            comm = _read(f"/proc/{pid}/comm").strip()
        except (FileNotFoundError, ProcessLookupError):
            comm = UNKNOWN
        if len(self.known) >= COMMS_MAX:
            self.known.clear()
        self.known[pid] = now, comm
        return comm


def give_to_caller(
    root: Root,
    path: bytes,
    made: os.stat_result,
    wanted: tuple[int, int],
    ctx: pyfuse3.RequestContext,
) -> bool:
    """Make a native thing that was just created as if the caller had created it.

    `made` is its stat, `wanted` (mode, this process's umask). Its owner becomes the caller, if
    this process may choose one, its group too unless the directory imposed one (setgid), and the
    bits that this process's own umask took away come back; the kernel has already applied the
    caller's. Returns whether that changed anything.
    """
    mode, umask = (0, 0) if stat.S_ISLNK(made.st_mode) else wanted
    uid, gid = os.geteuid(), os.getegid()
    chown = uid == 0 and (ctx.uid, ctx.gid) != (uid, gid)
    if chown:
        root.chown(path, ctx.uid, ctx.gid if made.st_gid == gid else -1)
    chmod = bool(mode & umask) or (chown and bool(mode & (stat.S_ISUID | stat.S_ISGID)))
    if chmod:
        inherited = made.st_mode & stat.S_ISGID if stat.S_ISDIR(made.st_mode) else 0
        root.chmod(path, mode & 0o7777 | inherited)
    return chown or chmod


def process_umask() -> int:
    """This process's umask, without setting it as os.umask() would."""
    return int(_field(_read("/proc/self/status"), b"Umask"), 8)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _field(status: bytes, name: bytes) -> bytes:
    """One field of /proc/PID/status."""
    for line in status.splitlines():
        if line.startswith(name + b":"):
            return line.partition(b":")[2].strip()
    raise FileNotFoundError(name)
