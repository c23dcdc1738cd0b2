"""How often something was used lately: a count-min sketch of 4-bit counters that age.

Each key has four of the 65,536 counters, chosen by its hash, and is estimated by the smallest: never
too low, a little too high where all four are shared. Only the smallest are counted up, which keeps
estimates low. Every so often all are halved, so what was popular last year doesn't stay for ever. It
is the sketch of "TinyLFU: A Highly Efficient Cache Admission Policy" (Einziger, Friedman, Manes).
"""

from realizefs.model.limits import KIB

TABLE_BYTES = 32 * KIB
"""Bytes of the table: room for some ten thousand files before strangers share all four counters."""

COUNT_MAX = 15
"""The largest estimate; telling a hundred uses from twenty decides nothing."""

AGE_USES_EACH = 10
"""Uses for each content that the cache holds after which all counts are halved."""

AGE_USES_MIN = 1_000
"""In a cache of few contents, too, what is used every tenth time is told from what is used once."""

_HEAD_BYTES = 8
_ODD_BITS = int.from_bytes(b"\x77" * TABLE_BYTES, "big")
_WORD = (1 << 64) - 1


class Sketch:
    """Counts uses of 64-bit keys in TABLE_BYTES of memory. Not thread-safe."""

    def __init__(self) -> None:
        self._table = bytearray(TABLE_BYTES)
        self._uses = 0

    def add(self, key: int, held: int) -> None:
        """One more use, by a cache that holds `held` contents."""
        places = _places(key)
        least = min(map(self._get, places))
        if least < COUNT_MAX:
            for place in set(places):
                if self._get(place) == least:
                    self._table[place >> 1] += 16 if place & 1 else 1
        self._uses += 1
        if self._uses >= max(AGE_USES_MIN, AGE_USES_EACH * held):
            self._age()

    def count(self, key: int) -> int:
        """How often it was used lately, 0 to COUNT_MAX."""
        return min(map(self._get, _places(key)))

    def to_bytes(self) -> bytes:
        """For `from_bytes`."""
        return self._uses.to_bytes(_HEAD_BYTES, "big") + self._table

    @staticmethod
    def from_bytes(data: bytes) -> "Sketch":
        """What was saved; an empty one if it isn't one of this size: it only costs quality."""
        sketch = Sketch()
        if len(data) == _HEAD_BYTES + TABLE_BYTES:
            sketch._uses = int.from_bytes(data[:_HEAD_BYTES], "big")
            sketch._table[:] = data[_HEAD_BYTES:]
        return sketch

    def _get(self, place: int) -> int:
        pair = self._table[place >> 1]
        return pair >> 4 if place & 1 else pair & 15

    def _age(self) -> None:
        halves = int.from_bytes(self._table, "big") >> 1 & _ODD_BITS
        self._table[:] = halves.to_bytes(TABLE_BYTES, "big")
        self._uses //= 2


def _places(key: int) -> tuple[int, int, int, int]:
    """Four counters: the quarters of a well mixed 64-bit hash (splitmix64)."""
    mixed = (key + 0x9E3779B97F4A7C15) & _WORD
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & _WORD
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & _WORD
    mixed ^= mixed >> 31
    return mixed & 0xFFFF, mixed >> 16 & 0xFFFF, mixed >> 32 & 0xFFFF, mixed >> 48
