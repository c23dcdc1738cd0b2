"""`python -m realizefs.daemon`: what the command line starts; people use `realizefs`.

`run` serves a home until SIGINT, SIGTERM or SIGHUP, or until its mount is gone if it was started
for one. `once` answers one request from stdin on stdout. Both hold the home's lock, so there is
one daemon per home.
"""

import argparse
import faulthandler
import gc
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path

import trio

from realizefs.codec.buffers import BUFFERS, keep_heap
from realizefs.daemon.app import App, Shells, open_app
from realizefs.daemon.arguments import Arguments
from realizefs.daemon.control import Caller, answer, serve_control
from realizefs.daemon.conversation import Piped
from realizefs.daemon.daemon_commands import mount_at
from realizefs.daemon.dispatch import execute
from realizefs.daemon.doctor_commands import doctor_alone, doctor_before
from realizefs.daemon.failures import failed, first_of
from realizefs.daemon.farewell_commands import NOBODY
from realizefs.daemon.home import Home, home_at
from realizefs.daemon.live_commands import metrics
from realizefs.daemon.logs import log_to
from realizefs.daemon.mounting import mounter
from realizefs.daemon.opening import opener
from realizefs.daemon.readiness import ServiceManager
from realizefs.daemon.setup_commands import init
from realizefs.daemon.standing import standing
from realizefs.daemon.starting import Starter
from realizefs.daemon.uninstalling import uninstall
from realizefs.model.control import Request
from realizefs.model.errors import BadConfig, RealizeError, StoreFault
from realizefs.model.limits import CONTROL_LINE_BYTES_MAX
from realizefs.store.lock import Lock

log = logging.getLogger("realizefs.daemon")

SWITCH_SECONDS = 0.0002
"""Seconds a worker thread may hold the interpreter while the trio thread waits: hashing in five
of them, at Python's 5 ms, would make every answer of the mount slow."""

GC_OBJECTS = 20_000
"""Objects made until Python looks for cycles among the young ones: rows that peers tell come in
thousands, and none of what they consist of is in a cycle."""

MEMORY_SECONDS = 30.0
"""Seconds without a transfer after which the memory for transfers is given back, at most twice."""

