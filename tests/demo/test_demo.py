"""`make demo` on a small SRC: it works, Ctrl-C ends it, and nothing is left of it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def src(tmp_path: Path) -> Path:
    top = tmp_path / "src"
    for name in ("alpha/one", "alpha/two", "beta/three", "gamma"):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(name * 1000)
    (top / "link").symlink_to("alpha/one")
    (top / "closed").mkdir(mode=0o500)
    return top


@contextmanager
def started(tmp_path: Path, *options: str | Path) -> Iterator[subprocess.Popen[str]]:
    """The demo as a process group of its own, its temporary folder in `tmp_path`/tmp."""
    (tmp_path / "tmp").mkdir(exist_ok=True)
    demo = subprocess.Popen(
        [sys.executable, "-m", "scripts.demo", "--dir", tmp_path / "mnt", *options],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path / "tmp")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with demo:
        try:
            yield demo
        finally:
            if demo.poll() is None:
                demo.terminate()


def state_of(top: Path) -> dict[Path, tuple[int, int, int]]:
    """(mode, size, mtime) of everything in a tree."""
    states = ((path, path.lstat()) for path in [top, *top.rglob("*")])
    return {path: (one.st_mode, one.st_size, one.st_mtime_ns) for path, one in states}


def assert_nothing_is_left(tmp_path: Path) -> None:
    assert os.listdir(tmp_path / "tmp") == []
    assert not (tmp_path / "mnt").exists()
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()


def test_the_five_things_work_and_src_is_untouched(fuse: None, tmp_path: Path, src: Path) -> None:
    before = state_of(src)
    with started(tmp_path, "--src", src, "--check") as demo:
        said, _ = demo.communicate()
    assert demo.returncode == 0, said
    assert said.count("ok  ") == 5
    assert state_of(src) == before
    assert_nothing_is_left(tmp_path)


def test_ctrl_c_ends_it_and_leaves_nothing(fuse: None, tmp_path: Path, src: Path) -> None:
    with started(tmp_path, "--src", src) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:  # ends with the demo, so this ends
            if line.startswith("Ctrl-C here"):
                assert (tmp_path / "mnt" / "gamma").read_text() == "gamma" * 1000
                os.killpg(demo.pid, signal.SIGINT)
    assert demo.returncode == 0
    assert_nothing_is_left(tmp_path)


def test_a_dir_with_files_in_it_is_refused(tmp_path: Path, src: Path) -> None:
    (tmp_path / "mnt").mkdir()
    (tmp_path / "mnt" / "mine").touch()
    with started(tmp_path, "--src", src, "--check") as demo:
        said, _ = demo.communicate()
    assert (demo.returncode, os.listdir(tmp_path / "mnt")) == (1, ["mine"])
    assert "is not an empty folder" in said
