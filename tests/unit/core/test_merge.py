"""The rules of DESIGN 5.1, by example and by property."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from realizefs.core import merge as rules
from realizefs.core.merge import conflicts, merge, resolved
from realizefs.model.ids import AuthorId, Digest, PeerId, author_of, is_by
from realizefs.model.versions import (
    Dot,
    Kind,
    Vector,
    Version,
    bump,
    dominates,
    join_vectors,
    vector_of,
)

A, B, C = AuthorId(1), AuthorId(2), AuthorId(3)
AUTHORS = (A, B, C)

values = st.builds(
    Version,
    kind=st.sampled_from(Kind),
    hash=st.sampled_from([Digest(b"x" * 32), Digest(b"y" * 32), Digest(b"z" * 32)]),
    mtime_ns=st.integers(0, 3),
    mode=st.sampled_from([0o644, 0o600]),
)


def changed(value: Version, author: AuthorId, over: Version | None = None) -> Version:
    return rules.changed(value, Dot(author, 0), over)


def added(value: Version, author: AuthorId, over: Version) -> Version:
    return rules.added(value, Dot(author, 0), over)


def deleted(version: Version, author: AuthorId, now_ns: int) -> Version:
    return rules.deleted(version, Dot(author, 0), now_ns)


def file(content: bytes, mtime_ns: int = 0) -> Version:
    return Version(Kind.FILE, hash=Digest(content.ljust(32)), mtime_ns=mtime_ns)


steps = st.one_of(
    st.tuples(st.just("change"), st.integers(0, 2), values),
    st.tuples(st.just("delete"), st.integers(0, 2), values),
    st.tuples(st.just("add"), st.integers(0, 2), values),
    st.tuples(st.just("resolve"), st.integers(0, 2), values),
    st.tuples(st.just("hear"), st.integers(0, 2), st.integers(0, 2)),
)


def states_after(taken: Sequence[tuple[str, int, object]]) -> list[Version]:
    """What three replicas know of a path after such a history."""
    known = [changed(file(b"first"), A)] * 3
    for what, place, value in taken:
        author, now = AUTHORS[place], known[place]
        if what == "hear":
            assert isinstance(value, int)
            known[place] = merge(now, known[value])
        elif what == "resolve":
            known[place] = resolved(now, lambda one, author=author: one == author)  # type: ignore[misc]
        elif isinstance(value, Version):
            make = {"change": changed, "add": added}.get(what)
            known[place] = make(value, author, now) if make else deleted(now, author, 1)
    return known


states = st.lists(steps, max_size=14).map(states_after)


@given(states)
def test_merge_is_commutative(known: list[Version]) -> None:
    a, b, _ = known
    assert merge(a, b) == merge(b, a)


@given(states)
def test_merge_is_associative(known: list[Version]) -> None:
    a, b, c = known
    assert merge(merge(a, b), c) == merge(a, merge(b, c))


@given(states)
def test_merge_is_idempotent(known: list[Version]) -> None:
    a, b, _ = known
    once = merge(a, b)
    assert merge(a, a) == a
    assert merge(once, a) == merge(once, b) == once


@given(st.lists(steps, max_size=14))
def test_content_is_only_dropped_by_who_saw_it_or_made_it(
    taken: list[tuple[str, int, object]],
) -> None:
    """A content that somebody gave a path is named or a conflict somewhere, until it was replaced
    where it had the name, or taken out by its author."""
    replaced: set[tuple[object, ...]] = set()
    for number in range(len(taken)):
        before, after = states_after(taken[:number]), states_after(taken[: number + 1])
        what, place, _ = taken[number]
        if what != "hear":
            replaced |= {
                head.content
                for head in (before[place], *before[place].others)
                if head is before[place] or head.author == AUTHORS[place]
            }
        assert _contents(before) <= _contents(after) | _buried(after) | replaced


@given(states, values, st.sampled_from(AUTHORS))
def test_what_is_added_leaves_what_others_made(
    known: list[Version], value: Version, author: AuthorId
) -> None:
    before = known[0]
    after = added(value, author, before)
    others = _contents([replace(before, others=tuple(conflicts(before)))])
    ours = {head.content for head in (before, *before.others) if head.author == author}
    assert others - ours <= _contents([after])


def test_a_directory_that_comes_back_beside_a_file_buries_nothing() -> None:
    """Two make it again, since something is alive in it: the file's author hears that it lost."""
    directory = changed(Version(Kind.DIRECTORY), A)
    written = changed(file(b"new", 1), A, deleted(directory, A, 1))
    again = merge(added(Version(Kind.DIRECTORY), B, written), added(directory, C, written))
    assert again.kind is Kind.DIRECTORY
    assert [one.hash for one in conflicts(again)] == [written.hash]


def _contents(known: list[Version]) -> set[tuple[object, ...]]:
    heads = [one for state in known for one in (state, *conflicts(state)) if one.has_content]
    return {head.content for head in heads}


def _buried(known: list[Version]) -> set[tuple[object, ...]]:
    heads = [head for state in known for head in (state, *state.others)]
    graves = {one for head in heads for one in head.replaced}
    return {head.content for head in heads if head.identity in graves}


