"""How fast a peer, or a line, has been lately."""

_FADES = 0.75
"""What is left of the past with each sample: four samples forget two thirds of what was."""


class Rate:
    """Bytes per second, 0.0 before the first sample.

    Bytes and seconds fade apart, and are divided only then: many answers that come in one burst
    after a wait don't look faster than they are, and an hour without an answer counts as such.
    """

    def __init__(self) -> None:
        self.bytes_per_second = 0.0
        self._bytes = 0.0
        self._seconds = 0.0

    def add(self, count: int, seconds: float) -> None:
        """`count` bytes more took `seconds`."""
        self._bytes = self._bytes * _FADES + count
        self._seconds = self._seconds * _FADES + seconds
        # Who brought nothing is slow, and not unknown.
        self.bytes_per_second = max(self._bytes, 1.0) / max(self._seconds, 1e-4)
