"""Removing what is only RealizeFS's own: databases, caches, configuration and key. Plain files stay.

For who holds the home's lock. The arenas go first, the key and the configuration last: after a crash
in between the command finds what is left.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import trio

from realizefs.daemon.app import App, Shells, open_app
from realizefs.daemon.farewell_commands import check_nothing_is_lost
from realizefs.daemon.home import Home
from realizefs.daemon.opening import state_directory
from realizefs.model.errors import StoreFault
from realizefs.net.identity import CERTIFICATE_FILE, KEY_FILE
from realizefs.store.dbdir import DATA_FILE
from realizefs.store.kept_copy import copies_of

Answer = Mapping[str, object]


async def uninstall(home: Home, shells: Shells, *, lose: bool) -> Answer:
    """Remove it all; says which folders of arenas are still there, with a trash or lost+found."""
    app = await trio.to_thread.run_sync(open_app, home, shells)
    try:
        if not lose:
            await check_nothing_is_lost(app)
        left = await trio.to_thread.run_sync(_discard_arenas, app, shells)
    finally:
        app.parts.close()
    await trio.to_thread.run_sync(_discard_home, home)
    return {"left": left, "home": [str(path) for path in _directories(home) if path.exists()]}


def _discard_arenas(app: App, shells: Shells) -> list[str]:
    left = []
    for slot in app.arenas:
        state = state_directory(slot.config)
        try:
            shells.discarder(slot.config)
        except OSError as error:
            raise StoreFault(f'"{state}" can\'t be removed: {error.strerror or error}.') from error
        if state.is_dir():
            left.append(str(state))
    return left


def _discard_home(home: Home) -> None:
    """Our files by their names: a home may be a folder with other things in it."""
    try:
        for copy in copies_of(home.state):
            shutil.rmtree(copy)
        for file in _files(home):
            file.unlink(missing_ok=True)
    except OSError as error:
        raise StoreFault(f'"{error.filename}" can\'t be removed: {error.strerror}.') from error
    for directory in _directories(home):
        with suppress(OSError):  # it isn't there, or something else is in it
            os.rmdir(directory)


def _files(home: Home) -> Iterator[Path]:
    for name in (DATA_FILE, "lock.mdb"):
        yield home.state / name
    yield from home.log.parent.glob(f"{home.log.name}*")
    yield home.socket
    for name in (CERTIFICATE_FILE, KEY_FILE):
        yield home.identity / name
    yield home.config
    yield home.lock


def _directories(home: Home) -> list[Path]:
    return list(
        dict.fromkeys(
            [home.state, home.control, home.log.parent, home.identity, home.config.parent]
        )
    )
