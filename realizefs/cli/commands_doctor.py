"""The command about this machine as a place for a mount: doctor."""

from typing import Any

import click

from realizefs.cli.client import Client, DaemonEnded
from realizefs.cli.options import Command, Session, json_option, pass_session
from realizefs.cli.render import coloured, printable, show_json, show_line
from realizefs.model.errors import NoDaemon

SOMETHING_WRONG = 1
"""The exit status where something that people expect doesn't work."""

ANSWER_SECONDS = 15.0
"""Seconds for a daemon that runs: it gives up on what it looks at after ten."""

ALONE_SECONDS = 30.0
"""Seconds for a process that looks at the machine alone."""

_SIGNS = {"ok": ("ok", "green"), "note": ("note", "yellow"), "wrong": ("WRONG", "red")}


@click.command(cls=Command)
@json_option
@pass_session
def doctor(session: Session, as_json: bool) -> int:
    """Look at all that could be in the way, and say how to mend it.

    The kernel, FUSE, permissions, inotify, the clock, the key, the disks of the home and of the arena
    roots, the ports and addresses, whether each peer can be reached, and whether its clock agrees. Nothing
    is changed. Works with a daemon, with one that hangs, without one, and before there is anything; what
    has no answer after ten seconds is a finding. The exit status is 0 if nothing is wrong, 1 otherwise;
    notes are no fault.

    \b
    Example:
        realizefs doctor
    """
    found = _found(session.client())
    if as_json:
        show_json(found)
    else:
        for check in found["checks"]:
            sign, colour = _SIGNS.get(check["health"], (check["health"], "white"))
            click.echo(f"{coloured(f'{sign:5}', colour)}  {printable(check['sentence'])}")
            if check["fix"]:
                show_line(f"       → {check['fix']}")
    return 0 if found["well"] else SOMETHING_WRONG


def _found(client: Client) -> Any:
    """What the daemon finds, or, where none runs or it says nothing, what can be found without it."""
    connection = client.connect(ANSWER_SECONDS)
    if connection is not None:
        try:
            return connection.ask("doctor", {})
        except DaemonEnded:
            pass  # just now: then it is as if there were none
        except NoDaemon as error:
            return client.ask_alone("doctor-alone", {"problem": str(error)}, ALONE_SECONDS)
        finally:
            connection.close()
    return client.ask("doctor", {}, ALONE_SECONDS)
