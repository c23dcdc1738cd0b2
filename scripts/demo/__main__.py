"""`make demo`: a household of two on this machine, to be tried out; CHECK=1 tries it itself.

Two peers with homes in a temporary folder: `owner`, who owns a copy of SRC, and `visitor`, who
joined by an invitation and is mounted at DIR. Everything is done by the `realizefs` command, as
a person would. Ctrl-C (or SIGTERM) ends it: both are stopped, DIR is unmounted, the folder goes.
"""

import argparse
import io
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from scripts.demo.household import Demo
from scripts.demo.saying import DemoError, say
from scripts.demo.trees import check_source, mount_point, temporary_folder
from scripts.demo.trying import Checks, Samples, choose_samples, five_things, preparation

LOOK_SECONDS = 1.0
"""A signal that comes between a look for it and the next sleep is heard after so long."""


def main() -> int:
    """The exit status: 0 if all was well."""
    options = parser().parse_args()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")  # names are bytes, and printed as such
    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGHUP, interrupt)
    signal.signal(signal.SIGINT, interrupt)
    try:
        with ExitStack() as undo:
            status = run(Path(os.path.realpath(options.dir)), options.src.resolve(), options, undo)
        if not options.check:
            say("Nothing is left.")
        return status
    except (DemoError, OSError, subprocess.SubprocessError) as error:
        say(f"The demo can't go on: {error}")
        return 1
    except KeyboardInterrupt:
        say("Interrupted; nothing is left.")
        return 130


def run(mount: Path, src: Path, options: argparse.Namespace, undo: ExitStack) -> int:
    """Set up, show or check; everything is undone when `undo` is closed."""
    check_source(src, mount)
    samples = choose_samples(src)
    undo.enter_context(mount_point(mount))
    work = Path(undo.enter_context(temporary_folder()))
    demo = Demo(mount, work)
    try:
        demo.set_up(src, undo)
    except DemoError:
        say(demo.last_words())
        raise
    if options.check:
        return run_checks(Checks(demo, samples))
    try:
        show(demo, samples)
        while True:
            time.sleep(LOOK_SECONDS)
    except KeyboardInterrupt:
        say("Unmounting and cleaning up …")
        return 0


def run_checks(checks: Checks) -> int:
    """One line a check; 0 only if all worked. A check after a failed one is tried all the same."""
    failures = 0
    for what, how in checks.all():
        try:
            how()
        except (DemoError, OSError) as error:
            failures += 1
            say(f"failed  {what}: {error}")
        else:
            say(f"ok      {what}")
    return 1 if failures else 0


def show(demo: Demo, samples: Samples) -> None:
    """What there is, and what to try."""
    say(f"""
{demo.mount} shows the {demo.count} files of another peer, the owner.
  the owner's files     {demo.root}
  this machine's files  {demo.visitor_root} (none yet)

Five things worth trying. In another terminal, first:
     {preparation(demo)}""")
    for number, (why, commands) in enumerate(five_things(demo, samples), start=1):
        say(f"\n{number}. {why}")
        for command in commands:
            say(f"     {command}")
    say("\nCtrl-C here ends it and leaves nothing behind.")


def interrupt(_number: int, _frame: FrameType | None) -> None:
    """Any of the signals that end us, as Ctrl-C does; once, so that cleaning up isn't broken off."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def parser() -> argparse.ArgumentParser:
    """--dir, --src, --check."""
    made = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    made.add_argument("--dir", type=Path, default=Path.home() / "arena", help="where to mount")
    made.add_argument("--src", type=Path, default=Path("/usr/include"), help="what to copy")
    made.add_argument("--check", action="store_true", help="try everything, say ok or failed")
    return made


if __name__ == "__main__":
    sys.exit(main())
