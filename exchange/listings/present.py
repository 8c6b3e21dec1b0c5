"""A right and a listing as the page shows them: its life as a line, its fees as cells, what to know before signing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import select

from exchange.core import clock
from exchange.core.db import session
from exchange.core.errors import N_
from exchange.core.labels import label
from exchange.listings import readiness, rules
from exchange.listings.models import Listing, Publicity
from exchange.rights import codes, fees, numbers
from exchange.rights.fees import FeeState, FeeStatus
from exchange.rights.models import DEAD, Encumbrance, EncumbranceKind, LegalEvent, Right, RightStatus
from exchange.rights.obstacles import Obstacle

DAYS_OF_A_YEAR = 365.25
WIDTH, MARGIN = 760, 14
"""The life line's width and its margins, in units of its drawing."""

LABEL_ROOM = 96
"""How far two labels on the line must be apart to be read."""


def number_of(right: Right) -> str:
    """The number people know a right by: of a granted Chinese patent ``ZL…``, else application, else publication."""
    if right.app_no:
        number = numbers.try_parse(right.app_no, kind=right.kind)
        if isinstance(number, numbers.NumberError):
            return right.app_no
        granted = right.status is RightStatus.GRANTED
        return number.patent_number if granted and number.patent_number else number.shown
    newest = right.publications[-1] if right.publications else None
    return f"{newest.number}{newest.kind_code}" if newest else right.ref


@dataclass(frozen=True)
class Point:
    """A point on the life line: where (in units of the drawing), which day, what happened (msgid)."""

    x: float
    day: date
    name: str
    labelled: bool
    hollow: bool = False
    anchor: str = "start"


@dataclass(frozen=True)
class Life:
    """The life of a right from filing to the end of its term, as a line to draw and as words."""

    begins: date
    ends: date
    now_x: float
    had_percent: float
    months_left: int
    years: int
    points: tuple[Point, ...]
    ticks: tuple[tuple[float, int], ...]

    @property
    def years_left(self) -> int:
        """Whole years left."""
        return self.months_left // 12

    @property
    def more_months(self) -> int:
        """Months left beyond the whole years."""
        return self.months_left % 12

    @property
    def tenths_left(self) -> int:
        """Years left, in tenths."""
        return self.months_left * 10 // 12


def life_of(right: Right, today: date, *, whole: bool = True) -> Life | None:
    """The life line of ``right``, its burdens only where it is ``whole``; ``None`` where it has no term or its beginning is not known, or it is dead."""
    ends = fees.expiry_of(right)
    begins = right.filed_on or right.published_on
    if ends is None or begins is None or right.status in DEAD or ends <= begins:
        return None

    def x(day: date) -> float:
        whole = (ends - begins).days
        return round(MARGIN + (WIDTH - 2 * MARGIN) * (day - begins).days / whole, 1)

    seen = min(max(today, begins), ends)
    marks = [
        (begins, N_("Filed"), False),
        *(_marks(right, begins, ends) if whole else ()),
        (ends, N_("End of the term"), True),
    ]
    last_label, points = -LABEL_ROOM, []
    for day, name, hollow in marks:
        place, end = x(day), day == ends
        room = place - last_label >= LABEL_ROOM and (end or WIDTH - place >= 2 * LABEL_ROOM)
        if room or end:
            last_label = int(place)
        points.append(Point(place, day, name, room or end, hollow, "end" if end else "start"))
    step = 5 if (ends.year - begins.year) > 10 else 2
    years = range(begins.year + 2, ends.year, step)
    months = max(0, (ends.year - seen.year) * 12 + ends.month - seen.month - (ends.day < seen.day))
    return Life(
        begins=begins,
        ends=ends,
        now_x=x(seen),
        had_percent=100 * (seen - begins).days / (ends - begins).days,
        months_left=months,
        years=round((ends - begins).days / DAYS_OF_A_YEAR),
        points=tuple(points),
        ticks=tuple((x(date(year, 1, 1)), year) for year in years),
    )


def _marks(right: Right, begins: date, ends: date) -> Iterator[tuple[date, str, bool]]:
    found = [(right.granted_on, N_("Granted"), False)]
    found += [(burden.since, label(burden.kind), True) for burden in right.encumbrances]
    for day, name, hollow in sorted(found, key=lambda mark: mark[0] or begins):
        if day is not None and begins < day < ends:
            yield day, name, hollow


@dataclass(frozen=True)
class Fees:
    """The annual fees: the last year that is paid, how each year stands, what is next."""

    paid_through: int
    cells: tuple[str, ...]
    state: FeeState
    reduced: bool


def fees_of(right: Right, today: date) -> Fees | None:
    """The fee cells of ``right``; ``None`` for kinds without annual fees and where nothing is known."""
    state = fees.state_of(right, today)
    ends = fees.expiry_of(right)
    if state.status in {FeeStatus.NONE, FeeStatus.UNKNOWN} or ends is None or right.filed_on is None:
        return None
    years = round((ends - right.filed_on).days / DAYS_OF_A_YEAR)
    paid = years if state.year is None else state.year - 1
    cells = ["on" if year <= paid else "now" if year == paid + 1 else "" for year in range(1, years + 1)]
    return Fees(paid, tuple(cells), state, right.fee_reduction)


