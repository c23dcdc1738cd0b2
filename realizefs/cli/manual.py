"""Pages of the manual, made of what the commands say of themselves: man(7)'s markup.

A help is paragraphs; one that begins with \\b keeps its lines, and one of these that begins with
`Example` becomes the section of examples.
"""

import inspect
import re
from collections.abc import Iterator

import click

from realizefs.cli.version import release

SIGN = '.\\" Written by RealizeFS from what its commands say of themselves.'

_EXIT_STATUS = (
    ("0", "all went well"),
    ("1", "something failed, or isn't as it should be"),
    ("2", "what was asked for can't be: a wrong argument or configuration, no daemon, a used code"),
    ("130", "interrupted by Ctrl-C"),
)


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
    lines += [".SH EXIT STATUS"]
    for status, meaning in _EXIT_STATUS:
        lines += [".TP", f"\\fB{status}\\fR", _text(meaning)]
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


def _options(context: click.Context) -> Iterator[str]:
    for parameter in context.command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and isinstance(parameter, click.Option):
            yield ".TP"
            yield f"\\fB{_text(record[0])}\\fR"
            yield _text(record[1])


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
    shown = " ".join(text.split("\n")).replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{shown}" if shown[:1] in {".", "'"} else shown
