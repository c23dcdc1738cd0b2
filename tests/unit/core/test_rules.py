"""Which rule counts for a file, row by row, and until when."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realizefs.core.rules import choose, pattern_of
from realizefs.model.errors import Misuse
from realizefs.model.ids import Inode
from realizefs.model.marks import Mark
from realizefs.model.rules import NANOSECONDS, Rule
from realizefs.model.versions import Kind, Version

DAY = 86400 * NANOSECONDS
NOW = 1000 * DAY
PDF = Rule(1, Mark.KEEP, b"*.pdf", Inode(2))
FILE = Version(Kind.FILE, size=1000, mtime_ns=NOW - 10 * DAY)

ROWS = [
    # rule                                   names                    counts  asked again
    (PDF, [b"a.pdf"], True, None),
    (PDF, [b"deep", b"a.pdf"], True, None),
    (PDF, [b"a.txt"], False, None),
    (replace(PDF, pattern=b"/a.pdf"), [b"a.pdf"], True, None),
    (replace(PDF, pattern=b"/a.pdf"), [b"deep", b"a.pdf"], False, None),
    (replace(PDF, pattern=b"scans/**"), [b"scans", b"x", b"a.pdf"], True, None),
    (replace(PDF, max_size=1000), [b"a.pdf"], True, None),
    (replace(PDF, max_size=999), [b"a.pdf"], False, None),
    (replace(PDF, min_size=1000), [b"a.pdf"], True, None),
    (replace(PDF, min_size=1001), [b"a.pdf"], False, None),
    (replace(PDF, newer_ns=30 * DAY), [b"a.pdf"], True, NOW + 20 * DAY),
    (replace(PDF, newer_ns=10 * DAY), [b"a.pdf"], False, None),
    (replace(PDF, newer_ns=30 * DAY), [b"a.txt"], False, None),
    (replace(PDF, older_ns=10 * DAY), [b"a.pdf"], True, None),
    (replace(PDF, older_ns=30 * DAY), [b"a.pdf"], False, NOW + 20 * DAY),
    (replace(PDF, older_ns=5 * DAY, newer_ns=15 * DAY), [b"a.pdf"], True, NOW + 5 * DAY),
    (replace(PDF, older_ns=15 * DAY, newer_ns=20 * DAY), [b"a.pdf"], False, NOW + 5 * DAY),
]


@pytest.mark.parametrize(("rule", "names", "counts", "again"), ROWS)
def test_each_condition(rule: Rule, names: list[bytes], counts: bool, again: int | None) -> None:
    choice = choose([(rule, names)], FILE, NOW)
    assert choice.rule is (rule if counts else None)
    assert choice.again_ns == again


def test_the_first_that_fits_counts_and_those_before_it_are_waited_for() -> None:
    later = replace(PDF, number=3, older_ns=30 * DAY)
    fitting, last = replace(PDF, number=2, newer_ns=60 * DAY), PDF
    names = [b"a.pdf"]
    choice = choose([(later, names), (fitting, names), (last, names)], FILE, NOW)
    assert choice.rule is fitting
    assert choice.again_ns == NOW + 20 * DAY


@pytest.mark.parametrize("pattern", [b"", b"!*.pdf", b"#x", b"dir/", b"a\nb", b"[", b"x" * 2000])
def test_what_names_no_files_is_refused(pattern: bytes) -> None:
    with pytest.raises(Misuse):
        pattern_of(replace(PDF, pattern=pattern))


ages = st.one_of(st.none(), st.integers(0, 100))
some_rules = st.lists(
    st.builds(
        lambda newer, older, small: replace(PDF, newer_ns=newer, older_ns=older, min_size=small),
        ages,
        ages,
        st.integers(0, 3),
    ),
    max_size=4,
)


@given(some_rules, st.integers(0, 3), st.integers(-50, 150), st.integers(0, 300))
def test_nothing_changes_before_it_is_asked_again(
    rules: list[Rule], size: int, mtime: int, now: int
) -> None:
    """And where it isn't to be asked again, never: so no file need be looked at in between."""
    version = replace(FILE, size=size, mtime_ns=mtime)
    candidates = [(rule, [b"a.pdf"]) for rule in rules]
    first = choose(candidates, version, now)
    until = first.again_ns if first.again_ns is not None else now + 1000
    assert until > now
    for moment in range(now, until):
        assert choose(candidates, version, moment).rule is first.rule


def test_a_rule_says_what_it_is() -> None:
    whole = replace(PDF, min_size=1, max_size=20 * 2**20, newer_ns=30 * DAY, older_ns=90 * 10**9)
    assert whole.said() == (
        'keep "*.pdf", 1 bytes at least, 20 MiB at most, changed in the last 30 days, '
        "not changed for 90 seconds"
    )
