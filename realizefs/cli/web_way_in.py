"""A browser is shown the page, without the link's token standing where others of this machine read it.

Theory of operation. A browser is started with an address on its command line, and every user can read
every command line. So the address is that of a file which only this user can read, and which leads on to
the link; it is removed once the link is used, else as the command ends. A browser that is kept in a sandbox (snap,
flatpak) may be unable to read the file: it isn't known beforehand, so after a while without a
visitor the person is told to open the link that was printed.
"""

import html
import os
import stat
import tempfile
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import trio

OPENING_SECONDS = 20.0
"""For a browser to start, on a slow machine, and ask."""

RUNTIME = "XDG_RUNTIME_DIR"

UNREAD = (
    "No browser has come yet. One in a sandbox can't read the file that would lead it there: open the "
    "link above yourself."
)


def _page(link: str) -> str:
    """Leads on by itself, without a script; where a browser doesn't, there is the link."""
    to = html.escape(link, quote=True)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="referrer" content="no-referrer">'
        f'<meta http-equiv="refresh" content="0; url={to}"><title>RealizeFS</title>'
        f'<p><a href="{to}">Show the household</a></p></html>\n'
    )


@contextmanager
def way_in(link: str) -> Iterator[Path]:
    """A file that leads to the link, for this user's eyes alone; removed in the end."""
    runtime = os.environ.get(RUNTIME)
    with tempfile.TemporaryDirectory(
        prefix="realizefs-web-", dir=runtime if runtime and _is_private(runtime) else None
    ) as directory:  # 0700
        file = Path(directory, "open.html")
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
            opened.write(_page(link))
        yield file


async def show_in_browser(link: str, entered: trio.Event, say: Callable[[str], None]) -> None:
    """Until somebody has come in by the link; cancel it as the page ends."""
    with way_in(link) as file:
        # Not waited for as the command ends: a browser without a window stays in the foreground.
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_opened, file)
            with trio.move_on_after(OPENING_SECONDS) as late:
                await entered.wait()
            if late.cancelled_caught:
                say(UNREAD)
                await entered.wait()
            nursery.cancel_scope.cancel()


async def _opened(file: Path) -> None:
    await trio.to_thread.run_sync(webbrowser.open, file.as_uri(), abandon_on_cancel=True)


def _is_private(directory: str) -> bool:
    """Whether it is a directory of this user's, where nobody else puts or replaces anything."""
    with suppress(OSError):
        found = os.stat(directory)
        return (
            stat.S_ISDIR(found.st_mode)
            and found.st_uid == os.geteuid()
            and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        )
    return False
