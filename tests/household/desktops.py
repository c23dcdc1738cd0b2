"""A desktop file manager with our extension, on a screen that nobody sees and a bus with nobody else on it."""

import os
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.household.machines import Machine
from tests.household.screens import CALL_SECONDS, FileManager, Screen, ended
from tests.household.waiting import until

BUS = """<busconfig><type>session</type><listen>unix:path={path}</listen>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
<allow own="*"/></policy></busconfig>"""

ALONE = {
    "GIO_USE_VFS": "local",
    "GSK_RENDERER": "cairo",
    "GSETTINGS_BACKEND": "memory",
    "GTK_USE_PORTAL": "0",
    "NO_AT_BRIDGE": "1",
}
"""Nothing of a desktop is started that would stay behind: no portals, no virtual file systems."""

Colour = tuple[int, int, int]
"""Red, green, blue."""

REAL: Colour = (0x2F, 0x5F, 0x95)
KEPT: Colour = (0x2D, 0x7A, 0x4B)
CACHED: Colour = (0x7B, 0xA7, 0xD4)
REMOTE: Colour = (0xEE, 0xF2, 0xF6)
"""What emblems are made of."""


@dataclass(frozen=True)
class Program:
    """A file manager: what starts it, Debian's packages with its extensions, and the keys that lead from
    the menu's last but one entry, ours, to the first of those below."""

    start: Sequence[str]
    packages: str
    enter: Sequence[str] = ("Right",)
    has_emblems: bool = True
    takes_keys: bool = True  # without a window manager, which says where keys go

    @property
    def is_installed(self) -> bool:
        """With what runs its extensions."""
        known = [
            "dpkg-query",
            "--show",
            "--showformat=${db:Status-Status} ",
            *self.packages.split(),
        ]
        said = subprocess.run(known, capture_output=True, text=True, check=False).stdout
        return said.split() == ["installed"] * len(self.packages.split())


PROGRAMS = {
    "caja": Program(("caja", "--no-desktop", "--browser"), "caja python3-caja"),
    "nautilus": Program(
        ("nautilus", "--new-window"),
        "nautilus python3-nautilus",
        ("Return", "Down"),
        takes_keys=False,
    ),
    "nemo": Program(("nemo",), "nemo nemo-python"),
    "thunar": Program(("thunar",), "thunar thunarx-python gir1.2-thunarx-3.0", has_emblems=False),
}

WIDTH = 800
"""Of the screen, in pixels."""

EMBLEM_PIXELS = 10
"""Of one colour in the smallest emblem."""


class Desktop:
    """A screen with a bus of its own; what is installed for its user is in its home."""

    def __init__(self, screen: Screen, address: str) -> None:
        self._screen = screen
        places = {"XDG_DATA_HOME": str(self.data), "XDG_DATA_DIRS": "/usr/share"}
        bus = {"DBUS_SESSION_BUS_ADDRESS": address}
        self.environment = {**screen.environment, **ALONE, **places, **bus}

    @property
    def data(self) -> Path:
        """XDG_DATA_HOME."""
        return Path(self._screen.environment["HOME"]) / "data"

    def ask(self, machine: Machine, *arguments: str) -> str:
        """A command of a machine, by this desktop's user."""
        done = subprocess.run(
            machine.command(*arguments),
            env={**machine.environment, **self.environment},
            capture_output=True,
            text=True,
            timeout=CALL_SECONDS,
            check=True,
        )
        return done.stdout

    def pixels(self) -> list[Colour]:
        """Of the screen, line by line."""
        command = ["import", "-silent", "-window", "root", "-depth", "8", "ppm:-"]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, timeout=CALL_SECONDS, check=True
        )
        pixels = done.stdout.split(b"\n", 3)[3]
        return list(zip(pixels[::3], pixels[1::3], pixels[2::3], strict=True))

    def colours(self) -> Counter[Colour]:
        """How many pixels of the screen have which colour."""
        return Counter(self.pixels())

    def shows(self, colour: Colour) -> bool:
        """Whether an emblem of that colour is to be seen."""
        return self.colours()[colour] >= EMBLEM_PIXELS

    def windows_called(self, title: str) -> list[str]:
        """Their numbers."""
        return self._screen.ask(
            "xdotool", "search", "--onlyvisible", "--name", f"^{title}$"
        ).split()

    def close(self, title: str) -> None:
        """Without a window manager keys are for what is under the pointer."""
        for number in self.windows_called(title):
            self._screen.ask("xdotool", "mousemove", "--window", number, "20", "20")
            self._screen.press("Escape")

    def picture(self, window: str, to: Path) -> None:
        """Of the window of a class, as PNG."""
        found = self._screen.ask("xdotool", "search", "--onlyvisible", "--class", window)
        number = found.split()[-1]
        command = ["import", "-silent", "-window", number, f"png:{to}"]
        subprocess.run(command, env=self.environment, timeout=CALL_SECONDS, check=True)

    def choose_first(self, program: Program, name: str, emblem: Colour) -> None:
        """The first entry of our menu, for the file of that name and with that emblem, the only one
        that is shown."""
        if program.takes_keys:
            manager = FileManager(self._screen)
            until(lambda: manager.shown() == {name}, "the file is selected")
        until(self._windows, "it has a window")
        before = self._windows()
        if program.takes_keys:
            self._screen.press("shift+F10")
        else:
            at = [place for place, pixel in enumerate(self.pixels()) if pixel == emblem]
            y, x = divmod(at[len(at) // 2], WIDTH)
            self._screen.ask("xdotool", "mousemove", str(x), str(y), "click", "3")
        until(lambda: self._windows() > before, "the menu is open")
        self._screen.press("--delay", "200", "Up", "Up", *program.enter, "Return")

    def _windows(self) -> int:
        return len(self._screen.ask("xdotool", "search", "--onlyvisible", "--name", ".*").split())

    @contextmanager
    def running(self, program: Program, folder: Path) -> Iterator[None]:
        """It shows a folder. AssertionError with what it wrote where it ends by itself."""
        wrote = Path(self._screen.environment["HOME"]) / "manager.log"
        with wrote.open("wb") as log:
            process = subprocess.Popen(
                [*program.start, str(folder)],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            with ended(process):
                try:
                    yield
                finally:
                    assert process.poll() is None, f"It ended: {wrote.read_text()}"


@contextmanager
def desktop(screen: Screen) -> Iterator[Desktop]:
    """On that screen."""
    home = Path(screen.environment["HOME"])
    configuration, socket = home / "bus.conf", home / "bus"
    configuration.write_text(BUS.format(path=socket))
    told, tells = os.pipe()
    command = [
        *("dbus-daemon", f"--config-file={configuration}", "--nofork"),
        f"--print-address={tells}",
    ]
    with os.fdopen(told) as address:
        try:
            process = subprocess.Popen(command, pass_fds=[tells], stdin=subprocess.DEVNULL)
        finally:
            os.close(tells)
        with ended(process):
            yield Desktop(screen, address.readline().strip())
