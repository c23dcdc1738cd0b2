"""The command that takes RealizeFS off a machine again: uninstall."""

import os
import select
import sys
from typing import Any

import click

from realizefs.cli.client import Client, DaemonEnded
from realizefs.cli.commands_completion import remove_completions, remove_pages
from realizefs.cli.commands_desktop import remove_extensions
from realizefs.cli.commands_service import installed_unit, remove_unit
from realizefs.cli.options import Command, Session, json_option, pass_session
from realizefs.cli.render import show_json, show_line, size
from realizefs.model.errors import Misuse, NoDaemon
from realizefs.model.limits import COMMAND_SECONDS


@click.command(cls=Command)
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.option("--lose", is_flag=True, help="Even if something is lost with it, which is told.")
@json_option
@pass_session
def uninstall(session: Session, yes: bool, lose: bool, as_json: bool) -> None:
    """Leave the household and remove all that is RealizeFS's own; plain files stay where they are.

    Unmounts, ends the daemon and its service, and removes databases, caches, marks, configuration, key and
    log, completions, pages of the manual and what file managers were given; the trash of an arena stays. Refused where content is
    only in the cache here, or where no other machine has heard of a change. The program itself is
    removed by what installed it: `pipx uninstall realizefs`.

    \b
    Examples:
        realizefs uninstall
        realizefs uninstall --yes --lose
    """
    client = session.client()
    found: Any = client.ask("farewell", {}, None)
    if not as_json:
        _show(found)
    if not lose:
        _check(found["arenas"])
    if not yes:
        if as_json or not sys.stdin.isatty():
            raise Misuse("Nothing was changed; say --yes to remove it all.")
        click.confirm("Remove all this?", abort=True)
    if found["online"]:
        _end(client, lose=lose)
    unit = installed_unit(session)
    if unit is not None:
        remove_unit(unit)
    done: Any = {"left": [], "home": []}
    if found["name"] is not None:
        done = client.ask("uninstall", {"lose": lose}, None)
    # Those are there once, whatever --home says: who has another home goes on using them.
    gone = []
    if client.home is None:
        gone = [*remove_completions(), *remove_pages(), *remove_extensions()]
    if as_json:
        removed = [str(file) for file in ([] if unit is None else [unit]) + gone]
        show_json({**found, **done, "removed": removed})
    else:
        _show_done(found, done)


def _check(arenas: Any) -> None:
    for each in arenas:
        if each["problem"]:
            raise Misuse(
                f'Nothing was changed: it isn\'t known what "{each["name"]}" has; --lose goes on.'
            )
        if each["only_cached"]:
            raise Misuse(
                f'Nothing was changed: of "{each["name"]}" some files are nowhere but in the cache here. '
                "Keep them with `realizefs mark set own PATH`, or say --lose."
            )
        if each["unheard"]:
            raise Misuse(
                f'Nothing was changed: no other machine has heard of the latest changes of "{each["name"]}" '
                "yet. Wait until one is connected, or say --lose."
            )


def _end(client: Client, *, lose: bool) -> None:
    """Have the daemon leave the household, and wait for its end."""
    try:
        connection = client.connect(None)
        if connection is None:
            return
        process = connection.watch_process()
    except ProcessLookupError:
        return  # it ended by itself meanwhile
    try:
        connection.ask("farewell-leave", {"lose": lose})
    except DaemonEnded:
        pass  # quicker than its answer
    finally:
        connection.close()
    try:
        if not select.select([process], [], [], COMMAND_SECONDS)[0]:
            raise NoDaemon("The daemon doesn't end; `realizefs status` and its log say more.")
    finally:
        os.close(process)


def _show(found: Any) -> None:
    for each in found["arenas"]:
        if each["problem"]:
            show_line(f'"{each["name"]}" can\'t be looked at: {each["problem"]}')
            continue
        files = _count(each["files"], "plain file")
        stays = f"{files} of {size(each['bytes'])} in {each['root']}"
        alone = f"; {_alone(each['alone'])}" if found["peers"] and each["files"] else "."
        show_line(f'"{each["name"]}": what stays is {stays}{alone}')
        for path in each["only_cached"]:
            show_line(f"  only in the cache here: {path}")
        if each["unheard"]:
            show_line(f"  no other machine has heard of {_count(each['unheard'], 'change')}")


def _count(count: int, what: str) -> str:
    return f"1 {what}" if count == 1 else f"{count:,} {what}s"


def _alone(count: int) -> str:
    return f"{count} of them no other machine has." if count else "other machines have all of them."


def _show_done(found: Any, done: Any) -> None:
    if found["name"] is None:
        show_line("There was no household here; what else there was of RealizeFS is removed.")
    else:
        show_line("RealizeFS is removed; the plain files are where they were.")
    for path in done["left"]:
        show_line(
            f"{path} has the trash, or lost+found: remove it when you don't need that any more."
        )
    for path in done["home"]:
        show_line(f"{path} stays, as there are other files in it.")
    if found["peers"]:
        show_line(
            f"So that nobody waits for this machine: on another one, `realizefs peer remove {found['name']}`."
        )
    show_line("The program itself: `pipx uninstall realizefs`, or what you installed it with.")
