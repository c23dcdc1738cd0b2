"""What happens in one run, as data: made from a seed, repeated exactly, and cut down if it fails."""

from dataclasses import dataclass
from random import Random

PEERS = (3, 6)
DEEDS = (10, 40)

KINDS = {
    "write": 22,
    "write by a program": 6,
    "touch": 4,
    "remove": 8,
    "remove by a program": 3,
    "remove all": 2,
    "rename": 8,
    "rename by a program": 3,
    "make directory": 3,
    "move directory": 4,
    "mark": 10,
    "evict": 3,
    "read": 5,
    "crash": 5,
    "start": 6,
    "cut": 6,
    "heal": 6,
    "faults": 3,
    "back up": 2,
    "restore": 1,
    "lose the database": 1,
}
"""Each kind of deed, and how often it comes."""

EXCHANGING_FROM = 100_000
"""The first seed of plans in which names are exchanged: those below stay as they were when they
found something."""

FORGETTING_FROM = 200_000
"""The first seed of plans in which tombstones are forgotten soon."""

EXCHANGING = {**KINDS, "exchange": 8, "exchange directories": 6}

RESTORING_FROM = 300_000
"""The first seed of plans in which, besides, databases are often lost and replaced by older copies."""

RESTORING = {
    **EXCHANGING,
    "remove": 20,
    "cut": 12,
    "heal": 12,
    "back up": 8,
    "restore": 6,
    "lose the database": 2,
}

UNMARKING = {
    "write": 20,
    "unmark everywhere": 25,
    "mark": 8,
    "remove": 2,
    "crash": 10,
    "start": 14,
    "cut": 10,
    "heal": 12,
    "faults": 4,
}
"""Of households of owners who let go of the same files at the same instant."""


@dataclass(frozen=True, slots=True)
class Deed:
    """After `wait` seconds something of this `kind` at replica `where`; `pick` and `other` choose
    among what is there at that moment."""

    wait: float
    kind: str
    where: int
    pick: int
    other: int


@dataclass(frozen=True, slots=True)
class Plan:
    """`marks` are the default marks of the replicas, `skews` their clocks' errors in seconds.
    `min_copies` of all; `watched` if the rules of every moment are looked at before each effect.
    """

    seed: int
    marks: tuple[str, ...]
    skews: tuple[float, ...]
    mesh: bool
    deeds: tuple[Deed, ...]
    min_copies: int = 1
    watched: bool = False

    @property
    def forgets(self) -> bool:
        """Whether tombstones are forgotten within the run."""
        return self.seed >= FORGETTING_FROM


def make(seed: int) -> Plan:
    """The plan of a seed."""
    chance = Random(seed)
    kinds = KINDS if seed < EXCHANGING_FROM else EXCHANGING
    kinds = kinds if seed < RESTORING_FROM else RESTORING
    peers = chance.randint(*PEERS)
    marks = ["own", *(chance.choice(["own", "own", "keep", "watch"]) for _ in range(peers - 1))]
    skewed = chance.random() < 0.3
    skews = [chance.uniform(-1e8, 1e8) if skewed else 0.0 for _ in range(peers)]
    deeds = _deeds(chance, kinds, peers)
    return Plan(seed, tuple(marks), tuple(skews), chance.random() < 0.6, tuple(deeds))


def make_unmarking(seed: int) -> Plan:
    """Two to five owners, of which each may give a file up once one or two others own it."""
    chance = Random(seed)
    peers = chance.randint(2, 5)
    deeds = _deeds(chance, UNMARKING, peers)
    copies = chance.choice([1, 2])
    return Plan(
        *(seed, ("own",) * peers, (0.0,) * peers, True, tuple(deeds)),
        min_copies=copies,
        watched=True,
    )


def _deeds(chance: Random, kinds: dict[str, int], peers: int) -> list[Deed]:
    names, weights = list(kinds), list(kinds.values())
    hasty = chance.choice([0.02, 0.3, 2.0])
    return [
        Deed(
            wait=chance.expovariate(1 / hasty),
            kind=chance.choices(names, weights)[0],
            where=chance.randrange(peers),
            pick=chance.randrange(1 << 16),
            other=chance.randrange(1 << 16),
        )
        for _ in range(chance.randint(*DEEDS))
    ]
