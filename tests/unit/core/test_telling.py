"""What of all changes the journal tells, and in how few lines."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from realizefs.core.merge import changed, deleted
from realizefs.core.telling import (
    AGAIN_NS,
    EACH_ADDED_MAX,
    EACH_MAX,
    LATELY_MAX,
    Lately,
    Note,
    about,
    chosen,
    coarser,
    gathered,
    happened,
    note_of,
)
from realizefs.model.entries import Entry
from realizefs.model.ids import AuthorId, Digest, Inode
from realizefs.model.journal import Event, What
from realizefs.model.versions import Dot, Kind, Version

LAPTOP, DESK = AuthorId(7), AuthorId(8)
TOP, OLD, NEW = Inode(2), Inode(3), Inode(4)
PLACEHOLDER = Version(Kind.DIRECTORY, mode=0o755)


def file(content: int = 1, by: AuthorId = LAPTOP, count: int = 1) -> Version:
    fresh = Version(Kind.FILE, Digest(bytes([content]) * 32), size=content, mtime_ns=content)
    return changed(fresh, Dot(by, count))


def folder(by: AuthorId = LAPTOP) -> Version:
    return changed(Version(Kind.DIRECTORY, mode=0o755), Dot(by, 1))


def gone(version: Version, by: AuthorId = LAPTOP) -> Version:
    return deleted(version, Dot(by, 9), 99)


def came(ino: int, version: Version, parent: Inode = TOP, name: bytes = b"") -> Entry:
    return Entry(Inode(ino), parent, name or b"n%d" % ino, version)


def left(ino: int, version: Version, parent: Inode = TOP, name: bytes = b"") -> Note:
    place = parent, name or b"n%d" % ino
    note = note_of(version, gone(version, version.author), Inode(ino), place)
    assert note is not None
    return note


def told(notes: Sequence[Note]) -> list[tuple[What, int, int]]:
    return [(one.what, one.ino, one.times) for one in notes]


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        (None, file(), What.ADDED),
        (None, gone(file()), None),
        (None, PLACEHOLDER, None),
        (PLACEHOLDER, folder(), What.ADDED),
        (gone(file(2)), file(), What.ADDED),
        (file(), changed(file(2), Dot(DESK, 1), file()), What.CHANGED),
        (file(), replace(file(), mode=0o600), None),
        (file(), replace(file(), mtime_ns=5), None),
        (file(), file(by=DESK), None),
        (file(), folder(), What.CHANGED),
        (file(), gone(file()), What.DELETED),
        (gone(file()), gone(file(), DESK), None),
        (gone(file()), changed(file(), Dot(LAPTOP, 10), gone(file())), What.RESTORED),
    ],
)
def test_what_a_new_version_means(before: Version, after: Version, what: What) -> None:
    assert happened(before, after) is what


def test_a_conflict_copy_is_known_by_its_name() -> None:
    name = b"plan (conflict desk 2026-03-01 10.00.00).txt"
    [note] = gathered([came(5, file(), name=name)], [])
    assert note.what is What.CONFLICT
    [note] = gathered([came(5, file(), name=b"a (conflict with my boss).txt")], [])
    assert note.what is What.ADDED


def test_a_name_that_came_and_one_that_went_with_the_same_content_are_a_rename() -> None:
    [note] = gathered([came(5, file(), name=b"b")], [left(6, file(), OLD, b"a")])
    assert (note.what, note.ino, note.place) == (What.RENAMED, 5, (TOP, b"b"))
    assert (note.was, note.author) == ((OLD, b"a"), LAPTOP)


def test_what_only_looks_like_a_rename() -> None:
    """Other contents, other people, and empty files, which are all the same."""
    empty = changed(Version(Kind.FILE, Digest(b"e" * 32)), Dot(LAPTOP, 1))
    for new, old in ((file(1), file(2)), (file(), file(by=DESK)), (empty, empty)):
        notes = gathered([came(5, new)], [left(6, old)])
        assert told(notes) == [(What.ADDED, 5, 1), (What.DELETED, 6, 1)]


def test_a_copy_and_a_deletion_of_the_same_content_pair_once() -> None:
    notes = gathered([came(5, file()), came(6, file())], [left(7, file())])
    assert told(notes) == [(What.RENAMED, 5, 1), (What.ADDED, 6, 1)]


def test_a_folder_that_was_renamed_is_one_rename_with_all_that_is_in_it() -> None:
    inside, outside = [11, 12, 13], (Inode(10), Inode(20))
    arrived = [came(NEW, folder(), name=b"new"), came(outside[0], folder(), NEW, b"sub")]
    arrived += [came(ino, file(ino), outside[0], b"f%d" % ino) for ino in inside]
    went = [left(ino + 10, file(ino), outside[1], b"f%d" % ino) for ino in inside]
    went += [left(outside[1], folder(), OLD, b"sub"), left(OLD, folder(), name=b"old")]
    [note] = gathered(arrived, went)
    assert (note.what, note.ino, note.was) == (What.RENAMED, NEW, (TOP, b"old"))


def test_what_got_another_name_in_a_renamed_folder_is_told_beside_it() -> None:
    arrived = [came(NEW, folder(), name=b"new"), came(5, file(5), NEW), came(6, file(6), NEW, b"x")]
    went = [left(7, file(5), OLD, b"n5"), left(8, file(6), OLD, b"y"), left(OLD, folder())]
    assert told(gathered(arrived, went)) == [(What.RENAMED, NEW, 1), (What.RENAMED, 6, 1)]


def test_many_things_that_came_are_told_by_folder() -> None:
    few = [came(ino, file()) for ino in range(10, 10 + EACH_ADDED_MAX)]
    assert len(gathered(few, [])) == EACH_ADDED_MAX
    many = [*few, came(100, file(), OLD), came(101, file(by=DESK)), came(102, folder())]
    notes = sorted(gathered(many, []), key=lambda one: one.times)
    assert [one.times for one in notes] == [1, 1, 1, EACH_ADDED_MAX]


def test_what_went_or_changed_is_named_until_there_is_very_much_of_it() -> None:
    notes = [left(ino, file()) for ino in range(10, 10 + EACH_MAX)]
    assert len(gathered([], notes)) == EACH_MAX
    assert told(gathered([], [*notes, left(999, file(), OLD)])) == [
        (What.DELETED, 10, EACH_MAX),
        (What.DELETED, 999, 1),
    ]


def test_a_file_that_is_written_again_and_again_is_told_once_in_a_while() -> None:
    lately, note = Lately(), note_of(file(), file(2), Inode(5), (TOP, b"log"))
    assert note is not None
    assert not lately.is_again(note, 1000)
    lately.note([note], 1000)
    assert lately.is_again(note, 1000 + AGAIN_NS - 1)
    assert not lately.is_again(note, 1000 + AGAIN_NS)
    assert not lately.is_again(note, 999), "a clock that was set back doesn't hide a change"
    assert not lately.is_again(note._replace(version=file(2, DESK)), 1001)
    assert not lately.is_again(left(5, file()), 1001), "a deletion is always told"


def test_of_changes_only_so_many_are_remembered() -> None:
    lately = Lately()
    notes = [
        Note(What.CHANGED, Inode(ino), (TOP, b"x"), file()) for ino in range(LATELY_MAX + EACH_MAX)
    ]
    for start in range(0, len(notes), EACH_MAX):
        lately.note(notes[start : start + EACH_MAX], 1000)
    assert [lately.is_again(notes[at], 1001) for at in (0, EACH_MAX - 1, EACH_MAX, -1)] == [
        *(False, False),
        *(True, True),
    ]


def event(what: What, path: bytes, old: bytes = b"", count: int = 1, **more: Kind) -> Event:
    return Event(0, what, LAPTOP, path, old, count=count, **more)


@pytest.mark.parametrize(
    ("one", "told_at", "not_at"),
    [
        (event(What.DELETED, b"a/b"), [b"", b"a", b"a/b"], [b"a/b/c", b"a/c", b"ab"]),
        (event(What.RENAMED, b"n/x", b"o/x"), [b"n", b"o", b"o/x", b"n/x"], [b"x"]),
        (event(What.ADDED, b"a", count=30), [b"", b"a", b"a/b"], [b"b"]),
        (event(What.ADDED, b"", count=30), [b"", b"a/b"], []),
        (event(What.DELETED, b"a", kind=Kind.DIRECTORY), [b"", b"a", b"a/b/c"], [b"ab"]),
        (event(What.ADDED, b"a", kind=Kind.DIRECTORY), [b"", b"a"], [b"a/b"]),
        (event(What.HEARD, b"", count=30), [b""], [b"a"]),
    ],
)
def test_which_paths_an_event_is_about(
    one: Event, told_at: list[bytes], not_at: list[bytes]
) -> None:
    assert [path for path in (*told_at, *not_at) if about(one, path)] == told_at


def test_what_is_added_to_very_many_folders_is_told_of_those_above() -> None:
    few = [event(What.ADDED, b"a/b/c/d%d" % number, count=2) for number in range(EACH_MAX)]
    other = event(What.DELETED, b"x")
    assert coarser([*few, other]) == [*few, other]
    many = [*few, event(What.ADDED, b"a/b/c/e/f"), event(What.ADDED, b"top"), other]
    larger = event(What.ADDED, b"a/b/c", count=2 * EACH_MAX + 1)
    assert coarser(many) == [larger, event(What.ADDED, b"top"), other]
    wide = [event(What.ADDED, b"w/%d/x/y" % number, count=2) for number in range(EACH_MAX + 1)]
    assert coarser(wide) == [event(What.ADDED, b"w", count=2 * EACH_MAX + 2)]
    flat = [event(What.ADDED, b"%d" % number, count=2) for number in range(EACH_MAX + 1)]
    assert coarser(flat) == [event(What.ADDED, b"", count=2 * EACH_MAX + 2)]


def choose(oldest_first: list[Event], path: bytes = b"", last: int = 99) -> list[Event]:
    return chosen(reversed(oldest_first), path, last, lambda one: one.peer == LAPTOP)


def test_a_file_is_followed_to_its_former_names() -> None:
    about_it = [
        event(What.ADDED, b"first"),
        event(What.RENAMED, b"old", b"elsewhere", kind=Kind.DIRECTORY),
        event(What.RENAMED, b"old/a", b"first"),
        event(What.CHANGED, b"old/a"),
        event(What.RENAMED, b"new", b"old", kind=Kind.DIRECTORY),
        event(What.RENAMED, b"new/b", b"new/a"),
        event(What.CHANGED, b"new/b"),
    ]
    others = [event(What.CHANGED, path) for path in (b"first", b"old/a", b"new/a", b"old/b")]
    assert choose([*about_it, *others], b"new/b") == about_it
    assert choose([*about_it, *others]) == [*about_it, *others]


def test_only_the_last_ones_that_fit_are_chosen() -> None:
    some = [event(What.ADDED, b"%d" % number) for number in range(9)]
    assert choose([*some, replace(some[0], peer=DESK)], last=2) == some[-2:]
    assert choose(some, last=0) == []


def test_lines_that_only_differ_in_their_number_are_one() -> None:
    some, more = event(What.ADDED, b"a", count=30), event(What.ADDED, b"a", count=12)
    other = event(What.ADDED, b"a")
    heard = event(What.HEARD, b"")
    all_of_them = [some, more, other, heard, heard, some]
    wanted = [replace(some, count=42), other, replace(heard, count=2), some]
    assert choose(all_of_them) == wanted
    assert choose(all_of_them, last=4) == wanted, "the oldest one is counted to its end, too"
    assert choose([some, replace(more, when_ns=5)])[0].when_ns == 5
