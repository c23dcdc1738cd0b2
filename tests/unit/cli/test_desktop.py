"""Which emblem and which menu a file has: a row each."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

import realizefs.cli

DESKTOP = Path(realizefs.cli.__file__).with_name("desktop")


def load() -> ModuleType:
    """As a file manager does: a file by itself."""
    spec = importlib.util.spec_from_file_location(
        "realizefs_states", DESKTOP / "realizefs_states.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


states = load()


@pytest.mark.parametrize(
    ("status", "mark", "emblem"),
    [
        ("real", "own", "real"),
        ("real", "watch", "real"),
        ("modified", "own", "real"),
        ("cached", "keep", "kept"),
        ("cached", "watch", "cached"),
        ("cached", "own", "cached"),
        ("partial", "watch", "cached"),
        ("partial", "keep", "transferring"),
        ("remote", "own", "transferring"),
        ("remote", "watch", "remote"),
        ("unavailable", "own", "unavailable"),
    ],
)
def test_emblems(status: str, mark: str, emblem: str) -> None:
    name = states.emblem_of(states.State(status, mark))
    assert name == f"emblem-realizefs-{emblem}"
    assert (DESKTOP / f"{name}.svg").exists()


def test_a_folder_shows_its_mark() -> None:
    found = [
        states.emblem_of(states.State("real", mark), is_folder=True)
        for mark in ("own", "keep", "watch")
    ]
    assert found == ["emblem-realizefs-real", "emblem-realizefs-kept", None]


@pytest.mark.parametrize(
    ("selected", "offered"),
    [
        ([("real", "own")], "keep watch why"),
        ([("remote", "watch")], "own keep why"),
        ([("cached", "watch")], "own keep free why"),
        ([("cached", "keep"), ("remote", "keep")], "own watch free"),
        ([("cached", "keep"), ("remote", "watch")], "own keep watch free"),
        ([], ""),
    ],
)
def test_menus(selected: list[tuple[str, str]], offered: str) -> None:
    found = states.entries_for([states.State(*one) for one in selected])
    assert " ".join(entry.name for entry in found) == offered


def test_what_is_partly_elsewhere_has_no_menu(tmp_path: Path) -> None:
    assert states.state_of(bytes(tmp_path)) is None
    assert states.entries_for([states.State("real", "own"), None]) == []


@dataclass
class Selected:
    """As file managers hand over what is selected."""

    path: str

    def get_uri_scheme(self) -> str:
        return "file"

    def get_uri(self) -> str:
        return f"file://{self.path}"


def test_a_selection_is_never_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command for some of what is selected would be no answer to what was asked."""
    monkeypatch.setattr(states, "state_of", lambda path: states.State("cached", "watch"))
    files = [Selected(f"/{number}") for number in range(states.SELECTED_MAX + 1)]
    assert states.offered_for(files) == []
    assert len(states.offered_for(files[1:])) == 3
