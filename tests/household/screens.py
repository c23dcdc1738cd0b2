"""A screen that nobody sees, and a file manager on it, asked in the way a person would ask it: all
that its window shows is selected and copied, and what then is on the clipboard is read."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

CALL_SECONDS = 60.0


class Screen:
    """`environment` brings programs there; what they keep is below `home`."""

    def __init__(self, display: str, home: Path) -> None:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("DBUS_")}
        places = {f"XDG_{what}": str(home) for what in ("CONFIG_HOME", "CACHE_HOME", "RUNTIME_DIR")}
        self.environment = {**kept, **places, "DISPLAY": display, "HOME": str(home)}

    def press(self, *keys: str) -> None:
        """Keys for the window under the pointer, which is in the middle."""
        self.ask("xdotool", "key", *keys)

    def ask(self, *command: str) -> str:
        """What a program prints; "" where it fails."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, timeout=CALL_SECONDS, check=False
        )
        return done.stdout.decode() if done.returncode == 0 else ""


class FileManager:
    """pcmanfm with one window."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def shown(self) -> set[str]:
        """The names that its window shows at this moment; it isn't made to look again."""
        self._screen.press("ctrl+a", "ctrl+c")
        copied = self._screen.ask("xclip", "-selection", "clipboard", "-o", "-t", "text/uri-list")
        return {Path(unquote(urlsplit(uri).path)).name for uri in copied.rstrip("\0").split()}


@contextmanager
def screen(home: Path) -> Iterator[Screen]:
    """An X server of the test's own. It begins anew whenever its last client leaves, unless told not to,
    and takes none meanwhile: a program that starts at that moment ends."""
    home.mkdir(mode=0o700)
    told, tells = os.pipe()
    shape = ["-screen", "0", "800x600x24", "-nolisten", "tcp", "-noreset"]
    command = ["Xvfb", "-displayfd", str(tells), *shape]
    with os.fdopen(told) as display:
        try:
            process = subprocess.Popen(
                command, pass_fds=[tells], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        finally:
            os.close(tells)
        with ended(process):
            yield Screen(f":{display.readline().strip()}", home)


@contextmanager
def file_manager(screen: Screen, folder: Path) -> Iterator[FileManager]:
    """One that shows a folder."""
    process = subprocess.Popen(
        ["pcmanfm", "--no-desktop", str(folder)],
        env=screen.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with ended(process):
        yield FileManager(screen)


@contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """It is told to end, and waited for."""
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(CALL_SECONDS)
        finally:
            process.kill()
            process.wait()
