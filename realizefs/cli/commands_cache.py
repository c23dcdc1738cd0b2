"""Commands about what is here: fetch, evict and move.

The daemon does it as long as the command waits for it, so Ctrl-C just ends it: what is here by then
stays, and the same command goes on from there.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import click

from realizefs.cli.client import Client
from realizefs.cli.options import Command, Session, json_option, pass_session
from realizefs.cli.render import printable, show_json_line, show_line, size

FAILED = 1
"""The exit status where not all is done."""

RATE_SECONDS = 10.0
"""Seconds over which the rate is taken."""

Told = Callable[["Progress"], None]


@dataclass
class Progress:
    """How far it is: what the daemon told last, and bytes a second of late."""

    told: Any = field(default_factory=dict)
    rate: float = 0.0
    _seen: list[tuple[float, int]] = field(default_factory=list)

    def at(self, told: Any, now: float) -> None:
        """So far by now."""
        self.told = told
        self._seen = [one for one in self._seen if now - one[0] <= RATE_SECONDS] or self._seen[-1:]
        self._seen.append((now, told["bytes"]))
        since, before = self._seen[0]
        self.rate = (told["bytes"] - before) / (now - since) if now > since else 0.0

    @property
    def seconds_left(self) -> float | None:
        """At that rate; None where nothing moves."""
        left: int = self.told["total_bytes"] - self.told["bytes"]
        return max(left, 0) / self.rate if self.rate > 0 else None


@click.command(cls=Command)
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@json_option
@pass_session
def fetch(session: Session, paths: tuple[str, ...], as_json: bool) -> int:
    """Cache each PATH now, and all files below it, to be read offline for a while.

    What is marked keep stays cached, this only as long as there is room. Stopped and run again, it
    goes on. The exit status is 0 when all is here, 1 where some couldn't be had.

    \b
    Example:
        realizefs fetch ~/Photos/2024
    """
    with _shown(as_json=as_json) as told:
        done: Any = _ask(session.client(), "fetch", paths, told)
    return _end(done, f"{_files(done['files'])}, {size(done['bytes'])}, fetched.", as_json=as_json)


@click.command(cls=Command)
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@json_option
@pass_session
def evict(session: Session, paths: tuple[str, ...], as_json: bool) -> int:
    """Take each PATH, and all files below it, out of the cache to make room.

    They are still shown and fetched again when they are read. What is marked keep stays, and so does
    what no other machine is known to own; plain files aren't touched. The exit status is 0 when
    nothing of it is cached any more, 1 where some had to stay.

    \b
    Example:
        realizefs evict ~/Photos/2019
    """
    with _shown(as_json=as_json) as told:
        done: Any = _ask(session.client(), "evict", paths, told)
    return _end(done, f"{_files(done['files'])}, {size(done['bytes'])}, evicted.", as_json=as_json)


@click.command(cls=Command)
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.option("--to", "peer", metavar="PEER", required=True, help="Who is to have them.")
@json_option
@pass_session
def move(session: Session, paths: tuple[str, ...], peer: str, as_json: bool) -> int:
    """Give each PATH, and all files below it, to PEER as plain files, and up here.

    They keep their names in the arena and are still shown here. PEER marks them own and fetches them;
    once it owns all of them, this machine gives its own up. Stopped and run again, it goes on. The exit
    status is 0 when PEER owns all and nothing is a plain file here any more.

    \b
    Example:
        realizefs move ~/Photos/2019 --to nas
    """
    with _shown(as_json=as_json) as told:
        done: Any = _ask(session.client(), "move", paths, told, to=peer)
    return _end(done, f"{_files(done['files'])}, {size(done['bytes'])}, moved.", as_json=as_json)


def _ask(
    client: Client, command: str, paths: Sequence[str], told: Told, **arguments: str
) -> object:
    """Ctrl-C hangs up, and so ends it."""
    absolute = [os.path.abspath(path) for path in paths]
    progress = Progress()

    def hear(value: object) -> None:
        progress.at(value, time.monotonic())
        told(progress)

    return client.ask_running(command, {"paths": absolute, **arguments}, seconds=None, told=hear)


@contextmanager
def _shown(*, as_json: bool) -> Iterator[Told]:
    """Lines of JSON for programs; a bar on a terminal, elsewhere nothing but what failed."""
    if as_json:
        yield lambda now: show_json_line(_fields(now))
        return
    # Imported here: most commands print a line, and rich takes longer to load than they to run.
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.progress import Progress as Bars  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.fields[files]} of {task.fields[of]} files", markup=False),
        *(BarColumn(), DownloadColumn(binary_units=True)),
        *(TransferSpeedColumn(), TimeRemainingColumn()),
    )
    with Bars(*columns, console=console, disable=not console.is_terminal) as bars:
        task = bars.add_task("", total=None, files=0, of=0)

        def told(now: Progress) -> None:
            counts = {"files": now.told["files"], "of": now.told["total_files"]}
            bars.update(
                task, completed=now.told["bytes"], total=now.told["total_bytes"] or None, **counts
            )
            for failure in now.told["failures"]:
                line = printable(f"{failure['path']}: {failure['why']}")
                bars.console.print(Text(line), soft_wrap=True)

        yield told


def _fields(progress: Progress) -> dict[str, object]:
    left = progress.seconds_left
    return {
        **progress.told,
        "bytes_per_second": round(progress.rate),
        "seconds_left": None if left is None else round(left, 1),
    }


def _end(done: Any, said: str, *, as_json: bool) -> int:
    if as_json:
        show_json_line({**done, "done": not done["failed"]})
    else:
        show_line(said)
        if done["failed"]:
            show_line(f"{_files(done['failed'])} not.")
    return FAILED if done["failed"] else 0


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"
