"""The journal on disk: in order, bounded, of one commit with what it tells."""

from contextlib import suppress
from pathlib import Path

import pytest

from realizefs.codec.journal_records import decode_event, encode_event
from realizefs.model.errors import StoreFault
from realizefs.model.ids import AuthorId
from realizefs.model.journal import (
    JOURNAL_BYTES_MAX,
    JOURNAL_STEP_BYTES,
    Event,
    What,
)
from realizefs.model.versions import Kind
from realizefs.store.env import Environment
from realizefs.store.journal import Journal
from realizefs.store.keys import pack_u64, unpack_u64
from realizefs.store.schema import ARENA_SCHEMA, JOURNAL
from tests.unit.store.sound import Sound

EVENT = Event(5, What.RENAMED, AuthorId(2**64 - 1), b"new\xff", b"old", Kind.DIRECTORY, 3, -7)


def events(env: Environment, position: int = 0) -> list[Event]:
    with env.read() as txn:
        return list(Journal().newest(txn, position))[::-1]


def append(env: Environment, *some: Event) -> int:
    with env.write() as txn:
        Journal().append(txn, some)
        return Journal().end(txn)


def test_an_event_is_written_and_read() -> None:
    assert decode_event(encode_event(EVENT)) == EVENT
    plain = Event(0, What.ADDED, AuthorId(0))
    assert decode_event(encode_event(plain)) == plain


def test_what_a_newer_program_has_written_is_no_damage() -> None:
    row = encode_event(EVENT)
    assert decode_event(row[:1] + b"\xee" + row[2:]).what is What.UNKNOWN
    assert decode_event(b"\x02 another form").what is What.UNKNOWN


@pytest.mark.parametrize(
    "row", [b"", b"\0" * 40, encode_event(EVENT)[:8], encode_event(EVENT)[:35]]
)
def test_a_damaged_event_is_a_fault_of_the_store(row: bytes) -> None:
    with pytest.raises(StoreFault):
        decode_event(row)


def test_events_stand_in_their_order_and_are_found_from_a_position_on(env: Environment) -> None:
    first, second = EVENT, Event(6, What.DELETED, AuthorId(1), b"x")
    position = append(env, first)
    assert append(env) == position
    end = append(env, second, first)
    assert events(env) == [first, second, first]
    assert events(env, position) == [second, first]
    assert events(env, end) == []


def test_it_is_bounded_and_the_oldest_leave(env: Environment) -> None:
    some = [Event(0, What.ADDED, AuthorId(1), b"p" * 4000) for _ in range(100)]
    number = 0
    while number * 4000 < 2 * JOURNAL_BYTES_MAX:
        number += len(some)
        append(
            env, *(Event(number + at, *(What.ADDED, AuthorId(1), b"p" * 4000)) for at in range(100))
        )
        with env.read() as txn:
            size = sum(len(row) for _, row in txn.scan(JOURNAL))
            first = txn.first_from(JOURNAL, b"")
            assert first is not None
            assert size == Journal().end(txn) - unpack_u64(first[0])
        assert size <= JOURNAL_BYTES_MAX + JOURNAL_STEP_BYTES + 100 * 4100
    kept = events(env)
    assert size > JOURNAL_BYTES_MAX - 100 * 4100
    assert [one.when_ns for one in kept[-2:]] == [number + 98, number + 99]


def test_it_is_of_one_commit_with_what_it_tells_and_survives(tmp_path: Path) -> None:
    env = Environment(tmp_path / "db", ARENA_SCHEMA)
    position = append(env, EVENT)
    with suppress(RuntimeError), env.write() as txn:
        Journal().append(txn, [EVENT])
        raise RuntimeError
    env.close()
    env = Environment(tmp_path / "db", ARENA_SCHEMA)
    assert events(env) == [EVENT]
    assert append(env, EVENT) == 2 * position
    env.close()


@pytest.mark.usefixtures("broken_on_purpose")
def test_a_row_that_cannot_be_read_is_told_left_out_and_forgotten(sound: Sound) -> None:
    append(sound.env, EVENT)
    for place in (7, 1 << 40):
        with sound.env.write() as txn:
            txn.put(JOURNAL, pack_u64(place), b"\1nonsense" if place == 7 else encode_event(EVENT))
    sentence = "What once happened can't be read in the journal; --repair forgets it."
    assert sound.told() == [sentence, sentence]
    assert sound.repaired() == [sentence, sentence]
    assert events(sound.env) == [EVENT]
