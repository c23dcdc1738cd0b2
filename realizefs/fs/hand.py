"""The hand: a process of its own that makes changes in the mount which change nothing.

inotify tells of system calls, and a change that a peer made is none. So one is made for it: the
hand calls mknod, unlink, rename, utimensat or open where something has already happened, the
mount recognises its process id and answers from the index (see `echoes`), and whoever watches
the directory hears of it as of any other program's doing.

A process and not a thread: a thread of the daemon that waits for the daemon's answer would keep
the mount's descriptor open when the daemon is killed, and both would stay for ever. The hand has
no such descriptor. It ends when its socket does.

It holds nothing open in the mount between two calls, so that nobody's unmount is refused, and
walks below the mount with openat2, never through a symlink and never into another file system:
what is swapped for a symlink meanwhile leads nowhere. It also looks who watches at all, in
/proc: where nobody does, nothing is called.

When the daemon is killed the hand ends the mount's connection before itself. Else two could wait
for each other for ever, and for nobody's signal: a thread of the dead daemon, in the middle of
telling the kernel of a change, for a directory's lock, and a program (or this one) that holds the
lock, for the daemon's answer. Such a thread keeps all that the daemon has open, this process's
socket included, so a hang-up alone doesn't tell: the daemon itself is looked at, too. By then the
next daemon may have mounted, and on the same device number: so the hand has been given that very
connection's `abort`, open, by the one that was killed.

Run as a script: nothing of realizefs may be imported here. It talks in packets on descriptor 0,
one request and one answer at a time, the fields of a request separated by NUL.
"""

import ctypes
import errno
import os
import select
import signal
import socket
import stat
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

PACKET_BYTES_MAX = 64 * 1024
"""Bytes of a request (two paths and two names) or an answer."""
WATCHED_MAX = 4096
"""Watched inodes that are told; where there are more, everything counts as watched."""
CLOSE_TIMES = 2**30 - 2
"""UTIME_OMIT."""

LOOK = b"look"
FAILURE = struct.Struct("=i")
"""An answer begins with an errno, 0 for success; of LOOK, the watched inodes follow it."""
EVERYTHING = 0
"""Told alone in place of inodes: all of them may be watched."""

CONNECTIONS = "/sys/fs/fuse/connections"
"""Where the kernel has a directory for each FUSE mount, called after its device."""

LOOK_SECONDS = 1
"""Between two looks at whether the daemon was killed: the longest that anybody waits for a dead
one. (No descriptor tells: since Linux 6.15 a pidfd of a process waits for the last thread.)"""

_SYS_FSOPEN, _SYS_FSCONFIG, _SYS_FSMOUNT, _SYS_OPENAT2 = 430, 431, 432, 437
_FSOPEN_CLOEXEC = _FSMOUNT_CLOEXEC = 1
_FSCONFIG_CMD_CREATE = 6
_RESOLVE = 0x01 | 0x02 | 0x04 | 0x08  # no other mount, no magic link, no symlink, beneath
_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.syscall.restype = ctypes.c_long
_NOTIFIERS = ("anon_inode:inotify", "anon_inode:[fanotify]")


class Gone(Exception):
    """Nothing of ours is mounted where it was."""


class Mountpoint:
    """The mount from outside, checked to be the one on `device` each time."""

    def __init__(self, path: bytes, device: int) -> None:
        self._path = path
        self._device = device

    @contextmanager
    def directory(self, path: bytes) -> Iterator[int]:
        """A descriptor of a directory in the mount, for as long as it is needed."""
        flags = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
        root = os.open(self._path, flags)
        try:
            if os.fstat(root).st_dev != self._device:
                raise Gone
            fd = self._open(root, path, flags) if path else os.dup(root)
        finally:
            os.close(root)
        try:
            yield fd
        finally:
            os.close(fd)

    def _open(self, root: int, path: bytes, flags: int) -> int:
        how = struct.pack("=QQQ", flags, 0, _RESOLVE)
        fd = _syscall(_SYS_OPENAT2, root, path, how, len(how))
        if fd < 0:
            raise _failure(ctypes.get_errno(), path)
        return fd

    def stamp(self, directory: int, name: bytes, *, modified: bool) -> None:
        """Set times: both say ATTRIB, the one of modification alone says MODIFY."""
        access = CLOSE_TIMES if modified else 0
        times = struct.pack("=qqqq", 0, access, 0, 0)
        if _LIBC.utimensat(directory, name, times, 0x100) != 0:  # AT_SYMLINK_NOFOLLOW
            raise _failure(ctypes.get_errno(), name)


