"""What a mark would do, shown: `mark set --dry-run`."""

import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from realizefs.cli.options import Session
from realizefs.cli.render import show_json, show_line, size

F = TypeVar("F", bound=Callable[..., Any])

DOES_NOT_FIT = 1
"""The exit status where there is no room for all of it."""

SAYINGS = (
    ("real_fetched", "{files} of {bytes} would be fetched, and become plain files here"),
    ("real_here", "{files} of {bytes} are cached here, and would become plain files"),
    ("cached", "{files} of {bytes} would be fetched into the cache, and stay there"),
    ("leaves", "{files} of {bytes} would leave the arena root; other machines have them"),
    ("stays", "{files} of {bytes} would stay plain files, since not enough others own them"),
    ("loosened", "{files} of {bytes} would no longer be kept in the cache when it is full"),
    ("nothing", "{files} of {bytes} are as they would be"),
)
"""An outcome, as the daemon calls it, and what is said of it."""


def dry_run_option(command: F) -> F:
    """Adds --dry-run."""
    text = "Change nothing; tell what would come or go, and whether it fits."
    return click.option("--dry-run", is_flag=True, help=text)(command)


def show_foresight(
    session: Session, mark: str | None, paths: Sequence[str], *, as_json: bool
) -> None:
    """Tell it; ends with DOES_NOT_FIT where there is no room."""
    arguments = {"mark": mark, "paths": [os.path.abspath(path) for path in paths]}
    found: Any = session.client().ask("mark-foresee", arguments, seconds=None)
    if as_json:
        show_json(found)
    else:
        for arena in found:
            for line in foresight_lines(arena):
                show_line(line)
    if not all(arena["fits"] for arena in found):
        click.get_current_context().exit(DOES_NOT_FIT)


def foresight_lines(arena: Any) -> list[str]:
    """What is said of one arena."""
    name = arena["arena"]
    lines = [
        f"{name}: {saying.format(**_amount(arena[key]))}."
        for key, saying in SAYINGS
        if arena[key]["files"]
    ]
    if arena["unavailable"]["files"]:
        away = _amount(arena["unavailable"])
        lines.append(
            f"{name}: {away['files']} of {away['bytes']} can't be had now: no machine that has them is "
            "connected; they come when one is."
        )
    room = (
        f"the disk has room for {size(arena['disk_free'])} ({size(arena['left_free'])} are to be left "
        f"free), the cache for {size(arena['cache_free'])}"
    )
    verdict = "It fits" if arena["fits"] else "IT DOES NOT FIT"
    return [*(lines or [f"{name}: no file is concerned."]), f"{name}: {verdict}: {room}."]


def _amount(amount: Any) -> dict[str, str]:
    files = f"{amount['files']:,} {'file' if amount['files'] == 1 else 'files'}"
    return {"files": files, "bytes": size(amount["bytes"])}
