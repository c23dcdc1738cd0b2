"""Commands about this peer and its arenas: init, arena add, list, set and remove."""

import os
from typing import Any

import click

from realizefs.cli.options import (
    Command,
    Group,
    Session,
    cache_options,
    json_option,
    mark_option,
    pass_session,
    safety_options,
)
from realizefs.cli.render import show_fields, show_json, show_line, show_table


@click.command(cls=Command)
@click.option("--name", metavar="NAME", help="What other peers call this one; else the host name.")
@click.option(
    "--listen",
    multiple=True,
    metavar="HOST:PORT",
    help="Where other peers connect; may be repeated. Else port 4331 of all interfaces.",
)
@json_option
@pass_session
def init(session: Session, name: str | None, listen: tuple[str, ...], as_json: bool) -> None:
    """Make this peer's key and configuration.

    Not needed before `mount`, `arena add` or `join`, which do it with defaults.

    \b
    Examples:
        realizefs init --name desk
        realizefs init --listen desk.example:4331
    """
    made: Any = session.client().ask("init", {"name": name, "listen": list(listen)})
    if as_json:
        show_json(made)
        return
    show_fields(
        [
            ("name", made["name"]),
            *([("fingerprint", made["fingerprint"])] if session.verbose else []),
            ("listen", ", ".join(made["listen"])),
            ("configuration", made["config"]),
        ]
    )


@click.group(cls=Group)
def arena() -> None:
    """Arenas: the trees of files that are shared."""


@arena.command("add")
@click.argument("name")
@click.argument("directory", metavar="DIR")
@mark_option("The mark of what has no other: own, keep or watch (the default).")
@cache_options
@safety_options
@json_option
@pass_session
def arena_add(
    session: Session,
    /,
    name: str,
    directory: str,
    as_json: bool,
    **settings: str | None,
) -> None:
    """Make a new arena called NAME out of the files in DIR.

    DIR is made if it doesn't exist. What is in it stays as it is.

    \b
    Examples:
        realizefs arena add photos ~/Photos --mark own
        realizefs arena add films /srv/films --cache-max 100GiB --trash 7d
    """
    added: Any = session.client().ask(
        "arena-add",
        {
            "name": name,
            "directory": os.path.abspath(directory),
            **settings,
        },
    )
    if as_json:
        show_json(added)
    else:
        show_line(f'Arena "{added["name"]}" is in {added["root"]}, marked {added["mark"]}.')


@arena.command("list")
@json_option
@pass_session
def arena_list(session: Session, as_json: bool) -> None:
    """List the arenas of this peer.

    \b
    Example:
        realizefs arena list
    """
    arenas: Any = session.client().ask("arena-list", {})
    if as_json:
        show_json(arenas)
        return
    show_table(
        ("NAME", "ROOT", "MARK", "CACHE", "LEAVE", "ID"),
        [
            (
                each["name"],
                each["root"],
                each["mark"],
                each["cache"]["max"] or "default",
                each["cache"]["leave"] or "default",
                each["id"],
            )
            for each in arenas
        ],
        "There is no arena; make one with `realizefs arena add NAME DIR`.",
    )


@arena.command("set")
@click.argument("name")
@mark_option("The new mark of what has no other.")
@cache_options
@safety_options
@json_option
@pass_session
def arena_set(session: Session, /, name: str, as_json: bool, **settings: str | None) -> None:
    """Change the default mark, cache, trash, guard or copies of the arena NAME; also while it runs.

    \b
    Example:
        realizefs arena set photos --mark keep --min-copies 2
    """
    if not any(setting is not None for setting in settings.values()):
        raise click.UsageError(
            "Say what to change: --mark, --cache-max, --cache-leave, --trash, --guard or --min-copies."
        )
    changed: Any = session.client().ask("arena-set", {"name": name, **settings})
    if as_json:
        show_json(changed)
        return
    most, leave = changed["cache"]["max"], changed["cache"]["leave"]
    cache = "the default cache" if most is None else f"a cache of {most}"
    left = "" if leave is None else f", which leaves {leave} of the disk free"
    show_line(f'Arena "{changed["name"]}" is marked {changed["mark"]} and has {cache}{left}.')
    if settings["trash"] is not None or settings["guard"] is not None:
        show_line(
            f"What others delete is kept for {changed['trash']}; more than {changed['guard']} of the "
            "files waits for `realizefs approve`."
        )
    if settings["min_copies"] is not None:
        others = changed["min_copies"]
        machines = "another machine owns" if others == 1 else f"{others} other machines own"
        show_line(f"A file is given up here once {machines} it.")


@arena.command("remove")
@click.argument("name")
@json_option
@pass_session
def arena_remove(session: Session, name: str, as_json: bool) -> None:
    """Take this machine out of the arena NAME.

    The files in its root stay as they are, and nothing is deleted anywhere; the cache and what was
    known about the other files go. The other machines go on without this one.

    \b
    Example:
        realizefs arena remove photos
    """
    removed: Any = session.client().ask("arena-remove", {"name": name})
    if as_json:
        show_json(removed)
    else:
        show_line(f'This machine is no longer in "{name}"; its files are in {removed["root"]}.')
