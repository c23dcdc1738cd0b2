"""Native changes in an arena root, as they happen: inotify on every directory of it.

Watches are set on directory fds that `Root` opened, so neither the mount laid over the root nor a
symlink is in the way. inotify knows nothing of trees, hence three rules here:

- A directory is watched first and listed second. What appears between is reported twice; nothing
  is missed. What a new directory already contains is reported as "created".
- A watch belongs to a directory, not to its path. When a directory moves within the root, the
  paths of the watches below it are rewritten; when it moves out, they are removed. The two halves
  of a move share a cookie; a half whose partner isn't in the queue is a move out or in. The disk is
  ahead of what is read: a directory that was made and moved wasn't there to be watched any more, or
  another one was. So in the end the disk says what is where a directory has moved from and to.
- An event says that something may have changed at a path, no more. Readers look for themselves.
"""

import errno
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Literal

from inotify_simple import Event, INotify, flags

from realizefs.model.errors import StoreFault
from realizefs.model.paths import STATE_DIR, is_within, join, show
from realizefs.model.versions import Kind
from realizefs.store.realfile import NativeName, Root

EventKind = Literal[
    "created", "changed", "closed", "attrib", "gone", "moved_from", "moved_to",
    "unmounted", "overflow", "root_gone",
]  # fmt: skip

log = logging.getLogger(__name__)

RETOLD_MAX = 64
"""Moves of directories in one read for which what was told before is told again: each costs a look
at all of it. Beyond that it counts as if events had been lost."""

_MASK = (
    flags.CREATE
    | flags.DELETE
    | flags.MOVED_FROM
    | flags.MOVED_TO
    | flags.CLOSE_WRITE
    | flags.MODIFY
    | flags.ATTRIB
    | flags.DELETE_SELF
    | flags.MOVE_SELF
    | flags.ONLYDIR
    | flags.EXCL_UNLINK
)  # no DONT_FOLLOW: the path given is the magic link of an fd that was opened without following

_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES)
"""A directory that was there a moment ago: removed, replaced by something else, closed to us."""

_KINDS: tuple[tuple[int, EventKind], ...] = (
    (flags.CREATE, "created"),
    (flags.MODIFY, "changed"),
    (flags.CLOSE_WRITE, "closed"),
    (flags.ATTRIB, "attrib"),
    (flags.DELETE, "gone"),
    (flags.MOVED_FROM, "moved_from"),
    (flags.MOVED_TO, "moved_to"),
)


@dataclass(frozen=True, slots=True)
class RootEvent:
    """Something may have happened at `path`.

    "changed" comes while a file is being written and "closed" when a writer has closed it;
    "moved_from" and "moved_to" of one rename share a `cookie` (else 0). "unmounted": the
    directory's filesystem is gone. Without a path: "overflow" (events were lost: scan all),
    "root_gone" (the root itself was removed, moved or unmounted).
    """

    path: bytes
    kind: EventKind
    is_dir: bool = False
    cookie: int = 0


@dataclass(slots=True)
class _Moves:
    """Of directories, in one read: what was `left` by cookie, `places` whose watches may not be true,
    those just `followed`; for how many of these what was told before was `retold`, and what that was."""

    left: dict[int, bytes] = field(default_factory=dict)
    places: dict[bytes, None] = field(default_factory=dict)
    followed: list[tuple[bytes, bytes]] = field(default_factory=list)
    retold: int = 0
    again: set[RootEvent] = field(default_factory=set)


