"""What a file manager shows of a file in a RealizeFS mount, and what its menu offers.

Runs in the file manager's own process, under the system's Python: nothing of RealizeFS, of any toolkit, or
outside the standard library is imported here. The states are the mount's extended attributes, which it
answers from its index without asking anybody; nothing here reads a byte of a file, so nothing is
fetched. What is chosen in the menu is done by the `realizefs` program, in a process of its own.
What is shown is kept up to date by realizefs_shown.
"""

import json
import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

STATUS = "user.realize.status"
MARK = "user.realize.mark.effective"
SETTINGS = Path(__file__).with_name("realizefs-desktop.json")

SELECTED_MAX = 1000
"""Paths given to one command; the kernel takes some two thousand of the longest. More have no menu."""


@dataclass(frozen=True)
class State:
    """What the mount says of a file: the word of its status, and the mark in force."""

    status: str
    mark: str


@dataclass(frozen=True)
class Entry:
    """One line of the menu: `name` for the toolkit, what is shown, what that means, and the command."""

    name: str
    label: str
    tip: str
    command: Sequence[str]


ENTRIES = (
    Entry("own", "Own here", "Keep it as a plain file on this machine", ("mark", "set", "own")),
    Entry(
        "keep",
        "Keep here",
        "Keep it in the cache, for when no other machine is on",
        ("mark", "set", "keep"),
    ),
    Entry(
        "watch",
        "Only when needed",
        "Fetch what is read, and let it go again",
        ("mark", "set", "watch"),
    ),
    Entry(
        "free", "Free up space", "Take it out of the cache now; other machines have it", ("evict",)
    ),
    Entry("why", "Why?", "Why it is here, or isn't, and who has it", ("info",)),
)


def state_of(path: bytes) -> State | None:
    """What is at a path; None where it is in no mount of ours."""
    try:
        status = os.getxattr(path, STATUS).decode("ascii", "replace")
        mark = os.getxattr(path, MARK).decode("ascii", "replace")
    except OSError:
        return None
    return _state(status, mark)


def _state(status: str, mark: str) -> State:
    return State(status.split(" ", maxsplit=1)[0], mark)


def emblem_of(state: State, *, is_folder: bool = False) -> str | None:
    """The icon that is put on it, without its ending; None for none."""
    if is_folder:  # a folder itself is always here; its mark says what becomes of what is in it
        return {"own": "emblem-realizefs-real", "keep": "emblem-realizefs-kept"}.get(state.mark)
    if state.status in ("real", "modified"):
        return "emblem-realizefs-real"
    if state.status == "cached":
        return "emblem-realizefs-kept" if state.mark == "keep" else "emblem-realizefs-cached"
    if state.status == "partial":
        coming = state.mark in ("own", "keep")
        return "emblem-realizefs-transferring" if coming else "emblem-realizefs-cached"
    if state.status == "remote" and state.mark in ("own", "keep"):
        return "emblem-realizefs-transferring"
    return {"remote": "emblem-realizefs-remote", "unavailable": "emblem-realizefs-unavailable"}.get(
        state.status
    )


def entries_for(states: Sequence[State | None]) -> list[Entry]:
    """What the menu offers for a selection: nothing unless all of it is in a mount of ours."""
    known = [state for state in states if state is not None]
    if not known or len(known) < len(states):
        return []
    offered = []
    for entry in ENTRIES:
        if entry.name == "why" and len(states) > 1:
            continue
        if entry.name == "free" and not any(one.status in ("cached", "partial") for one in known):
            continue
        if entry.name in ("own", "keep", "watch") and all(one.mark == entry.name for one in known):
            continue
        offered.append(entry)
    return offered


def command_for(entry: Entry, paths: Sequence[bytes]) -> list[bytes]:
    """The command that does it, as `realizefs desktop install` has noted where the program is."""
    settings = json.loads(SETTINGS.read_text())
    home = ["--home", settings["home"]] if settings["home"] else []
    words = [settings["program"], *home, *entry.command]
    return [*map(os.fsencode, words), *paths]


