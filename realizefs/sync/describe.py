"""Why a path is as it is: what `info`, the xattrs and `status` show."""

from dataclasses import dataclass

from realizefs.core.decide import Situation, decide
from realizefs.core.foresee import Outcome, foresee
from realizefs.core.ignore import IGNORE_NAME, Reason, are_patterns
from realizefs.model.blobs import BlobRow
from realizefs.model.decisions import Action, Decision
from realizefs.model.entries import Entry
from realizefs.model.ids import NO_DIGEST, Digest
from realizefs.model.marks import Mark
from realizefs.model.paths import join, show
from realizefs.model.ranges import Ranges
from realizefs.model.versions import Held, Kind
from realizefs.store.ignorefile import judge_of
from realizefs.store.marks import Marked
from realizefs.store.txn import Txn
from realizefs.sync.background import said
from realizefs.sync.context import Context
from realizefs.sync.engine import situation
from realizefs.sync.look import kind_of
from realizefs.sync.marking import native_mark

ACTION_NAMES = {
    Action.REALIZE: "Realize",
    Action.UNREALIZE: "Unrealize",
    Action.UPDATE_CACHE: "UpdateCache",
}
HELD_NAMES = {Held.OWN: "own", Held.CACHED: "cached"}


@dataclass(frozen=True, slots=True)
class Description:
    """Everything about one path. `mark_from` is the path that the mark was set on; None where
    it is the arena's default, or by a `rule`, as people read it. `size` in bytes, `hash` of the content or b"". `version` maps peer names to
    counters. `holders` pairs of peer name and "own" or "cached", other peers only. Not `shared`: it
    stays on this machine.
    """

    path: bytes
    kind: str
    mark: Mark
    mark_from: bytes | None
    rule: str | None
    explicit_mark: Mark | None
    status: str
    hash: Digest
    size: int
    holders: tuple[tuple[str, str], ...]
    version: dict[str, int]
    decision: str | None
    why: str
    shared: bool = True


def describe(context: Context, txn: Txn, entry: Entry) -> Description:
    """The description of an indexed entry."""
    store = context.store
    marked = context.names.marked(txn, entry, context.default_mark)
    source = marked.source
    at = situation(context, txn, entry)
    wanted = decide(at) if entry.ino != store.tree.root else None
    held = holders(context, txn, entry)
    status = status_of(context, txn, entry)
    return Description(
        path=context.names.path(txn, entry.ino) or b"",
        kind=entry.version.kind.name.lower(),
        mark=marked.mark,
        mark_from=context.names.path(txn, source) if source is not None else None,
        rule=_rule(context, txn, entry, marked),
        explicit_mark=store.marks.get(txn, entry.ino),
        status=status,
        hash=entry.version.hash,
        size=entry.version.size,
        holders=held,
        version={context.links.name(peer): count for peer, count in entry.version.vector},
        decision=ACTION_NAMES[wanted] if wanted is not None else None,
        why=_why(context, txn, entry, at, wanted),
    )


def describe_native(context: Context, path: bytes) -> Description:
    """Of something in the root that isn't indexed: made just now, or never shared."""
    found = context.store.root.lstat(path)
    kind = kind_of(found.st_mode)
    mark = native_mark(context.store.root, path)
    ignored = judge_of(context.store.root).reason(path, is_directory=kind is Kind.DIRECTORY)
    return Description(
        path=path,
        kind=kind.name.lower() if kind is not None else "local",
        mark=mark or context.default_mark,
        mark_from=path if mark is not None else None,
        rule=None,
        explicit_mark=mark,
        status="modified" if kind is not None and ignored is None else "real",
        hash=NO_DIGEST,
        size=found.st_size,
        holders=(),
        version={},
        decision=None,
        why=_why_native(kind, ignored),
        shared=kind is not None and ignored is None,
    )


def _rule(context: Context, txn: Txn, entry: Entry, marked: Marked) -> str | None:
    rule = marked.rule
    if rule is None:
        ours = marked.source != entry.ino and are_patterns(entry.name, entry.version)
        return f"each {IGNORE_NAME.decode()} is a plain file" if ours else None
    below = context.names.path(txn, rule.below)
    where = f", in {show(below)}" if below else ""
    return f"rule {rule.number}: {rule.said()}{where}"


