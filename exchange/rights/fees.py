"""Annual fees and the term: what is due, what a delay costs, when a right lapses, until when it can be restored.

Pure arithmetic over rows of the rulebook (law.md §2.6, §9 invariants 4–6). Amounts are whole fen. A patent year is
counted from the filing date; the fee of year *n* is due *n* − 1 years after it; a day that is not worked moves the
end of a period to the next one that is (law.md §0 rule 4).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum

from exchange import rulebook
from exchange.core import clock, money
from exchange.core.errors import N_
from exchange.core.labels import labelled
from exchange.rights import kinds
from exchange.rights.models import DEAD, EncumbranceKind, Right, RightStatus


@labelled(
    none=N_("No annual fees"),
    unknown=N_("Not known how far the fees are paid"),
    paid=N_("Paid"),
    due=N_("Due within three months"),
    grace=N_("Overdue, payable with surcharge"),
    lapsed=N_("Not paid in time; the right has lapsed"),
)
class FeeStatus(Enum):
    """Where a right stands with its annual fees."""

    NONE = "none"
    UNKNOWN = "unknown"
    PAID = "paid"
    DUE = "due"
    GRACE = "grace"
    LAPSED = "lapsed"


SOON = timedelta(days=90)
"""How long before its due day a fee is shown as due."""


@dataclass(frozen=True, slots=True)
class FeeState:
    """The next fee that is open. Amounts in fen; ``payable`` is fee after reduction and surcharge together.

    ``grace_until`` is the last day with surcharge. ``restorable_until`` is known where the day of receipt of the
    termination notice is.
    """

    status: FeeStatus
    year: int | None = None
    due_on: date | None = None
    grace_until: date | None = None
    full_fee: int = 0
    fee: int = 0
    surcharge: int = 0
    restoration_fee: int = 0
    restorable_until: date | None = None

    @property
    def payable(self) -> int:
        """All that must be paid today, in fen."""
        return self.fee + self.surcharge + self.restoration_fee


# -- term -----------------------------------------------------------------------------------------


def expires_on(
    kind: str,
    *,
    filed_on: date | None,
    granted_on: date | None = None,
    published_on: date | None = None,
    compensation_days: int = 0,
) -> date | None:
    """The last day of the term, ``None`` where there is none or its beginning is not known.

    Patents run from the filing date, never from the grant; designs filed before 2021-06-01 for 10 years
    (law.md §2.6). The other kinds run from the fact their row names (law.md §6).
    """
    row = kinds.KINDS.get(kind)
    if row is None or not row.term_rule:
        return None
    start = {"filed_on": filed_on, "published_on": published_on}.get(row.term_from, granted_on)
    if start is None:
        return None
    years = _rule(row.term_rule, start).number
    return clock.add_years(start, years) + timedelta(days=compensation_days)


def _rule(key: str, day: date) -> rulebook.Rule:
    """The rule on ``day``; for a day before its first row the first row, which is the oldest that is known."""
    try:
        return rulebook.as_of(key, day)
    except KeyError:
        first = min((rule for rule in rulebook.rows() if rule.key == key), key=lambda rule: rule.valid_from)
        if day < first.valid_from:
            return first
        raise


def expiry_of(right: Right) -> date | None:
    """``expires_on`` of a right."""
    return expires_on(
        right.kind,
        filed_on=right.filed_on,
        granted_on=right.granted_on,
        published_on=right.published_on,
        compensation_days=right.compensation_days,
    )


# -- annual fees ----------------------------------------------------------------------------------


def year_on(filed_on: date, day: date) -> int:
    """The patent year in which ``day`` lies; the first begins on the filing date."""
    years = day.year - filed_on.year
    return years + 1 if clock.add_years(filed_on, years) <= day else years


def due_on(filed_on: date, year: int) -> date:
    """The last day on which the fee of ``year`` can be paid without delay."""
    return clock.next_working_day(clock.add_years(filed_on, year - 1))


def grace_until(filed_on: date, year: int, day: date) -> date:
    """The last day on which the fee of ``year`` can be paid with surcharge."""
    months = _rule("annuity.grace", day).number
    return clock.next_working_day(clock.add_months(clock.add_years(filed_on, year - 1), months))


def full_fee(kind: str, year: int, day: date) -> int:
    """The fee of ``year`` without reduction, in fen. Raises ``ValueError`` for a year beyond the term."""
    table = _rule(f"annuity.table.{kind}", day).numbers
    if not 1 <= year <= len(table):
        raise ValueError(f"{kind} has no year {year}")
    return table[year - 1] * 100


def reduced_fee(
    kind: str, year: int, day: date, *, applicants: int, filed_on: date, granted_on: date | None
) -> int:
    """The fee of ``year`` for those whose fees are reduced, in fen: for ten years from the grant (law.md §2.6)."""
    fee = full_fee(kind, year, day)
    years = _rule("annuity.reduction.years", day).number
    if granted_on is None or year >= year_on(filed_on, granted_on) + years:
        return fee
    key = "annuity.reduction.multi" if applicants > 1 else "annuity.reduction.single"
    return fee - money.share(fee, _rule(key, day).number)


def surcharge_percent(filed_on: date, year: int, day: date) -> int | None:
    """Percent of the full fee for paying ``year`` on ``day``; ``None`` where it is too late.

    The first month after the due day costs nothing, then 5 % more each month, at most 25 % (law.md §2.6).
    """
    if day <= due_on(filed_on, year):
        return 0
    if day > grace_until(filed_on, year, day):
        return None
    steps = _rule("annuity.surcharge_steps", day).numbers
    start = clock.add_years(filed_on, year - 1)
    for month, percent in enumerate(steps, 1):
        if day <= clock.add_months(start, month):
            return percent
    return steps[-1]


def surcharge(kind: str, filed_on: date, year: int, day: date) -> int | None:
    """The surcharge in fen for paying ``year`` on ``day``, on the full fee whatever the reduction."""
    percent = surcharge_percent(filed_on, year, day)
    return None if percent is None else money.share(full_fee(kind, year, day), percent * 100)


def restorable_until(notice_received_on: date) -> date:
    """The last day on which restoration can be asked for (law.md §2.6; R.6)."""
    months = _rule("restore.window", notice_received_on).number
    return clock.next_working_day(clock.add_months(notice_received_on, months))


def state(
    kind: str,
    *,
    filed_on: date | None,
    granted_on: date | None,
    paid_through: int | None,
    day: date,
    reduced: bool = False,
    applicants: int = 1,
    suspended: bool = False,
    notice_received_on: date | None = None,
) -> FeeState:
    """Where a granted right stands on ``day``. ``paid_through`` is the last patent year that is paid.

    A suspended right (preservation, ownership dispute) does not lapse meanwhile (law.md §2.6; R.105).
    """
    row = kinds.KINDS.get(kind)
    if row is None or not row.annual_fee:
        return FeeState(FeeStatus.NONE)
    if filed_on is None:
        return FeeState(FeeStatus.UNKNOWN)
    last_year = len(_rule(row.annual_fee, day).numbers)
    if kind == "design":
        last_year = min(last_year, _rule(row.term_rule, filed_on).number)
    if paid_through is None and granted_on is None:
        return FeeState(FeeStatus.UNKNOWN)
    # The fee of the year of the grant is paid when the grant is registered (R.114).
    known = paid_through if paid_through is not None else year_on(filed_on, granted_on or filed_on)
    year = known + 1
    if year > last_year:
        return FeeState(FeeStatus.PAID)
    due, last_day = due_on(filed_on, year), grace_until(filed_on, year, day)
    if paid_through is None and day > due:
        return FeeState(FeeStatus.UNKNOWN)
    full = full_fee(kind, year, day)
    fee = (
        reduced_fee(kind, year, day, applicants=applicants, filed_on=filed_on, granted_on=granted_on)
        if reduced
        else full
    )
    if day <= due:
        status = FeeStatus.DUE if due - day <= SOON else FeeStatus.PAID
        return FeeState(status, year, due, last_day, full, fee)
    extra = surcharge(kind, filed_on, year, day)
    if extra is not None or suspended:
        most = _rule("annuity.surcharge_steps", day).numbers[-1]
        extra = money.share(full, most * 100) if extra is None else extra
        return FeeState(FeeStatus.GRACE, year, due, last_day, full, fee, extra)
    extra = money.share(full, _rule("annuity.surcharge_steps", day).numbers[-1] * 100)
    until = restorable_until(notice_received_on) if notice_received_on else None
    return FeeState(
        FeeStatus.LAPSED, year, due, last_day, full, fee, extra, _rule("restore.fee", day).fen, until
    )


def state_of(right: Right, day: date) -> FeeState:
    """``state`` of a right with its owners and burdens."""
    if right.status in DEAD or right.status is RightStatus.PENDING:
        return FeeState(FeeStatus.NONE)
    notice = right.facts.get("termination_notice_received_on")
    return state(
        right.kind,
        filed_on=right.filed_on,
        granted_on=right.granted_on,
        paid_through=right.fees_paid_through,
        day=day,
        reduced=right.fee_reduction,
        applicants=max(1, len(right.owners)),
        suspended=any(
            e.kind in {EncumbranceKind.PRESERVATION, EncumbranceKind.DISPUTE}
            and (e.ends_on is None or day <= e.ends_on)
            for e in right.encumbrances
        ),
        notice_received_on=date.fromisoformat(notice) if notice else None,
    )
