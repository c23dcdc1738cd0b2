"""Commands about the shell and the manual: completion and manual, each with show, install, remove."""

import os
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from realizefs.cli import owned_files
from realizefs.cli.manual import SIGN as MANUAL_SIGN
from realizefs.cli.manual import page, page_name, pages
from realizefs.cli.options import Group
from realizefs.cli.render import show_line
from realizefs.model.errors import Misuse, NotFound

PROGRAM = "realizefs"
COMPLETE_VARIABLE = "_REALIZEFS_COMPLETE"
"""With it set the program answers its own shell script, as click does it."""

SIGN = "# Written by `realizefs completion`."

SHELLS = ("bash", "zsh", "fish")

_PLACES = {
    "bash": "bash-completion/completions/realizefs",
    "zsh": "zsh/site-functions/_realizefs",
    "fish": "fish/vendor_completions.d/realizefs.fish",
}
"""Below the XDG data directory of the user, and below `share` of a system."""

_shells = click.argument("shells", nargs=-1, type=click.Choice(SHELLS))


@click.group(cls=Group)
def completion() -> None:
    """Have the shell complete commands, options, paths, arenas and peers."""


@completion.command("show")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion_show(context: click.Context, shell: str) -> None:
    """Print the script for a shell, to be put where that reads it.

    \b
    Example:
        realizefs completion show bash > /etc/bash_completion.d/realizefs
    """
    click.echo(script(context.find_root().command, shell), nl=False)


@completion.command("install")
@_shells
@click.pass_context
def completion_install(context: click.Context, shells: tuple[str, ...]) -> None:
    """Put the script where the shells named read it, for you alone; without a name, your login shell.

    \b
    Examples:
        realizefs completion install
        realizefs completion install bash zsh
    """
    for shell in shells or (_login_shell(),):
        file = data_home() / _PLACES[shell]
        owned_files.put(file, script(context.find_root().command, shell), SIGN)
        show_line(f"{file} is written; new shells complete `realizefs`.")
        if shell == "zsh":
            show_line(
                f"zsh looks there with this line in ~/.zshrc, before compinit: fpath+=({file.parent})"
            )


@completion.command("remove")
def completion_remove() -> None:
    """Remove the scripts that `completion install` wrote.

    \b
    Example:
        realizefs completion remove
    """
    gone = remove_completions()
    for file in gone:
        show_line(f"{file} is removed.")
    if not gone:
        raise NotFound("There is nothing to remove: no script was installed here.")


@click.group(cls=Group)
def manual() -> None:
    """The pages of the manual: `man realizefs`, and one for each command."""


@manual.command("show")
@click.argument("words", metavar="[COMMAND]...", nargs=-1)
@click.pass_context
def manual_show(context: click.Context, words: tuple[str, ...]) -> None:
    """Print the source of a page, as `man -l -` takes it.

    \b
    Example:
        realizefs manual show mark set | man -l -
    """
    for found in pages(context.find_root().command):
        if found.command_path.split() == [PROGRAM, *words]:
            click.echo(page(found), nl=False)
            return
    raise NotFound(f'There is no command "{" ".join(words)}"; `realizefs --help` lists them.')


@manual.command("install")
@click.pass_context
def manual_install(context: click.Context) -> None:
    """Put the pages where man looks for yours.

    \b
    Example:
        realizefs manual install
    """
    remove_pages()  # of commands that there are no more
    made = list(pages(context.find_root().command))
    for found in made:
        owned_files.put(pages_home() / page_name(found), page(found), MANUAL_SIGN)
    show_line(
        f"{len(made)} pages are in {pages_home()}: `man realizefs`, `man realizefs-mark-set`."
    )


@manual.command("remove")
def manual_remove() -> None:
    """Remove the pages that `manual install` wrote.

    \b
    Example:
        realizefs manual remove
    """
    gone = remove_pages()
    if not gone:
        raise NotFound("There is nothing to remove: no page was installed here.")
    show_line(f"{len(gone)} pages are removed from {pages_home()}.")


def script(program: click.Command, shell: str) -> str:
    """What a shell reads to complete our command line."""
    kind = get_completion_class(shell)
    assert kind is not None, "click knows these shells"
    lines = kind(program, {}, PROGRAM, COMPLETE_VARIABLE).source().strip().splitlines()
    at = 1 if lines[0].startswith("#compdef") else 0  # which zsh wants first
    return "\n".join([*lines[:at], SIGN, *lines[at:], ""])


def remove_completions() -> list[Path]:
    """Remove what `completion install` wrote; which files these were."""
    files = [data_home() / place for place in _PLACES.values()]
    return [file for file in files if owned_files.take_away(file, SIGN)]


def remove_pages() -> list[Path]:
    """Remove what `manual install` wrote; which files these were."""
    files = sorted(pages_home().glob("realizefs*.1"))
    return [file for file in files if owned_files.take_away(file, MANUAL_SIGN)]


def data_home() -> Path:
    """Where programs put what is the user's."""
    given = os.environ.get("XDG_DATA_HOME", "").strip()
    return Path(given or os.path.expanduser("~/.local/share"))


def pages_home() -> Path:
    """Where man looks for a user's own pages."""
    return data_home() / "man" / "man1"


def write_share(program: click.Command, directory: Path) -> None:
    """Write scripts and pages below `directory` as they belong below `share` of a system: for wheels."""
    for shell in SHELLS:
        owned_files.put(directory / _PLACES[shell], script(program, shell), SIGN)
    for found in pages(program):
        owned_files.put(directory / "man" / "man1" / page_name(found), page(found), MANUAL_SIGN)


def _login_shell() -> str:
    name = os.path.basename(os.environ.get("SHELL", ""))
    if name not in SHELLS:
        raise Misuse(f"Name a shell; there are {', '.join(SHELLS)}.")
    return name
