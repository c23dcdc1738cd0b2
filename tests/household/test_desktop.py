"""The extension in a real file manager, and what its menu does, under the system's Python."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.household.desktops import CACHED, KEPT, PROGRAMS, REAL, REMOTE, Desktop, desktop
from tests.household.machines import MARK, Pair, word
from tests.household.screens import screen
from tests.household.waiting import until

SYSTEM_PYTHON = "/usr/bin/python3"

CHOOSE = """
import sys
sys.path.insert(0, sys.argv[1])
import realizefs_states as states

class File:
    def __init__(self, uri):
        self.uri = uri
    def get_uri_scheme(self):
        return self.uri.partition(":")[0]
    def get_uri(self):
        return self.uri
    def is_directory(self):
        return False

files = [File(uri) for uri in sys.argv[3:]]
offered = dict((entry.name, do) for entry, do in states.offered_for(files))
found = [states.state_of(states.path_of(file) or b"") for file in files]
print(" ".join(offered), [one and states.emblem_of(one) for one in found])
if sys.argv[2]:
    assert offered[sys.argv[2]]().wait() == 0
"""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory, pair: Pair) -> Iterator[Desktop]:
    """A desktop for which bob has installed it."""
    with screen(tmp_path_factory.mktemp("desktop") / "home") as one, desktop(one) as made:
        made.ask(pair.bob, "desktop", "install", "--for", "caja")
        yield made


def choosing(shown: Desktop, entry: str, *uris: str) -> "subprocess.Popen[str]":
    """What asks for the menu of a selection, and does what an entry says."""
    extensions = shown.data / "caja-python/extensions"
    return subprocess.Popen(
        [SYSTEM_PYTHON, "-c", CHOOSE, str(extensions), entry, *uris],
        env={key: value for key, value in shown.environment.items() if key != "PYTHONPATH"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def choose(shown: Desktop, entry: str, *uris: str) -> str:
    """What the menu offers for a selection; with an entry, that is chosen."""
    with choosing(shown, entry, *uris) as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out


def test_a_file_manager_shows_where_files_are_and_fetches_nothing(
    pair: Pair, shown: Desktop
) -> None:
    folder = pair.mnt / "pictures"
    for name in ("remote.pdf", "kept.pdf", "cached.pdf", "real.pdf"):
        pair.write(f"pictures/{name}", name.encode() * 100)
    pair.bob.ask("mark", "set", "own", folder / "real.pdf")
    pair.bob.ask("mark", "set", "keep", folder / "kept.pdf")
    (folder / "cached.pdf").read_bytes()
    until(lambda: word(folder / "real.pdf") == "real", "it is a plain file")
    until(lambda: word(folder / "kept.pdf") == "cached", "it is in the cache")
    with shown.running(PROGRAMS["caja"], folder):
        for colour in (REAL, KEPT, CACHED, REMOTE):
            until(lambda c=colour: shown.shows(c), f"the emblem of {colour} is shown")  # type: ignore[misc]
    assert word(folder / "remote.pdf") == "remote"


def use(program: str, pair: Pair, shown: Desktop) -> None:
    """What a person sees and does in a file manager, with one file that is elsewhere."""
    assert PROGRAMS[program].is_installed, f"apt-get install {PROGRAMS[program].packages}"
    shown.ask(pair.bob, "desktop", "install", "--for", program)
    file = pair.write(f"{program}/letter.pdf", "dear")
    with shown.running(PROGRAMS[program], file.parent):
        if PROGRAMS[program].has_emblems:
            until(lambda: shown.shows(REMOTE), "it is elsewhere")
            pair.bob.ask("fetch", file)
            until(lambda: shown.shows(CACHED), "it is in the cache now")
            pair.bob.ask("evict", file)
            until(lambda: shown.shows(REMOTE), "and no more")
        shown.choose_first(PROGRAMS[program], file.name, REMOTE)
        if PROGRAMS[program].has_emblems:
            until(lambda: shown.shows(REAL), "it is a plain file here")
    until(lambda: word(file) == "real", "what was chosen is done")
    assert os.getxattr(file, MARK) == b"own"


def test_emblems_follow_and_the_menu_is_done(pair: Pair, shown: Desktop) -> None:
    use("caja", pair, shown)


@pytest.mark.big
@pytest.mark.parametrize("program", ["nautilus", "nemo", "thunar"])
def test_other_file_managers_do_the_same(program: str, pair: Pair, shown: Desktop) -> None:
    """Their packages aren't among those that tests install: they take a minute."""
    use(program, pair, shown)