class RootWatch:
    """Watches of all directories of `root` that `add_tree` was told of, and what they become.

    Thread-safe. StoreFault where the kernel allows no further instance or watch. `read` lists
    new directories, so it belongs in a worker thread.
    """

    def __init__(self, root: Root) -> None:
        self._root = root
        self._lock = Lock()  # held over adding a watch, too: its first event finds its path
        self._paths: dict[int, bytes] = {}
        self._watches: dict[bytes, int] = {}
        try:
            self._inotify = INotify(nonblocking=True)
        except OSError as error:
            raise _too_many("max_user_instances", error) from error
        self.fd = self._inotify.fileno()

    def __len__(self) -> int:
        """Directories watched."""
        return len(self._paths)

    def __contains__(self, directory: bytes) -> bool:
        """Whether a directory is watched; waits for nothing."""
        return directory in self._watches

    def close(self) -> None:
        """End all watches."""
        self._watches.clear()
        self._inotify.close()

    def add_tree(self, path: bytes) -> Sequence[bytes]:
        """Watch the directory `path` and all below; returns those, parents first."""
        with self._lock:
            return list(self._grow_over_directories(path))

    def read(self) -> Sequence[RootEvent]:
        """All events there are, never waiting."""
        with self._lock:
            events = list(self._inotify.read(timeout=0))
            if any(event.mask & flags.MOVED_FROM for event in events):
                events += self._inotify.read(timeout=0)  # the other half of the last one
            moves = _Moves()
            result: list[RootEvent] = []
            for event in events:
                for told in self._translate(event, moves):
                    if not result or result[-1] != told:
                        result.append(told)
                result += _elsewhere(result, moves)
            for old in moves.left.values():
                self._forget(old)
                moves.places[old] = None  # another one may be there by now
            for path in _topmost(moves.places) if moves.retold <= RETOLD_MAX else ():
                result += self._grow_where_new(path)
            return result

    # Below, the lock is held.

    def _translate(self, event: Event, moves: "_Moves") -> Iterator[RootEvent]:
        if event.mask & flags.Q_OVERFLOW:
            yield RootEvent(b"", "overflow")
            return
        directory = self._paths.get(event.wd)
        if directory is None:
            return  # queued before its watch was removed
        if not event.name:
            yield from self._own_event(directory, event)
            return
        name = os.fsencode(event.name)
        if not directory and name == STATE_DIR:
            return
        path = join(directory, name)
        is_dir = bool(event.mask & flags.ISDIR)
        for flag, kind in _KINDS:
            if event.mask & flag:
                yield RootEvent(path, kind, is_dir, event.cookie)
        if is_dir:
            yield from self._follow(path, event, moves)

    def _own_event(self, directory: bytes, event: Event) -> Iterator[RootEvent]:
        """About a watched directory itself; its parent's watch says most of it already."""
        if event.mask & flags.IGNORED:
            self._remove(event.wd)
        elif event.mask & flags.UNMOUNT and directory:
            yield RootEvent(directory, "unmounted", is_dir=True)
        elif not directory and event.mask & (flags.DELETE_SELF | flags.MOVE_SELF | flags.UNMOUNT):
            yield RootEvent(b"", "root_gone", is_dir=True)
        elif not directory and event.mask & flags.ATTRIB:
            yield RootEvent(b"", "attrib", is_dir=True)

    def _follow(self, path: bytes, event: Event, moves: "_Moves") -> Iterator[RootEvent]:
        """Keep the watches true after a directory came or went."""
        if event.mask & flags.MOVED_FROM:
            moves.left[event.cookie] = path
        elif event.mask & flags.MOVED_TO and event.cookie in moves.left:
            old = moves.left.pop(event.cookie)
            moves.places |= dict.fromkeys((old, path))
            self._repath(old, path)
            for cookie, left in moves.left.items():  # the watch of what has left it moves along
                moves.left[cookie] = path + left[len(old) :] if is_within(left, old) else left
            moves.followed.append((old, path))
        elif event.mask & (flags.CREATE | flags.MOVED_TO):
            yield from self._grow(path)

    def _grow(self, path: bytes) -> Iterator[RootEvent]:
        """Watch `path` and all below; yields a "created" for everything found in it."""
        waiting = [path]
        while waiting:
            directory = waiting.pop()
            if not self._watch(directory):
                continue
            for found in self._names(directory):
                yield found
                if found.is_dir:
                    waiting.append(found.path)

    def _grow_where_new(self, path: bytes) -> Iterator[RootEvent]:
        """Watch what is at `path` and below; yields a "created" for everything found in a directory
        that wasn't watched under this name."""
        waiting = [path]
        while waiting:
            directory = waiting.pop()
            known = self._watches.get(directory)
            if not self._watch(directory):
                continue
            is_new = known != self._watches[directory]
            for found in self._names(directory):
                if is_new:
                    yield found
                if found.is_dir:
                    waiting.append(found.path)

    def _grow_over_directories(self, path: bytes) -> Iterator[bytes]:
        """`_grow` where nobody wants to hear of files; yields the directories, parents first."""
        waiting = [path]
        while waiting:
            directory = waiting.pop()
            yield directory
            if self._watch(directory):
                names = self._list(directory)
                found = [one.name for one in names if one.kind is Kind.DIRECTORY]
                waiting += [join(directory, name) for name in found]

    def _watch(self, path: bytes) -> bool:
        try:
            fd = self._root.open(path, os.O_PATH | os.O_DIRECTORY)
        except OSError as error:
            if error.errno not in _GONE:
                raise
            return False  # its parent's watch says so
        try:
            watch = self._inotify.add_watch(f"/proc/self/fd/{fd}", _MASK)
        except PermissionError:
            log.warning('"%s" can\'t be watched: permission denied.', show(path))
            return False
        except OSError as error:
            raise _too_many("max_user_watches", error) from error
        finally:
            os.close(fd)
        self._remove(watch)  # the same directory, known by an older path
        if path in self._watches:
            self._end(self._watches[path])  # another one, which was here
        self._paths[watch] = path
        self._watches[path] = watch
        return True

    def _names(self, directory: bytes) -> Sequence[RootEvent]:
        return [
            RootEvent(join(directory, one.name), "created", one.kind is Kind.DIRECTORY)
            for one in self._list(directory)
        ]

    def _list(self, directory: bytes) -> Sequence[NativeName]:
        try:
            return self._root.list(directory)
        except OSError as error:
            if error.errno not in _GONE:
                raise
            return ()  # its parent's watch says so

    def _repath(self, old: bytes, new: bytes) -> None:
        for path in [path for path in self._watches if is_within(path, old)]:
            watch = self._watches.pop(path)
            moved = new + path[len(old) :]
            self._paths[watch] = moved
            self._watches[moved] = watch

    def _forget(self, directory: bytes) -> None:
        for path in [path for path in self._watches if is_within(path, directory)]:
            self._end(self._watches[path])

    def _end(self, watch: int) -> None:
        self._remove(watch)
        with suppress(OSError):  # EINVAL: the directory was removed, and its watch with it
            self._inotify.rm_watch(watch)

    def _remove(self, watch: int) -> None:
        path = self._paths.pop(watch, None)
        if path is not None and self._watches.get(path) == watch:
            del self._watches[path]


