"""Time: now, the Beijing day, and working days of the Chinese calendar.

Inside the exchange every instant is aware UTC. Deadlines are instants computed here. The clock can be frozen by
tests and by walks, and in development it can run ahead by an offset which is kept in the database.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import chinese_calendar

BEIJING = ZoneInfo("Asia/Shanghai")


@dataclass
class _Hands:
    """Where a replaced clock stands; ``running`` lets real time pass on top of ``base``."""

    base: datetime
    started: datetime | None = None


_hands: ContextVar[_Hands | None] = ContextVar("clock_hands", default=None)
_offset: ContextVar[timedelta] = ContextVar("clock_offset", default=timedelta())


def now() -> datetime:
    """The present instant, aware UTC."""
    hands = _hands.get()
    if hands is not None:
        return hands.base
    return datetime.now(UTC) + _offset.get()


def wall() -> datetime:
    """The present instant without the offset of development: for sessions, tokens and one-time codes.

    They belong to a person at a keyboard, whose own clock does not run ahead with the market's. A frozen clock
    stands still here too.
    """
    hands = _hands.get()
    return hands.base if hands is not None else datetime.now(UTC)


def today() -> date:
    """The present day in Beijing."""
    return beijing(now()).date()


def set_offset(offset: timedelta) -> None:
    """Let the clock of this context run ``offset`` ahead (development only; the caller checks)."""
    _offset.set(offset)


@contextmanager
def frozen(instant: datetime) -> Iterator[None]:
    """Stand still at ``instant`` (aware) until the block ends; ``advance`` moves it."""
    if instant.tzinfo is None:
        raise ValueError("a naive datetime has no place in time; pass an aware one")
    token = _hands.set(_Hands(instant.astimezone(UTC)))
    try:
        yield
    finally:
        _hands.reset(token)


def advance(step: timedelta) -> datetime:
    """Move a frozen clock on by ``step`` and return the new instant.

    Raises ``RuntimeError`` where the clock is not frozen.
    """
    hands = _hands.get()
    if hands is None:
        raise RuntimeError("only a frozen clock can be advanced")
    hands.base += step
    return hands.base


def advance_to(instant: datetime) -> datetime:
    """Move a frozen clock on to ``instant``; never back."""
    return advance(max(instant.astimezone(UTC) - now(), timedelta()))


def beijing(instant: datetime) -> datetime:
    """``instant`` on Beijing's clock."""
    return instant.astimezone(BEIJING)


def at_beijing_midnight(day: date) -> datetime:
    """The instant at which ``day`` begins in Beijing, aware UTC."""
    return datetime.combine(day, time(), BEIJING).astimezone(UTC)


def end_of_beijing_day(day: date) -> datetime:
    """The instant at which ``day`` is over in Beijing, aware UTC (the first instant of the next day)."""
    return at_beijing_midnight(day + timedelta(days=1))


def calendar_known(day: date) -> bool:
    """Whether the State Council's calendar for the year of ``day`` is in the data at hand."""
    try:
        chinese_calendar.is_workday(day)
    except NotImplementedError:
        return False
    return True


def is_working_day(day: date) -> bool:
    """Whether ``day`` is worked in China, make-up days (调休) included.

    Beyond the published calendar Monday to Friday count; ask ``calendar_known`` to say so.
    """
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return day.weekday() < 5


def add_working_days(start: date, days: int) -> tuple[date, bool]:
    """The ``days``-th working day after ``start`` (itself not counted), and whether it is provisional.

    Provisional means that the way there passes the published calendar (ux-reliability.md §0.4).
    """
    day, left = start, days
    while left > 0:
        day += timedelta(days=1)
        if is_working_day(day):
            left -= 1
    return day, not calendar_known(day)


def next_working_day(day: date) -> date:
    """``day`` itself if worked, else the next worked one (law.md §0 rule 4: roll-over at a holiday)."""
    while not is_working_day(day):
        day += timedelta(days=1)
    return day


def add_months(day: date, months: int) -> date:
    """The corresponding day ``months`` later, or the last day of that month (law.md §0 rule 4)."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, min(day.day, last))
        except ValueError:
            continue
    raise ValueError(f"no such month: {year}-{month + 1}")


def add_years(day: date, years: int) -> date:
    """The corresponding day ``years`` later; 29 February becomes 28 February in a common year."""
    return add_months(day, years * 12)
