"""The mount: an arena, or a household of them, as a file system; the only use of pyfuse3.

The promise: no call waits on the network without a deadline, and what can be answered from the
index or the page cache is answered without leaving this process.
"""
