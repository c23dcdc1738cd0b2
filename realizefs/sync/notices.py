"""What the user of an arena should know though nothing is wrong, as one or more sentences."""

from realizefs.model.limits import MIB
from realizefs.store.txn import Txn
from realizefs.sync.context import Context


def notice(context: Context, txn: Txn) -> str | None:
    """All there is to say; None for nothing."""
    said = [
        _held(context.guard.waiting(txn, 0).count, context.name),
        _read_only() if context.read_only else "",
        _kept(context.store.blobs.excess(txn)),
        context.watching,
        context.ignoring,
    ]
    return " ".join(sentence for sentence in said if sentence) or None


def _held(count: int, name: str) -> str:
    if not count:
        return ""
    return (
        f"{count} files and folders that other machines deleted are still here: say `realizefs "
        f"approve {name}` to delete them here, too, or `realizefs approve {name} --reject` to have "
        "them back everywhere."
    )


def _read_only() -> str:
    return "This machine may only read here: what is changed on it stays on it."


def _kept(excess: int) -> str:
    """What is kept is never evicted; `excess` are the bytes by which it alone is too much."""
    if not excess:
        return ""
    return (
        f"What is kept takes {-(-excess // MIB)} MiB more than the cache may: it stays, and nothing "
        "else is cached; mark less of it keep, or set a larger --cache-max."
    )
