"""The composition root: configuration, the application's life, the control socket, logs.

The promise: here, and nowhere else, environments are opened, layers are joined and tasks get their
nursery. Stopping it, however that happens, leaves no mount and no process behind.
"""
