"""Which holder is asked: the one that will have it here first; and when a second one is."""

from collections import Counter

from realizefs.core.rate import Rate
from realizefs.core.striping import bulk_bytes, is_late, piece_bytes, rank
from realizefs.model.limits import BULK_BYTES_MIN, HEDGE_SECONDS, KIB, MIB, PROGRESS_SECONDS


def shares(rates: dict[str, float], pieces: int) -> Counter[str]:
    """Who brings how many of the pieces, when eight are on their way at any time."""
    busy: dict[str, list[float]] = {name: [] for name in rates}
    brought: Counter[str] = Counter()
    now, best = 0.0, max(rates.values())
    for _ in range(pieces):
        if sum(map(len, busy.values())) == 8:
            now = min(ends[0] for ends in busy.values() if ends)
            for ends in busy.values():
                while ends and ends[0] <= now:
                    ends.pop(0)
        who = min(
            rates, key=lambda name: rank(len(busy[name]), rates[name], best, distrusted=False)
        )
        began = busy[who][-1] if busy[who] else now
        busy[who].append(began + 1 / rates[who])
        brought[who] += 1
    return brought


def test_the_faster_brings_more_in_proportion() -> None:
    brought = shares({"slow": 1.0, "fast": 3.0}, 4000)
    assert 0.7 <= brought["fast"] / 4000 <= 0.8
    brought = shares({"a": 2.0, "b": 2.0, "c": 2.0}, 3000)
    assert all(900 <= count <= 1100 for count in brought.values())


def test_a_much_slower_one_is_not_waited_for() -> None:
    assert shares({"modem": 0.001, "fast": 1.0}, 1000)["modem"] <= 1


def test_a_new_one_is_tried() -> None:
    assert rank(0, 0.0, 100.0, distrusted=False) < rank(1, 100.0, 100.0, distrusted=False)
    assert rank(0, 0.0, 0.0, distrusted=False) < rank(1, 0.0, 0.0, distrusted=False)


def test_who_lied_is_asked_last() -> None:
    assert rank(100, 1.0, 1e9, distrusted=False) < rank(0, 1e9, 1e9, distrusted=True)


def test_a_silent_holder_is_late_soon_and_a_steady_one_is_not() -> None:
    assert is_late(HEDGE_SECONDS, HEDGE_SECONDS, MIB, 0.0)
    assert not is_late(3.0, 0.1, MIB, 0.0)  # of unknown speed, and sending
    assert is_late(5 * PROGRESS_SECONDS, 0.1, MIB, 0.0)
    assert not is_late(3.0, 0.1, MIB, MIB)
    assert is_late(5.0, 0.1, MIB, MIB)


def test_one_that_is_much_slower_than_another_is_late() -> None:
    assert is_late(HEDGE_SECONDS, 0.1, 10 * MIB, MIB, elsewhere=2.0)
    assert not is_late(HEDGE_SECONDS / 2, 0.1, 10 * MIB, MIB, elsewhere=2.0)
    assert not is_late(HEDGE_SECONDS, 0.1, 10 * MIB, MIB, elsewhere=3.0)


def test_a_burst_after_a_wait_is_as_slow_as_the_wait() -> None:
    rate = Rate()
    for _ in range(20):
        rate.add(MIB, 3.0)
        for _ in range(2):
            rate.add(MIB, 0.0)
    assert 0.7 * MIB <= rate.bytes_per_second <= 1.5 * MIB


def test_waiting_in_vain_makes_slow() -> None:
    rate = Rate()
    rate.add(100 * MIB, 1.0)
    rate.add(0, 5.0)
    assert rate.bytes_per_second < 20 * MIB
    rate = Rate()
    rate.add(0, 5.0)
    assert 0 < rate.bytes_per_second < 1


def test_pieces_are_small_on_a_slow_line_and_whole_blocks_anyway() -> None:
    block, room = 128 * KIB, 1000 * MIB
    assert piece_bytes(1e9, block, room) == 8 * MIB
    assert piece_bytes(50 * MIB, block, room) == MIB
    assert piece_bytes(50 * MIB, block, room, 0.05) == 5 * MIB // 2
    assert piece_bytes(20 * MIB, block, room) == 3 * block
    assert piece_bytes(100_000, block, room) == block
    assert piece_bytes(100_000, 16 * MIB, room) == 16 * MIB
    assert piece_bytes(0.0, block, room) == 2 * block


def test_pieces_are_small_where_the_cache_is() -> None:
    assert piece_bytes(1e9, 128 * KIB, 16 * MIB) == MIB
    assert piece_bytes(1e9, 128 * KIB, 0) == 128 * KIB


def test_downloads_ask_for_a_quarter_of_a_second() -> None:
    assert bulk_bytes(100 * MIB) == 25 * MIB
    assert bulk_bytes(0.0) == bulk_bytes(1000.0) == BULK_BYTES_MIN
