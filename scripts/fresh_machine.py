#!/usr/bin/env python3
"""From a bare Debian to two machines that share a folder, by the README's own words. How long is that?

    sudo scripts/fresh_machine.py [--suite bookworm] [--mirror URL]

debootstrap makes a minimal Debian in a temporary directory, which is in namespaces of its own. There
two ordinary users, desk and laptop, each in a shell, do what the README says under "Five minutes with
two machines", command by command and as it is written there. Then it is compared whether laptop has
what it should have. A table says what each command took. Nothing is left of it, not even if it fails.

Needs root, debootstrap, and a network that has Debian's packages and Python's: two minutes. `--mirror`
is the one that apt uses here unless said. Both share one network: where desk listens laptop can't,
which it needn't.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
HEADING = "## Five minutes with two machines"
USERS = ("desk", "laptop")
COMMANDS_MAX, SECONDS_MAX = 10, 300.0
"""What the README promises: until both are joined and something is marked."""

_INSIDE = "REALIZEFS_FRESH_MACHINE"
_DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "urandom": (1, 9), "tty": (5, 0)}
_FUSE = (10, 229)
_CERTIFICATES = Path("/certificates.pem")
"""Those that pip trusts here; Debian's packages write their own over what they find."""


@dataclass(frozen=True, slots=True)
class Command:
    """One line of the README, and who types it."""

    users: Sequence[str]
    line: str


def commands(readme: str) -> list[Command]:
    """Those of the section, up to the first that is only another way to do the same."""
    section = readme.split(HEADING, 1)[1].split("\nThe port is", 1)[0]
    users: Sequence[str] = ()
    found: list[Command] = []
    for line in section.splitlines():
        if line.startswith("    "):
            found.append(Command(users, line.split("  #", 1)[0].strip()))
        elif line:
            named = [user for user in USERS if user in line]
            users = USERS if line.startswith("On both") else named or users
    return found


