"""Terms and annual fees: due days, surcharge by month, grace, lapse, restoration, reduction (law.md §2.6)."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.core import clock, money
from exchange.rights import fees
from exchange.rights.fees import FeeStatus

FILED = date(2015, 6, 3)


def state(day: date, **more: Any) -> fees.FeeState:
    facts = {"filed_on": FILED, "granted_on": date(2018, 4, 10), "paid_through": 5, **more}
    return fees.state("invention", day=day, **facts)


def test_the_example_of_the_office() -> None:
    """Filed 1997-06-03, granted in year 5: the fee of year 6 is due on 2002-06-03 (law.md §2.6)."""
    assert fees.due_on(date(1997, 6, 3), 6) == date(2002, 6, 3)


@pytest.mark.parametrize(
    ("kind", "filed", "expected"),
    [
        ("invention", date(2010, 3, 5), date(2030, 3, 5)),
        ("utility_model", date(2010, 3, 5), date(2020, 3, 5)),
        ("design", date(2021, 5, 31), date(2031, 5, 31)),
        ("design", date(2021, 6, 1), date(2036, 6, 1)),
        ("invention", date(2004, 2, 29), date(2024, 2, 29)),
        ("utility_model", date(2012, 2, 29), date(2022, 2, 28)),
        ("invention", date(1990, 1, 1), date(2010, 1, 1)),
    ],
)
def test_the_term_runs_from_filing(kind: str, filed: date, expected: date) -> None:
    assert fees.expires_on(kind, filed_on=filed, granted_on=filed + timedelta(days=900)) == expected


def test_compensation_is_added_and_other_kinds_run_from_their_own_fact() -> None:
    assert fees.expires_on("invention", filed_on=FILED, compensation_days=30) == date(2035, 7, 3)
    assert fees.expires_on("trademark", filed_on=None, granted_on=date(2020, 1, 7)) == date(2030, 1, 7)
    assert fees.expires_on("invention", filed_on=None, granted_on=FILED) is None
    assert fees.expires_on("copyright", filed_on=FILED) is None


def test_the_tables_add_up_as_published() -> None:
    assert sum(fees.full_fee("invention", year, FILED) for year in range(1, 21)) == 82_300_00
    assert sum(fees.full_fee("utility_model", year, FILED) for year in range(1, 11)) == 11_200_00
    assert sum(fees.full_fee("design", year, date(2024, 1, 2)) for year in range(1, 16)) == 26_200_00


def test_the_tables_agree_with_a_real_schedule(real_data: Path) -> None:
    kinds = {"发明": "invention", "实用新型": "utility_model", "外观设计": "design"}
    with (real_data / "fees" / "annuity_base_fee_40.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 40
    for row in rows:
        kind, year = kinds[row["patent_type"]], int(row["year"])
        assert fees.full_fee(kind, year, FILED) == money.parse_yuan(row["full_amount"]), row


@pytest.mark.parametrize(("months", "percent"), [(0, 0), (1, 0), (2, 5), (3, 10), (4, 15), (5, 20), (6, 25)])
def test_the_surcharge_rises_by_month_on_the_full_fee(months: int, percent: int) -> None:
    due = date(2020, 6, 3)  # a Wednesday; year 6
    day = clock.add_months(due, months)
    assert fees.surcharge_percent(FILED, 6, day) == percent
    assert fees.surcharge("invention", FILED, 6, day) == 1_200_00 * percent // 100


def test_the_day_after_the_grace_period_is_too_late() -> None:
    last = fees.grace_until(FILED, 6, date(2020, 12, 3))
    assert last == date(2020, 12, 3)
    assert fees.surcharge_percent(FILED, 6, last) == 25
    assert fees.surcharge_percent(FILED, 6, last + timedelta(days=1)) is None


def test_a_holiday_moves_the_end_of_a_period() -> None:
    """National Day 2021 is not worked until 8 October."""
    assert fees.due_on(date(2015, 10, 2), 7) == date(2021, 10, 8)
    assert fees.surcharge_percent(date(2015, 10, 2), 7, date(2021, 10, 8)) == 0


def test_where_a_right_stands() -> None:
    assert state(date(2019, 9, 1)).status is FeeStatus.PAID
    assert state(date(2020, 5, 1)).status is FeeStatus.DUE
    late = state(date(2020, 8, 20))
    assert (late.status, late.year, late.fee, late.surcharge, late.payable) == (
        FeeStatus.GRACE,
        6,
        1_200_00,
        120_00,
        1_320_00,
    )
    lapsed = state(date(2020, 12, 4), notice_received_on=date(2021, 2, 1))
    assert (lapsed.status, lapsed.restoration_fee) == (FeeStatus.LAPSED, 1_000_00)
    assert lapsed.restorable_until == date(2021, 4, 1)
    assert lapsed.payable == 1_200_00 + 300_00 + 1_000_00


def test_a_suspended_right_does_not_lapse() -> None:
    assert state(date(2021, 3, 1), suspended=True).status is FeeStatus.GRACE


def test_the_reduction_lasts_ten_years_from_the_grant_and_never_touches_the_surcharge() -> None:
    reduced = state(date(2020, 8, 20), reduced=True)
    assert (reduced.full_fee, reduced.fee, reduced.surcharge) == (1_200_00, 180_00, 120_00)
    assert state(date(2020, 8, 20), reduced=True, applicants=2).fee == 360_00
    # Granted in year 3: reduced through year 12.
    assert (
        fees.reduced_fee("invention", 12, FILED, applicants=1, filed_on=FILED, granted_on=date(2018, 4, 10))
        < 1000_00
    )
    assert (
        fees.reduced_fee("invention", 13, FILED, applicants=1, filed_on=FILED, granted_on=date(2018, 4, 10))
        == 6000_00
    )


def test_what_nobody_knows_is_said_to_be_unknown() -> None:
    assert state(date(2020, 9, 1), paid_through=None).status is FeeStatus.UNKNOWN
    assert state(date(2018, 4, 20), paid_through=None).status is FeeStatus.DUE
    assert (
        fees.state("invention", filed_on=None, granted_on=None, paid_through=None, day=FILED).status
        is FeeStatus.UNKNOWN
    )
    assert (
        fees.state("trademark", filed_on=FILED, granted_on=FILED, paid_through=None, day=FILED).status
        is FeeStatus.NONE
    )
    assert state(date(2034, 7, 1), paid_through=20).status is FeeStatus.PAID


@given(st.dates(date(1995, 1, 1), date(2024, 1, 1)), st.integers(1, 10), st.integers(-40, 260))
def test_a_later_payment_never_costs_less(filed: date, year: int, days: int) -> None:
    day = clock.add_years(filed, year - 1) + timedelta(days=days)
    first, then = (fees.surcharge_percent(filed, year, d) for d in (day, day + timedelta(days=1)))
    assert then is None or (first is not None and first <= then)


@given(st.dates(date(1990, 1, 1), date(2024, 1, 1)), st.integers(0, 7300))
def test_every_day_lies_in_the_year_that_began(filed: date, days: int) -> None:
    day = filed + timedelta(days=days)
    year = fees.year_on(filed, day)
    assert clock.add_years(filed, year - 1) <= day < clock.add_years(filed, year)
