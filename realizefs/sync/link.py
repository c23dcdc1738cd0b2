"""A link: the session with one peer, run over one channel until it ends.

`core.session` decides, this carries out its effects. The tasks of a link, all in its own nursery:

- the reader alone receives, and never waits for the other side: answers that it must give at once
  (Pong, Failure "cancelled") are put, not sent. It only waits if MESSAGES_WAITING_MAX gossip
  messages wait for the handler; meanwhile the session is told that we don't listen.
- the deliverer hands gossip to the handler, in order, one at a time. `handler.message` may take its
  time and may `send` anything but Rows: those wait for the other side's acknowledgements, so a
  stream of Rows belongs in a task of the handler's own. The other side must send an Ack for what
  it commits, or no more than ROWS_UNACKED_MAX Rows of an arena come.
- the ticker: pings, and the end of a link that is dead.
- one task for each request that we serve, SERVES_AT_ONCE_MAX of them working.

Effects are carried out at once, without an await, so what the session thinks and what is queued in
the channel never differ.
"""

import logging
from collections.abc import Sequence
from contextlib import suppress

import trio

from realizefs.codec.deltas import apply
from realizefs.core import effects as fx
from realizefs.core.calls import DIGEST_BYTES
from realizefs.core.session import Session
from realizefs.core.session_table import State
from realizefs.model.errors import ConnectionLost, ProtocolFault, RealizeError, WrongBytes
from realizefs.model.ids import ArenaId, Digest, PeerId, peer_id_of
from realizefs.model.limits import BLOCKS_MAX, MESSAGES_WAITING_MAX
from realizefs.model.messages import (
    Hello,
    Pin,
    Read,
    ReadBlocks,
    ReadDelta,
    ReadSeveral,
    Rows,
    Small,
    Take,
)
from realizefs.model.paths import show
from realizefs.model.ports import Clock
from realizefs.net.channel import Channel
from realizefs.sync.answering import Answering
from realizefs.sync.asking import Asking, Changes, Doing
from realizefs.sync.handling import LinkHandler
from realizefs.sync.urgency import Need, Urgency

log = logging.getLogger("realizefs.sync.link")


