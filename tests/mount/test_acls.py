"""POSIX ACLs, in a mount that was asked to answer for them."""

import errno
import os
import stat
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from realizefs.fs.mount import MountOptions
from realizefs.fs.views import SingleView
from realizefs.model.acls import ACCESS, DEFAULT
from realizefs.model.mount_flags import ACL, ALLOW_OTHER
from tests.fakes.acls import NOBODY, acl
from tests.fakes.arena import FakeArena
from tests.fakes.mounted import MountedView
from tests.household.waiting import until
from tests.mount.conftest import Bench, failure

FOR_NOBODY = acl(owner=6, nobody=4, group=0, mask=4, others=0)


@pytest.fixture
def with_acls(fuse: None, root: None) -> Iterator[Bench]:
    """In a directory that everybody may enter."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory()))
        directory.chmod(0o755)
        here = directory / "root"
        here.mkdir()
        arena = FakeArena(here)
        stack.callback(arena.store.root.close)
        options = MountOptions("test", flags=frozenset({ACL, ALLOW_OTHER}))
        view = stack.enter_context(MountedView(SingleView(arena), directory / "mnt", options))
        yield Bench(arena, here, view)


def test_one_that_is_set_in_the_mount_is_the_real_files(with_acls: Bench) -> None:
    real, shown = with_acls.root / "file", with_acls.mnt / "file"
    shown.write_text("content")
    shown.chmod(0o600)
    assert failure(os.getxattr, shown, ACCESS) == errno.ENODATA
    os.setxattr(shown, ACCESS, FOR_NOBODY)
    assert os.getxattr(real, ACCESS) == os.getxattr(shown, ACCESS) == FOR_NOBODY
    assert stat.S_IMODE(shown.stat().st_mode) == stat.S_IMODE(real.stat().st_mode) == 0o640
    assert os.listxattr(shown) == []
    shown.chmod(0o660)
    assert os.getxattr(shown, ACCESS) == acl(owner=6, nobody=4, group=0, mask=6, others=0)
    os.removexattr(shown, ACCESS)
    assert failure(os.getxattr, real, ACCESS) == errno.ENODATA


def test_it_says_who_may_do_what(with_acls: Bench) -> None:
    shown = with_acls.mnt / "file"
    shown.write_text("content")
    shown.chmod(0o600)
    assert not may_nobody_read(shown)
    os.setxattr(shown, ACCESS, FOR_NOBODY)
    assert may_nobody_read(shown)
    os.setxattr(with_acls.root / "file", ACCESS, acl(6, 0, 0, 4, 0))
    until(lambda: not may_nobody_read(shown), "what another program has set counts")


def may_nobody_read(path: Path) -> bool:
    done = subprocess.run(
        ["cat", path], capture_output=True, check=False, user=NOBODY, group=NOBODY
    )
    return done.stdout == b"content"


def test_what_is_made_in_a_directory_has_its_default(with_acls: Bench) -> None:
    shown = with_acls.mnt / "d"
    shown.mkdir()
    default = acl(owner=7, nobody=5, group=5, mask=5, others=0)
    os.setxattr(shown, DEFAULT, default)
    (shown / "file").touch(0o666)
    (shown / "inner").mkdir()
    assert os.getxattr(shown / "file", ACCESS) == acl(6, 5, 5, 4, 0)
    assert os.getxattr(shown / "inner", DEFAULT) == default


def test_what_is_unreal_has_the_one_that_it_had_and_takes_no_other(with_acls: Bench) -> None:
    ino = with_acls.view.call(with_acls.arena.peer_adds, "unreal", b"content", 0o660)
    shown = with_acls.mnt / "unreal"
    assert failure(os.getxattr, shown, ACCESS) == errno.ENODATA
    assert failure(os.setxattr, shown, ACCESS, FOR_NOBODY) == errno.ENOTSUP
    with_acls.arena.own_attributes[ino] = {ACCESS: FOR_NOBODY, b"user.x": b"1"}
    assert os.listxattr(shown) == ["user.x"]
    assert os.getxattr(shown, ACCESS) == acl(owner=6, nobody=4, group=0, mask=6, others=0)
    os.removexattr(shown, ACCESS)
    assert failure(os.getxattr, shown, ACCESS) == errno.ENODATA


def test_a_mount_that_was_not_asked_has_none(bench: Bench) -> None:
    (bench.mnt / "file").touch()
    for path, name in ((bench.mnt / "file", ACCESS), (bench.mnt, DEFAULT)):
        assert failure(os.getxattr, path, name) == errno.ENOTSUP
        assert failure(os.setxattr, path, name, FOR_NOBODY) == errno.ENOTSUP
