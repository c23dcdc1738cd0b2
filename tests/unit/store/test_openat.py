"""No path leads out of the directory, whatever lies in it."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from realizefs.store.openat import RENAME_EXCHANGE, RENAME_NOREPLACE, openat2, renameat2


@pytest.fixture
def inside(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "deep" / "file").write_bytes(b"content")
    (tmp_path / "in" / "out").symlink_to("../secret")
    (tmp_path / "in" / "up").symlink_to("..")
    (tmp_path / "in" / "shortcut").symlink_to("deep")
    fd = os.open(tmp_path / "in", os.O_PATH | os.O_DIRECTORY)
    yield fd
    os.close(fd)


def test_a_plain_path_opens_and_is_not_inherited(inside: int) -> None:
    fd = openat2(inside, b"deep/file", os.O_RDONLY)
    try:
        assert os.read(fd, 10) == b"content"
        assert not os.get_inheritable(fd)
    finally:
        os.close(fd)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (b"../secret", errno.EXDEV),
        (b"/etc/passwd", errno.EXDEV),
        (b"out", errno.ELOOP),
        (b"up/secret", errno.ELOOP),
        (b"shortcut/file", errno.ELOOP),
        (b"deep/nothing", errno.ENOENT),
    ],
)
def test_what_leads_elsewhere_is_refused(inside: int, path: bytes, code: int) -> None:
    with pytest.raises(OSError, match=os.strerror(code)) as caught:
        openat2(inside, path, os.O_RDONLY)
    assert caught.value.errno == code


def test_a_link_itself_can_be_opened(inside: int) -> None:
    fd = openat2(inside, b"out", os.O_PATH | os.O_NOFOLLOW)
    try:
        assert os.readlink(b"", dir_fd=fd) == b"../secret"
    finally:
        os.close(fd)


def test_creating_has_its_mode(inside: int) -> None:
    os.close(openat2(inside, b"deep/new", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640))
    umask = os.umask(0)
    os.umask(umask)
    assert os.stat(b"deep/new", dir_fd=inside).st_mode & 0o777 == 0o640 & ~umask


def test_rename_replaces_nothing_when_told_so(inside: int) -> None:
    os.close(openat2(inside, b"a", os.O_WRONLY | os.O_CREAT, 0o600))
    os.close(openat2(inside, b"b", os.O_WRONLY | os.O_CREAT, 0o600))
    with pytest.raises(FileExistsError):
        renameat2(inside, b"a", inside, b"b", RENAME_NOREPLACE)


def test_exchange_swaps_two_names(inside: int) -> None:
    os.close(openat2(inside, b"a", os.O_WRONLY | os.O_CREAT, 0o600))
    before = os.stat(b"a", dir_fd=inside).st_ino
    renameat2(inside, b"a", inside, b"deep", RENAME_EXCHANGE)
    assert os.stat(b"deep", dir_fd=inside).st_ino == before
