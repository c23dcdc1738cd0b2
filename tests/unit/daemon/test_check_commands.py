"""check and arena accept-loss, asked as the command line does."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from realizefs.daemon.control import Caller
from realizefs.daemon.dispatch import execute
from realizefs.model.control import Request
from realizefs.model.errors import Misuse, NotFound, RootGone
from realizefs.model.findings import FINDINGS_TOLD_MAX, Finding, Report
from realizefs.sync.loss import Loss
from tests.fakes.daemon import FakeOpened, FakeShells, alone, fake_home, running

TWO = """
name = "desk"
listen = ["localhost:0"]
[[arena]]
name = "photos"
id = "00000000000000000000000000000001"
root = "/srv/photos"
[[arena]]
name = "films"
id = "00000000000000000000000000000002"
root = "/srv/films"
"""


@pytest.fixture
def fakes() -> FakeShells:
    return FakeShells()


async def test_a_check_of_all_begins_with_the_home(tmp_path: Path, fakes: FakeShells) -> None:
    async with running(fake_home(tmp_path, TWO), fakes) as ask:
        answer = await ask("check", names=[], repair=False, deep=False)
        assert answer["clean"]
        assert [report["name"] for report in answer["reports"]] == [None, "photos", "films"]
        assert answer["reports"][0]["found"] == 0
        assert fakes.opened["photos"].checks == [(False, False)]


async def test_only_what_is_named_is_checked(tmp_path: Path, fakes: FakeShells) -> None:
    async with running(fake_home(tmp_path, TWO), fakes) as ask:
        await ask("check", names=["films"], repair=True, deep=True)
        assert fakes.opened["films"].checks == [(True, True)]
        assert fakes.opened["photos"].checks == []
        with pytest.raises(NotFound):
            await ask("check", names=["nothing"])


async def test_findings_are_told_and_bounded(tmp_path: Path, fakes: FakeShells) -> None:
    async with running(fake_home(tmp_path, TWO), fakes) as ask:
        report = fakes.opened["films"].report
        report.tell_mended(Finding("total", "The total is wrong", "corrects it"))
        for number in range(FINDINGS_TOLD_MAX + 5):
            report.tell(Finding("rotten", f"File {number} is bad"))
        answer = await ask("check", names=["films"])
        assert not answer["clean"]
        films = answer["reports"][1]
        assert films["found"] == FINDINGS_TOLD_MAX + 5
        assert len(films["findings"]) == FINDINGS_TOLD_MAX
        assert films["findings"][0] == {"kind": "rotten", "sentence": "File 0 is bad."}
        assert films["repaired"] == [
            {"kind": "total", "sentence": "The total is wrong; --repair corrects it."}
        ]


async def test_an_answer_fits_its_line(tmp_path: Path, fakes: FakeShells) -> None:
    async with running(fake_home(tmp_path, TWO), fakes) as ask:
        for _ in range(FINDINGS_TOLD_MAX):
            fakes.opened["films"].report.tell(Finding("rotten", "x" * 4000))
        films = (await ask("check", names=["films"]))["reports"][1]
        assert films["found"] == FINDINGS_TOLD_MAX
        assert 50 < len(films["findings"]) < FINDINGS_TOLD_MAX


async def test_without_a_daemon_an_arena_is_opened_and_closed(
    tmp_path: Path, fakes: FakeShells
) -> None:
    async with alone(fake_home(tmp_path, TWO), fakes) as ask:
        assert (await ask("check", names=["films"]))["clean"]
        assert fakes.opened["films"].checks == [(False, False)]
        assert fakes.opened["films"].closed


async def test_an_arena_that_cant_be_opened_is_a_finding(tmp_path: Path, fakes: FakeShells) -> None:
    fakes.refusals["films"] = [RootGone("Its disk is gone."), RootGone("Its disk is gone.")]
    async with running(fake_home(tmp_path, TWO), fakes) as ask:
        answer = await ask("check", names=[])
        assert [report["found"] for report in answer["reports"]] == [0, 0, 1]
        finding = answer["reports"][2]["findings"][0]
        assert finding == {"kind": "closed", "sentence": "Its disk is gone."}


async def test_a_loss_is_told_before_it_is_accepted(tmp_path: Path, fakes: FakeShells) -> None:
    fakes.refusals["films"] = [RootGone("Its disk is gone.")] * 5
    fakes.loss = Loss(files=3, size=300, alone=1, alone_size=100, alone_paths=(b"a/\xff",))
    async with running(fake_home(tmp_path, TWO), fakes) as ask:
        told = await ask("arena-accept-loss", name="films", yes=False)
        assert told == {
            "name": "films",
            "root": "/srv/films",
            "files": 3,
            "bytes": 300,
            "alone": 1,
            "alone_bytes": 100,
            "alone_paths": ["a/\udcff"],
            "state_lost": False,
            "accepted": False,
        }
        assert fakes.accepted == []
        assert (await ask("arena-accept-loss", name="films", yes=True))["accepted"]
        assert fakes.accepted == ["films"]
        slot = ask.app.arenas.named("films")
        assert slot.retry.is_set()  # it is tried again at once


async def test_what_is_in_service_isnt_lost(tmp_path: Path, fakes: FakeShells) -> None:
    async with running(fake_home(tmp_path, TWO), fakes) as ask:
        with pytest.raises(Misuse, match="in service"):
            await ask("arena-accept-loss", name="films", yes=True)


async def test_a_flag_is_true_or_false(tmp_path: Path, fakes: FakeShells) -> None:
    async with running(fake_home(tmp_path, TWO), fakes) as ask:
        with pytest.raises(Misuse, match="true or false"):
            await ask("check", names=[], repair="yes")


class Listening(Caller):
    """Hears how far it is, and waits no longer once it has."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self._scope = trio.CancelScope()

    async def tell(self, progress: object) -> None:
        self.told.append(progress)
        self._scope.cancel()

    @asynccontextmanager
    async def waiting(self) -> AsyncIterator[None]:
        with self._scope:
            yield


async def test_it_tells_what_it_looks_at_and_ends_when_nobody_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = False

    async def look(_opened: FakeOpened, report: Report, *, repair: bool, deep: bool) -> Report:
        nonlocal ended
        report.looked("files", 1000)
        try:
            await trio.sleep_forever()
        finally:
            ended = True

    monkeypatch.setattr(FakeOpened, "check", look)
    caller = Listening()
    async with running(fake_home(tmp_path, TWO), FakeShells()) as ask:
        request = Request("check", {"names": ["films"], "repair": False, "deep": True})
        await execute(ask.app, request, caller)
    assert caller.told == [{"name": "films", "looked_at": {"files": 1000}}]
    assert ended
