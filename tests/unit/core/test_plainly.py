"""A sentence about a path, for a person: one for each state in which it may be."""

from dataclasses import replace
from typing import Any

import pytest

from realizefs.core.plainly import Known, sentence
from realizefs.model.marks import Mark

A = Known("docs", "photos/a.jpg", "file", "real", 9, Mark.OWN, "photos", None, None, ("laptop",))
WATCHED = replace(A, mark=Mark.WATCH, mark_from=None, status="remote")


def said(known: Known = A, **changes: Any) -> str:
    """Without the beginning and the full stop that they all have."""
    text = sentence(replace(known, **changes))
    assert text.startswith('"photos/a.jpg" ')
    assert text.endswith(".")
    return text.removeprefix('"photos/a.jpg" ')[:-1]


def test_what_is_real_as_its_mark_asks() -> None:
    asked = 'is a real file here, as the mark own of "photos" asks; '
    assert said() == asked + "laptop has it too"
    assert said(owners=()) == asked + "no other machine is known to have it"
    assert said(owners=(), cachers=("nas",)) == asked + "nas has it too, in the cache"
    assert said(owners=("b", "c")) == asked + "b and c have it too"
    assert said(owners=tuple("bcdef")) == asked + "b, c and 3 others have it too"


@pytest.mark.parametrize(
    ("changes", "asks"),
    [
        ({"mark_from": None}, 'as the default mark own of the arena "docs" asks'),
        ({"mark_from": "photos/a.jpg"}, "as the mark own set on it asks"),
        ({"mark_from": ""}, "as the mark own of the arena's root asks"),
        ({"mark_from": None, "rule": 'rule 3: own "*.jpg"'}, "as the mark own by rule 3 asks"),
        ({"mark_from": None, "rule": "each .x is a plain file"}, "(since each .x is a plain file)"),
    ],
)
def test_where_the_mark_comes_from(changes: dict[str, Any], asks: str) -> None:
    assert asks in said(**changes)


def test_what_is_real_though_its_mark_asks_for_none() -> None:
    kept = said(mark=Mark.WATCH, owners=())
    assert kept == (
        "is a real file here, and stays one until enough other machines own it, though the mark "
        'watch of "photos" asks for none; no other machine is known to have it'
    )
    assert "is about to leave" in said(mark=Mark.WATCH, wanted="Unrealize")


def test_an_outdated_file_is_told_from_what_others_have() -> None:
    assert said(wanted="Realize") == (
        "is a real file here, of an older version that is about to be replaced; laptop has it"
    )


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("remote", "isn't here, and is fetched when it is read; laptop has it"),
        (
            "partial 37%",
            "isn't all here, only 37%, and the rest is fetched when it is read; laptop has it",
        ),
        ("cached", "is complete in the cache here for now; laptop has it too"),
        ("modified", "was changed here just now, and isn't recorded yet"),
    ],
)
def test_what_is_watched(status: str, state: str) -> None:
    assert said(WATCHED, status=status) == state


def test_what_nobody_has() -> None:
    assert said(WATCHED, status="unavailable", owners=()) == (
        "can't be had now; no other machine is known to have it"
    )


@pytest.mark.parametrize(
    ("status", "here"),
    [
        ("remote", "isn't here yet"),
        ("partial 37%", "37% of it is here"),
        ("unavailable", "can't be had now"),
    ],
)
def test_what_is_wanted_and_how_far_it_is(status: str, here: str) -> None:
    real = f'is to become a real file here, as the mark own of "photos" asks, and {here}'
    assert said(status=status, wanted="Realize").startswith(real + ";")
    kept = f'is to be complete in the cache here, as the mark keep of "photos" asks, and {here}'
    assert said(status=status, wanted="UpdateCache", mark=Mark.KEEP).startswith(kept + ";")


def test_what_is_kept() -> None:
    assert said(status="cached", mark=Mark.KEEP) == (
        'is complete in the cache here, as the mark keep of "photos" asks; laptop has it too'
    )


def test_what_has_no_content_to_fetch() -> None:
    everything = ", of which everything is known here; laptop has it too"
    assert said(WATCHED, status="cached", size=0) == "is an empty file" + everything
    link = said(WATCHED, status="cached", kind="symlink")
    assert link == "is a symbolic link" + everything


def test_folders_and_the_arena() -> None:
    folder = said(kind="directory", mark=Mark.KEEP)
    assert folder == (
        "is a folder; what is in it belongs into the cache here, complete, as the mark keep of "
        '"photos" asks'
    )
    root = replace(WATCHED, path="", kind="directory", status="real")
    assert sentence(root) == (
        'The arena "docs" is a folder; what is in it is fetched when it is read, as the default '
        'mark watch of the arena "docs" asks.'
    )


def test_what_is_never_shared() -> None:
    assert said(kind="local", shared=False) == "stays on this machine and is never shared"
    assert said(shared=False) == "stays on this machine and is never shared"