def _syscall(number: int, *arguments: int | bytes | None) -> int:
    """What the C library has no function for, -1 and errno where it fails. Every number is as wide
    as a register, which the kernel takes whole."""
    wide = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    return int(_LIBC.syscall(ctypes.c_long(number), *wide))


def _failure(number: int, path: bytes) -> OSError:
    return OSError(number, os.strerror(number), path)


def close_write(directory: int, name: bytes) -> None:
    """Open for writing and close, writing nothing; where that isn't allowed there is no event."""
    flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NOCTTY
    with suppress(OSError):
        os.close(os.open(name, flags, dir_fd=directory))


def create(mount: Mountpoint, path: bytes, name: bytes, mode: bytes) -> None:
    """CREATE, and CLOSE_WRITE of a file, which has come whole."""
    kind = int(mode)
    with mount.directory(path) as directory:
        if stat.S_ISDIR(kind):
            os.mkdir(name, stat.S_IMODE(kind), dir_fd=directory)
        elif stat.S_ISLNK(kind):
            os.symlink(b"nowhere", name, dir_fd=directory)
        else:
            os.mknod(name, kind, dir_fd=directory)
        if stat.S_ISREG(kind):
            close_write(directory, name)


def remove(mount: Mountpoint, path: bytes, name: bytes, mode: bytes) -> None:
    """DELETE."""
    with mount.directory(path) as directory:
        (os.rmdir if stat.S_ISDIR(int(mode)) else os.unlink)(name, dir_fd=directory)


def rename(mount: Mountpoint, path: bytes, name: bytes, to_path: bytes, to_name: bytes) -> None:
    """MOVED_FROM and MOVED_TO."""
    with mount.directory(path) as source, mount.directory(to_path) as target:
        os.rename(name, to_name, src_dir_fd=source, dst_dir_fd=target)


def modify(mount: Mountpoint, path: bytes, name: bytes) -> None:
    """MODIFY and CLOSE_WRITE of a file."""
    with mount.directory(path) as directory:
        mount.stamp(directory, name, modified=True)
        close_write(directory, name)


def attributes(mount: Mountpoint, path: bytes, name: bytes) -> None:
    """ATTRIB."""
    with mount.directory(path) as directory:
        mount.stamp(directory, name, modified=False)


ACTIONS: dict[bytes, Callable[..., None]] = {
    one.__name__.encode(): one for one in (create, remove, rename, modify, attributes)
}


def watched(device: int) -> set[int]:
    """The inodes on `device` that this user's programs watch; EVERYTHING if that is unclear.

    Programs of other users can't be looked at but by root.
    """
    found: set[int] = set()
    kernel_device = os.major(device) << 20 | os.minor(device)
    for process in filter(str.isdigit, os.listdir("/proc")):
        with suppress(FileNotFoundError, PermissionError, ProcessLookupError):
            for fd in os.listdir(f"/proc/{process}/fd"):
                found |= _watched_by(f"/proc/{process}", fd, kernel_device)
    return found if len(found) <= WATCHED_MAX and EVERYTHING not in found else {EVERYTHING}


def _watched_by(process: str, fd: str, device: int) -> set[int]:
    try:
        if os.readlink(f"{process}/fd/{fd}") not in _NOTIFIERS:
            return set()
        with open(f"{process}/fdinfo/{fd}", encoding="ascii", errors="replace") as file:
            return {ino for line in file if (ino := _inode(line, device)) is not None}
    except (FileNotFoundError, ProcessLookupError):
        return set()  # closed meanwhile


