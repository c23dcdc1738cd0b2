"""Pairing over a channel: the opener's side and the joiner's. Why it is sound stands in `core.pairing`.

Both sides ask a person while they listen to the other: who goes away, or says no, ends the question.
What comes of it is the secret of an invitation, and the joiner goes on as with a code.
"""

import logging
import secrets
from collections.abc import Awaitable, Callable
from hmac import compare_digest
from typing import TypeVar

import trio

from realizefs.core.pairing import NONCE_BYTES, Side, commitment, short_code
from realizefs.model.entries import PeerCard
from realizefs.model.errors import (
    ConnectionLost,
    NotPaired,
    PeerFault,
    ProtocolFault,
    RealizeError,
)
from realizefs.model.ids import PeerId, peer_id_of
from realizefs.model.lan_limits import PAIR_JOIN_SECONDS, PAIR_SECONDS, PAIR_TRIES_MAX
from realizefs.model.limits import HANDSHAKE_SECONDS
from realizefs.model.messages import (
    Message,
    PairAgreed,
    PairAnswer,
    PairInvited,
    PairReveal,
    PairStart,
    Refused,
    SharedArena,
)
from realizefs.net.channel import Channel

log = logging.getLogger(__name__)

M = TypeVar("M", bound=Message)

Ask = Callable[[str, str], Awaitable[bool]]
"""Asks a person whether the other machine, of that name, shows that code."""

Tell = Callable[[str], Awaitable[None]]
"""Tells a person a sentence."""


class Door:
    """The opener: made while its user lets others pair. `invite` makes the secret of an invitation
    for some seconds."""

    def __init__(
        self,
        own: Side,
        arenas: tuple[SharedArena, ...],
        ask: Ask,
        tell: Tell,
        invite: Callable[[int], Awaitable[bytes]],
    ) -> None:
        self._certificate = own.certificate
        self._name = own.name
        self._arenas = arenas
        self._ask = ask
        self._tell = tell
        self._invite = invite
        self._tries_left = PAIR_TRIES_MAX
        self._with: PeerId | None = None
        self._joined = trio.Event()
        self.joined = ""
        """the name of the machine that has joined"""
        self.shut = trio.Event()
        """set once nobody can pair any more: somebody has, or there were too many tries"""
        self.idle = trio.Event()
        """set while nobody is pairing"""
        self.idle.set()

    def came(self, peer: PeerId) -> None:
        """Somebody has used an invitation."""
        if peer == self._with:
            self._joined.set()

    async def answer(self, channel: Channel, start: PairStart) -> None:
        """One joiner, one after the other; each is a try, whatever comes of it."""
        name = start.card.name
        if not self.idle.is_set() or self.shut.is_set():
            # A second conversation would be another chance to meet the code of a first one.
            await channel.send(Refused("This machine is pairing with another one just now."))
            return
        self.idle = trio.Event()
        self._tries_left -= 1
        self._with = start.card.peer
        try:
            await self._pair(channel, start)
            self.joined = name
            self.shut.set()
        except RealizeError as error:
            log.info("%s was not paired: %s", name, error)
            await self._tell(f"{name} was not paired. {error}")
        finally:
            self._with = None
            if self._tries_left <= 0:
                self.shut.set()
            self.idle.set()

    async def _pair(self, channel: Channel, start: PairStart) -> None:
        joiner, code = await self._exchange(channel, start)
        await _compared(channel, lambda: self._ask(joiner.name, code), None, PairAgreed, self._name)
        secret = await self._invite(PAIR_JOIN_SECONDS)
        await channel.send(PairInvited(secret, self._arenas))
        with trio.move_on_after(PAIR_JOIN_SECONDS):
            await self._joined.wait()
            return
        raise NotPaired("It was let in and didn't come; its screen may say why.")

    async def _exchange(self, channel: Channel, start: PairStart) -> tuple[Side, str]:
        own = Side(secrets.token_bytes(NONCE_BYTES), self._certificate, self._name)
        await channel.send(PairAnswer(own.nonce, own.name))
        nonce = (await _received(channel, PairReveal)).nonce
        joiner = Side(nonce, start.card.certificate, start.card.name)
        bound = commitment(nonce, joiner.certificate, own.certificate)
        if not compare_digest(bound, start.commitment):
            raise ProtocolFault(
                "What it revealed isn't what it was committed to: somebody may stand between."
            )
        return joiner, short_code(joiner, own)


async def pair(channel: Channel, certificate: bytes, name: str, ask: Ask) -> PairInvited:
    """The joiner: an invitation by the machine at the other end; raises NotPaired, PeerFault,
    ConnectionLost. Its certificate, the channel's, is what its user has compared."""
    async with channel:
        nonce = secrets.token_bytes(NONCE_BYTES)
        own = Side(nonce, certificate, name)
        await channel.send(
            PairStart(
                commitment(nonce, certificate, channel.certificate),
                PeerCard(peer_id_of(certificate), name, certificate),
            )
        )
        answer = await _received(channel, PairAnswer)
        # Not before the answer: what we are bound to must be unknown to whoever chooses his nonce.
        await channel.send(PairReveal(nonce))
        opener = Side(answer.nonce, channel.certificate, answer.name)
        code = short_code(own, opener)
        return await _compared(
            channel, lambda: ask(answer.name, code), PairAgreed(), PairInvited, name
        )


async def _received(channel: Channel, kind: type[M]) -> M:
    """The next message, which must be of that kind."""
    with trio.move_on_after(HANDSHAKE_SECONDS):
        return _as(await channel.receive(), kind)
    raise ConnectionLost("It didn't answer in time.")


def _as(message: Message | RealizeError, kind: type[M]) -> M:
    if isinstance(message, kind):
        return message
    if isinstance(message, RealizeError):
        raise message
    if isinstance(message, Refused):
        raise NotPaired(message.reason)
    raise ProtocolFault("It says something else than what comes next in pairing.")


async def _compared(
    channel: Channel,
    ask: Callable[[], Awaitable[bool]],
    agreed: Message | None,
    kind: type[M],
    name: str,
) -> M:
    """What the other side says once its user agrees, if ours does, too; it is told of that with
    `agreed`, or that ours, of the machine `name`, doesn't."""
    heard: list[Message | RealizeError] = []
    is_same: bool | None = None

    async def listen(nursery: trio.Nursery, came: trio.Event) -> None:
        try:
            heard.append(await channel.receive())
        except (ConnectionLost, PeerFault) as error:
            heard.append(error)
        came.set()
        if not isinstance(heard[0], kind):
            nursery.cancel_scope.cancel()  # our user needn't look any more

    with trio.move_on_after(PAIR_SECONDS):
        async with trio.open_nursery() as nursery:
            came = trio.Event()
            nursery.start_soon(listen, nursery, came)
            is_same = await ask()
            if is_same:
                if agreed is not None:
                    await channel.send(agreed)
                await came.wait()
            nursery.cancel_scope.cancel()
    if heard and (is_same or not isinstance(heard[0], kind)):
        return _as(heard[0], kind)
    if is_same is False:
        await channel.send(Refused(f"The user of {name} says that the codes differ."))
        raise NotPaired(
            "The codes differ, so somebody may stand between the two machines: use a code of"
            " `realizefs invite` instead."
        )
    await channel.send(Refused(f"{name} has waited long enough."))
    raise NotPaired("Nobody said in time that the codes are the same.")
