"""The service under a real systemd: a user's own, which lives in namespaces and ends with them."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.household.conftest import Household
from tests.household.machines import Machine
from tests.household.waiting import until

SYSTEMD = "/lib/systemd/systemd"
RUNTIME = "/run/user/0"

BEGIN = """
echo $$ > "$1/cgroup.procs"
exec unshare --cgroup sh -euc '
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system "$XDG_RUNTIME_DIR"   # systemd refuses where the system was not begun by it
"$@" &   # as process 1 it would be that of a whole system
wait' sh "$2" --user
"""


class Session(Machine):
    """A machine whose commands are those of somebody who has logged in."""

    inside = 0
    """The first process of the session."""

    @property
    def environment(self) -> dict[str, str]:
        return {
            **super().environment,
            "HOME": str(self.directory),
            "XDG_RUNTIME_DIR": RUNTIME,
            "XDG_CONFIG_HOME": str(self.directory / "config"),
        }

    def within(self, *words: str | Path) -> list[str]:
        """A command in the session."""
        return ["nsenter", "--target", str(self.inside), "--mount", "--pid", *map(str, words)]

    def command(self, *arguments: str | Path) -> list[str]:
        return (
            self.within(*super().command(*arguments))
            if self.inside
            else super().command(*arguments)
        )

    def says(self, *words: str | Path) -> str:
        done = subprocess.run(
            self.within(*words), check=True, capture_output=True, text=True, env=self.environment
        )
        return done.stdout.strip()

    def service(self) -> Any:
        """What `service status` says."""
        return json.loads(self.run("service", "status", "--json").out)

    @contextmanager
    def logged_in(self) -> Iterator[None]:
        with ExitStack() as undo:
            group = _control_group(undo)
            unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
            log = undo.enter_context((self.directory / "systemd.log").open("ab"))
            outer = subprocess.Popen(
                [*unshare, "sh", "-euc", BEGIN, "sh", group, SYSTEMD],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**self.environment, "SYSTEMD_LOG_TARGET": "console"},
            )
            undo.callback(outer.wait)
            undo.callback(outer.kill)
            until(lambda: self._is_up(outer.pid), "systemd is up")
            yield

    def _is_up(self, outer: int) -> bool:
        children = Path(f"/proc/{outer}/task/{outer}/children").read_text().split()
        if not children:
            return False
        self.inside = int(children[0])
        words = self.within("systemctl", "--user", "is-system-running")
        done = subprocess.run(words, check=False, capture_output=True, env=self.environment)
        return done.stdout.strip() == b"running"


def _control_group(undo: ExitStack) -> Path:
    """One of our own, in the hierarchy that systemd uses; removed in the end with what it made there."""
    top = Path("/sys/fs/cgroup/systemd")
    group = (top if top.exists() else top.parent) / f"realizefs-{os.getpid()}"
    group.mkdir()
    undo.callback(lambda: until(lambda: _is_removed(group), "its control group is removed"))
    return group


def _is_removed(group: Path) -> bool:
    for directory, _, _ in os.walk(group, topdown=False):
        with suppress(OSError):  # a process that was killed has yet to leave it
            os.rmdir(directory)
    return not group.exists()


@pytest.fixture
def desk(household: Household, root: None) -> Iterator[Session]:
    session = household.add(Session(household.directory / "desk", "desk"))
    session.share("docs", session.directory / "files")
    (session.directory / "files" / "a").write_text("one")
    with session.logged_in():
        yield session
    session.inside = 0


def test_systemd_keeps_the_service_running(desk: Session) -> None:
    mount = desk.directory / "mnt"
    said = desk.ask("service", "install", mount)
    assert "is written." in said
    assert f'It runs: The arena "docs" is mounted at {mount}.' in said
    first = desk.service()
    assert (first["installed"], first["enabled"], first["active"]) == (True, True, True)
    assert desk.says("cat", mount / "a") == "one"

    unit = Path(first["unit"])
    quick = unit.with_name(f"{unit.name}.d") / "quick.conf"  # as `systemctl --user edit` writes it
    quick.parent.mkdir()
    quick.write_text("[Service]\nRestartSec=100ms\nWatchdogSec=10s\n")
    desk.says("systemctl", "--user", "daemon-reload")
    desk.says("systemctl", "--user", "restart", unit.name)

    desk.says("kill", "-KILL", str(desk.service()["pid"]))
    until(lambda: _is_again(desk, 1), "killed, it is started again")
    assert desk.says("cat", mount / "a") == "one"

    desk.says("kill", "-STOP", str(desk.service()["pid"]))  # as if it hung
    until(lambda: _is_again(desk, 2), "the watchdog ends it, and it is started again")
    assert desk.says("cat", mount / "a") == "one"

    desk.says("systemctl", "--user", "stop", unit.name)
    stopped = desk.service()
    assert (stopped["active"], stopped["result"]) == (False, "success")
    assert (
        desk.says("findmnt", "--list", "--noheadings", "--output", "TARGET").find(str(mount)) == -1
    )

    assert "is removed, and the daemon is stopped." in desk.ask("service", "remove")
    assert not unit.exists()
    assert desk.service()["installed"] is False


def _is_again(desk: Session, restarts: int) -> bool:
    found = desk.service()
    return bool(found["active"] and found["restarts"] >= restarts)
