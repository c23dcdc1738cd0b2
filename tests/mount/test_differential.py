"""Random programs do the same in the mount and in a native directory, and must not tell them apart.

Each example has a tree of its own, half of them real on the mounted machine, half unreal, with the
peer that holds the bytes connected. What is written becomes real, goes to that peer, and may become
unreal again in the middle of an example: so an example can't be repeated exactly, and isn't shrunk;
a failure says all that was done.
"""

import fcntl
import mmap
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from realizefs.store.openat import RENAME_EXCHANGE, RENAME_NOREPLACE, renameat2
from tests.household.conftest import running_household
from tests.household.machines import Pair, word
from tests.household.waiting import until
from tests.mount.twins import Side, Twins, make_start

PATHS = st.sampled_from(
    ["a", "b", "c", "d", "e", "s", "f", "d/a", "d/b", "d/c", "e/a", "e/d", "a/x", "none/x"]
)
SLOTS = st.integers(0, 2)
OFFSETS = st.sampled_from([0, 1, 4095, 4096, 100_000, 300_005, 500_000])
SIZES = st.sampled_from([0, 1, 11, 4096, 70_000, 307_200])
DATA = st.sampled_from([b"", b"x", b"some bytes", b"page" * 1024, b"long" * 50_000])
MODES = st.sampled_from([0o600, 0o644, 0o444, 0o755, 0o1777])
TIMES = st.sampled_from([-5_000_000_001, -1, 0, 1, 999_999_999, 2**31 * 10**9 + 7, 2**33 * 10**9])
XATTRS = st.sampled_from(["user.colour", "user.x", "user.\xe4", "system.nonsense"])
ACCESS = st.sampled_from([os.O_RDONLY, os.O_WRONLY, os.O_RDWR])
OPTIONS = st.sampled_from(
    [
        *(0, 0, os.O_CREAT, os.O_CREAT | os.O_EXCL, os.O_TRUNC, os.O_CREAT | os.O_TRUNC),
        *(os.O_APPEND, os.O_CREAT | os.O_APPEND, os.O_NOFOLLOW, os.O_DIRECTORY, os.O_SYNC),
    ]
)


class Trees:
    """Makes pairs of equal trees below a pair of machines and a native directory."""

    def __init__(self, pair: Pair, native: Path) -> None:
        self._pair = pair
        self._native = native
        self._count = 0

    def real(self) -> Twins:
        """A tree that another program has put in the arena root of the mounted machine."""
        return self._twins(self._pair.root)

    def unreal(self) -> Twins:
        """A tree that the peer has."""
        twins = self._twins(self._pair.files)
        last = twins.shown.at("s")
        until(last.is_symlink, f"{last} is seen")
        until(lambda: self._is_whole(twins), "the whole tree is seen")
        return twins

    def _twins(self, holder: Path) -> Twins:
        self._count += 1
        name = f"t{self._count}"
        make_start(self._native / name)
        making = holder.parent / f"making-{name}"
        make_start(making)
        making.rename(holder / name)
        return Twins(self._pair.mnt / name, self._native / name)

    def _is_whole(self, twins: Twins) -> bool:
        try:
            twins.check_names()
        except (AssertionError, FileNotFoundError):
            return False
        return True

    def remove(self, twins: Twins) -> None:
        shutil.rmtree(twins.shown.base)
        shutil.rmtree(twins.native.base)


