"""What of all changes is worth a line in the journal, and how few lines tell it.

The index is brought up to date by versions: each says what is so, none what happened. What happened
follows from a version and the one before it (`happened`), and from those of one transaction together
(`gathered`): a name that came and one that went with the same content were a rename, and a hundred
files that came into a folder are told in one line.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from typing import NamedTuple

from realizefs.model import paths
from realizefs.model.entries import Entry
from realizefs.model.ids import AuthorId, Inode
from realizefs.model.journal import Event, What
from realizefs.model.versions import Kind, Version

Place = tuple[Inode, bytes]
"""The directory that something is in, and its name."""

EACH_ADDED_MAX = 20
"""Things added in one transaction of which each has a line: by hand nobody adds more at a time."""

EACH_MAX = 200
"""The same of what was changed, deleted or renamed: of such a person wants to know the names."""

LEVELS_MAX = 3
"""Levels of folders that are told apart where something is added to very many of them."""

AGAIN_NS = 300 * 10**9
"""Nanoseconds within which changes of a file by the same machine are told once: a log file, or a
document that is saved by itself, would soon be all that the journal knows."""

LATELY_MAX = 1000
"""Files of which it is known when their last change was told."""


class Note(NamedTuple):
    """Something that happened to `ino` at a place, which is `version` now, or, more `times`, to so many
    things in that folder; to what was at the place `was` before, if it was renamed. `gone` is the
    content that went with it. A tuple: there are as many of them as rows that peers tell."""

    what: What
    ino: Inode
    place: Place
    version: Version
    gone: bytes = b""
    was: Place | None = None
    times: int = 1

    @property
    def author(self) -> AuthorId:
        """Who did it."""
        return self.version.author

    @property
    def is_folder(self) -> bool:
        """Whether it happened to one."""
        return self.version.kind is Kind.DIRECTORY


def happened(before: Version | None, after: Version) -> What | None:
    """What a new version of a path means to a person; None for nothing, as with other permissions."""
    # A directory without any change was only made up for what is in it.
    was = before is not None and not before.deleted and before.vector
    if after.deleted:
        return What.DELETED if was else None
    if not after.vector:
        return None
    if not was or before is None:
        return What.RESTORED if after.replaced and after.identity in after.replaced else What.ADDED
    return What.CHANGED if before.content != after.content else None


def note_of(before: Version | None, after: Version, ino: Inode, place: Place) -> Note | None:
    """The same with all that is to be known about it."""
    what = happened(before, after)
    if what is None:
        return None
    if what is What.ADDED and paths.conflict_of(place[1]) is not None:
        what = What.CONFLICT
    if what is What.DELETED and before is not None and before.size:
        return Note(what, ino, place, after, before.identity)
    return Note(what, ino, place, after)


def gathered(came: Sequence[Entry], notes: Sequence[Note]) -> list[Note]:
    """As few notes as tell the same as these, and that nothing was known before of what `came`."""
    gone = {one.gone for one in notes if one.gone}
    return list(_by_folder(_folders_renamed(_renamed([*_added(came, gone), *notes]))))


def _added(came: Sequence[Entry], gone: Set[bytes]) -> Iterator[Note]:
    """Where there are many, one note for those in a folder of which nothing else is to be said: they
    are as many as the rows that a peer tells who was away for long."""
    many = len(came) > EACH_ADDED_MAX
    folders = dict[tuple[Inode, AuthorId, Kind], list[Entry]]()
    for one in came:
        version = one.version
        if (
            many
            and not (gone and (version.kind is _DIRECTORY or version.identity in gone))
            and not version.replaced
            and paths.CONFLICT not in one.name
        ):
            folders.setdefault((one.parent, version.author, version.kind), []).append(one)
            continue
        note = note_of(None, version, one.ino, (one.parent, one.name))
        if note is not None:
            yield note
    for each in folders.values():
        first = each[0]
        place = (first.parent, first.name)
        yield Note(What.ADDED, first.ino, place, first.version, times=len(each))


_DIRECTORY = Kind.DIRECTORY
"""Here, since looking up a member of an enumeration takes as long as the rest for an entry."""


def _renamed(notes: Sequence[Note]) -> Sequence[Note]:
    """With one note for the two halves of a rename, which came in either order."""
    left = {(one.author, one.gone): one for one in notes if one.gone}
    if not left:
        return notes
    found, gone = list[Note](), set[Inode]()
    for one in notes:
        came = one.what in _CAME and one.version.size > 0
        old = left.pop((one.author, one.version.identity), None) if came else None
        if old is not None:
            gone.add(old.ino)
        found.append(one if old is None else one._replace(what=What.RENAMED, was=old.place))
    return [one for one in found if one.what is not What.DELETED or one.ino not in gone]


_CAME = {What.ADDED, What.RESTORED, What.CONFLICT}


def _folders_renamed(notes: Sequence[Note]) -> Sequence[Note]:
    """With one note for a folder that came and one that went, where something was renamed from there
    to here under its own name; a folder that is renamed in such a way may show the same of that above."""
    waiting = [one for one in notes if one.was is not None]
    if not waiting:
        return notes
    came = {one.ino: one for one in notes if one.what is What.ADDED and one.is_folder}
    left = {one.ino: one for one in notes if one.what is What.DELETED and one.is_folder}
    moved: dict[Inode, Note] = {}
    while waiting:
        one = waiting.pop()
        new, old = one.place[0], one.was[0] if one.was is not None else one.place[0]
        if new not in moved and new in came and old in left and _keeps_name(one):
            moved[new] = left.pop(old)
            waiting.append(came[new]._replace(was=moved[new].place))
    gone = {one.ino for one in moved.values()}
    there = (
        one._replace(what=What.RENAMED, was=moved[one.ino].place) if one.ino in moved else one
        for one in notes
        if one.ino not in gone
    )
    return [one for one in there if not _came_along(one, moved)]


def _came_along(one: Note, moved: Mapping[Inode, Note]) -> bool:
    """Whether it was renamed as its folder was."""
    folder = moved.get(one.place[0])
    came = folder is not None and one.was is not None and one.was[0] == folder.ino
    return came and _keeps_name(one)


def _keeps_name(one: Note) -> bool:
    return one.was is not None and one.place[1] == one.was[1]


def _by_folder(notes: Sequence[Note]) -> Sequence[Note]:
    """Where there are many, one note for all to which the same happened in the same folder."""
    if len(notes) <= EACH_ADDED_MAX:
        return notes
    counts = Counter([one.what for one in notes if one.times == 1])
    many = {
        what
        for what, count in counts.items()
        if count > (EACH_ADDED_MAX if what in (What.ADDED, What.RESTORED) else EACH_MAX)
    }
    if not many:
        return notes
    groups = [_group(one) if one.what in many and one.times == 1 else None for one in notes]
    sizes = Counter(groups)
    found = dict[object, Note]()
    for number, (one, group) in enumerate(zip(notes, groups, strict=True)):
        if group is None or sizes[group] == 1:
            found[number] = one
        elif group not in found:
            found[group] = one._replace(times=sizes[group])
    return list(found.values())


def _group(one: Note) -> tuple[object, ...]:
    old = one.was[0] if one.was is not None else None
    return (one.what, one.version.author, one.is_folder, one.place[0], old)


def coarser(events: list[Event]) -> list[Event]:
    """With lines about larger folders where so many folders got something that nobody reads a line for
    each: as few levels up as it takes."""
    added = [(one, _folder(one)) for one in events if one.what is _ADDED]
    if len(added) <= EACH_MAX:
        return events
    for levels in range(LEVELS_MAX, -1, -1):
        sums = Counter[tuple[object, ...]]()
        for one, folder in added:
            sums[one.peer, one.kind, _top(folder, levels)] += one.count
        if len(sums) <= EACH_MAX:
            break
    first = {(one.peer, one.kind, _top(folder, levels)): one for one, folder in reversed(added)}
    larger = [
        replace(one, path=_top(_folder(one), levels), count=sums[key], mtime_ns=0)
        if sums[key] > 1
        else one
        for key, one in reversed(first.items())
    ]
    return [*larger, *(one for one in events if one.what is not _ADDED)]


_ADDED = What.ADDED


def _folder(event: Event) -> bytes:
    return event.path if event.count > 1 else paths.split(event.path)[0]


def _top(folder: bytes, levels: int) -> bytes:
    """The path of the folder above that is so many levels below the root."""
    return b"/".join(folder.split(b"/", levels)[:levels])


class Lately:
    """Which changes were told lately; a hint, lost with the process."""

    def __init__(self) -> None:
        self._told: dict[tuple[Inode, AuthorId], int] = {}

    def is_again(self, one: Note, now_ns: int) -> bool:
        """Whether it is told already that this machine is changing it."""
        told = self._told.get((one.ino, one.author))
        return one.what is What.CHANGED and told is not None and 0 <= now_ns - told < AGAIN_NS

    def note(self, notes: Sequence[Note], now_ns: int) -> None:
        """These were told; where there are many nobody is just writing to them."""
        for one in notes if len(notes) <= EACH_MAX else ():
            if one.times == 1 and not one.is_folder:
                self._told.pop((one.ino, one.author), None)
                self._told[one.ino, one.author] = now_ns
        while len(self._told) > LATELY_MAX:
            del self._told[next(iter(self._told))]


def about(event: Event, path: bytes) -> bool:
    """Whether it tells of a path, of what is below, or of what became of all in a folder above."""
    if event.what is What.HEARD:
        return not path
    named = [one for one in (event.path, event.old) if one] or [b""]
    return any(
        paths.is_within(one, path) or (event.reaches_below and paths.is_within(path, one))
        for one in named
    )


def chosen(
    newest: Iterable[Event], path: bytes, last: int, fits: Callable[[Event], bool]
) -> list[Event]:
    """The `last` events that fit and are about a path, under its former names, too; the oldest first."""
    found: list[Event] = []
    names = [path]
    for event in newest:
        if any(about(event, name) for name in names) and fits(event):
            if found and _is_more(event, found[-1]):
                found[-1] = replace(found[-1], count=event.count + found[-1].count)
            elif len(found) >= last:
                break
            else:
                found.append(event)
        before = _called_before(event, names[-1])
        if before is not None:
            names.append(before)
    return found[::-1]


def _called_before(event: Event, path: bytes) -> bytes | None:
    """What had that path only since this event."""
    renamed = event.what is What.RENAMED and event.count == 1
    if not renamed or not path or not paths.is_within(path, event.path):
        return None
    return event.old + path[len(event.path) :]


def _is_more(one: Event, other: Event) -> bool:
    """Whether two that stand behind each other only differ in how many there were."""
    alike = replace(one, when_ns=0, count=0) == replace(other, when_ns=0, count=0)
    return alike and _counts(one) and _counts(other)


def _counts(one: Event) -> bool:
    return one.count > 1 or one.what is What.HEARD
