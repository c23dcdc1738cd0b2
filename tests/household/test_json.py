"""Every command with --json, as it is: what it prints is what its schema says, and nothing else.

What each machine of these tests prints is checked as it is printed (`Machine.run`).
"""

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import schemas
from tests.fakes.schemas import check_answers, command_of, commands_with_json
from tests.household.conftest import Household
from tests.household.machines import Machine, Pair
from tests.household.waiting import SECONDS, until


class World:
    """A pair, and how to get other machines; `place` is a folder of the test's own, and `name` one that
    nothing has yet."""

    def __init__(self, pair: Pair, household: Household, place: Path) -> None:
        self.pair, self.alice, self.bob = pair, pair.alice, pair.bob
        self.household = household
        self.name = f"{place.parent.name}-{place.name}"

    def alone(self, *files: str) -> tuple[Machine, Path]:
        """A machine without a daemon, with an arena "notes" and these files in its root."""
        machine = self.household.machine("carol")
        root = machine.directory / "notes"
        root.mkdir()
        for name in files:
            (root / name).write_text(name)
        machine.share("notes", root)
        return machine, root

    def joined(self) -> Machine:
        """A third machine of the household."""
        machine = self.household.machine(f"carol-{self.name}")
        code = self.alice.ask_json("invite", "docs")["code"]
        machine.ask_json("join", code, machine.directory / "files")
        return machine

    def shared(self) -> Path:
        """A file of alice's, as bob sees it."""
        return self.pair.write(self.name, b"content" * 1000)

    def deleted(self) -> Path:
        """A file of alice's that bob has deleted: it lies in her trash."""
        self.shared().unlink()
        path = self.pair.files / self.name
        until(lambda: not path.exists(), "alice has it in her trash")
        return path

    def told(self, machine: Machine, *words: str | Path) -> None:
        """A call that tells things and may not do all that it was asked for."""
        done = machine.run(*words, "--json")
        assert done.status in (0, 1), done.err
        assert done.out


def accept_loss(world: World) -> None:
    machine, root = world.alone("a")
    machine.ask("du", root)
    (root / "a").unlink()
    machine.ask_json("arena", "accept-loss", "notes", "--yes")


def arena_set(world: World) -> None:
    machine, _ = world.alone()
    machine.ask_json("arena", "set", "notes", "--cache-max", "5%", "--trash", "7d")


def arena_add(world: World) -> None:
    machine, _ = world.alone()
    machine.ask_json("arena", "add", "films", machine.directory / "films", "--cache-leave", "1GiB")


def conflicts_resolve(world: World) -> None:
    copy = "plan (conflict desk 2026-03-01 12.30.00).txt"
    machine, root = world.alone("plan.txt", copy)
    assert machine.ask_json("du", root)["real"]["files"] == 2
    assert [one["path"] for one in machine.ask_json("conflicts")] == [copy]
    machine.ask_json("conflicts", "resolve", root / copy, "--keep", "both")


def invite_lan(world: World) -> None:
    """Of that, and of joining so, more is in test_pairing.py."""
    world.alice.ask_json("invite", "docs")


def jobs(world: World) -> None:
    """One that waits."""
    world.bob.ask("pause")
    world.bob.ask("mark", "set", "own", world.shared())
    until(lambda: world.bob.ask_json("jobs")[0]["jobs"], "it waits")
    world.bob.ask_json("top", "--once", "--interval", "0.2")
    world.bob.ask("resume")


def mark_clear(world: World) -> None:
    path = world.shared()
    world.bob.ask_json("mark", "clear", path, "--dry-run")
    world.bob.ask_json("mark", "clear", path)


def mark_set(world: World) -> None:
    path = world.shared()
    world.told(world.bob, "mark", "set", "own", path, "--dry-run")
    world.bob.ask_json("mark", "set", "keep", path)


def move(world: World) -> None:
    path = world.pair.mnt / world.name
    path.write_bytes(b"content")
    until(lambda: world.bob.info(path)["hash"], "it is indexed")
    world.told(world.bob, "move", path, "--to", "alice")


def limit(world: World) -> None:
    world.bob.ask_json("limit", "--down", "1GB", "--peer", "alice")
    world.bob.ask_json("limit", "--down", "none", "--peer", "alice")


def peer_remove(world: World) -> None:
    world.alice.ask_json("peer", "remove", world.joined().name)


