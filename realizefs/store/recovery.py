"""After a crash: what a step that was under way left, finished or undone."""

from dataclasses import replace

from realizefs.model.ids import BlobId
from realizefs.store.blobdir import BlobDirectory
from realizefs.store.queues import BlobRows, Step
from realizefs.store.txn import Txn


def recover_blob(txn: Txn, rows: BlobRows, files: BlobDirectory, blob: BlobId, step: Step) -> None:
    """Make row and file of one unfinished blob agree: both there, or neither."""
    row = rows.get(txn, blob)
    if row is not None and _remains(files, blob, step):
        if step is Step.WRITING:
            files.make(blob, row.size)  # the crash may have come before it had its size
        rows.put(txn, replace(row, usage=files.usage(blob)))
        rows.set_step(txn, blob, None)
        return
    files.remove(blob)
    rows.set_step(txn, blob, None)
    if row is not None:
        rows.delete(txn, row)


def _remains(files: BlobDirectory, blob: BlobId, step: Step) -> bool:
    """GOING: no. TAKING: unless it was published, when its other name is in the root."""
    stat = files.stat(blob)
    if stat is None or step is Step.GOING:
        return False
    return not (step is Step.TAKING and stat.st_nlink > 1)