def test_what_is_chosen_in_the_menu_is_done(pair: Pair, shown: Desktop) -> None:
    file = pair.write("letters/öne two.txt", "dear")
    uri = file.as_uri()
    said = choose(shown, "keep", uri)
    assert said == "own keep why ['emblem-realizefs-remote']\n"
    until(lambda: word(file) == "cached", "it is fetched, as was chosen")
    assert os.getxattr(file, MARK) == b"keep"
    assert choose(shown, "", uri) == "own watch free why ['emblem-realizefs-kept']\n"
    choose(shown, "watch", uri)
    until(lambda: os.getxattr(file, MARK) == b"watch", "it is marked watch")
    choose(shown, "free", uri)
    until(lambda: word(file) == "remote", "its room is free")


def test_why_is_answered_in_a_window(pair: Pair, shown: Desktop) -> None:
    """Where neither zenity nor notify-send was installed nothing happened."""
    file = pair.write("letters/why.txt", "dear")
    with choosing(shown, "why", file.as_uri()) as process:
        until(lambda: shown.windows_called("RealizeFS"), "it says why")
        assert process.poll() is None

        def is_closed() -> bool:
            shown.close("RealizeFS")
            return process.poll() is not None

        until(is_closed, "its reader closes it")
    assert process.returncode == 0


def test_what_is_elsewhere_has_no_menu(pair: Pair, shown: Desktop) -> None:
    outside = pair.files / "letters"
    outside.mkdir(exist_ok=True)
    inside = pair.write("letters/three.txt", "3").as_uri()
    assert choose(shown, "", outside.as_uri()) == " [None]\n"
    assert choose(shown, "", inside, "sftp://somewhere/file").startswith(" [")


def test_it_is_removed_again(pair: Pair, shown: Desktop) -> None:
    extensions = shown.data / "caja-python/extensions"
    assert json.loads(shown.ask(pair.bob, "desktop", "status", "--json"))[0]["installed"]
    shown.ask(pair.bob, "desktop", "remove")
    assert list(extensions.iterdir()) == []
    assert list((shown.data / "icons/hicolor/scalable/emblems").iterdir()) == []


def test_what_is_put_in_the_trash_is_renamed_and_not_fetched(pair: Pair, shown: Desktop) -> None:
    """As the desktop does it: a folder at the top of the mount, which all machines see."""
    file = pair.write("films/long.mkv", b"f" * 300_000)
    before = pair.bob.status()["wire"]["bytes_in"]
    subprocess.run(["gio", "trash", str(file)], env=shown.environment, check=True, timeout=60)
    trashed = f".Trash-{os.getuid()}/files/long.mkv"
    until((pair.files / trashed).exists, "alice has it there, too")
    assert not file.exists()
    until(lambda: word(pair.mnt / trashed) == "remote", "alice has said so")
    assert pair.bob.status()["wire"]["bytes_in"] - before < 100_000
    (pair.mnt / trashed).rename(file)  # as restoring it does
    until((pair.files / "films/long.mkv").exists, "it is back")


def test_thumbnails_are_made_of_what_is_here_alone(pair: Pair, shown: Desktop) -> None:
    picture = subprocess.run(
        ["convert", "-size", "64x64", "xc:red", "png:-"],
        capture_output=True,
        check=True,
        timeout=60,
    ).stdout
    here, away = (pair.write(f"album/{name}.png", picture) for name in ("here", "away"))
    here.read_bytes()
    until(lambda: word(here) == "cached", "it is in the cache")
    made = [_thumbnail(shown, file) for file in (here, away)]
    assert made == [True, False]
    assert word(away) == "remote"


def _thumbnail(shown: Desktop, file: Path) -> bool:
    """Whether the desktop's own thumbnailer makes one."""
    to = shown.data / f"{file.stem}.thumbnail.png"
    command = ["gdk-pixbuf-thumbnailer", "-s", "32", file.as_uri(), str(to)]
    subprocess.run(command, env=shown.environment, capture_output=True, check=False, timeout=60)
    return to.exists()
