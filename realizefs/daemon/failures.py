"""From an exception to what the command line shows: a sentence, its causes, an exit status."""

import os

from realizefs.model.control import Failed
from realizefs.model.errors import RealizeError


def failed(error: BaseException) -> Failed:
    """The answer for `error`; what isn't foreseen is said to be our fault, with the log as help."""
    if isinstance(error, Failed):
        return error
    kind = type(error).__name__
    if isinstance(error, RealizeError):
        return Failed(str(error), causes_of(error), error.exit_status, kind)
    if isinstance(error, OSError):
        return Failed(_sentence(error), causes_of(error), 1, kind)
    return Failed(
        "This failed inside RealizeFS, which is a bug; the log says where.",
        (f"{kind}: {error}", *causes_of(error)),
        1,
        kind,
    )


def first_of(error: BaseException) -> BaseException:
    """One error of a group; tasks that fail together mostly fail for one reason."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def causes_of(error: BaseException) -> tuple[str, ...]:
    """What led to the error, nearest first."""
    causes: list[str] = []
    cause = error.__cause__ or error.__context__
    while cause is not None and len(causes) < 10:  # a chain can't be longer and be read
        causes.append(f"{type(cause).__name__}: {cause}")
        cause = cause.__cause__ or cause.__context__
    return tuple(causes)


def _sentence(error: OSError) -> str:
    reason = os.strerror(error.errno) if error.errno else str(error)
    if error.filename is None:
        return f"The system refused: {reason}."
    return f'"{os.fsdecode(error.filename)}": {reason}.'
