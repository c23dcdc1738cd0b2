"""One arena's store: its subsystems, all in the environment they are handed."""

from dataclasses import dataclass

from realizefs.model.cache_limits import CacheLimits
from realizefs.model.ids import ArenaId, Inode
from realizefs.store.attributes import Attributes
from realizefs.store.blobs import Blobs
from realizefs.store.blocks import BlockLists
from realizefs.store.contexts import Contexts
from realizefs.store.cursors import Cursors
from realizefs.store.decisions import Decisions
from realizefs.store.dirty import DirtySet
from realizefs.store.env import Environment
from realizefs.store.holders import Holders
from realizefs.store.inodes import ArenaInodes, InodeAllocator
from realizefs.store.journal import Journal
from realizefs.store.marks import Marks
from realizefs.store.real import RealIndex
from realizefs.store.realfile import Root
from realizefs.store.removals import Removals
from realizefs.store.rules import Rules
from realizefs.store.sought import Sought
from realizefs.store.tree import Tree
from realizefs.store.txn import Txn


@dataclass(frozen=True, slots=True)
class ArenaStore:
    """The subsystems of one arena; any of them can share a transaction of `env`."""

    env: Environment
    tree: Tree
    inodes: ArenaInodes
    real: RealIndex
    holders: Holders
    cursors: Cursors
    contexts: Contexts
    marks: Marks
    rules: Rules
    attributes: Attributes
    decisions: Decisions
    dirty: DirtySet
    removals: Removals
    sought: Sought
    journal: Journal
    blocks: BlockLists
    blobs: Blobs
    root: Root

    def forget(self, txn: Txn, ino: Inode) -> None:
        """Remove every row about an entry that has no child.

        Its blob stays for eviction to remove, no longer protected: files can't go with a commit.
        """
        self.blobs.protect(txn, ino, False)
        self.blobs.follow(txn, ino, None)
        self.real.delete(txn, ino)
        self.holders.forget(txn, ino)
        self.marks.clear(txn, ino)
        self.rules.forget(txn, ino)
        self.attributes.forget(txn, ino)
        self.decisions.clear(txn, ino)
        self.dirty.forget(txn, ino)
        self.removals.drop(txn, ino)
        self.sought.forget(txn, ino)
        self.tree.forget(txn, ino)


def open_arena(
    env: Environment, allocator: InodeAllocator, arena: ArenaId, root: Root, limits: CacheLimits
) -> ArenaStore:
    """The store of an arena in an open environment (ARENA_SCHEMA), its cache within `limits`.

    Blocks for a few commits where the database is new. The caller holds the arena's lock and
    closes `env` and `root`.
    """
    inodes = ArenaInodes(env, allocator, arena)
    tree, rules = Tree(env, inodes), Rules()
    return ArenaStore(
        env=env,
        tree=tree,
        inodes=inodes,
        real=RealIndex(),
        holders=Holders(),
        cursors=Cursors(),
        contexts=Contexts(tree.positions),
        marks=Marks(tree, rules),
        rules=rules,
        attributes=Attributes(),
        decisions=Decisions(tree),
        dirty=DirtySet(tree),
        removals=Removals(),
        sought=Sought(),
        journal=Journal(),
        blocks=BlockLists(),
        blobs=Blobs(env, root.state.blobs_fd, limits),
        root=root,
    )
