"""The record of a listing, an offer or a deal in sentences: who, for whom, when, what (ux-reliability.md §1.2 row 23)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from exchange.core.errors import N_
from exchange.core.events import Event, timeline
from exchange.parties import members

SENTENCES: dict[str, str] = {
    "listing.drafted": N_("drafted the listing"),
    "listing.edited": N_("changed the draft"),
    "listing.submitted": N_("submitted it for review"),
    "listing.resumed": N_("handed it in again"),
    "listing.verified": N_("found status and owners in order"),
    "listing.gated": N_("found consents, notices and decisions at hand"),
    "listing.published": N_("published it"),
    "listing.publicity_started": N_("The price was made public"),
    "listing.price_changed": N_("changed the asking price"),
    "listing.rejected": N_("sent it back"),
    "listing.withdrawn": N_("withdrew it"),
    "listing.suspended": N_("It was taken off the shelf"),
    "listing.expired": N_("Its period ended"),
    "listing.matched": N_("A buyer was found"),
    "listing.relisted": N_("It is open again"),
    "listing.sold": N_("It is sold"),
    "listing.objected": N_("objected to the price"),
    "listing.objection_decided": N_("decided on an objection"),
    "offer.made": N_("made an offer"),
    "offer.countered": N_("answered with other terms"),
    "offer.accepted": N_("accepted the offer"),
    "offer.declined": N_("declined the offer"),
    "offer.withdrawn": N_("withdrew the offer"),
    "offer.expired": N_("The offer ended without an answer"),
    "offer.superseded": N_("The offer ended because of another one"),
    "deal.agreed": N_("The deal was made"),
    "deal.completed": N_("The deal is complete"),
    "deal.rescinded": N_("The deal was rescinded"),
}
"""Event → msgid. One that begins with a small letter continues the name of the person who did it."""


@dataclass(frozen=True)
class Line:
    """One entry: when, what (msgid), the person and the organisation (empty for the clock), an amount, a reason."""

    at: datetime
    words: str
    person: str
    party: str
    price_fen: int | None
    reason: str


def told(ref: str, limit: int = 100) -> list[Line]:
    """The record of the thing ``ref`` and of what belongs to it, newest first."""
    return lines(timeline(ref, limit=limit))


def lines(events: Iterable[Event]) -> list[Line]:
    """``events`` as entries of a record; those that have no sentence are left out."""
    found = [event for event in events if event.type in SENTENCES]
    names = members.names_of(ref for event in found for ref in (event.actor_ref, event.party_ref))
    return [
        Line(
            event.at,
            SENTENCES[event.type],
            names.get(event.actor_ref or "", ""),
            names.get(event.party_ref or "", ""),
            event.payload.get("price_fen"),
            str(event.payload.get("reason") or ""),
        )
        for event in found
    ]