class Shell:
    """A user's login shell, to which lines are typed."""

    def __init__(self, user: str, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            ["su", "--login", user],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for name, value in environment.items():
            self.run(f"export {name}='{value}'")

    def run(self, line: str) -> str:
        """What it prints; SystemExit with that if it fails."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{line}\nended=$?; echo; echo '<ended>' $ended\n")
        self._process.stdin.flush()
        said: list[str] = []
        for text in self._process.stdout:
            if text.startswith("<ended>"):
                if text.split()[1] != "0":
                    sys.exit(f"`{line}` failed:\n{''.join(said)}")
                return "".join(said).strip()
            said.append(text)
        sys.exit(f"The shell ended in `{line}`:\n{''.join(said)}")


def prepare(root: Path) -> None:
    """What a machine has beside its packages, once they are there; in our own mount namespace."""
    for name in ("dev", "proc"):
        (root / name).mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "proc", "proc", root / "proc"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "dev", root / "dev"], check=True)
    for name, (major, minor) in {**_DEVICES, "fuse": _FUSE}.items():
        os.mknod(root / "dev" / name, 0o20666, os.makedev(major, minor))
        os.chmod(root / "dev" / name, 0o666)
    (root / "dev/fd").symlink_to("/proc/self/fd")
    if not (root / "etc/mtab").is_symlink():
        (root / "etc/mtab").symlink_to("/proc/mounts")
    for name in ("resolv.conf", "hosts"):
        shutil.copy(Path("/etc") / name, root / "etc" / name)
    bundle = os.environ.get("PIP_CERT")
    if bundle:
        shutil.copy(bundle, root / _CERTIFICATES.relative_to("/"))


def people() -> None:
    """The two users, each with a checkout; photographs at the one who has them."""
    for user in USERS:
        subprocess.run(["useradd", "--create-home", "--shell", "/bin/bash", user], check=True)
        shutil.copytree("/checkout", f"/home/{user}/realizefs", symlinks=True)
        (Path("/home") / user / ".bash_profile").write_text("cd realizefs\n")
    for name in ("2024/a.jpg", "2024/b.jpg", "holiday/beach.jpg"):
        photo = Path("/home/desk/Photos") / name
        photo.parent.mkdir(parents=True, exist_ok=True)
        photo.write_bytes(os.urandom(300_000))
    for user in USERS:
        subprocess.run(["chown", "-R", f"{user}:{user}", f"/home/{user}"], check=True)


def follow(listed: Sequence[Command], shells: Mapping[str, Shell]) -> Iterator[tuple[str, Command]]:
    """Carry them out, each user his own; yields who did which."""
    code = ""
    for command in listed:
        for user in command.users:
            line = re.sub(r"realizefs-…", code, command.line)
            if line.startswith("sudo "):
                env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
                words = line.removeprefix("sudo ").split()
                subprocess.run(
                    words, check=True, env=env, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL
                )
            elif line.endswith("&"):
                shells[user].run(f"{line[:-1]} > ~/said 2>&1 & sleep 1")
            else:
                said = shells[user].run(line)
                code = next(iter(re.findall(r"realizefs-[\w-]{40,}", said)), code)
            yield user, command


def check(shells: Mapping[str, Shell]) -> None:
    """Whether laptop has what it should have: plain files of its own, and the same bytes."""
    deadline = time.monotonic() + 30
    kept, want = Path("/home/laptop/.photos/2024"), Path("/home/desk/Photos/2024")
    while not all((kept / one.name).exists() for one in want.iterdir()):
        if time.monotonic() > deadline:
            sys.exit("What laptop should own isn't there after 30 s.")
        time.sleep(0.1)
    for one in want.iterdir():
        if (kept / one.name).read_bytes() != one.read_bytes():
            sys.exit(f"{one.name} is another one on laptop.")
    mounted = shells["laptop"].run("findmnt --noheadings --list --types fuse.realizefs || true")
    if mounted:
        sys.exit(f"Something is still mounted: {mounted}")


def inside(root: Path) -> None:
    """All of it, in the namespaces; prints the table."""
    prepare(root)
    os.chroot(root)
    os.chdir("/")
    people()
    listed = commands(Path("/checkout/README.md").read_text())
    subprocess.run(["apt-get", "update", "-qq"], check=True)
    passed_on = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    if "PIP_CERT" in passed_on:
        passed_on["PIP_CERT"] = str(_CERTIFICATES)
    shells = {user: Shell(user, passed_on) for user in USERS}
    total, counts, is_marked = 0.0, dict.fromkeys(USERS, 0), False
    began = time.monotonic()
    for user, command in follow(listed, shells):
        seconds = time.monotonic() - began
        print(f"  {seconds:6.1f} s  {user:<7} {command.line}", flush=True)
        if not is_marked:
            total += seconds
            counts[user] += 1
            is_marked = "mark" in command.line and user == "laptop"
        began = time.monotonic()
    check(shells)
    everything = sum(counts.values())
    print(f"  {total:6.1f} s  for {everything} commands, until joined, mounted and marked")
    if everything > COMMANDS_MAX or total > SECONDS_MAX:
        sys.exit(f"That is more than {COMMANDS_MAX} commands, or {SECONDS_MAX:.0f} s.")


def mirror_here() -> str:
    """The one of this machine's apt."""
    found = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)"],
        check=True,
        capture_output=True,
        text=True,
    )
    return found.stdout.split()[0]


def main() -> None:
    """Make the tree, and go inside."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--suite", default="bookworm")
    parser.add_argument("--mirror")
    options = parser.parse_args()
    if os.environ.get(_INSIDE):
        inside(Path(os.environ[_INSIDE]))
        return
    if os.getuid() or not shutil.which("debootstrap"):
        sys.exit("This needs root, and debootstrap.")
    with tempfile.TemporaryDirectory(prefix="realizefs-fresh-") as place:
        root = Path(place) / "tree"  # which others than root may enter
        root.mkdir(0o755)
        mirror = options.mirror or mirror_here()
        began = time.monotonic()
        subprocess.run(
            ["debootstrap", "--variant=minbase", options.suite, root, mirror],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        subprocess.run(["git", "clone", "--quiet", TOP, root / "checkout"], check=True)
        print(f"  {time.monotonic() - began:6.1f} s  a bare Debian", flush=True)
        # With the first process of the namespace all that was started in it ends.
        unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
        done = subprocess.run(
            [*unshare, sys.executable, __file__],
            check=False,
            env={**os.environ, _INSIDE: str(root)},
        )
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
