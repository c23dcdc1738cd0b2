"""Invitations: opening one, answering one, and using one (DESIGN 5.3); what was paired gets one, too.

The secret is 32 random bytes, only its hash is stored by the inviter, it is good once and until
it expires. The joiner knows the inviter's certificate by the fingerprint in the code, before it
sends anything; the inviter knows the joiner by the secret.
"""

import hashlib
import logging
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import inf

import trio

from realizefs.model import limits
from realizefs.model.entries import PeerCard
from realizefs.model.errors import BadInvitation, ConnectionLost, Misuse, ProtocolFault
from realizefs.model.ids import ArenaId
from realizefs.model.messages import Join, PairStart, Refused, SharedArena, Welcome
from realizefs.model.ports import Clock
from realizefs.net.channel import Channel
from realizefs.net.identity import peer_id
from realizefs.store.env import Environment
from realizefs.store.peers import Invitations
from realizefs.sync.pairing import Door
from realizefs.sync.roster import Roster

log = logging.getLogger(__name__)

REFUSED = "The invitation is not valid: it was used, it expired, or it was never made here."


def open_invitation(
    env: Environment,
    invitations: Invitations,
    arenas: Sequence[ArenaId],
    clock: Clock,
    seconds: int = limits.INVITATION_SECONDS,
) -> bytes:
    """The secret of a new invitation, good for so many seconds; blocking."""
    secret = secrets.token_bytes(32)
    expires = clock.wall_ns() + seconds * 10**9
    with env.write() as txn:
        invitations.put(txn, hashlib.sha256(secret).digest(), expires, tuple(arenas))
    return secret


class Doorman:
    """Answers those who come with an invitation."""

    def __init__(
        self,
        env: Environment,
        invitations: Invitations,
        roster: Roster,
        clock: Clock,
        name_of: Callable[[ArenaId], str | None],
    ) -> None:
        self._env = env
        self._invitations = invitations
        self._roster = roster
        self._clock = clock
        self._name_of = name_of
        self.door: Door | None = None

    @contextmanager
    def opened(self, door: Door) -> Iterator[None]:
        """Let others pair at this door; Misuse where there is one already."""
        if self.door is not None:
            raise Misuse("This machine is open for pairing already; end that first, with Ctrl-C.")
        self.door = door
        try:
            yield
        finally:
            self.door = None

    async def answer(self, channel: Channel, time: trio.CancelScope) -> None:
        """One joiner, from its Join to our Welcome; the listener bounds its time."""
        async with channel:
            message = await channel.receive()
            if isinstance(message, PairStart):
                await self._pair(channel, message, time)
            elif isinstance(message, Join):
                await channel.send(await self._admit(message))
            else:
                raise ProtocolFault("A stranger sent something other than an invitation.")

    async def _pair(self, channel: Channel, start: PairStart, time: trio.CancelScope) -> None:
        if self.door is None:
            await channel.send(Refused("This machine is not open for pairing."))
            return
        time.deadline = inf  # the door has bounds of its own
        await self.door.answer(channel, start)

    async def _admit(self, join: Join) -> Welcome | Refused:
        if peer_id(join.card.certificate) != join.card.peer:
            return Refused("The certificate is not that of the peer that it names.")
        hashed = hashlib.sha256(join.secret).digest()

        def take() -> tuple[ArenaId, ...] | None:
            with self._env.write() as txn:
                return self._invitations.take(txn, hashed, self._clock.wall_ns())

        arenas = await trio.to_thread.run_sync(take)
        if arenas is None:
            log.warning("An invitation that is used, expired or unknown was refused.")
            return Refused(REFUSED)
        shared = [
            SharedArena(arena, name)
            for arena in arenas
            if (name := self._name_of(arena)) is not None
        ]
        card = PeerCard(
            join.card.peer,
            join.card.name,
            join.card.certificate,
            join.card.addresses[: limits.ADDRESSES_MAX],
            addressed=join.card.addressed,
        )
        await self._roster.admit(card, (one.arena for one in shared))
        if self.door is not None:
            self.door.came(card.peer)
        log.info("%s joined %s.", card.name, ", ".join(one.name for one in shared))
        others = self._roster.told_to(one.arena for one in shared)
        return Welcome(tuple(known for known in others if known.peer != card.peer), tuple(shared))


async def use_invitation(channel: Channel, secret: bytes, card: PeerCard) -> Welcome:
    """Over a channel pinned to the inviter's fingerprint; raises BadInvitation if refused."""
    async with channel:
        return await _use(channel, secret, card)


async def _use(channel: Channel, secret: bytes, card: PeerCard) -> Welcome:
    with trio.move_on_after(limits.HANDSHAKE_SECONDS):
        await channel.send(Join(secret, card))
        message = await channel.receive()
        if isinstance(message, Refused):
            raise BadInvitation(message.reason)
        if not isinstance(message, Welcome) or not message.roster:
            raise ProtocolFault("The inviter answered with something else than a welcome.")
        inviter = message.roster[0]
        if inviter.certificate != channel.certificate:
            raise ProtocolFault("The inviter names another certificate than it has.")
        return message
    raise ConnectionLost("The inviter did not answer the invitation in time.")