def _inode(line: str, device: int) -> int | None:
    """Of a line like "inotify wd:1 ino:3e8 sdev:2f mask:…"; a mark without inode is of all."""
    fields = dict(word.split(":", 1) for word in line.split() if ":" in word)
    if "sdev" not in fields or int(fields["sdev"], 16) != device:
        return None
    return int(fields["ino"], 16) if "ino" in fields else EVERYTHING


def answer(mount: Mountpoint, request: bytes) -> bytes:
    """Do one thing; its errno."""
    kind, *fields = request.split(b"\0")
    try:
        ACTIONS[kind](mount, *fields)
    except OSError as error:
        return FAILURE.pack(error.errno or errno.EIO)
    except Gone:
        return FAILURE.pack(errno.ENODEV)
    return FAILURE.pack(0)


def open_setting(device: int, name: str, connections: str = CONNECTIONS) -> int:
    """A file of the kernel's connection of the mount on `device`, to write to; raises OSError.

    It is of that very connection: once that has ended writing to it does nothing, whoever has
    got the device's number by then.
    """
    file, flags = f"{os.minor(device)}/{name}", os.O_WRONLY | os.O_CLOEXEC
    try:
        return os.open(f"{connections}/{file}", flags)
    except FileNotFoundError:
        if os.geteuid() != 0:
            raise
    unseen = _mount_connections()  # a desktop mounts them itself
    try:
        return os.open(file, flags, dir_fd=unseen)
    finally:
        os.close(unseen)


def _mount_connections() -> int:
    """The file system that belongs at CONNECTIONS, for this descriptor only."""
    context = _syscall(_SYS_FSOPEN, b"fusectl", _FSOPEN_CLOEXEC)
    if context < 0:
        raise _failure(ctypes.get_errno(), b"fusectl")
    try:
        if _syscall(_SYS_FSCONFIG, context, _FSCONFIG_CMD_CREATE, None, None, 0) < 0:
            raise _failure(ctypes.get_errno(), b"fusectl")
        top = _syscall(_SYS_FSMOUNT, context, _FSMOUNT_CLOEXEC, 0)
    finally:
        os.close(context)
    if top < 0:
        raise _failure(ctypes.get_errno(), b"fusectl")
    return top


def abort(connection: int) -> None:
    """End a connection by its `abort`, alive or not: whoever waits for it goes on."""
    with suppress(OSError):  # it has ended, or couldn't be reached
        os.write(connection, b"1")


def killed(process: int) -> bool:
    """Whether a process has ended, or will when its threads leave what they wait for."""
    try:
        with open(f"/proc/{process}/status", encoding="ascii", errors="replace") as file:
            fields = dict(line.split(":", 1) for line in file if ":" in line)
    except (FileNotFoundError, ProcessLookupError):
        return True
    kill = 1 << (signal.SIGKILL - 1)
    return fields["State"].strip()[0] in "ZX" or bool(int(fields["SigPnd"], 16) & kill)


def _end_with_the_daemon(connection: int, daemon: int) -> None:
    """A thread of its own, since the other may be in a call that only this ends. The daemon kills
    the hand before it closes the socket, unless it was killed itself."""
    left = select.poll()
    left.register(0, 0)  # a hang-up is told unasked
    while not left.poll(LOOK_SECONDS * 1000) and not killed(daemon):
        pass
    abort(connection)


def main() -> None:
    """Serve the socket until its other end is closed."""
    path = os.fsencode(sys.argv[1])
    device, daemon, connection = map(int, sys.argv[2:])
    mount = Mountpoint(path, device)
    watching = threading.Thread(target=_end_with_the_daemon, args=(connection, daemon))
    watching.start()
    with socket.socket(fileno=0) as link:
        while request := link.recv(PACKET_BYTES_MAX):
            if request == LOOK:
                inodes = watched(device)
                link.send(FAILURE.pack(0) + struct.pack(f"={len(inodes)}Q", *inodes))
            else:
                link.send(answer(mount, request))


if __name__ == "__main__":
    main()
