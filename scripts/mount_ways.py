"""Ways to see a directory through a mount, for `bench_mount.py`: ours and those of others.

Each is a context manager that gives the directory to work in, and leaves nothing mounted, running
or on disk. What isn't installed is left out of the table.
"""

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.demo.household import Peer
from scripts.demo.saying import POLL_SECONDS, wait_until

READY_SECONDS = 60.0
"""Seconds until a mount must be there."""

INDEXED_SECONDS = 900.0
"""Seconds until a hundred thousand files are known to both peers, and a gigabyte is cached."""


@dataclass(frozen=True)
class Way:
    """A way's name, the Debian packages and programs that it needs, and how it is set up over a
    directory."""

    name: str
    packages: tuple[str, ...]
    programs: tuple[str, ...]
    over: Callable[[Path, Path], AbstractContextManager[Path]]

    @property
    def missing(self) -> list[str]:
        """Programs that aren't installed."""
        return [program for program in self.programs if shutil.which(program) is None]


@contextmanager
def native(source: Path, _work: Path) -> Iterator[Path]:
    """The directory itself."""
    yield source


@contextmanager
def bindfs(source: Path, work: Path) -> Iterator[Path]:
    """A FUSE mount in C which hands everything on."""
    with mounted(["bindfs", "-f", source, "{mnt}"], work) as mnt:
        yield mnt


@contextmanager
def rclone(source: Path, work: Path) -> Iterator[Path]:
    """rclone over a local remote, with its full VFS cache."""
    cache = work / "rclone-cache"
    command: list[str | Path] = ["rclone", "mount", source, "{mnt}", "--vfs-cache-mode", "full"]
    options: list[str | Path] = [
        "--cache-dir",
        cache,
        "--vfs-write-back",
        "0s",
        "--config",
        work / "none.conf",
    ]
    try:
        with mounted([*command, *options], work) as mnt:
            yield mnt
    finally:
        shutil.rmtree(cache, ignore_errors=True)


@contextmanager
def sshfs(source: Path, work: Path) -> Iterator[Path]:
    """sshfs over loopback, to a server with keys of its own."""
    with ssh_server(work) as (port, key):
        options = (
            f"port={port},IdentityFile={key},StrictHostKeyChecking=no,UserKnownHostsFile=/dev/null"
        )
        where = f"{getpass.getuser()}@localhost:{source}"
        with mounted(["sshfs", "-f", where, "{mnt}", "-o", options], work) as mnt:
            yield mnt


NATIVE = Way("native", (), (), native)
OTHERS = (
    Way("bindfs", ("bindfs",), ("bindfs",), bindfs),
    Way("rclone", ("rclone",), ("rclone",), rclone),
    Way("sshfs", ("sshfs", "openssh-server"), ("sshfs", "sshd", "ssh-keygen"), sshfs),
)


@contextmanager
def owning(source: Path, work: Path, files: int) -> Iterator[tuple[Peer, Path]]:
    """A peer that owns `source`, and its mount, once all `files` are known and nothing is left to
    do. It is alone: another peer would have a processor of its own."""
    owner, mnt = Peer("owner", work / "owner"), work / "real"
    with ExitStack() as undo:
        owner.ask("init", "--name", "owner", "--listen", "localhost:0")
        owner.ask("arena", "add", "bench", source, "--mark", "own")
        undo.callback(_unmount, owner, mnt)
        owner.ask("mount", mnt)
        wait_until(lambda: _is_settled(owner, files), INDEXED_SECONDS, "Not all files are indexed")
        yield owner, mnt


@contextmanager
def visiting(owner: Peer, work: Path, kept: str, files: int) -> Iterator[Path]:
    """The mount of a peer that has nothing but, in its cache, the file `kept`."""
    visitor, mnt = Peer("visitor", work / "visitor"), work / "unreal"
    with ExitStack() as undo:
        visitor.ask("init", "--name", "visitor", "--listen", "localhost:0")
        undo.callback(_unmount, visitor, mnt)
        visitor.ask("join", owner.ask("invite", "bench"), work / "visitor-files")
        visitor.ask("mount", mnt)
        wait_until(lambda: _is_settled(visitor, files), INDEXED_SECONDS, "Not all files are listed")
        visitor.ask("mark", "set", "keep", mnt / kept)
        wait_until(
            lambda: os.getxattr(mnt / kept, "user.realize.status") == b"cached",
            INDEXED_SECONDS,
            f"{kept} is not cached",
        )
        yield mnt


def _is_settled(peer: Peer, files: int) -> bool:
    [arena] = peer.status()["arenas"]
    return int(arena["files"]) >= files and not arena["pending"]


def _unmount(peer: Peer, mnt: Path) -> None:
    if os.path.ismount(mnt):
        peer.ask("umount", mnt)


@contextmanager
def mounted(command: list[str | Path], work: Path) -> Iterator[Path]:
    """Run a FUSE program that stays in the foreground until it is unmounted."""
    mnt = work / f"{command[0]}-mnt"
    mnt.mkdir()
    words = [str(mnt) if word == "{mnt}" else str(word) for word in command]
    with (work / f"{command[0]}.log").open("wb") as log:
        program = subprocess.Popen(words, stdout=log, stderr=log)
    try:
        wait_until(lambda: os.path.ismount(mnt), READY_SECONDS, f"{command[0]} does not mount")
        yield mnt
    finally:
        _detach(mnt)
        program.terminate()
        program.wait(READY_SECONDS)
        mnt.rmdir()


def _detach(mnt: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while os.path.ismount(mnt):
        done = subprocess.run(["fusermount3", "-u", mnt], check=False, capture_output=True)
        if done.returncode != 0 and time.monotonic() > deadline:
            subprocess.run(["fusermount3", "-u", "-z", mnt], check=True)
            return
        time.sleep(POLL_SECONDS)


def need_ssh_server() -> None:
    """End with a sentence where none could be started."""
    if shutil.which("sshd") is None:
        raise SystemExit("This needs an ssh server: install Debian's package openssh-server.")


@contextmanager
def ssh_server(work: Path) -> Iterator[tuple[int, Path]]:
    """(port, the client's key) of an ssh server on loopback."""
    need_ssh_server()
    place = work / "ssh"
    place.mkdir(mode=0o700)
    for name in ("host", "client"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", place / name], check=True
        )
    (place / "authorized").write_bytes((place / "client.pub").read_bytes())
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    Path("/run/sshd").mkdir(exist_ok=True)  # where its unprivileged half is locked up
    settings = [
        *("ListenAddress=127.0.0.1", f"Port={port}", f"HostKey={place / 'host'}", "UsePAM=no"),
        *(f"AuthorizedKeysFile={place / 'authorized'}", "StrictModes=no", "PidFile=none"),
        "Subsystem=sftp internal-sftp",
    ]
    options = [word for setting in settings for word in ("-o", setting)]
    with (work / "sshd.log").open("wb") as log:
        program = [str(shutil.which("sshd")), "-D", "-e", "-f", "/dev/null", *options]
        server = subprocess.Popen(program, stdout=log, stderr=log)
    try:
        wait_until(lambda: _answers(port), READY_SECONDS, "sshd does not answer")
        yield port, place / "client"
    finally:
        server.terminate()
        server.wait(READY_SECONDS)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
