"""Commands about the daemon: serve, mount, umount, status."""

import os
import time
from typing import Any

import click

from realizefs.cli.client import RETRY_SECONDS, Client
from realizefs.cli.commands_live import queue_sentence
from realizefs.cli.mounting import WantedMount, mount_detached, real_directory, unmount
from realizefs.cli.options import Command, Session, json_option, pass_session
from realizefs.cli.render import duration, show_fields, show_json, show_line, show_table, size
from realizefs.model.control import Failed
from realizefs.model.errors import AlreadyRunning, NoDaemon
from realizefs.model.mount_flags import parse_mount_options


@click.command(cls=Command)
@pass_session
def serve(session: Session) -> None:
    """Serve this peer's arenas to the others, without a mount, until Ctrl-C or SIGTERM.

    The log goes to stderr. `realizefs mount DIR` adds a mount while it runs.

    \b
    Example:
        realizefs serve
    """
    _become_daemon(session, "run")


@click.command(cls=Command)
@click.argument("directory", metavar="DIR")
@click.option("--arena", metavar="NAME", help="Show this arena; else the only one, or all.")
@click.option("-f", "--foreground", is_flag=True, help="Stay until Ctrl-C; log to stderr.")
@click.option(
    "-o",
    "options",
    metavar="OPTIONS",
    default="",
    help="ro, nosuid, nodev, noexec, noatime, allow_other, acl; those of fstab are taken, too.",
)
@pass_session
def mount(
    session: Session, directory: str, arena: str | None, foreground: bool, options: str
) -> None:
    """Show an arena, or all of them, at DIR.

    With no arena configured, DIR becomes one, called by its name. With one, DIR shows that; with
    several, each is a folder in DIR, unless DIR is the root of one. Returns once the mount
    answers; a daemon that runs already does the mounting, else one is started.

    \b
    Examples:
        realizefs mount ~/Photos
        realizefs mount ~/household -o ro,allow_other
        realizefs mount -f --arena photos ~/Photos
    """
    client = session.client()
    wanted = WantedMount(
        real_directory(directory), arena, tuple(sorted(parse_mount_options(options).flags))
    )
    if not foreground:
        show_line(mount_detached(client, wanted, session.verbose))
        return
    if (connection := client.connect()) is not None:
        connection.close()
        raise AlreadyRunning("A daemon runs here already; leave out -f and it will do the mount.")
    _become_daemon(session, "run", *wanted.as_options())


@click.command(cls=Command)
@click.argument("directory", metavar="DIR")
@pass_session
def umount(session: Session, directory: str) -> None:
    """Take the mount at DIR away; also one that a dead daemon left there.

    A daemon that `realizefs mount` started ends; one that `realizefs serve` started goes on.

    \b
    Example:
        realizefs umount ~/Photos
    """
    show_line(unmount(session.client(), real_directory(directory)))


@click.command(cls=Command)
@click.option(
    "--wait",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    default=0.0,
    help="Keep trying for so long.",
)
@json_option
@pass_session
def status(session: Session, wait: float, as_json: bool) -> None:
    """Say how everything is: arenas, what waits and why, peers; the exit status is 0 once it is up.

    SIZE is that of all files, REMOTE what of it isn't here. REAL are plain files, CACHED takes that much
    of the disk; KEPT is the part of it that stays.

    \b
    Examples:
        realizefs status
        realizefs status --wait 30 && ls ~/Photos
    """
    found = _status_when_up(session.client(), wait)
    if as_json:
        show_json(found)
    else:
        _show_status(found)


def _status_when_up(client: Client, wait: float) -> Any:
    deadline = time.monotonic() + wait
    while True:
        try:
            found: Any = client.ask_running("status", {})
            if found["up"]:
                return found
            reason = "The daemon is starting; ask again, or use --wait SECONDS."
        except NoDaemon as error:
            reason = str(error)
        if time.monotonic() >= deadline:
            raise Failed(reason, status=NoDaemon.exit_status, kind="NoDaemon")
        time.sleep(RETRY_SECONDS)


