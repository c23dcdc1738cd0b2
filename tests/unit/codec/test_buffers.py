"""Memory that is used again: only what nobody refers to any more, from wherever it comes back."""

import ctypes
import gc
import mmap
import threading

import pytest

from realizefs.codec.buffers import HEAP_BYTES, KEPT_BYTES_MAX, Buffers, keep_heap
from realizefs.model.limits import FRAME_PAYLOAD_BYTES_MAX, KIB, MIB


def address(view: memoryview) -> int:
    return ctypes.addressof(ctypes.c_ubyte.from_buffer(view))


@pytest.mark.parametrize(
    "length", [0, 1, 128 * KIB, 256 * KIB, MIB - 1, MIB, FRAME_PAYLOAD_BYTES_MAX]
)
def test_it_has_the_length_that_was_asked_for_and_can_be_written(length: int) -> None:
    view = Buffers().take(length)
    view[:] = b"x" * length
    assert (view.format, view.nbytes, view.readonly) == ("B", length, False)
    assert bytes(view) == b"x" * length


def test_what_is_large_begins_at_a_page() -> None:
    assert address(Buffers().take(300 * KIB)) % mmap.PAGESIZE == 0


def test_it_comes_back_when_nothing_refers_to_a_part_of_it() -> None:
    buffers = Buffers()
    view = buffers.take(MIB)
    where, part = address(view), view[1000:2000]
    del view
    assert buffers.kept == 0
    other = buffers.take(MIB)
    assert address(other) != where
    del part
    assert buffers.kept == MIB
    assert address(buffers.take(MIB)) == where


def test_the_smallest_that_is_large_enough_is_taken_and_of_these_the_last() -> None:
    buffers = Buffers()
    views = [buffers.take(size) for size in (4 * MIB, MIB, MIB, 2 * MIB)]
    places = [address(view) for view in views]
    while views:
        views.pop(0)
    taken = [buffers.take(size) for size in (700 * KIB, MIB, MIB)]
    assert [address(view) for view in taken] == [places[2], places[1], places[3]]
    assert buffers.kept == 4 * MIB


def test_what_is_much_larger_is_not_kept_by_who_asks_for_little() -> None:
    buffers = Buffers()
    large = [buffers.take(8 * MIB) for _ in range(3)]
    large.clear()
    connections = [buffers.take(512 * KIB) for _ in range(3)]
    assert buffers.kept == 24 * MIB
    connections.clear()
    assert buffers.kept == 25 * MIB + 512 * KIB


def test_what_was_not_used_for_longest_goes_where_too_much_is_free() -> None:
    buffers = Buffers(4 * MIB)
    small = [buffers.take(MIB) for _ in range(4)]
    large = buffers.take(4 * MIB)
    where = address(large)
    small.clear()
    assert buffers.kept == 4 * MIB
    del large
    assert buffers.kept == 4 * MIB
    assert address(buffers.take(4 * MIB)) == where


def test_what_nobody_has_used_for_a_while_is_given_back() -> None:
    buffers = Buffers()
    view = buffers.take(MIB)
    del view
    buffers.release_idle()
    assert buffers.kept == MIB, "it was used since the last time, which was never"
    held = buffers.take(MIB)
    del held
    buffers.release_idle()
    assert buffers.kept == MIB
    held = buffers.take(MIB)
    buffers.release_idle()
    buffers.release_idle()
    held[:] = b"x" * MIB
    del held
    assert buffers.kept == MIB
    buffers.release_idle()
    assert buffers.kept == 0


def test_nothing_that_is_in_use_is_given_to_another() -> None:
    """Many threads, each with its own mark in each of its buffers, some of them in cycles that only
    the garbage collector finds, in the midst of whatever."""
    buffers, wrong = Buffers(8 * MIB), list[int]()

    def use(number: int) -> None:
        held: list[memoryview] = []
        for turn in range(300):
            view = buffers.take(256 * KIB << turn % 3)
            view[0] = view[-1] = number
            held.append(view)
            if turn % 7 == 0:
                cycle: list[object] = [view]
                cycle.append(cycle)
            if len(held) > 5:
                wrong.extend(one for view in held for one in (view[0], view[-1]) if one != number)
                del held[: turn % 6]

    threads = [threading.Thread(target=use, args=(number,)) for number in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gc.collect()
    assert wrong == []
    assert 0 < buffers.kept <= 8 * MIB
    assert KEPT_BYTES_MAX >= 4 * FRAME_PAYLOAD_BYTES_MAX


def test_the_heap_is_kept_and_another_c_library_is_no_reason_to_fail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[int, int]] = []

    class Glibc:
        def mallopt(self, what: int, value: int) -> int:
            asked.append((what, value))
            return 1

    monkeypatch.setattr(ctypes, "CDLL", lambda _: Glibc())
    keep_heap()
    assert asked == [(-1, HEAP_BYTES), (-3, HEAP_BYTES)]
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    keep_heap()
    assert len(asked) == 2
