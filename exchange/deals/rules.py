"""Decisions about offers: how long one stands, what its terms may say, what a deal takes over. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from exchange import rulebook
from exchange.core import clock
from exchange.core.errors import N_, Problem
from exchange.deals.models import Offer, OfferStatus
from exchange.listings import rules as listing_rules
from exchange.listings.models import Listing, ListingKind

TERMS: dict[str, type] = {
    "payment": str,
    "licence_years": int,
    "licence_region": str,
    "includes": str,
    "continued_use": str,
    "buyer_is_inventor": bool,
}
"""What an offer may say beside its price: way of payment (law.md §1.2), years and region of a licence, what comes
with the right, the seller's continued use, and whether the buyer is an inventor or close to one (law.md §4.1)."""

TERM_NAMES: dict[str, str] = {
    "payment": N_("Payment"),
    "licence_years": N_("Years of the licence"),
    "licence_region": N_("Region of the licence"),
    "includes": N_("What comes with it"),
    "continued_use": N_("The seller's continued use"),
    "buyer_is_inventor": N_("The buyer is an inventor, or close to one"),
}
"""Names of the terms for pages: key → msgid."""

MAX_TEXT = 2000
"""Signs of one term or message."""


def longest(day: date) -> int:
    """How many days an offer may stand at most (rulebook ``offer.period_max``)."""
    return rulebook.as_of("offer.period_max", day).number


def usual(day: date) -> int:
    """How many days an offer stands where nothing is said (rulebook ``offer.period``)."""
    return rulebook.as_of("offer.period", day).number


def expiry(now: datetime, valid_days: int, listing_ends: datetime | None) -> datetime:
    """When an offer ends: at the end of the last Beijing day, and never after its listing."""
    end = clock.end_of_beijing_day(clock.beijing(now).date() + timedelta(days=valid_days))
    return end if listing_ends is None else min(end, listing_ends)


def running(offer: Offer, now: datetime) -> bool:
    """Whether the offer can still be answered: its own instant decides, not what the clock has yet written down."""
    return offer.status is OfferStatus.OPEN and now < offer.expires_at


def wrong_terms(terms: Mapping[str, Any], kind: ListingKind) -> list[Problem]:
    """Everything that is wrong with the terms of an offer."""
    found = []
    for key, value in terms.items():
        wanted = TERMS.get(key)
        fits = (
            wanted is not None
            and isinstance(value, wanted)
            and not (wanted is int and isinstance(value, bool))
        )
        if not fits or (isinstance(value, str) and len(value) > MAX_TEXT):
            found.append(
                Problem(
                    "offer.term",
                    N_("“%(key)s” is not a term of an offer, or has the wrong shape."),
                    field=key,
                    params={"key": key},
                )
            )
    years = terms.get("licence_years")
    if isinstance(years, int) and not 1 <= years <= 50:
        found.append(
            Problem("offer.licence_years", N_("A licence runs from 1 to 50 years."), field="licence_years")
        )
    if kind is not ListingKind.LICENCE and any(terms.get(key) for key in ("licence_years", "licence_region")):
        found.append(
            Problem(
                "offer.licence_terms",
                N_("Years and region belong to a licence. Leave them out: the right itself is for sale."),
                field="licence_years",
            )
        )
    return found


def listing_terms(listing: Listing) -> dict[str, Any]:
    """What the seller asks, in the shape of an offer's terms, to stand beside the offers."""
    stated: Mapping[str, Any] = listing.terms
    asked = {
        "payment": stated.get("payment"),
        "licence_years": listing.licence_years,
        "licence_region": listing.licence_region,
        "includes": stated.get("includes"),
        "continued_use": stated.get("continued_use"),
    }
    return {key: value for key, value in asked.items() if value}


def deal_terms(listing: Listing, offered: Mapping[str, Any], price_fen: int) -> dict[str, Any]:
    """What a deal takes over: the listing's terms with the offer's laid over them, and the price of each right.

    ``item_prices`` maps the reference of a right to fen; together they are exactly the price.
    """
    prices = listing_rules.item_prices(listing, price_fen)
    return {
        "kind": listing.kind.value,
        "licence_kind": listing.licence_kind.value if listing.licence_kind else None,
        "licences_disclosed": listing.terms.get("licences_disclosed", ""),
        **listing_terms(listing),
        **{key: value for key, value in offered.items() if value not in (None, "")},
        "item_prices": {item.right.ref: prices[item.right_id] for item in listing.items},
    }


@dataclass(frozen=True)
class Line:
    """One term across the rounds: its name, the listing's value, each round's, and whether the last one changed."""

    key: str
    name: str
    asked: Any
    rounds: tuple[Any, ...]
    changed: bool


def side_by_side(listing: Listing, rounds: Sequence[Offer]) -> list[Line]:
    """The price and every term that anybody named, round by round (ux-reliability.md §1.2 row 25)."""
    asked = listing_terms(listing)
    lines = [_line("price", N_("Price"), listing.price_fen, [offer.price_fen for offer in rounds])]
    for key, name in TERM_NAMES.items():
        said = [offer.terms.get(key) for offer in rounds]
        if key in asked or any(value not in (None, "", False) for value in said):
            lines.append(_line(key, name, asked.get(key), said))
    return lines


def _line(key: str, name: str, asked: Any, said: Sequence[Any]) -> Line:
    before = said[-2] if len(said) > 1 else asked
    return Line(key, name, asked, tuple(said), bool(said) and (said[-1] or None) != (before or None))
