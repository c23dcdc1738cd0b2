"""Which rule counts for a file, and until when.

    a mark on the file itself                         counts, whatever rules say
    a file of patterns (`ignore`)                     is a plain file everywhere
    else go up from the file's directory, and at each directory:
      rules made for it, the latest first             the first whose pattern, size and age fit counts
      a mark set on it                                counts
    nothing up to the root                            the arena's default

So a rule is as a mark on its directory that is particular about what it is for: it counts before a
mark there, and up to the next mark or fitting rule below.

Only age changes by itself. Of the rules that are asked before one counts, and of that one, it is known
when their age begins or ceases to fit; the first such moment is when the file is to be asked about again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from realizefs.core.ignore import Pattern, parse
from realizefs.model.errors import Misuse
from realizefs.model.rules import Rule
from realizefs.model.versions import Version

PATTERN_BYTES_MAX = 1024
"""Bytes of a rule's pattern: a few names."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The rule that counts, if any, and the wall-clock nanoseconds from which another may."""

    rule: Rule | None
    again_ns: int | None


NOTHING = Choice(None, None)


def choose(
    candidates: Iterable[tuple[Rule, Sequence[bytes]]], version: Version, now_ns: int
) -> Choice:
    """Of rules, the nearest and latest first, each with the names from its directory to the file."""
    again: list[int] = []
    for rule, names in candidates:
        if not _fits(rule, names, version):
            continue
        turns = [
            version.mtime_ns + age for age in (rule.newer_ns, rule.older_ns) if age is not None
        ]
        again += [turn for turn in turns if turn > now_ns]
        if _is_of_age(rule, version, now_ns):
            return Choice(rule, min(again, default=None))
    return Choice(None, min(again, default=None))


def may_fit(rules: Iterable[Rule], name: bytes) -> bool:
    """Whether some rule may be about a file of that name, wherever it is."""
    return any(pattern_of(rule).last.fullmatch(name) is not None for rule in rules)


def pattern_of(rule: Rule) -> Pattern:
    """What its pattern means; Misuse, a sentence, where it means nothing."""
    shown = rule.pattern[:80].decode("utf-8", "backslashreplace")
    found = parse(rule.pattern) if len(rule.pattern) <= PATTERN_BYTES_MAX else ()
    if len(found) != 1 or b"\n" in rule.pattern:
        raise Misuse(f'"{shown}" is no pattern for names of files; write one such as "*.pdf".')
    if found[0].is_negated or found[0].only_directories:
        raise Misuse(f'"{shown}" can\'t be the pattern of a rule: it is to name files.')
    return found[0]


def _fits(rule: Rule, names: Sequence[bytes], version: Version) -> bool:
    size = version.size
    if size < rule.min_size or (rule.max_size is not None and size > rule.max_size):
        return False
    return pattern_of(rule).matches(names, is_directory=False)


def _is_of_age(rule: Rule, version: Version, now_ns: int) -> bool:
    age = now_ns - version.mtime_ns
    too_old = rule.newer_ns is not None and age >= rule.newer_ns
    return not too_old and (rule.older_ns is None or age >= rule.older_ns)
