"""What hangs is a finding; what the doctor asks the kernel."""

import os
import socket
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from realizefs.daemon import doctor_commands, examining
from realizefs.daemon.doctor_commands import all_of
from realizefs.model.diagnosis import Diagnosis, Health
from realizefs.store.features import filesystem
from tests.fakes.daemon import FakeShells, alone, fake_home, running
from tests.fakes.peer import until


async def test_what_hangs_is_told_and_keeps_nothing_else_from_being(
    autojump_clock: MockClock,
) -> None:
    async def hangs() -> list[Diagnosis]:
        await trio.sleep_forever()

    async def answers() -> list[Diagnosis]:
        await trio.sleep(1)
        return [Diagnosis("fuse", Health.OK, "It works.")]

    found = await all_of([("disk", hangs), ("fuse", answers), ("disks", hangs)])
    assert [(one.subject, one.health) for one in found] == [
        ("disk", Health.WRONG),
        ("fuse", Health.OK),
        ("disks", Health.WRONG),
    ]
    assert "no answer within 10 s about disk" in found[0].sentence
    assert found[0].fix


async def test_a_disk_that_hangs_is_told_before_its_arena_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_commands, "LOOK_SECONDS", 0.2)
    released, fakes = trio.Event(), FakeShells()

    def hangs(_root: Path) -> None:
        trio.from_thread.run(released.wait)

    async with alone(fake_home(tmp_path), fakes) as ask:
        await ask("arena-add", name="docs", directory=str(tmp_path / "docs"))
        monkeypatch.setattr(examining, "disk_answers", hangs)
        found = await ask("doctor")
        released.set()
    (told,) = [one for one in found["checks"] if one["subject"] == "arena docs"]
    assert (told["health"], "no answer" in told["sentence"]) == ("wrong", True)


async def test_the_root_of_an_open_arena_is_not_touched_by_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is our own mount, perhaps, and would wait for the one who asks."""
    asked: list[Path] = []
    monkeypatch.setattr(examining, "disk_answers", asked.append)
    async with running(fake_home(tmp_path), FakeShells()) as ask:
        await ask("arena-add", name="docs", directory=str(tmp_path / "docs"))
        await until(lambda: all(slot.opened for slot in ask.app.arenas))
        found = await ask("doctor")
    assert [one for one in found["checks"] if one["subject"] == "arena docs"]
    assert not asked


def test_the_kernel_names_the_filesystem(tmp_path: Path) -> None:
    proc = os.open("/proc", os.O_RDONLY)
    here = os.open(tmp_path, os.O_RDONLY)
    try:
        assert filesystem(proc) == "proc"
        assert filesystem(here) not in {"", "proc"}
    finally:
        os.close(proc)
        os.close(here)


async def test_an_address_where_nobody_listens_says_why() -> None:
    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listener.socket.getsockname()[1]
        nursery.start_soon(trio.serve_listeners, lambda stream: stream.aclose(), [listener])
        with socket.socket() as deaf:  # it doesn't listen, and nobody else gets its port
            deaf.bind(("127.0.0.1", 0))
            closed = deaf.getsockname()[1]
            tried = dict(
                await examining.tried([f"127.0.0.1:{port}", f"127.0.0.1:{closed}", "nonsense"])
            )
        nursery.cancel_scope.cancel()
    assert tried[f"127.0.0.1:{port}"] == ""
    assert tried[f"127.0.0.1:{closed}"] == "Connection refused"
    assert tried["nonsense"]
