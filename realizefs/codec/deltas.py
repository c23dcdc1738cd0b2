"""What changed between two contents, by librsync: signature, delta, and the way back.

Who has old bytes sends their signature, a few bytes for each SIGNATURE_BLOCK_BYTES; who has the new
ones answers with literal bytes and ranges of the old ones. The only importer of librsync.

R7: a signature is compared with the one form that we make before librsync sees it. A delta is
applied here and not by librsync: a few bytes of it can ask for any number of copies of the same
range, so each command is checked against what may come out at most before it is done.
"""

import io
import struct

import pyrsync

from realizefs.model.errors import ProtocolFault, WrongBytes
from realizefs.model.limits import SIGNATURE_BYTES_MAX

SIGNATURE_BLOCK_BYTES = 2048
"""Bytes for which a signature has one entry: a database's page that changed costs one or two."""

_STRONG_BYTES = 8
"""Of the strong sum: what it misses, the BLAKE3 of the block finds, and it is fetched as it is."""

_HEADER = struct.Struct(">III")
_ENTRY_BYTES = 4 + _STRONG_BYTES
_DELTA_MAGIC = b"rs\x026"

_END = 0x00
_LITERAL_SHORT_MAX = 0x40
_LITERAL = 0x41
_COPY = 0x45
_COPY_LAST = 0x54
_WIDTHS = (1, 2, 4, 8)


def signature(old: bytes) -> bytes:
    """The signature of `old`, which isn't empty."""
    made = io.BytesIO()
    pyrsync.signature(
        io.BytesIO(old),
        made,
        _STRONG_BYTES,
        pyrsync.RS_RK_BLAKE2_SIG_MAGIC,
        SIGNATURE_BLOCK_BYTES,
    )
    return made.getvalue()


def check_signature(sent: bytes) -> None:
    """Raises ProtocolFault for one that we wouldn't make."""
    expected = _HEADER.pack(pyrsync.RS_RK_BLAKE2_SIG_MAGIC, SIGNATURE_BLOCK_BYTES, _STRONG_BYTES)
    entries = len(sent) - _HEADER.size
    if not sent.startswith(expected) or entries % _ENTRY_BYTES or not entries:
        raise ProtocolFault("a signature is not of the form that deltas are made from.")
    if len(sent) > SIGNATURE_BYTES_MAX:
        raise ProtocolFault(f"a signature of {len(sent)} bytes.")


def delta(new: bytes, sent: bytes) -> bytes:
    """What makes `new` of the content with that signature, which was checked."""
    made = io.BytesIO()
    pyrsync.delta(io.BytesIO(new), io.BytesIO(sent), made)
    return made.getvalue()


def apply(old: bytes, changes: bytes, size: int) -> bytes:
    """The `size` bytes that a delta makes of `old`; raises WrongBytes if it makes anything else."""
    if not changes.startswith(_DELTA_MAGIC):
        raise WrongBytes("the delta is none.")
    made = bytearray()
    at = len(_DELTA_MAGIC)
    try:
        while (command := changes[at]) != _END:
            at += 1
            start, length, source, at = _command(command, changes, at, old)
            if len(made) + length > size or start + length > len(source):
                raise WrongBytes("the delta makes more than there is.")
            made += source[start : start + length]
    except IndexError as error:
        raise WrongBytes("the delta ends in the midst of a command.") from error
    if len(made) != size or at + 1 != len(changes):
        raise WrongBytes("the delta makes another length than was asked for.")
    return bytes(made)


def _command(command: int, changes: bytes, at: int, old: bytes) -> tuple[int, int, bytes, int]:
    """(start, length, of what, where the next command is)."""
    if command < _COPY:
        if command <= _LITERAL_SHORT_MAX:
            length = command
        else:
            length, at = _number(changes, at, _WIDTHS[command - _LITERAL])
        return at, length, changes, at + length
    if command > _COPY_LAST:
        raise WrongBytes("the delta has a command that doesn't exist.")
    where, how_much = divmod(command - _COPY, len(_WIDTHS))
    start, at = _number(changes, at, _WIDTHS[where])
    length, at = _number(changes, at, _WIDTHS[how_much])
    return start, length, old, at


def _number(changes: bytes, at: int, width: int) -> tuple[int, int]:
    if at + width > len(changes):
        raise IndexError
    return int.from_bytes(changes[at : at + width], "big"), at + width
