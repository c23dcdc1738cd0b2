"""The mount: an arena, or a household of them, as a file system; the only use of pyfuse3.

The promise: no call waits on the network without a deadline, and what can be answered from the
index or the page cache is answered without leaving this process.

In reading order:
    port, served                    what is needed of an arena; what all handlers share
    operations                      the kernel's requests, each handed to the module that knows
    views, items, inodes, attrs     what is at the root; what an inode is; what the kernel knows
    listing                         readdir with attributes, from index and root
    content, handles                open, read, write; what is open
    changes, metadata, xattrs       names; mode, times, size; marks
    callers                         programs that must not cause downloads, new files' owners
    notify, subscription            what the kernel should forget, and who says so
    mountpoints, mount              mountpoints from outside; a mount from beginning to end
"""
