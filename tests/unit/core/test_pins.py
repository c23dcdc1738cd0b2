"""Promises between owners: in whatever order they ask, one keeps the file (R1)."""

from hypothesis import given
from hypothesis import strategies as st

from realizefs.core.pins import Pins
from realizefs.model.ids import Inode, PeerId
from realizefs.model.limits import PIN_SECONDS

INO = Inode(7)
A, B = PeerId(1), PeerId(2)


def test_an_owner_promises_and_then_keeps_it() -> None:
    pins = Pins(A)
    assert pins.asked(INO, B, now=0.0)
    assert not pins.begin(INO, now=PIN_SECONDS - 1)
    assert pins.begin(INO, now=PIN_SECONDS)


def test_how_long_it_is_promised_is_known() -> None:
    pins = Pins(A)
    assert pins.seconds_left(INO, 0.0) is None
    pins.asked(INO, B, now=1.0)
    assert pins.seconds_left(INO, 11.0) == PIN_SECONDS - 10
    assert pins.seconds_left(INO, 1.0 + PIN_SECONDS) == 0.0
    assert pins.begin(INO, now=1.0 + PIN_SECONDS)


def test_a_second_request_prolongs_the_promise() -> None:
    pins = Pins(A)
    pins.asked(INO, B, now=0.0)
    pins.asked(INO, PeerId(3), now=10.0)
    assert not pins.begin(INO, now=PIN_SECONDS)
    assert pins.begin(INO, now=PIN_SECONDS + 10)


def test_who_gives_it_up_promises_nothing() -> None:
    pins = Pins(A)
    pins.begin(INO, 0.0)
    assert pins.certain(INO)
    assert not pins.asked(INO, B, 1.0)
    pins.end(INO)
    assert pins.asked(INO, B, 2.0)


def test_the_smaller_of_two_that_ask_at_once_goes_on() -> None:
    a, b = Pins(A), Pins(B)
    a.begin(INO, 0.0)
    b.begin(INO, 0.0)
    assert not a.asked(INO, B, 1.0)
    assert b.asked(INO, A, 1.0)
    assert a.certain(INO)
    assert not b.certain(INO)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.booleans()), max_size=60))
def test_one_of_four_owners_is_left_whatever_is_asked_and_whoever_crashes(
    steps: list[tuple[int, int, bool]],
) -> None:
    """Each step: one begins, asks another, and if it promises gives up; or crashes."""
    peers = [PeerId(number + 1) for number in range(4)]
    pins = [Pins(peer) for peer in peers]
    owns, asking = [True] * 4, [False] * 4
    for now, (one, other, crashes) in enumerate(steps):
        if crashes:
            pins[one], asking[one] = Pins(peers[one]), False
        elif owns[one] and not asking[one]:
            asking[one] = pins[one].begin(INO, float(now))
        elif asking[one] and one != other:
            promised = owns[other] and pins[other].asked(INO, peers[one], float(now))
            if promised and pins[one].certain(INO):
                owns[one] = False
            pins[one].end(INO)
            asking[one] = False
        assert any(owns)
