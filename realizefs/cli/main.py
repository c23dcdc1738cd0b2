"""The `realizefs` command: its subcommands, and how errors end it.

Every error is one sentence on stderr and a non-zero exit status: 2 where what was asked for can't
be, 1 where something failed. -v adds what led to it.
"""

import subprocess
import sys
from collections.abc import Sequence

import click

from realizefs.cli.commands_background import pause, resume
from realizefs.cli.commands_cache import evict, fetch, move
from realizefs.cli.commands_check import accept_loss, check
from realizefs.cli.commands_completion import completion, manual
from realizefs.cli.commands_daemon import mount, serve, status, umount
from realizefs.cli.commands_desktop import desktop
from realizefs.cli.commands_doctor import doctor
from realizefs.cli.commands_home import arena, init
from realizefs.cli.commands_joining import invite, join
from realizefs.cli.commands_journal import log
from realizefs.cli.commands_live import jobs
from realizefs.cli.commands_paths import du, info, list_states, mark
from realizefs.cli.commands_peers import peer
from realizefs.cli.commands_rates import limit
from realizefs.cli.commands_rules import rule
from realizefs.cli.commands_safety import approve, conflicts, trash
from realizefs.cli.commands_schema import schema
from realizefs.cli.commands_service import service
from realizefs.cli.commands_top import top
from realizefs.cli.commands_uninstall import uninstall
from realizefs.cli.commands_web import web
from realizefs.cli.completing import offer_words
from realizefs.cli.fstab import as_command
from realizefs.cli.options import Group, Session
from realizefs.cli.render import printable
from realizefs.cli.version import print_version
from realizefs.model.control import Failed
from realizefs.model.errors import RealizeError

INTERRUPTED = 130
"""The exit status after Ctrl-C, as shells have it."""


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=print_version,
    help="Say which release this is, and of which commit.",
)
@click.pass_context
def cli(context: click.Context) -> None:
    """Every file of a household on every machine, as one ordinary folder.

    First steps: `realizefs mount ~/arena` makes ~/arena an arena and mounts it; `realizefs invite
    arena` prints a code, with which another machine joins: `realizefs join CODE`.
    """
    context.ensure_object(Session)


for _command in (
    *(
        init,
        arena,
        invite,
        join,
        serve,
        mount,
        umount,
        status,
        jobs,
        top,
        mark,
        info,
        log,
        list_states,
        du,
    ),
    *(peer, check),
    *(fetch, evict, move, approve, trash, conflicts),
):
    cli.add_command(_command)
cli.add_command(limit)
cli.add_command(rule)
for _command in (doctor, desktop, pause, resume, web, service):
    cli.add_command(_command)


arena.add_command(accept_loss)
for _command in (completion, manual, schema, uninstall):
    cli.add_command(_command)
offer_words(cli)


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    session = Session()
    try:
        words = as_command(sys.argv[1:] if arguments is None else arguments, cli.commands)
        result = cli.main(words, prog_name="realizefs", standalone_mode=False, obj=session)
        return result if isinstance(result, int) else 0
    except click.Abort:
        return INTERRUPTED
    except click.ClickException as error:
        return _misused(error, session)
    except BrokenPipeError:
        return _end_quietly()
    except Failed as error:
        return _complain(error.sentence, error.causes, error.status, session)
    except RealizeError as error:
        cause = error.__cause__
        return _complain(str(error), (str(cause),) if cause else (), error.exit_status, session)
    except subprocess.TimeoutExpired as error:
        return _complain("The command took too long and was stopped.", (str(error),), 1, session)
    except OSError as error:
        where = f'"{error.filename}": ' if error.filename else ""
        return _complain(f"{where}{error.strerror or error}.", (repr(error),), 1, session)


def _misused(error: click.ClickException, session: Session) -> int:
    """The words of a command are wrong: what, and where it is said which are right."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()  # the help of a group, of which no command was named
        return error.exit_code
    context = error.ctx if isinstance(error, click.UsageError) else None
    where = f" See `{context.command_path} --help`." if context else ""
    said = error.format_message()
    stop = "" if said.endswith((".", "?", "!")) else "."
    return _complain(f"{said}{stop}{where}", (), error.exit_code, session)


def _complain(sentence: str, causes: Sequence[str], status: int, session: Session) -> int:
    click.echo(f"realizefs: {printable(sentence)}", err=True)
    if session.verbose:
        for cause in causes:
            click.echo(f"  because of {printable(cause)}", err=True)
    return status or 1


def _end_quietly() -> int:
    """Who read our output has gone; nothing more can be said, not even at exit."""
    sys.stdout = None
    return 1
