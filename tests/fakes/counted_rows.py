"""Counts the rows that transactions write and delete."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from realizefs.store.txn import Txn


@contextmanager
def counted_rows() -> Iterator[list[str]]:
    """The table of each row that is written or deleted inside, in order; totals that are written
    at the commit included."""
    tables: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        for name in ("put", "delete"):
            patch.setattr(Txn, name, _noting(name, tables))
        yield tables


def _noting(name: str, tables: list[str]) -> object:
    method = getattr(Txn, name)

    def call(txn: Txn, table: str, *arguments: bytes) -> object:
        tables.append(table)
        return method(txn, table, *arguments)

    return call
