"""Commands about running always: service install, remove, status."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from realizefs.cli import systemd
from realizefs.cli.mounting import WantedMount, real_directory
from realizefs.cli.options import Group, Session, json_option, pass_session
from realizefs.cli.owned_files import is_ours, put, take_away
from realizefs.cli.render import show_fields, show_json, show_line
from realizefs.cli.unit_file import HEADER, unit_name, unit_text
from realizefs.model.control import Failed
from realizefs.model.errors import Misuse, NotFound
from realizefs.model.mount_flags import parse_mount_options

NOT_RUNNING = 1
"""The exit status of `service status` where the service doesn't run."""

NAME_BYTES_MAX = 255
"""Bytes of a file name."""

_KNOWN = (
    "ActiveState",
    "SubState",
    "UnitFileState",
    "MainPID",
    "StatusText",
    "NRestarts",
    "Result",
)


@click.group(cls=Group)
def service() -> None:
    """Have systemd start this machine's daemon, and keep it running."""


@service.command("install")
@click.argument("directory", metavar="[DIR]", required=False)
@click.option("--arena", metavar="NAME", help="Show this arena; else the only one, or all.")
@click.option("-o", "options", metavar="OPTIONS", default="", help="As `mount` takes them.")
@click.option("--no-start", is_flag=True, help="Only from the next login on.")
@click.option("--print", "as_text", is_flag=True, help="Print the unit; change nothing.")
@pass_session
def service_install(
    session: Session,
    directory: str | None,
    arena: str | None,
    options: str,
    no_start: bool,
    as_text: bool,
) -> None:
    """Have the daemon started at login, with a mount at DIR or, without DIR, with none.

    Writes a unit for your own systemd, which restarts the daemon if it fails or hangs, and starts it.
    Said again, it replaces the unit. The log is in the journal: `journalctl --user -u realizefs`.

    \b
    Example:
        realizefs service install ~/Photos
    """
    if directory is None and (arena is not None or options):
        raise Misuse("The options --arena and -o are for a mount: name its DIR, too.")
    unit = _unit(session)
    command = _command(session, directory, arena, options)
    shows = None if directory is None else real_directory(directory)
    text = unit_text(unit.stem, command, shows, _environment(session))
    if as_text:
        click.echo(text, nl=False)
        return
    put(unit, text, HEADER)
    show_line(f"{unit} is written.")
    _enable(unit.name)
    if no_start:
        show_line("It starts at the next login.")
    else:
        _start(session, unit.name)
    if systemd.lingers() is False:
        show_line("It ends when you log out; to have it run always: `loginctl enable-linger`.")


@service.command("remove")
@pass_session
def service_remove(session: Session) -> None:
    """Stop the daemon that systemd runs, and have it started no more. No file is touched.

    \b
    Example:
        realizefs service remove
    """
    unit = _unit(session)
    if not is_ours(unit, HEADER):
        raise NotFound(f'There is no service to remove: "{unit}" doesn\'t exist.')
    if remove_unit(unit):
        show_line(f"{unit} is removed, and the daemon is stopped.")
    else:
        show_line(f"{unit} is removed; systemd couldn't be asked to stop what runs.")


@service.command("status")
@json_option
@pass_session
def service_status(session: Session, as_json: bool) -> int:
    """Say how the service is; the exit status is 0 if it runs, 1 otherwise.

    \b
    Example:
        realizefs service status
    """
    unit = _unit(session)
    installed = is_ours(unit, HEADER)
    found, trouble = _known(unit) if installed else ({}, None)
    runs = found.get("ActiveState") == "active"
    answer = {
        "installed": installed,
        "unit": str(unit),
        "enabled": found.get("UnitFileState") == "enabled",
        "active": runs,
        "state": found.get("SubState", "") or None,
        "result": found.get("Result", "") or None,
        "pid": int(found.get("MainPID") or 0) or None,
        "restarts": int(found.get("NRestarts") or 0),
        "says": found.get("StatusText", "") or None,
        "problem": trouble,
        "lingers": systemd.lingers() if installed else None,
    }
    if as_json:
        show_json(answer)
    else:
        _show(answer)
    return 0 if runs else NOT_RUNNING


