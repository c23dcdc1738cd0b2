"""`mount -t fuse.realizefs SOURCE DIR`, and the same from /etc/fstab.

mount(8) hands such a line to mount.fuse, and that calls `realizefs SOURCE DIR -o OPTIONS`: no
command is named. SOURCE is `realizefs:ARENA`, which is also what /proc/mounts then shows, or
`realizefs` for what `realizefs mount DIR` shows by itself. `ARENA` alone would do, were it not that
mount(8) takes it for a path where a file of that name happens to be in the working directory.
"""

from collections.abc import Collection, Sequence

from realizefs.model.mount_flags import parse_mount_options

ANYTHING = frozenset({"realizefs", "none"})
"""Sources that name no arena."""

PREFIX = "realizefs:"

_WORDS = 4


def as_command(arguments: Sequence[str], commands: Collection[str]) -> list[str]:
    """The command line that mount.fuse means, or the arguments as they are."""
    if len(arguments) != _WORDS or arguments[2] != "-o" or arguments[0] in commands:
        return list(arguments)
    source, directory, _, options = arguments
    if source.startswith("-"):
        return list(arguments)
    home = parse_mount_options(options).home
    return [
        "mount",
        *(["--home", home] if home else []),
        *([] if source in ANYTHING else ["--arena", source.removeprefix(PREFIX)]),
        "-o",
        options,
        "--",
        directory,
    ]
