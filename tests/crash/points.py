"""Every durable step that the program takes, found by the code itself: to list, die or fail at.

`install` replaces, before anything of realizefs is imported, the functions through which it
changes a disk: those of `os`, the C functions that it calls, pyxattr's, and the end of LMDB
transactions. A call is a *point* if code of realizefs makes it while the tracer is armed; it is
named `module.function:operation#number`, so whoever adds a step adds a point.
"""

import ctypes
import errno
import functools
import os
import shutil  # noqa: F401 - looks at the functions of os while it is imported
import signal
import struct
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import lmdb
import xattr

COMMIT = "commit"

_OS_FUNCTIONS = (
    *("chmod", "chown", "copy_file_range", "fchmod", "fdatasync", "fsync", "ftruncate", "link"),
    *("mkdir", "mkfifo", "mknod", "posix_fallocate", "pwrite", "pwritev", "remove"),
    *("removexattr", "rename", "replace", "rmdir", "sendfile", "setxattr", "symlink", "truncate"),
    *("unlink", "utime", "write"),
)
_XATTR_FUNCTIONS = ("set", "remove")
_C_FUNCTIONS = ("fallocate64", "renameat2", "syncfs", "syscall")
_MAKES = os.O_CREAT | os.O_TRUNC
_SYNCS = ("fsync", "fdatasync")

WRAPPERS = frozenset(
    {"realizefs.store.openat", "realizefs.store.allocation", "realizefs.store.env"}
)
"""Modules that only pass a call on: their caller is who takes the step."""


class Die:
    """End the process, as kill -9 and a panic do, before the step (or after it)."""

    def __init__(self, point: str, *, after: bool = False) -> None:
        self.point, self.after = point, after


class Fail:
    """The step at `point`, and with `times` so many of those after it, fail with `code`."""

    def __init__(self, point: str, code: int, times: int = 1) -> None:
        self.point, self.code, self.times = point, code, times


@dataclass(frozen=True, slots=True)
class Step:
    """One step taken: its point, and what it was done to."""

    point: str
    operation: str
    arguments: tuple[Any, ...] = ()
    options: tuple[tuple[str, Any], ...] = ()


@dataclass(eq=False)
class Tracer:
    """What this process does at its points."""

    plan: Die | Fail | None = None
    armed: bool = False
    quick: bool = True
    """syncs are points and do nothing: a process that dies leaves its pages to the kernel"""
    steps: list[Step] = field(default_factory=list)
    failed: int = 0
    meddlers: dict[str, Callable[[], None]] = field(default_factory=dict)
    """what somebody else does just before the step at a point"""
    watch: Callable[[Step], None] | None = None
    """told of every step that was taken, in the thread that took it"""
    watch_failed: Callable[[Step], None] | None = None
    """told of those that failed as planned"""
    committed: Callable[[], None] | None = None
    """called after each commit, armed or not, in the thread that made it"""

    def __post_init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.RLock()
        self._within = threading.local()

    def arm(self, plan: Die | Fail | None = None) -> None:
        self.plan, self.armed = plan, True

    def disarm(self) -> None:
        self.plan, self.armed = None, False

    def step(
        self, operation: str, call: Callable[[], Any], fail: Callable[[int], Any], step: Step
    ) -> Any:
        """Take one step, or what is planned instead."""
        caller = _caller() if self.armed and not getattr(self._within, "meddling", False) else None
        if caller is None:
            return call()
        with self._lock:
            name = f"{caller}:{operation}"
            self._counts[name] += 1
            point = f"{name}#{self._counts[name]}"
            taken = Step(point, operation, step.arguments, step.options)
            self.steps.append(taken)
        if point in self.meddlers:
            self._meddle(self.meddlers.pop(point))
        plan = self.plan
        if isinstance(plan, Fail) and self._fails(plan, point):
            if self.watch_failed is not None:
                self._meddle(functools.partial(self.watch_failed, taken))
            return fail(plan.code)
        if isinstance(plan, Die) and plan.point == point and not plan.after:
            os.kill(os.getpid(), signal.SIGKILL)
        try:
            result = call()
        finally:  # a step that says it failed, as removing what isn't there does, is one, too
            if isinstance(plan, Die) and plan.point == point:
                os.kill(os.getpid(), signal.SIGKILL)
        if self.watch is not None and result != -1:  # as C functions say that they failed
            self._meddle(functools.partial(self.watch, taken))
        return result

    def _fails(self, plan: Fail, point: str) -> bool:
        with self._lock:
            if self.failed == 0 and plan.point != point:
                return False
            if self.failed >= plan.times:
                return False
            self.failed += 1
            return True

    def _meddle(self, work: Callable[[], None]) -> None:
        self._within.meddling = True
        try:
            work()
        finally:
            self._within.meddling = False


