"""What this machine has announced of itself, and when."""

from dataclasses import dataclass, field
from typing import Any

import pytest
import trio
import trio.testing

from realizefs.core.neighbour import understood
from realizefs.daemon import lan
from realizefs.daemon.config import LanConfig
from realizefs.daemon.lan import Lan, announcement
from realizefs.model.errors import Unreachable
from realizefs.model.lan_limits import LAN_RETRY_SECONDS
from realizefs.net.mdns import Announcement
from realizefs.sync.neighbours import Neighbours

CERTIFICATE = b"der"


def test_the_numbers_at_which_others_reach_it_are_announced_and_no_names() -> None:
    made = announcement(
        CERTIFICATE, ("192.168.1.7:4331", "[2001:db8::7]:4331", "desk:4331", "localhost:4331")
    )
    assert made is not None
    assert (made.port, made.hosts) == (4331, ("192.168.1.7", "2001:db8::7"))
    found = understood(made.port, made.hosts, dict(made.properties))
    assert found is not None
    assert found.is_of(CERTIFICATE)


def test_one_port_is_announced_with_what_is_reached_there() -> None:
    made = announcement(CERTIFICATE, ("192.168.1.7:1", "192.168.1.8:2", "192.168.1.9:1"))
    assert made is not None
    assert (made.port, made.hosts) == (1, ("192.168.1.7", "192.168.1.9"))


def test_two_machines_on_a_cable_without_a_router_are_a_network() -> None:
    made = announcement(CERTIFICATE, ("169.254.7.7:4331",))
    assert made is not None
    assert made.hosts == ("169.254.7.7",)


@pytest.mark.parametrize(
    "addresses", [(), ("localhost:1", "127.0.0.1:1", "[::1]:1", "[fe80::1]:1", "desk:1")]
)
def test_who_is_reached_by_nobody_else_announces_nothing(addresses: tuple[str, ...]) -> None:
    assert announcement(CERTIFICATE, addresses) is None


def test_each_announcement_is_another_one() -> None:
    made = [announcement(CERTIFICATE, ("192.168.1.7:1",)) for _ in range(2)]
    assert made[0] is not None
    assert made[1] is not None
    assert made[0].name != made[1].name
    assert not set(made[0].properties.values()) & set(made[1].properties.values())


@dataclass
class Network:
    """What was asked of it: the announcements, and whether somebody listens, of each time."""

    asked: list[tuple[Announcement | None, bool]] = field(default_factory=list)
    running: int = 0
    refuses: int = 0
    floods: int = 0

    async def run(self, announced: Announcement | None, heard: Any) -> None:
        if self.refuses:
            self.refuses -= 1
            raise Unreachable("The local network can't be asked who is there: no such device.")
        self.asked.append((announced, heard is not None))
        self.running += 1
        assert self.running == 1
        try:
            if self.floods:
                self.floods -= 1
                await trio.sleep(30)
                return
            await trio.sleep_forever()
        finally:
            self.running -= 1


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    network = Network()
    monkeypatch.setattr(lan, "run_mdns", network.run)
    return network


def taking_part(config: LanConfig, *addresses: str) -> tuple[Lan, list[str]]:
    where = list(addresses)
    return Lan(config, CERTIFICATE, Neighbours(CERTIFICATE), lambda: tuple(where)), where


@pytest.mark.parametrize("announce", [True, False])
@pytest.mark.parametrize("discover", [True, False])
async def test_it_does_what_the_configuration_says(
    network: Network, announce: bool, discover: bool
) -> None:
    part, _ = taking_part(LanConfig(announce, discover), "192.168.1.7:1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(part.run)
        await trio.testing.wait_all_tasks_blocked()
        asked = [(each is not None, listens) for each, listens in network.asked]
        assert asked == ([(announce, discover)] if announce or discover else [])
        nursery.cancel_scope.cancel()


async def test_open_for_pairing_it_is_announced_whatever_the_configuration_says(
    network: Network,
) -> None:
    part, _ = taking_part(LanConfig(announce=False, discover=False), "192.168.1.7:1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(part.run)
        await trio.testing.wait_all_tasks_blocked()
        with part.open_as("desk"):
            await trio.testing.wait_all_tasks_blocked()
            [(announced, _)] = network.asked
            assert announced is not None
            assert announced.properties[b"open"] == b"desk"
        await trio.testing.wait_all_tasks_blocked()
        assert network.running == 0
        nursery.cancel_scope.cancel()


async def test_a_network_that_comes_later_is_taken_part_in(network: Network) -> None:
    part, where = taking_part(LanConfig(), "localhost:1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(part.run)
        await trio.testing.wait_all_tasks_blocked()
        assert network.asked == []  # loopback alone
        where.append("192.168.1.7:1")
        part.moved()
        await trio.testing.wait_all_tasks_blocked()
        assert len(network.asked) == 1
        nursery.cancel_scope.cancel()


async def test_a_network_that_cant_be_asked_is_tried_again(
    network: Network, autojump_clock: trio.testing.MockClock
) -> None:
    network.refuses = 2
    part, _ = taking_part(LanConfig(), "192.168.1.7:1")
    with trio.move_on_after(3 * LAN_RETRY_SECONDS):
        await part.run()
    assert len(network.asked) == 1


async def test_after_a_flood_it_is_begun_anew_under_another_name(
    network: Network, autojump_clock: trio.testing.MockClock
) -> None:
    network.floods = 2
    part, _ = taking_part(LanConfig(), "192.168.1.7:1")
    with trio.move_on_after(1000):
        await part.run()
    assert len({announced.name for announced, _ in network.asked if announced}) == 3
