"""Commands that pair machines on one network: invite-lan opens this one, neighbours lists those that
are open, pair joins one of them. Two people compare a code meanwhile (`core.pairing`)."""

from collections.abc import Mapping

import trio

from realizefs.core.pairing import Side
from realizefs.daemon.app import App
from realizefs.daemon.arguments import Arguments
from realizefs.daemon.control import Caller
from realizefs.daemon.conversation import Asker, conversation
from realizefs.daemon.household_commands import join_invited
from realizefs.daemon.lan import announcement
from realizefs.model.errors import Misuse, NotPaired
from realizefs.model.invitation import Invitation
from realizefs.model.lan_limits import LOOK_FURTHER_SECONDS, LOOK_SECONDS, PAIR_OPEN_SECONDS
from realizefs.model.limits import ADDRESSES_MAX
from realizefs.model.messages import PairInvited, SharedArena
from realizefs.net.dial import dial_stranger
from realizefs.net.identity import fingerprint
from realizefs.net.mdns import run_mdns
from realizefs.sync.joining import open_invitation
from realizefs.sync.neighbours import Neighbours
from realizefs.sync.pairing import Ask, Door, pair

Answer = Mapping[str, object]


async def invite_lan(app: App, arguments: Arguments, caller: Caller) -> Answer:
    """Open this machine for pairing until somebody has joined; NotPaired where nobody does."""
    slots = [app.arenas.named(name) for name in dict.fromkeys(arguments.texts("arenas"))]
    arenas = tuple(SharedArena(slot.config.id, slot.config.name) for slot in slots)
    parts, name = app.parts, app.parts.roster.name
    if announcement(parts.identity.certificate, app.addresses()) is None:
        raise Misuse(
            "No other machine can reach this one: it has no network, or `listen` in"
            f" {app.home.config} is loopback alone."
        )

    async def invite(seconds: int) -> bytes:
        ids = [shared.arena for shared in arenas]
        return await trio.to_thread.run_sync(
            open_invitation, parts.env, parts.invitations, ids, parts.clock, seconds
        )

    async with conversation(caller) as asker:
        door = Door(
            Side(b"", parts.identity.certificate, name),
            arenas,
            lambda other, code: asker.ask({"peer": other, "code": code}),
            lambda sentence: asker.tell({"note": sentence}),
            invite,
        )
        with parts.household.doorman.opened(door), app.lan.open_as(name):
            await asker.tell({"open_seconds": PAIR_OPEN_SECONDS, "name": name})
            with trio.move_on_after(PAIR_OPEN_SECONDS):
                await door.shut.wait()
            await door.idle.wait()  # who has begun may end; the door bounds that
    if not door.joined:
        raise NotPaired(
            "There were too many tries, and this machine is no longer open for pairing."
            if door.shut.is_set()
            else "Nobody has paired in time, and this machine is no longer open for it."
        )
    return {"joined": door.joined, "arenas": [shared.name for shared in arenas]}


async def neighbours(app: App, _arguments: Arguments, caller: Caller) -> list[Answer]:
    """The machines on this network that are open for pairing; waits for the first one."""
    found = Neighbours(app.parts.identity.certificate)
    async with caller.waiting(), trio.open_nursery() as nursery:
        await nursery.start(run_mdns, None, found)
        with trio.move_on_after(LOOK_SECONDS):
            while not found.open():
                await found.changed.after(found.changed.count)
            await trio.sleep(LOOK_FURTHER_SECONDS)
        nursery.cancel_scope.cancel()
    return [{"name": one.name, "addresses": list(one.addresses)} for one in found.open()]


async def pair_with(app: App, arguments: Arguments, caller: Caller) -> Answer:
    """Pair with a machine that is open for it, and join what it opens."""
    parts, addresses = app.parts, arguments.texts("addresses")[:ADDRESSES_MAX]
    channel = await dial_stranger(addresses, parts.household.counters, "The machine")
    certificate = channel.certificate
    if certificate == parts.identity.certificate:
        await channel.aclose()
        raise Misuse("That is this machine itself; join on the other one.")
    invited: PairInvited | None = None
    async with conversation(caller) as asker:
        name = parts.roster.name
        invited = await pair(channel, parts.identity.certificate, name, _asked(asker))
    if invited is None:
        raise NotPaired("Nobody waited for the end of pairing.")
    reached = tuple(addresses), fingerprint(certificate)
    return await join_invited(app, Invitation(*reached, invited.secret, invited.arenas), arguments)


def _asked(asker: Asker) -> Ask:
    return lambda other, code: asker.ask({"peer": other, "code": code})
