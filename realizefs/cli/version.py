"""Which RealizeFS this is: the release, and the commit it was built from."""

import importlib.metadata
import subprocess
from pathlib import Path

import click

PACKAGE = Path(__file__).parents[1]

BUILD_FILE = "BUILD"
"""In the package of a wheel: the commit, in a line. Only building writes it (scripts/build_hook.py)."""

GIT_SECONDS = 5.0
"""Seconds for git to name the commit of a checkout: milliseconds, but for a disk that sleeps."""


def release() -> str:
    """The number of the release."""
    return importlib.metadata.version("realizefs")


def commit(package: Path = PACKAGE) -> str:
    """The commit, with `-dirty` where files differed from it; "" where nobody knows."""
    try:
        return (package / BUILD_FILE).read_text(encoding="ascii").strip()
    except OSError:
        pass  # no wheel: a checkout, or sources without their history
    top = package.parent
    if not (top / ".git").exists():
        return ""
    command = ["git", "-C", str(top), "-c", f"safe.directory={top}", "describe"]
    try:
        done = subprocess.run(
            [*command, "--always", "--dirty", "--exclude=*"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=GIT_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("ascii", "replace").strip() if done.returncode == 0 else ""


def version_text() -> str:
    """What `--version` prints."""
    return f"realizefs {release()} (commit {commit() or 'unknown'})"


def print_version(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    """The callback of --version."""
    if value and not context.resilient_parsing:
        click.echo(version_text())
        context.exit()
