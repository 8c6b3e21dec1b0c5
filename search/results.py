"""What is shown of a search: hits read again from the database, with the words marked.

The index only says which listings; price, status and text are the database's, and a listing that is no longer
offered is left out even before the index hears of it. Where the index is out of reach the newest listings stand in,
narrowed as far as the database can, and ``from_index`` says so.

Rows are read as plain columns, one statement a table: a page of twenty takes a third of the time of whole objects.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select

import search
from exchange.core import clock, log
from exchange.core.db import session
from exchange.core.errors import N_
from exchange.listings.models import Listing, ListingItem, ListingKind, ListingStatus
from exchange.parties.models import Party
from exchange.rights import numbers
from exchange.rights.fees import expires_on
from exchange.rights.models import (
    Encumbrance,
    EncumbranceKind,
    Publication,
    Right,
    RightOwner,
    RightStatus,
)
from search import conditions, documents, highlight, indexer
from search.engine import Bucket, Facet, Query, Reading, SearchDown
from search.highlight import Segment
from search.indexer import SHOWN_FACETS

_ENDED_OR_LIVED = frozenset(
    {RightStatus.GRANTED, RightStatus.LAPSED, RightStatus.EXPIRED, RightStatus.INVALID}
)
"""A patent that was granted once is called by its patent number."""


@dataclass(frozen=True)
class Row:
    """One listing as a search shows it. ``price_fen`` is none where the price is negotiable; ``match`` names where
    beside the title a word was found, with a stretch of that text; ``until`` is the earliest end of its rights.
    """

    ref: str
    title: tuple[Segment, ...]
    match: tuple[str, tuple[Segment, ...]] | None
    kind: ListingKind
    deal: str
    price_fen: int | None
    maturity: str | None
    published_at: datetime | None
    seller_ref: str
    seller_name: str
    rights: tuple[str, ...]
    number: str
    owners: tuple[str, ...]
    statuses: tuple[RightStatus, ...]
    burdens: tuple[EncumbranceKind, ...]
    until: date | None
    filed: date | None

    @property
    def plain_title(self) -> str:
        """The title without marks."""
        return "".join(segment.text for segment in self.title)


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
    refs = [hit.ref for hit in page.hits]
    found = {row.ref: row for row in _read(Listing.ref.in_(refs), page.words)} if refs else {}
    return Results(
        rows=tuple(found[ref] for ref in refs if ref in found),
        total=page.total,
        exact=page.exact,
        next=page.next,
        facets=page.facets,
        reading=page.reading,
        matched_percent=page.matched_percent,
        total_strict=page.total_strict,
        from_index=True,
    )


def like(listing: Listing, limit: int = 4) -> tuple[Row, ...]:
    """What else is on offer that reads like ``listing``, likest first; nothing while the index is out of reach."""
    try:
        refs = indexer.similar(listing, limit=limit)
    except SearchDown as error:
        log.get("search").warning("search_down", reason=error.params.get("reason"))
        return ()
    found = {row.ref: row for row in _read(Listing.ref.in_(refs), frozenset())} if refs else {}
    return tuple(found[ref] for ref in refs if ref in found)


def _from_database(text: str, chosen: Mapping[str, Sequence[str]], limit: int) -> Results:
    """The newest listings whose title holds the text, of the chosen kinds; no counts, one page."""
    wanted = [Listing.title.contains(word, autoescape=True) for word in text.split()[:8]]
    if kinds := [kind for kind in ListingKind if kind.value in chosen.get("listing", ())]:
        wanted.append(Listing.kind.in_(kinds))
    offered = select(Listing.id).where(Listing.status == ListingStatus.LISTED, *wanted)
    total = session.scalar(select(func.count()).select_from(offered.subquery())) or 0
    newest = offered.with_only_columns(Listing.ref).order_by(Listing.published_at.desc(), Listing.id.desc())
    refs = list(session.scalars(newest.limit(limit)))
    found = {row.ref: row for row in _read(Listing.ref.in_(refs), frozenset())}
    return Results(
        rows=tuple(found[ref] for ref in refs if ref in found),
        total=total,
        exact=True,
        next=None,
        facets={},
        reading=Reading.BROWSE,
        matched_percent=100,
        total_strict=total,
        from_index=False,
    )


# -- reading rows ----------------------------------------------------------------------------------------------


@dataclass
class _Right:
    """What a row shows of one right."""

    columns: Any
    owners: list[str] = field(default_factory=list)
    burdens: list[EncumbranceKind] = field(default_factory=list)
    newest: Any = None


_LISTINGS = (
    select(
        Listing.id,
        Listing.ref,
        Listing.title,
        Listing.summary,
        Listing.kind,
        Listing.licence_kind,
        Listing.price_fen,
        Listing.maturity,
        Listing.published_at,
        Party.ref.label("seller_ref"),
        Party.name.label("seller_name"),
    )
    .join(Party, Party.id == Listing.seller_id)
    .where(Listing.status == ListingStatus.LISTED)
)
_RIGHTS = (
    select(
        ListingItem.listing_id,
        Right.id,
        Right.ref,
        Right.kind,
        Right.app_no,
        Right.status,
        Right.filed_on,
        Right.granted_on,
        Right.published_on,
        Right.compensation_days,
    )
    .join(Right, Right.id == ListingItem.right_id)
    .order_by(ListingItem.listing_id, ListingItem.position, ListingItem.id)
)
_OWNERS = (
    select(RightOwner.right_id, RightOwner.name)
    .where(RightOwner.until.is_(None))
    .order_by(RightOwner.right_id, RightOwner.position, RightOwner.id)
)
_BURDENS = select(Encumbrance.right_id, Encumbrance.kind).where(Encumbrance.ended_on.is_(None))
_PUBLICATIONS = select(
    Publication.right_id,
    Publication.id,
    Publication.number,
    Publication.kind_code,
    Publication.published_on,
    Publication.abstract,
    Publication.main_claim,
)


def _read(which: ColumnElement[bool], words: frozenset[str]) -> Iterable[Row]:
    listings = session.execute(_LISTINGS.where(which)).all()
    ids = [listing.id for listing in listings]
    rights: dict[int, list[_Right]] = defaultdict(list)
    by_id: dict[int, _Right] = {}
    for columns in session.execute(_RIGHTS.where(ListingItem.listing_id.in_(ids))):
        one = by_id.setdefault(columns.id, _Right(columns))
        rights[columns.listing_id].append(one)
    for right_id, name in session.execute(_OWNERS.where(RightOwner.right_id.in_(by_id))):
        by_id[right_id].owners.append(name)
    for right_id, kind in session.execute(_BURDENS.where(Encumbrance.right_id.in_(by_id))):
        by_id[right_id].burdens.append(kind)
    for publication in session.execute(_PUBLICATIONS.where(Publication.right_id.in_(by_id))):
        one = by_id[publication.right_id]
        if one.newest is None or documents.age_of(publication) > documents.age_of(one.newest):
            one.newest = publication
    return [_row(listing, rights[listing.id], words) for listing in listings]


def _row(listing: Any, rights: Sequence[_Right], words: frozenset[str]) -> Row:
    filed = [right.columns.filed_on for right in rights if right.columns.filed_on is not None]
    return Row(
        ref=listing.ref,
        title=highlight.highlight(listing.title, words),
        match=_match(listing.summary, rights, words),
        kind=listing.kind,
        deal=documents.deal_mode(listing.kind, listing.licence_kind),
        price_fen=listing.price_fen,
        maturity=listing.maturity,
        published_at=listing.published_at,
        seller_ref=listing.seller_ref,
        seller_name=listing.seller_name,
        rights=tuple(right.columns.ref for right in rights),
        number=_number(rights[0]) if rights else "",
        owners=tuple(dict.fromkeys(name for right in rights for name in right.owners)),
        statuses=tuple(dict.fromkeys(right.columns.status for right in rights)),
        burdens=tuple(dict.fromkeys(kind for right in rights for kind in right.burdens)),
        until=min((end for right in rights if (end := _end(right.columns)) is not None), default=None),
        filed=min(filed, default=None),
    )


def _end(right: Any) -> date | None:
    return expires_on(
        right.kind,
        filed_on=right.filed_on,
        granted_on=right.granted_on,
        published_on=right.published_on,
        compensation_days=right.compensation_days,
    )


def _match(
    summary: str, rights: Sequence[_Right], words: frozenset[str]
) -> tuple[str, tuple[Segment, ...]] | None:
    """Where, beside the title, a word was found: the first claim, the abstract, or what the seller says."""
    if not words:
        return None
    newest = [right.newest for right in rights if right.newest is not None]
    for where, texts in (
        (N_("Claim"), [publication.main_claim for publication in newest]),
        (N_("Abstract"), [publication.abstract for publication in newest]),
        (N_("Description"), [summary]),
    ):
        for text in texts:
            if cut := highlight.snippet(text, words):
                return where, cut
    return None


def _number(right: _Right) -> str:
    """The number people know a right by: of a granted Chinese patent ``ZL…``, else application, else publication."""
    columns = right.columns
    if columns.app_no:
        number = numbers.try_parse(columns.app_no, kind=columns.kind)
        if isinstance(number, numbers.NumberError):
            return str(columns.app_no)
        return (
            number.patent_number
            if columns.status in _ENDED_OR_LIVED and number.patent_number
            else number.shown
        )
    return f"{right.newest.number}{right.newest.kind_code}" if right.newest is not None else ""


# -- for the face ----------------------------------------------------------------------------------------------


def remaining(row: Row) -> tuple[int, int, int] | None:
    """(tenths of years left, whole years of the term, per mille left) of a row with a known term; else ``None``."""
    if row.until is None or row.filed is None or row.until <= row.filed:
        return None
    left = max((row.until - clock.today()).days, 0)
    whole = (row.until - row.filed).days
    return left * 10 // 365, round(whole / 365.25), min(left * 1000 // whole, 1000)


def buckets(facet: Facet | None) -> tuple[Bucket, ...]:
    """The counts of a facet; none where it was not counted."""
    return facet.buckets if facet else ()
