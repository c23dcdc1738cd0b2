"""The mount: an arena, or a household of them, as a file system; the only use of pyfuse3.

The promise: no call waits on the network without a deadline, and what can be answered from the
index or the page cache is answered without leaving this process.

In reading order:
    port, served                    what is needed of an arena; what all handlers share
    answering                       failures as the kernel hears them; how long each answer took
    operations                      the kernel's requests, each handed to the module that knows
    views, items, inodes, attrs     what is at the root; what an inode is; what the kernel knows
    listing, snapshots              readdir with attributes, from index and root
    content, pinned, handles        open, read, write; a version of what is unreal; what is open
    changes, metadata, xattrs       names; mode, times, size; marks and the user's own attributes
    making_native, hardlinks        what must be real first; one file with several names
    callers                         programs that must not cause downloads, new files' owners
    notify, subscription, seen      what the kernel should forget; index and root that say so
    live, events, witness           what programs that watch should hear, and haven't yet
    arm, hand                       the process by whose calls they hear it
    echoes, answers                 what it is answered; programs and it told apart
    stalls, interrupts, connection  who waits for a peer holds up nobody, and may be killed
    holders, mountpoints            who holds a mount; mountpoints from outside
    sayings                         what libfuse says when it refuses
    mount                           a mount from beginning to end
"""
