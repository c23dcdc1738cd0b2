"""The control protocol: how a command line and the daemon of one home talk to each other.

One line of JSON is a request, one line of JSON its answer, over a unix socket in the home or
over a pipe. Before the answer of what takes long there are lines that tell how far it is; who hangs
up meanwhile wants no more of it. Some commands ask something meanwhile: such a line has the number of the
question, `ask`, and a line goes back with the reply. The command line and the daemon never import each other; what both must know is
here. Lines are ASCII: a path that isn't UTF-8 travels with surrogate escapes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from realizefs.model.errors import Misuse, RealizeError
from realizefs.model.limits import CONTROL_LINE_BYTES_MAX

SOCKET_NAME = "control.sock"
"""The daemon's socket in the control directory."""

DAEMON_MODULE = "realizefs.daemon"
"""What `python -m` runs; `run` serves until it is stopped, `once` answers one request on stdin."""

HOME_VARIABLE = "REALIZEFS_HOME"
"""The environment variable for the home directory; the option --home goes before it."""

APPLICATION = "realizefs"
"""The name of our folder in the XDG directories."""


class BadControlLine(Misuse):
    """What arrived on the control socket is not a request or an answer."""


class Failed(RealizeError):
    """The daemon refused or failed: `sentence` for the user, `causes` for -v, and `kind`, the
    name of the error's class, for programs."""

    def __init__(
        self, sentence: str, causes: tuple[str, ...] = (), status: int = 1, kind: str = ""
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.causes = causes
        self.status = status
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Request:
    """A command and its arguments: strings, numbers, booleans, null and lists of strings."""

    command: str
    arguments: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a command is that takes long."""

    value: object


def control_directory(home: str | None, data_home: str | None, user_home: str) -> str:
    """Where the socket of a home is: in the home itself, or else in our XDG data directory.

    `data_home` is the value of XDG_DATA_HOME. Not in the runtime directory, which differs
    between a login, cron and sudo: all of them must find the one daemon.
    """
    if home is not None:
        return home
    base = data_home if data_home and data_home.strip() else f"{user_home}/.local/share"
    return f"{base}/{APPLICATION}"


def encode_request(request: Request) -> bytes:
    """The request as one line."""
    return _line({"command": request.command, "arguments": dict(request.arguments)})


def encode_result(result: object) -> bytes:
    """A good answer as one line."""
    return _line({"result": result})


def encode_progress(value: object) -> bytes:
    """How far it is, as one line before the answer's."""
    return _line({"progress": value})


def encode_failure(failure: Failed) -> bytes:
    """A bad answer as one line."""
    return _line(
        {
            "error": {
                "sentence": failure.sentence,
                "causes": list(failure.causes),
                "exit_status": failure.status,
                "kind": failure.kind,
            }
        }
    )


def encode_reply(number: int, says_yes: bool) -> bytes:
    """What a person answers to the question of that number, as one line."""
    return _line({"reply": number, "yes": says_yes})


def decode_reply(line: bytes) -> tuple[int, bool]:
    """The number of a question, and whether it is answered with yes; raises BadControlLine."""
    match _parse(line):
        case {"reply": int(number), "yes": bool(says_yes)}:
            return number, says_yes
    raise BadControlLine("The reply is not of the form {reply, yes}.")


def decode_request(line: bytes) -> Request:
    """The request in a line; raises BadControlLine."""
    match _parse(line):
        case {"command": str(command), "arguments": dict(arguments)}:
            return Request(command, arguments)
    raise BadControlLine("The request is not of the form {command, arguments}.")


def decode_answer(line: bytes) -> object:
    """The result in a line, or a Progress; raises Failed if it is an error, BadControlLine if it is
    none of these."""
    match _parse(line):
        case {"result": result}:
            return result
        case {"progress": value}:
            return Progress(value)
        case {"error": {"sentence": str(sentence), "causes": list(causes), **rest}}:
            status = rest.get("exit_status")
            raise Failed(
                sentence,
                tuple(map(str, causes)),
                status if isinstance(status, int) else 1,
                str(rest.get("kind", "")),
            )
    raise BadControlLine("The daemon's answer can't be understood; is it another version?")


def path_text(path: bytes) -> str:
    """A path as it travels in a line."""
    return path.decode("utf-8", "surrogateescape")


def path_bytes(text: str) -> bytes:
    """The path that `path_text` made a string of."""
    return text.encode("utf-8", "surrogateescape")


def _line(value: object) -> bytes:
    line = json.dumps(value, separators=(",", ":")).encode("ascii") + b"\n"
    if len(line) > CONTROL_LINE_BYTES_MAX:
        raise BadControlLine("That is too much for one command; name fewer things at once.")
    return line


def _parse(line: bytes) -> object:
    if len(line) > CONTROL_LINE_BYTES_MAX:
        raise BadControlLine("A line on the control socket is longer than a mebibyte.")
    try:
        value: object = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadControlLine("A line on the control socket is not JSON.") from error
    return value
