"""Peers over TLS: identity, dialling, listening, frames in and out.

The promise: exactly the certificates of the roster get through, every wait has a deadline and
every buffer a bound. What the frames mean is the business of `core` and `sync`.
"""
