"""The command about this machine as a place for a mount: doctor."""

from typing import Any

import click

from realizefs.cli.options import Command, Session, json_option, pass_session
from realizefs.cli.render import show_json, show_line

SOMETHING_WRONG = 1
"""The exit status where something that people expect doesn't work."""

_SIGNS = {"ok": "ok  ", "note": "note", "wrong": "WRONG"}


@click.command(cls=Command)
@json_option
@pass_session
def doctor(session: Session, as_json: bool) -> int:
    """Look at all that could be in the way, and say how to mend it.

    FUSE, permissions, inotify, the clock, the disks of the arena roots, the ports, and whether each
    peer can be reached. Nothing is changed. Works with a daemon, without one, and before there is
    anything. The exit status is 0 if nothing is wrong, 1 otherwise; notes are no fault.

    \b
    Example:
        realizefs doctor
    """
    found: Any = session.client().ask("doctor", {})
    if as_json:
        show_json(found)
    else:
        for check in found["checks"]:
            show_line(f"{_SIGNS.get(check['health'], check['health']):5}  {check['sentence']}")
            if check["fix"]:
                show_line(f"       → {check['fix']}")
    return 0 if found["well"] else SOMETHING_WRONG
