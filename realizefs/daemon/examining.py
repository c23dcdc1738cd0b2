"""Finding out what `realizefs doctor` judges: about this machine, its ports, and its peers.

Nothing is changed, and everything has a deadline.
"""

import ctypes
import os
import re
import shutil
import socket
import stat
import time
from collections.abc import Iterable
from pathlib import Path

import trio

from realizefs.daemon.addresses import listenable
from realizefs.daemon.home import Home
from realizefs.model.diagnosis import HomeFacts, Machine, Port
from realizefs.model.errors import Misuse
from realizefs.model.limits import ADDRESSES_MAX
from realizefs.net.address import parse_address
from realizefs.net.identity import KEY_FILE
from realizefs.store.features import filesystem

FUSE_DEVICE = Path("/dev/fuse")
FUSE_CONF = Path("/etc/fuse.conf")
INOTIFY = Path("/proc/sys/fs/inotify")

TRY_SECONDS = 3.0
"""Seconds for connecting to one address: a machine that is on answers in a fraction of one."""

TRIES_TOGETHER = 16
"""Connections tried at once."""

_TIMEX_BYTES = 512
"""More than struct timex of adjtimex(2) has."""
_TIME_ERROR = 5


def machine(*, wants_others: bool) -> Machine:
    """Facts about this machine. Blocking, for milliseconds."""
    fusermount = shutil.which("fusermount3") or ""
    return Machine(
        kernel=_kernel(),
        fuse_error=_fuse_error(),
        fusermount=fusermount,
        is_privileged=bool(fusermount) and os.stat(fusermount).st_mode & stat.S_ISUID != 0,
        is_root=os.geteuid() == 0,
        wants_others=wants_others,
        allows_others=_allows_others(),
        watches=_number(INOTIFY / "max_user_watches"),
        instances=_number(INOTIFY / "max_user_instances"),
        now_ns=time.time_ns(),
        is_clock_kept=_is_clock_kept(),
    )


def free_ports(addresses: Iterable[str]) -> list[Port]:
    """Whether a daemon could listen at these, where none of this home runs. Blocking."""
    wanted = listenable(addresses)
    return [Port(address, is_ours=False, problem=_why_taken(address)) for address in wanted]


def home_facts(home: Home) -> HomeFacts:
    """Facts about where a home is, which is there. Blocking."""
    key = home.identity / KEY_FILE
    is_open = key.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO) != 0
    directory = os.open(home.state, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        disk = os.fstatvfs(directory)
        return HomeFacts(
            path=str(home.state),
            filesystem=filesystem(directory),
            free=disk.f_bavail * disk.f_frsize,
            size=disk.f_blocks * disk.f_frsize,
            open_key=str(key) if is_open else "",
        )
    finally:
        os.close(directory)


def disk_answers(root: Path) -> None:
    """Return once the disk of a root has said something. Blocking; OSError."""
    os.statvfs(root)


async def tried(addresses: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """What comes of connecting to each of some addresses: "" where somebody answers."""
    found: dict[str, str] = {}
    several = trio.CapacityLimiter(TRIES_TOGETHER)

    async def attempt(address: str) -> None:
        async with several:
            found[address] = await _why_not_reached(address)

    wanted = list(dict.fromkeys(addresses))[:ADDRESSES_MAX]
    async with trio.open_nursery() as nursery:
        for address in wanted:
            nursery.start_soon(attempt, address)
    return tuple((address, found[address]) for address in wanted)


async def _why_not_reached(address: str) -> str:
    try:
        host, port = parse_address(address)
    except Misuse as error:
        return str(error)
    try:
        with trio.fail_after(TRY_SECONDS):
            stream = await trio.open_tcp_stream(host, port)
    except trio.TooSlowError:
        return f"no answer in {TRY_SECONDS:.0f} s"
    except OSError as error:
        return _reason(error)
    await trio.aclose_forcefully(stream)
    return ""


def _reason(error: BaseException) -> str:
    """trio names the address again, and has what the kernel said as the cause."""
    causes = [error.__cause__] if error.__cause__ is not None else []
    inner = [one for cause in causes for one in getattr(cause, "exceptions", (cause,))]
    for one in (*inner, error):
        if isinstance(one, socket.gaierror):
            return "the name is not known"
        if isinstance(one, OSError) and one.errno:
            return os.strerror(one.errno)
    return str(error)


def _why_taken(address: str) -> str:
    try:
        host, port = parse_address(address)
        found = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except Misuse as error:
        return str(error)
    except OSError as error:
        return f"Nobody can listen at {address}: {error.strerror or error}."
    for family, kind, protocol, _name, where in found:
        try:
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind(where)
                probe.listen(1)  # another one that listens is found out only now
        except OSError as error:
            return f"Nobody can listen at {address}: {os.strerror(error.errno or 0)}."
    return ""


def _kernel() -> tuple[int, int]:
    """Of "6.1.0-18-amd64" the first two numbers."""
    numbers = [*re.findall(r"\d+", os.uname().release), "0", "0"]
    return int(numbers[0]), int(numbers[1])


def _fuse_error() -> str:
    try:
        os.close(os.open(FUSE_DEVICE, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _allows_others() -> bool:
    try:
        lines = FUSE_CONF.read_text(errors="replace").splitlines()
    except OSError:
        return False  # a missing file allows nothing, and fusermount3 couldn't read it either
    return any(line.split("#")[0].strip() == "user_allow_other" for line in lines)


def _number(setting: Path) -> int:
    try:
        return int(setting.read_text())
    except (OSError, ValueError):
        return 0  # a kernel without inotify


def _is_clock_kept() -> bool | None:
    """As adjtimex(2) says; with no modes set it only tells, and needs no right."""
    state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    return None if state < 0 else state != _TIME_ERROR
