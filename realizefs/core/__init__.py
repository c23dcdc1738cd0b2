"""The decisions: what follows from an event and the time, as pure functions and machines.

The promise: events and time come in, effects go out as data, and the same input gives the same
output. Nothing here reads a clock, a file, a socket or chance, so a simulation can run a whole
household in one thread and repeat a run from its seed.
"""
