"""Commands about paths: marks, and what is known of a file.

A PATH is in a mount or in an arena root. It is made absolute by its text alone: the daemon says
what it is, so that these commands answer even where the mount itself couldn't.
"""

import os
from collections.abc import Sequence
from typing import Any

import click

from realizefs.cli.foresight import dry_run_option, show_foresight
from realizefs.cli.log_lines import line
from realizefs.cli.options import Command, Group, Session, json_option, pass_session
from realizefs.cli.render import printable, show_fields, show_json, show_line, show_table, size
from realizefs.model.errors import BadMark
from realizefs.model.marks import Mark

KINDS_SHOWN = {"file": "", "directory": "/", "symlink": "@", "local": ""}
"""Behind a name, as ls -F has it."""

PATHS_A_REQUEST = 100
"""Paths in one request: with the longest paths Linux has it stays below the bound of a line."""


@click.group(cls=Group)
def mark() -> None:
    """Marks: own, keep or watch, what this machine stores of a file or a folder.

    \b
    own    a regular file here, updated when another peer changes it
    keep   complete in the cache, readable offline
    watch  shown; what is read is fetched and cached for a while
    """


@mark.command("get")
@click.argument("path")
@json_option
@pass_session
def mark_get(session: Session, path: str, as_json: bool) -> None:
    """Print the mark in force at PATH and where it comes from.

    \b
    Example:
        realizefs mark get ~/Photos/2024
    """
    found: Any = session.client().ask("mark-get", {"path": os.path.abspath(path)})
    if as_json:
        show_json(found)
    else:
        show_line(shown_mark(found))


