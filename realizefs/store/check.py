"""`realizefs check`: whether everything that `schema` promises is so, while the arena is in use.

Theory of operation. A rule goes over the keys of one table (or the files of one directory) and
looks at each: what does this row need to be true? A look reads whatever it needs and returns
problems. Rows are looked at a page at a time, each page in a read transaction of its own, which
waits for nobody and is over in milliseconds.

What two databases, or a database and a disk, say of one thing can't be read at one moment, so a
look may see a change half done. Hence suspects are looked at again, after a pause where the arena
is running, and only what is wrong in the same way then is told.

A repair looks a third time, in the write transaction that it is made in, so it can only repair
what is wrong at that moment. Fixes of many rows share a transaction; a fix is complete with its
commit, or has steps of its own (`act`) each of which may be the last. Repairs can uncover
other things (a name taken away leaves an entry without one), so the rules are gone over until
nothing more changes.

Memory: one page of rows and SUSPECTS_MAX keys, whatever the size of the arena.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import islice

from realizefs.model.errors import RealizeError, StoreFault
from realizefs.model.findings import Finding, Report
from realizefs.model.ids import Inode
from realizefs.store.env import Environment
from realizefs.store.txn import Txn

PAGE = 500
"""Rows looked at in one read transaction: some 20 ms."""

SUSPECTS_MAX = 5_000
"""Keys that wait for their second look; then these are looked at before going on."""

FIXES_PAGE = 100
"""Suspects repaired in one write transaction: others who write wait no longer than for these."""

ROUNDS_MAX = 8
"""Times that the rules are gone over while repairing: repairs uncover each other three deep."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that isn't as it should be, and what can be done.

    `fix` works in the transaction in which the problem was seen, `act` outside of any, step by
    step; both None where nothing can be done.
    """

    finding: Finding
    fix: Callable[[Txn], None] | None = None
    act: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """What holds for each key of one kind; `what` names them in the report, "" for none."""

    what: str
    page: Callable[[Txn, bytes], Sequence[bytes]]
    """up to PAGE keys from this one on, in ascending order; none at the end"""
    look: Callable[[Txn, bytes], Iterable[Problem]]
    table: str = ""
    """whose rows the keys are of: one that is gone since it was listed is no problem"""


@dataclass(frozen=True, slots=True)
class SlowRule:
    """The same where a look reads whole files, which must not keep a transaction open.

    Its problems are repaired by `act`, which makes sure itself that nothing changed meanwhile.
    """

    what: str
    page: Callable[[Txn, bytes], Sequence[bytes]]
    look: Callable[[bytes], Iterable[Problem]]


@dataclass(frozen=True, slots=True)
class Means:
    """How a check may go about it.

    `commit` runs a function in a write transaction, as whoever else writes does. `pause` lets
    changes that are under way come to their end. `checkpoint` is called often, and may raise to
    end the check.
    """

    env: Environment
    commit: Callable[[Callable[[Txn], int]], int]
    pause: Callable[[], None] = lambda: None
    checkpoint: Callable[[], None] = lambda: None
    repair: bool = False
    holding: Callable[[Inode], AbstractContextManager[None]] = lambda _: nullcontext()
    """nobody else moves the file of that entry meanwhile, nor believes that it was its user"""


def rows_of(table: str) -> Callable[[Txn, bytes], Sequence[bytes]]:
    """The page function of a rule over the keys of a table."""

    def page(txn: Txn, start: bytes) -> Sequence[bytes]:
        return list(islice(txn.scan_keys(table, start), PAGE))

    return page


def rule_of(what: str, table: str, look: Callable[[Txn, bytes], Iterable[Problem]]) -> Rule:
    """A rule over the keys of a table."""
    return Rule(what, rows_of(table), look, table)


def once(txn: Txn, start: bytes) -> Sequence[bytes]:
    """The page function of a rule about the database as a whole."""
    return () if start else (b"\0",)


def check(means: Means, rules: Sequence[Rule], slow: Sequence[SlowRule], report: Report) -> None:
    """Go over all rules, repairing if that is wanted; what is left is in `report`. Blocking."""
    for round_ in range(ROUNDS_MAX):
        before = report.repaired
        report.findings, report.found = [], 0
        for rule in rules:
            _check_rule(means, rule, report, counting=round_ == 0)
        if report.repaired == before:
            break
    for slow_rule in slow:
        _check_slowly(means, slow_rule, report)


def _check_rule(means: Means, rule: Rule, report: Report, *, counting: bool) -> None:
    suspects: list[bytes] = []
    for keys in _pages(means, rule.page):
        with means.env.read() as txn:
            suspects += [key for key in keys if _problems(rule, txn, key)]
        if counting and rule.what:
            report.looked(rule.what, len(keys))
        if len(suspects) >= SUSPECTS_MAX:
            _look_again(means, rule, suspects, report)
            suspects = []
    _look_again(means, rule, suspects, report)


def _pages(
    means: Means, page: Callable[[Txn, bytes], Sequence[bytes]]
) -> Iterator[Sequence[bytes]]:
    start = b""
    while True:
        means.checkpoint()
        with means.env.read() as txn:
            keys = page(txn, start)
        if not keys:
            return
        yield keys
        start = keys[-1] + b"\0"


def _problems(rule: Rule, txn: Txn, key: bytes) -> list[Problem]:
    if rule.table and txn.get(rule.table, key) is None:
        return []
    try:
        return list(rule.look(txn, key))
    except StoreFault as error:  # a record that the rule took to be readable; its own rule says so
        return [Problem(Finding("unreadable", str(error).removesuffix(".")))]


def _look_again(means: Means, rule: Rule, suspects: Sequence[bytes], report: Report) -> None:
    """The second look, and the third one where there is something to repair."""
    if not suspects:
        return
    means.pause()
    for start in range(0, len(suspects), FIXES_PAGE):
        means.checkpoint()
        part = suspects[start : start + FIXES_PAGE]
        with means.env.read() as txn:
            still = [(key, _problems(rule, txn, key)) for key in part]
        still = [(key, problems) for key, problems in still if problems]
        if means.repair:
            _repair(means, rule, [key for key, _ in still], report)
            continue
        for _, problems in still:
            for problem in problems:
                report.tell(problem.finding)


def _repair(means: Means, rule: Rule, keys: Sequence[bytes], report: Report) -> None:
    if not keys:
        return
    mended: list[Finding] = []
    others: list[Problem] = []

    def work(txn: Txn) -> int:
        mended.clear()  # it may be run a second time
        others.clear()
        for key in keys:
            for problem in _problems(rule, txn, key):
                if problem.fix is None:
                    others.append(problem)
                else:
                    problem.fix(txn)
                    mended.append(problem.finding)
        return len(mended)

    means.commit(work)
    for finding in mended:
        report.tell_mended(finding)
    for problem in others:
        _act(problem, report)


def _act(problem: Problem, report: Report) -> None:
    """A repair that has steps of its own; one that fails leaves the finding, with its reason."""
    if problem.act is None:
        report.tell(problem.finding)
        return
    try:
        problem.act()
    except (RealizeError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error).removesuffix(".")
        what = f"{problem.finding.what}; it can't be repaired just now: {reason}"
        report.tell(Finding(problem.finding.kind, what))
    else:
        report.tell_mended(problem.finding)


def _check_slowly(means: Means, rule: SlowRule, report: Report) -> None:
    for keys in _pages(means, rule.page):
        report.looked(rule.what, len(keys))
        for key in keys:
            means.checkpoint()
            problems = list(rule.look(key))
            if problems:
                means.pause()
                problems = list(rule.look(key))
            for problem in problems:
                if means.repair:
                    _act(problem, report)
                else:
                    report.tell(problem.finding)


def kept_in(env: Environment) -> Callable[[Callable[[Txn], int]], int]:
    """The `commit` of a check that is the only one to write."""
    return partial(_commit, env)


def _commit(env: Environment, work: Callable[[Txn], int]) -> int:
    with env.write() as txn:
        return work(txn)
