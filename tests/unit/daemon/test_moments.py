"""Points in time as people write them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from realizefs.daemon.moments import parse_moment

NOW = datetime(2026, 11, 27, 22, 30)  # noqa: DTZ001 - local, as all here


@pytest.fixture(autouse=True, params=["UTC", "Europe/Berlin", "America/St_Johns"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    import time  # noqa: PLC0415 - of the process, which has one zone

    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2d", NOW - timedelta(days=2)),
        ("0", NOW),
        ("14:00", NOW.replace(hour=14, minute=0)),
        ("9:05", NOW.replace(hour=9, minute=5)),
        ("9:05:30", NOW.replace(hour=9, minute=5, second=30)),
        ("14:00:30", NOW.replace(hour=14, minute=0, second=30)),
        ("22:30", NOW),
        ("23:50", NOW.replace(day=26, hour=23, minute=50)),  # asked for after midnight, say
        ("today", NOW.replace(hour=0, minute=0)),
        ("yesterday", datetime(2026, 11, 26)),  # noqa: DTZ001
        ("2026-07-20", datetime(2026, 7, 20)),  # noqa: DTZ001 - another offset, in many zones
        ("2026-07-20 14:00", datetime(2026, 7, 20, 14)),  # noqa: DTZ001
        ("2026-07-20 9:05", datetime(2026, 7, 20, 9, 5)),  # noqa: DTZ001
        ("2026-07-20T14:00:30", datetime(2026, 7, 20, 14, 0, 30)),  # noqa: DTZ001
    ],
)
def test_a_moment_is_one_of_the_clock_on_the_wall(text: str, moment: datetime) -> None:
    assert datetime.fromtimestamp(parse_moment(text, NOW)) == moment  # noqa: DTZ006


def test_a_time_with_its_zone_is_what_it_says() -> None:
    assert (
        parse_moment("2026-07-20 14:00Z", NOW) == datetime(2026, 7, 20, 14, tzinfo=UTC).timestamp()
    )
    assert parse_moment("2026-07-20T14:00+02:00", NOW) == parse_moment("2026-07-20 12:00Z", NOW)


def test_the_end_of_a_day_is_that_of_all_of_it() -> None:
    assert parse_moment("yesterday", NOW, end=True) == parse_moment("today", NOW)
    assert parse_moment("2026-07-31", NOW, end=True) == parse_moment("2026-08-01", NOW)
    assert parse_moment("14:00", NOW, end=True) == parse_moment("14:00", NOW)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "tomorrow",
            "20261120",
            "2026-W47-1",
            "2026-13-01",
            "2026-02-30",
            "25:00",
            "12",
            "-2d",
        ),
        *("99999y", "2026-11-20 14", "2026-11-20 14:00 CET", "1:2:3", "2026-11-20\n"),
    ],
)
def test_anything_else_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="is no time; write 2d"):
        parse_moment(text, NOW)
