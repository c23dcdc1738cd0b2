"""What the user of an arena should know though nothing is wrong: sentences, and what to do about it."""

from collections.abc import Sequence
from dataclasses import dataclass

from realizefs.model.limits import MIB
from realizefs.store.txn import Txn
from realizefs.sync.context import Context


@dataclass(frozen=True, slots=True)
class Notice:
    """`what` is a word for programs; `remedy` is what to say on a command line, a sentence; "" for none."""

    what: str
    sentence: str
    remedy: str = ""


def notices(context: Context, txn: Txn) -> list[Notice]:
    """All there is to say."""
    held, excess = context.guard.waiting(txn, 0).count, context.store.blobs.excess(txn)
    found = [_held(held, context.name)] if held else []
    if not context.scanned.is_set():
        found.append(_scanning(context.store.tree.counts(txn).files))
    if context.read_only:
        found.append(Notice("read_only", _READ_ONLY))
    if excess:
        found.append(_kept(excess))
    if context.watching:
        found.append(Notice("watching", context.watching))
    if context.ignoring:
        found.append(Notice("ignoring", context.ignoring))
    return found


def said(found: Sequence[Notice]) -> str | None:
    """As one text; None for nothing."""
    sentences = (each for one in found for each in (one.sentence, one.remedy) if each)
    return " ".join(sentences) or None


_READ_ONLY = "This machine may only read here: what is changed on it stays on it."


def _scanning(files: int) -> Notice:
    return Notice(
        "scanning",
        f"Its root is still being looked through, as at each start; {files:,} files are known so far.",
    )


def _held(count: int, name: str) -> Notice:
    return Notice(
        "held",
        f"{count} files and folders that other machines deleted are still here.",
        f"Say `realizefs approve {name}` to delete them here, too, or `realizefs approve {name} "
        "--reject` to have them back everywhere.",
    )


def _kept(excess: int) -> Notice:
    """What is kept is never evicted; `excess` are the bytes by which it alone is too much."""
    return Notice(
        "kept",
        f"What is kept takes {-(-excess // MIB)} MiB more than the cache may: it stays, and nothing "
        "else is cached; mark less of it keep, or set a larger --cache-max.",
    )
