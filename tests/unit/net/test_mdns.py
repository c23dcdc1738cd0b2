"""What other machines announce comes from another thread, bounded, and never makes trio's wait."""

import threading

import trio
import trio.testing

from realizefs.net.mdns import NAMES_WAITING_MAX, _Names


async def test_a_flood_from_another_thread_is_bounded_and_wakes_once() -> None:
    names = _Names(trio.lowlevel.current_trio_token())

    def flood() -> None:
        for number in range(100 * NAMES_WAITING_MAX):
            names.put(f"name {number}", is_there=True)
        names.put("name 0", is_there=False)

    thread = threading.Thread(target=flood)
    thread.start()
    await names.come.wait()
    await trio.to_thread.run_sync(thread.join)
    taken = dict(names.take())
    assert len(taken) <= NAMES_WAITING_MAX
    await trio.testing.wait_all_tasks_blocked()
    assert dict(names.take()).items() <= {"name 0": False}.items()
    assert not names.come.is_set()


async def test_the_last_word_on_a_name_counts() -> None:
    names = _Names(trio.lowlevel.current_trio_token())
    for is_there in (True, False, True, False):
        names.put("desk", is_there)
    await names.come.wait()
    assert names.take() == [("desk", False)]


def test_what_comes_after_the_end_is_let_go() -> None:
    async def made() -> _Names:
        await trio.lowlevel.checkpoint()
        return _Names(trio.lowlevel.current_trio_token())

    trio.run(made).put("late", is_there=True)
