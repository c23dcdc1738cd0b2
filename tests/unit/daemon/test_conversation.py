"""A command that asks things: replies find their questions, and who hangs up ends it."""

import trio
import trio.testing

from realizefs.daemon.control import Caller
from realizefs.daemon.conversation import conversation
from realizefs.model.control import encode_reply


class Person(Caller):
    """Sees what is said, and says lines; None is that he hangs up."""

    def __init__(self) -> None:
        self.seen: list[object] = []
        self.says, self._said = trio.open_memory_channel[bytes | None](10)

    async def say(self, question: object) -> None:
        self.seen.append(question)
        await trio.lowlevel.checkpoint()

    async def hear(self) -> bytes | None:
        return await self._said.receive()


async def test_replies_find_their_questions_in_whatever_order() -> None:
    person, answers = Person(), dict[str, bool]()
    async with conversation(person) as asker:

        async def ask(name: str) -> None:
            answers[name] = await asker.ask({"name": name})

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, "first")
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(ask, "second")
            await trio.testing.wait_all_tasks_blocked()
            assert person.seen == [{"name": "first", "ask": 1}, {"name": "second", "ask": 2}]
            for line in (encode_reply(2, False), encode_reply(7, True), encode_reply(1, True)):
                await person.says.send(line)
    assert answers == {"first": True, "second": False}


async def test_a_late_reply_counts_for_nothing() -> None:
    person = Person()
    async with conversation(person) as asker:
        with trio.CancelScope() as settled:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(asker.ask, {})
                await trio.testing.wait_all_tasks_blocked()
                settled.cancel()
        await person.says.send(encode_reply(1, True))
        await trio.testing.wait_all_tasks_blocked()
        answers = list[bool]()

        async def ask() -> None:
            answers.append(await asker.ask({}))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await trio.testing.wait_all_tasks_blocked()
            assert answers == []
            await person.says.send(encode_reply(2, False))
        assert answers == [False]


async def test_who_hangs_up_or_talks_nonsense_ends_the_command() -> None:
    for line in (None, b"what?\n"):
        person = Person()
        await person.says.send(line)
        with trio.fail_after(30):
            async with conversation(person):
                await trio.sleep_forever()


async def test_after_the_end_all_is_answered_with_no() -> None:
    """A machine that is just pairing asks from a task of its own."""
    person, answers = Person(), list[bool]()
    async with trio.open_nursery() as nursery:
        async with conversation(person) as asker:

            async def ask() -> None:
                answers.append(await asker.ask({}))

            nursery.start_soon(ask)
            await trio.testing.wait_all_tasks_blocked()
    assert not await asker.ask({})
    assert answers == [False]
