"""Commands about the other peers: peer list, set, remove."""

from collections.abc import Mapping

from realizefs.daemon.app import App
from realizefs.daemon.arguments import Arguments
from realizefs.model.entries import PeerCard
from realizefs.model.errors import Misuse, NotFound
from realizefs.model.grants import Access
from realizefs.model.ids import ArenaId
from realizefs.net.identity import fingerprint

Answer = Mapping[str, object]

FINGERPRINT_DIGITS_MIN = 8
"""Digits of a fingerprint that name a peer: nobody's by chance."""


async def peer_list(app: App, _arguments: Arguments) -> list[Answer]:
    """All other peers of the household."""
    connected = {state.peer: state.connected for state in app.parts.household.peers()}
    return [_shown(app, card, connected[card.peer]) for card in app.parts.roster.all()]


async def peer_set(app: App, arguments: Arguments) -> Answer:
    """What a peer may do in the arenas named, or in all that it is in."""
    card = named(app, arguments.text("peer"))
    access = _access(arguments.text("access"))
    names = arguments.optional_texts("arenas")
    arenas = [app.arenas.named(name).config.id for name in dict.fromkeys(names)]
    ours = {slot.config.id for slot in app.arenas}
    chosen = arenas or [arena for arena in card.arenas if arena in ours]
    if not chosen:
        raise Misuse(f"{card.name} is in no arena of this machine; name one with --arena.")
    _check_may_decide(app, chosen)
    await app.parts.roster.grant(card.peer, chosen, access)
    return _shown(app, named(app, fingerprint(card.certificate)), _is_connected(app, card))


async def peer_remove(app: App, arguments: Arguments) -> Answer:
    """A peer belongs to the household no more, at all its peers as they hear of it."""
    card = named(app, arguments.text("peer"))
    _check_may_decide(app, [slot.config.id for slot in app.arenas])
    shown = _shown(app, card, connected=False)
    await app.parts.roster.remove(card.peer)
    return shown


def named(app: App, text: str) -> PeerCard:
    """The peer of that name or fingerprint; Misuse where two are called the same."""
    cards = app.parts.roster.all()
    digits = text.lower()
    found = [card for card in cards if card.name == text] or [
        card
        for card in cards
        if len(digits) >= FINGERPRINT_DIGITS_MIN
        and fingerprint(card.certificate).startswith(digits)
    ]
    if not found:
        raise NotFound(f'There is no peer called "{text}"; see `realizefs peer list`.')
    if len(found) > 1:
        prints = " or ".join(fingerprint(card.certificate)[:16] for card in found)
        raise Misuse(f'{len(found)} peers are called "{text}"; say which by {prints}.')
    return found[0]


def _check_may_decide(app: App, arenas: list[ArenaId]) -> None:
    """The others don't believe what a peer that only reads says about who may do what."""
    roster = app.parts.roster
    if arenas and not any(roster.own_access(arena) is Access.WRITE for arena in arenas):
        raise Misuse(f"{roster.name} itself may only read there, so the others wouldn't heed it.")


def _access(text: str) -> Access:
    try:
        return Access[text.upper()]
    except KeyError as error:
        raise Misuse(f'"{text[:40]}" is no access; say write, read or none.') from error


def _is_connected(app: App, card: PeerCard) -> bool:
    return any(one.connected for one in app.parts.household.peers() if one.peer == card.peer)


def _shown(app: App, card: PeerCard, connected: bool) -> Answer:
    known = [
        (name, card.access(arena)) for arena in card.arenas if (name := app.arenas.name_of(arena))
    ]
    return {
        "name": card.name,
        "connected": connected,
        "addresses": list(card.addresses),
        "fingerprint": fingerprint(card.certificate),
        "arenas": [name for name, _ in known],
        "read_only": [name for name, access in known if access is Access.READ],
    }
