"""Mountpoints from outside: what is mounted where, clearing up after a crash, unmounting.

Everything is learnt from /proc/self/mountinfo. A mount of ours is never touched by a stat on the
trio thread: the answer would have to come from that same thread. What may touch one is said so,
and runs in a worker thread.
"""

import errno
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from realizefs.fs import holders
from realizefs.model.errors import Busy, Misuse, NotFound, StoreFault
from realizefs.model.paths import is_within

FILESYSTEM = "realizefs"
TYPE = f"fuse.{FILESYSTEM}"
DEAD = {errno.ENOTCONN, errno.ECONNABORTED, errno.ESTALE, errno.EIO}
"""What a FUSE mount says whose daemon is gone."""

STACKED_MAX = 8
"""Dead mounts on top of each other that are cleared away at most."""
BUSY_SECONDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.5, 0.5)
"""Seconds before each further try of an unmount where nobody but a hand, which never stays (see
fs.hand), is to be seen in the mount."""
UNMOUNT_SECONDS = 20
"""After which fusermount3 is taken to hang."""


@dataclass(frozen=True, slots=True)
class MountInfo:
    """One line of mountinfo: `source` is fsname, `device` as st_dev, `number` that of the mount,
    `above` that of the mount it is in."""

    path: bytes
    type: str
    source: str
    device: int = 0
    number: int = 0
    above: int = 0


def find_mount(path: Path) -> MountInfo | None:
    """The topmost mount at exactly this path."""
    wanted = os.fsencode(os.path.abspath(path))
    found = [mount for mount in _mounts() if mount.path == wanted]
    return found[-1] if found else None


def mount_around(path: bytes) -> MountInfo | None:
    """The mount of ours that an absolute path is in, alive or not; never touches it."""
    around = [mount for mount in _mounts() if is_within(path, mount.path.rstrip(b"/"))]
    nearest = sorted(around, key=lambda mount: len(mount.path))[
        -1:
    ]  # the last of those at one path
    return nearest[0] if nearest and nearest[0].type == TYPE else None


def dead_mounts() -> list[Path]:
    """Where mounts of ours are whose daemons are gone. Blocks and touches all of ours."""
    ours = {mount.path for mount in _mounts() if mount.type == TYPE}
    return [path for path in map(Path, map(os.fsdecode, sorted(ours))) if _says_dead(path)]


def _says_dead(path: Path) -> bool:
    try:
        return _is_dead(path)
    except Misuse:
        return False


def device_of(path: Path) -> int | None:
    """The device of a mount of ours at this path, symlinks above it followed. Blocks."""
    mount = find_mount(path.parent.resolve() / path.name)
    return mount.device if mount is not None and mount.type == TYPE else None


def is_mounted(path: Path) -> bool:
    """Whether a mount of ours is at this path, alive or not; never touches it."""
    mount = find_mount(path)
    return mount is not None and mount.type == TYPE


def prepare(path: Path) -> Path:
    """Make `path` a directory to mount on, clear a dead mount of ours away; the absolute path.

    Blocks and touches the mount: worker threads only. Raises Misuse with a sentence.
    """
    path = path.absolute()
    for _ in range(STACKED_MAX):
        mount = find_mount(path)
        if mount is None or mount.type != TYPE:
            break
        if not _is_dead(path):
            raise Misuse(
                f'"{path}" already shows {mount.source or FILESYSTEM}; '
                f"`realizefs umount {path}` unmounts it."
            )
        unmount(path, lazy=True)
    try:
        path.mkdir()
    except FileExistsError:
        if not path.is_dir():
            raise Misuse(f'"{path}" can\'t be mounted on: it is not a directory.') from None
    except FileNotFoundError:
        raise Misuse(
            f'"{path}" can\'t be made: "{path.parent}" doesn\'t exist; make it first.'
        ) from None
    except OSError as error:
        raise Misuse(f'"{path}" can\'t be mounted on: {error.strerror}.') from error
    return path


def unmount(path: Path, *, lazy: bool = False) -> None:
    """Unmount a mount of ours; blocks, worker threads only where the daemon itself asks.

    `lazy` detaches it even if it is in use or its daemon is dead. Raises NotFound, Misuse, Busy
    (naming who uses it) or StoreFault.
    """
    path = path.absolute()
    mount = find_mount(path)
    if mount is None:
        raise NotFound(f'Nothing is mounted at "{path}".')
    if mount.type != TYPE:
        raise Misuse(f'What is mounted at "{path}" is not RealizeFS but {mount.type}.')
    reason = _refusal(path, lazy=lazy)
    for seconds in BUSY_SECONDS:
        if "busy" not in reason or not holders.only_hands(mount.number, mount.device):
            break
        time.sleep(seconds)
        reason = _refusal(path, lazy=lazy)
    if "busy" in reason:
        raise Busy(f'"{path}" is in use {_used_by(mount)}; close it and unmount again.')
    if reason:
        raise StoreFault(f'"{path}" can\'t be unmounted: {reason}.')


def _refusal(path: Path, *, lazy: bool) -> str:
    """Unmount; why that was refused, "" if it wasn't."""
    done = subprocess.run(
        _unmount_command(path, lazy=lazy),
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "LC_ALL": "C"},
        timeout=UNMOUNT_SECONDS,
    )
    if done.returncode == 0:
        return ""
    return done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no reason given"


def _unmount_command(path: Path, *, lazy: bool) -> list[str]:
    if shutil.which("fusermount3"):
        return ["fusermount3", "-u", *(["-z"] if lazy else []), "--", str(path)]
    if os.geteuid() == 0:
        return ["umount", *(["-l"] if lazy else []), "--", str(path)]
    raise StoreFault("The program fusermount3 is missing; install Debian's package fuse3.")


def _is_dead(path: Path) -> bool:
    try:
        os.statvfs(path)  # a stat is answered from the kernel's cache for a while after a crash
    except OSError as error:
        if error.errno in DEAD:
            return True
        if error.errno not in (errno.EACCES, errno.EPERM):  # somebody else's, and alive
            raise Misuse(f'"{path}" can\'t be looked at: {error.strerror}.') from error
    return False


def _used_by(mount: MountInfo) -> str:
    for inner in _mounts():
        if inner.above == mount.number:
            return f'by what is mounted at "{os.fsdecode(inner.path)}"'
    return holders.named(mount.number, mount.device) or "by what only root may see"


def _mounts() -> Iterator[MountInfo]:
    """All mounts of this namespace, later ones on top of earlier ones."""
    for line in Path("/proc/self/mountinfo").read_bytes().splitlines():
        before, _, after = line.partition(b" - ")
        kind, source, *_ = after.split(b" ")
        fields = before.split(b" ")
        major, minor = map(int, fields[2].split(b":"))
        yield MountInfo(
            _unescape(fields[4]),
            kind.decode("ascii", "replace"),
            _unescape(source).decode("utf-8", "backslashreplace"),
            os.makedev(major, minor),
            int(fields[0]),
            int(fields[1]),
        )


def _unescape(field: bytes) -> bytes:
    r"""mountinfo writes space, tab, newline and backslash as \ooo."""
    first, *rest = field.split(b"\\")
    return first + b"".join(bytes([int(one[:3], 8)]) + one[3:] for one in rest)
