"""What was seen of all paths: forgetting a tombstone changes nothing that anybody sees."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from realizefs.core.causal import is_seen, left_unseen, merge_seen, seen_by_all
from realizefs.core.merge import NOTHING_LEFT, changed, deleted, heads, merge
from realizefs.model.ids import AuthorId, Digest
from realizefs.model.versions import Dot, Kind, Version

A, B, C = AuthorId(1), AuthorId(2), AuthorId(3)
AUTHORS = (A, B, C)


def file(content: bytes, mtime_ns: int = 0) -> Version:
    return Version(Kind.FILE, hash=Digest(content.ljust(32)), mtime_ns=mtime_ns)


def test_what_is_made_where_a_tombstone_was_forgotten_is_not_deleted_by_it() -> None:
    """Neither where the tombstone still is, nor where it comes from; whatever its content."""
    grave = deleted(changed(file(b"x"), Dot(A, 4)), Dot(A, 5), 9)
    new = changed(file(b"x"), Dot(B, 7))
    assert merge(grave, new).deleted, "it would look like what was deleted"
    assert merge_seen(grave, {A: 5}, new, {A: 5}).hash == new.hash
    assert merge_seen(new, {A: 5}, grave, {A: 5}).hash == new.hash


def test_who_has_not_seen_the_tombstone_is_no_reason_to_forget_it() -> None:
    grave = deleted(changed(file(b"x"), Dot(A, 4)), Dot(A, 5), 9)
    found = changed(file(b"x"), Dot(B, 7))
    assert merge_seen(grave, {A: 5}, found, {A: 4}).deleted


def test_what_was_deleted_and_forgotten_does_not_come_back() -> None:
    old = changed(file(b"x"), Dot(A, 4))
    assert left_unseen(old, {A: 5}).deleted
    assert left_unseen(old, {A: 3}) == old
    edited = changed(file(b"y"), Dot(B, 1), old)
    assert left_unseen(edited, {A: 5}).hash == edited.hash


def test_of_two_heads_the_one_that_is_new_is_left() -> None:
    old = changed(file(b"x"), Dot(A, 4))
    both = merge(changed(file(b"a", 9), Dot(A, 6), old), changed(file(b"b", 5), Dot(B, 3), old))
    assert both.others
    left = left_unseen(both, {A: 6})
    assert (left.hash, left.others) == (file(b"b").hash, ())


def test_nobodys_tombstone_is_seen_by_who_has_seen_all_of_it() -> None:
    gone = replace(NOTHING_LEFT, vector=((A, 3), (B, 4)))
    assert is_seen(gone, {A: 3, B: 9})
    assert not is_seen(gone, {A: 3})
    assert is_seen(NOTHING_LEFT, {})


contexts = st.dictionaries(st.sampled_from(AUTHORS), st.integers(1, 4))


@given(st.lists(contexts, min_size=1, max_size=4))
def test_what_all_have_seen_is_what_each_has(all_of_them: list[dict[AuthorId, int]]) -> None:
    least = seen_by_all(all_of_them)
    for author in AUTHORS:
        assert least.get(author, 0) == min(one.get(author, 0) for one in all_of_them)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("change"), st.integers(0, 2), st.integers(0, 2)),
        st.tuples(st.just("delete"), st.integers(0, 2), st.just(0)),
        st.tuples(st.just("hear"), st.integers(0, 2), st.integers(0, 2)),
        st.tuples(st.just("forget"), st.integers(0, 2), st.just(0)),
    ),
    max_size=25,
)


class Replicas:
    """Three of one path, and what three would know that do the same and forget nothing."""

    def __init__(self) -> None:
        self.knows: list[Version | None] = [None] * 3
        self.sees: list[dict[AuthorId, int]] = [{} for _ in range(3)]
        self.whole = [NOTHING_LEFT] * 3

    def change(self, at: int, number: int) -> None:
        dot, value = Dot(AUTHORS[at], number), file(b"%d" % number, number)
        self.knows[at] = changed(value, dot, self.knows[at])
        self.whole[at] = changed(value, dot, self.whole[at])
        self.sees[at][dot.author] = number

    def delete(self, at: int, number: int) -> None:
        dot, now = Dot(AUTHORS[at], number), self.knows[at]
        if now is not None and not now.deleted:
            self.knows[at] = deleted(now, dot, number)
            self.whole[at] = deleted(self.whole[at], dot, number)
            self.sees[at][dot.author] = number

    def hear(self, at: int, of: int) -> None:
        theirs, mine = self.knows[of], self.knows[at]
        self.whole[at] = merge(self.whole[at], self.whole[of])
        if theirs is not None and mine is None:
            if not (theirs.deleted and is_seen(theirs, self.sees[at])):
                self.knows[at] = left_unseen(theirs, self.sees[at])
        elif theirs is not None and mine is not None:
            i_saw = self.sees[at] if theirs.deleted else {}
            they_saw = self.sees[of] if mine.deleted else {}
            self.knows[at] = merge_seen(mine, i_saw, theirs, they_saw)
        for author, count in self.sees[of].items():
            self.sees[at][author] = max(count, self.sees[at].get(author, 0))

    def forget(self, at: int, _number: int) -> None:
        now = self.knows[at]
        if now is not None and now.deleted and now.author and is_seen(now, seen_by_all(self.sees)):
            self.knows[at] = None

    def check(self) -> None:
        for mine, whole in zip(self.knows, self.whole, strict=True):
            if mine is None:
                assert whole.deleted
                continue
            assert mine.content == whole.content
            assert contents(mine) == contents(whole)


def contents(version: Version) -> set[bytes]:
    return {head.identity for head in heads(version) if head.has_content}


@given(steps)
def test_who_forgets_agrees_with_who_does_not(taken: list[tuple[str, int, int]]) -> None:
    replicas = Replicas()
    for number, (step, at, pick) in enumerate(taken, 1):
        if step != "hear":
            getattr(replicas, step)(at, number)
        elif at != pick:
            replicas.hear(at, pick)
        replicas.check()
