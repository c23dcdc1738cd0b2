"""Trees of files: copying one, listing one, and the two folders that the demo makes."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.demo.saying import DemoError, say

COPY_BYTES_MAX = 4 * 1024**3
"""Bytes of SRC at most: more would fill the disk of somebody who only wants to look."""


def check_source(src: Path, mount: Path) -> None:
    """SRC must be a folder of a size that can be copied; DIR must not be in it."""
    if not src.is_dir():
        raise DemoError(f"SRC {src} is not a folder.")
    if mount.is_relative_to(src):
        raise DemoError(f"DIR {mount} is inside SRC {src}; choose another DIR.")
    total = 0
    for folder, _, names in os.walk(src):
        for name in names:
            total += os.lstat(os.path.join(folder, name)).st_size
        if total > COPY_BYTES_MAX:
            raise DemoError(f"SRC {src} has more than 4 GiB; choose a smaller folder.")
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if 3 * total > free:
        raise DemoError(f"SRC {src} has {total} bytes; there isn't room for the demo's copies.")


@contextmanager
def mount_point(mount: Path) -> Iterator[None]:
    """DIR, made if missing and then removed again; one with files in it is refused."""
    if os.path.ismount(mount):
        raise DemoError(f"Something is mounted at DIR {mount} already; choose another DIR.")
    if not mount.parent.is_dir():
        raise DemoError(f"DIR {mount} can't be made: there is no folder {mount.parent}.")
    made = not mount.exists()
    if made:
        mount.mkdir()
    elif not mount.is_dir() or any(mount.iterdir()):
        raise DemoError(f"DIR {mount} is not an empty folder; choose another DIR.")
    try:
        yield
    finally:
        if made and not os.path.ismount(mount):
            mount.rmdir()


@contextmanager
def temporary_folder() -> Iterator[str]:
    """Goes in the end, read-only folders of the copy included."""
    folder = tempfile.mkdtemp(prefix="realizefs-demo-")
    try:
        yield folder
    finally:
        for path, _, _ in os.walk(folder):
            os.chmod(path, 0o700)
        shutil.rmtree(folder)


def copy_tree(src: Path, target: Path) -> None:
    """Like cp -a: links stay links, times and modes stay; what can't be read is left out."""
    done = subprocess.run(
        ["cp", "-a", "--no-preserve=ownership", "--", f"{src}/.", target],
        capture_output=True,
        text=True,
        check=False,
    )
    if not target.is_dir():
        raise DemoError(f"{src} can't be copied: {done.stderr.strip()}")
    if done.returncode:
        say(f"Not all of {src} could be copied: {done.stderr.strip().splitlines()[0]}")


def listing(top: Path) -> dict[str, tuple[bool, int]]:
    """Path → (whether it is a folder, size of a file); the arena's own state left out."""
    found: dict[str, tuple[bool, int]] = {}
    for folder, folders, names in os.walk(top):
        if ".realize" in folders and Path(folder) == top:
            folders.remove(".realize")
        for name in [*folders, *names]:
            path = Path(folder, name)
            if not (path.is_symlink() or path.is_file() or path.is_dir()):
                continue  # devices, sockets and fifos stay where they are
            is_folder = path.is_dir() and not path.is_symlink()
            found[str(path.relative_to(top))] = (
                is_folder,
                0 if is_folder else path.lstat().st_size,
            )
    return found


def count_files(top: Path) -> int:
    """Regular files."""
    return sum(1 for name in listing(top) if is_plain(top / name))


def plain_files(folder: Path) -> list[Path]:
    """Regular files directly in a folder."""
    return sorted(path for path in folder.iterdir() if is_plain(path))


def is_plain(path: Path) -> bool:
    """A regular file that isn't the arena's own."""
    return path.is_file() and not path.is_symlink() and ".realize" not in path.parts
