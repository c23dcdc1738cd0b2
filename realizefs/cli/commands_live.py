"""Commands about what goes on at this moment: jobs."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import click

from realizefs.cli.options import Command, Session, json_option, pass_session
from realizefs.cli.render import duration, show_json, show_line, show_table, size

DOING = {"Realize": "make real", "Unrealize": "give up", "UpdateCache": "cache"}
"""What a job does with its file, by the name of its action."""

SHOWN = 50
"""Jobs that are printed, unless all are wanted; --json always has all that the daemon tells."""

QUEUE_WORDS = (
    ("running", "running"),
    ("due", "waiting for a turn"),
    ("for_peer", "waiting for another machine"),
    ("backoff", "to be tried again after a failure"),
    ("held", "waiting for `realizefs approve`"),
    ("dirty", "to be decided on"),
)
"""Queues, and what those in them do."""


@click.command(cls=Command)
@click.option(
    *("-n", "--lines"),
    metavar="N",
    type=click.IntRange(min=0),
    default=SHOWN,
    help="Show so many of each arena (50).",
)
@json_option
@pass_session
def jobs(session: Session, lines: int, as_json: bool) -> None:
    """Tell what is being fetched or given up now, and what waits and why.

    At most N (50) of an arena are shown: those that run, then those that are due first.

    \b
    Example:
        realizefs jobs --lines 10
    """
    found: Any = session.client().ask_running("jobs", {})
    if as_json:
        show_json(found)
        return
    for each in found:
        show_line(f'Arena "{each["arena"]}": {_sentence(each)}')
    rows = [_row(each["arena"], job) for each in found for job in each["jobs"][:lines]]
    if rows:
        show_line("")
        show_table(("ARENA", "JOB", "SIZE", "HERE", "STATE", "PATH"), rows, "")


def queue_sentence(queues: Mapping[str, int], *, put_off: bool = False) -> str:
    """How many jobs run, and how many wait for what; `put_off`: nothing is fetched in the background.

    >>> queue_sentence({"running": 1, "backoff": 2})
    '1 running, 2 to be tried again after a failure.'
    """
    other = {"for_peer": "put off"} if put_off else {}
    parts = [
        f"{queues[name]} {other.get(name, words)}"
        for name, words in QUEUE_WORDS
        if queues.get(name)
    ]
    return ", ".join(parts) + "." if parts else "nothing to do."


def _sentence(arena: Mapping[str, Any]) -> str:
    said = queue_sentence(arena["queues"], put_off=arena["waits"] is not None)
    return f"{said} Nothing is fetched now: {arena['waits']}." if arena["waits"] else said


def job_state(job: Mapping[str, Any]) -> str:
    """What it waits for, and until when, as a person says it."""
    if job["state"] == "running":
        return "runs"
    if job["retry_ns"] is None:
        return f"waits {job['why']}"
    again = max(0.0, job["retry_ns"] / 1e9 - time.time())
    tried = "once" if job["attempts"] == 1 else f"{job['attempts']} times"
    return f"tried {tried}, again in {duration(again)}: {_cause(job['why'])}"


def share(here: int, whole: int) -> str:
    """How much of it is here.

    >>> share(1, 3), share(0, 0)
    ('33%', '-')
    """
    return f"{100 * here // whole}%" if whole else "-"


def _cause(why: str) -> str:
    return why.removeprefix("since it failed: ")


def _row(arena: str, job: Mapping[str, Any]) -> Sequence[str]:
    doing = DOING.get(job["action"], job["action"])
    done = share(job["here"], job["size"]) if job["action"] != "Unrealize" else "-"
    return (arena, doing, size(job["size"]), done, job_state(job), job["path"])
