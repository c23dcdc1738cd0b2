"""An ordinary user of the machine that the tests run on: no rights but its own, and no view of
what root alone may see.

It lives in a mount namespace of its own, where /dev/fuse may be opened by all and "fusectl" is
mounted, as every system has it that systemd runs, and where the interpreter and this checkout can be
reached even if they lie in somebody's closed directory. Nothing of this machine is changed for it.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.household.machines import Done, Machine
from tests.household.waiting import SECONDS

USER = 65534
"""Debian's "nobody": every system has it."""

CHECKOUT = Path(__file__).parents[2]

_PREPARE = """
mount -t tmpfs -o mode=755 none "$1"
mkdir "$1/dev"
mknod -m 666 "$1/dev/fuse" c 10 229
mount --bind "$1/dev/fuse" /dev/fuse
mountpoint -q /sys/fs/fuse/connections || mount -t fusectl none /sys/fs/fuse/connections
shift
number=0
for place; do
    number=$((number + 1))
    mkdir "$BESIDE/$number"
    mount --rbind "$place" "$BESIDE/$number"
done
for closed in $CLOSED; do mount -t tmpfs -o mode=755 none "$closed"; done
number=0
for place; do
    number=$((number + 1))
    mkdir -p "$place"
    mount --rbind "$BESIDE/$number" "$place"
done
echo ready
read -r _
"""


class User:
    """An ordinary user, who can be asked to run commands."""

    def __init__(self, namespace: int, home: Path) -> None:
        self._namespace = namespace
        self.home = home
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("XDG_")},
            "HOME": str(home),
            "USER": "nobody",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def command(self, *command: str | Path, as_root: bool = False) -> list[str]:
        """The same by this user, or by root in this user's view."""
        enter = ["nsenter", f"--mount=/proc/{self._namespace}/ns/mnt", "--"]
        become = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--"]
        return [*enter, *([] if as_root else become), *map(str, command)]

    def run(self, *command: str | Path, as_root: bool = False) -> Done:
        """A command, whatever comes of it."""
        done = subprocess.run(
            self.command(*command, as_root=as_root),
            capture_output=True,
            check=False,
            timeout=2 * SECONDS,
            cwd="/",
            env=self.environment,
        )
        out, err = (text.decode("utf-8", "surrogateescape") for text in (done.stdout, done.stderr))
        return Done(done.returncode, out, err)

    def ask(self, *command: str | Path, as_root: bool = False) -> str:
        """What a command that must work prints."""
        done = self.run(*command, as_root=as_root)
        assert done.status == 0, f"{command} ended with {done.status}: {done.out}{done.err}"
        return done.out

    def say_in_fuse_conf(self, line: str) -> None:
        """What root lets users do, in this user's view."""
        self.ask(
            *("sh", "-ec", 'echo "$1" > "$2"; mount --bind "$2" /etc/fuse.conf', "sh", line),
            self.home.with_name("fuse.conf"),
            as_root=True,
        )

    def start(self, *command: str | Path) -> "subprocess.Popen[str]":
        """A command that goes on, with its input and output; its pid is the command's own."""
        return subprocess.Popen(
            self.command(*command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd="/",
            env=self.environment,
            text=True,
        )


class UsersMachine(Machine):
    """A peer that an ordinary user runs."""

    def __init__(self, directory: Path, name: str, user: User) -> None:
        super().__init__(directory, name)
        self._user = user
        for path in (directory, self.home, self.config):
            os.chown(path, USER, USER)

    def command(self, *arguments: str | Path) -> list[str]:
        return self._user.command(*super().command(*arguments))

    @property
    def environment(self) -> dict[str, str]:
        return self._user.environment


@contextmanager
def ordinary_user() -> Iterator[User]:
    """One with a home that only this user may enter."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o711)
        view, home = Path(place, "view"), Path(place, "home")
        for path in (view, home):
            path.mkdir()
        home.chmod(0o700)
        os.chown(home, USER, USER)
        places = [Path(sys.base_prefix).resolve(), CHECKOUT.resolve(), home]
        with _namespace(view, places) as process:
            yield User(process, home)


@contextmanager
def _namespace(view: Path, places: list[Path]) -> Iterator[int]:
    """The process that keeps it; all that is mounted there goes with its last process."""
    closed = sorted({str(one) for place in places if (one := _closed(place)) is not None})
    with subprocess.Popen(
        ["unshare", "--mount", "sh", "-euc", _PREPARE, "sh", view, *places],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "BESIDE": str(view), "CLOSED": " ".join(closed)},
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process.pid
        process.stdin.close()


def _closed(place: Path) -> Path | None:
    """The uppermost directory on the way to `place` that others may not pass."""
    ways = (one for one in reversed(place.parents) if not one.stat().st_mode & 0o001)
    return next(ways, None)
