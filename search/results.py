"""What is shown of a search: hits read again from the database, marked, with the names of what was counted.

The index only says which listings; price, status and text are the database's, and a listing that is no longer
offered is left out even before the index hears of it. Where the index is out of reach the newest listings stand in,
narrowed as far as the database can, and ``from_index`` says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Select, func, select
from sqlalchemy.orm import selectinload

import search
from exchange.core import clock, labels, log
from exchange.core.db import session
from exchange.core.errors import N_
from exchange.listings.models import (
    LicenceKind,
    Listing,
    ListingItem,
    ListingKind,
    ListingStatus,
)
from exchange.listings.rules import MATURITIES
from exchange.parties import regions
from exchange.rights import kinds, numbers
from exchange.rights.fees import expiry_of
from exchange.rights.models import EncumbranceKind, Right, RightStatus
from search import conditions, documents, highlight
from search.engine import Bucket, Facet, Page, Query, Reading, SearchDown
from search.highlight import Segment
from search.indexer import SHOWN_FACETS

IPC_SECTIONS: Mapping[str, str] = {
    "A": N_("Human necessities"),
    "B": N_("Performing operations; transporting"),
    "C": N_("Chemistry; metallurgy"),
    "D": N_("Textiles; paper"),
    "E": N_("Fixed constructions"),
    "F": N_("Mechanical engineering; lighting; heating; weapons; blasting"),
    "G": N_("Physics"),
    "H": N_("Electricity"),
}
"""Sections of the International Patent Classification: letter → msgid."""

PRICE_NAMES: Mapping[str, str] = {
    "0-5": N_("Under 50,000 yuan"),
    "5-20": N_("50,000 to 200,000 yuan"),
    "20-50": N_("200,000 to 500,000 yuan"),
    "50-100": N_("500,000 to 1 million yuan"),
    "100-500": N_("1 to 5 million yuan"),
    "500-": N_("5 million yuan and more"),
}
LIFE_NAMES: Mapping[str, str] = {
    "10-": N_("10 years and more"),
    "5-10": N_("5 to 10 years"),
    "0-5": N_("Less than 5 years"),
}
SORT_NAMES: Mapping[str, str] = {
    "relevance": N_("Most relevant"),
    "newest": N_("Newest first"),
    "price": N_("Price, low to high"),
    "price_desc": N_("Price, high to low"),
    "life": N_("Remaining life, long to short"),
}


def value_name(name: str, value: str) -> str:
    """The msgid of a value of a filter or facet; values that are names themselves (owners) come back as they are."""
    if name == "kind":
        return kinds.KINDS[value].name if value in kinds.KINDS else value
    if name in _NAMED:
        return _NAMED[name].get(value, value)
    if name in ("region", "province", "city"):
        return regions.name(value) or value
    return value


_NAMED: Mapping[str, Mapping[str, str]] = {
    "listing": labels.labels(ListingKind),
    "deal": {
        **labels.labels(ListingKind),
        **{f"{kind.value}_licence": labels.label(kind) for kind in LicenceKind},
        "open_licence": labels.label(ListingKind.OPEN_LICENCE),
    },
    "status": labels.labels(RightStatus),
    "burden": {**labels.labels(EncumbranceKind), documents.NO_BURDEN: N_("No burden on record")},
    "maturity": MATURITIES,
    "ipc_section": IPC_SECTIONS,
    "price": PRICE_NAMES,
    "life": LIFE_NAMES,
}


@dataclass(frozen=True)
class Row:
    """One listing as a search shows it. ``match`` names where else a word was found, with a stretch of that text."""

    listing: Listing
    title: tuple[Segment, ...]
    match: tuple[str, tuple[Segment, ...]] | None
    number: str
    owners: tuple[str, ...]
    statuses: tuple[RightStatus, ...]
    burdens: tuple[EncumbranceKind, ...]
    deal: str
    until: date | None
    filed: date | None


@dataclass(frozen=True)
class Results:
    """A page of rows. ``from_index`` is false where the database stands in for the index."""

    rows: tuple[Row, ...]
    total: int
    exact: bool
    next: str | None
    facets: Mapping[str, Facet]
    reading: Reading
    matched_percent: int
    total_strict: int
    from_index: bool


def find(
    text: str,
    chosen: Mapping[str, Sequence[str]],
    *,
    sort: str = "relevance",
    cursor: str | None = None,
    limit: int = 20,
    facets: Sequence[str] = SHOWN_FACETS,
) -> Results:
    """Search as people see it. Raises ``RuleBroken`` where the text or a condition cannot be read."""
    filters = conditions.read(chosen)
    query = Query(text, filters, sort, limit, cursor, tuple(facets))
    try:
        page = search.current().search(query)
    except SearchDown as error:
        log.get("search").warning("search_down", reason=error.params.get("reason"))
        return _from_database(text, chosen, limit)
    return Results(
        rows=_rows(page),
        total=page.total,
        exact=page.exact,
        next=page.next,
        facets=page.facets,
        reading=page.reading,
        matched_percent=page.matched_percent,
        total_strict=page.total_strict,
        from_index=True,
    )


def _shown() -> Select[Listing]:
    right = selectinload(Listing.items).selectinload(ListingItem.right)
    return (
        select(Listing)
        .where(Listing.status == ListingStatus.LISTED)
        .options(
            right.selectinload(Right.publications),
            right.selectinload(Right.owners),
            right.selectinload(Right.encumbrances),
            selectinload(Listing.publicities),
        )
    )


def _rows(page: Page) -> tuple[Row, ...]:
    refs = [hit.ref for hit in page.hits]
    found = {listing.ref: listing for listing in session.scalars(_shown().where(Listing.ref.in_(refs)))}
    return tuple(_row(found[ref], page.words) for ref in refs if ref in found)


def _row(listing: Listing, words: frozenset[str]) -> Row:
    rights = [item.right for item in listing.items]
    ends = [end for right in rights if (end := expiry_of(right)) is not None]
    filed = [right.filed_on for right in rights if right.filed_on is not None]
    return Row(
        listing=listing,
        title=highlight.highlight(listing.title, words),
        match=_match(listing, rights, words),
        number=number_of(rights[0]) if rights else "",
        owners=tuple(dict.fromkeys(owner.name for right in rights for owner in right.owners)),
        statuses=tuple(dict.fromkeys(right.status for right in rights)),
        burdens=tuple(dict.fromkeys(burden.kind for right in rights for burden in right.encumbrances)),
        deal=documents.deal_mode(listing),
        until=min(ends, default=None),
        filed=min(filed, default=None),
    )


def _match(
    listing: Listing, rights: Sequence[Right], words: frozenset[str]
) -> tuple[str, tuple[Segment, ...]] | None:
    """Where, beside the title, a word was found: the first claim, the abstract, or what the seller says."""
    if not words:
        return None
    newest = [p for right in rights if (p := documents.newest_publication(right)) is not None]
    for where, texts in (
        (N_("Claim"), [publication.main_claim for publication in newest]),
        (N_("Abstract"), [publication.abstract for publication in newest]),
        (N_("Description"), [listing.summary]),
    ):
        for text in texts:
            if cut := highlight.snippet(text, words):
                return where, cut
    return None


def number_of(right: Right) -> str:
    """The number people know a right by: of a granted Chinese patent ``ZL…``, else application, else publication."""
    if right.app_no:
        number = numbers.try_parse(right.app_no, kind=right.kind)
        if isinstance(number, numbers.NumberError):
            return right.app_no
        granted = right.status in (RightStatus.GRANTED, RightStatus.LAPSED, RightStatus.EXPIRED)
        return number.patent_number if granted and number.patent_number else number.shown
    newest = documents.newest_publication(right)
    return f"{newest.number}{newest.kind_code}" if newest else ""


def _from_database(text: str, chosen: Mapping[str, Sequence[str]], limit: int) -> Results:
    """The newest listings whose title holds the text, of the chosen kinds; no counts, one page."""
    query = _shown()
    for word in text.split()[:8]:
        query = query.where(Listing.title.contains(word, autoescape=True))
    if listing_kinds := [kind for kind in ListingKind if kind.value in chosen.get("listing", ())]:
        query = query.where(Listing.kind.in_(listing_kinds))
    total = session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
    newest = query.order_by(Listing.published_at.desc(), Listing.id.desc()).limit(limit)
    return Results(
        rows=tuple(_row(listing, frozenset()) for listing in session.scalars(newest)),
        total=total,
        exact=True,
        next=None,
        facets={},
        reading=Reading.BROWSE,
        matched_percent=100,
        total_strict=total,
        from_index=False,
    )


def remaining(row: Row) -> tuple[int, int, int] | None:
    """(tenths of years left, whole years of the term, per mille left) of a row with a known term; else ``None``."""
    if row.until is None or row.filed is None or row.until <= row.filed:
        return None
    today = clock.today()
    left = max((row.until - today).days, 0)
    whole = (row.until - row.filed).days
    return left * 10 // 365, round(whole / 365.25), min(left * 1000 // whole, 1000)


def buckets(facet: Facet | None) -> tuple[Bucket, ...]:
    """The counts of a facet; none where it was not counted."""
    return facet.buckets if facet else ()
