"""Mounts for tests; nothing stays mounted, whatever a test does."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from realizefs.fs.views import SingleView
from tests.fakes.arena import FakeArena
from tests.fakes.mounted import MountedView


def failure(call: Callable[..., object], *args: object) -> int:
    """The errno with which a call fails."""
    try:
        call(*args)
    except OSError as error:
        return error.errno or 0
    pytest.fail(f"{call} was to fail and didn't")


class Bench:
    """A mounted fake arena: `mnt` the mount, `root` the arena root natively."""

    def __init__(self, arena: FakeArena, root: Path, view: MountedView) -> None:
        self.arena = arena
        self.root = root
        self.view = view
        self.mnt = view.path


@pytest.fixture
def bench(fuse: None, tmp_path: Path) -> Iterator[Bench]:
    root = tmp_path / "root"
    root.mkdir()
    arena = FakeArena(root)
    with ExitStack() as stack:
        stack.callback(arena.store.root.close)
        view = stack.enter_context(MountedView(SingleView(arena), tmp_path / "mnt"))
        yield Bench(arena, root, view)
