"""The engine: dirty paths in, stored decisions out (DESIGN 5.4).

Pages of dirty inodes are looked at in one transaction, so what a decision was made from and the
decision itself are of one moment. A decision that is still wanted keeps its history of failures.
"""

from dataclasses import replace

from realizefs.core.decide import Situation, decide
from realizefs.model.decisions import NEVER_NS, Action, Decision, LocalBlob
from realizefs.model.entries import Entry
from realizefs.model.ids import Inode
from realizefs.model.marks import Mark
from realizefs.model.versions import Kind
from realizefs.store.txn import Txn
from realizefs.sync.batch import Batch
from realizefs.sync.context import Context
from realizefs.sync.our_doing import note_left
from realizefs.sync.safety import owners

PAGE = 500
"""Inodes decided in one transaction: about 50 ms."""


def situation(context: Context, txn: Txn, entry: Entry) -> Situation:
    """Everything that the decision about an entry depends on."""
    store = context.store
    row = store.blobs.find(txn, entry.ino)
    return Situation(
        mark=context.marked(txn, entry).mark,
        current=entry.version,
        real=store.real.get(txn, entry.ino),
        blob=LocalBlob(row.hash, row.verified) if row is not None else None,
        owners=owners(txn, store, entry.ino, entry.version.hash),
        min_copies=context.min_copies,
    )


def is_wanted(context: Context, txn: Txn, ino: Inode, action: Action) -> bool:
    """Whether the same would be decided at this moment."""
    entry = context.store.tree.entry(txn, ino)
    return entry is not None and decide(situation(context, txn, entry)) is action


async def decide_page(context: Context) -> list[Inode] | None:
    """Decide a page of dirty inodes; those with something to do; None if nothing was dirty."""
    store = context.store
    with store.env.read() as txn:
        idle = not store.dirty.any(txn)
    if idle:
        return None

    def work(batch: Batch) -> list[Inode]:
        store.dirty.expand(batch.txn, PAGE)
        todo: list[Inode] = []
        for ino, counter in store.dirty.take(batch.txn, PAGE):
            if _decide_one(context, batch, ino):
                todo.append(ino)
            store.dirty.clear(batch.txn, ino, counter)
        context.guard.judge(batch.txn)
        return todo

    return await context.writer.do(lambda txn: work(context.batch(txn)))


def _decide_one(context: Context, batch: Batch, ino: Inode) -> bool:
    """Store, keep or delete the decision about one inode; whether there is one now that may be carried
    out some time, unasked."""
    store, txn = context.store, batch.txn
    entry = store.tree.entry(txn, ino)
    if entry is None or ino == store.tree.root:
        _drop(batch, ino)
        return False
    if store.rules.any(txn):
        store.rules.ask_again(txn, ino, context.marked(txn, entry).again_ns)
    at = situation(context, txn, entry)
    protect = at.mark is not Mark.WATCH or _is_last_copy(at)
    row = store.blobs.find(txn, ino)
    if row is not None and row.protected != protect:
        store.blobs.protect(txn, ino, protect)
    known, action = store.decisions.get(txn, ino), decide(at)
    unwanted = known is not None and known.action is Action.UNREALIZE is not action
    if unwanted and context.running.get(ino) is Action.UNREALIZE:
        # After a crash in this moment it is to count as taken away by us; its job ends, and sees.
        return False
    if unwanted and note_left(batch, ino):
        at = situation(context, txn, entry)
        action = decide(at)
    due_ns = context.guard.decided(txn, entry, at, me=context.me)
    if action is None:
        _drop(batch, ino)
        return False
    _note_leaving(batch, ino, known, action)
    if known is None or (known.action, known.hash) != (action, entry.version.hash):
        store.decisions.set(txn, ino, Decision(action, entry.version.hash, retry_at_ns=due_ns))
    elif known.wait_for_peer:  # something changed, perhaps who holds it: try once more
        store.decisions.set(txn, ino, replace(known, wait_for_peer=False, retry_at_ns=0))
    elif known.attempts and due_ns != NEVER_NS and _is_left_empty(batch, entry):
        store.decisions.set(txn, ino, replace(known, attempts=0, retry_at_ns=due_ns))
    return due_ns != NEVER_NS  # else its job looks when it is due


def _is_left_empty(batch: Batch, entry: Entry) -> bool:
    """Whether it is a folder that is to be removed, and nothing that is known is in it any more: then
    that isn't put off any longer."""
    store, txn = batch.store, batch.txn
    if not entry.version.deleted or entry.version.kind is not Kind.DIRECTORY:
        return False
    return not any(store.real.has(txn, child.ino) for child in store.tree.children(txn, entry.ino))


def _drop(batch: Batch, ino: Inode) -> None:
    batch.store.decisions.clear(batch.txn, ino)
    batch.to_leave.dropped(ino)


def _note_leaving(batch: Batch, ino: Inode, known: Decision | None, action: Action) -> None:
    if action is not Action.UNREALIZE:
        batch.to_leave.dropped(ino)
    elif known is None or known.action is not Action.UNREALIZE:
        batch.to_leave.decided(ino)


def _is_last_copy(at: Situation) -> bool:
    """Whether nobody is known to own what the cache has: it is kept as if it were marked so (R1)."""
    whole = at.blob is not None and at.blob.complete and at.blob.hash == at.current.hash
    return whole and not at.owners and not at.current.deleted
