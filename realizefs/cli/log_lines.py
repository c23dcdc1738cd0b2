"""What happened to files, as lines for a person: when, who, what."""

from collections.abc import Mapping
from typing import Any

from realizefs.cli.render import local_time

LATE_SECONDS = 600
"""Seconds after a change from which on it is said when it was made: it was heard of late."""

VERBS = {"added": "added", "changed": "changed", "deleted": "deleted", "restored": "brought back"}

COLOURS = {"deleted": "red", "conflict": "yellow"}
"""Of what somebody may want to undo, or has to settle."""


def line(event: Mapping[str, Any], *, arena: bool) -> str:
    """Without colours, and with whatever its names contain; `arena`: say in which it was."""
    where = f" in {event['arena']}" if arena else ""
    return f"{local_time(event['when_ns'])}  {event['peer']} {_deed(event)}{where}{_late(event)}"


def _deed(event: Mapping[str, Any]) -> str:
    what, path, old = event["what"], event["path"], event["old"]
    if what == "heard":
        return f"told of {_things(event['count'], 'thing')} for the first time"
    if what == "conflict":
        return f'kept its own edit of "{old}" as "{path}"'
    if event["count"] > 1:
        return _several(event)
    folder = "the folder " if event["kind"] == "directory" else ""
    if what == "renamed":
        return f'renamed {folder}"{old}" to "{path}"'
    return f'{VERBS.get(what, what)} {folder}"{path}"'


def _several(event: Mapping[str, Any]) -> str:
    things = _things(event["count"], "folder" if event["kind"] == "directory" else "file")
    if event["what"] == "renamed":
        return f"moved {things} from {_folder(event['old'])} to {_folder(event['path'])}"
    verb = VERBS.get(event["what"], event["what"])
    return f"{verb} {things} {_in(event['path'])}"


def _things(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def _folder(path: str | None) -> str:
    return f'"{path}"' if path else "the top"


def _in(path: str) -> str:
    return f'in "{path}"' if path else "at the top"


def _late(event: Mapping[str, Any]) -> str:
    """When it was changed, where that was long before it was heard of."""
    made = event["mtime_ns"]
    if event["what"] not in ("changed", "deleted") or made is None:
        return ""
    if event["when_ns"] - made < LATE_SECONDS * 10**9:
        return ""
    return f", on {local_time(made)}"
