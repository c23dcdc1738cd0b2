"""Telling the index at once of directories that we make natively for what is to be in them."""

from contextlib import suppress

from realizefs.model.entries import Entry
from realizefs.model.errors import StoreFault
from realizefs.sync.context import Context
from realizefs.sync.our_doing import record_made


def note_made(context: Context, path: bytes, entry: Entry | None) -> None:
    """One was just made at `path`, as `entry` was before, None if that was nothing. Not waited for:
    the scanner looks at it in any case, so that it goes when nothing is in it any more. Trio
    thread."""
    context.on_touched(path)
    seen = context.store.root.fingerprint_if_any(path) if entry is not None else None
    if entry is None or seen is None:
        return
    made, there = entry, seen
    # No await up to here: whoever renames it does so later, and is queued behind this.
    with suppress(StoreFault):  # all ends: the scan at the next start finds it
        context.queue(
            lambda batch: record_made(batch, path, made, there),
            lambda txn: 0,
            lambda error: None,  # a full disk: the scanner goes on trying
            patient=True,
        )
