"""What every command has: --home and -v, before or after its name; --json where it reads."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from realizefs.cli.client import Client
from realizefs.model.control import HOME_VARIABLE

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(slots=True)
class Session:
    """What was said about all commands."""

    home: str | None = None
    verbose: bool = False

    def client(self) -> Client:
        """A client for the home that was named, else the one in the environment, else XDG."""
        home = self.home or os.environ.get(HOME_VARIABLE) or None
        return Client(os.path.abspath(home) if home else None)


pass_session = click.make_pass_decorator(Session)


def _note_home(context: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.ensure_object(Session).home = value


def _note_verbose(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        context.ensure_object(Session).verbose = True


def _global_options() -> list[click.Option]:
    return [
        click.Option(
            ["--home"],
            metavar="DIR",
            expose_value=False,
            is_eager=True,
            callback=_note_home,
            help=f"Directory of this peer's configuration, key and state; or ${HOME_VARIABLE}.",
        ),
        click.Option(
            ["-v", "--verbose"],
            is_flag=True,
            expose_value=False,
            is_eager=True,
            callback=_note_verbose,
            help="Say what led to an error; log more.",
        ),
    ]


class Command(click.Command):
    """A command that takes the global options, too."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.params += _global_options()


class Group(click.Group):
    """A group whose commands and groups take the global options, too."""

    command_class = Command

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.params += _global_options()


Group.group_class = Group


def json_option(command: F) -> F:
    """Adds --json, given as `as_json`."""
    text = "Print JSON, for programs; `realizefs schema` says what is in it."
    return click.option("--json", "as_json", is_flag=True, help=text)(command)


def mark_option(text: str) -> Callable[[F], F]:
    """Adds --mark."""
    return click.option("--mark", type=click.Choice(["own", "keep", "watch"]), help=text)


def cache_options(command: F) -> F:
    """Adds --cache-max and --cache-leave."""
    leave = click.option(
        "--cache-leave",
        metavar="SIZE",
        help="What the cache leaves free of the disk, such as 5GiB or 2%.",
    )
    most = click.option(
        "--cache-max",
        metavar="SIZE",
        help="Most that the cache may take, such as 500MB, 10GiB or 20% of the disk.",
    )
    return most(leave(command))


def safety_options(command: F) -> F:
    """Adds --trash, --guard and --min-copies."""
    trash = click.option(
        "--trash", metavar="TIME", help="How long what others delete is kept, such as 30d or 12h."
    )
    guard = click.option(
        "--guard",
        metavar="PERCENT",
        help="Part of the files here that others may delete unasked, such as 50%; 100%: all.",
    )
    copies = click.option(
        "--min-copies",
        metavar="N",
        help="How many other machines must own a file before this one gives its own up; 1.",
    )
    return trash(guard(copies(command)))
