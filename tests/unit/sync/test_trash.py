"""What the trash takes is what was indexed, and nothing else goes away with it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from realizefs.model.entries import Fingerprint
from realizefs.model.errors import Busy
from realizefs.store.fingerprint import NEVER_INDEXED
from realizefs.store.realfile import Root
from realizefs.sync.our_doing import ABOUT_TO_BE_MADE
from realizefs.sync.trash import Trash
from tests.fakes.clock import SystemClock


def linked(path: Path) -> Fingerprint:
    """A symlink that is another one by now."""
    path.symlink_to("there")
    root = Root(path.parent)
    seen = root.fingerprint(os.fsencode(path.name))
    root.close()
    path.unlink()
    path.write_bytes(b"precious")
    return seen


def never_seen(path: Path) -> Fingerprint:
    path.write_bytes(b"precious")
    return NEVER_INDEXED


def about_to_be_made(path: Path) -> Fingerprint:
    """Of which the index had a row before there was a file: it was deleted with its new content."""
    path.write_bytes(b"precious")
    return ABOUT_TO_BE_MADE


@pytest.mark.parametrize("make", [linked, never_seen, about_to_be_made])
def test_what_is_not_what_was_indexed_stays(
    tmp_path: Path, make: Callable[[Path], Fingerprint]
) -> None:
    expected = make(tmp_path / "file")
    root = Root(tmp_path)
    with pytest.raises(Busy):
        Trash(root, SystemClock()).take(b"file", expected)
    assert (tmp_path / "file").read_bytes() == b"precious"
    root.close()


def test_a_symlink_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("there")
    root = Root(tmp_path)
    assert Trash(root, SystemClock()).take(b"link", root.fingerprint(b"link")) == b""
    assert not (tmp_path / "link").is_symlink()
    root.close()
