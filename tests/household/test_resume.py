"""A download that is killed again and again, at either side: no block comes twice."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from realizefs.model.limits import DEAD_LINK_SECONDS
from tests.household.conftest import Household
from tests.household.machines import Machine
from tests.household.namespaces import Network, running_network
from tests.household.test_big_file import MIB, same
from tests.household.waiting import until

BULK_SECONDS = 0.25
SOCKETS = 3 * MIB
"""Bytes that may be in the buffers of the kernel when a process is killed, or are stored by halves."""


class Download:
    """Bob makes a file of alice's real, at `rate` bytes a second."""

    def __init__(
        self, household: Household, size: int, rate: int, machines: Sequence[Machine] = ()
    ) -> None:
        self.alice, self.bob = machines or map(household.machine, ("alice", "bob"))
        self.size, self.rate = size, rate
        self.files, self.root = household.directory / "files", household.directory / "root"
        self.came = 0
        self.files.mkdir()
        with (self.files / "film").open("wb") as file:
            for _ in range(size // MIB):
                file.write(random.randbytes(MIB))
        self.alice.serve()
        self.alice.share("docs", self.files)
        self.bob.serve()
        self.bob.ask("limit", "--down", str(rate))
        self.bob.ask("join", self.alice.ask("invite", "docs"), self.root, "--mark", "own")

    @property
    def target(self) -> Path:
        return self.root / "film"

    def here(self) -> int:
        """Bytes of it that bob has stored."""
        if self.target.exists():
            return self.size
        blobs = (self.root / ".realize/blobs").rglob("*")
        return sum(blob.stat().st_blocks * 512 for blob in blobs if blob.is_file())

    def wait_for(self, count: int) -> None:
        until(lambda: self.here() >= min(count, self.size), f"{count} bytes are here")

    def kill(self, machine: Machine) -> None:
        if machine is self.bob:
            self.came += self.bob.status()["wire"]["bytes_in"]
        machine.kill()
        machine.serve()

    def finish(self) -> int:
        """Wait for the end; the bytes that came in all."""
        until(lambda: self.target.exists() and same(self.files / "film", self.target), "it is here")
        return self.came + int(self.bob.status()["wire"]["bytes_in"])


def killed_again_and_again(
    download: Download, times: int, choose: Callable[[list[Machine]], Machine]
) -> int:
    for number in range(times):
        download.wait_for(download.size * (number + 1) // (times + 2))
        download.kill(choose([download.alice, download.bob]))
    return download.finish()


def bound(download: Download, kills: int) -> int:
    """What was on its way at a kill was no block yet; all the rest comes once."""
    on_the_way = int(download.rate * BULK_SECONDS) + SOCKETS
    return int(download.size * 1.01) + kills * on_the_way + MIB


def test_what_is_stored_when_a_side_is_killed_does_not_come_again(household: Household) -> None:
    """Also what was stored within the last second, of which the database knows nothing."""
    download = Download(household, 48 * MIB, 12 * MIB)
    order = iter([1, 0, 1])
    came = killed_again_and_again(download, 3, lambda machines: machines[next(order)])
    assert came <= bound(download, 3)


@pytest.fixture
def network(root: None) -> Iterator[Network]:
    with running_network() as network:
        yield network


def test_over_a_line_that_is_cut_and_healed_nothing_comes_again(
    household: Household, network: Network
) -> None:
    """Cut for a moment the connection outlasts it, cut for longer there is a new one."""
    machines = [
        household.add(network.machine(household.directory, name)) for name in ("alice", "bob")
    ]
    download = Download(household, 48 * MIB, 6 * MIB, machines)
    alice, bob = machines
    download.wait_for(12 * MIB)
    network.cut("alice")
    network.mend("alice")
    download.wait_for(24 * MIB)
    network.cut("alice")
    cut_at = time.monotonic()
    until(lambda: not bob.connected(alice), "the dead link is noticed")
    assert time.monotonic() - cut_at <= 2 * DEAD_LINK_SECONDS
    assert not download.target.exists()
    network.mend("alice")
    assert download.finish() <= bound(download, 2)


@pytest.mark.big
@pytest.mark.timeout(1800)
def test_twenty_kills_in_four_gibibytes(household: Household) -> None:
    download = Download(household, 4096 * MIB, 40 * MIB)
    came = killed_again_and_again(download, 20, random.SystemRandom().choice)
    again = came / download.size - 1
    print(f"\n20 kills in {download.size / 1e9:.1f} GB: {100 * again:.2f} % came again")  # noqa: T201
    assert came <= bound(download, 20)
