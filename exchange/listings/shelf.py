"""What is on the shelf: reading listings, each reader seeing what they may."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import joinedload, selectinload

from exchange.core import clock
from exchange.core.db import get, session
from exchange.core.errors import NotFound
from exchange.core.events import Event
from exchange.ledger.models import Account
from exchange.listings import publicity
from exchange.listings.models import EDITABLE, LISTING, PUBLIC, Listing, ListingItem, ListingStatus, Publicity
from exchange.parties.models import Party
from exchange.parties.policy import Actor, Permission
from exchange.rights.models import Right

WAITING = frozenset({ListingStatus.SUBMITTED, ListingStatus.VERIFIED, ListingStatus.GATED})
"""States in which a reviewer has something to do."""


def visible(actor: Actor, listing: Listing) -> bool:
    """Whether ``actor`` may see the page: everybody what is public, the seller's people and the exchange the rest."""
    return listing.status in PUBLIC or actor.can(Permission.LISTING_READ, listing)


def get_for(actor: Actor, ref: str) -> Listing:
    """The listing with this reference. Raises ``NotFound`` for what is none of this reader's business."""
    listing = get(Listing, ref)
    if not visible(actor, listing):
        raise NotFound
    return listing


def read(actor: Actor, ref: str) -> Listing:
    """The same with all that its page shows, in a few questions."""
    whole = joinedload(ListingItem.right).options(
        joinedload(Right.owners),
        joinedload(Right.encumbrances),
        joinedload(Right.holdings),
        selectinload(Right.publications),
    )
    query = (
        select(Listing)
        .where(Listing.ref == ref)
        .options(
            joinedload(Listing.seller).selectinload(Party.names),
            selectinload(Listing.items).options(whole),
            selectinload(Listing.publicities).joinedload(Publicity.objections),
        )
    )
    listing = session.scalar(query)
    if listing is None or not visible(actor, listing):
        raise NotFound
    return listing


def of_party(party_id: int) -> Select[Listing]:
    """The listings of one seller."""
    return select(Listing).where(Listing.seller_id == party_id)


def on_offer() -> Select[Listing]:
    """What is listed now."""
    return select(Listing).where(Listing.status == ListingStatus.LISTED)


def to_review() -> Select[Listing]:
    """What waits for the reviewer."""
    return select(Listing).where(Listing.status.in_(WAITING))


def latest(limit: int) -> Sequence[Listing]:
    """The listings that were published last, newest first."""
    query = on_offer().order_by(Listing.published_at.desc(), Listing.id.desc()).limit(limit)
    row = joinedload(ListingItem.right).options(joinedload(Right.owners), joinedload(Right.encumbrances))
    query = query.options(selectinload(Listing.items).options(row), selectinload(Listing.publicities))
    return session.scalars(query).all()


@dataclass(frozen=True)
class PricePoint:
    """An asking price (``None``: negotiable) and the instant from which it was asked."""

    at: datetime
    price_fen: int | None


def price_history(listing: Listing) -> list[PricePoint]:
    """The asking prices since the last publication, oldest first, read from the record of events."""
    query = (
        select(Event)
        .where(
            Event.subject_ref == listing.ref, Event.type.in_(("listing.published", "listing.price_changed"))
        )
        .order_by(Event.id)
    )
    return [PricePoint(event.at, event.payload.get("price_fen")) for event in session.scalars(query)]


@dataclass(frozen=True)
class Figures:
    """The market in four figures: rights on offer, this month's deals, money in escrow, days to the change of owner."""

    rights: int
    listings: int
    deals: int
    deals_fen: int
    escrow_fen: int
    median_days: int | None


MEDIAN_OF = 200
"""How many of the latest deals the median looks at."""


def figures() -> Figures:
    """The market as the database has it now. Amounts in fen; days from agreement to completion."""
    rights = session.scalar(
        select(func.count(func.distinct(ListingItem.right_id)))
        .join(Listing, Listing.id == ListingItem.listing_id)
        .where(Listing.status == ListingStatus.LISTED)
    )
    listings = session.scalar(
        select(func.count()).select_from(Listing).where(Listing.status == ListingStatus.LISTED)
    )
    month = clock.at_beijing_midnight(clock.today().replace(day=1))
    done = session.scalars(_payloads("deal.completed").where(Event.at >= month)).all()
    escrow = session.scalar(
        select(func.coalesce(func.sum(Account.balance), 0)).where(Account.address.like("escrow:%"))
    )
    return Figures(
        rights=rights or 0,
        listings=listings or 0,
        deals=len(done),
        deals_fen=sum(int(payload.get("price_fen") or 0) for payload in done),
        escrow_fen=int(escrow or 0),
        median_days=_median_days(),
    )


def _payloads(type_: str) -> Select[dict[str, Any]]:
    return select(Event.payload).where(Event.type == type_)


def _median_days() -> int | None:
    """Days from ``deal.agreed`` to ``deal.completed`` in the middle of the latest deals."""
    agreed = (
        select(Event.subject_ref, func.min(Event.at).label("at"))
        .where(Event.type == "deal.agreed")
        .group_by(Event.subject_ref)
        .subquery()
    )
    query = (
        select(Event.at, agreed.c.at)
        .join(agreed, agreed.c.subject_ref == Event.subject_ref)
        .where(Event.type == "deal.completed")
        .order_by(Event.id.desc())
        .limit(MEDIAN_OF)
    )
    spans = sorted(completed - began for completed, began in session.execute(query))
    if not spans:
        return None
    return max(1, int(spans[len(spans) // 2] / timedelta(days=1) + 0.5))


# -- what a reader may do -------------------------------------------------------------------------

MOVES: dict[str, Permission] = {
    "submit": Permission.LISTING_SUBMIT,
    "resume": Permission.LISTING_SUBMIT,
    "withdraw": Permission.LISTING_WITHDRAW,
    "verify": Permission.LISTING_REVIEW,
    "pass_gates": Permission.LISTING_REVIEW,
    "publish": Permission.LISTING_REVIEW,
    "reject": Permission.LISTING_REVIEW,
}
"""Moves that people make, and the permission each asks for."""


def allowed(actor: Actor, listing: Listing) -> list[str]:
    """What ``actor`` may do to ``listing`` now, by the names of the verbs (API ``actions``, buttons of the page)."""
    own = actor.party is not None and actor.party.id == listing.seller_id
    found = [
        name
        for name in LISTING.allowed(listing)
        if name in MOVES
        and actor.can(MOVES[name], listing)
        and not (own and MOVES[name] is Permission.LISTING_REVIEW)
    ]
    if own and listing.status in EDITABLE and actor.can(Permission.LISTING_DRAFT, listing):
        found.append("edit")
    if listing.status is ListingStatus.LISTED:
        if actor.can(Permission.LISTING_SUBMIT, listing):
            found.append("change_price")
        if not own and actor.can(Permission.OFFER_MAKE):
            found.append("offer")
    if visible(actor, listing) and publicity.running(listing) and actor.can(Permission.LISTING_OBJECT):
        found.append("object")
    return found
