"""Bytes to values and back: wire messages and stored records, and the only use of capnp.

The promise: a capnp object never leaves this layer. Whatever bytes come in, out comes either a
value of the model or an error that names whose fault it is.
"""
