"""What is kept on disk: the index, blobs, marks, queues and the real files of an arena.

The promise: synchronous, and whole after a crash at any point. Only this layer touches LMDB, blob
files and the arena root; each subsystem is handed its environment and says in `schema` what it
keeps.

In reading order:
    schema, migrate, kept_copy      every table; from the tables of older programs; a copy of these
    keys, txn, env                  how keys sort; one LMDB environment
    dbdir, mapsize, residency       its directory; its address space; its share of memory
    arena                           the subsystems of one arena, put together
  the index
    tree, positions                 entries and history; what tells that it is an older copy
    contexts, graves                what was seen of all paths; names of what is deleted
    inodes, real                    their numbers; which real file is whose
    marks, holders, cursors         marks and inheritance; who has what; how far each peer is told
    rules                           marks by name, size and age; what grows too old for one
    attributes                      the user's own, of what is unreal
    dirty, decisions, removals      what to decide again; what is wanted; what peers deleted
    sought                          what nobody is known to hold
    journal                         what happened, as long as it is remembered
    blocks                          block lists
    peers                           the roster and open invitations, in the global environment
  the cache
    blobs, opener                   the blobstore; finding, making and opening blobs
    blob, openblobs, copying        one open blob; who has which open; bytes another file has
    direct                          big downloads go around the page cache
    queues, blobdir                 rows and LRU queues; the files
    space, allocation               the bound; what sparse files take
    room, eviction, uses            making room; removing blobs; what is used, and how often
    saver, recovery                 making durable; after a crash
    interrupted                     an edit that came between, after a crash in a move
    moves                           a blob becomes a real file, and the other way round
  the arena root
    realfile, openat                `Root`, the one way to real files; never out of the root
    publish, lease                  the atomic moves in and out; knowing that nobody has it open
    in_root                         another name, permissions, mtime: of the very file that is known
    pagecache                       reading without waiting for the disk
    fingerprint, hashing            is it still that file; BLAKE3 of it and its blocks
    watch, statedir, lock           inotify; ROOT/.realize; one daemon at a time
    ignorefile                      what is never shared, as a directory of it says
    features                        what the filesystem can do
    temporary                       names of what is about to be published
  whether all of that is so
    check, check_arena, check_home  looking twice, and mending; the rules of an arena, of a home
    check_tree, check_rows, check_inodes, check_totals, check_blobs, check_root, check_deep
                                    what must be so, for each table, file and byte
    repair_tree, repair_blobs, repair_deep, renumber, lostfound
                                    what is done about it, and where what nobody knows is put
"""
