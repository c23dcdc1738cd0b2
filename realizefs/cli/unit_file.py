"""The text of a unit for systemd, and the name of its file. Pure; systemd.service(5) says what it means.

What is deliberately not in it: anything that gives the service a view of its own of the file system
(`PrivateTmp=`, `ProtectHome=`, …), as then nobody else would see the mount, and `NoNewPrivileges=`, as
fusermount3 mounts by its set-uid bit.
"""

import re
import string
from collections.abc import Mapping, Sequence
from types import MappingProxyType

HEADER = "# Written by `realizefs service install`, which replaces it: change it with"
"""How every unit begins that is ours; another one is never replaced."""

_NEEDS_NO_QUOTES = re.compile(r"[A-Za-z0-9_@:,./=+-]+")

_PLAIN_IN_NAMES = frozenset(string.ascii_letters + string.digits + ":_.")


def unit_name(home: str | None) -> str:
    """Of the service of the usual home, or of the one in the directory `home`, which systemd's way of
    escaping a path keeps apart from all others."""
    if home is None:
        return "realizefs.service"
    words = [word for word in home.encode("utf-8", "surrogateescape").split(b"/") if word]
    return f"realizefs-{'-'.join(map(_escaped, words)) or '-'}.service"


def unit_text(
    name: str,
    command: Sequence[str],
    shows: str | None,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """The unit that keeps `command` running; `shows` is where it mounts, None if nowhere.

    `environment` is what the command needs of the caller's: systemd's own may be another.
    """
    what = "without a mount" if shows is None else f"mounted at {shows}"
    given = "".join(
        f"Environment={quoted(f'{key}={value}', dollar='$')}\n"
        for key, value in environment.items()
    )
    return f"""\
{HEADER}
# `systemctl --user edit {name}`.
[Unit]
Description={_value(f"RealizeFS, {what}")}
Documentation=man:realizefs(1)
# Where the user's systemd has that. Without it nothing is lost: an address that can't be listened at
# or reached yet is tried again, and at once when the network changes.
After=network-online.target
StartLimitIntervalSec=10min
StartLimitBurst=10

[Service]
Type=notify
{given}ExecStart={" ".join(map(quoted, command))}
Restart=on-failure
RestartSec=5s
# 2: what is asked for can't be, as with a mistake in config.toml; trying again won't help.
RestartPreventExitStatus=2
WatchdogSec=1min
TimeoutStartSec=5min
TimeoutStopSec=1min
# The daemon ends what it has started, and takes the mount away before.
KillMode=mixed
SyslogIdentifier=realizefs

[Install]
WantedBy=default.target
"""


def quoted(word: str, *, dollar: str = "$$") -> str:
    """A word as systemd reads them; any bytes but a zero. `dollar` is how that is written: `$$` in a
    command line, `$` in an environment."""
    if _NEEDS_NO_QUOTES.fullmatch(word):
        return word
    return f'"{"".join(_quoted_character(one, dollar) for one in word)}"'


def _quoted_character(character: str, dollar: str) -> str:
    if character in '\\"':
        return f"\\{character}"
    if character == "%":
        return "%%"
    if character == "$":
        return dollar
    if character.isprintable():
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))


def _value(text: str) -> str:
    """Text after `Description=`."""
    shown = "".join(one if one.isprintable() else "?" for one in text)
    return shown.replace("\\", "/").replace("%", "%%")


def _escaped(word: bytes) -> str:
    """As `systemd-escape` does it."""
    return "".join(chr(byte) if chr(byte) in _PLAIN_IN_NAMES else f"\\x{byte:02x}" for byte in word)
