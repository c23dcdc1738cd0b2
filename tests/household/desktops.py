"""A desktop file manager with our extension, on a screen that nobody sees and a bus with nobody else on it."""

import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.household.machines import Machine
from tests.household.screens import CALL_SECONDS, Screen, ended

BUS = """<busconfig><type>session</type><listen>unix:path={path}</listen>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
<allow own="*"/></policy></busconfig>"""

ALONE = {
    "GIO_USE_VFS": "local",
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

    def colours(self) -> Counter[Colour]:
        """How many pixels of the screen have which colour."""
        command = ["import", "-silent", "-window", "root", "-depth", "8", "ppm:-"]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, timeout=CALL_SECONDS, check=True
        )
        pixels = done.stdout.split(b"\n", 3)[3]
        return Counter(zip(pixels[::3], pixels[1::3], pixels[2::3], strict=True))

    def picture(self, window: str, to: Path) -> None:
        """Of the window of a class, as PNG."""
        found = self._screen.ask("xdotool", "search", "--onlyvisible", "--class", window)
        number = found.split()[-1]
        command = ["import", "-silent", "-window", number, f"png:{to}"]
        subprocess.run(command, env=self.environment, timeout=CALL_SECONDS, check=True)

    @contextmanager
    def caja(self, folder: Path) -> Iterator[None]:
        """Caja shows a folder."""
        with (Path(self._screen.environment["HOME"]) / "caja.log").open("wb") as log:
            process = subprocess.Popen(
                ["caja", "--no-desktop", "--browser", str(folder)],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            with ended(process):
                yield


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
