"""Pages of the manual, made of what the commands say of themselves: man(7)'s markup.

A help is paragraphs; one that begins with \\b keeps its lines, and one of these that begins with
`Example` becomes the section of examples.
"""

import inspect
import re
from collections.abc import Iterable, Iterator

import click

from realizefs.cli.version import release

SIGN = '.\\" Written by RealizeFS from what its commands say of themselves.'

_EXIT_STATUS = (
    ("0", "all went well"),
    ("1", "something failed, was done in part only, or isn't as it should be"),
    ("2", "what was asked for can't be: a wrong argument or configuration, no daemon, a used code"),
    ("130", "interrupted by Ctrl-C"),
)

_ENVIRONMENT = (
    ("REALIZEFS_HOME", "the directory of this peer's configuration, key and state, as --home"),
    ("XDG_CONFIG_HOME, XDG_DATA_HOME, XDG_STATE_HOME", "where these are without it"),
)

_FILES = (
    ("~/.config/realizefs/config.toml", "the configuration"),
    ("~/.config/realizefs/key.pem", "who this peer is; to be kept to yourself"),
    ("~/.local/share/realizefs/", "its database, and the socket of its daemon"),
    ("~/.local/state/realizefs/daemon.log", "the log of a daemon that `realizefs mount` started"),
    ("ROOT/.realize/", "of each arena: database, cache, trash, lost+found"),
)

_AS_TYPED = str.maketrans(
    {"\\": r"\e", "-": r"\-", "~": r"\(ti", "^": r"\(ha", "`": r"\(ga", "'": r"\(aq"}
)
"""What would be shown as a typographer's sign, and then not be what a shell takes."""


def pages(program: click.Command) -> Iterator[click.Context]:
    """A context for each command that has a page, the program itself first."""
    settings = program.context_settings
    yield from _below(click.Context(program, info_name="realizefs", **settings))


def page_name(context: click.Context) -> str:
    """The name of a page's file."""
    return f"{_page_of(context)}.1"


def page(context: click.Context) -> str:
    """The page of one command."""
    command, name = context.command, _page_of(context)
    paragraphs, examples = _told(command)
    summary = command.get_short_help_str(limit=200).rstrip(".")
    lines = [
        SIGN,
        f'.TH {name.upper()} 1 "" "RealizeFS {release()}" "RealizeFS"',
        *(".SH NAME", f"{_text(name)} \\- {_text(summary)}"),
        *(".SH SYNOPSIS", f"\\fB{_text(context.command_path)}\\fR"),
        _text(" ".join(command.collect_usage_pieces(context))),
        *(".SH DESCRIPTION", *paragraphs),
    ]
    if isinstance(command, click.Group):
        lines += [".SH COMMANDS", *_commands(context, command)]
    lines += [".SH OPTIONS", *_options(context)]
    if examples:
        lines += [".SH EXAMPLES", *examples]
    lines += [".SH EXIT STATUS", *_listed(_EXIT_STATUS)]
    if context.parent is None:
        lines += [".SH ENVIRONMENT", *_listed(_ENVIRONMENT), ".SH FILES", *_listed(_FILES)]
    lines += [".SH SEE ALSO", _see_also(context)]
    return "\n".join([*lines, ""])


def _below(context: click.Context) -> Iterator[click.Context]:
    yield context
    if isinstance(context.command, click.Group):
        for name, command in sorted(context.command.commands.items()):
            if not command.hidden:
                yield from _below(click.Context(command, info_name=name, parent=context))


def _page_of(context: click.Context) -> str:
    return context.command_path.replace(" ", "-")


def _told(command: click.Command) -> tuple[list[str], list[str]]:
    """The paragraphs of a help as lines of the page, and its examples."""
    paragraphs: list[str] = []
    examples: list[str] = []
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(command.help or "")):
        kept, lines = paragraph.startswith("\b"), paragraph.lstrip("\b").strip("\n").splitlines()
        if lines and re.match(r"\s*Examples?\b", lines[0]):
            examples += [*_verbatim(lines[1:])]
        elif kept:
            paragraphs += [".PP", *_verbatim(lines)]
        else:
            paragraphs += [".PP", _text(" ".join(line.strip() for line in lines))]
    return paragraphs, examples


def _verbatim(lines: list[str]) -> list[str]:
    text = inspect.cleandoc("\n" + "\n".join(lines)).splitlines()
    return [".nf", *map(_text, text), ".fi"]


def _listed(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    for term, meaning in pairs:
        yield ".TP"
        yield f"\\fB{_text(term)}\\fR"
        yield _text(meaning)


def _options(context: click.Context) -> Iterator[str]:
    options = [one for one in context.command.get_params(context) if isinstance(one, click.Option)]
    records = (one.get_help_record(context) for one in options)
    yield from _listed(record for record in records if record is not None)


def _commands(context: click.Context, group: click.Group) -> Iterator[str]:
    for name, command in sorted(group.commands.items()):
        if not command.hidden:
            yield ".TP"
            yield f"\\fB{_text(f'{_page_of(context)}-{name}')}\\fR(1)"
            yield _text(command.get_short_help_str(limit=200))


def _see_also(context: click.Context) -> str:
    parents = []
    above = context.parent
    while above is not None:
        parents.append(f"\\fB{_text(_page_of(above))}\\fR(1)")
        above = above.parent
    return ", ".join([*reversed(parents), "the README of RealizeFS"])


def _text(text: str) -> str:
    """Words as they are to be read, whatever they would mean as markup; on one line."""
    shown = " ".join(text.split("\n")).translate(_AS_TYPED)
    return f"\\&{shown}" if shown.startswith(".") else shown