def _why_native(kind: Kind | None, ignored: Reason | None) -> str:
    if kind is None:
        return "Its kind (fifo, socket or device) stays on this machine."
    if ignored is None:
        return "It was changed here just now and isn't indexed yet."
    where = show(join(ignored.directory, IGNORE_NAME))
    return (
        f'It is never shared: "{ignored.pattern.text}" in line {ignored.pattern.line} of "{where}" '
        "says so; it stays on this machine."
    )


def holders(context: Context, txn: Txn, entry: Entry) -> tuple[tuple[str, str], ...]:
    """Other peers that hold the current version, by name."""
    found = [
        (context.links.name(holder.peer), HELD_NAMES[holder.held])
        for holder in context.store.holders.having(txn, entry.ino, entry.version.hash)
    ]
    return tuple(sorted(found))


def status_of(context: Context, txn: Txn, entry: Entry) -> str:
    """One of the words of DESIGN 3.3."""
    store = context.store
    path = context.names.path(txn, entry.ino) or b""
    native = _native_status(context, txn, entry, path)
    if native is not None:
        return native
    version = entry.version
    if version.kind is not Kind.FILE or not version.size:
        return "cached"  # all there is to it is in the index
    row = store.blobs.find(txn, entry.ino)
    if row is not None and row.hash == version.hash and row.verified:
        return "cached"
    here = ranges_here(context, row, entry).total()
    if here == version.size:
        return "cached"
    if here:
        return f"partial {100 * here // version.size}%"
    return "remote" if holders(context, txn, entry) else "unavailable"


def ranges_here(context: Context, row: BlobRow | None, entry: Entry) -> Ranges:
    """What is here at this moment; the row knows what was at the last flush."""
    digest = entry.version.hash
    here = context.arriving(entry.ino, digest)
    blob = context.store.blobs.opened(entry.ino, digest)
    if blob is None:
        return here.union(row.ranges) if row is not None and row.hash == digest else here
    try:
        return here.union(blob.ranges)
    finally:
        blob.close()


def _native_status(context: Context, txn: Txn, entry: Entry, path: bytes) -> str | None:
    """real, modified, or None where there is no native file."""
    try:
        found = context.store.root.fingerprint(path)
    except OSError:
        return None
    if entry.version.kind is Kind.DIRECTORY:
        return "real"
    real = context.store.real.get(txn, entry.ino)
    return "real" if real is not None and real.fingerprint == found else "modified"


def _why(context: Context, txn: Txn, entry: Entry, at: Situation, wanted: Action | None) -> str:
    mark = at.mark
    stored = context.store.decisions.get(txn, entry.ino)
    if wanted is not None:
        return _why_wanted(mark, wanted) + (
            _put_off(context, at) or _trouble(stored, holders(context, txn, entry))
        )
    if context.completing(entry.ino, entry.version.hash):
        return "A program waits to write to it; all of its content is being fetched first."
    if context.store.real.get(txn, entry.ino) is not None:
        if mark is Mark.OWN or entry.version.kind is Kind.DIRECTORY:
            return f"It is a real file here, as the mark {mark.value} asks."
        copies = context.min_copies
        few = "no other peer is" if copies == 1 else f"fewer than {copies} other peers are"
        return f"It is a real file here because {few} known to own this version."
    if mark is Mark.KEEP:
        return "It is complete in the cache and kept there, as the mark keep asks."
    if mark is Mark.OWN:
        return "It is about to become a real file here."
    return "It is shown here; what is read is kept in the cache, as the mark watch asks."


def _why_wanted(mark: Mark, wanted: Action) -> str:
    if wanted is Action.REALIZE:
        return f"The mark {mark.value} asks for a real file of the current version here."
    if wanted is Action.UPDATE_CACHE:
        return "The mark keep asks for the complete current version in the cache."
    return f"The mark {mark.value} asks for no real file here, and another peer owns it."


def _put_off(context: Context, at: Situation) -> str:
    """Where nothing may be fetched now that nobody waits for."""
    wait = context.wait()
    fetches = foresee(at, at.mark, is_kept=False) in (Outcome.REAL_FETCHED, Outcome.CACHED)
    return f" It waits because {said(wait)}." if wait is not None and fetches else ""


def _trouble(stored: Decision | None, held: tuple[tuple[str, str], ...]) -> str:
    if stored is None:
        return ""
    if stored.wait_for_peer:
        names = ", ".join(name for name, _ in held) or "nobody is known to"
        return f" It waits for a peer that has it ({names}) to connect."
    if not stored.error:
        return ""
    return f" The last of {stored.attempts} tries failed and it will be tried again: {stored.error}"
