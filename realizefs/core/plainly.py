"""What is known of a path, as one sentence for a person: what it is here, why, and who else has it."""

from collections.abc import Sequence
from dataclasses import dataclass

from realizefs.model.marks import Mark

NAMES_SAID = 3
"""Machines that a sentence names; more are counted."""


@dataclass(frozen=True, slots=True)
class Known:
    """`path` in the arena, "" for its root; `kind` is file, directory, symlink, or local for what
    can't be shared. `status` and the name of the decision that is `wanted` are the words of `info`.

    `mark_from` is the path that the mark was set on, None for the arena's default and for a `rule`.
    `owners` and `cachers` are the other machines that have the current version.
    """

    arena: str
    path: str
    kind: str
    status: str
    size: int
    mark: Mark
    mark_from: str | None
    rule: str | None
    wanted: str | None
    owners: tuple[str, ...] = ()
    cachers: tuple[str, ...] = ()
    shared: bool = True


def sentence(known: Known) -> str:
    """One sentence, with its full stop."""
    name = f'"{known.path}"' if known.path else f'The arena "{known.arena}"'
    if not known.shared:
        return f"{name} stays on this machine and is never shared."
    if known.kind == "directory":
        return f"{name} is a folder; {_BELOW[known.mark]}, as {_mark(known)} asks."
    if known.status == "modified":
        return f"{name} was changed here just now, and isn't recorded yet."
    return f"{name} {_state(known)}; {_others(known)}."


_BELOW = {
    Mark.OWN: "what is in it belongs here as real files",
    Mark.KEEP: "what is in it belongs into the cache here, complete",
    Mark.WATCH: "what is in it is fetched when it is read",
}


def _state(known: Known) -> str:
    thing = "symbolic link" if known.kind == "symlink" else "file"
    if known.status == "real":
        return f"is a real {thing} here{_why_real(known)}"
    if known.wanted == "Realize":
        return f"is to become a real {thing} here, as {_mark(known)} asks, and {_here(known)}"
    if known.wanted == "UpdateCache":
        return f"is to be complete in the cache here, as {_mark(known)} asks, and {_here(known)}"
    if known.kind == "symlink" or not known.size:
        empty = "a symbolic link" if known.kind == "symlink" else "an empty file"
        return f"is {empty}, of which everything is known here"
    if known.status == "cached" and known.mark is Mark.KEEP:
        return f"is complete in the cache here, as {_mark(known)} asks"
    if known.status == "remote":
        return "isn't here, and is fetched when it is read"
    if known.status.startswith("partial"):
        return f"isn't all here, only {known.status.split()[-1]}, and the rest is fetched when it is read"
    return _here(known)


def _why_real(known: Known) -> str:
    if known.wanted == "Realize":
        return ", of an older version that is about to be replaced"
    if known.wanted == "Unrealize":
        return f", and is about to leave, as {_mark(known)} asks"
    if known.mark is Mark.OWN:
        return f", as {_mark(known)} asks"
    return (
        f", and stays one until enough other machines own it, though {_mark(known)} asks for none"
    )


def _here(known: Known) -> str:
    """How much of it is here, where that isn't a real file."""
    word, _, percent = known.status.partition(" ")
    if word == "partial":
        return f"{percent} of it is here"
    if word == "cached":
        return "is complete in the cache here for now"
    return "can't be had now" if word == "unavailable" else "isn't here yet"


def _mark(known: Known) -> str:
    """The mark, and where it comes from."""
    mark = f"the mark {known.mark.value}"
    if known.rule is not None:
        number, colon, _ = known.rule.partition(":")
        return f"{mark} by {number}" if colon else f"{mark} (since {known.rule})"
    if known.mark_from is None:
        return f'the default mark {known.mark.value} of the arena "{known.arena}"'
    if known.mark_from == known.path:
        return f"{mark} set on it"
    return f'{mark} of "{known.mark_from}"' if known.mark_from else f"{mark} of the arena's root"


def _others(known: Known) -> str:
    too = " too" if known.status in ("real", "cached") and known.wanted != "Realize" else ""
    for names, owning in ((known.owners, True), (known.cachers, False)):
        if names:
            has = "has it" if len(names) == 1 else "have it"
            return f"{_listed(names)} {has}{too}{'' if owning else ', in the cache'}"
    return "no other machine is known to have it"


def _listed(names: Sequence[str]) -> str:
    if len(names) > NAMES_SAID:
        *some, last = [*names[: NAMES_SAID - 1], f"{len(names) - NAMES_SAID + 1} others"]
    else:
        *some, last = names
    return f"{', '.join(some)} and {last}" if some else last
