"""The rules of DESIGN 5.1, by example and by property."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from realizefs.core.merge import merge
from realizefs.model.ids import Digest, PeerId
from realizefs.model.versions import (
    Kind,
    Version,
    bump,
    dominates,
    join_vectors,
    vector_of,
)

A, B, C = PeerId(1), PeerId(2), PeerId(3)

vectors = st.dictionaries(st.sampled_from([A, B, C]), st.integers(0, 3)).map(vector_of)
versions = st.builds(
    Version,
    kind=st.sampled_from(Kind),
    hash=st.sampled_from([Digest(b""), Digest(b"x" * 32), Digest(b"y" * 32)]),
    mtime_ns=st.integers(0, 3),
    mode=st.sampled_from([0o644, 0o600]),
    deleted=st.booleans(),
    vector=vectors,
    author=st.sampled_from([A, B, C]),
)


def file(content: bytes, author: PeerId = A, mtime_ns: int = 0, **vector: int) -> Version:
    names = {"a": A, "b": B, "c": C}
    counters = {names[name]: count for name, count in vector.items()}
    return Version(
        Kind.FILE,
        hash=Digest(content.ljust(32)),
        mtime_ns=mtime_ns,
        author=author,
        vector=vector_of(counters),
    )


def test_dominating_version_wins_whatever_its_mtime() -> None:
    old, new = file(b"old", mtime_ns=9, a=1), file(b"new", mtime_ns=1, a=1, b=2)
    assert merge(old, new).winner == new
    assert merge(old, new).loser is None


def test_concurrent_edits_keep_both_contents() -> None:
    ours, theirs = file(b"ours", A, 1, a=1), file(b"theirs", B, 2, b=1)
    merged = merge(ours, theirs)
    assert merged.winner.hash == theirs.hash
    assert merged.loser == ours
    assert merged.winner.vector == vector_of({A: 1, B: 1})


def test_equal_content_made_twice_is_no_conflict() -> None:
    early, late = file(b"same", A, 1, a=1), file(b"same", B, 2, b=1)
    merged = merge(early, late)
    assert merged.loser is None
    assert merged.winner.mtime_ns == 2
    assert merged.winner.vector == vector_of({A: 1, B: 1})


def test_delete_concurrent_with_an_edit_loses() -> None:
    edited = file(b"edited", A, 1, a=2)
    deleted = file(b"was", B, 1, a=1).tombstone(B, now_ns=99)
    merged = merge(edited, deleted)
    assert not merged.winner.deleted
    assert merged.loser is None


def test_directory_keeps_the_name_against_a_file() -> None:
    directory = Version(Kind.DIRECTORY, vector=vector_of({A: 1}), author=A)
    merged = merge(directory, file(b"new", B, 99, b=1))
    assert merged.winner.kind is Kind.DIRECTORY
    assert merged.loser is not None


def test_lost_index_with_equal_vectors_still_agrees() -> None:
    one, other = file(b"one", a=1), file(b"other", a=1)
    assert merge(one, other).winner == merge(other, one).winner


@given(versions, versions)
def test_merge_is_commutative(a: Version, b: Version) -> None:
    assert merge(a, b).winner == merge(b, a).winner
    assert merge(a, b).loser == merge(b, a).loser


@given(versions, versions)
def test_merging_again_changes_nothing(a: Version, b: Version) -> None:
    once = merge(a, b).winner
    assert merge(once, a).winner == once
    assert merge(once, b).winner == once


@given(versions, versions)
def test_no_content_is_dropped_unless_the_winner_descends_from_it(a: Version, b: Version) -> None:
    merged = merge(a, b)
    for version in (a, b):
        if version.deleted or version.kind is Kind.DIRECTORY:
            continue
        kept = version.content in {merged.winner.content, merged.loser and merged.loser.content}
        assert kept or dominates(merged.winner.ancestry, version.ancestry)


def test_the_author_of_an_edit_sees_that_the_winner_did_not_know_it() -> None:
    """A third peer, or the other one, has merged before the author hears of it."""
    ours, theirs = file(b"ours", A, 1, a=2), file(b"theirs", B, 2, b=2)
    merged_elsewhere = merge(ours, theirs).winner
    assert dominates(merged_elsewhere.vector, ours.vector)
    assert merge(ours, merged_elsewhere).loser == ours


def test_an_edit_of_the_winner_still_does_not_descend_from_the_loser() -> None:
    ours, theirs = file(b"ours", A, 1, a=2), file(b"theirs", B, 2, b=2)
    winner = merge(ours, theirs).winner
    edited = replace(winner, hash=Digest(b"edited".ljust(32))).changed(B, winner.vector)
    assert merge(ours, edited).loser == ours
    assert merge(theirs, edited).loser is None


def test_an_edit_that_replaces_knowingly_is_no_conflict() -> None:
    old = file(b"old", A, 1, a=2)
    new = file(b"new", B, 2, b=1).changed(B, old.vector, replaced=old.vector)
    assert merge(old, new).loser is None


@given(versions, versions)
def test_the_winner_has_seen_both_where_they_were_concurrent(a: Version, b: Version) -> None:
    winner = merge(a, b).winner
    assert dominates(winner.vector, a.vector)
    assert dominates(winner.vector, b.vector)


@given(vectors, st.sampled_from([A, B]))
def test_a_local_change_dominates_what_it_was_made_from(vector: object, peer: PeerId) -> None:
    changed = bump(vector, peer)  # type: ignore[arg-type]
    assert dominates(changed, vector)  # type: ignore[arg-type]
    assert not dominates(vector, changed)  # type: ignore[arg-type]


@given(vectors, vectors)
def test_joined_vectors_are_the_least_upper_bound(a: object, b: object) -> None:
    joined = join_vectors(a, b)  # type: ignore[arg-type]
    assert dominates(joined, a)  # type: ignore[arg-type]
    assert dict(joined) == {
        peer: max(dict(a).get(peer, 0), dict(b).get(peer, 0))  # type: ignore[call-overload]
        for peer, _ in joined
    }


def test_a_tombstone_dominates_the_version_it_deletes() -> None:
    version = file(b"x", a=3, b=1)
    tombstone = version.tombstone(B, now_ns=5)
    assert merge(version, tombstone).winner == tombstone
    assert replace(tombstone, vector=()).deleted