def remove_unit(unit: Path) -> bool:
    """Stop, disable and remove the service; False where systemd doesn't answer, and only its files are
    removed."""
    try:
        systemd.systemctl("disable", "--now", unit.name, seconds=systemd.START_SECONDS)
    except Failed:
        systemd.systemctl("disable", unit.name, offline=True)
        take_away(unit, HEADER)
        return False
    take_away(unit, HEADER)
    systemd.systemctl("daemon-reload")
    return True


def installed_unit(session: Session) -> Path | None:
    """The unit of this home, if there is one and it is ours."""
    unit = _unit(session)
    return unit if is_ours(unit, HEADER) else None


def _known(unit: Path) -> tuple[dict[str, str], str | None]:
    """What systemd knows of the service, or why it can't be asked."""
    try:
        return systemd.properties(unit.name, _KNOWN), None
    except Failed as failure:
        return {}, failure.sentence


def _show(answer: dict[str, Any]) -> None:
    if not answer["installed"]:
        show_line("There is no service here; `realizefs service install [DIR]` makes one.")
        return
    if answer["problem"]:
        show_fields([("unit", answer["unit"]), ("state", f"unknown: {answer['problem']}")])
        return
    starts = "at login" if not answer["lingers"] else "with the machine"
    state = f"{answer['state'] or 'unknown'}"
    if answer["result"] not in {None, "success"}:
        state += f" (it ended by: {answer['result']})"
    show_fields(
        [
            ("unit", answer["unit"]),
            ("starts", starts if answer["enabled"] else "not by itself"),
            ("state", state),
            ("process", str(answer["pid"] or "none")),
            ("restarts", str(answer["restarts"])),
            *([("says", answer["says"])] if answer["says"] else []),
        ]
    )


def _unit(session: Session) -> Path:
    name = unit_name(session.client().home)
    if len(name) > NAME_BYTES_MAX:
        raise Misuse("The path of the home is too long for the name of a service.")
    return systemd.unit_directory() / name


def _command(session: Session, directory: str | None, arena: str | None, options: str) -> list[str]:
    """What systemd is to run, whole: its working directory and environment are others."""
    home = session.client().home
    where = [] if home is None else ["--home", home]
    loud = ["-v"] if session.verbose else []
    if directory is None:
        return [_program(), *where, *loud, "serve"]
    flags = ",".join(sorted(parse_mount_options(options).flags))
    shown = WantedMount(real_directory(directory), arena)
    return [
        *(_program(), *where, *loud, "mount", "-f"),
        *([] if shown.arena is None else ["--arena", shown.arena]),
        *(["-o", flags] if flags else []),
        *("--", shown.directory),
    ]


def _environment(session: Session) -> dict[str, str]:
    """Where the usual home is, if these variables say so: systemd doesn't read what a shell reads."""
    if session.client().home is not None:
        return {}
    names = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")
    given = {name: os.environ[name] for name in names if os.environ.get(name, "").strip()}
    for name, value in given.items():
        if not value.isprintable():  # bytes that aren't UTF-8, too
            raise Misuse(f"The value of {name} is none that systemd takes; use --home DIR.")
    return given


def _program() -> str:
    """This very program, by the path that an upgrade leaves right."""
    started = sys.argv[0]
    if os.path.basename(started) == "realizefs" and os.access(started, os.X_OK):
        return os.path.abspath(started)
    return str(Path(sys.executable).with_name("realizefs"))


def _enable(unit: str) -> None:
    """From the next login on, even where systemd can't be asked now."""
    try:
        systemd.systemctl("daemon-reload")
    except Failed as failure:
        systemd.systemctl("enable", unit, offline=True)
        raise Failed(
            f"It starts at the next login, and not now: {failure.sentence}", failure.causes
        ) from failure
    systemd.systemctl("enable", unit)


def _start(session: Session, unit: str) -> None:
    was = systemd.properties(unit, ("ActiveState",)).get("ActiveState")
    connection = session.client().connect()
    if connection is not None:
        connection.close()
        if was != "active":
            show_line(
                "A daemon runs already, which systemd didn't start: stop it (`realizefs umount DIR`), "
                f"and say `systemctl --user start {unit}`, or log in again."
            )
            return
    try:
        systemd.systemctl("restart", unit, seconds=systemd.START_SECONDS)
    except Failed as failure:
        raise Failed(
            f"The service didn't start; `journalctl --user -u {unit}` says why.",
            (failure.sentence, *failure.causes),
        ) from failure
    show_line(f"It runs: {systemd.properties(unit, ('StatusText',)).get('StatusText') or unit}")
