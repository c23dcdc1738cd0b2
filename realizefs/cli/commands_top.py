"""The command top."""

import time
from textwrap import wrap

import click

from realizefs.cli import screen
from realizefs.cli.client import Client
from realizefs.cli.options import Command, Session, json_option, pass_session
from realizefs.cli.render import printable, show_json, show_line
from realizefs.cli.top import Order, Sample, as_json, lines, state
from realizefs.model.control import Failed
from realizefs.model.errors import NoDaemon

PRINTED_COLUMNS = 100
"""Of what is printed once."""


@click.command(cls=Command)
@click.option("--once", is_flag=True, help="Print it once, after SECONDS, and end.")
@click.option(
    *("--interval", "seconds"),
    metavar="SECONDS",
    type=click.FloatRange(min=0.2, max=3600),
    default=2.0,
    help="Time between two looks (2).",
)
@json_option
@pass_session
def top(session: Session, once: bool, seconds: float, as_json: bool) -> None:
    """Show live what goes to and fro: rates by peer, caches, programs that read, jobs.

    Keys: q quits; r, t and n sort by rate, total and name. With --once or --json it is printed once.

    \b
    Examples:
        realizefs top
        realizefs top --once --json
    """
    looking = _Looking(session.client())
    if once or as_json:
        time.sleep(seconds)
        looking.look()
        if as_json:
            show_json(looking.json())
        else:
            for line in looking.lines(Order.RATE, PRINTED_COLUMNS, None):
                show_line(line)
        return
    screen.run(looking.draw, seconds)


class _Looking:
    """The last two samples of a daemon; the first one at once, or there is no daemon to be looked at."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._before = self._now = self._sample()
        self._looked_at = time.monotonic()

    def look(self) -> None:
        """Ask again."""
        self._before, self._now = self._now, self._sample()
        self._looked_at = time.monotonic()

    def draw(self, order: Order, columns: int, rows: int) -> list[str]:
        """A screen; keys that come quickly ask no more often than twice a second."""
        try:
            if time.monotonic() - self._looked_at >= LOOK_SECONDS_MIN:
                self.look()
        except (NoDaemon, Failed, OSError) as error:
            return ["Trying again:", *wrap(printable(str(error)), columns)]
        return self.lines(order, columns, rows)

    def lines(self, order: Order, columns: int, rows: int | None) -> list[str]:
        """Of the last two samples."""
        return lines(state(self._before, self._now), order, columns, rows)

    def json(self) -> object:
        """The same for programs."""
        return as_json(state(self._before, self._now))

    def _sample(self) -> Sample:
        metrics = self._client.ask_running("metrics", {})
        return Sample(metrics, self._client.ask_running("jobs", {}))  # type: ignore[arg-type]


LOOK_SECONDS_MIN = 0.5
"""Seconds between two looks at least: rates over less say little."""
