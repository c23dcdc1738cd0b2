"""Commands about what other machines deleted, replaced or edited at the same time."""

import os
from typing import Any

import click

from realizefs.cli.options import Command, Group, Session, json_option, pass_session
from realizefs.cli.render import moment, show_json, show_line, show_table, size


@click.command(cls=Command)
@click.argument("name", metavar="ARENA")
@click.option("--reject", is_flag=True, help="Have it back everywhere instead.")
@click.option("--list", "only_list", is_flag=True, help="Only say what waits.")
@json_option
@pass_session
def approve(session: Session, name: str, reject: bool, only_list: bool, as_json: bool) -> None:
    """Delete here, too, what other machines deleted of ARENA and the guard holds.

    Where they delete more than half of the files that are here, and more than a hundred, these stay
    until somebody says so. What is deleted then lies in the trash for a while.

    \b
    Examples:
        realizefs approve photos --list
        realizefs approve photos --reject
    """
    if reject and only_list:
        raise click.UsageError("Say --reject or --list, not both.")
    verdict = None if only_list else "reject" if reject else "approve"
    said: Any = session.client().ask("approve", {"name": name, "verdict": verdict}, seconds=None)
    if as_json:
        show_json(said)
        return
    count = f"{said['count']} files and folders"
    if reject:
        show_line(f"{count} come back everywhere.")
    elif not only_list:
        show_line(f"{count} go to the trash.")
    elif not said["count"]:
        show_line(f'Nothing waits for approval in "{name}".')
    else:
        for path in said["paths"]:
            show_line(path)
        if said["count"] > len(said["paths"]):
            show_line(f"… and {said['count'] - len(said['paths'])} more")


@click.group(cls=Group)
def trash() -> None:
    """What other machines deleted or replaced of the plain files here."""


@trash.command("list")
@click.argument("names", metavar="[ARENA]...", nargs=-1)
@json_option
@pass_session
def trash_list(session: Session, names: tuple[str, ...], as_json: bool) -> None:
    """List the trash of the arenas named, or of all, newest first.

    \b
    Example:
        realizefs trash list photos
    """
    found: Any = session.client().ask("trash-list", {"names": list(names)})
    if as_json:
        show_json(found)
        return
    rows = [
        (arena["name"], moment(one["deleted"]), size(one["size"]), one["path"])
        for arena in found
        for one in arena["files"]
    ]
    show_table(("ARENA", "WHEN", "SIZE", "PATH"), rows, "The trash is empty.")
    for arena in found:
        more = arena["count"] - len(arena["files"])
        if more:
            show_line(f"… and {more} more in {arena['name']}, {size(arena['bytes'])} in all")


@trash.command("restore")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@json_option
@pass_session
def trash_restore(session: Session, paths: tuple[str, ...], as_json: bool) -> None:
    """Bring back what was at PATH, and below it, as it was last; for all machines.

    PATH is in the mount or in an arena root, though there may be nothing. Where there is something
    else by now, what comes back is called "NAME (restored DATE).EXT".

    \b
    Example:
        realizefs trash restore ~/Photos/2024/a.jpg
    """
    absolute = [os.path.abspath(path) for path in paths]
    restored: Any = session.client().ask("trash-restore", {"paths": absolute}, seconds=None)
    if as_json:
        show_json(restored)
        return
    for one in restored:
        show_line(f"{one['arena']}: {one['path']}")


@trash.command("empty")
@click.argument("names", metavar="[ARENA]...", nargs=-1)
@click.option("--older", metavar="TIME", help="Only what is older, such as 7d or 12h.")
@json_option
@pass_session
def trash_empty(session: Session, names: tuple[str, ...], older: str | None, as_json: bool) -> None:
    """Remove for good what is in the trash of the arenas named, or of all.

    \b
    Example:
        realizefs trash empty photos --older 7d
    """
    arguments = {"names": list(names), "older": older}
    emptied: Any = session.client().ask("trash-empty", arguments, seconds=None)
    if as_json:
        show_json(emptied)
        return
    for arena in emptied:
        show_line(f"{arena['name']}: {arena['count']} files removed, {size(arena['bytes'])}.")


@click.group(cls=Group, invoke_without_command=True)
@click.option("--arena", "names", multiple=True, metavar="ARENA", help="Only of this arena.")
@json_option
@pass_session
@click.pass_context
def conflicts(
    context: click.Context, session: Session, names: tuple[str, ...], as_json: bool
) -> None:
    """List what two machines edited at the same time, so that there are two files.

    \b
    Examples:
        realizefs conflicts
        realizefs conflicts --arena photos
    """
    if context.invoked_subcommand is not None:
        return
    found: Any = session.client().ask("conflicts", {"names": list(names)}, seconds=None)
    if as_json:
        show_json(found)
        return
    rows = [
        (one["arena"], one["peer"], one["date"], size(one["size"]), one["path"]) for one in found
    ]
    show_table(("ARENA", "EDITED ON", "DATE", "SIZE", "COPY"), rows, "There is no conflict.")


@conflicts.command("resolve")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.option(
    "--keep",
    type=click.Choice(["copy", "original", "both"]),
    required=True,
    help="The copy at PATH, the file that has the name, or both, the copy under a plain name.",
)
@json_option
@pass_session
def resolve(session: Session, paths: tuple[str, ...], keep: str, as_json: bool) -> None:
    """Settle the conflict of the copy at PATH, for all machines.

    What isn't kept goes to the trash of those that have it as a plain file.

    \b
    Example:
        realizefs conflicts resolve "plan (conflict desk 2026-03-01 12.30.00).txt" --keep copy
    """
    absolute = [os.path.abspath(path) for path in paths]
    settled: Any = session.client().ask("conflicts-resolve", {"paths": absolute, "keep": keep})
    if as_json:
        show_json(settled)
        return
    for one in settled:
        show_line(f"{one['arena']}: {one['path']}")
