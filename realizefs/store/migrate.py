"""Bringing what an older program wrote to what this one expects.

Theory of operation. A step turns the tables of one version into those of the next. At opening, all
steps that a database lacks are run in one transaction, together with making new tables and with
the new version number. LMDB writes that to pages that nobody uses and then, last, one page that
says where the tree begins: a crash at any point leaves the whole old schema or the whole new one,
never something between. There is no way back: once it is done an older program refuses the database
(NewerSchema). Who may want that program again has a copy kept before (`store.kept_copy`).

A step names tables as they were called when it was written, so it stays right when `schema` moves
on, and it may read tables that the present schema no longer has. The records in them are read
through `codec.records`, which reads old ones, too: their fields are only ever added.
"""

from collections.abc import Callable, Sequence

from realizefs.codec.records import decode_decision
from realizefs.store.keys import inode_of, pack_pair
from realizefs.store.txn import Txn

Step = Callable[[Txn], None]
"""Turns the tables of version n into those of n + 1; it may name any table."""


def migrate(txn: Txn, steps: Sequence[Step], version: int) -> None:
    """Run the steps that a database of `version` lacks; the first step leads from 1 to 2."""
    for step in steps[version - 1 :]:
        step(txn)


def _give_decisions_their_wake_rows(txn: Txn) -> None:
    """1 → 2: every decision stands in `engine.retry` or in `engine.waiting`."""
    for key, data in txn.scan("engine.decision"):
        decision = decode_decision(data)
        if decision.wait_for_peer:
            txn.put("engine.waiting", key, b"")
        else:
            txn.put("engine.retry", pack_pair(decision.retry_at_ns, inode_of(key)), b"")


def _let_rows_be_written_shorter(_txn: Txn) -> None:
    """2 → 3: entries, real files and holders are written in another way, which an older program
    can't read. The old way is still read, so a million rows needn't be written at a start; a row
    gets its new form when it changes."""


GLOBAL_STEPS: tuple[Step, ...] = ()
ARENA_STEPS: tuple[Step, ...] = (_give_decisions_their_wake_rows, _let_rows_be_written_shorter)
