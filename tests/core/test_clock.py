"""Time: aware instants, Beijing days, working days with make-up days, months as the law counts them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from exchange.core import clock


def test_a_frozen_clock_stands_and_moves_only_when_told() -> None:
    start = datetime(2026, 3, 2, 1, tzinfo=UTC)
    with clock.frozen(start):
        assert clock.now() == start
        assert clock.advance(timedelta(hours=3)) == start + timedelta(hours=3)
        assert clock.advance_to(start) == start + timedelta(hours=3), "time never goes back"


def test_a_naive_instant_is_refused() -> None:
    with pytest.raises(ValueError, match="naive"), clock.frozen(datetime(2026, 1, 1)):  # noqa: DTZ001  the point
        pass


def test_a_running_clock_cannot_be_advanced() -> None:
    with pytest.raises(RuntimeError):
        clock.advance(timedelta(days=1))


def test_the_beijing_day_begins_at_sixteen_hours_utc() -> None:
    assert clock.at_beijing_midnight(date(2026, 3, 2)) == datetime(2026, 3, 1, 16, tzinfo=UTC)
    with clock.frozen(datetime(2026, 3, 1, 15, 59, 59, tzinfo=UTC)):
        assert clock.today() == date(2026, 3, 1)
        clock.advance(timedelta(seconds=1))
        assert clock.today() == date(2026, 3, 2)


def test_make_up_days_are_worked_and_holidays_are_not() -> None:
    assert not clock.is_working_day(date(2026, 2, 17)), "Spring Festival"
    assert clock.is_working_day(date(2026, 2, 14)), "a Saturday worked for it (State Council calendar 2026)"


def test_working_days_pass_the_holiday_and_beyond_the_calendar_are_provisional() -> None:
    day, provisional = clock.add_working_days(date(2026, 2, 13), 2)
    assert (day, provisional) == (date(2026, 2, 24), False)
    _, provisional = clock.add_working_days(date(2026, 12, 30), 5)
    assert provisional


def test_an_end_on_a_holiday_rolls_to_the_next_working_day() -> None:
    assert clock.next_working_day(date(2026, 10, 1)) == date(2026, 10, 8)


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2024, 1, 31), 1, date(2024, 2, 29)),
        (date(2025, 12, 31), 6, date(2026, 6, 30)),
        (date(2026, 5, 15), 12, date(2027, 5, 15)),
    ],
)
def test_a_month_ends_on_the_corresponding_day(start: date, months: int, end: date) -> None:
    assert clock.add_months(start, months) == end


def test_the_twenty_ninth_of_february_becomes_the_twenty_eighth() -> None:
    assert clock.add_years(date(2024, 2, 29), 20) == date(2044, 2, 29)
    assert clock.add_years(date(2024, 2, 29), 10) == date(2034, 2, 28)
