"""The record of an arena's rules ↔ values."""

from typing import Any

from realizefs.codec.records import damaged, decode_record, new_record
from realizefs.model.errors import BadMark
from realizefs.model.ids import Inode
from realizefs.model.marks import Mark
from realizefs.model.rules import Rule

_NONE = -1


def encode_rules(rules: tuple[Rule, ...], last: int) -> bytes:
    """All rules, and the last number that was given to one."""
    rows = [
        {
            "number": one.number,
            "mark": one.mark.value,
            "pattern": one.pattern,
            "below": one.below,
            "minSize": one.min_size,
            "maxSize": _or_none(one.max_size),
            "newerNs": _or_none(one.newer_ns),
            "olderNs": _or_none(one.older_ns),
        }
        for one in rules
    ]
    return new_record("Rules", rules=rows, last=last)


def decode_rules(data: bytes) -> tuple[tuple[Rule, ...], int]:
    """The same; StoreFault where it is damaged."""
    try:
        return decode_record(
            "Rules", "rules last", data, lambda rows, last: (tuple(map(_rule, rows)), last)
        )
    except BadMark as error:
        raise damaged("Rules", data) from error


def _rule(row: Any) -> Rule:
    return Rule(
        number=row.number,
        mark=Mark.parse(row.mark),
        pattern=bytes(row.pattern),
        below=Inode(row.below),
        min_size=row.minSize,
        max_size=_or_absent(row.maxSize),
        newer_ns=_or_absent(row.newerNs),
        older_ns=_or_absent(row.olderNs),
    )


def _or_none(value: int | None) -> int:
    return _NONE if value is None else value


def _or_absent(value: int) -> int | None:
    return None if value == _NONE else value
