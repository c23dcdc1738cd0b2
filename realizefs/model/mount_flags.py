"""Mount options as `-o` and /etc/fstab have them: which are ours, the kernel's, or nobody's."""

from dataclasses import dataclass

from realizefs.model.errors import Misuse

ALLOW_OTHER = "allow_other"

ACL = "acl"
"""Answer for POSIX ACLs. Not by default: each file costs `ls -l` one call more, 2.4 times the time of
`ls -lR`."""

KERNEL_FLAGS = frozenset({ALLOW_OTHER, "ro", "nosuid", "nodev", "noexec", "noatime"})
"""Options that are handed on when mounting."""

FLAGS = KERNEL_FLAGS | {ACL}

_OTHERS_BUSINESS = frozenset(
    (
        *("async", "atime", "auto", "comment", "defaults", "dev", "diratime", "dirsync", "exec"),
        *("group", "lazytime", "noauto", "nodiratime", "nofail", "nolazytime", "norelatime"),
        *("nostrictatime", "nouser", "owner", "relatime", "rw", "strictatime", "suid", "sync"),
        *("user", "users", "_netdev"),
    )
)
"""Options for mount(8), systemd and the kernel, or its defaults; mount.fuse adds `dev` and `suid`
by itself, and a household's files are neither devices nor programs that change their user."""


@dataclass(frozen=True, slots=True)
class MountChoice:
    """What `-o` said: flags for the kernel, and the home whose daemon is to mount."""

    flags: frozenset[str] = frozenset()
    home: str | None = None


def parse_mount_options(text: str) -> MountChoice:
    """The choice in a comma-separated list; Misuse for an option that means nothing here."""
    flags: set[str] = set()
    home: str | None = None
    for option in filter(None, text.split(",")):
        name, given, value = option.partition("=")
        if option in FLAGS:
            flags.add(option)
        elif name == "home" and value:
            home = value
        elif not (
            name in _OTHERS_BUSINESS or (given and name == "comment") or _is_for_others(name)
        ):
            raise Misuse(
                f'"{option[:80]}" is not a mount option of RealizeFS; there are home=DIR, '
                f"{', '.join(sorted(FLAGS))}."
            )
    return MountChoice(frozenset(flags), home)


def check_flags(flags: frozenset[str]) -> None:
    """Misuse for what isn't a flag."""
    for flag in sorted(flags - FLAGS):
        raise Misuse(f'"{flag[:80]}" is not a mount option of RealizeFS.')


def _is_for_others(name: str) -> bool:
    """What is addressed to a program that reads fstab, such as systemd."""
    return name.lower().startswith("x-")
