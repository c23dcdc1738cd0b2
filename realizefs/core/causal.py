"""What a replica has seen of all paths together, so that tombstones can be forgotten (DESIGN 5.2).

A *causal context* maps each author to a number of his changes: all that are numbered so far are in the
index, or were forgotten because everybody had them and they had ended in a deletion. So what a path
has no trace of though the context counts it was deleted there, knowingly, and nobody needs a tombstone
to say so (Bieniusa et al. 2012, optimized OR-sets; Almeida et al. 2018, delta-state replication).

A context grows with a replica's own changes and, where all that another one has to tell is applied, by
what that one has seen.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import inf

from realizefs.core.merge import NOTHING_LEFT, heads, merge
from realizefs.model.ids import AuthorId
from realizefs.model.versions import Version, vector_of

Context = Mapping[AuthorId, int]


def merge_seen(mine: Version, seen: Context, theirs: Version, they_saw: Context) -> Version:
    """`merge` of what two replicas know of one path, each having seen a context: what one knows and
    the other has seen, and knows no more, was deleted and forgotten there."""
    return merge(_widened(mine, seen, theirs), _widened(theirs, they_saw, mine))


def left_unseen(theirs: Version, seen: Context) -> Version:
    """What is new in what another replica says of a path of which nothing is known here: the rest was
    deleted. A deleted version, and no tombstone of anybody's, if nothing is."""
    return merge_seen(NOTHING_LEFT, seen, theirs, {})


def is_seen(version: Version, seen: Context) -> bool:
    """Whether whoever has seen a context has had all that has, or had, the name in this version."""
    counts = dict(version.vector)
    if not version.author:  # nobody's tombstone
        return all(count <= seen.get(author, 0) for author, count in counts.items())
    return all(counts.get(head.author, inf) <= seen.get(head.author, 0) for head in heads(version))


def seen_by_all(contexts: Iterable[Context]) -> dict[AuthorId, int]:
    """What each of them has seen: their greatest lower bound."""
    first, *others = contexts
    least = {a: min([n, *(other.get(a, 0) for other in others)]) for a, n in first.items()}
    return {author: count for author, count in least.items() if count}


def _widened(version: Version, seen: Context, other: Version) -> Version:
    """What was seen of the other's changes, counted in. Nothing where nothing was forgotten: what was
    seen of a path and isn't forgotten is counted in its vector."""
    known = dict(version.vector)
    more = {
        author: min(count, seen[author])
        for author, count in other.vector
        if author in seen and min(count, seen[author]) > known.get(author, 0)
    }
    return replace(version, vector=vector_of({**known, **more})) if more else version
