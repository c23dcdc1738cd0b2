"""Cap'n Proto messages of one flat struct by way of `struct`: several times as fast as pycapnp.

Theory of operation. A stored record is a packed message: words of 8 bytes, each as a tag byte with
one bit for each byte that is there, the others being zero. Two tags begin runs: 0x00, n: one zero
word and n more; 0xff, a word, n: this word and the n that follow it, as they are. How tightly to
pack is the writer's choice. Ours keeps all but the contents at a fixed place:

    0x10, words         the segment table: one segment of up to WORDS_MAX words
    0x50, words, n      the pointer to the struct
    tags and numbers    its data section, each tag the same whatever the numbers
    tags and bytes      its n pointers, as tightly as can be; many are zero
    one run             the contents, one of them first, then in the order of their pointers

So one `struct.Struct`, made once for each combination of lengths, writes or reads the whole
record. Any Cap'n Proto reads what is written here. What isn't written like this (longer records,
numbers that don't fit, a content missing that comes first, fields that we don't know) is neither
written nor read here, but by pycapnp.

The encoding: https://capnproto.org/encoding.html.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from struct import Struct
from typing import Any, NamedTuple

WORD = 8
"""Bytes."""

WORDS_MAX = 255
"""Words in a message: what a byte counts. No offset or length then has a byte 0xff, either."""

SHAPES_MAX = 2048
"""Combinations of lengths remembered, half a KiB each: those of ordinary names."""

BYTES = 2
"""The element size of a Data pointer, in the encoding's own numbers."""

WORDS = 5
"""That of a List(UInt64)."""

_LIST_POINTER = 1
_RUN = 0xFF


class Shape(NamedTuple):
    """A record whose contents have certain lengths. `form` takes `head`, the numbers with their
    tags, `middle`, a word of the first content, `run`, the rest of it, the other contents."""

    form: Struct
    head: bytes
    middle: bytes
    run: int


@dataclass(frozen=True, slots=True)
class Fields:
    """One struct as the schema compiler places it, and how we pack it.

    `words` of data section; `numbers` are struct codes for all of it behind the first tag, which
    is `tag`; `tags` where among them the other tags are, and what each is. `pointers` have the
    element size of each pointer, and `first` is the one whose content comes first.
    """

    words: int
    tag: int
    numbers: str
    tags: dict[int, int]
    pointers: tuple[int, ...]
    first: int


class Layout:
    """Forms for the records of one struct, and their recognition."""

    def __init__(self, fields: Fields) -> None:
        self._fields = fields
        self._pointers_at = 6 + Struct(f"<{fields.numbers}").size
        self._tags_of = itemgetter(*(1 + place for place in fields.tags))
        self._tags = tuple(fields.tags.values())
        self.shape = lru_cache(SHAPES_MAX)(self._shape)
        """of the lengths of the contents, each in bytes; None if they can't be written so"""
        self._known = lru_cache(SHAPES_MAX)(self._recognise)

    def unpack(self, message: bytes) -> tuple[Any, ...] | None:
        """What `form` was given; None if the message was written in another way."""
        at = self._pointers_at
        end = message.find(_RUN, at) + 1
        form = self._known(message[:6], message[at:end], message[end + 8 : end + 9], len(message))
        if form is None:
            return None
        values = form.unpack(message)
        return values if self._tags_of(values) == self._tags else None

    def _shape(self, *lengths: int) -> Shape | None:
        fields, first = self._fields, self._fields.first
        sizes = [-(-length // WORD) for length in lengths]
        words = 1 + fields.words + len(sizes) + sum(sizes)
        if words > WORDS_MAX or not lengths[first]:
            return None
        head = bytes([0x10, words, 0x50, fields.words, len(sizes), fields.tag])
        middle = _packed(self._pointers(lengths, sizes)) + bytes([_RUN])
        word = min(lengths[first], WORD)
        parts = [f"{word}s{-word % WORD}xB{lengths[first] - word}s{-lengths[first] % WORD}x"]
        parts += [f"{n}s{-n % WORD}x" for i, n in enumerate(lengths) if i != first]
        form = Struct(f"<{len(head)}s{fields.numbers}{len(middle)}s{''.join(parts)}")
        return Shape(form, head, middle, sum(sizes) - 1)

    def _pointers(self, lengths: Sequence[int], sizes: Sequence[int]) -> list[bytes]:
        """An offset counts words from the end of its pointer, a length elements."""
        fields = self._fields
        made: list[bytes] = []
        place = len(sizes) + sizes[fields.first]
        for number, (length, size) in enumerate(zip(lengths, sizes, strict=True)):
            element = fields.pointers[number]
            target = len(sizes) if number == fields.first else place
            place += size if number != fields.first else 0
            low = (target - number - 1) << 2 | _LIST_POINTER
            high = (length if element == BYTES else size) << 3 | element
            made.append(struct.pack("<II", low, high) if length else bytes(WORD))
        return made

    def _recognise(self, head: bytes, middle: bytes, run: bytes, size: int) -> Struct | None:
        """The form of a message of `size` bytes, if it is one that we write."""
        lengths = _lengths(middle)
        if len(lengths) != len(self._fields.pointers):
            return None
        shape = self._shape(*lengths)
        if shape is None or shape.form.size != size:
            return None
        known = (shape.head, shape.middle, bytes([shape.run])) == (head, middle, run)
        return shape.form if known else None


def _packed(pointers: Sequence[bytes]) -> bytes:
    """Each has a zero byte, so none is a run of its own."""
    out = bytearray()
    zeros = 0
    for word in [*pointers, b""]:
        if word == bytes(WORD):
            zeros += 1
            continue
        if zeros:
            out += bytes([0, zeros - 1])
            zeros = 0
        if word:
            out.append(sum(1 << bit for bit, byte in enumerate(word) if byte))
            out += word.replace(b"\0", b"")
    return bytes(out)


def _lengths(middle: bytes) -> list[int]:
    """The lengths, in bytes, that pointers tell which were packed so; of nonsense, nonsense."""
    lengths: list[int] = []
    rest = iter(middle[:-1])
    for tag in rest:
        if tag:
            word = bytes([next(rest, 0) if tag >> bit & 1 else 0 for bit in range(WORD)])
            count = int.from_bytes(word[4:], "little")
            lengths.append((count >> 3) * (WORD if count & 7 == WORDS else 1))
        else:
            lengths += [0] * (1 + next(rest, 0))
    return lengths
