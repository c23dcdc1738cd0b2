"""Merging what two replicas know of one path (R2, R3).

The state of a path is the set of its heads and the vector of all changes that were seen. A change is
covered by a state whose vector counts it. Then

    head of one side        the other side            it
    also a head there       -                         stays
    not a head there        doesn't cover it          stays
    not a head there        covers it                 goes: it was replaced knowingly, or resolved

so merging is commutative, associative and idempotent, whatever happened before, and in whatever
order replicas meet. No content is dropped but by a change that was made over it.

One head has the name, by `_precedence`: not deleted, a directory, the newer, and so on. All replicas
with the same heads choose the same. Another head whose content isn't the same as the named one's
is a *conflict*: its author, and no other, keeps it under another name, and then takes it out of the
heads, as it takes out all others of its own that are without the name (`resolved`): a tombstone of
what the named one replaced, too, or the same content with older metadata. That is no new change: who merges sees it covered. Two authors may
each have taken out what the other's head won against, before more was changed; then nothing has the
name: each content was replaced or has another one.

A change beats a head with the very content that it replaced or deleted, though made apart from it:
nobody has edited that, but changed its permissions, or found it where its database was lost. Such a
head is *buried*, and no conflict. What is known of is the last REPLACED_MAX contents; with more edits
between, a copy too many is made. Who brings a content back knowing that it was replaced here (it was
moved away and back, say) isn't buried by that: such a head has its own content among the replaced. Where
another head with that content has the name, and doesn't know, the knowing one is not taken out: what
buries the other elsewhere would take the content with it.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from realizefs.model.ids import AuthorId
from realizefs.model.limits import REPLACED_MAX
from realizefs.model.versions import (
    Dot,
    Kind,
    Vector,
    Version,
    bump,
    join_vectors,
    vector_of,
)

NOTHING_LEFT = Version(Kind.FILE, deleted=True)
"""A path without any head: nobody's tombstone."""


def merge(a: Version, b: Version) -> Version:
    """What both sides agree on."""
    if a == b:
        return a
    heads = [*_left(a, b), *_left(b, a)] or [NOTHING_LEFT]
    return _state(join_vectors(a.vector, b.vector), heads)


def changed(value: Version, dot: Dot, over: Version | None = None) -> Version:
    """`value` as a new change in the place of what had the name in `over`.

    What else is a conflict there stays: who changed the one has not seen the other.
    """
    before = over if over is not None else Version(value.kind, deleted=True)
    fresh = _fresh(value, dot.author, before)
    kept = [other for other in conflicts(before) if other.author != dot.author]
    return _state(bump(before.vector, dot), [fresh, *kept])


def added(value: Version, dot: Dot, over: Version) -> Version:
    """`value` as a change beside everything that is there: it replaces nothing that
    others made."""
    kept = [head for head in heads(over) if head.has_content and head.author != dot.author]
    fresh = _fresh(value, dot.author, over)
    alive = {head.identity for head in kept}
    replaced = tuple(one for one in fresh.replaced if one not in alive)
    return _state(bump(over.vector, dot), [replace(fresh, replaced=replaced), *kept])


def changed_since(
    value: Version, dot: Dot, base: Vector, current: Version, before: Version
) -> Version:
    """`value` as a change of what was there `before`, when `base` had been seen."""
    author = dot.author
    counts = dict(bump(join_vectors(base, current.vector), dot))
    seen = {**dict(base), author: counts[author]}
    counted = dict(current.vector)
    kept = [
        other
        for other in conflicts(current)
        if other.author != author and seen.get(other.author) == counted.get(other.author)
    ]
    return _state(vector_of(seen), [_fresh(value, author, before), *kept])


def deleted(version: Version, dot: Dot, now_ns: int) -> Version:
    """The deletion of what has the name."""
    gone = Version(kind=version.kind, mtime_ns=now_ns, deleted=True)
    return changed(gone, dot, version)


def conflicts(version: Version) -> list[Version]:
    """The heads without the name whose content would be lost with them."""
    buried = _buried([version, *version.others])
    return [
        other
        for other in version.others
        if other.has_content and other.content != version.content and not buried(other)
    ]


def resolved(version: Version, by: Callable[[AuthorId], bool]) -> Version:
    """Without the heads of those authors, but for the one that has the name, for tombstones of
    what that doesn't know: they may bury what is still to be heard of; and for what knows more of the
    very same content."""
    known = {version.identity, *version.replaced}
    left = tuple(
        other
        for other in version.others
        if not by(other.author)
        or (other.deleted and not known.issuperset(other.replaced))
        or _knows_more(other, version)
    )
    return version if left == version.others else replace(version, others=left)


def _knows_more(head: Version, named: Version) -> bool:
    """Whether a head brings the content of the named one back, which itself doesn't know that it was
    replaced."""
    knows, unknowing = head.identity in head.replaced, named.identity not in named.replaced
    return head.has_content and head.content == named.content and knows and unknowing


def _fresh(value: Version, author: AuthorId, before: Version) -> Version:
    """The head of a change; it replaces the content that was there `before`, if with another one."""
    if value.identity == before.identity:
        return replace(value.head, author=author, replaced=before.replaced)
    gone = [one for one in (before.identity, *before.replaced) if one]
    if value.identity in gone:  # first, so that it isn't forgotten
        gone = [value.identity, *gone]
    return replace(value.head, author=author, replaced=tuple(dict.fromkeys(gone))[:REPLACED_MAX])


def heads(version: Version) -> Iterable[Version]:
    """The one that has the name, then the others."""
    return (version.head, *version.others)


def _left(one: Version, other: Version) -> list[Version]:
    """The heads of one side that the other doesn't know to be replaced."""
    counted, seen = dict(one.vector), dict(other.vector)
    there = {head.author for head in heads(other)}
    left = []
    for head in heads(one):
        count, known = counted.get(head.author, 0), seen.get(head.author, 0)
        if known < count or (known == count and head.author in there):
            left.append(head)
    return left


def _state(vector: Vector, heads: Iterable[Version]) -> Version:
    """The state with these heads, of which an author has one."""
    all_heads = list(heads)
    buried = _buried(all_heads)

    def precedence(head: Version) -> tuple[object, ...]:
        return (not head.deleted and not buried(head), not buried(head), *_precedence(head))

    of_author: dict[AuthorId, Version] = {}
    for head in sorted(all_heads, key=precedence):
        of_author[head.author] = head
    winner = max(of_author.values(), key=precedence)
    others = (of_author[author] for author in sorted(of_author) if author != winner.author)
    return replace(winner, vector=vector, others=tuple(others))


def _buried(heads: Iterable[Version]) -> Callable[[Version], bool]:
    """Whether one of them replaces the very content of a head, which doesn't know of that."""
    graves = {one for head in heads for one in head.replaced if one != head.identity}

    def buried(head: Version) -> bool:
        knows = head.identity in head.replaced
        return bool(graves) and head.has_content and head.identity in graves and not knows

    return buried


def _precedence(version: Version) -> tuple[object, ...]:
    """A directory keeps the name; then the newer; then by content, metadata, and author."""
    return (
        version.kind is Kind.DIRECTORY,
        version.mtime_ns,
        version.hash,
        version.target,
        version.kind,
        version.mode,
        version.size,
        version.block_root,
        version.author,
    )
