"""The unit that `service install` writes, as systemd reads it; and what systemctl is told."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from realizefs.cli import main
from realizefs.cli.unit_file import quoted, unit_name, unit_text
from realizefs.model.errors import Misuse

PROGRAM = Path(sys.executable).with_name("realizefs")

SYSTEMCTL = """#!/bin/sh
echo "$SYSTEMD_OFFLINE$*" >> "$TOLD"
[ -z "$REFUSES" ] || [ -n "$SYSTEMD_OFFLINE" ] || { echo "Failed to connect to bus: No medium found" >&2; exit 1; }
case "$*" in *show*) cat "$SHOWN" ;; esac
"""


class Systemd:
    """A `systemctl` that only notes what it is told."""

    def __init__(self, directory: Path) -> None:
        self.told, self.shown = directory / "told", directory / "shown"
        self.shown.write_text("ActiveState=inactive\nUnitFileState=disabled\n")
        self.unit = directory / "config" / "systemd" / "user" / "realizefs.service"
        for name, text in (("systemctl", SYSTEMCTL), ("loginctl", "#!/bin/sh\necho Linger=no\n")):
            program = directory / "bin" / name
            program.parent.mkdir(exist_ok=True)
            program.write_text(text)
            program.chmod(0o755)

    def heard(self) -> list[str]:
        lines = self.told.read_text().splitlines() if self.told.exists() else []
        self.told.unlink(missing_ok=True)
        return [line.replace("--user --no-pager ", "") for line in lines]


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemd:
    fake = Systemd(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("TOLD", str(fake.told))
    monkeypatch.setenv("SHOWN", str(fake.shown))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    for name in ("REALIZEFS_HOME", "SYSTEMD_OFFLINE", "REFUSES"):
        monkeypatch.delenv(name, raising=False)
    return fake


def run(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main.run(["service", *arguments])
    return status, *capfd.readouterr()


@pytest.mark.parametrize("mounts", [True, False])
@pytest.mark.parametrize("odd", ["plain", 'my "own" 100% $HOME\\é', "line\nend\udcff"])
def test_systemd_finds_no_fault_in_a_unit(tmp_path: Path, odd: str, mounts: bool) -> None:
    directory = f"{tmp_path}/{odd}"
    command = [
        str(PROGRAM),
        "--home",
        directory,
        *(["mount", "-f", "--", directory] if mounts else ["serve"]),
    ]
    unit = tmp_path / unit_name(None)
    environment = {"XDG_DATA_HOME": directory} if odd.isprintable() else {}
    text = unit_text(unit.stem, command, directory if mounts else None, environment)
    unit.write_text(text, encoding="utf-8", errors="surrogateescape")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
    )
    said = [line for line in (done.stdout + done.stderr).splitlines() if "realizefs" in line]
    assert (done.returncode, said) == (0, [])


def test_words_of_a_command_are_quoted_as_systemd_reads_them() -> None:
    assert quoted("/home/me/a-b") == "/home/me/a-b"
    assert quoted('a "b" 5% $x\\') == '"a \\"b\\" 5%% $$x\\\\"'
    assert quoted("a\n\udcff") == '"a\\x0a\\xff"'
    assert quoted("") == '""'
    assert quoted("A=$x y", dollar="$") == '"A=$x y"'


def test_a_home_of_its_own_has_a_service_of_its_own() -> None:
    assert unit_name(None) == "realizefs.service"
    path = "/home/me/.other home-1/é"
    escaped = subprocess.run(
        ["systemd-escape", "--path", path], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert unit_name(path) == f"realizefs-{escaped}.service"


def test_install_writes_enables_and_starts(
    systemd: Systemd, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    mount = tmp_path / "Photos"
    status, out, err = run(
        capfd, "install", str(mount), "-o", "ro,allow_other", "--arena", "photos"
    )
    assert (status, err) == (0, "")
    assert "loginctl enable-linger" in out
    text = systemd.unit.read_text()
    assert f"mount -f --arena photos -o allow_other,ro -- {mount}\n" in text
    for line in (
        "Type=notify",
        "WatchdogSec=1min",
        "Restart=on-failure",
        "After=network-online.target",
    ):
        assert f"\n{line}\n" in text
    assert f"\nEnvironment=XDG_DATA_HOME={tmp_path / 'data'}\n" in text  # else it's another home
    heard = systemd.heard()
    assert heard[:2] == ["daemon-reload", "enable realizefs.service"]
    assert "restart realizefs.service" in heard


def test_without_a_directory_it_serves_and_no_start_leaves_it_off(
    systemd: Systemd, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(capfd, "install", "--no-start")[0] == 0
    assert " serve\n" in systemd.unit.read_text()
    assert systemd.heard() == ["daemon-reload", "enable realizefs.service"]
    status, _, err = run(capfd, "install", "-o", "ro")
    assert (status, err.count("\n")) == (Misuse.exit_status, 1)


def test_print_changes_nothing(systemd: Systemd, capfd: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capfd, "install", "--print")
    assert (status, systemd.heard(), systemd.unit.exists()) == (0, [], False)
    assert out.startswith("# Written by")


def test_a_home_that_systemd_could_not_be_told_of_is_refused(
    systemd: Systemd, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/home/\udcff")
    status, _, err = run(capfd, "install")
    assert status == Misuse.exit_status
    assert "use --home" in err
    assert not systemd.unit.exists()


def test_a_unit_of_somebody_else_is_left_alone(
    systemd: Systemd, capfd: pytest.CaptureFixture[str]
) -> None:
    systemd.unit.parent.mkdir(parents=True)
    systemd.unit.write_text("[Service]\nExecStart=/bin/true\n")
    for command in ("install", "remove", "status"):
        status, _, err = run(capfd, command)
        assert status == Misuse.exit_status
        assert "wasn't written by RealizeFS" in err
    assert "/bin/true" in systemd.unit.read_text()


def test_where_systemd_does_not_run_it_is_enabled_for_the_next_login(
    systemd: Systemd, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REFUSES", "1")
    status, _, err = run(capfd, "install")
    assert status == 1
    assert "at the next login, and not now" in err
    assert "No medium found" in err
    assert systemd.heard() == ["daemon-reload", "1enable realizefs.service"]
    status, out, err = run(capfd, "status")
    assert (status, err) == (1, "")
    assert "unknown: Your systemd can't be reached" in out
    systemd.heard()
    assert run(capfd, "remove")[0] == 0
    assert systemd.heard() == ["disable --now realizefs.service", "1disable realizefs.service"]
    assert not systemd.unit.exists()


def test_the_real_systemctl_enables_and_disables_without_a_systemd(
    systemd: Systemd,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    (tmp_path / "bin" / "systemctl").unlink()
    assert shutil.which("systemctl")
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))  # no systemd of the user's is there
    assert run(capfd, "install")[0] == 1
    wanted = systemd.unit.parent / "default.target.wants" / systemd.unit.name
    assert wanted.resolve() == systemd.unit
    assert run(capfd, "remove")[0] == 0
    assert not wanted.is_symlink()
    assert not systemd.unit.exists()


def test_status_says_what_systemd_knows(
    systemd: Systemd, capfd: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = run(capfd, "status")
    assert status == 1
    assert "There is no service here" in out
    run(capfd, "install", "--no-start")
    systemd.shown.write_text(
        "ActiveState=active\nSubState=running\nUnitFileState=enabled\nMainPID=7\nResult=success\n"
        "NRestarts=2\nStatusText=desk: 1 arena.\n"
    )
    status, out, _ = run(capfd, "status")
    assert status == 0
    assert [" ".join(line.split()) for line in out.splitlines()] == [
        f"unit {systemd.unit}",
        "starts at login",
        "state running",
        "process 7",
        "restarts 2",
        "says desk: 1 arena.",
    ]
    status, out, _ = run(capfd, "status", "--json")
    assert '"pid": 7' in out


def test_remove_stops_it(systemd: Systemd, capfd: pytest.CaptureFixture[str]) -> None:
    run(capfd, "install", "--no-start")
    systemd.heard()
    assert run(capfd, "remove")[0] == 0
    assert systemd.heard() == ["disable --now realizefs.service", "daemon-reload"]
    assert not systemd.unit.exists()
    assert run(capfd, "remove")[0] == Misuse.exit_status


def test_every_command_of_service_shows_an_example() -> None:
    for name in ("install", "remove", "status"):
        assert "Example" in CliRunner().invoke(main.cli, ["service", name, "--help"]).output
