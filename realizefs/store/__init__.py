"""What is kept on disk: the index, blobs, marks, queues and the real files of an arena.

The promise: synchronous, and whole after a crash at any point. Only this layer touches LMDB, blob
files and the arena root; each subsystem is handed its environment and says in `schema` what it
keeps.

In reading order:
    schema, keys, env               every table; how keys sort; one LMDB environment
    arena                           the subsystems of one arena, put together
  the index
    tree, inodes, real              entries and history; their numbers; which real file is whose
    marks, holders, cursors         marks and inheritance; who has what; how far each peer is told
    dirty, decisions, blocks        what to decide again; what is wanted; block lists
    peers                           the roster and open invitations, in the global environment
  the cache
    blobs                           the blobstore: finding, opening, room
    blob, openblobs                 one open blob; who has which open
    queues, blobdir                 rows and LRU queues; the files
    space, allocation, eviction     the bound; what sparse files take; making room
    saver, recovery                 making durable; after a crash
    moves                           a blob becomes a real file, and the other way round
  the arena root
    realfile, openat                `Root`, the one way to real files; never out of the root
    publish, lease                  the atomic moves in and out; knowing that nobody has it open
    fingerprint, hashing            is it still that file; BLAKE3 of it and its blocks
    watch, statedir, lock           inotify; ROOT/.realize; one daemon at a time
"""
