"""Lookup counts, page cache keys and open handles: bounded by what the kernel holds."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realizefs.fs.handles import Handles, Listing, UnrealFile
from realizefs.fs.inodes import OTHER_NAMES_MAX, Lookups
from realizefs.model.ids import ROOT_INODE, Inode
from realizefs.model.limits import STALE_NAMES_MAX
from realizefs.model.versions import Kind, Version
from tests.fakes.arena import FakeArena


@given(st.lists(st.integers(2, 9)), st.data())
def test_what_was_looked_up_so_often_is_forgotten_so_often(
    answered: list[int], data: st.DataObject
) -> None:
    lookups = Lookups()
    for ino in answered:
        lookups.add(ino)
    gone: list[int] = []
    for ino in data.draw(st.permutations(answered)):
        gone += lookups.forget([(ino, 1)])
    assert sorted(gone) == sorted(set(answered))
    assert lookups.known() == [ROOT_INODE]


def test_each_name_of_a_file_with_several_is_known() -> None:
    """Where all was to be forgotten, the kernel kept those by which it wasn't found last."""
    lookups = Lookups()
    for name in (b"a", b"b", b"a"):
        lookups.add(5, (1, name), linked=True)
    lookups.moved(5, (1, b"c"))
    assert sorted(lookups.places(5)) == [(1, b"a"), (1, b"b"), (1, b"c")]
    for name in (b"%d" % number for number in range(1000)):
        lookups.add(5, (1, name), linked=True)
        lookups.add(6, (1, name))
    assert len(lookups.places(5)) == OTHER_NAMES_MAX + 1
    assert lookups.places(6) == [(1, b"999")]
    lookups.forget([(5, 2000)])
    assert lookups.places(5) == []


def test_pages_are_kept_only_of_the_same_content() -> None:
    lookups = Lookups()
    lookups.add(5)
    assert not lookups.keep_pages(5, b"one")
    assert lookups.keep_pages(5, b"one")
    assert not lookups.keep_pages(5, b"two")
    lookups.drop_pages(5)
    assert not lookups.keep_pages(5, b"two")
    lookups.forget([(5, 1)])
    assert not lookups.keep_pages(5, b"two")
    assert not lookups.keep_pages(5, b"two")  # the kernel doesn't know it: nothing is remembered


@pytest.fixture
def arena(tmp_path: Path) -> FakeArena:
    arena = FakeArena(tmp_path)
    arena.store.root.close()
    return arena


def test_an_orphan_is_answered_until_its_last_handle_closes(arena: FakeArena) -> None:
    handles, ino = Handles(), Inode(7)
    handles.orphan(ino)
    assert handles.orphaned(ino) is None  # nothing is open of it
    first, second = (handles.add(UnrealFile(arena, ino, Version(Kind.FILE))) for _ in range(2))
    handles.orphan(ino)
    handles.remove(first)
    assert handles.orphaned(ino) is handles.file(second)
    handles.remove(second)
    assert handles.orphaned(ino) is None
    assert len(handles) == 0


def test_numbers_that_were_never_given_are_ebadf(arena: FakeArena) -> None:
    handles = Handles()
    directory = handles.add(Listing(arena, Inode(7)))
    for call in (handles.file, handles.get, handles.directory):
        with pytest.raises(OSError, match="Bad file descriptor"):
            call(99)
    with pytest.raises(OSError, match="Bad file descriptor"):
        handles.file(directory)
    assert handles.listings(Inode(7)) == [handles.directory(directory)]


def test_a_listing_remembers_so_many_changes_and_then_trusts_nothing(arena: FakeArena) -> None:
    listing = Listing(arena, Inode(7))
    for number in range(STALE_NAMES_MAX + 1):
        listing.changed(b"%d" % number)
    assert listing.distrusted
    assert len(listing.stale) == STALE_NAMES_MAX
