"""arena remove: what goes, what stays, and when it is refused; and an address that is taken."""

import socket
import tomllib
from contextlib import closing
from pathlib import Path

import pytest
import trio

from realizefs.daemon.home import Home
from realizefs.model.errors import Misuse, NotFound
from realizefs.model.limits import LISTEN_RETRY_SECONDS
from realizefs.store.statedir import discard
from tests.fakes.daemon import FakeShells, fake_home, running
from tests.fakes.peer import until


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return fake_home(tmp_path)


async def test_an_arena_that_is_left_is_closed_and_forgotten(home: Home, tmp_path: Path) -> None:
    fakes = FakeShells()
    async with running(home, fakes) as ask:
        for name in ("photos", "films"):
            await ask("arena-add", name=name, directory=str(tmp_path / name))
        fakes.opened["photos"].alone = [b"holiday/only.jpg"]
        with pytest.raises(Misuse, match="is nowhere but in the cache here"):
            await ask("arena-remove", name="photos")
        fakes.opened["photos"].alone = []
        assert (await ask("arena-remove", name="photos"))["name"] == "photos"
        assert [each["name"] for each in await ask("arena-list")] == ["films"]
        assert [each["name"] for each in (await ask("status"))["arenas"]] == ["films"]
        assert not (tmp_path / "photos" / ".realize").exists()
        with pytest.raises(NotFound):
            await ask("arena-remove", name="photos")
        await ask("arena-remove", name="films")
        await ask("arena-add", name="photos", directory=str(tmp_path / "photos"))
    written = tomllib.loads(home.config.read_text())
    assert [each["name"] for each in written["arena"]] == ["photos"]


def test_the_trash_outlasts_what_is_only_ours(tmp_path: Path) -> None:
    state = tmp_path / ".realize"
    for name in ("db", "blobs", "tmp", "trash/2026-01-01", "trash/2026-01-02", "lost+found"):
        (state / name).mkdir(parents=True)
    for name in ("db/data.mdb", "blobs/1", "lock", "trash/2026-01-02/120000-file"):
        (state / name).write_text("x")
    discard(state)
    assert sorted(str(path.relative_to(state)) for path in state.rglob("*")) == [
        "trash",
        "trash/2026-01-02",
        "trash/2026-01-02/120000-file",
    ]
    (state / "trash/2026-01-02/120000-file").unlink()
    discard(state)
    assert not state.exists()


async def test_one_address_that_is_taken_is_no_obstacle_to_the_other(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        home = fake_home(tmp_path, f'name = "desk"\nlisten = ["{address}", "127.0.0.1:0"]\n')
        async with running(home, FakeShells()) as ask:
            status = await ask("status")
            assert len(status["listen"]) == 1
            assert address in status["problems"][0]
            taken.close()
            await trio.sleep(2 * LISTEN_RETRY_SECONDS)
            await until(lambda: address in ask.app.listening.bound)
            assert (await ask("status"))["problems"] == []
            assert address in ask.app.parts.roster.addresses
