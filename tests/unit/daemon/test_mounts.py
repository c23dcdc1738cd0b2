"""One mount at a time, and what becomes of it."""

from pathlib import Path

import pytest
import trio

from realizefs.daemon.mounts import Mounted, Mounts
from realizefs.model.errors import AlreadyRunning, NotFound, StoreFault


class Ending:
    """Counts the ends of mounts."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


class Run:
    """A mount that ends when `unmounted` is set, with `error` if there is one."""

    def __init__(self, refusal: Exception | None = None, error: Exception | None = None) -> None:
        self.refusal = refusal
        self.error = error
        self.unmounted = trio.Event()

    async def __call__(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        if self.refusal is not None:
            raise self.refusal
        task_status.started()
        await self.unmounted.wait()
        if self.error is not None:
            raise self.error


HERE = Path("/mnt/here")


@pytest.mark.parametrize("error", [None, StoreFault("The kernel said no.")])
async def test_a_mount_that_ends_makes_room_for_the_next(error: Exception | None) -> None:
    ended = Ending()
    mounts = Mounts(ended)
    async with trio.open_nursery() as nursery:
        run, mounted = Run(error=error), Mounted(HERE, None)
        await mounts.mount(nursery, mounted, run)
        current = mounts.current
        assert current is mounted
        with pytest.raises(AlreadyRunning, match="/mnt/here"):
            await mounts.mount(nursery, Mounted(Path("/mnt/there"), None), Run())
        run.unmounted.set()
        await mounted.ended.wait()
        await mounts.mount(nursery, Mounted(HERE, None), again := Run())
        assert ended.count == 1
        again.unmounted.set()
    assert mounts.current is None
    assert ended.count == 2


async def test_a_mount_that_is_refused_leaves_nothing() -> None:
    ended = Ending()
    mounts = Mounts(ended)
    run = Run(refusal=StoreFault("no fuse"))
    async with trio.open_nursery() as nursery:
        with pytest.raises(StoreFault, match="no fuse"):
            await mounts.mount(nursery, Mounted(HERE, None), run)
    assert mounts.current is None
    assert ended.count == 0


async def test_what_is_mounted_elsewhere_is_not_ours_to_unmount() -> None:
    with pytest.raises(NotFound, match="not mounted by this daemon"):
        await Mounts(Ending()).unmount(HERE)
