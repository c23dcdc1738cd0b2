"""How large the window should be: larger or smaller, as long as more is found in the cache.

Where what was used just now is used again soon, a large window is better; where the same is used
for ever, a small one. Which it is changes, so every SAMPLE_USES the share moves a step, and the other
way if the last step made hits rarer (hill climbing, as in "Adaptive Software Cache Management",
Einziger, Eytan, Friedman, Manes).
"""

SHARE_FIRST = 1 / 8
SHARE_MIN = 1 / 32
SHARE_MAX = 4 / 5
"""Parts of the cache; never all of it, or one scan would flush everything."""

SAMPLE_USES = 1_000
"""Uses after which hits are compared: a week or so of a household."""

_STEP = 1 / 16
_STEP_FADES = 0.98
_TURN = 0.05
"""Part of all uses; where hits change by more, the workload is a new one."""


class Share:
    """The window's part of the cache, 0 to 1: `value`."""

    def __init__(self, value: float = SHARE_FIRST) -> None:
        self.value = min(max(value, SHARE_MIN), SHARE_MAX)
        self._step = _STEP
        self._uses = 0
        self._hits = 0
        self._before: float | None = None

    def used(self, *, hit: bool) -> None:
        """Something was used, and was there or not."""
        self._uses += 1
        self._hits += hit
        if self._uses == SAMPLE_USES:
            self._climb(self._hits / self._uses)
            self._uses = self._hits = 0

    def _climb(self, rate: float) -> None:
        before, self._before = self._before, rate
        if before is None:
            return
        if rate < before:
            self._step = -self._step
        if abs(rate - before) > _TURN:
            self._step = _STEP if self._step > 0 else -_STEP
        else:
            self._step *= _STEP_FADES
        wanted = self.value + self._step
        self.value = min(max(wanted, SHARE_MIN), SHARE_MAX)
        if wanted != self.value:
            self._step = -self._step
