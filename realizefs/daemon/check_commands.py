"""Commands about what may be damaged or lost: check, and arena accept-loss."""

from collections.abc import Mapping, Sequence
from functools import partial

import trio

from realizefs.daemon.app import App
from realizefs.daemon.arenas import Slot
from realizefs.daemon.arguments import Arguments
from realizefs.daemon.control import Caller, telling
from realizefs.model.control import path_text
from realizefs.model.errors import Misuse, RealizeError
from realizefs.model.findings import Finding, Report
from realizefs.model.limits import CONTROL_LINE_BYTES_MAX
from realizefs.store.check import Means, kept_in
from realizefs.store.check_arena import check_home

Answer = Mapping[str, object]

TOLD_BYTES_MAX = CONTROL_LINE_BYTES_MAX // 4
"""Bytes of sentences in one answer, before JSON makes up to six of one."""


async def check(app: App, arguments: Arguments, caller: Caller) -> Answer:
    """Whether the home and its arenas, or those that are named, are sound; tells what was looked at."""
    repair, deep = arguments.flag("repair"), arguments.flag("deep")
    names = arguments.texts("names")
    slots = [app.arenas.named(name) for name in names] if names else list(app.arenas)
    reports: list[Report] = []
    async with caller.waiting(), telling(caller, partial(_looked_at, reports)):
        reports.append(await _home(app, repair=repair))
        for slot in slots:
            reports.append(Report(slot.config.name))
            reports[-1] = await _arena(app, slot, reports[-1], repair=repair, deep=deep)
    room = TOLD_BYTES_MAX
    told: list[Answer] = []
    for report in reports:
        answer, room = _shown(report, room)
        told.append(answer)
    return {"clean": not any(report.found for report in reports), "reports": told}


def _looked_at(reports: Sequence[Report]) -> Answer | None:
    """What was looked at of the last of them, which is being filled."""
    if not reports:
        return None
    last = reports[-1]
    return {"name": last.name or None, "looked_at": dict(tuple(last.looked_at.items()))}


async def arena_accept_loss(app: App, arguments: Arguments) -> Answer:
    """What is lost with an arena's root; accepted if "yes" is said."""
    slot = app.arenas.named(arguments.text("name"))
    really = arguments.flag("yes")
    if slot.opened is not None:
        raise Misuse(f'The arena "{slot.config.name}" is in service; there is no loss to accept.')
    loss = await app.loss(slot, really=really)
    return {
        "name": slot.config.name,
        "root": str(slot.config.root),
        "files": loss.files,
        "bytes": loss.size,
        "alone": loss.alone,
        "alone_bytes": loss.alone_size,
        "alone_paths": [path_text(path) for path in loss.alone_paths],
        "state_lost": loss.state_lost,
        "accepted": really,
    }


async def _home(app: App, *, repair: bool) -> Report:
    env = app.parts.env
    means = Means(env, kept_in(env), checkpoint=trio.from_thread.check_cancelled, repair=repair)
    return await trio.to_thread.run_sync(partial(check_home, means))


async def _arena(app: App, slot: Slot, report: Report, *, repair: bool, deep: bool) -> Report:
    """One that can't even be opened is a finding, and no obstacle to the others."""
    try:
        async with app.opened(slot) as opened:
            return await opened.check(report, repair=repair, deep=deep)
    except (RealizeError, OSError) as error:
        report.tell(Finding("closed", str(error).removesuffix(".")))
        return report


def _shown(report: Report, room: int) -> tuple[Answer, int]:
    """The report with as many sentences as there is room for, and the room that is left."""
    findings, room = _cut(report.findings, room)
    mended, room = _cut(report.mended, room)
    return {
        "name": report.name or None,
        "findings": [_finding(finding) for finding in findings],
        "found": report.found,
        "repaired": [_finding(finding) for finding in mended],
        "repaired_count": report.repaired,
        "looked_at": dict(report.looked_at),
        "notes": list(report.notes),
    }, room


def _cut(findings: Sequence[Finding], room: int) -> tuple[list[Finding], int]:
    kept: list[Finding] = []
    for finding in findings:
        room -= len(finding.sentence)
        if room < 0:
            return kept, 0
        kept.append(finding)
    return kept, room


def _finding(finding: Finding) -> Answer:
    return {"kind": finding.kind, "sentence": finding.sentence}
