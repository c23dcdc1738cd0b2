"""The user's own systemd, asked by its program `systemctl`; every question has a deadline."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from realizefs.model.control import Failed

ASK_SECONDS = 30.0
"""Seconds for what systemd does at once."""

START_SECONDS = 330.0
"""Seconds for a start or a stop: more than the unit's own TimeoutStartSec, after which it is told."""


def unit_directory() -> Path:
    """Where a user's own units are."""
    given = os.environ.get("XDG_CONFIG_HOME", "").strip()
    return Path(given or os.path.expanduser("~/.config")) / "systemd" / "user"


def systemctl(*words: str, seconds: float = ASK_SECONDS, offline: bool = False) -> str:
    """What `systemctl --user` prints; Failed with what it complains of. With `offline` it only changes
    files, and needs no systemd that runs."""
    environment = {**os.environ, **({"SYSTEMD_OFFLINE": "1"} if offline else {})}
    command = ["systemctl", "--user", "--no-pager", *words]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            env=environment,
            timeout=seconds,
        )
    except FileNotFoundError as error:
        raise Failed("There is no systemd here: the program systemctl is missing.") from error
    out, complaints = (
        text.decode("utf-8", "replace").strip() for text in (done.stdout, done.stderr)
    )
    if done.returncode != 0:
        raise _failure(words[0], complaints.splitlines() or [f"status {done.returncode}"])
    return out


def _failure(verb: str, complaints: list[str]) -> Failed:
    last = complaints[-1].rstrip(".")
    if "connect to bus" in last or "connect to user" in last:
        return Failed(
            f"Your systemd can't be reached ({last}): it runs for who has logged in, and in a shell of `su` or "
            f"`sudo` it is found with XDG_RUNTIME_DIR=/run/user/{os.getuid()}.",
            tuple(complaints),
        )
    return Failed(f"`systemctl --user {verb}` failed: {last}.", tuple(complaints))


def properties(unit: str, names: Sequence[str]) -> dict[str, str]:
    """Some of what systemd knows of a unit, which need not exist."""
    shown = systemctl("show", unit, "--property", ",".join(names))
    lines = (line.partition("=") for line in shown.splitlines())
    return {name: value for name, _, value in lines if name in names}


def lingers() -> bool | None:
    """Whether the user's services run while nobody is logged in; None if that can't be told."""
    try:
        done = subprocess.run(
            ["loginctl", "show-user", str(os.getuid()), "--property", "Linger"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=ASK_SECONDS,
        )
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return None
    said = done.stdout.strip()
    return None if done.returncode or not said else said == b"Linger=yes"
