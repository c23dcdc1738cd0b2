"""Which peers a reader waits for a moment."""

from realizefs.model.ids import PeerId
from realizefs.sync.expected import Expected

DESK = PeerId(1)
LAP = PeerId(2)


def test_a_peer_is_expected_until_dialling_it_has_failed() -> None:
    expected = Expected()
    assert DESK in expected
    expected.failed(DESK)
    assert DESK not in expected
    assert LAP in expected


def test_a_peer_whose_connection_ended_is_expected_again() -> None:
    expected = Expected()
    expected.failed(DESK)
    expected.ended(DESK)
    assert DESK in expected


def test_a_peer_that_came_by_itself_is_expected_while_it_introduces_itself() -> None:
    expected = Expected()
    expected.failed(DESK)
    with expected.meeting(DESK, "a connection"):
        assert DESK in expected
        assert LAP in expected
        expected.met(DESK, "a connection")
        assert DESK not in expected  # it is connected: whoever asks looks there first


def test_a_connection_that_comes_to_nothing_is_not_waited_for_again() -> None:
    """The other side speaks another protocol, say."""
    expected = Expected()
    with expected.meeting(DESK, "a connection"):
        pass
    assert DESK not in expected


def test_one_of_two_connections_that_comes_to_nothing_leaves_the_other() -> None:
    expected = Expected()
    with expected.meeting(DESK, "ours"):
        with expected.meeting(DESK, "theirs"):
            pass
        assert DESK in expected
