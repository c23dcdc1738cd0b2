"""A simulated process: what it does to its disk and to the network are its *effects*.

After any number of effects it may end, as kill -9 ends one. From then on no effect of it happens
any more: the calls that would have one fail, so the code that is left running changes nothing on
its way out. Which process an effect belongs to is known by a context variable, which trio hands
down to the tasks that a task starts.
"""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any

import trio
import xattr

from realizefs.store import openat

NEVER = -1

_OS_EFFECTS = (
    *("chmod", "copy_file_range", "fchmod", "ftruncate", "link", "mkdir", "pwrite", "remove"),
    *("removexattr", "rename", "replace", "rmdir", "setxattr", "symlink", "unlink", "utime"),
    *("write",),
)
_SYNCS = ("fsync", "fdatasync", "sync", "posix_fallocate")
"""A process that dies leaves its pages to the kernel."""


class Process:
    """`fuse` effects happen, then it ends; NEVER: it lives until it is told to die."""

    def __init__(self, fuse: int = NEVER) -> None:
        self.fuse = fuse
        self.effects = 0
        self.died = trio.Event()

    @property
    def dead(self) -> bool:
        return self.died.is_set()

    def die(self) -> None:
        self.died.set()

    def effect(self) -> None:
        """Raises OSError where the process has ended, before or just now."""
        if not self.dead and self.fuse != NEVER and self.effects >= self.fuse:
            self.die()
        if self.dead:
            raise OSError(errno.EIO, "the process has ended")
        self.effects += 1


CURRENT: ContextVar[Process | None] = ContextVar("process", default=None)

_WATCHERS: list[Callable[[str], None]] = []


def effect(what: str) -> None:
    """Whoever runs just now is about to change something outside of its memory."""
    process = CURRENT.get()
    if process is not None:
        process.effect()
        for watcher in _WATCHERS:
            watcher(what)


@contextmanager
def effects_watched(watcher: Callable[[str], None]) -> Iterator[None]:
    """Inside, `watcher` is called with the name of each effect before it happens."""
    _WATCHERS.append(watcher)
    try:
        yield
    finally:
        _WATCHERS.remove(watcher)


@contextmanager
def as_user() -> Iterator[None]:
    """What is done inside is done by somebody else's program on the same machine."""
    token = CURRENT.set(None)
    try:
        yield
    finally:
        CURRENT.reset(token)


@contextmanager
def effects_counted() -> Iterator[None]:
    """Inside, everything that changes a disk is an effect, and threads are calls."""
    undo: list[Callable[[], None]] = []

    def put(module: Any, name: str, value: Any) -> None:
        before = getattr(module, name)
        setattr(module, name, value)
        undo.append(lambda: setattr(module, name, before))

    try:
        for name in _OS_EFFECTS:
            put(os, name, _counted(name, getattr(os, name)))
        for name in _SYNCS:
            put(os, name, _nothing)
        put(os, "open", _counted_open(os.open))
        for name in ("set", "remove"):
            put(xattr, name, _counted(f"xattr.{name}", getattr(xattr, name)))
        renameat2 = _counted("renameat2", openat._renameat2())
        put(openat, "_renameat2", lambda: renameat2)
        put(openat, "_openat2", _counted_openat2(openat._openat2))
        put(trio.to_thread, "run_sync", _inline)
        put(trio.from_thread, "run_sync", lambda call, *arguments: call(*arguments))
        yield
    finally:
        while undo:
            undo.pop()()


def _nothing(*arguments: Any, **options: Any) -> None:
    return None


def _counted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(real)
    def wrapper(*arguments: Any, **options: Any) -> Any:
        effect(name)
        return real(*arguments, **options)

    return wrapper


def _counted_open(real: Callable[..., int]) -> Callable[..., int]:
    @wraps(real)
    def wrapper(path: Any, flags: int, *arguments: Any, **options: Any) -> int:
        if flags & (os.O_CREAT | os.O_TRUNC):
            effect("open")
        return real(path, flags, *arguments, **options)

    return wrapper


def _counted_openat2(real: Callable[..., int]) -> Callable[..., int]:
    @wraps(real)
    def wrapper(directory: int, path: bytes, flags: int, mode: int) -> int:
        if flags & (os.O_CREAT | os.O_TRUNC):
            effect("openat2")
        return real(directory, path, flags, mode)

    return wrapper


async def _inline(call: Callable[..., Any], *arguments: Any, **_: Any) -> Any:
    """As a thread: others run before it and after it, and it isn't cancelled on its way."""
    await trio.lowlevel.checkpoint_if_cancelled()
    await trio.lowlevel.cancel_shielded_checkpoint()
    result = call(*arguments)
    await trio.lowlevel.cancel_shielded_checkpoint()
    return result
