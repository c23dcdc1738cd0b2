"""Every table of both databases: its key, its value, sentinels, and what always holds.

Numbers in keys are unsigned 64 bit, big-endian (`store.keys`). "Record" is a packed capnp struct
of capnp/records.capnp (`codec.records`), "index record" what `codec.index_records` makes of values
that there are as many of as files; fixed structs are in the file that owns the table. A name's
prefix is its owner. Rows that name an inode may outlive its entry for the length of a
transaction only: whoever forgets an entry uses `ArenaStore.forget`.

A change that an older program would misread brings a step in `store.migrate`, and so a version.
"""

from dataclasses import dataclass

from realizefs.store.migrate import ARENA_STEPS, GLOBAL_STEPS, Step


@dataclass(frozen=True, slots=True)
class Schema:
    """The tables of one kind of database; `what` is its name in sentences.

    `steps` lead from version 1 to the present one, so their number says which that is.
    """

    name: str
    what: str
    tables: tuple[str, ...]
    steps: tuple[Step, ...] = ()

    @property
    def version(self) -> int:
        """What is written into a database of this schema."""
        return 1 + len(self.steps)


SCHEMA = "schema"
"""b"name" → the kind of database, b"version" → its schema version (u64). Written in the
transaction that makes the tables; a database without it is new."""

# -- global ----------------------------------------------------------------------------------

INODE_RANGE = "cache.inode_range"
"""Last inode of a range → arena id (16 bytes). A range begins after the one before it ends, the
first at 2. Ranges are never removed or changed, so inodes are unique over all arenas for ever, and
the first row at or after an inode names its arena. Written before an arena hears of its range: one
may be given out and forgotten, and is found again by asking (DESIGN 7.1)."""

PEER = "cache.peer"
"""Peer id → PeerCard record: the roster. At most PEERS_MAX members, and REMOVED_MAX that were removed,
of which some are known by their id only: no certificate. The row of this machine itself says what
it may do, and nothing else."""

INVITATION = "cache.invitation"
"""SHA-256 of the secret → Invitation record. Removed when used; at most INVITATIONS_MAX rows, of
which expired ones mean nothing."""

GLOBAL_SCHEMA = Schema("global", "a home", (INODE_RANGE, PEER, INVITATION), GLOBAL_STEPS)

# -- one arena -------------------------------------------------------------------------------

ENTRY = "acache.entry"
"""Inode → Entry, an index record. The arena's root has parent 0, no name and seq 0, and is made with the
database. Another entry with parent 0 lost its name to another inode within this transaction and
waits for `Tree.move`. Tombstones are entries, too. Every other entry has its dirent and its row of
history, and its ancestors have theirs."""

DIRENT = "acache.dirent"
"""Parent inode, name (1 to 255 bytes) → fixed struct: inode, kind, deleted, mode, size, mtime.
What it repeats of the entry always agrees with it: a listing is one scan of a prefix."""

HOLDER = "acache.holder"
"""Inode, peer → fixed struct: held, digest. What a peer said that it holds of a path; a peer that
holds nothing has no row. The digest may be that of a version we don't know yet; where it is the
entry's it isn't written, and a bit says so, which is looked after when the entry changes."""

INODE_POOL = "acache.inode_pool"
"""b"range" → (next inode, last inode) of the current range. Inodes below the next one may be in
use, or lost in a crash; they are never given out again. Absent: no range yet."""

CURSOR = "acache.cursor"
"""A peer and b"<" → (replica, seq): how far we have applied that peer's history. A peer and b">" →
(our replica, seq): how far that peer has ours. A peer and b"?" → (replica, seq): how far we have
heard that peer while it was read-only, and so what it holds but not what it says of changes. A peer
and b"=" → (our replica, seq): where ours was when we first heard of the database that it has now.
Absent: nothing. And b"!" → what the peer has said that it has seen and carried out: pairs of author and
count, u64 each (`store.contexts`)."""

HISTORY = "index.history"
"""Seq → inode. One row an entry: a change removes the entry's older row. So it isn't longer than
the index and needs no trimming."""

REAL = "index.real"
"""Inode → RealRow, an index record: the native file of that entry as it was last indexed. Absent: unreal."""

META = "index.meta"
"""b"replica" → 16 bytes, b"root" → inode of the arena's root, b"number" → 2 bytes by chance, with
which a peer is an author (`ids.author_of`; absent in databases of before: the peer's own): made with
the database. b"gaps" → pairs of u64, the latest gaps in the history (`store.positions`). b"seen" → pairs of
author and count, what was seen of others' changes (`store.contexts`), b"former" → of ours with a
database of before, b"confirmed" → of our own (u64). Numbers (u64,
absent: 0): b"seq", the last seq given out, which grows even where history rows are forgotten;
b"journal", how many bytes of rows journal.event has ever had; b"files", b"directories", b"symlinks", how many dirents of that kind are alive, and b"bytes", the
sum of sizes of those files; b"real", the sum of sizes of regular files over index.real."""

