"""Five machines on a network of their own, of which three are edited by plain programs while lines are
cut: in the end all show the same, every line that anybody wrote is there, and a conflict copy only
where two wrote at the same time."""

import random
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Event

import pytest

from tests.household.conftest import Household, running_household
from tests.household.namespaces import Network, NetworkMachine, running_network
from tests.household.waiting import until

EDITORS = ("anna", "bert", "cleo")
OTHERS = {"dora": "keep", "emil": "watch"}
EDITING = Path(__file__).with_name("editing.py")
COPY = re.compile(r" \(conflict (.+) \d{4}-\d\d-\d\d \d\d\.\d\d\.\d\d(?: \d+)?\)")
SETTLE_SECONDS = 240.0

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def network(root: None) -> Iterator[Network]:
    with running_network() as network:
        yield network


@pytest.fixture
def five(fuse: None, network: Network, tmp_path: Path) -> Iterator[list[NetworkMachine]]:
    """All are mounted, and connected with all."""
    with running_household(tmp_path) as household:
        yield join_all(household, network)


def join_all(household: Household, network: Network) -> list[NetworkMachine]:
    marks = dict.fromkeys(EDITORS, "own") | OTHERS
    machines = [household.add(network.machine(household.directory, name)) for name in marks]
    first, *others = machines
    for machine in machines:
        (machine.directory / "mnt").mkdir()
        machine.serve()
    first.share("docs", first.directory / "files")
    for machine in others:
        code = first.ask("invite", "docs")
        machine.ask("join", code, machine.directory / "files", "--mark", marks[machine.name])
    for machine in machines:
        machine.ask("mount", mnt(machine))
    for machine in machines:
        wait_connected(machine, len(others))
    return machines


def mnt(machine: NetworkMachine) -> Path:
    return machine.directory / "mnt"


def wait_connected(machine: NetworkMachine, count: int) -> None:
    def connected() -> bool:
        return [peer["connected"] for peer in machine.status()["peers"]].count(True) == count

    until(connected, f"{machine.name} is connected with all", SETTLE_SECONDS)


def edit(
    machines: list[NetworkMachine], network: Network, edits: int, seconds: float, seed: int
) -> set[str]:
    """Have the three edited, cutting lines meanwhile; the lines that were written."""
    chance = random.Random(seed)
    with ExitStack() as stack:
        editors = []
        for number, machine in enumerate(machines[: len(EDITORS)]):
            arguments = [machine.name, str(seed + number), str(edits), str(seconds)]
            command = [sys.executable, str(EDITING), str(mnt(machine)), *arguments]
            editor = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE))
            stack.callback(editor.kill)
            editors.append(editor)
        while any(editor.poll() is None for editor in editors):
            name = chance.choice(network.names)
            network.cut(name)
            Event().wait(chance.uniform(0.5, 4.0))
            network.mend(name)
            Event().wait(chance.uniform(0.2, 1.0))
        written: set[str] = set()
        for editor in editors:
            assert editor.stdout is not None
            written |= set(editor.stdout.read().decode().splitlines())
            assert editor.returncode == 0
    return written


def settle(machines: list[NetworkMachine]) -> None:
    """Wait until nobody has anything to do, and all show the same."""
    for machine in machines:
        wait_connected(machine, len(machines) - 1)

    def settled() -> bool:
        idle = all(not machine.arena()["pending"] for machine in machines)
        return idle and not any(differences(machines[0], other) for other in machines[1:])

    until(settled, "all show the same", SETTLE_SECONDS, every=1.0)


def differences(one: NetworkMachine, other: NetworkMachine) -> str:
    """What `diff -r` says of the mounts of two."""
    command = ["diff", "-r", str(mnt(one)), str(mnt(other))]
    done = subprocess.run(command, check=False, capture_output=True)
    return (done.stdout + done.stderr).decode(errors="replace")


def lines_of(machine: NetworkMachine) -> dict[str, set[str]]:
    """By path, what is in the files of its mount."""
    top = mnt(machine)
    return {
        str(path.relative_to(top)): set(path.read_text().splitlines())
        for path in top.rglob("*")
        if path.is_file()
    }


def assert_nothing_lost(machine: NetworkMachine, written: set[str]) -> None:
    """Every line is somewhere; and each conflict copy is of a concurrent edit, and there once.

    What a copy has may all be in another file, too: who met a newer version, and gave his own another
    name, couldn't know that somebody else was just going on from his. Then there is a third
    file that was changed apart from it: with a line that the copy hasn't got, and without all of the copy's.
    """
    files = lines_of(machine)
    assert written - set().union(*files.values()) == set()
    for copy in filter(COPY.search, files):
        others = {path: files[path] for path in files if path != copy}
        twice = [path for path in others if others[path] == files[copy]]
        assert not twice, f"{copy} is a copy of what isn't lost: {twice}"
        apart = [
            path
            for path, lines in others.items()
            if made_for(lines) & made_for(files[copy])
            and lines - files[copy]
            and files[copy] - lines
        ]
        assert apart, f"{copy} is a copy of what nobody changed apart from it"


def made_for(lines: set[str]) -> set[str]:
    """The names that lines were written to, whatever they are called now."""
    return {line.rsplit(" ", 1)[1] for line in lines}


def run(
    machines: list[NetworkMachine], network: Network, edits: int, seconds: float, seed: int
) -> None:
    written = edit(machines, network, edits, seconds, seed)
    assert len(written) > len(EDITORS)
    settle(machines)
    assert_nothing_lost(machines[0], written)
    copies = [path for path in lines_of(machines[0]) if COPY.search(path)]
    print(f"seed {seed}: {len(written)} lines written, {len(copies)} conflict copies")  # noqa: T201


@pytest.mark.big
def test_edits_while_lines_are_cut(five: list[NetworkMachine], network: Network) -> None:
    run(five, network, edits=25, seconds=30.0, seed=1)


@pytest.mark.big
def test_two_minutes_of_edits_while_lines_are_cut(
    five: list[NetworkMachine], network: Network
) -> None:
    run(five, network, edits=10_000, seconds=120.0, seed=random.SystemRandom().randrange(10**6))


def test_a_machine_whose_line_was_cut_catches_up(
    five: list[NetworkMachine], network: Network
) -> None:
    anna, bert = five[0], five[1]
    (mnt(anna) / "shared").write_text("common")
    until((bert.directory / "files/shared").exists, "bert has it")
    network.cut("bert")
    (mnt(anna) / "shared").write_text("by anna")
    (mnt(bert) / "shared").write_text("by bert")
    (mnt(bert) / "only").write_text("made alone")
    network.mend("bert")
    settle(five)
    contents = {path.name: path.read_text() for path in mnt(five[4]).iterdir() if path.is_file()}
    assert contents.pop("only") == "made alone"
    assert sorted(contents.values()) == ["by anna", "by bert"]
