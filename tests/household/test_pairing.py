"""Machines on one network pair as their users do it: one says `invite --lan`, the other `join`, and both
compare what their screens show."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from tests.fakes.schemas import check_answers
from tests.household.conftest import Household, running_household
from tests.household.namespaces import Network, NetworkMachine, overheard, running_network
from tests.household.waiting import SECONDS, until


@pytest.fixture
def network(root: None) -> Iterator[Network]:
    with running_network() as network:
        yield network


@pytest.fixture
def household(fuse: None, tmp_path: Path) -> Iterator[Household]:
    with running_household(tmp_path) as household:
        yield household


@pytest.fixture
def desk(household: Household, network: Network) -> NetworkMachine:
    return opener(household, network, "desk")


def opener(household: Household, network: Network, name: str) -> NetworkMachine:
    """A machine that owns "docs" and serves it."""
    machine = household.add(network.machine(household.directory, name))
    files = machine.directory / "files"
    files.mkdir()
    (files / "hello").write_text(f"hello from {name}")
    machine.serve()
    machine.share("docs", files)
    return machine


def newcomer(household: Household, network: Network, name: str) -> NetworkMachine:
    return household.add(network.machine(household.directory, name))


class Screen:
    """A command with its user: what it prints, and what he types."""

    def __init__(self, process: "subprocess.Popen[str]", words: Sequence[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process, self._words = process, words
        self._keys: IO[str] = process.stdin
        self._lines: IO[str] = process.stdout

    def shows(self, key: str) -> Any:
        """The next thing told that has this."""
        while line := self._lines.readline():
            [told] = check_answers(self._words, line)
            if isinstance(told, dict) and key in told:
                return told
        raise AssertionError(f"it ended with {self._process.wait(SECONDS)}: {self.complaint}")

    def types(self, text: str) -> None:
        self._keys.write(f"{text}\n")
        self._keys.flush()

    @property
    def complaint(self) -> str:
        assert self._process.stderr is not None
        return self._process.stderr.read()

    def ends(self) -> int:
        """Its exit status."""
        return self._process.wait(SECONDS)


@contextmanager
def screen(machine: NetworkMachine, *arguments: str | Path) -> Iterator[Screen]:
    with subprocess.Popen(
        machine.command(*arguments, "--json"),
        text=True,
        env=machine.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield Screen(process, [str(word) for word in arguments])
        finally:
            process.kill()


def has_hello(machine: NetworkMachine, of: str = "desk") -> bool:
    path = machine.directory / "files" / "hello"
    return path.exists() and path.read_text() == f"hello from {of}"


def join(machine: NetworkMachine) -> tuple[str | Path, ...]:
    return "join", "--lan", machine.directory / "files", "--mark", "own"


@pytest.mark.parametrize("serves", [False, True], ids=["without a daemon", "while it serves"])
def test_two_machines_pair(
    household: Household, network: Network, desk: NetworkMachine, serves: bool
) -> None:
    lap = newcomer(household, network, "lap")
    if serves:
        lap.serve()
    with screen(desk, "invite", "docs", "--lan") as at_desk, screen(lap, *join(lap)) as at_lap:
        assert at_desk.shows("open_seconds")["name"] == "desk"
        asked = at_lap.shows("code")
        assert asked["peer"] == "desk"
        assert at_desk.shows("code") | {"peer": "desk"} == asked
        at_desk.types("y")
        at_lap.types("yes")
        assert at_desk.shows("joined") == {"joined": "lap", "arenas": ["docs"]}
        assert (at_desk.ends(), at_lap.ends()) == (0, 0)
    assert [each["name"] for each in lap.ask_json("arena", "list")] == ["docs"]
    if not serves:
        lap.serve()
    until(lambda: has_hello(lap), "lap has the file")


@pytest.mark.parametrize("who", ["desk", "lap"])
def test_where_one_says_no_nothing_comes_of_it_and_the_other_is_told(
    household: Household, network: Network, desk: NetworkMachine, who: str
) -> None:
    lap = newcomer(household, network, "lap")
    with screen(desk, "invite", "docs", "--lan") as at_desk, screen(lap, *join(lap)) as at_lap:
        for each in (at_desk, at_lap):
            each.shows("code")
        (at_desk if who == "desk" else at_lap).types("n")
        note = at_desk.shows("note")["note"]
        assert at_lap.ends() == 2
        said = [note, at_lap.complaint]
        mine, other = said if who == "desk" else reversed(said)
        assert "codes differ, so somebody may stand between" in mine
        assert f"The user of {who} says that the codes differ" in other
    assert desk.ask_json("peer", "list") == []
    assert lap.ask_json("arena", "list") == []


def test_of_several_one_is_chosen_by_its_name(
    household: Household, network: Network, desk: NetworkMachine
) -> None:
    nas, lap = opener(household, network, "nas"), newcomer(household, network, "lap")
    with (
        overheard(network, household.directory) as heard,
        screen(desk, "invite", "docs", "--lan") as at_desk,
        screen(nas, "invite", "docs", "--lan") as at_nas,
    ):
        for each in (at_desk, at_nas):
            each.shows("open_seconds")
        # Who finds one machine looks a second longer for others.
        for name in (b"open=desk", b"open=nas"):
            until(lambda n=name: any(n in one for _, one in heard()), f"{name!r} is announced")  # type: ignore[misc]
        with screen(lap, *join(lap)) as at_lap:
            at_lap.types("2")
            code = at_lap.shows("code")
            assert code["peer"] == "nas"
            assert at_nas.shows("code")["code"] == code["code"]
            for each in (at_nas, at_lap):
                each.types("y")
            assert at_nas.shows("joined")["joined"] == "lap"
            assert at_lap.ends() == 0
    lap.serve()
    until(lambda: has_hello(lap, of="nas"), "lap has the file of nas")


def test_ctrl_c_closes_and_only_while_it_is_open_the_name_is_announced(
    household: Household, network: Network, desk: NetworkMachine
) -> None:
    name = b"open=desk"
    with overheard(network, household.directory) as heard:
        until(lambda: any(b"_realizefs" in packet for _, packet in heard()), "desk is announced")
        assert not any(name in packet for _, packet in heard())
        with screen(desk, "invite", "docs", "--lan") as at_desk:
            at_desk.shows("open_seconds")
            until(lambda: any(name in packet for _, packet in heard()), "with its name")
            busy = desk.refused("invite", "docs", "--lan")
            assert "open for pairing already" in busy
        until(
            lambda: name not in [packet for _, packet in heard() if b"s=" in packet][-1],
            "it is announced anew, without",
        )


def test_who_is_reached_by_nobody_cannot_be_opened(household: Household) -> None:
    alone = household.machine("alone")
    alone.share("docs", alone.directory / "files")
    assert "No daemon is running here" in alone.refused("invite", "docs", "--lan")
    alone.serve()
    assert "No other machine can reach this one" in alone.refused("invite", "docs", "--lan")
