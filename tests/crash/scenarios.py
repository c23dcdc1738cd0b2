"""All scenarios by name."""

from tests.crash.caching import CACHING
from tests.crash.mending import MENDING
from tests.crash.moving import MOVING
from tests.crash.scenario import Scenario

SCENARIOS: dict[str, Scenario] = MOVING | CACHING | MENDING
NAMES = sorted(SCENARIOS)
