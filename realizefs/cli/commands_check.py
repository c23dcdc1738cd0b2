"""Commands about what may be damaged or lost: check, and arena accept-loss."""

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from realizefs.cli.options import Command, Session, json_option, pass_session
from realizefs.cli.render import printable, show_json, show_line, size
from realizefs.model.errors import Misuse

FINDINGS_LEFT = 1
"""The exit status where something is left that is wrong."""


@click.command(cls=Command)
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--repair", is_flag=True, help="Put right what can be; no content is lost by it.")
@click.option("--deep", is_flag=True, help="Read and hash every file and every cached byte, too.")
@json_option
@pass_session
def check(session: Session, names: tuple[str, ...], repair: bool, deep: bool, as_json: bool) -> int:
    """Look whether everything kept about the arenas named (all, unless said) is sound.

    Whether a daemon runs or not. Each finding is one sentence that says what --repair would do
    about it. The exit status is 0 if nothing is left that is wrong, 1 otherwise.

    \b
    Examples:
        realizefs check
        realizefs check photos --deep --repair
    """
    arguments = {"names": list(names), "repair": repair, "deep": deep}
    with _shown_progress(as_json=as_json) as told:
        found: Any = session.client().ask("check", arguments, seconds=None, told=told)
    if as_json:
        show_json(found)
    else:
        for report in found["reports"]:
            _show(report)
    return 0 if found["clean"] else FINDINGS_LEFT


@click.command("accept-loss", cls=Command)
@click.argument("name")
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
@pass_session
def accept_loss(session: Session, name: str, yes: bool, as_json: bool) -> None:
    """Take the arena NAME up again although the files in its root are lost.

    For an arena that is out of service because its root is empty or gone, and whose disk won't
    come back. The files are gone from this machine and deleted nowhere else; what the mark asks for
    is fetched again from those who have it.

    \b
    Example:
        realizefs arena accept-loss photos
    """
    client = session.client()
    loss: Any = client.ask("arena-accept-loss", {"name": name, "yes": False})
    if not as_json:
        _show_loss(loss)
    if not yes:
        if not sys.stdin.isatty():
            raise Misuse("Nothing was changed; say --yes to accept the loss.")
        click.confirm("Accept the loss?", abort=True)
    accepted: Any = client.ask("arena-accept-loss", {"name": name, "yes": True})
    if as_json:
        show_json(accepted)
    else:
        show_line(f'The loss is accepted; "{name}" goes on without these files.')


@contextmanager
def _shown_progress(*, as_json: bool) -> Iterator[Callable[[object], None]]:
    """One line on a terminal, which is gone at the end."""
    if as_json or not sys.stderr.isatty():
        yield lambda _told: None
        return

    def show(told: Any) -> None:
        looked = ", ".join(f"{count} {what}" for what, count in told["looked_at"].items())
        line = printable(f"{told['name'] or 'home'}: {looked}")
        click.echo(f"\r{line[: shutil.get_terminal_size().columns - 1]}\x1b[K", nl=False, err=True)

    try:
        yield show
    finally:
        click.echo("\r\x1b[K", nl=False, err=True)


def _show(report: Any) -> None:
    name = "home" if report["name"] is None else report["name"]
    for mended in report["repaired"]:
        show_line(f"{name}: repaired: {mended['sentence']}")
    _more(name, report["repaired_count"] - len(report["repaired"]), "repaired")
    for finding in report["findings"]:
        show_line(f"{name}: {finding['sentence']}")
    _more(name, report["found"] - len(report["findings"]), "found")
    for note in report["notes"]:
        show_line(f"{name}: {note}")
    looked = ", ".join(f"{count} {what}" for what, count in report["looked_at"].items())
    result = _count(report["found"], "finding") if report["found"] else "nothing is wrong"
    if report["repaired_count"]:
        result += f", {report['repaired_count']} repaired"
    show_line(f"{name}: {result} ({looked or 'nothing was looked at'}).")


def _more(name: str, count: int, what: str) -> None:
    if count > 0:
        show_line(f"{name}: … and {count} more {what}.")


def _show_loss(loss: Any) -> None:
    if loss["state_lost"]:
        show_line(
            f'The database of "{loss["name"]}" went with its root {loss["root"]}, so it isn\'t known '
            "here which files that were. They stay with the peers that have them."
        )
        return
    files = _count(loss["files"], "file")
    show_line(f'"{loss["name"]}" had {files} of {size(loss["bytes"])} in {loss["root"]}.')
    if not loss["alone"]:
        show_line("Other peers, or the cache here, are known to have all of them.")
        return
    alone = _count(loss["alone"], "file")
    show_line(f"Nobody else is known to have {alone} of them, {size(loss['alone_bytes'])}:")
    for path in loss["alone_paths"]:
        show_line(f"  {path}")
    if loss["alone"] > len(loss["alone_paths"]):
        show_line(f"  … and {loss['alone'] - len(loss['alone_paths'])} more")


def _count(count: int, what: str) -> str:
    return f"1 {what}" if count == 1 else f"{count} {what}s"