JOURNAL = "journal.event"
"""How many bytes of rows there were before this one → Event record: what happened, the oldest first. Rows
are only appended, and the oldest leave, so that there are JOURNAL_BYTES_MAX bytes and a little. META has
where the next one comes. Pure memory: nothing is decided by it, and an older program does without."""

MARK = "mark.mark"
"""Inode → b"own", b"keep" or b"watch". Absent: inherited. Marks follow a local rename."""

RULE = "mark.rule"
"""b"rules" → Rules record: all of them, in the order in which they were made. Absent: there were none. The
directory that one is for may be gone; then it counts for nothing."""

AGE = "mark.age"
"""Inode → wall-clock time in nanoseconds from which its age fits other rules; it is decided anew then.
Absent: never. Each row has one in the next table."""

AGING = "mark.aging"
"""That time, inode → nothing: what is due is the beginning of the table."""

ATTRIBUTE = "mark.attribute"
"""Inode, name → value: `user.*` attributes that the user has set on what is unreal, of at most
ATTRIBUTE_BYTES_MAX an inode. Of real files they mean nothing (see `store.attributes`)."""

DECISION = "engine.decision"
"""Inode → Decision record. Absent: nothing is wanted. Each has one row in one of the two tables
below, written with it. By inode, not by path: a directory that is renamed takes the decisions
below it along without a row changing (10,000 of them by path: 10,000 rows to delete and to
insert), and a key has 8 bytes where a path has 50."""

RETRY = "engine.retry"
"""Wall-clock time in nanoseconds, inode → nothing. When a decision is to be carried out (again);
0: at once. What is due is the beginning of the table."""

WAITING = "engine.waiting"
"""Inode → nothing. Decisions that nothing helps but a peer that connects."""

DIRTY = "engine.dirty"
"""Inode → counter. To be decided again. The counter is from one sequence for all, so that a row
marked again while it was being decided is told from the one that was taken."""

SUBTREE = "engine.subtree"
"""Directory inode → the last name below it that was marked dirty, b"" for none yet. Directories
whose children are still to be marked; a directory found on the way gets a row of its own."""

REMOVAL = "engine.removal"
"""Inode → nothing, or b"d" for a folder. Real files and folders that a peer deleted and that are still
here, as far as the engine has decided about them."""

SOUGHT = "engine.sought"
"""Inode → digest. Files whose author hasn't got them: they are to be looked for among the real files
here, which may have that content under another name (`sync.homeless`)."""

ENGINE_META = "engine.meta"
"""b"dirty" → the last counter of engine.dirty. b"guarding" → what is done with engine.removal (u64,
`core.guard.Guarding`), b"wave" → what was removed of late (3 u64), b"forgiven" → how many rows of
engine.removal somebody has approved already (u64), b"folders" → how many rows of it are folders'
(u64). Absent: 0."""

BLOB_ROW = "blob.row"
"""Blob id → BlobRow record. Made before its file and removed after it: a row without a file has no
bytes, a file without a row is an orphan."""

BLOB_OF = "blob.of"
"""Inode → id of the blob that was last made for the entry. It is outdated once the entry has another
content, and found here until there is a blob of that: who has the old version open reads on."""

BLOB_LRU = "blob.lru"
"""Queue (1 byte: 0 pending removal, 1 main, 2 protected, 3 window), stamp → blob id, least recently
used first. Each blob stands once in one of them, where its row says."""

BLOB_BUSY = "blob.busy"
"""Blob id → what is under way with its file (1 byte): all that a start after a crash looks at."""

BLOB_META = "blob.meta"
"""b"next" → the last blob id, b"stamp" → the last stamp; both only grow. b"used", b"kept",
b"window" → bytes on disk of all blobs, of the protected queue and of the window: always the sums over
the rows. b"uses" → the window's share (f64) and the counts of `core.sketch`; absent: none yet."""

BLOCKS = "blob.blocks"
"""Digest of a content longer than one block → the digests of its blocks, 32 bytes each, in order.
Their BLAKE3 is the version's block_root. Pure knowledge: true of the content, held or not."""

ARENA_SCHEMA = Schema(
    "arena",
    "an arena",
    (
        *(ENTRY, DIRENT, HOLDER, INODE_POOL, CURSOR, HISTORY, REAL, META, MARK, ATTRIBUTE),
        JOURNAL,
        *(RULE, AGE, AGING),
        *(DECISION, RETRY, WAITING, DIRTY, SUBTREE, REMOVAL, SOUGHT, ENGINE_META),
        *(BLOB_ROW, BLOB_OF, BLOB_LRU, BLOB_BUSY, BLOB_META, BLOCKS),
    ),
    ARENA_STEPS,
)