class Link:
    """A session with `peer`; usable from `handler.opened` until `handler.closed`.

    `ahead_ns`: how far the peer's clock is ahead of ours, but for the time that its Hello took; None where
    it doesn't tell. `busy`: pieces that it was chosen for and that aren't here yet, kept by who chooses.
    """

    def __init__(self, channel: Channel, hello: Hello, handler: LinkHandler, clock: Clock) -> None:
        self.peer: PeerId = peer_id_of(channel.certificate)
        self._hello: Hello | None = None
        self.address = channel.address
        self.reason = ""
        self.ahead_ns: int | None = None
        self.busy = 0
        self.fault = False
        self._channel = channel
        self._handler = handler
        self._clock = clock
        self._session = Session(hello, self.peer, clock.now())
        self._asking = Asking(
            self._session, channel, clock, self._do_all, self._lost, lambda: self.name
        )
        self._answering = Answering(
            self._session,
            channel,
            clock,
            lambda request: handler.serve(self, request),
            lambda: self.hello.features,
        )
        self._rows = trio.lowlevel.ParkingLot()
        self._post, self._posted = trio.open_memory_channel[fx.Opened | fx.Deliver](
            MESSAGES_WAITING_MAX
        )
        self._listening = True
        self._wake_at = 0.0
        self._rewind = trio.Event()
        self._nursery: trio.Nursery | None = None

    @property
    def hello(self) -> Hello:
        """The other side's; there from `handler.opened` on."""
        assert self._hello is not None
        return self._hello

    @property
    def name(self) -> str:
        """What the peer calls itself; its address before it said so."""
        return self._hello.name if self._hello else self.address

    @property
    def closed(self) -> bool:
        """Whether it has ended, for whatever reason."""
        return self._session.state is State.CLOSED

    @property
    def in_flight(self) -> int:
        """Requests that wait for their answer."""
        return self._session.asked.count

    @property
    def payload_at(self) -> float:
        """The trio time at which bytes of an answer last came; -inf: never."""
        return self._channel.payload_at

    @property
    def rate(self) -> float:
        """Bytes per second of recent answers, 0.0 where it isn't known: who is the fastest?"""
        return self._asking.rate

    async def read(
        self,
        arena: ArenaId,
        path: bytes,
        content: Digest,
        start: int,
        length: int,
        urgency: Urgency | None = None,
    ) -> bytes:
        """Bytes [start, start+length) of that content, fewer only at its end; 1 to READ_BYTES_MAX.

        Raises VersionGone, RequestFailed, ConnectionLost, and Unreachable if for PROGRESS_SECONDS
        nothing but signs of life came. The bytes are not verified here. Cancel it freely.
        """
        wish = urgency or Urgency(Need.READ)
        return await self._asking.ask(
            lambda request: Read(
                request, arena, path, content, start, length, bulk=not wish.urgent
            ),
            Doing(path),
            wish,
            length,
        )

    async def read_blocks(
        self, arena: ArenaId, path: bytes, content: Digest, start: int = 0, length: int = 0
    ) -> bytes:
        """The block list of that content, perhaps those bytes behind it; raises like `read`."""
        return await self._asking.ask(
            lambda request: ReadBlocks(request, arena, path, content, start, length),
            Doing(path),
            Urgency(Need.READ),
            BLOCKS_MAX * DIGEST_BYTES + length,
        )

    async def read_several(self, arena: ArenaId, files: tuple[Small, ...], need: Need) -> bytes:
        """Small files, for `codec.several` to split; of those whose hello has SEVERAL. Raises like
        `read`."""
        return await self._asking.ask(
            lambda request: ReadSeveral(request, arena, files),
            Doing(files[0].path, "and others were read"),
            Urgency(need),
            sum(file.size for file in files),
        )

    async def read_delta(self, what: Read, old: bytes, signature: bytes, urgency: Urgency) -> bytes:
        """All of `what`, made of `old`, which has this signature, where that is less to send; for
        those whose hello has DELTA. Raises like `read`, and WrongBytes where something else is
        made."""
        answer = await self._asking.ask(
            lambda request: ReadDelta(
                *(request, what.arena, what.path, what.hash, what.start, what.length),
                *(not urgency.urgent, signature),
            ),
            Doing(what.path),
            urgency,
            what.length,
        )
        if not isinstance(answer, Changes):
            return answer
        try:
            return await trio.to_thread.run_sync(apply, old, answer, what.length)
        except WrongBytes as error:
            shown = f'"{show(what.path)}" at {what.start}'
            raise WrongBytes(f"{self.name}, for {shown}: {error}") from error

    async def pin(self, arena: ArenaId, path: bytes, content: Digest) -> None:
        """Have the peer promise to keep its real file of that content; raises like `read`."""
        doing = Doing(path, "was to be kept there")
        await self._asking.ask(
            lambda request: Pin(request, arena, path, content), doing, Urgency(Need.READ), 0
        )

    async def take(self, arena: ArenaId, path: bytes) -> None:
        """Have the peer make a path, and all below it, its own; raises like `read`."""
        doing = Doing(path, "was to be moved there")
        await self._asking.ask(
            lambda request: Take(request, arena, path), doing, Urgency(Need.READ), 0
        )

    async def send(self, message: fx.Gossip) -> None:
        """Queue gossip; raises ConnectionLost. Rows wait for acknowledgements and for room in
        the queue, the others don't wait."""
        if isinstance(message, Rows):
            await self._channel.room()
            while not (self._session.rows_room(message.arena) or self.closed):
                await self._rows.park()
                await self._channel.room()
        if self.closed:
            raise self._lost()
        self._do_all(self._session.send(message, self._clock.now()))

    def close(self, reason: str) -> None:
        """End the link; `reason` goes into the log."""
        self._do_all(self._session.close(reason, fault=False))

    # The rest is for run_link and the tasks of the link.

    async def run(self) -> None:
        """Everything, until the link ends."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            self._do_all(self._session.start())
            nursery.start_soon(self._receive)
            nursery.start_soon(self._deliver)
            nursery.start_soon(self._tick)

    def ended(self) -> None:
        """Wake all that wait; nothing happens on this link any more."""
        self._session.close("it was closed here", fault=False)
        self._asking.ended()
        self._rows.unpark_all()
        if self._hello is not None:
            self._handler.closed(self)

    def _do_all(self, effects: Sequence[fx.Effect]) -> None:
        for effect in effects:
            self._do(effect)

    def _do(self, effect: fx.Effect) -> None:
        """Carry out what needs no waiting; Opened and Deliver are the reader's."""
        assert self._nursery is not None
        match effect:
            case fx.Send():
                with suppress(ConnectionLost):  # the reader meets the same loss, and ends it
                    self._channel.put(effect.message)
            case fx.Serve():
                self._nursery.start_soon(self._answering.run, effect.request)
            case fx.Abandon():
                self._answering.abandon(effect.request)
            case fx.Retract():
                self._answering.retract(effect.request)
            case fx.Resolved():
                self._asking.resolved(effect.request, effect.answer)
            case fx.SlotFree():
                self._asking.slot_free()
            case fx.RowsWanted():
                self._rows.unpark_all()
            case fx.WakeAt() | fx.Closed():
                self._do_later(effect)

    def _do_later(self, effect: fx.WakeAt | fx.Closed) -> None:
        assert self._nursery is not None
        if isinstance(effect, fx.WakeAt):
            self._wake_at = effect.time
            self._rewind.set()
            return
        self.reason = effect.reason
        self.fault = effect.fault
        self._nursery.cancel_scope.cancel()

    async def _receive(self) -> None:
        while True:
            try:
                message = await self._channel.receive()
            except ProtocolFault as fault:
                self._do_all(self._session.refuse(str(fault), self._clock.now()))
                return
            except RealizeError as error:
                self._do_all(self._session.close(str(error).rstrip("."), fault=False))
                return
            self._asking.heard(message)
            for effect in self._session.received(message, self._clock.now()):
                if isinstance(effect, fx.Opened | fx.Deliver):
                    await self._hand_on(effect)
                else:
                    self._do(effect)

    async def _hand_on(self, effect: fx.Opened | fx.Deliver) -> None:
        try:
            self._post.send_nowait(effect)
        except trio.WouldBlock:
            self._listening = False
            try:
                await self._post.send(effect)
            finally:
                self._listening = True
                self._session.heard(self._clock.now())

    async def _deliver(self) -> None:
        async for effect in self._posted:
            try:
                match effect:
                    case fx.Opened():
                        self._hello = effect.hello
                        if effect.hello.wall_ns:
                            self.ahead_ns = effect.hello.wall_ns - self._clock.wall_ns()
                        await self._handler.opened(self)
                    case fx.Deliver():
                        await self._handler.message(self, effect.message)
            except RealizeError as error:
                self.close(str(error).rstrip("."))
                return

    async def _tick(self) -> None:
        while True:
            self._rewind = trio.Event()
            with trio.move_on_after(max(0.0, self._wake_at - self._clock.now())):
                await self._rewind.wait()
            silence = trio.current_time() - self._channel.heard_at
            self._session.heard(self._clock.now() - silence)
            self._do_all(self._session.tick(self._clock.now(), self._listening))

    def _lost(self) -> ConnectionLost:
        why = f": {self.reason.rstrip('.')}" if self.reason else ""
        return ConnectionLost(f"The connection with {self.name} ended{why}.")


async def run_link(channel: Channel, our_hello: Hello, handler: LinkHandler, clock: Clock) -> None:
    """Run the session on a channel until it ends, and close the channel.

    Raises nothing that the other side caused: that is one line in the log.
    """
    link = Link(channel, our_hello, handler, clock)
    try:
        async with channel:
            try:
                await link.run()
            finally:
                link.ended()
    finally:
        log.log(
            logging.WARNING if link.fault else logging.INFO,
            "The link with %s ended: %s.",
            link.name,
            link.reason.rstrip(".") or "it was closed here",
        )
