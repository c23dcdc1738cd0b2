"""What the shell offers for a word: names of arenas and peers as the running daemon has them, paths.

A completion is asked for at each press of a key: where no daemon answers soon there are no names, and
never a sentence.
"""

from collections.abc import Iterable
from typing import Any

import click
from click.shell_completion import CompletionItem

from realizefs.cli.options import Session
from realizefs.model.errors import RealizeError

COMPLETE_SECONDS = 1.0
"""Seconds a daemon has for an answer: longer than that nobody looks at a prompt that stands still."""

MARKS = ("own", "keep", "watch")


class Path(click.types.StringParamType):
    """A path; "dir" where only a directory will do."""

    def __init__(self, kind: str = "file", words: Iterable[str] = ()) -> None:
        self._kind, self._words = kind, tuple(words)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        words = [CompletionItem(word) for word in self._words if word.startswith(incomplete)]
        # Words come last: bash's script forgets what came before a path.
        return [CompletionItem(incomplete, type=self._kind), *words]


class Word(click.types.StringParamType):
    """One of these."""

    def __init__(self, words: Iterable[str]) -> None:
        self._words = tuple(words)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        return [CompletionItem(word) for word in self._words if word.startswith(incomplete)]


class CommandName(click.types.StringParamType):
    """The next word of a command's name, of which `ctx` has those before."""

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        at: click.Command | None = ctx.find_root().command
        for word in ctx.params.get(param.name or "") or ():
            at = at.commands.get(word) if isinstance(at, click.Group) else None
        commands = at.commands.items() if isinstance(at, click.Group) else ()
        names = sorted(name for name, one in commands if not one.hidden)
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


class Known(click.types.StringParamType):
    """The name of something that the daemon's status lists under `key`."""

    def __init__(self, key: str) -> None:
        self._key = key

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        session = ctx.find_object(Session) or Session()
        try:
            found: Any = session.client().ask_running("status", {}, COMPLETE_SECONDS)
            names = [str(each["name"]) for each in found[self._key]]
        except (RealizeError, OSError, KeyError, TypeError):
            return []  # no daemon, or another version's: there is nothing to offer
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


ARENAS, PEERS = Known("arenas"), Known("peers")


def offer_words(command: click.Command, below: str = "") -> None:
    """Say for every word of a command, and of those below it, what it can be, by how it is called in
    the help; `below` is the name of the group that it is in."""
    for parameter in command.params:
        if parameter.type is click.STRING:
            parameter.type = _kind_of(parameter, below, command.name or "") or parameter.type
    if isinstance(command, click.Group):
        for each in command.commands.values():
            offer_words(each, command.name or "")


def _kind_of(parameter: click.Parameter, below: str, command: str) -> click.ParamType[Any] | None:
    called = f"{parameter.metavar or ''} {parameter.name or ''}".upper()
    if "MARK" in called and "PATH" in called:
        return Path(words=MARKS)
    for word, kind in (
        ("COMMAND", CommandName()),
        ("PATH", Path()),
        ("DIR", Path("dir")),
        ("HOME", Path("dir")),
        ("PEER", PEERS),
        ("ARENA", ARENAS),
        ("MARK", Word(MARKS)),
    ):
        if word in called:
            return kind
    if "NAME" in called and below in _NAMED and command not in {"add", "install"}:
        return _NAMED[below]
    return ARENAS if command == "check" and "NAME" in called else None


_NAMED = {"arena": ARENAS, "peer": PEERS}
