"""Values, errors, limits and ports: the words that every other layer speaks.

The promise: everything here is data or an interface. Values are frozen, slotted and checked where
they are made; nothing reads a clock, a file or a socket. All other layers may import this one, and
it imports none.
"""