@dataclass(frozen=True)
class OwnerLine:
    """An owner of record: name, share, whether the party behind it is verified, what it is in this sale."""

    name: str
    share_bp: int | None
    verified: bool
    seller: bool
    agreed: bool


def owners_of(listing: Listing, right: Right) -> list[OwnerLine]:
    """The owners of record of ``right``, with their part in this listing."""
    own = set(readiness.names_of(listing.seller))
    agreed = set(listing.terms.get("co_owner_consents", ()))
    return [
        OwnerLine(
            owner.name,
            owner.share_bp,
            bool(owner.party and owner.party.verified),
            owner.party_id == listing.seller_id or owner.name in own,
            owner.name in agreed,
        )
        for owner in right.owners
    ]


@dataclass(frozen=True)
class LegalLine:
    """An announcement of a register: day and name (msgid), and its text."""

    day: date
    name: str
    text: str


def legal_events(right: Right) -> list[LegalLine]:
    """What registers announced about ``right``, oldest first, the plain dates included."""
    query = select(LegalEvent).where(LegalEvent.right_id == right.id).order_by(LegalEvent.announced_on)
    rows = session.scalars(query).all()
    lines = [LegalLine(e.announced_on, codes.NAMES.get(e.code, e.code), e.text) for e in rows]
    told = {event.code for event in rows}
    dates = ((right.filed_on, "", N_("Filed")), (right.granted_on, "GR01", N_("Granted")))
    lines += [LegalLine(day, name, "") for day, code, name in dates if day is not None and code not in told]
    return sorted(lines, key=lambda line: line.day)


@dataclass(frozen=True)
class RightView:
    """One right of a listing, ready to be shown."""

    right: Right
    number: str
    life: Life | None
    fees: Fees | None
    owners: list[OwnerLine]
    events: list[LegalLine]
    price_fen: int | None
    abstract: str = ""

    @property
    def shares(self) -> list[float]:
        """The owners' shares in percent, for the bar; empty where one is not known."""
        known = [owner.share_bp for owner in self.owners if owner.share_bp]
        return [share / 100 for share in known] if len(known) == len(self.owners) else []


def right_view(listing: Listing, right: Right, price_fen: int | None) -> RightView:
    """``right`` as the page of ``listing`` shows it."""
    today = clock.today()
    newest = right.publications[-1] if right.publications else None
    return RightView(
        right=right,
        number=number_of(right),
        life=life_of(right, today),
        fees=fees_of(right, today),
        owners=owners_of(listing, right),
        events=legal_events(right),
        price_fen=price_fen,
        abstract=newest.abstract if newest else "",
    )


def row_view(right: Right) -> RightView:
    """``right`` as a row of a list shows it: number, term and fees."""
    today = clock.today()
    return RightView(
        right=right,
        number=number_of(right),
        life=life_of(right, today, whole=False),
        fees=fees_of(right, today),
        owners=[],
        events=[],
        price_fen=None,
    )


def right_views(listing: Listing) -> list[RightView]:
    """Every right of ``listing`` with its part of the price."""
    prices = rules.item_prices(listing, listing.price_fen) if listing.price_fen and listing.items else {}
    return [right_view(listing, item.right, prices.get(item.right_id)) for item in listing.items]


@dataclass(frozen=True)
class PublicityView:
    """The clock of a publicity: which day of how many, cells, first and last day, objections."""

    publicity: Publicity
    day: int
    days: int
    last: date
    objections: int
    over: bool

    @property
    def cells(self) -> list[tuple[str, int]]:
        """Filled days and pale days."""
        return [("on", self.day), ("", self.days - self.day)]


def publicity_view(publicity: Publicity | None) -> PublicityView | None:
    """The clock of ``publicity`` as it stands now."""
    if publicity is None:
        return None
    now = clock.now()
    day, days = rules.day_of(publicity, now)
    return PublicityView(
        publicity,
        day,
        days,
        rules.last_day(publicity),
        rules.open_objections(publicity),
        now >= publicity.signing_from,
    )


LICENCES = frozenset(
    {EncumbranceKind.LICENCE, EncumbranceKind.EXCLUSIVE_LICENCE, EncumbranceKind.OPEN_LICENCE}
)


@dataclass(frozen=True)
class ToKnow:
    """What a buyer should know before signing, apart from publicity: obstacles, licences, consents."""

    obstacles: list[Obstacle] = field(default_factory=list)
    licences: list[tuple[Right, Encumbrance]] = field(default_factory=list)
    disclosed: str = ""
    agreed: list[str] = field(default_factory=list)
    inventors: int = 0
    inventors_told: bool = False

    @property
    def agreed_names(self) -> str:
        """The co-owners who agreed, as one list of names."""
        return "、".join(self.agreed)

    @property
    def consents(self) -> bool:
        """Whether there is anything to say of consents."""
        return bool(self.agreed or self.inventors_told)


def to_know(listing: Listing, rights: Sequence[Right]) -> ToKnow:
    """The points of ``listing`` that a buyer should know."""
    terms: dict[str, Any] = listing.terms
    return ToKnow(
        obstacles=readiness.standing_in_the_way(listing, rights),
        licences=[(right, b) for right in rights for b in right.encumbrances if b.kind in LICENCES],
        disclosed=str(terms.get("licences_disclosed", "")),
        agreed=list(terms.get("co_owner_consents", ())),
        inventors=len({name for right in rights for name in right.inventors}),
        inventors_told=bool(terms.get("inventors_notified")),
    )