def peer_set(world: World) -> None:
    world.alice.ask_json("peer", "set", world.joined().name, "--read-only")


def rule_remove(world: World) -> None:
    machine, root = world.alone("a.pdf")
    number = machine.ask_json("rule", "add", "keep", "*.pdf", "--newer", "30d")["number"]
    machine.ask_json("rule", "list")
    machine.ask_json("rule", "test", root / "a.pdf")
    machine.ask_json("rule", "remove", str(number))


def trash_empty(world: World) -> None:
    world.deleted()
    [listed] = world.alice.ask_json("trash", "list")
    assert world.name in [one["path"] for one in listed["files"]]
    world.alice.ask_json("trash", "empty", "docs")


def uninstall(world: World) -> None:
    machine, _ = world.alone("a")
    machine.ask_json("uninstall", "--yes", "--lose")


def first_line(machine: Machine, *words: str) -> None:
    """Of a call that goes on."""
    with subprocess.Popen(
        machine.command(*words), stdout=subprocess.PIPE, text=True, env=machine.environment
    ) as process:
        assert process.stdout is not None
        try:
            assert schemas.check_answers(words, process.stdout.readline())
        finally:
            process.terminate()
            process.wait(SECONDS)


def log(world: World) -> None:
    assert world.bob.ask_json("log", world.shared())
    first_line(world.bob, "log", "--follow", "--json")


def asked(machine: str, *words: str) -> Callable[[World], None]:
    """A call that needs nothing."""
    return lambda world: world.told(getattr(world, machine), *words)


CALLS: dict[str, Callable[[World], None]] = {
    "approve": asked("alice", "approve", "docs", "--list"),
    "arena accept-loss": accept_loss,
    "arena add": arena_add,
    "arena list": asked("alice", "arena", "list"),
    "arena remove": lambda world: world.alone()[0].ask_json("arena", "remove", "notes"),
    "arena set": arena_set,
    "check": asked("bob", "check"),
    "conflicts": conflicts_resolve,
    "conflicts resolve": conflicts_resolve,
    "desktop install": asked("alice", "desktop", "install", "--for", "nautilus"),
    "desktop remove": asked("alice", "desktop", "remove"),
    "desktop status": asked("alice", "desktop", "status"),
    "doctor": asked("bob", "doctor"),
    "du": lambda world: world.bob.ask_json("du", world.shared()),
    "evict": lambda world: world.told(world.bob, "evict", world.shared()),
    "fetch": lambda world: world.told(world.bob, "fetch", world.shared()),
    "info": lambda world: world.bob.ask_json("info", world.shared()),
    "init": lambda world: world.household.machine("carol").ask_json("init", "--name", "carol"),
    "invite": invite_lan,
    "jobs": jobs,
    "join": peer_set,
    "limit": limit,
    "log": log,
    "ls": lambda world: world.bob.ask_json("ls", world.shared().parent),
    "mark clear": mark_clear,
    "mark get": lambda world: world.bob.ask_json("mark", "get", world.shared()),
    "mark set": mark_set,
    "move": move,
    "pause": asked("bob", "pause", "--for", "1h"),
    "peer list": asked("bob", "peer", "list"),
    "peer remove": peer_remove,
    "peer set": peer_set,
    "resume": asked("bob", "resume"),
    "rule add": rule_remove,
    "rule list": rule_remove,
    "rule remove": rule_remove,
    "rule test": rule_remove,
    "service status": asked("alice", "service", "status"),
    "status": asked("bob", "status"),
    "top": jobs,
    "trash empty": trash_empty,
    "trash list": trash_empty,
    "trash restore": lambda world: world.alice.ask_json("trash", "restore", world.deleted()),
    "uninstall": uninstall,
    "web": lambda world: first_line(world.bob, "web", "--no-open", "--json"),
}
"""By command, a call of it with --json."""


@pytest.mark.parametrize("command", commands_with_json())
def test_what_is_printed_is_what_the_schema_says(
    command: str,
    pair: Pair,
    household: Household,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert command in CALLS, f"`{command}` takes --json, and no call of it is here"
    for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "user"))
    checked: set[str] = set()

    def check(words: Sequence[str], output: str) -> list[Any]:
        answers = check_answers(words, output)
        checked.update([command_of(words)] if answers else [])
        return answers

    monkeypatch.setattr(schemas, "check_answers", check)
    CALLS[command](World(pair, household, tmp_path))
    assert command in checked
