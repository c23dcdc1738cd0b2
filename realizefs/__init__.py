"""RealizeFS: every file of a household on every machine, as one ordinary folder.

Words
    arena       a named tree of files, the unit of sharing
    arena root  the directory with this machine's real files of an arena
    real        stored as a plain file in the arena root
    unreal      everything else in an arena: listed, its bytes absent, partial or in the cache
    blob        the bytes held of one version of one unreal file; all of them are the cache
    peer        a machine with a key; the household is all peers that know each other
    version     one state of one path: kind, hash, size, mtime, mode, and whose changes it has seen
    tombstone   the version of a path that is deleted; forgotten once all peers have it
    context     how many changes of each peer were seen, of all paths together (causal context)
    mark        what this machine does with a path: own (real), keep (cached), watch (shown)
    holder      a peer that has a version, as `own` (real) or `cached`
    index       every path of an arena with its version; gossiped between peers
    realize     make an unreal file real; unrealize is the way back
    decision    what the engine wants done with a path: Realize, Unrealize or UpdateCache
    job         a decision being carried out

Rules that always hold; comments name them by these numbers
    R1  no lost content: what no other peer is known to own is not dropped
    R2  no lost edit: two edits of one path apart from each other leave two files
    R3  convergence: peers that are connected, however indirectly, end with the same index
    R4  a read returns verified bytes of exactly one version
    R5  a crash at any point loses at most what was never synced, and needs no repair by hand
    R6  bounded: memory, cache, messages, queues and waits, in `model.limits` with their reasons
    R7  what a peer says is checked: it can't write outside the root, fill memory or end the process
    R8  what disappears from a root isn't deleted unless its user deleted it

Layers, each importing only those below it, siblings (|) never each other
    cli | daemon    the command line; the composition root, configuration, control socket
    fs              the mount; the only importer of pyfuse3
    sync            runs core's decisions against store and net: scan, gossip, fetch, jobs, serve
    net | store     trio and TLS; LMDB, blobs, real files, hashing (store is synchronous)
    codec           wire messages and stored records ↔ values; the only importer of capnp
    core            pure: session, merge, decide, plan, evict; events and time in, effects out
    model           values, errors, limits, ports
`make check` fails where this picture is wrong (import-linter, in pyproject.toml).

One process, one trio thread: the mount, the peers and the jobs take turns on it. What may block
(hashing, syncing, big copies, transactions that write) happens in worker threads. Only `fs.hand` is
a process of its own, for each mount: by its system calls programs that watch hear of changes.

Reading order
    1. model.versions, model.marks, model.entries    what is known of a path
    2. core.merge, core.causal, core.decide          the tables that everything else serves
    3. store.schema                                  what is on disk, table by table
    4. sync.arena                                    the parts of an arena put together
    5. a change: sync.scanner → sync.record → sync.gossip → (the other peer) sync.apply
       → sync.engine → sync.jobs → sync.actions
    6. a read: fs.operations → fs.content → sync.fetcher → sync.sources → sync.link
       → (the other peer) sync.serve
    7. a rename: fs.changes → sync.name_changes → sync.overlay
    8. store.check_arena                             what must be true of all that is stored
    9. daemon.app                                    how a process is made of all this
The `__init__` of each layer says what it promises and lists its files in reading order.
"""
