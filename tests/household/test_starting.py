"""Started and stopped by others: mount(8), a line of fstab, a service manager; for other users."""

import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.household.conftest import Household, running_household
from tests.household.machines import REALIZEFS, Machine, end_process
from tests.household.waiting import SECONDS, until

NOBODY = 65534

OWN_MOUNTS = ("unshare", "--mount", *(() if os.geteuid() == 0 else ("--user", "--map-root-user")))
"""What is mounted by the rest of such a command nobody else sees."""


@pytest.fixture
def photographer(household: Household) -> Machine:
    """A machine with one arena, "photos", of one picture, and no daemon."""
    return _photographer(household)


@pytest.fixture
def visited(fuse: None, root: None) -> Iterator[Machine]:
    """The same where other users can come: pytest closes its own directories to them."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o711)
        with running_household(Path(place)) as household:
            yield _photographer(household)


def _photographer(household: Household) -> Machine:
    machine = household.machine("desk")
    root = machine.directory / "photos"
    root.mkdir()
    (root / "beach.jpg").write_bytes(b"sea")
    machine.share("photos", root)
    return machine


def _as_installed(machine: Machine, script: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script where the program is in /usr/local/bin, as mount(8) looks for it, in a
    mount namespace of its own: this system's directory stays as it is. Without root that needs
    user namespaces, and says so where they aren't allowed."""
    programs = machine.directory / "bin"
    programs.mkdir(exist_ok=True)
    (programs / "realizefs").unlink(missing_ok=True)
    (programs / "realizefs").symlink_to(REALIZEFS)
    return subprocess.run(
        [*OWN_MOUNTS, "sh", "-ec", f'mount --bind "{programs}" /usr/local/bin; {script}'],
        env=machine.environment,
        cwd=machine.directory,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )


def test_mount_8_mounts_by_type_and_umount_8_ends_the_daemon(photographer: Machine) -> None:
    (photographer.directory / "mnt").mkdir()
    options = f"noauto,_netdev,x-systemd.automount,home={photographer.home}"
    done = _as_installed(
        photographer,
        f"mount -t fuse.realizefs realizefs:photos mnt -o {options}; cat mnt/beach.jpg; umount mnt",
    )
    assert (done.returncode, done.stdout, done.stderr) == (
        *(0, f'The arena "photos" is mounted at {photographer.directory}/mnt.\nsea', ""),
    )
    until(lambda: photographer.pid is None, "the daemon has ended with its mount")


def test_a_line_of_fstab_is_enough(photographer: Machine) -> None:
    target = photographer.directory / "from fstab"
    target.mkdir()
    place = str(target).replace(" ", "\\040")
    (photographer.directory / "fstab").write_text(
        f"realizefs {place} fuse.realizefs ro,noexec,home={photographer.home} 0 0\n"
    )
    done = _as_installed(
        photographer,
        'mount --fstab fstab "$PWD/from fstab"; cat from*/beach.jpg; findmnt -no OPTIONS from*; '
        'touch "from fstab/new" || umount from*',
    )
    assert done.returncode == 0, done.stderr
    assert "sea" in done.stdout
    assert "noexec" in done.stdout
    assert "Read-only file system" in done.stderr
    until(lambda: photographer.pid is None, "the daemon has ended with its mount")


def test_mount_8_shows_the_sentence_of_a_refusal(photographer: Machine) -> None:
    (photographer.directory / "mnt").mkdir()
    home = f"home={photographer.home}"
    done = _as_installed(photographer, f"mount -t fuse.realizefs realizefs:music mnt -o {home}")
    assert done.returncode != 0
    assert done.stderr == (
        'realizefs: There is no arena called "music" here; see `realizefs arena list`.\n'
    )
    done = _as_installed(photographer, "mount -t fuse.realizefs realizefs:photos mnt -o turbo")
    assert done.returncode != 0
    assert '"turbo" is not a mount option' in done.stderr


def test_a_service_manager_hears_when_the_mount_answers_and_when_it_ends(
    photographer: Machine,
) -> None:
    target, address = photographer.directory / "mnt", photographer.directory / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(address))
        manager.settimeout(SECONDS)
        environment = {**photographer.environment, "NOTIFY_SOCKET": str(address)}
        service = subprocess.Popen(
            photographer.command("mount", "-f", target),
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            assert manager.recv(1000).startswith(b"READY=1\n")
            assert (target / "beach.jpg").read_bytes() == b"sea", "it answers by then"
            (target / "new.jpg").write_bytes(b"sky")
            service.send_signal(signal.SIGTERM)
            assert manager.recv(1000) == b"STOPPING=1"
            assert service.wait(SECONDS) == 0
        finally:
            end_process(service.pid, signal.SIGKILL)
            service.wait(SECONDS)
    assert not os.path.ismount(target)
    assert (photographer.directory / "photos" / "new.jpg").read_bytes() == b"sky"


@pytest.mark.parametrize("others", [False, True], ids=["alone", "allow_other"])
def test_other_users_see_the_mount_where_they_are_allowed_to(
    visited: Machine, others: bool
) -> None:
    target = visited.directory / "mnt"
    visited.ask("mount", target, *(["-o", "allow_other"] if others else []))
    private = target / "diary"
    private.write_bytes(b"mine")
    private.chmod(0o600)
    assert _as_nobody("cat", target / "beach.jpg") == (b"sea" if others else None)
    assert _as_nobody("cat", private) is None
    assert _as_nobody("touch", target / "theirs") is None
    visited.ask("umount", target)


def _as_nobody(*command: str | Path) -> bytes | None:
    """The output of a command that another user runs; None if it fails."""
    done = subprocess.run(
        command, capture_output=True, check=False, user=NOBODY, group=NOBODY, timeout=SECONDS
    )
    return done.stdout if done.returncode == 0 else None