@mark.command("set")
@click.argument("words", metavar="MARK PATH...", nargs=-1, required=True)
@dry_run_option
@json_option
@pass_session
def mark_set(session: Session, words: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Set MARK (own, keep or watch) on each PATH; folders pass it on to what is in them.

    \b
    Example:
        realizefs mark set --dry-run own ~/Photos/2024
        realizefs mark set own ~/Photos/2024
    """
    chosen, paths = _mark_and_paths(words)
    if dry_run:
        show_foresight(session, chosen, paths, as_json=as_json)
    else:
        _ask_for_all(session, "mark-set", {"mark": chosen}, paths, as_json)


@mark.command("clear")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@dry_run_option
@json_option
@pass_session
def mark_clear(session: Session, paths: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Remove the mark set on each PATH itself, so that it inherits one again.

    \b
    Example:
        realizefs mark clear ~/Photos/2024
    """
    if dry_run:
        show_foresight(session, None, paths, as_json=as_json)
    else:
        _ask_for_all(session, "mark-clear", {}, paths, as_json)


@click.command(cls=Command)
@click.argument("path")
@json_option
@pass_session
def info(session: Session, path: str, as_json: bool) -> None:
    """Say in a sentence what PATH is here and why; then all that is known of it.

    That is its mark, its status, who holds it, what is wanted, and what happened to it lately.

    \b
    Example:
        realizefs info ~/Photos/holiday/beach.jpg
    """
    found: Any = session.client().ask("info", {"path": os.path.abspath(path)})
    if as_json:
        show_json(found)
        return
    show_line(found["sentence"])
    show_line("")
    holders = [f"{each['peer']} {each['state']}" for each in found["holders"]]
    show_fields(
        [
            ("arena", found["arena"]),
            ("path", found["path"]),
            ("mark", shown_mark(found)),
            ("status", found["status"]),
            ("size", f"{size(found['size'])} ({found['size']})"),
            ("hash", found["hash"] or "-"),
            ("holders", holders or "none known"),
            ("wanted", found["decision"] or "nothing"),
            ("why", found["why"]),
            ("lately", [line(each, arena=False) for each in found["lately"]] or "-"),
        ]
    )


@click.command("ls", cls=Command)
@click.argument("paths", metavar="[PATH]...", nargs=-1)
@json_option
@pass_session
def list_states(session: Session, paths: tuple[str, ...], as_json: bool) -> None:
    """List each PATH (here, unless said) with the state and the mark of all that is in it.

    The state is real (a plain file here), modified, cached, partial, remote or unavailable; a folder has
    none. What is never shared comes last.

    \b
    Example:
        realizefs ls ~/Photos/holiday
    """
    client, found, notes = session.client(), list[Any](), list[str]()
    for path in paths or (".",):
        absolute, after = os.path.abspath(path), ""
        while True:
            answer: Any = client.ask("ls", {"path": absolute, "after": after}, seconds=None)
            entries = answer["entries"]
            notes += _notes(answer)
            found += [{"arena": answer["arena"], "folder": path, **one} for one in entries]
            if not answer["more"]:
                break
            after = entries[-1]["name"]
    if as_json:
        show_json(found)
        return
    show_table(
        ("STATE", "MARK", "SIZE", "NAME"),
        [_listed(one) for one in found],
        _nothing(notes),
    )


@click.command(cls=Command)
@click.argument("paths", metavar="[PATH]...", nargs=-1)
@json_option
@pass_session
def du(session: Session, paths: tuple[str, ...], as_json: bool) -> None:
    """Say how much of each PATH (here, unless said), in all, is in which state.

    SIZE is what the files have, HERE what of that this machine stores.

    \b
    Example:
        realizefs du ~/Photos
    """
    absolute = [os.path.abspath(path) for path in paths or (".",)]
    notes: list[str] = []
    found: Any = session.client().ask(
        "du", {"paths": absolute}, seconds=None, told=lambda told: notes.extend(_notes(told))
    )
    if as_json:
        show_json(found)
        return
    rows = [(state, one["files"], one["bytes"], one["here"]) for state, one in found.items()]
    if len(rows) > 1:
        rows.append(("all", *(sum(row[place] for row in rows) for place in (1, 2, 3))))
    show_table(
        ("STATE", "FILES", "SIZE", "HERE"),
        [(state, str(files), size(whole), size(here)) for state, files, whole, here in rows],
        _nothing(notes),
    )


def _listed(one: Any) -> tuple[str, str, str, str]:
    """A folder has no bytes, and whether there is a plain one here says nothing of what is in it."""
    is_folder = one["kind"] == "directory"
    state, bytes_of = ("-", "-") if is_folder else (one["status"], size(one["size"]))
    return state, one["mark"], bytes_of, one["name"] + KINDS_SHOWN[one["kind"]]


def _notes(told: Any) -> list[str]:
    """What is no part of the answer is said on stderr."""
    note = told.get("note")  # an older daemon has none
    if not note:
        return []
    click.echo(printable(note), err=True)
    return [note]


def _nothing(notes: Sequence[str]) -> str:
    """What is said where nothing was found."""
    return "Nothing is known to be in it yet." if notes else "Nothing is in it."


def shown_mark(found: Any) -> str:
    """The mark of an answer, and where it comes from."""
    return f"{found['mark']} ({_origin(found)})"


def _origin(found: Any) -> str:
    if found["explicit"]:
        return "set here"
    if found["rule"] is not None:
        return str(found["rule"])
    if found["mark_from"] is None:
        return f'the default of arena "{found["arena"]}"'
    return f"set on {found['mark_from']}"


def _mark_and_paths(words: Sequence[str]) -> tuple[str, Sequence[str]]:
    """MARK PATH..., and PATH... MARK since that is how it is easily remembered."""
    marks = {each.value for each in Mark}
    if len(words) < 2:
        raise click.UsageError("Say the mark and then the paths: `mark set keep holiday/`.")
    if words[0] in marks:
        return words[0], words[1:]
    if words[-1] in marks:
        return words[-1], words[:-1]
    raise BadMark(words[0])


def _ask_for_all(
    session: Session,
    command: str,
    arguments: dict[str, object],
    paths: Sequence[str],
    as_json: bool,
) -> None:
    client = session.client()
    absolute = [os.path.abspath(path) for path in paths]
    found: list[Any] = []
    for start in range(0, len(absolute), PATHS_A_REQUEST):
        part = absolute[start : start + PATHS_A_REQUEST]
        answer: Any = client.ask(command, {**arguments, "paths": part})
        found += answer
    if as_json:
        show_json(found)
        return
    for each in found:
        show_line(f"{each['path']}: {shown_mark(each)}")
