from realizefs.model.entries import PeerCard
from realizefs.model.grants import full
from realizefs.model.ids import ArenaId, PeerId
from realizefs.model.limits import INVITATIONS_MAX
from realizefs.store.env import Environment
from realizefs.store.peers import Invitations, Roster
from realizefs.store.schema import INVITATION

DESK = PeerCard(PeerId(2**64 - 1), "Schreibtisch", b"DER" * 200, ("[::1]:7", "desk:9"))
LAPTOP = PeerCard(PeerId(5), "laptop", b"der", (), full([ArenaId(b"a" * 16), ArenaId(b"b" * 16)]))
ARENAS = (ArenaId(b"a" * 16), ArenaId(b"b" * 16))


def test_the_roster_keeps_cards(global_env: Environment) -> None:
    roster = Roster()
    with global_env.write() as txn:
        for card in (DESK, LAPTOP, DESK):
            roster.put(txn, card)
    with global_env.write() as txn:
        assert list(roster.all(txn)) == [LAPTOP, DESK]
        assert roster.get(txn, DESK.peer) == DESK
        assert roster.get(txn, PeerId(6)) is None
        assert roster.delete(txn, LAPTOP.peer)
        assert not roster.delete(txn, LAPTOP.peer)
        assert list(roster.all(txn)) == [DESK]


def test_an_invitation_is_good_once(global_env: Environment) -> None:
    with global_env.write() as txn:
        Invitations().put(txn, b"h" * 32, 1000, ARENAS)
        assert Invitations().take(txn, b"x" * 32, 0) is None
        assert Invitations().take(txn, b"h" * 32, 999) == ARENAS
        assert Invitations().take(txn, b"h" * 32, 999) is None


def test_an_expired_invitation_is_none_and_gone(global_env: Environment) -> None:
    with global_env.write() as txn:
        Invitations().put(txn, b"h" * 32, 1000, ARENAS)
        assert Invitations().take(txn, b"h" * 32, 1000) is None
        assert txn.count(INVITATION) == 0


def test_open_invitations_are_bounded_and_the_new_one_stays(global_env: Environment) -> None:
    hashes = [number.to_bytes(32, "big") for number in range(INVITATIONS_MAX + 2)]
    with global_env.write() as txn:
        for number, hashed in enumerate(hashes):
            Invitations().put(txn, hashed, 10_000 - number, ARENAS)
        assert txn.count(INVITATION) == INVITATIONS_MAX
        # Those that expire first went, but never the one just made, though it expires earliest.
        assert Invitations().take(txn, hashes[-1], 0) == ARENAS
        assert Invitations().take(txn, hashes[-2], 0) is None
        assert Invitations().take(txn, hashes[0], 0) == ARENAS
