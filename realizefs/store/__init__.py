"""What is kept on disk: the index, blobs, marks, queues and the real files of an arena.

The promise: synchronous, and whole after a crash at any point. Only this layer touches LMDB, blob
files and the arena root; each subsystem is handed its environment and says in `schema` what it
keeps.
"""
