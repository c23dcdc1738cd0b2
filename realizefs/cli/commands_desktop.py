"""Commands about file managers: desktop install, remove and status."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

import click

from realizefs.cli.options import Group, Session, json_option, pass_session
from realizefs.cli.render import show_json, show_line, show_table
from realizefs.model.errors import NotFound

MANAGERS: Mapping[str, tuple[str, str]] = {
    "caja": ("caja-python/extensions", "python3-caja"),
    "nautilus": ("nautilus-python/extensions", "python3-nautilus"),
    "nemo": ("nemo-python/extensions", "nemo-python"),
    "thunar": ("thunarx-python/extensions", "thunarx-python and gir1.2-thunarx-3.0"),
}
"""File manager → where its extensions are, below XDG_DATA_HOME, and the package that runs them."""

CORE = ("realizefs_states.py", "realizefs_shown.py")
"""What all of them share."""

SETTINGS = "realizefs-desktop.json"
EMBLEMS = "icons/hicolor/scalable/emblems"

SYSTEM_PYTHON = ("/usr/bin/python3", "-I")
"""That which file managers' extensions run in."""

TOLD_CHARACTERS_MAX = 2000
"""Of what a command prints, in a window."""

TELL_SECONDS = 3600
"""For a command whose outcome is told: what has to be fetched may take long."""


@click.group(cls=Group)
def desktop() -> None:
    """The file managers of this desktop: emblems for what is where, and entries in the menu."""


@desktop.command()
@click.option(
    "--for",
    "chosen",
    multiple=True,
    type=click.Choice(sorted(MANAGERS)),
    help="Else all that are installed.",
)
@json_option
@pass_session
def install(session: Session, chosen: tuple[str, ...], as_json: bool) -> None:
    """Have file managers show where files are, and offer to change that in their menu.

    For this user; restart the file manager afterwards. Emblems in Caja, Nautilus and Nemo; the menu in
    Thunar, too.

    \b
    Example:
        realizefs desktop install
    """
    wanted = chosen or tuple(name for name in sorted(MANAGERS) if shutil.which(name))
    if not wanted:
        raise NotFound(f"None of these file managers is installed: {', '.join(sorted(MANAGERS))}.")
    for name in wanted:
        _install(name, session.client().home)
    for emblem in _shipped("emblem-"):
        _copy(emblem, _data() / EMBLEMS)
    _show(as_json=as_json)


@desktop.command()
@json_option
def remove(as_json: bool) -> None:
    """Take all of it away again.

    \b
    Example:
        realizefs desktop remove
    """
    remove_extensions()
    _show(as_json=as_json)


@desktop.command()
@json_option
def status(as_json: bool) -> None:
    """Say which file managers there are, and which show RealizeFS.

    \b
    Example:
        realizefs desktop status
    """
    _show(as_json=as_json)


@desktop.command(hidden=True)
@click.argument("command", nargs=-1, required=True)
def tell(command: tuple[str, ...]) -> None:
    """Run a command for a file manager's menu, and tell how it ended.

    \b
    Example:
        realizefs desktop tell -- realizefs info ~/Photos/beach.jpg
    """
    done = subprocess.run(
        command, capture_output=True, text=True, errors="replace", check=False, timeout=TELL_SECONDS
    )
    said = (done.stdout if done.returncode == 0 else done.stderr).strip()[:TOLD_CHARACTERS_MAX]
    if "info" in command or done.returncode != 0:
        _tell_in_window(said, is_wrong=done.returncode != 0)


def remove_extensions() -> list[Path]:
    """Remove all that `install` has made; what that was."""
    found = [_data() / folder / name for folder, _ in MANAGERS.values() for name in _ours()]
    found += [_data() / EMBLEMS / emblem for emblem in _shipped("emblem-")]
    removed = [file for file in found if file.exists()]
    for file in removed:
        file.unlink()
    return removed


def _tell_in_window(text: str, *, is_wrong: bool) -> None:
    """With the desktop's own dialog, else GTK's own; as a notification where there is neither."""
    if shutil.which("zenity"):
        kind = "--error" if is_wrong else "--info"
        command = [
            "zenity",
            kind,
            "--title=RealizeFS",
            "--no-markup",
            "--width=560",
            f"--text={text}",
        ]
    elif _has_gtk():
        script = str(files("realizefs.cli").joinpath("desktop", "realizefs_window.py"))
        command = [*SYSTEM_PYTHON, script, text, *(["wrong"] if is_wrong else [])]
    elif shutil.which("notify-send"):
        command = ["notify-send", "--app-name=RealizeFS", "RealizeFS", text]
    else:
        raise NotFound("There is neither zenity nor notify-send to tell it with.")
    subprocess.run(command, check=False)


def _has_gtk() -> bool:
    asks = [*SYSTEM_PYTHON, "-c", 'import gi; gi.require_version("Gtk", "3.0")']
    try:
        return subprocess.run(asks, stderr=subprocess.DEVNULL, check=False).returncode == 0
    except FileNotFoundError:
        return False


def _install(name: str, home: str | None) -> None:
    place = _data() / MANAGERS[name][0]
    for file in (*CORE, f"realizefs_{name}.py"):
        _copy(file, place)
    settings = {"program": os.path.abspath(sys.argv[0]), "home": home}
    (place / SETTINGS).write_text(json.dumps(settings) + "\n")


def _copy(name: str, place: Path) -> None:
    place.mkdir(parents=True, exist_ok=True)
    (place / name).write_bytes(files("realizefs.cli").joinpath("desktop", name).read_bytes())


def _shipped(beginning: str) -> list[str]:
    there = files("realizefs.cli").joinpath("desktop").iterdir()
    return sorted(one.name for one in there if one.name.startswith(beginning))


def _ours() -> Sequence[str]:
    return (*CORE, SETTINGS, *(f"realizefs_{name}.py" for name in MANAGERS))


def _data() -> Path:
    given = os.environ.get("XDG_DATA_HOME", "")
    return Path(given) if os.path.isabs(given) else Path.home() / ".local/share"


def _show(*, as_json: bool) -> None:
    found = [
        {
            "name": name,
            "present": shutil.which(name) is not None,
            "installed": (_data() / folder / f"realizefs_{name}.py").exists(),
            "package": package,
        }
        for name, (folder, package) in sorted(MANAGERS.items())
    ]
    if as_json:
        show_json(found)
        return
    rows = [(str(one["name"]), _word(one["present"]), _word(one["installed"])) for one in found]
    show_table(("FILE MANAGER", "HERE", "SHOWS REALIZEFS"), rows, "")
    for one in found:
        if one["installed"]:
            show_line(
                f"{one['name']} needs Debian's {one['package']}, and a restart (`{one['name']} -q`)."
            )


def _word(value: object) -> str:
    return "yes" if value else "no"
