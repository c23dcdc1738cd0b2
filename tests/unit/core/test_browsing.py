"""When the next small files of a folder are fetched ahead, and how many."""

from realizefs.core.browsing import (
    LATE_COUNT,
    RUN_MIN,
    WINDOW_FIRST,
    WINDOW_MAX,
    Run,
    asked,
    goes_on,
    late,
    reached,
)


def test_nothing_is_fetched_before_some_were_read_one_after_the_other() -> None:
    run = Run(b"a")
    for count in range(2, RUN_MIN):
        run = goes_on(run, b"b%d" % count, is_near=True)
        assert (run.count, run.window) == (count, 0)
    run = goes_on(run, b"c", is_near=True)
    assert (run.last, run.window) == (b"c", WINDOW_FIRST)
    later = goes_on(run, b"d", is_near=True)
    assert (later.last, later.window) == (b"d", WINDOW_FIRST), "nobody has asked for it yet"


def test_the_window_doubles_up_to_its_bound() -> None:
    run, windows = Run(b"a", RUN_MIN, WINDOW_FIRST), []
    for number in range(8):
        run = reached(asked(run, b"b%d" % number))
        windows.append(run.window)
    assert windows[:2] == [2 * WINDOW_FIRST, 4 * WINDOW_FIRST]
    assert windows[-1] == WINDOW_MAX
    assert goes_on(run, b"z", is_near=True).window == WINDOW_MAX


def test_who_jumps_begins_anew() -> None:
    run = Run(b"m", 100, WINDOW_MAX)
    assert goes_on(run, b"a", is_near=False) == Run(b"a")


def test_the_same_file_again_is_no_way_on() -> None:
    run = Run(b"m", 100, WINDOW_MAX)
    assert goes_on(run, b"m", is_near=False) == Run(b"m", 100, 0)
    assert goes_on(late(b"m"), b"m", is_near=False) == late(b"m")


def test_what_came_too_late_is_not_tried_again_soon() -> None:
    run, names = late(b"a"), 0
    while not run.window:
        names += 1
        run = goes_on(run, b"b%d" % names, is_near=True)
    assert names > LATE_COUNT
