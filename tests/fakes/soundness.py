"""Every test that opened an arena's store ends in the checker (DESIGN 8)."""

from realizefs.model.findings import Report
from realizefs.model.ids import PeerId
from realizefs.store.arena import ArenaStore
from realizefs.store.check import Means, check, kept_in
from realizefs.store.check_arena import database_rules

_ME = PeerId(7)


def assert_sound(store: ArenaStore) -> None:
    """All that must be so of a database and its blobs is so; nothing is repaired."""
    means = Means(store.env, kept_in(store.env))
    report = Report("arena")
    check(means, database_rules(store, _ME, means), [], report)
    told = [finding.sentence for finding in report.findings]
    assert told == [], f"the test leaves a damaged store: {told}"
