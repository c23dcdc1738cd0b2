"""The global parts of a daemon: identity, global database, roster, household."""

from collections.abc import Callable
from dataclasses import dataclass

from realizefs.daemon.clock import SystemClock
from realizefs.daemon.home import Home
from realizefs.model.ids import ArenaId
from realizefs.model.upgrade import Upgrade
from realizefs.net.channel import WireCounters
from realizefs.net.identity import Identity, load_or_create_identity
from realizefs.store.env import Environment
from realizefs.store.inodes import InodeAllocator
from realizefs.store.peers import Invitations
from realizefs.store.peers import Roster as StoredRoster
from realizefs.store.schema import GLOBAL_SCHEMA
from realizefs.sync.background import Background
from realizefs.sync.household import Household
from realizefs.sync.joining import Doorman
from realizefs.sync.roster import Roster


@dataclass(slots=True)
class Parts:
    """What exists once in a process; opened by the composition root, closed last."""

    identity: Identity
    env: Environment
    allocator: InodeAllocator
    invitations: Invitations
    roster: Roster
    household: Household
    clock: SystemClock
    background: Background
    upgrade: Upgrade = Upgrade.MIGRATE
    """what is done with an older program's databases"""

    def close(self) -> None:
        """Close the global database."""
        self.env.close()


def open_parts(
    home: Home,
    name: str,
    arena_name: Callable[[ArenaId], str | None],
    upgrade: Upgrade = Upgrade.MIGRATE,
) -> Parts:
    """Open what `home` has, making what is missing; blocking. `arena_name` names the arenas that
    an invitation may open."""
    identity = load_or_create_identity(home.identity, name)
    clock = SystemClock()
    env = Environment(home.state, GLOBAL_SCHEMA, upgrade=upgrade)
    try:
        invitations = Invitations()
        roster = Roster(env, StoredRoster(), identity, name, clock)
        doorman = Doorman(env, invitations, roster, clock, arena_name)
        household = Household(identity, roster, doorman, WireCounters(), clock)
    except BaseException:
        env.close()
        raise
    return Parts(
        identity,
        env,
        InodeAllocator(env),
        invitations,
        roster,
        household,
        clock,
        Background(clock),
        upgrade,
    )
