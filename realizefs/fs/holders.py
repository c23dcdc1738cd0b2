"""Who holds a mount: the processes because of which it can't be unmounted.

A mount is told by its number, never by its path: what was below a mountpoint before has the same
path, and the daemon of a mount that is laid over its own arena root has that open. Nothing here
asks the mount anything.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from realizefs.fs import hand

SHOWN = 3
"""Programs that are named; of more, how many."""

_NOT_OURS_OR_GONE = (FileNotFoundError, PermissionError, ProcessLookupError)


def named(mount: int, device: int) -> str:
    """`by NAME (pid N), …` for those that this user may see; "" if none."""
    found = _holders(mount, device)
    names = [f"{_comm(pid)} (pid {pid})" for pid in found[:SHOWN]]
    if len(found) > SHOWN:
        names.append(f"{len(found) - SHOWN} more")
    return "by " + ", ".join(names) if names else ""


def only_hands(mount: int, device: int) -> bool:
    """Whether nobody is to be seen in a mount but hands, who never stay (see fs.hand)."""
    return all(_is_hand(pid) for pid in _holders(mount, device))


def _holders(mount: int, device: int) -> list[int]:
    processes = (int(name) for name in os.listdir("/proc") if name.isdigit())
    return [pid for pid in sorted(processes) if mount in _mounts_of(pid) or _maps_from(pid, device)]


def _mounts_of(pid: int) -> Iterator[int]:
    """The mounts that a process works in or has something open in."""
    for place in ("cwd", "root"):
        with suppress(*_NOT_OURS_OR_GONE):
            fd = os.open(f"/proc/{pid}/{place}", os.O_PATH | os.O_CLOEXEC)
            try:
                yield from _mount_number(f"/proc/self/fdinfo/{fd}")
            finally:
                os.close(fd)
    with suppress(*_NOT_OURS_OR_GONE):
        for fd_name in os.listdir(f"/proc/{pid}/fdinfo"):
            yield from _mount_number(f"/proc/{pid}/fdinfo/{fd_name}")


def _mount_number(info: str) -> Iterator[int]:
    with suppress(*_NOT_OURS_OR_GONE), open(info, "rb") as file:
        for line in file:
            if line.startswith(b"mnt_id:"):
                yield int(line.split()[1])
                return


def _maps_from(pid: int, device: int) -> bool:
    """Whether a process has a file of the mount in its memory, or is itself one."""
    wanted = f"{os.major(device):02x}:{os.minor(device):02x}".encode()
    with suppress(*_NOT_OURS_OR_GONE), open(f"/proc/{pid}/maps", "rb") as file:
        return any(line.split(None, 4)[3] == wanted for line in file)
    return False


def _is_hand(pid: int) -> bool:
    with suppress(*_NOT_OURS_OR_GONE):
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return os.fsencode(hand.__file__) in command
    return False


def _comm(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except (FileNotFoundError, ProcessLookupError):
        return "a program"
