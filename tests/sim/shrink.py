"""Cutting a plan that fails down to what it takes (delta debugging, Zeller 1999)."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.sim.plan import Plan
from tests.sim.world import run

RUNS_MAX = 400
"""Runs that shrinking one plan may take: a few minutes."""


def failure(plan: Plan) -> str | None:
    """What is wrong after a run of the plan, in one line; None if nothing."""
    try:
        run(plan)
    except BaseExceptionGroup as group:
        first: BaseException = group
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        if not isinstance(first, Exception):
            raise
        return f"{type(first).__name__}: {first}"
    return None


def shrunk(plan: Plan, fails: Callable[[Plan], str | None] = failure) -> Plan:
    """The smallest plan found that fails for the same reason."""
    told = fails(plan)
    assert told is not None, "only what fails is shrunk"
    left, size = RUNS_MAX, max(1, len(plan.deeds) // 2)
    while size and left > 0:
        smaller = False
        at = 0
        while at < len(plan.deeds) and left > 0:
            candidate = replace(plan, deeds=plan.deeds[:at] + plan.deeds[at + size :])
            left -= 1
            if _reason(fails(candidate)) == _reason(told):
                plan, smaller = candidate, True
            else:
                at += size
        if not smaller or size > 1:
            size //= 2
    return plan


def _reason(told: str | None) -> str | None:
    """The rule that was broken, without the names."""
    return told[:20] if told is not None else None


def story(plan: Plan) -> Iterator[str]:
    """The plan, for people."""
    yield f"seed {plan.seed}: marks {', '.join(plan.marks)}; mesh {plan.mesh}; skews {plan.skews}"
    for deed in plan.deeds:
        yield f"    after {deed.wait:.3f} s {deed.kind}, p{deed.where} ({deed.pick}, {deed.other})"