@given(states)
def test_all_authors_together_leave_one_content(known: list[Version]) -> None:
    """And of tombstones those that may bury what is still to be heard of, and who knows more of it."""
    a, b, c = known
    merged = merge(merge(a, b), c)
    for author in AUTHORS:
        merged = resolved(merged, lambda one, author=author: one == author)  # type: ignore[misc]
    known_there = {merged.identity, *merged.replaced}
    assert all(
        set(one.replaced) - known_there if one.deleted else one.content == merged.content
        for one in merged.others
    )


def test_a_deletion_goes_on_counting_where_something_older_comes_first() -> None:
    """A database was lost, what it had found in its root was deleted, and then the others told: of
    an old version, from far away, and of the one that was deleted."""
    old = changed(file(b"old"), B)
    new = changed(file(b"new"), A, old)
    found_again = changed(file(b"new"), C)
    gone = deleted(found_again, C, 1)

    def ours(author: AuthorId) -> bool:
        return author in (A, C)

    heard = resolved(merge(gone, old), ours)
    assert heard.hash == old.hash
    assert resolved(merge(heard, new), ours).deleted
    assert merge(merge(gone, old), new).deleted


def test_three_branches_meet_alike_in_any_order() -> None:
    """b descends from c, a from neither; a loser that was forgotten at once came back or not,
    depending on who met whom first."""
    a, c = changed(file(b"a", 2), A), changed(file(b"c", 3), C)
    b = changed(file(b"b", 1), B, c)
    assert merge(merge(a, b), c) == merge(a, merge(b, c)) == merge(merge(a, c), b)
    assert [one.hash for one in conflicts(merge(merge(a, c), b))] == [b.hash]


def test_dominating_version_wins_whatever_its_mtime() -> None:
    old = changed(file(b"old", mtime_ns=9), A)
    new = changed(file(b"new", mtime_ns=1), B, old)
    assert merge(old, new) == new


def test_concurrent_edits_keep_both_contents() -> None:
    ours, theirs = changed(file(b"ours", 1), A), changed(file(b"theirs", 2), B)
    merged = merge(ours, theirs)
    assert merged.hash == theirs.hash
    assert conflicts(merged) == [ours.head]
    assert merged.vector == vector_of({A: 1, B: 1})


def test_metadata_made_apart_is_no_conflict() -> None:
    early, late = changed(file(b"same", 1), A), changed(file(b"same", 2), B)
    merged = merge(early, late)
    assert conflicts(merged) == []
    assert merged.mtime_ns == 2
    assert resolved(merged, lambda one: one == A).others == ()


def test_delete_concurrent_with_an_edit_loses() -> None:
    before = changed(file(b"was"), A)
    edited, gone = changed(file(b"edited"), A, before), deleted(before, B, now_ns=99)
    merged = merge(edited, gone)
    assert not merged.deleted
    assert conflicts(merged) == []


def test_delete_concurrent_with_other_permissions_wins() -> None:
    before = changed(file(b"was"), A)
    touched = changed(replace(before, mode=0o600), A, before)
    assert merge(touched, deleted(before, B, now_ns=1)).deleted


def test_other_permissions_made_while_it_is_edited_are_no_conflict() -> None:
    before = changed(file(b"was", 1), A)
    touched = changed(replace(before, mtime_ns=99), A, before)
    edited = changed(file(b"third", 4), B, changed(file(b"second", 3), B, before))
    merged = merge(touched, edited)
    assert merged.hash == edited.hash
    assert conflicts(merged) == []


def test_a_database_that_was_lost_brings_nothing_back() -> None:
    """What is found natively, by an author who knows of nothing, is what was deleted."""
    gone = deleted(changed(file(b"was"), A), B, now_ns=1)
    found = changed(file(b"was"), author_of(PeerId(A), 77))
    assert merge(gone, found).deleted
    assert not merge(gone, changed(file(b"new"), author_of(PeerId(A), 77))).deleted


def test_a_restored_peer_does_not_pass_for_what_it_had_been() -> None:
    """It counts anew: an edit of the backup's state is concurrent with what came after that."""
    backup = changed(file(b"then"), A)
    lost = changed(file(b"later"), A, backup)
    again = changed(file(b"restored"), author_of(PeerId(A), 5), backup)
    merged = merge(lost, again)
    assert {merged.hash, *(one.hash for one in conflicts(merged))} == {lost.hash, again.hash}
    assert is_by(again.author, PeerId(A))


def test_directory_keeps_the_name_against_a_file() -> None:
    directory = changed(Version(Kind.DIRECTORY), A)
    merged = merge(directory, changed(file(b"new", 99), B))
    assert merged.kind is Kind.DIRECTORY
    assert len(conflicts(merged)) == 1


def test_an_edit_of_the_winner_does_not_replace_the_loser() -> None:
    ours, theirs = changed(file(b"ours", 1), A), changed(file(b"theirs", 2), B)
    edited = changed(file(b"edited", 3), B, merge(ours, theirs))
    assert conflicts(edited) == [ours.head]
    assert conflicts(merge(ours, edited)) == [ours.head]


