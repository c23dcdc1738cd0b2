"""A check of one arena, and of the home, put together from their rules."""

from collections.abc import Callable
from dataclasses import dataclass

from realizefs.model.findings import Report
from realizefs.model.ids import ArenaId, PeerId
from realizefs.store.arena import ArenaStore
from realizefs.store.blobdir import BlobDirectory
from realizefs.store.check import Means, Rule, SlowRule, check
from realizefs.store.check_blobs import BlobRules
from realizefs.store.check_deep import DeepRules
from realizefs.store.check_home import HomeRules
from realizefs.store.check_inodes import InodeRules
from realizefs.store.check_root import DIFFERING_MAX, RootRules
from realizefs.store.check_rows import RowRules
from realizefs.store.check_totals import TotalRules
from realizefs.store.check_tree import TreeRules
from realizefs.store.inodes import InodeAllocator
from realizefs.store.queues import BlobRows
from realizefs.store.repair_blobs import BlobRepair
from realizefs.store.repair_deep import DeepRepair
from realizefs.store.repair_tree import TreeRepair


@dataclass(frozen=True, slots=True)
class Household:
    """What a check must know beyond the arena: who we are, how peers are called, the ranges."""

    me: PeerId
    peer_name: Callable[[PeerId], str]
    allocator: InodeAllocator
    arena: ArenaId


def check_arena(
    report: Report,
    store: ArenaStore,
    household: Household,
    means: Means,
    *,
    deep: bool = False,
    root: RootRules | None = None,
) -> Report:
    """The report on one arena, which may be read meanwhile, too; blocking. `root` says who looks after
    the real files."""
    root = root or RootRules(store)
    inodes = InodeRules(store, household.allocator, household.arena)
    rules = [*inodes.rules(), *database_rules(store, household.me, means), *root.rules()]
    contents: list[SlowRule] = []
    if deep:
        files = BlobDirectory(store.root.state.blobs_fd)
        repair = DeepRepair(store, means, BlobRows(), files)
        contents = DeepRules(store, repair, household.peer_name, means.checkpoint).rules()
    check(means, rules, contents, report)
    if root.differing:
        report.notes.append(_differing(len(root.differing)))
    return report


def database_rules(store: ArenaStore, me: PeerId, means: Means) -> list[Rule]:
    """What must be so of an arena's database and its blobs, whatever is in the root."""
    files = BlobDirectory(store.root.state.blobs_fd)
    repair = BlobRepair(store, means.commit, means.checkpoint, BlobRows(), files)
    return [
        *TotalRules().rules(),
        *TreeRules(store, TreeRepair(store, me)).rules(),
        *RowRules(store).rules(),
        *BlobRules(store, repair).rules(),
    ]


def check_home(means: Means) -> Report:
    """The report on the home's own database; blocking."""
    report = Report("")
    check(means, HomeRules().rules(), [], report)
    return report


def _differing(count: int) -> str:
    """Two forms, since it is read by people."""
    if count == 1:
        return "One file differs from what was indexed, and is indexed at the next start."
    more = "or more " if count == DIFFERING_MAX else ""
    return f"{count} {more}files differ from what was indexed, and are indexed at the next start."