def _topmost(places: Iterable[bytes]) -> list[bytes]:
    """Those that are within no other."""
    found: list[bytes] = []
    for path in sorted(places, key=lambda path: path.split(b"/")):
        if not found or not is_within(path, found[-1]):
            found.append(path)
    return found


def _elsewhere(told: Sequence[RootEvent], moves: _Moves) -> list[RootEvent]:
    """What was told before is at another path now where its directory has moved since. Each is told
    once at each path: what moves to and fro would else be told twice as often with every move."""
    again: list[RootEvent] = []
    for old, new in moves.followed:
        moves.retold += 1
        if moves.retold > RETOLD_MAX:
            again += [RootEvent(b"", "overflow")] if moves.retold == RETOLD_MAX + 1 else []
            continue
        below = [one for one in told if one.path != old and is_within(one.path, old)]
        moved = [replace(one, path=new + one.path[len(old) :]) for one in below]
        fresh = [one for one in moved if one not in moves.again]
        moves.again.update(fresh)
        again += fresh
    moves.followed.clear()
    return again


def _too_many(setting: str, error: OSError) -> StoreFault:
    if error.errno not in (errno.ENOSPC, errno.EMFILE):
        return StoreFault(f"Changes in the arena root can't be watched: {error.strerror}.")
    return StoreFault(
        f"The kernel's bound on watched directories is reached; raise it with "
        f'"sysctl fs.inotify.{setting}=1048576" as root.'
    )