class Differential(RuleBasedStateMachine):
    """One example; `trees` is given by the test."""

    trees: Trees

    @initialize(real=st.booleans())
    def start(self, real: bool) -> None:
        self.twins = self.trees.real() if real else self.trees.unreal()
        self.failed = False
        self._pinned: dict[int, bytes] = {}

    def teardown(self) -> None:
        if not hasattr(self, "twins"):
            return
        try:
            if not self.failed:
                self.twins.check_names()
                self.twins.check_contents()
        finally:
            for side in (self.twins.shown, self.twins.native):
                side.close_all()
            self.trees.remove(self.twins)

    def _do(self, what: str, operation: Callable[[Side], Any]) -> Any:
        try:
            result = self.twins.do(what, operation)
            self.twins.check_names()
        except AssertionError as error:
            error.add_note("after " + "; ".join(self.twins.done))
            self.failed = True
            raise
        return result

    # -- names ------------------------------------------------------------------------------

    @rule(old=PATHS, new=PATHS, flags=st.sampled_from([0, 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE]))
    def rename(self, old: str, new: str, flags: int) -> None:
        self._do(f"rename {old} {new} {flags}", lambda side: _rename(side, old, new, flags))

    def _is_directory(self, *paths: str) -> bool:
        native = self.twins.native
        return any(native.at(path).is_dir() and not native.at(path).is_symlink() for path in paths)

    @rule(old=PATHS, new=PATHS)
    def link(self, old: str, new: str) -> None:
        self._do(
            f"link {old} {new}",
            lambda side: os.link(side.at(old), side.at(new), follow_symlinks=False),
        )

    @rule(path=PATHS, to=st.sampled_from(["a", "d", "nowhere", "../up", "long/" * 60]))
    def symlink(self, path: str, to: str) -> None:
        self._do(f"symlink {path}", lambda side: os.symlink(to, side.at(path)))

    @rule(path=PATHS)
    def readlink(self, path: str) -> None:
        self._do(f"readlink {path}", lambda side: os.readlink(side.at(path)))

    @rule(path=PATHS)
    def unlink(self, path: str) -> None:
        self._do(f"unlink {path}", lambda side: os.unlink(side.at(path)))

    @rule(path=PATHS, mode=MODES)
    def mkdir(self, path: str, mode: int) -> None:
        self._do(f"mkdir {path}", lambda side: os.mkdir(side.at(path), mode | 0o700))

    @rule(path=PATHS)
    def rmdir(self, path: str) -> None:
        self._do(f"rmdir {path}", lambda side: os.rmdir(side.at(path)))

    @rule(path=PATHS)
    def mkfifo(self, path: str) -> None:
        self._do(f"mkfifo {path}", lambda side: os.mkfifo(side.at(path), 0o640))

    @rule(path=PATHS)
    def mksocket(self, path: str) -> None:
        self._do(f"mknod {path}", lambda side: os.mknod(side.at(path), stat.S_IFSOCK | 0o600))

    @rule(path=PATHS, mode=st.sampled_from([os.F_OK, os.R_OK, os.W_OK, os.X_OK]))
    def access(self, path: str, mode: int) -> None:
        self._do(
            f"access {path} {mode}",
            lambda side: os.access(side.at(path), mode, follow_symlinks=False),
        )

    @rule(path=PATHS)
    def list(self, path: str) -> None:
        self._do(f"list {path}", lambda side: sorted(os.listdir(side.at(path))))

    # -- attributes -------------------------------------------------------------------------

    @rule(path=PATHS, mode=MODES)
    def chmod(self, path: str, mode: int) -> None:
        if self._is_directory(path):
            mode |= 0o700  # what is made real has to get into it
        self._do(f"chmod {path} {mode:o}", lambda side: os.chmod(side.at(path), mode))

    @rule(path=PATHS, mtime=TIMES, follow=st.booleans())
    def utimens(self, path: str, mtime: int, follow: bool) -> None:
        self._do(
            f"utimens {path} {mtime}",
            lambda side: os.utime(side.at(path), ns=(7, mtime), follow_symlinks=follow),
        )

    @rule(path=PATHS, size=SIZES)
    def truncate(self, path: str, size: int) -> None:
        if self.twins.native.at(path).is_fifo():
            return  # opening one to truncate it waits for a reader, for us and natively
        self._do(f"truncate {path} {size}", lambda side: os.truncate(side.at(path), size))

    @rule(path=PATHS, name=XATTRS, value=st.binary(max_size=50), flags=st.sampled_from([0, 1, 2]))
    def setxattr(self, path: str, name: str, value: bytes, flags: int) -> None:
        self._do(
            f"setxattr {path} {name} {flags}",
            lambda side: os.setxattr(side.at(path), name, value, flags),
        )

    @rule(path=PATHS, name=XATTRS)
    def xattrs(self, path: str, name: str) -> None:
        self._do(f"getxattr {path} {name}", lambda side: os.getxattr(side.at(path), name))
        self._do(f"listxattr {path}", lambda side: sorted(os.listxattr(side.at(path))))

    @rule(path=PATHS, name=XATTRS)
    def removexattr(self, path: str, name: str) -> None:
        self._do(f"removexattr {path} {name}", lambda side: os.removexattr(side.at(path), name))

    # -- open files -------------------------------------------------------------------------

    @rule(slot=SLOTS, path=PATHS, access=ACCESS, options=OPTIONS, mode=MODES)
    def open(self, slot: int, path: str, access: int, options: int, mode: int) -> None:
        self.close(slot)
        flags = access | options | os.O_NONBLOCK  # nobody is to wait for a fifo's other end
        reads = not access and not options & os.O_TRUNC
        whole = self._pinned_content(path) if reads else None
        self._do(f"open {path} {flags:o}", lambda side: _open(side, slot, path, flags, mode))
        if not reads or slot not in self.twins.native.open:
            return
        if (whole is None) != (self._pinned_content(path) is None):
            self.close(slot)  # it became unreal, or real, meanwhile: nobody knows what was opened
        elif whole is not None:
            self._pinned[slot] = whole

    def _pinned_content(self, path: str) -> bytes | None:
        """Of what is unreal: who reads it now goes on reading this version (R4)."""
        shown = self.twins.shown.at(path)
        if not shown.is_file() or word(shown) in ("real", "modified"):
            return None
        return self.twins.native.at(path).read_bytes()

    @rule(slot=SLOTS)
    def close(self, slot: int) -> None:
        self._pinned.pop(slot, None)
        if slot in self.twins.native.open:
            self._do(f"close {slot}", lambda side: side.close(slot))

    @rule(slot=SLOTS, start=OFFSETS, length=SIZES)
    def pread(self, slot: int, start: int, length: int) -> None:
        if slot in self._pinned:
            fd = self.twins.shown.fd(slot)
            end = min(start + length, os.fstat(fd).st_size)  # the kernel reads no further
            assert os.pread(fd, length, start) == self._pinned[slot][start:end]
            return
        self._do(f"pread {slot}", lambda side: os.pread(side.fd(slot), length, start))

    @rule(slot=SLOTS, start=OFFSETS, data=DATA)
    def pwrite(self, slot: int, start: int, data: bytes) -> None:
        self._do(f"pwrite {slot}", lambda side: os.pwrite(side.fd(slot), data, start))

    @rule(slot=SLOTS, data=DATA)
    def write(self, slot: int, data: bytes) -> None:
        self._do(f"write {slot}", lambda side: os.write(side.fd(slot), data))

    @rule(slot=SLOTS, size=SIZES)
    def ftruncate(self, slot: int, size: int) -> None:
        self._do(f"ftruncate {slot}", lambda side: os.ftruncate(side.fd(slot), size))

    @rule(slot=SLOTS)
    def fsync(self, slot: int) -> None:
        self._do(f"fsync {slot}", lambda side: os.fsync(side.fd(slot)))

    @rule(slot=SLOTS, mode=MODES)
    def fchmod(self, slot: int, mode: int) -> None:
        mode |= 0o700  # it may be a directory
        self._do(f"fchmod {slot}", lambda side: os.fchmod(side.fd(slot), mode))

    @rule(slot=SLOTS, mtime=TIMES)
    def futimens(self, slot: int, mtime: int) -> None:
        self._do(f"futimens {slot} {mtime}", lambda side: os.utime(side.fd(slot), ns=(7, mtime)))

    @rule(slot=SLOTS, name=XATTRS, value=st.binary(max_size=50))
    def fsetxattr(self, slot: int, name: str, value: bytes) -> None:
        if self._has_name(slot):
            self._do(
                f"fsetxattr {slot} {name}", lambda side: os.setxattr(side.fd(slot), name, value)
            )

    @rule(one=SLOTS, other=SLOTS, start=OFFSETS, length=SIZES)
    def copy_range(self, one: int, other: int, start: int, length: int) -> None:
        if one in self._pinned or not (self._is_file(one) and self._is_file(other)):
            return
        self._do(
            f"copy_file_range {one} {other}",
            lambda side: os.copy_file_range(side.fd(one), side.fd(other), length, start, start + 7),
        )

    @rule(slot=SLOTS)
    def seek_end(self, slot: int) -> None:
        if self._is_file(slot) and slot not in self._pinned:
            self._do(f"lseek {slot}", lambda side: os.lseek(side.fd(slot), 0, os.SEEK_END))

    @rule(slot=SLOTS)
    def fstat(self, slot: int) -> None:
        self._do(f"fstat {slot}", lambda side: _fstat(side.fd(slot)))

    def _flags(self, slot: int) -> int:
        fd = self.twins.native.open.get(slot)
        return 0 if fd is None else fcntl.fcntl(fd, fcntl.F_GETFL)

    def _has_name(self, slot: int) -> bool:
        """FUSE names attributes by the file's inode, which leads nowhere once it has no name."""
        fd = self.twins.native.open.get(slot)
        return fd is not None and os.fstat(fd).st_nlink > 0

    def _is_file(self, slot: int) -> bool:
        fd = self.twins.native.open.get(slot)
        return fd is not None and stat.S_ISREG(os.fstat(fd).st_mode)

    @rule(slot=SLOTS, start=OFFSETS, length=SIZES)
    def allocate(self, slot: int, start: int, length: int) -> None:
        """FUSE in Python has no fallocate: the C library reads and writes, where it may."""
        if self._flags(slot) & (os.O_ACCMODE | os.O_APPEND) != os.O_RDWR:
            return
        self._do(
            f"posix_fallocate {slot}", lambda side: os.posix_fallocate(side.fd(slot), start, length)
        )

    @rule(slot=SLOTS, start=OFFSETS)
    def seek_data(self, slot: int, start: int) -> None:
        """FUSE in Python can't tell holes: all is data, which is allowed."""
        if self._is_file(slot) and start < os.fstat(self.twins.native.fd(slot)).st_size:
            fd = self.twins.shown.fd(slot)
            at = os.lseek(fd, 0, os.SEEK_CUR)
            assert os.lseek(fd, start, os.SEEK_DATA) == start
            assert os.lseek(fd, start, os.SEEK_HOLE) >= start
            os.lseek(fd, at, os.SEEK_SET)

    @rule(one=SLOTS, other=SLOTS, kind=st.sampled_from(["flock", "posix"]))
    def lock(self, one: int, other: int, kind: str) -> None:
        self._do(f"{kind} {one} {other}", lambda side: _lock(side.fd(one), side.fd(other), kind))

    @rule(slot=SLOTS, data=st.sampled_from([b"mapped", b"MAP" * 3000]), shared=st.booleans())
    def map(self, slot: int, data: bytes, shared: bool) -> None:
        if slot in self._pinned or self._pinned:
            return  # a file that was pinned is read past the page cache: it can't be shared
        self._do(f"mmap {slot}", partial(_map, slot=slot, data=data, shared=shared))


