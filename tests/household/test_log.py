"""realizefs log: two machines tell the same of what happened to a file."""

import json
import select
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from tests.household.machines import Machine, Pair
from tests.household.waiting import until

Event = tuple[str, str, str | None]


def events(machine: Machine, where: Path) -> list[Event]:
    found = json.loads(machine.ask("log", where, "--json"))
    return [(one["peer"], one["what"], one["old"]) for one in found]


def until_told(machine: Machine, where: Path, happened: list[Event]) -> None:
    """Wait until it tells that; fails with what it tells."""
    with suppress(AssertionError):
        until(lambda: events(machine, where) == happened, "it tells what happened")
    assert events(machine, where) == happened, machine.name


def test_who_did_what_is_told_on_both_machines(pair: Pair) -> None:
    path = pair.write("told/a \x1b.txt", "hello")
    pair.files.joinpath("told/a \x1b.txt").rename(pair.files / "told/b.txt")
    until((path.parent / "b.txt").exists, "bob sees it")
    lately = [one["what"] for one in pair.bob.info(path.parent / "b.txt")["lately"]]
    assert lately[-1] in ("renamed", "added")  # if bob never heard of its first name
    (path.parent / "b.txt").unlink()  # bob, in the mount
    until(lambda: not (pair.files / "told/b.txt").exists(), "alice has it no more")

    happened = [
        ("alice", "added", None),
        ("alice", "renamed", "told/a \x1b.txt"),
        ("bob", "deleted", None),
    ]
    until_told(pair.alice, pair.files / "told/b.txt", happened)
    until_told(pair.bob, path.parent / "b.txt", happened)
    said = pair.bob.ask("log", path.parent, "--since", "1h", "--peer", "alice").splitlines()
    assert said[-1].endswith('alice renamed "told/a \\x1b.txt" to "told/b.txt"')
    assert "no peer called" in pair.bob.refused("log", "--peer", "nobody")


def test_whoever_follows_hears_at_once_and_ends_with_ctrl_c(pair: Pair) -> None:
    command = pair.bob.command("log", "--follow", "--last", "0")
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=pair.bob.environment
    ) as process:
        assert process.stdout is not None
        try:
            number, heard = 0, ""
            while not heard:  # it may not follow yet when the first file is made
                pair.write(f"followed/{number}", "hello")
                number += 1
                heard = _line_within(process, 0.5)
            assert "  alice added " in heard
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=30) == 130
        finally:
            process.kill()


def _line_within(process: subprocess.Popen[str], seconds: float) -> str:
    """A line that it printed; "" where it printed none."""
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], seconds)
    return process.stdout.readline() if ready else ""
