"""Several contents in one answer, as they are sent and as a hostile peer sends them."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realizefs.codec.several import join, split
from realizefs.model.errors import WrongBytes


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=20), st.booleans())))
def test_those_that_are_there_come_back(files: list[tuple[bytes, bool]]) -> None:
    contents = [content if here else b"" for content, here in files]
    assert split(join(contents), [len(content) for content, _ in files]) == contents


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\0" * 7,
        struct.pack(">2I", 3, 4) + b"abcdef",
        struct.pack(">2I", 3, 4) + b"abcdefgh",
        struct.pack(">2I", 2, 4) + b"abdefg",
        struct.pack(">2I", 2**32 - 1, 4) + b"abcdefg",
    ],
    ids=["nothing", "no lengths", "short", "long", "another size", "huge"],
)
def test_what_else_it_is_is_refused(answer: bytes) -> None:
    with pytest.raises(WrongBytes):
        split(answer, [3, 4])


@given(st.binary(max_size=40), st.lists(st.integers(1, 9), max_size=4))
def test_random_bytes_do_no_more_than_raise(answer: bytes, sizes: list[int]) -> None:
    try:
        contents = split(answer, sizes)
    except WrongBytes:
        return
    assert join(contents) == answer