def _caller() -> str | None:
    """module.function of ours that takes the step; None if it is nobody's of realizefs."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith("realizefs.") and module not in WRAPPERS:
            function = frame.f_code.co_qualname.replace("<locals>.", "")
            return f"{module.removeprefix('realizefs.')}.{function}"
        frame = frame.f_back
    return None


def install() -> Tracer:
    """Once a process, before realizefs is imported."""
    assert not any(name.startswith("realizefs.store") for name in sys.modules)
    tracer = Tracer()
    for name in _OS_FUNCTIONS:
        setattr(os, name, _traced(tracer, name, getattr(os, name)))
    for name in _XATTR_FUNCTIONS:
        setattr(xattr, name, _traced(tracer, f"xattr.{name}", getattr(xattr, name)))
    setattr(os, "open", _traced_open(tracer, os.open))  # noqa: B010 - mypy
    setattr(ctypes, "CDLL", functools.partial(_Library, tracer, ctypes.CDLL))  # noqa: B010
    setattr(lmdb, "open", _traced_lmdb(tracer, lmdb.open))  # noqa: B010
    return tracer


def _raise(code: int) -> Any:
    raise OSError(code, os.strerror(code))


def _traced(tracer: Tracer, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(real)
    def wrapper(*arguments: Any, **options: Any) -> Any:
        def call() -> Any:
            if name in _SYNCS and tracer.quick:
                return None
            return real(*arguments, **options)

        step = Step("", name, arguments, tuple(options.items()))
        return tracer.step(name, call, _raise, step)

    return wrapper


def _traced_open(tracer: Tracer, real: Callable[..., int]) -> Callable[..., int]:
    @functools.wraps(real)
    def wrapper(path: Any, flags: int, *arguments: Any, **options: Any) -> int:
        def call() -> int:
            return real(path, flags, *arguments, **options)

        if not flags & _MAKES:
            return call()
        step = Step("", "open", (path, flags), tuple(options.items()))
        fd: int = tracer.step("open", call, _raise, step)
        return fd

    return wrapper


class _Library:
    """A C library whose functions of _C_FUNCTIONS are traced."""

    def __init__(self, tracer: Tracer, real: Callable[..., Any], *names: Any, **how: Any) -> None:
        self._tracer, self._library = tracer, real(*names, **how)

    def __getattr__(self, name: str) -> Any:
        function = getattr(self._library, name)
        return _CFunction(self._tracer, name, function) if name in _C_FUNCTIONS else function


class _CFunction:
    _tracer: Tracer
    _name: str
    _real: Any

    def __init__(self, tracer: Tracer, name: str, real: Any) -> None:
        self.__dict__.update(_tracer=tracer, _name=name, _real=real)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._real, name, value)

    def __call__(self, *arguments: Any) -> Any:
        if self._name == "syscall" and not _makes(arguments):
            return self._real(*arguments)
        name = "openat2" if self._name == "syscall" else self._name

        def call() -> Any:
            return 0 if name == "syncfs" and self._tracer.quick else self._real(*arguments)

        return self._tracer.step(name, call, _fail_in_c, Step("", name, arguments))


def _makes(arguments: tuple[Any, ...]) -> bool:
    """Whether this openat2 makes or empties a file."""
    flags: int = struct.unpack("=QQQ", arguments[3])[0]
    return bool(flags & _MAKES)


def _fail_in_c(code: int) -> int:
    ctypes.set_errno(code)
    return -1


def _traced_lmdb(tracer: Tracer, real: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(path: str, **options: Any) -> Any:
        return _Lmdb(tracer, real(path, **options, sync=not tracer.quick))

    return wrapper


class _Lmdb:
    """An LMDB environment whose write transactions end in a point."""

    def __init__(self, tracer: Tracer, real: Any) -> None:
        self._tracer, self._environment = tracer, real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._environment, name)

    def begin(self, **options: Any) -> Any:
        txn = self._environment.begin(**options)
        return _Commit(self._tracer, txn) if options.get("write") else txn


class _Commit:
    def __init__(self, tracer: Tracer, real: Any) -> None:
        self._tracer, self._txn = tracer, real

    def __enter__(self) -> Any:
        return self._txn.__enter__()

    def __exit__(self, kind: Any, error: Any, trace: Any) -> Any:
        if kind is not None:
            return self._txn.__exit__(kind, error, trace)

        def call() -> Any:
            return self._txn.__exit__(None, None, None)

        def fail(code: int) -> Any:
            self._txn.abort()
            text = f"mdb_txn_commit: {os.strerror(code)}"
            raise lmdb.DiskError(text) if code == errno.ENOSPC else lmdb.Error(text)

        result = self._tracer.step(COMMIT, call, fail, Step("", COMMIT))
        if self._tracer.committed is not None:
            self._tracer.committed()
        return result