def test_a_deleted_winner_leaves_the_name_to_the_loser() -> None:
    ours, theirs = changed(file(b"ours", 1), A), changed(file(b"theirs", 2), B)
    assert deleted(merge(ours, theirs), B, now_ns=3).hash == ours.hash


def test_who_made_the_copy_is_believed_by_all() -> None:
    ours, theirs = changed(file(b"ours", 1), A), changed(file(b"theirs", 2), B)
    merged = merge(ours, theirs)
    done = resolved(merged, lambda one: one == A)
    assert merge(merged, done) == merge(ours, done) == done


def test_an_edit_of_an_older_state_is_concurrent_with_what_came_since() -> None:
    old = changed(file(b"old"), A)
    new = changed(file(b"new", 5), B, old)
    edit = rules.changed_since(file(b"edit", 9), Dot(A, 0), old.vector, new, old)
    merged = merge(edit, new)
    assert merged.hash == edit.hash
    assert conflicts(merged) == [new.head]


def test_equal_vectors_and_other_content_still_agree() -> None:
    one, other = changed(file(b"one"), A), changed(file(b"other"), A)
    assert merge(one, other) == merge(other, one)


def test_what_is_new_replaces_nothing() -> None:
    assert changed(file(b"x"), A).replaced == ()
    assert changed(Version(Kind.SYMLINK, target=b"x"), A).replaced == ()


def test_a_placeholder_gives_way_to_anything() -> None:
    row = changed(Version(Kind.DIRECTORY, mode=0o700), A)
    assert merge(Version(Kind.DIRECTORY, mode=0o755), row) == row


vectors = st.dictionaries(st.sampled_from(AUTHORS), st.integers(0, 3)).map(vector_of)


@given(vectors, st.sampled_from(AUTHORS))
def test_a_local_change_dominates_what_it_was_made_from(vector: Vector, author: AuthorId) -> None:
    counted = bump(vector, Dot(author, 0))
    assert dominates(counted, vector)
    assert not dominates(vector, counted)


@given(vectors, vectors)
def test_joined_vectors_are_the_least_upper_bound(a: Vector, b: Vector) -> None:
    joined = join_vectors(a, b)
    assert dominates(joined, a)
    assert dominates(joined, b)
    assert all(count in (dict(a).get(one), dict(b).get(one)) for one, count in joined)


def test_two_that_were_taken_out_by_their_authors_leave_nothing() -> None:
    """Each had lost to the other once. Whoever has seen both agrees, in any order."""
    first, other = changed(file(b"first", 9), A), changed(file(b"other", 5), B)
    without_other = resolved(merge(first, other), lambda one: one == B)
    assert without_other.hash == first.hash
    gone = deleted(first, A, 9)
    without_gone = resolved(merge(gone, other), lambda one: one == A)
    assert without_gone.hash == other.hash
    left = merge(without_other, without_gone)
    assert left.deleted
    assert left == merge(without_gone, without_other)
    for state in (first, other, without_other, without_gone):
        assert merge(left, state) == merge(state, left) == left
    assert merge(left, gone) == merge(without_other, merge(gone, without_gone))
    again = changed(file(b"again", 1), C, left)
    assert merge(again, gone) == merge(again, without_other) == again


def test_what_came_back_knowingly_is_not_buried() -> None:
    """Moved away and back, while somebody else made another file there."""
    away = deleted(changed(file(b"walks", 1), A), A, 2)
    back, other = changed(file(b"walks", 1), B, away), changed(file(b"other", 5), C, away)
    both = merge(back, other)
    assert both.hash == other.hash
    assert [one.hash for one in conflicts(both)] == [back.hash]
    touched = changed(file(b"walks", 9), B, back)
    assert merge(touched, other).hash == back.hash
    found = changed(file(b"walks", 9), B)
    assert not conflicts(merge(found, other)), "who doesn't know that it was deleted is buried"


def test_what_replaces_what_came_back_buries_both() -> None:
    first = changed(file(b"first", 1), A)
    back = changed(file(b"first", 1), B, deleted(first, A, 2))
    assert first.identity in back.replaced
    new = changed(file(b"new", 3), B, back)
    assert new.replaced.count(first.identity) == 1
    assert merge(new, first) == new


def test_what_came_back_is_not_lost_with_who_found_it_by_itself() -> None:
    """Two names were exchanged and exchanged back, while a third one, whose database was lost, found
    the first content there: he takes his own out, buried by the exchange. So the other mustn't, though
    it has the name by that one's (seed 240495)."""
    first = changed(file(b"first", 1), A)
    away = changed(file(b"other", 1), A, first)
    back, found = changed(file(b"first", 1), B, away), changed(file(b"first", 1), C)
    named = merge(back, found)
    assert named.author == C
    at_b = resolved(named, lambda one: one == B)
    at_c = resolved(merge(found, away), lambda one: one == C)
    assert at_c.hash == away.hash
    assert not at_c.others
    assert merge(at_b, at_c).hash == merge(at_c, at_b).hash == first.hash
