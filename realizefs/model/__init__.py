"""Values, errors, limits and ports: the words that every other layer speaks.

The promise: everything here is data or an interface. Values are frozen, slotted and checked where
they are made; nothing reads a clock, a file or a socket. All other layers may import this one, and
it imports none.

In reading order:
    ids, paths, ranges                  identifiers as types; names as bytes; which bytes are here
    versions, marks, entries            a path's state, what to do with it, its place in the tree
    rules                               marks for files by name, size and age
    grants                              what a peer may do, and which decision about that counts
    blobs, cache_limits, rates          a cached content; how much of such there may be; how fast
    decisions, changes                  what is wanted, what the kernel must hear
    journal                             what happened to files
    background                          when it may be fetched
    findings, diagnosis, farewell       what a check found wrong; what the doctor did; what is lost
    messages                            what peers say to each other
    invitation, short_code              the code that joins them; as a QR code holds it
    control, arena_names, mount_flags   what the command line and the daemon say to each other
    acls                                what of an ACL the permission bits say
    upgrade                             what becomes of an older program's databases
    errors, ports                       every failure; the clock
    limits, lan_limits                  every bound; those of the local network
"""