def carry_out(entry: Entry, paths: Sequence[bytes]) -> "subprocess.Popen[bytes]":
    """Start it, and don't wait: what goes wrong, and the answer to "Why?", is told in a window."""
    command = command_for(entry, paths)
    return subprocess.Popen(
        [command[0], b"desktop", b"tell", b"--", *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # the file manager may end before it
    )


# What the file managers hand over has these methods in all of them.


def path_of(file: Any) -> bytes | None:
    """Its path; None for what is in no file system."""
    if file.get_uri_scheme() != "file":
        return None
    return unquote_to_bytes(urlsplit(file.get_uri()).path)


def offered_for(
    files: Sequence[Any], known: Callable[[str], State | None] = lambda _uri: None
) -> list[tuple[Entry, Callable[[], object]]]:
    """The menu of a selection: what it offers, and what does it. `known`: what is known of what is at an
    address."""
    if len(files) > SELECTED_MAX:
        return []
    paths = [path for path in map(path_of, files) if path]
    if len(paths) < len(files):
        return []
    states = [
        known(file.get_uri()) or state_of(path) for file, path in zip(files, paths, strict=True)
    ]
    return [
        (entry, lambda entry=entry: carry_out(entry, paths))  # type: ignore[misc]
        for entry in entries_for(states)
    ]


class Eyes:
    """How files are looked at: in GLib's threads. Two attributes are asked for, and nothing else."""

    def __init__(self, gio: Any, glib: Any) -> None:
        self._gio = gio
        self._glib = glib

    def look(self, uri: str, then: Callable[[State | None], None]) -> None:
        """Say later what is there."""
        status, mark = ("xattr::" + name.removeprefix("user.") for name in (STATUS, MARK))

        def looked(file: Any, result: Any) -> None:
            try:
                info = file.query_info_finish(result)
            except self._glib.Error:
                then(None)
                return
            said = [info.get_attribute_string(name) for name in (status, mark)]
            then(_state(*said) if all(said) else None)

        self._gio.File.new_for_uri(uri).query_info_async(
            *(f"{status},{mark}", self._gio.FileQueryInfoFlags.NONE),
            *(self._glib.PRIORITY_LOW, None, looked),
        )

    def later(self, seconds: int, then: Callable[[], None]) -> None:
        """Call that once."""

        def once() -> bool:
            then()
            return False

        self._glib.timeout_add_seconds(seconds, once)


def provider(toolkit: Any, base: type, shown: Any) -> type:
    """The class that Nautilus and those who descend from it look for; `toolkit` is their module, `base`
    GObject's class, `shown` what realizefs_shown knows."""

    class RealizeFS(base, toolkit.InfoProvider, toolkit.MenuProvider):  # type: ignore[misc]
        def update_file_info(self, file: Any) -> None:
            """The emblem of a file, as far as it is known; the file manager is told when it changes."""
            state = shown.asked(file.get_uri(), file) if path_of(file) else None
            emblem = emblem_of(state, is_folder=file.is_directory()) if state else None
            if emblem:
                file.add_emblem(emblem)

        def get_file_items(self, *asked: Any) -> list[Any]:
            """The menu of a selection, which is the last argument; the window before it is gone in
            Nautilus 43."""
            offered = offered_for(asked[-1], shown.known)
            if not offered:
                return []
            menu = toolkit.Menu()
            for entry, do in offered:
                name = "RealizeFS::" + entry.name
                item = toolkit.MenuItem(name=name, label=entry.label, tip=entry.tip)
                item.connect("activate", lambda _item, do=do: do())
                menu.append_item(item)
            top = toolkit.MenuItem(
                name="RealizeFS::top", label="RealizeFS", tip="Where it is stored"
            )
            top.set_submenu(menu)
            return [top]

    return RealizeFS
