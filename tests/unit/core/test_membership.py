"""Whom to believe about who belongs to the household, and that the order of news doesn't matter."""

from dataclasses import replace
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from realizefs.core.membership import learnt, may_remove, own_grants, removed, surplus, visible
from realizefs.model.entries import PeerCard, Removal
from realizefs.model.grants import Access, Grant, full, merge_grants, next_edition
from realizefs.model.ids import ArenaId, PeerId
from realizefs.model.versions import COUNTER_MAX

DOCS, TAXES = ArenaId(b"d" * 16), ArenaId(b"t" * 16)
ALICE = PeerCard(PeerId(1), "alice", b"der of alice", ("alice:1",), full([DOCS, TAXES]))
BOB = PeerCard(PeerId(2), "bob", b"der of bob", ("bob:1",), full([DOCS]))
READER = replace(ALICE, grants=(Grant(DOCS, Access.READ, 5),))

grants = st.builds(
    Grant, st.sampled_from([DOCS, TAXES]), st.sampled_from(Access), st.integers(0, 3)
)


def test_a_member_introduces_others_to_the_arenas_that_it_is_in_itself() -> None:
    said = replace(BOB, grants=full([DOCS, TAXES]))
    assert learnt(None, said, BOB) is None  # nobody introduces himself
    assert learnt(None, said, ALICE) == said
    carol = replace(BOB, peer=PeerId(3), grants=full([TAXES]))
    assert learnt(None, carol, BOB) is None


def test_who_only_reads_introduces_promotes_and_removes_nobody() -> None:
    assert learnt(None, BOB, READER) is None
    promoted = replace(BOB, grants=(Grant(DOCS, Access.NONE, 9),))
    assert learnt(BOB, promoted, READER) == BOB
    assert not may_remove(READER)
    assert may_remove(ALICE)
    assert not may_remove(removed(ALICE, Removal(ALICE.peer, 7)))


def test_of_itself_a_peer_says_where_it_is_and_leaves_but_takes_nothing() -> None:
    more = replace(BOB, name="bobby", addresses=("new:1",), grants=full([DOCS, TAXES], 9))
    assert learnt(BOB, more, BOB) == replace(BOB, name="bobby", addresses=("new:1",))
    left = replace(BOB, grants=(Grant(DOCS, Access.NONE, 9),))
    assert learnt(BOB, left, BOB) == left


def test_where_a_peer_is_others_pass_on_and_its_latest_word_counts() -> None:
    moved = replace(BOB, addresses=("new:1",), addressed=5)
    assert learnt(BOB, moved, ALICE) == moved
    assert learnt(moved, replace(BOB, addressed=4), ALICE) == moved  # old news
    assert learnt(moved, BOB, ALICE) == moved  # of a program that numbers none
    assert learnt(moved, replace(moved, addresses=(), addressed=9), ALICE) == moved
    assert learnt(BOB, moved, READER) == BOB
    back = replace(BOB, addresses=("old:1",), addressed=3)
    assert learnt(moved, back, BOB) == back  # its own word


def test_who_was_restored_from_a_backup_outdoes_what_others_remember_of_its_place() -> None:
    told = replace(BOB, addresses=("new:1",), addressed=5)
    assert own_grants(replace(BOB, addressed=3), told, ALICE).addressed == 6
    assert own_grants(replace(BOB, addressed=6), told, ALICE).addressed == 6
    most = replace(told, addressed=COUNTER_MAX)
    assert own_grants(BOB, most, ALICE).addressed == COUNTER_MAX


def test_a_certificate_never_changes() -> None:
    said = replace(BOB, certificate=b"another", name="other")
    after = learnt(BOB, said, ALICE)
    assert after is not None
    assert (after.certificate, after.name) == (BOB.certificate, BOB.name)


def test_a_removal_outlasts_old_news_and_a_later_invitation_outlasts_it() -> None:
    gone = removed(BOB, Removal(BOB.peer, 10))
    assert not gone.is_member
    assert gone.access(DOCS) is Access.NONE
    assert learnt(gone, BOB, ALICE) == gone
    granted = learnt(gone, replace(BOB, grants=full([DOCS], 12)), ALICE)
    assert granted is not None
    assert not granted.is_member  # somebody who hadn't heard of it gave it more
    back = learnt(gone, replace(BOB, grants=full([DOCS], 11), admitted=11), ALICE)
    assert back is not None
    assert back.access(DOCS) is Access.WRITE
    assert not removed(back, Removal(BOB.peer, 11)).is_member  # of two at once the stricter


def test_what_was_granted_before_a_removal_is_void_after_an_invitation() -> None:
    gone = removed(replace(BOB, grants=full([DOCS, TAXES], 3)), Removal(BOB.peer, 10))
    back = learnt(gone, replace(BOB, grants=full([DOCS], 11), admitted=11), ALICE)
    assert back is not None
    assert back.arenas == (DOCS,)


def test_a_removal_may_be_heard_of_before_the_peer_is() -> None:
    gone = removed(None, Removal(BOB.peer, 10))
    after = learnt(gone, BOB, ALICE)
    assert after is not None
    assert (after.certificate, after.is_member) == (BOB.certificate, False)


def test_what_we_may_do_ourselves_is_for_those_to_say_who_may_write() -> None:
    told = replace(BOB, grants=(Grant(DOCS, Access.READ, 9),))
    assert own_grants(BOB, told, ALICE) == told
    assert own_grants(BOB, told, READER) == BOB


def test_of_other_arenas_not_even_that_they_exist() -> None:
    assert visible(ALICE, frozenset([DOCS])).grants == full([DOCS])


def test_the_removals_of_strangers_are_forgotten_first() -> None:
    strangers = [removed(None, Removal(PeerId(n), 100 + n)) for n in (7, 8)]
    old, new = (removed(replace(BOB, peer=PeerId(n)), Removal(PeerId(n), n)) for n in (1, 2))
    assert surplus([old, new, *strangers, BOB], 2) == [7, 8]
    assert surplus([old, new, *strangers, BOB], 1) == [7, 8, 1]


def test_an_edition_is_above_all_that_is_known_whatever_the_clock() -> None:
    assert next_edition(1000, 5) == 1000
    assert next_edition(1000, 5, 2000) == 2001  # somebody's clock is ahead
    assert next_edition(-5) == 1
    assert next_edition(0, COUNTER_MAX) == COUNTER_MAX


@given(st.lists(grants, max_size=4))
def test_decisions_come_out_the_same_in_any_order_and_however_often(found: list[Grant]) -> None:
    expected = merge_grants(found, ())
    for order in permutations(found):
        one_by_one = merge_grants((), ())
        for grant in (*order, *order):
            one_by_one = merge_grants(one_by_one, [grant])
        assert one_by_one == expected
