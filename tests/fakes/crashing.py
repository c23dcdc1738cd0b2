"""Environments whose process ends right before or right after a commit, at the n-th such point."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from realizefs.store.env import Environment
from realizefs.store.schema import Schema
from realizefs.store.txn import Txn


class Crash(Exception):
    """The process is gone: nothing that it held in memory may be used after this."""


@dataclass(slots=True)
class CrashPoints:
    """Shared by all environments of a process; `left` points are passed, the next one is the end.

    Negative: it never ends.
    """

    left: int = -1

    def reach(self) -> None:
        self.left -= 1
        if self.left == -1:
            raise Crash


class CrashingEnvironment(Environment):
    """Before the commit the transaction is lost; after it the caller doesn't hear of it."""

    def __init__(self, directory: Path, schema: Schema, points: CrashPoints) -> None:
        super().__init__(directory, schema)
        self._points = points

    @contextmanager
    def write(self) -> Iterator[Txn]:
        with super().write() as txn:
            yield txn
            self._points.reach()
        self._points.reach()
