"""The requests of a link: a slot, the request, and its answer or the reason why there is none."""

from collections.abc import Awaitable, Callable, Sequence

import trio

from realizefs.core import effects as fx
from realizefs.core.calls import Answer, Request
from realizefs.core.session import Session
from realizefs.core.session_table import State
from realizefs.model.errors import ConnectionLost, RequestFailed, Unreachable, VersionGone
from realizefs.model.limits import PROGRESS_SECONDS
from realizefs.model.messages import Data
from realizefs.model.paths import show
from realizefs.model.ports import Clock
from realizefs.net.channel import Channel
from realizefs.sync.rate import Rate


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
        self.rate = Rate()
        self._session = session
        self._channel = channel
        self._clock = clock
        self._do = do
        self._lost = lost
        self._name = name
        self._answers: dict[int, Answer] = {}
        self._waiting: dict[int, trio.Event] = {}
        self._slots = trio.lowlevel.ParkingLot()

    def resolved(self, request: int, answer: Answer) -> None:
        """An answer came that somebody waits for."""
        self._answers[request] = answer
        self._waiting[request].set()
        self.slot_free()

    def slot_free(self) -> None:
        """Another request may be made."""
        self._slots.unpark_all()

    def ended(self) -> None:
        """Wake all that wait; there will be no more answers."""
        for event in self._waiting.values():
            event.set()
        self._slots.unpark_all()

    async def ask(self, make: Callable[[int], Request], path: bytes) -> bytes:
        """The payload that answers the request; see Link.read for what it raises."""
        began = trio.current_time()
        await self._until(lambda: self._session.asked.room, self._slots.park, began, path)
        if self._session.state is not State.OPEN:
            raise self._lost()
        # No await until the request is registered: there still is room.
        number, effects = self._session.call(make, self._clock.now())
        event = self._waiting[number] = trio.Event()
        try:
            self._do(effects)
            await self._until(event.is_set, event.wait, began, path)
            data = self._outcome(number)
            self.rate.add(len(data), trio.current_time() - began)
            return data
        finally:
            del self._waiting[number]
            if self._answers.pop(number, None) is None:
                self._do(self._session.cancel(number, self._clock.now()))

    async def _until(
        self,
        ready: Callable[[], bool],
        wait: Callable[[], Awaitable[None]],
        began: float,
        path: bytes,
    ) -> None:
        """Wait while payload of any answer keeps coming. Not while anything comes: a holder
        whose disk hangs still sends its pings."""
        while not ready():
            if self._session.state is State.CLOSED:
                raise self._lost()
            deadline = max(began, self._channel.payload_at) + PROGRESS_SECONDS
            if trio.current_time() >= deadline:
                raise Unreachable(
                    f"{self._name()} sent nothing for {PROGRESS_SECONDS:.0f} s while"
                    f' "{show(path)}" was read.'
                )
            with trio.move_on_at(deadline):
                await wait()

    def _outcome(self, number: int) -> bytes:
        answer = self._answers.get(number)
        if answer is None:
            raise self._lost()
        if isinstance(answer, Data):
            return answer.payload
        sentence = f"{self._name()}: {answer.detail or answer.code}"
        if answer.code == "version-gone":
            raise VersionGone(sentence)
        raise RequestFailed(answer.code, sentence)
