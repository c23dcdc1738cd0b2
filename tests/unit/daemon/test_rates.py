"""The command limit and [limit] in the configuration."""

import tomllib
from pathlib import Path

import pytest

from realizefs.daemon.config_reading import read_config
from realizefs.daemon.home import Home
from realizefs.model.entries import PeerCard
from realizefs.model.errors import BadConfig, Misuse, NotFound
from realizefs.model.rates import RateLimit, RateLimits
from tests.fakes.daemon import FakeShells, alone, fake_home, running
from tests.fakes.wire import identity

TEXT = 'name = "desk"  # mine\nlisten = ["localhost:0"]\n'


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return fake_home(tmp_path, TEXT)


async def test_limits_hold_at_once_and_are_kept(home: Home) -> None:
    async with running(home, FakeShells()) as ask:
        bandwidth = ask.app.parts.household.bandwidth
        nothing: dict[str, object] = {"down": None, "up": None, "peers": {}}
        assert await ask("limit") == nothing
        assert await ask("limit", down="2MB", up="500KiB/s") == {
            **nothing,
            "down": 2_000_000,
            "up": 500 * 1024,
        }
        assert bandwidth._total.down.rate == 2_000_000
        assert (await ask("limit", up="none"))["up"] is None
        assert bandwidth._total.up.rate is None
        assert (await ask("status"))["limits"] == {**nothing, "down": 2_000_000}
    document = tomllib.loads(home.config.read_text())
    assert document["limit"] == {"down": "2MB"}
    assert "# mine" in home.config.read_text()
    async with alone(home, FakeShells()) as ask:
        assert ask.app.parts.household.bandwidth._total.down.rate == 2_000_000


async def test_a_peer_has_its_own_limit(home: Home) -> None:
    async with alone(home, FakeShells()) as ask:
        who = identity("lap")
        lap = PeerCard(who.peer, "lap top.home", who.certificate, (), ())
        await ask.app.parts.roster.add(lap)
        found = await ask("limit", peer=lap.name, up="100KB")
        assert found["peers"] == {lap.name: {"down": None, "up": 100_000}}
        await ask("limit", down="1MB")
        with pytest.raises(NotFound, match="no peer called"):
            await ask("limit", peer="phone", up="1MB")
        assert read_config(home.config).limits == RateLimits(
            RateLimit(down=1_000_000), {lap.name: RateLimit(up=100_000)}
        )
        await ask("limit", peer=lap.name, up="none")
        await ask("limit", down="none")
        assert home.config.read_text().strip() == TEXT.strip()


@pytest.mark.parametrize("rate", ["", "fast", "12%", "-1", "7", "0"])
async def test_what_is_no_rate_changes_nothing(home: Home, rate: str) -> None:
    async with alone(home, FakeShells()) as ask:
        with pytest.raises(Misuse, match="is not a rate of 8192 bytes a second or more"):
            await ask("limit", up=rate)
    assert home.config.read_text() == TEXT


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("limit = 5", 'line 1: "limit" must be a table'),
        ("[limit]\nup = 5", 'line 2: "limit.up" is refused: 5 bytes a second are fewer'),
        ('[limit]\nup = "fast"', 'line 2: "limit.up" is refused: "fast" is not a rate'),
        ("[limit]\nup = true", 'line 2: "limit.up" must be bytes a second'),
        ("[limit]\nleft = 1", 'line 2: "limit.left" is not known'),
        ("[limit]\npeers = { lap = 1 }", '"limit.peers" must hold a table for each peer'),
        ("[limit.peers.lap]\nsideways = 1", '"limit.peers.lap.sideways" is not known'),
    ],
)
def test_a_wrong_limit_is_told_with_its_line(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(BadConfig) as caught:
        read_config(path)
    assert sentence in str(caught.value)
