"""The journal as it is written, in the transaction of what it tells, and as it is read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from realizefs.core.telling import Lately, Note, Place, chosen, coarser, gathered
from realizefs.model import paths
from realizefs.model.ids import Inode, PeerId, is_by
from realizefs.model.journal import JOURNAL_TOLD_MAX, Event, What
from realizefs.store.arena import ArenaStore
from realizefs.store.txn import Txn
from realizefs.sync.batch import Batch
from realizefs.sync.links import Links


def write_down(batch: Batch, lately: Lately) -> list[Note]:
    """Put what happened in a batch into the journal; what was told, for `lately` after the commit."""
    events, now_ns = list[Event](), batch.now_ns
    if batch.heard_first is not None and batch.heard_first.count:
        count = batch.heard_first.count
        events.append(Event(now_ns, What.HEARD, batch.heard_first.peer, count=count))
    told = [one for one in batch.happened if not lately.is_again(one, now_ns)]
    if told or batch.came:
        told = gathered(batch.came, told)
        events += coarser(list(_events(batch, told)))
    if events:
        batch.store.journal.append(batch.txn, events)
    return told


def _events(batch: Batch, notes: Sequence[Note]) -> Iterator[Event]:
    known: dict[Inode, bytes | None] = {}

    def folder(ino: Inode) -> bytes | None:
        if ino not in known:
            known[ino] = batch.store.tree.path(batch.txn, ino)
        return known[ino]

    def path(place: Place | None, note: Note) -> bytes | None:
        """Of a place, or of the folder in it where there are several; None if that is gone."""
        above = folder(place[0]) if place is not None else b""
        if above is None or place is None or note.times > 1:
            return above
        return paths.join(above, place[1])

    for note in notes:
        here, old = path(note.place, note), path(note.was, note)
        copy = paths.conflict_of(note.place[1]) if note.what is What.CONFLICT else None
        if copy is not None:
            old = paths.join(folder(note.place[0]) or b"", copy[0])
        if here is not None and max(len(here), len(old or b"")) <= paths.PATH_BYTES_MAX:
            yield Event(
                *(batch.now_ns, note.what, note.author, here, old or b""),
                *(note.version.kind, note.times, note.version.mtime_ns if note.times == 1 else 0),
            )


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events: the `last` ones behind the position `after`, that happened at `since_ns` or later and
    before `until_ns` (None: whenever), at a `path` in the arena, b"" for all, or what was called otherwise then; by `peer`, None for anybody. Looked for `among` so many of
    the latest, None for all: a full journal is read in half a second."""

    path: bytes = b""
    since_ns: int = 0
    until_ns: int | None = None
    peer: PeerId | None = None
    last: int = JOURNAL_TOLD_MAX
    after: int = 0
    among: int | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """An event, and the name of the peer that did it."""

    event: Event
    peer: str


def journal(store: ArenaStore, txn: Txn, links: Links, wanted: Wanted) -> tuple[list[Told], int]:
    """The events that are wanted, the oldest first, and the position behind all that there are."""

    def fits(event: Event) -> bool:
        return (
            event.what is not What.UNKNOWN
            and event.when_ns >= wanted.since_ns
            and (wanted.until_ns is None or event.when_ns < wanted.until_ns)
            and (wanted.peer is None or is_by(event.peer, wanted.peer))
        )

    newest = islice(store.journal.newest(txn, wanted.after), wanted.among)
    found = chosen(newest, wanted.path, min(wanted.last, JOURNAL_TOLD_MAX), fits)
    return [Told(event, links.name(event.peer)) for event in found], store.journal.end(txn)
