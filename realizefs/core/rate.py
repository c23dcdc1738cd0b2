"""How fast a peer has been lately."""

_WEIGHT = 0.25
"""Of the newest answer: four answers forget three quarters of what was."""


class Rate:
    """Bytes per second, an exponentially weighted mean over answers."""

    def __init__(self) -> None:
        self.bytes_per_second = 0.0

    def add(self, count: int, seconds: float) -> None:
        """An answer of `count` bytes took `seconds` from the request on."""
        sample = count / max(seconds, 1e-4)
        if self.bytes_per_second:
            sample = _WEIGHT * sample + (1 - _WEIGHT) * self.bytes_per_second
        self.bytes_per_second = sample
