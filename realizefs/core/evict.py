"""What leaves a cache that is full: frequency-aware, whatever the sizes (W-TinyLFU).

Theory of operation. New content stands in a small queue, the *window*; what has proved itself in
a large one, *main*; both least recently used first. While only main is larger than its share, its
oldest goes. Else the window's oldest must compete with main's oldest, by how often each was used
lately, as counted by a sketch that remembers what has left, too. The winner moves to, or
stays in, main; the loser leaves. So files that are read once, or one huge file, pass through the
window and cost main nothing, while what is used again and again gets in. What is large leaves by parts.

After "TinyLFU: A Highly Efficient Cache Admission Policy" (Einziger, Friedman, Manes) and, for
sizes, "Lightweight Robust Size Aware Cache Management" (Einziger, Eytan, Friedman, Manes). Other
than there nothing is compared until room is needed. What it gains and loses against plain LRU is
measured by `scripts/bench_cache.py`, which runs this very code.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import sqrt
from typing import Generic, TypeVar

T = TypeVar("T")

BIG_PART = 8
"""What takes more than one part in so many of the cache leaves by parts, not as a whole."""

OPPONENTS_MAX = 32
"""Of main's oldest are looked at, at most, for what they are worth on the average."""


@dataclass(frozen=True, slots=True)
class Candidate(Generic[T]):
    """Something that may leave: `used` is how often it was lately, `bytes` (over 0) what it takes.

    `filling`: room is needed for more of it, so what was read of it last should stay.
    """

    what: T
    used: int
    bytes: int
    filling: bool = False


@dataclass(frozen=True, slots=True)
class Admit(Generic[T]):
    """Move from the window to the most recently used end of main."""

    what: T


@dataclass(frozen=True, slots=True)
class Renew(Generic[T]):
    """Move to the most recently used end of main: it has won, others have their turn first."""

    what: T


@dataclass(frozen=True, slots=True)
class Evict(Generic[T]):
    """Remove `bytes` of it: all, or where it is big, the parts not used for the longest time."""

    what: T
    bytes: int


Move = Admit[T] | Renew[T] | Evict[T]


@dataclass(slots=True)
class Pool(Generic[T]):
    """A cache at the moment when room is needed; sizes in bytes.

    `window` and `main` give what may leave, least recently used first, and are read no further
    than needed. `window_bytes` and `main_bytes` is what all in them takes, what must stay included.
    """

    limit: int
    window: Iterable[Candidate[T]]
    window_bytes: int
    window_max: int
    main: Iterable[Candidate[T]]
    main_bytes: int

    def make_room(self, need: int) -> Iterator[Move[T]]:
        """Moves, to be made in order, that free `need` bytes, or all but what they move to the front
        of main: that is left for the next time."""
        window, main = iter(self.window), _Oldest(self.main)
        while need > 0:
            newcomer = None if self._main_is_too_large() else next(window, None)
            if newcomer is None:
                victim = main.take() or next(window, None)
                if victim is None:
                    return
                self.main_bytes -= victim.bytes
                yield self._evict(victim, need)
                need -= victim.bytes
                continue
            self.window_bytes -= newcomer.bytes
            if main.is_worth_less(newcomer):
                self.main_bytes += newcomer.bytes
                yield Admit(newcomer.what)
                continue
            yield self._evict(newcomer, need)
            need -= newcomer.bytes
            winner = main.take()
            if winner is not None:
                yield Renew(winner.what)

    def _main_is_too_large(self) -> bool:
        """Else the window is, or so much is to go that both are within their shares in the end."""
        within = self.window_bytes <= self.window_max
        return within and self.main_bytes > self.limit - self.window_max

    def _evict(self, victim: Candidate[T], need: int) -> Evict[T]:
        if victim.bytes <= self.limit // BIG_PART and not victim.filling:
            return Evict(victim.what, victim.bytes)
        return Evict(victim.what, min(need, victim.bytes))


class _Oldest(Generic[T]):
    """A queue, with a look at those that are next."""

    def __init__(self, queue: Iterable[Candidate[T]]) -> None:
        self._rest = iter(queue)
        self._seen: deque[Candidate[T]] = deque()

    def take(self) -> Candidate[T] | None:
        """The next one."""
        return self._seen.popleft() if self._seen else next(self._rest, None)

    def is_worth_less(self, newcomer: Candidate[T]) -> bool:
        """Whether those that would leave for it are used less; a draw is not enough.

        Uses count by the square root of the size: by size alone everything small would win, which
        is best for the number of hits; without it, for the bytes that needn't be fetched.
        """
        worth = 0.0
        taken = 0
        for one in self._first(OPPONENTS_MAX):
            worth += one.used * sqrt(one.bytes)
            taken += one.bytes
            if taken >= newcomer.bytes:
                break
        return newcomer.used * taken > worth * sqrt(newcomer.bytes)

    def _first(self, count: int) -> Iterator[Candidate[T]]:
        yield from list(self._seen)
        while len(self._seen) < count:
            one = next(self._rest, None)
            if one is None:
                return
            self._seen.append(one)
            yield one


def starts_in_window(limit: int, window_max: int, used: int, size: int) -> bool:
    """Whether a new content of `size` bytes has to prove itself: not while there is room for all."""
    return used + size > limit - window_max
