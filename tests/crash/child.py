"""The process that tests fork from: `python -m tests.crash.child`.

It has installed the tracer and imported everything, and has no threads. Each line that it reads is a
run; it forks for it, waits, and answers in one line.
"""

import errno
import faulthandler
import gc
import json
import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

from tests.crash.points import Die, Fail, Tracer, install

TRACER: Tracer = install()

from realizefs.store.watch import RootWatch  # noqa: E402
from realizefs.sync import patience  # noqa: E402
from tests.crash import consistency, runs  # noqa: E402 - the tracer comes first
from tests.crash.world import World  # noqa: E402

RUN_SECONDS = 60


def main() -> None:
    setattr(patience, "RETRY_SECONDS", 0.002)  # noqa: B010 - mypy
    _warm_up()
    for line in sys.stdin:
        print(json.dumps(_forked(json.loads(line))), flush=True)  # noqa: T201


def _warm_up() -> None:
    """What each run would else load anew: schemas, and functions of C libraries. Without trio, as
    that would leave threads."""
    with tempfile.TemporaryDirectory() as directory:
        world = World(Path(directory, "world"))
        with world.open():
            consistency.problems_at_rest(world)
            RootWatch(world.store.root).close()
    gc.collect()
    gc.freeze()  # a collection would write to, and so copy, pages that are shared


def _forked(order: dict[str, Any]) -> dict[str, Any]:
    answer = Path(order["directory"] + ".answer")
    answer.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        _run(order, answer)
    _, status = os.waitpid(child, 0)
    report: dict[str, Any] = {"killed": os.WIFSIGNALED(status) and os.WTERMSIG(status)}
    if answer.exists():
        report |= json.loads(answer.read_text())
    return report


def _run(order: dict[str, Any], answer: Path) -> None:
    faulthandler.dump_traceback_later(RUN_SECONDS, exit=True)
    directory, name = Path(order["directory"]), order["scenario"]
    directory.mkdir(exist_ok=True)
    try:
        match order["do"]:
            case "act":
                plan = Die(order["point"], after=order["after"]) if order.get("point") else None
                report = runs.act(name, directory, TRACER, plan)
            case "again":
                report = runs.again(name, directory, TRACER, Die(order["point"]), order["day"])
            case "order":
                failing = Fail(order["point"], errno.EIO) if order.get("point") else None
                report = runs.order(name, directory, TRACER, failing)
            case "go on":
                report = runs.go_on(name, directory, TRACER)
            case "fail":
                fault = Fail(order["point"], order["code"], order["times"])
                report = runs.fail(name, directory, TRACER, fault, order["again"])
    except BaseException:  # noqa: BLE001 - told to the test
        report = {"problems": [traceback.format_exc()]}
    answer.write_text(json.dumps(report))
    os._exit(0)


if __name__ == "__main__":
    main()