def _show_status(found: Any) -> None:
    wire = found["wire"]
    show_fields(
        [
            ("peer", f"{found['name']} (process {found['pid']})"),
            ("listening", ", ".join(found["listen"]) or "nowhere"),
            ("received", size(wire["bytes_in"])),
            ("sent", size(wire["bytes_out"])),
            *_limit_fields(found.get("limits")),
        ]
    )
    for problem in found["problems"]:
        show_line(f"PROBLEM: {problem}")
    for each in found["arenas"]:
        if each.get("notice"):  # an older daemon has none
            show_line(f'Note: Arena "{each["name"]}": {each["notice"]}')
        if each.get("waits"):
            show_line(
                f'Note: Arena "{each["name"]}" fetches nothing in the background: {each["waits"]}.'
            )
        if each["pending"] and each.get("queues"):
            show_line(f'Jobs: Arena "{each["name"]}": {_queued(each)}')
        if each.get("awaited"):  # an older daemon has none
            names = " or ".join(each["awaited"])
            show_line(f'Waits: Arena "{each["name"]}": for {names} to be connected.')
        if each.get("failure"):
            show_line(f'Failed: Arena "{each["name"]}": {each["failure"]}')
    show_line("")
    show_table(
        ARENA_COLUMNS,
        [_arena_row(each) for each in found["arenas"]],
        "There is no arena; make one with `realizefs arena add NAME DIR`.",
    )
    show_line("")
    show_table(
        ("PEER", "CONNECTED", "RECEIVED", "SENT"),
        [_peer_row(each, found) for each in found["peers"]],
        "No other peer is known.",
    )


def _queued(arena: Any) -> str:
    return queue_sentence(arena["queues"], put_off=bool(arena["waits"]))


ARENA_COLUMNS = (
    *("ARENA", "FILES", "SIZE", "REAL", "CACHED", "KEPT", "REMOTE"),
    *("PENDING", "JOBS", "ROOT", "MOUNT"),
)


def _peer_row(each: Any, found: Any) -> tuple[str, ...]:
    """An older daemon tells of a peer only whether it is connected."""
    sizes = [size(each.get(name, 0)) for name in ("bytes_in", "bytes_out")]
    return (each["name"], connection(each, found.get("now_ns", 0)), *sizes)


def connection(peer: Any, now_ns: int) -> str:
    """How long a peer has been connected, or how long ago it was."""
    if peer["connected"]:
        since = peer.get("since_ns")
        return f"for {duration((now_ns - since) / 1e9)}" if since else "yes"
    seen = peer.get("seen_ns")
    return f"no, {duration((now_ns - seen) / 1e9)} ago" if seen else "no, not since the start"


def _limit_fields(limits: Any) -> list[tuple[str, str]]:
    """The limits that there are; an older daemon says nothing of them."""
    every = [("", limits), *limits["peers"].items()] if limits else []
    return [
        ("limit", f"{name} {way} {size(one[way])}/s".lstrip())
        for name, one in every
        for way in ("down", "up")
        if one[way] is not None
    ]


def _arena_row(each: Any) -> tuple[str, ...]:
    return (
        each["name"],
        str(each["files"]),
        size(each.get("bytes", 0)),
        size(each["real_bytes"]),
        f"{size(each['cached_bytes'])} of {size(each['cache_limit'])}",
        size(each["kept_bytes"]),
        size(each.get("remote_bytes", 0)),
        str(each["pending"]),
        str(each["jobs"]),
        each["root"],
        each["mount"] or "-",
    )


def _become_daemon(session: Session, *arguments: str) -> None:
    client = session.client()
    verbose = ["--verbose"] if session.verbose else []
    command = client.daemon_command(*verbose, *arguments)
    os.execve(command[0], command, client.daemon_environment())
