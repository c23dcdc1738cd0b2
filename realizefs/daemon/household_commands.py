"""Commands with which machines join: invite, join."""

from collections.abc import Mapping
from pathlib import Path

import trio

from realizefs.daemon.app import App
from realizefs.daemon.arguments import Arguments
from realizefs.daemon.config import ArenaConfig
from realizefs.daemon.setup_commands import add, check_new
from realizefs.model import invitation
from realizefs.model.errors import BadInvitation, Misuse
from realizefs.model.invitation import Invitation
from realizefs.model.limits import INVITATION_SECONDS
from realizefs.model.marks import Mark
from realizefs.model.messages import SharedArena, Welcome
from realizefs.net.dial import dial
from realizefs.net.identity import fingerprint
from realizefs.sync.joining import open_invitation, use_invitation

Answer = Mapping[str, object]


async def invite(app: App, arguments: Arguments) -> Answer:
    """A one-time code for the arenas named."""
    slots = [app.arenas.named(name) for name in dict.fromkeys(arguments.texts("arenas"))]
    addresses = app.addresses()
    if not addresses:
        raise Misuse(
            "It isn't known yet where this peer can be reached; start `realizefs serve` or "
            "`realizefs mount DIR` first."
        )
    parts = app.parts
    secret = await trio.to_thread.run_sync(
        open_invitation,
        parts.env,
        parts.invitations,
        [slot.config.id for slot in slots],
        parts.clock,
    )
    made = Invitation(
        addresses,
        fingerprint(parts.identity.certificate),
        secret,
        tuple(SharedArena(slot.config.id, slot.config.name) for slot in slots),
    )
    return {
        "code": invitation.encode(made),
        "short": invitation.encode_short(made),
        "addresses": list(addresses),
        "expires_seconds": INVITATION_SECONDS,
        "serving": app.online,
    }


async def join(app: App, arguments: Arguments) -> Answer:
    """Join the arenas of a code; what can be refused is refused before the code is used."""
    invited = invitation.decode(arguments.text("code"))
    if invited.fingerprint == fingerprint(app.parts.identity.certificate):
        raise BadInvitation("This code was made here; use it on the machine that is to join.")
    return await join_invited(app, invited, arguments)


async def join_invited(app: App, invited: Invitation, arguments: Arguments) -> Answer:
    """Join the arenas of an invitation, as `arguments` say where and how."""
    mark = arguments.optional_mark("mark") or Mark.WATCH
    roots = _roots(invited, arguments.optional_directory("directory"), arguments)
    async with app.changing:
        wanted = [
            ArenaConfig(shared.name, shared.arena, roots[shared.arena], mark)
            for shared in invited.arenas
        ]
        await _check_unknown(app, wanted)
        await check_new(app, wanted)
        welcome = await _use(app, invited)
        opened = {shared.arena for shared in welcome.arenas}
        for card in welcome.roster:
            await app.parts.roster.add(card)
        added = await add(app, [arena for arena in wanted if arena.id in opened])
    if not added:
        raise BadInvitation("The inviter no longer has what this code was for.")
    return {"inviter": welcome.roster[0].name, "arenas": added}


def _roots(invited: Invitation, given: Path | None, arguments: Arguments) -> dict[bytes, Path]:
    """DIR for a single arena, else a folder for each in DIR, else in the current directory."""
    if given is not None and len(invited.arenas) == 1:
        return {invited.arenas[0].arena: given}
    parent = given or arguments.directory("parent")
    # An arena called home/photos has its root in PARENT/photos: nobody made PARENT/home.
    return {shared.arena: parent / shared.name.split("/")[-1] for shared in invited.arenas}


async def _check_unknown(app: App, wanted: list[ArenaConfig]) -> None:
    for arena in wanted:
        known = next((each for each in app.config.arenas if each.id == arena.id), None)
        if known is not None:
            raise BadInvitation(f'The arena "{known.name}" is here already, in {known.root}.')


async def _use(app: App, invited: Invitation) -> Welcome:
    parts = app.parts
    # The card names the arenas, so that the inviter's other peers hear what we are in.
    await parts.roster.reached(app.addresses())
    channel = await dial(
        invited.addresses,
        parts.identity,
        fingerprint=invited.fingerprint,
        counters=parts.household.counters,
        name="The inviter",
    )
    try:
        return await use_invitation(channel, invited.secret, parts.roster.own())
    finally:
        with trio.CancelScope(shield=True):
            await channel.aclose()