def _rename(side: Side, old: str, new: str, flags: int) -> None:
    fd = os.open("/", os.O_PATH)
    try:
        renameat2(fd, bytes(side.at(old)), fd, bytes(side.at(new)), flags)
    finally:
        os.close(fd)


def _open(side: Side, slot: int, path: str, flags: int, mode: int) -> None:
    side.open[slot] = os.open(side.at(path), flags, mode)


def _fstat(fd: int) -> tuple[int, ...]:
    found = os.fstat(fd)
    return found.st_mode, found.st_nlink, found.st_size if not os.path.isdir(fd) else 0


def _lock(one: int, other: int, kind: str) -> None:
    call = fcntl.flock if kind == "flock" else fcntl.lockf
    call(one, fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        call(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        call(other, fcntl.LOCK_UN)
    finally:
        call(one, fcntl.LOCK_UN)


def _map(side: Side, slot: int, data: bytes, shared: bool) -> bytes:
    fd = side.fd(slot)
    size = os.fstat(fd).st_size
    if size < len(data):
        return b"too short"
    access = mmap.ACCESS_WRITE if shared else mmap.ACCESS_COPY
    with mmap.mmap(fd, size, access=access) as mapped:
        mapped[: len(data)] = data
        return bytes(mapped[-len(data) :])


@pytest.fixture(scope="module")
def trees(fuse: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trees]:
    directory = tmp_path_factory.mktemp("differential")
    native = directory / "native"
    native.mkdir()
    with running_household(directory) as household:
        pair = household.pair()
        os.mkfifo(pair.root / "stays")  # a root without any name looks like a missing disk (R8)
        yield Trees(pair, native)


def run(trees: Trees, examples: int, steps: int) -> None:
    machine = cast(
        "type[RuleBasedStateMachine]", type("Programs", (Differential,), {"trees": trees})
    )
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        ),
    )


def test_random_programs_cannot_tell_the_mount_from_a_native_directory(trees: Trees) -> None:
    run(trees, 25, 40)


@pytest.mark.big
@pytest.mark.timeout(1200)
def test_very_many_of_them_cannot_either(trees: Trees) -> None:
    run(trees, 400, 80)
