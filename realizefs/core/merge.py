"""Merging two versions of one path (R2, R3).

    vectors            content     winner                         loser
    one dominates      same        the dominating one             -
    one dominates      different   the dominating one             the other, if the winner's
                                                                  content doesn't descend from it
    equal, same        same        it                             -
    concurrent         same        newer metadata, joined vector  -
    concurrent         different   the higher by `_precedence`    the other, if it has content
    equal, different   different   as if concurrent (an index was lost and made again)

The winner of a conflict carries the joined vector, so that it dominates both, and its own lineage,
so that the loser's author still sees that its edit was not known to the winner's, even if the
merge was done by somebody else. Merging is commutative and idempotent. With three or more branches the order of
merges can matter for one step; replicas then meet with equal vectors and different content, and
the last row of the table makes them agree.
"""

from dataclasses import dataclass

from realizefs.model.versions import Kind, Version, dominates, join_vectors


@dataclass(frozen=True, slots=True)
class Merged:
    """`loser` is the version whose content would be lost; its author keeps it as a copy."""

    winner: Version
    loser: Version | None = None


def merge(a: Version, b: Version) -> Merged:
    """The version that both sides agree on."""
    if a == b:
        return Merged(a)
    if a.vector != b.vector:
        if dominates(a.vector, b.vector):
            return Merged(a, _unseen(a, b))
        if dominates(b.vector, a.vector):
            return Merged(b, _unseen(b, a))
    joined = join_vectors(a.vector, b.vector)
    if a.content == b.content:
        lineage = join_vectors(a.ancestry, b.ancestry)
        return Merged(max(a, b, key=_metadata_precedence).told(joined, lineage))
    winner, loser = (a, b) if _precedence(a) > _precedence(b) else (b, a)
    return Merged(winner.told(joined, winner.ancestry), _unseen(winner, loser))


def _unseen(winner: Version, other: Version) -> Version | None:
    """`other`, if its content would be lost: the winner's doesn't descend from it."""
    if winner.content == other.content or not _has_content(other):
        return None
    if winner.vector != other.vector and dominates(winner.ancestry, other.ancestry):
        return None
    return other


def _metadata_precedence(version: Version) -> tuple[int, int, int, bytes, int]:
    return (version.mtime_ns, version.mode, version.size, version.block_root, version.author)


def _precedence(version: Version) -> tuple[object, ...]:
    """Not deleted first; a directory keeps the name; then the newer; then by content."""
    return (
        not version.deleted,
        version.kind is Kind.DIRECTORY,
        version.mtime_ns,
        version.hash,
        version.target,
        version.kind,
        *_metadata_precedence(version),
    )


def _has_content(version: Version) -> bool:
    return not version.deleted and version.kind is not Kind.DIRECTORY
