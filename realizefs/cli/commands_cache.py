"""Commands about what is cached: fetch and evict.

They ask the daemon step by step, so Ctrl-C just ends them: what is here by then stays, and the same
command goes on from there.
"""

import os
import time
from collections.abc import Callable, Iterator
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
    """How far it is: files and bytes, done and in all; bytes a second of late."""

    path: str = ""
    files: int = 0
    bytes: int = 0
    total_files: int = 0
    total_bytes: int = 0
    rate: float = 0.0
    failures: list[dict[str, str]] = field(default_factory=list)
    failed: int = 0
    _seen: list[tuple[float, int]] = field(default_factory=list)

    def at(self, count: int, now: float) -> None:
        """So many bytes by now."""
        self.bytes = count
        self._seen = [one for one in self._seen if now - one[0] <= RATE_SECONDS] or self._seen[-1:]
        self._seen.append((now, count))
        since, before = self._seen[0]
        self.rate = (count - before) / (now - since) if now > since else 0.0

    @property
    def seconds_left(self) -> float | None:
        """At that rate; None where nothing moves."""
        return (self.total_bytes - self.bytes) / self.rate if self.rate > 0 else None


@click.command(cls=Command)
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@json_option
@pass_session
def fetch(session: Session, paths: tuple[str, ...], as_json: bool) -> int:
    """Cache each PATH now, and all files below it, to be read offline for a while.

    What is marked keep stays cached, this only as long as there is room. Stopped and run again, it
    goes on. The exit status is 0 when all is here, 1 where some couldn't be had. Example:

        realizefs fetch ~/Photos/2024
    """
    client, progress = session.client(), Progress()
    absolute = [os.path.abspath(path) for path in paths]
    for path in absolute:
        wanted: Any = client.ask_running("fetch-wanted", {"path": path}, seconds=None)
        progress.total_files += wanted["files"]
        progress.total_bytes += wanted["bytes"]
    with _shown(progress, as_json=as_json) as told:
        for path in absolute:
            _fetch(client, path, progress, told)
    _end(progress, f"{_files(progress.files)}, {size(progress.bytes)}, fetched.", as_json=as_json)
    return FAILED if progress.failed else 0


@click.command(cls=Command)
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@json_option
@pass_session
def evict(session: Session, paths: tuple[str, ...], as_json: bool) -> int:
    """Take each PATH, and all files below it, out of the cache to make room.

    They are still shown and fetched again when they are read. What is marked keep stays, and so does
    what no other machine is known to own; plain files aren't touched. The exit status is 0 when
    nothing of it is cached any more, 1 where some had to stay. Example:

        realizefs evict ~/Photos/2019
    """
    client, progress = session.client(), Progress()
    for path in (os.path.abspath(path) for path in paths):
        progress.path = path
        for step in _steps(client, "evict-step", path):
            progress.files += step["files"]
            progress.bytes += step["bytes"]
            _note_failures(progress, step)
            if as_json:
                show_json_line(_fields(progress))
    _end(progress, f"{_files(progress.files)}, {size(progress.bytes)}, evicted.", as_json=as_json)
    return FAILED if progress.failed else 0


def _fetch(client: Client, path: str, progress: Progress, told: Told) -> None:
    progress.path = path
    finished = progress.bytes
    for step in _steps(client, "fetch-step", path):
        progress.files += step["files"]
        finished += step["bytes"]
        progress.at(finished + step["partial"], time.monotonic())
        _note_failures(progress, step)
        told(progress)
    progress.bytes = finished


def _steps(client: Client, command: str, path: str) -> Iterator[Any]:
    """Until the daemon says that it is done."""
    after, done = "", False
    while not done:
        step: Any = client.ask_running(command, {"path": path, "after": after}, seconds=None)
        after, done = step["after"], step["done"]
        yield step


def _note_failures(progress: Progress, step: Any) -> None:
    progress.failed += step["failed"]
    progress.failures = [
        {"path": os.path.join(progress.path, one["path"]).rstrip("/"), "why": one["why"]}
        for one in step["failures"]
    ]


@contextmanager
def _shown(progress: Progress, *, as_json: bool) -> Iterator[Told]:
    """Lines of JSON for programs, a bar on a terminal, nothing elsewhere but what failed."""
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

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.fields[files]} of {task.fields[of]} files", markup=False),
        *(BarColumn(), DownloadColumn(binary_units=True)),
        *(TransferSpeedColumn(), TimeRemainingColumn()),
    )
    with Bars(*columns, console=console, disable=not console.is_terminal) as bars:
        of = progress.total_files
        task = bars.add_task("", total=progress.total_bytes, files=0, of=of)

        def told(now: Progress) -> None:
            bars.update(task, completed=now.bytes, files=now.files)
            for failure in now.failures:
                bars.console.print(printable(f"{failure['path']}: {failure['why']}"), markup=False)

        yield told


def _fields(progress: Progress) -> dict[str, object]:
    left = progress.seconds_left
    return {
        "path": progress.path,
        "files": progress.files,
        "bytes": progress.bytes,
        "total_files": progress.total_files,
        "total_bytes": progress.total_bytes,
        "bytes_per_second": round(progress.rate),
        "seconds_left": None if left is None else round(left, 1),
        "failed": progress.failed,
        "failures": progress.failures,
    }


def _end(progress: Progress, said: str, *, as_json: bool) -> None:
    if as_json:
        show_json_line({**_fields(progress), "failures": [], "done": not progress.failed})
        return
    show_line(said)
    if progress.failed:
        show_line(f"{_files(progress.failed)} not.")


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"