SHELLS = Shells(opener=opener, mounter=mounter)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status; everything that goes wrong is one sentence."""
    options = _parser().parse_args(arguments)
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.set_threshold(GC_OBJECTS, *gc.get_threshold()[1:])
    keep_heap()
    home = home_at(options.home)
    if options.command == "once":
        return _once(home, verbose=options.verbose)
    # A daemon that hangs is ended by its service manager with SIGABRT: then the log says where it hung.
    # That of the trio thread, which hears signals: walking threads that run on may itself crash.
    faulthandler.enable(all_threads=False)
    starter = Starter(options.ready_fd)
    try:
        _run(home, options, starter)
    except Exception as error:  # noqa: BLE001 - said in a sentence, logged, and the process ends
        return _refuse(starter, first_of(error), verbose=options.verbose)
    return 0


def _refuse(starter: Starter, error: BaseException, *, verbose: bool) -> int:
    if not isinstance(error, (RealizeError, OSError)):
        log.error("The daemon ends because of what it did not foresee", exc_info=error)
    failure = failed(error)
    starter.refused(failure, verbose=verbose)
    return failure.status


def _run(home: Home, options: argparse.Namespace, starter: Starter) -> None:
    home.make_directories()
    with _lock(home):
        log_to(home.log if starter.detached else None, verbose=options.verbose)
        if starter.detached:
            _detach(home.log)
        app = open_app(home, SHELLS)
        try:
            trio.run(_serve, app, starter, options)
        finally:
            app.parts.close()


async def _serve(app: App, starter: Starter, options: argparse.Namespace) -> None:
    """The daemon's life. The socket is there before the arenas are, so that it can be asked
    meanwhile, and goes last: who waits for the end waits for the end of its connection."""
    manager = ServiceManager(os.environ)

    async def started() -> None:
        if options.mount is None:
            log.info("Up: process %d serves %s.", os.getpid(), app.config.name)
            manager.ready(f"Serves {app.config.name}.")
            return
        app.ends_with_mount = True
        done = await mount_at(app, Path(options.mount), options.arena, frozenset(options.flags))
        log.info("%s", done["sentence"])
        starter.ready(done)
        manager.ready(str(done["sentence"]))

    async def handle(request: Request, caller: Caller) -> object:
        if request.command not in {"status", "doctor"}:  # these tell what it waits for
            await app.ready.wait()
        return await execute(app, request, caller)

    with trio.open_signal_receiver(*_stop_signals()) as signals:
        async with trio.open_nursery() as nursery:
            await nursery.start(serve_control, app.home, handle)
            nursery.start_soon(_stop_on, signals, app)
            tell = partial(metrics, app, Arguments({}))
            nursery.start_soon(app.exposing.run, app.config.metrics, tell)
            nursery.start_soon(manager.keep, partial(standing, app))
            nursery.start_soon(_give_back_memory)
            try:
                await app.run(started)
            finally:
                manager.stopping()
            nursery.cancel_scope.cancel()


async def _give_back_memory() -> None:
    while True:
        await trio.sleep(MEMORY_SECONDS)
        BUFFERS.release_idle()


def _stop_signals() -> list[signal.Signals]:
    """SIGHUP too, unless nohup is in force."""
    stop = [signal.SIGINT, signal.SIGTERM]
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return stop if ignored else [*stop, signal.SIGHUP]


async def _stop_on(signals: AsyncIterator[int], app: App) -> None:
    async for number in signals:
        log.info("Stopping because of %s.", signal.Signals(number).name)
        app.stop()


def _once(home: Home, *, verbose: bool) -> int:
    """One request from stdin, one answer on stdout; what is logged goes to the log file."""
    line = sys.stdin.buffer.readline(CONTROL_LINE_BYTES_MAX + 1)

    async def handle(request: Request, caller: Caller) -> object:
        if request.command in {"doctor", "doctor-alone"} and not home.initialised:
            return await doctor_before(home)  # which makes nothing
        if request.command == "doctor-alone":
            return await doctor_alone(home, Arguments(request.arguments).text("problem"))
        if request.command in {"farewell", "uninstall"} and not home.is_there:
            return NOBODY
        home.make_directories()
        log_to(home.log, verbose=verbose)
        if request.command == "init":
            with _lock(home):
                return init(home, Arguments(request.arguments))
        if request.command == "uninstall":
            with _lock(home):
                lose = Arguments(request.arguments).flag("lose")
                return await uninstall(home, SHELLS, lose=lose)
        with _lock(home):
            try:
                app = await trio.to_thread.run_sync(open_app, home, SHELLS)
            except (BadConfig, StoreFault) as error:
                if request.command != "doctor":
                    raise
                return await doctor_alone(home, str(error))
            try:
                return await execute(app, request, caller)
            finally:
                app.parts.close()

    sys.stdout.buffer.write(trio.run(answer, handle, line, Piped()))
    sys.stdout.buffer.flush()
    return 0


def _lock(home: Home) -> Lock:
    return Lock(home.lock)


def _detach(log_file: Path) -> None:
    """Leave what the starter had: its directory would stay busy; stray output goes to the log."""
    os.chdir("/")
    output = os.open(log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(output, sys.stdout.fileno())
    os.dup2(output, sys.stderr.fileno())
    os.close(output)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m realizefs.daemon", description=__doc__)
    parser.add_argument("--home", metavar="DIR")
    parser.add_argument("--verbose", action="store_true")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run")
    run.add_argument("--mount", metavar="DIR")
    run.add_argument("--arena", metavar="NAME")
    run.add_argument("--flag", dest="flags", action="append", default=[], metavar="FLAG")
    run.add_argument("--ready-fd", type=int, metavar="FD")
    commands.add_parser("once")
    return parser


if __name__ == "__main__":
    sys.exit(main())
