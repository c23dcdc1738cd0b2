"""The requests of a link: a slot, the request, and its answer or the reason why there is none."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import trio

from realizefs.codec.compression import unpack
from realizefs.core import effects as fx
from realizefs.core.calls import Answer, Request
from realizefs.core.rate import Rate
from realizefs.core.session import Session
from realizefs.core.session_table import State
from realizefs.core.striping import bulk_bytes
from realizefs.model.errors import (
    ConnectionLost,
    RequestFailed,
    Unreachable,
    VersionGone,
    WrongBytes,
)
from realizefs.model.limits import BULK_REQUESTS_MAX, PROGRESS_SECONDS
from realizefs.model.messages import Data, Delta, Message, Packed
from realizefs.model.paths import show
from realizefs.model.ports import Clock
from realizefs.net.channel import Channel
from realizefs.sync.silence import Progress, Silence
from realizefs.sync.urgency import Urgency

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Doing:
    """What is asked, as the end of a sentence: "f" was read."""

    path: bytes
    done: str = "was read"

    def __str__(self) -> str:
        return f'"{show(self.path)}" {self.done}'


class Changes(bytes):
    """A delta, in place of the bytes that were asked for."""


RATE_KNOWN_SECONDS = 30.0
"""Seconds for which it is known how fast a peer was: then one that hung is tried anew."""


class Asking:
    """Who waits for which answer. `do` carries out effects, `lost` says why the link ended and
    `name` who the other side is."""

    def __init__(
        self,
        session: Session,
        channel: Channel,
        clock: Clock,
        do: Callable[[Sequence[fx.Effect]], None],
        lost: Callable[[], ConnectionLost],
        name: Callable[[], str],
    ) -> None:
        self._rate = Rate()
        self._counted_at = 0.0
        self._session = session
        self._progress = Progress(channel)
        self._clock = clock
        self._do = do
        self._lost = lost
        self._name = name
        self._answers: dict[int, Answer] = {}
        self._waiting: dict[int, trio.Event] = {}
        self._line: list[Urgency] = []
        self._urgent: set[int] = set()  # bounded as what is in flight: each has one answer
        self._bulk = 0

    @property
    def rate(self) -> float:
        """Bytes per second of recent answers; 0.0 where there is none: it may be as fast as any."""
        known = trio.current_time() - self._counted_at < RATE_KNOWN_SECONDS
        return self._rate.bytes_per_second if known else 0.0

    def resolved(self, request: int, answer: Answer) -> None:
        """An answer came that somebody waits for."""
        self._answers[request] = answer
        self._waiting[request].set()
        self.slot_free()

    def heard(self, message: Message) -> None:
        """A message came, of whatever kind."""
        number = message.request if isinstance(message, Answer) else None
        self._progress.heard(message, urgent=number in self._urgent)
        if number is not None:
            self._urgent.discard(number)

    def slot_free(self) -> None:
        """Another request may be made, by who came first."""
        if self._line:
            self._next().bell.ring()

    def ended(self) -> None:
        """Wake all that wait; there will be no more answers."""
        for event in self._waiting.values():
            event.set()
        for urgency in self._line:
            urgency.bell.ring()

    async def ask(
        self, make: Callable[[int], Request], doing: Doing, urgency: Urgency, length: int
    ) -> bytes | Changes:
        """The payload that answers the request; see Link.read for what it raises."""
        silence = Silence(self._progress)
        await self._slot(silence, doing, urgency, length)
        if self._session.state is not State.OPEN:
            raise self._lost()
        # No await until the request is registered: there still is room.
        number, effects = self._session.call(make, self._clock.now())
        bulk = 0 if urgency.urgent else length
        self._bulk += bulk
        event = self._waiting[number] = trio.Event()
        began = trio.current_time()
        silence.in_flight(urgent=urgency.urgent)
        if urgency.urgent:
            self._urgent.add(number)
        try:
            self.slot_free()
            self._do(effects)
            await self._until(event.is_set, event.wait, silence, doing)
            data = await self._outcome(number, doing)
            self._count(length if isinstance(data, Changes) else len(data), began)
            return data
        finally:
            if number not in self._answers:  # who waited in vain knows how slow it is
                self._count(0, began)
            self._bulk -= bulk
            del self._waiting[number]
            if self._answers.pop(number, None) is None:
                self._do(self._session.cancel(number, self._clock.now()))
            self.slot_free()

    def _count(self, count: int, began: float) -> None:
        """An answer that was asked for at `began`; what was waited for others before isn't its. A delta
        counts as what it brings: the next piece is chosen by that."""
        now = trio.current_time()
        self._rate.add(count, now - max(began, self._counted_at))
        self._counted_at = now

    async def _slot(self, silence: Silence, doing: Doing, urgency: Urgency, length: int) -> None:
        """Wait for room in the order of coming, those first whom somebody waits for."""
        self._line.append(urgency)
        bell = urgency.bell

        def may_ask() -> bool:
            return self._next() is urgency and self._room(urgency, length)

        try:
            await self._until(may_ask, lambda: bell.after(bell.count), silence, doing)
        except BaseException:
            self._line.remove(urgency)
            self.slot_free()  # whoever is next now was not rung for
            raise
        self._line.remove(urgency)

    def _next(self) -> Urgency:
        return min(self._line, key=lambda one: one.need)

    def _room(self, urgency: Urgency, length: int) -> bool:
        asked = self._session.asked
        if urgency.urgent:
            return asked.room
        few = not self._bulk or self._bulk + length <= bulk_bytes(self.rate)
        return few and asked.taken < BULK_REQUESTS_MAX

    async def _until(
        self,
        ready: Callable[[], bool],
        wait: Callable[[], Awaitable[None]],
        silence: Silence,
        doing: Doing,
    ) -> None:
        """Wait while there is progress on the link."""
        while not ready():
            if self._session.state is State.CLOSED:
                raise self._lost()
            if silence.is_over:
                raise Unreachable(
                    f"{self._name()} sent nothing for {PROGRESS_SECONDS:.0f} s while {doing}."
                )
            await silence.during(wait)

    async def _outcome(self, number: int, doing: Doing) -> bytes | Changes:
        answer = self._answers.get(number)
        if answer is None:
            raise self._lost()
        if isinstance(answer, Data):
            return answer.payload
        if isinstance(answer, Packed):
            return await self._unpacked(answer)
        if isinstance(answer, Delta):
            if len(answer.payload) == answer.size:
                return Changes(answer.payload)
            return Changes(await self._unpacked(answer))
        sentence = f"{self._name()}: {answer.detail or answer.code}"
        log.debug('Asked for "%s": %s', show(doing.path), sentence)
        if answer.code == "version-gone":
            raise VersionGone(sentence)
        raise RequestFailed(answer.code, sentence)

    async def _unpacked(self, answer: Packed | Delta) -> bytes:
        try:
            return await trio.to_thread.run_sync(unpack, answer.payload, answer.size)
        except WrongBytes as error:
            raise WrongBytes(f"{self._name()}: {error}") from error
