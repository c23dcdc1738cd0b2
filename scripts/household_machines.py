"""Machines for `bench_household.py`: real daemons of ours on loopback, and of syncthing beside them.

Each is a context manager that leaves no process and nothing mounted behind.
"""

import json
import re
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from realizefs.cli.client import Client

REALIZEFS = Path(__file__).parents[1] / ".venv" / "bin" / "realizefs"
STOP_SECONDS = 30.0
TICKS = 100.0
"""Of /proc/PID/stat, in a second."""


@dataclass
class Machine:
    """A daemon with its home and its one arena "docs"; `process` while it runs."""

    directory: Path
    name: str
    listen: str = "127.0.0.1:0"

    def __post_init__(self) -> None:
        self.home = self.directory / self.name
        self.root = self.directory / f"{self.name}-files"
        self.mnt = self.directory / f"{self.name}-mnt"
        self.home.mkdir()
        listen = f'"{self.listen}"' if self.listen else ""
        (self.home / "config.toml").write_text(f'name = "{self.name}"\nlisten = [{listen}]\n')
        self.process: subprocess.Popen[bytes] | None = None

    def ask(self, *arguments: str | Path) -> str:
        """What a command prints."""
        command = [REALIZEFS, "--home", self.home, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def status(self) -> Any:
        """Without the time that starting a command takes."""
        return Client(str(self.home)).ask_running("status", {})

    @property
    def files(self) -> int:
        """How many it lists."""
        return int(self.status()["arenas"][0]["files"])

    @property
    def cpu_seconds(self) -> float:
        """Of its daemon so far."""
        stat = Path(f"/proc/{self.status()['pid']}/stat").read_text()
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / TICKS

    @contextmanager
    def serving(self) -> Iterator["Machine"]:
        """While the daemon runs."""
        log = (self.directory / f"{self.name}.log").open("wb")
        command: list[str | Path] = [REALIZEFS, "--home", self.home, "serve"]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self.ask("status", "--wait", "60")
            yield self
        finally:
            self.process.terminate()
            self.process.wait(STOP_SECONDS)
            log.close()

    def join(self, inviter: "Machine", mark: str = "watch") -> None:
        """Join "docs"."""
        self.ask("join", inviter.ask("invite", "docs"), self.root, "--mark", mark)


class Syncthing:
    """A syncthing of its own on loopback, that announces itself nowhere."""

    def __init__(self, directory: Path, name: str) -> None:
        self.home, self.root = directory / name, directory / f"{name}-files"
        self.root.mkdir(parents=True)
        self.port, self.gui = free_port(), free_port()
        command = ["syncthing", "generate", "--home", str(self.home)]
        subprocess.run(command, check=True, capture_output=True)
        tree = ElementTree.parse(self.home / "config.xml")
        device = tree.find("device")
        assert device is not None
        self.id = device.attrib["id"]
        key = tree.findtext("gui/apikey")
        assert key is not None
        self._key = key

    def configure(self, other: "Syncthing") -> None:
        """Share the folder with the other, as fast as it goes."""
        (self.home / "config.xml").write_text(
            f"""<configuration version="36">
  <folder id="docs" path="{self.root}" type="sendreceive" rescanIntervalS="3600"
      fsWatcherEnabled="true" fsWatcherDelayS="1">
    <device id="{self.id}"/><device id="{other.id}"/>
  </folder>
  <device id="{self.id}" name="here"><address>dynamic</address></device>
  <device id="{other.id}" name="there"><address>tcp://127.0.0.1:{other.port}</address></device>
  <gui enabled="true" tls="false"><address>127.0.0.1:{self.gui}</address>
    <apikey>{self._key}</apikey></gui>
  <options>
    <listenAddress>tcp://127.0.0.1:{self.port}</listenAddress>
    <globalAnnounceEnabled>false</globalAnnounceEnabled>
    <localAnnounceEnabled>false</localAnnounceEnabled>
    <relaysEnabled>false</relaysEnabled><natEnabled>false</natEnabled>
    <crashReportingEnabled>false</crashReportingEnabled><urAccepted>-1</urAccepted>
    <autoUpgradeIntervalH>0</autoUpgradeIntervalH><startBrowser>false</startBrowser>
  </options>
</configuration>
"""
        )

    @contextmanager
    def serving(self) -> Iterator["Syncthing"]:
        """While it runs."""
        command = ["syncthing", "serve", "--home", str(self.home), "--no-browser", "--no-restart"]
        with (self.home / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            wait(self._answers, 60)
            yield self
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)

    @property
    def files(self) -> int:
        """How many it lists, here or not yet."""
        return int(self._get("/rest/db/status?folder=docs")["globalFiles"])

    @property
    def connected(self) -> bool:
        """Whether the other is there."""
        found = self._get("/rest/system/connections")["connections"].values()
        return any(each["connected"] for each in found)

    def scan(self) -> None:
        """Don't wait for the watcher."""
        self._get("/rest/db/scan?folder=docs", method="POST")

    def _answers(self) -> bool:
        try:
            self._get("/rest/system/ping")
        except OSError:
            return False
        return True

    def _get(self, path: str, method: str = "GET") -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.gui}{path}", headers={"X-API-Key": self._key}, method=method
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text else None


def free_port() -> int:
    """A port of loopback that nobody has."""
    with closing(socket.socket()) as tried:
        tried.bind(("127.0.0.1", 0))
        return int(tried.getsockname()[1])


def wait(condition: Callable[[], object], seconds: float, every: float = 0.02) -> float:
    """Seconds until it holds; TimeoutError after too many."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"not within {seconds:.0f} s")
        time.sleep(every)
    return time.monotonic() - began


def installed(program: str) -> str:
    """Its version, "" where it isn't installed."""
    if shutil.which(program) is None:
        return ""
    said = subprocess.run([program, "--version"], check=True, capture_output=True, text=True)
    found = re.search(r"v?\d+\.\d+\S*", said.stdout)
    return found[0] if found else "?"
