"""The publicity of a name and a price, and objections against it (law.md §4.1, §7.7; §9 invariant 20)."""

from __future__ import annotations

from sqlalchemy import select

from exchange.core import clock
from exchange.core.db import get, lock, session, transaction
from exchange.core.errors import N_, Conflict, NotFound, RuleBroken
from exchange.core.events import record
from exchange.listings import rules
from exchange.listings.models import LISTING, PUBLIC, Listing, Objection, Publicity
from exchange.parties.policy import Actor, Permission


@transaction
def start_publicity(
    actor: Actor, listing: Listing, price_fen: int, *, buyer_is_inventor: bool = False
) -> Publicity | None:
    """Publish name and price where the seller is bound to; called under the listing's lock.

    Answers with the publicity that covers this price: the present one where it does, else a new one whose days begin
    again. ``None`` where no publicity is asked for.
    """
    if not rules.bound_by_publicity(listing):
        return None
    now = clock.now()
    found = rules.find_publicity(listing, price_fen, now, buyer_is_inventor=buyer_is_inventor)
    if found is not None:
        return found
    end_running(listing)
    days = rules.publicity_days(clock.beijing(now).date())
    started = Publicity(
        name=listing.title,
        price_fen=price_fen,
        buyer_is_inventor=buyer_is_inventor,
        started_at=now,
        first_day=rules.first_full_day(now),
        signing_from=rules.signing_from(now, days),
    )
    listing.publicities.append(started)
    session.flush()
    record(
        actor,
        "listing.publicity_started",
        listing,
        name=started.name,
        price_fen=price_fen,
        buyer_is_inventor=buyer_is_inventor,
        signing_from=started.signing_from.isoformat(),
    )
    return started


def end_running(listing: Listing) -> None:
    """What is public now is replaced or given up; one that ran its days in full stays good."""
    now = clock.now()
    for publicity in listing.publicities:
        if publicity.ended_at is None and now < publicity.signing_from:
            publicity.ended_at = now


def current(listing: Listing) -> Publicity | None:
    """The newest publicity that was not ended, for the page; ``None`` where there is none."""
    return next((p for p in reversed(listing.publicities) if p.ended_at is None), None)


def running(listing: Listing) -> bool:
    """Whether a price is public now and objections are heard."""
    public = current(listing)
    return public is not None and clock.now() < public.signing_from


@transaction
def object_to(actor: Actor, listing_ref: str, *, text: str) -> Objection:
    """Object to the name and price that are public now; signing waits until the exchange has decided.

    Raises ``NotFound`` for what is not public, ``Conflict`` (``publicity.not_running``) where no publicity is
    running, and ``RuleBroken`` (``publicity.text_missing``) without a reason. The same words twice are one objection.
    """
    listing = lock(Listing, listing_ref)
    if listing.status not in PUBLIC and not actor.can(Permission.LISTING_READ, listing):
        raise NotFound
    actor.must(Permission.LISTING_OBJECT)
    assert actor.party is not None
    words = text.strip()
    if not words:
        raise RuleBroken(
            "publicity.text_missing", N_("Say what you object to, and on what grounds."), field="text"
        )
    publicity = current(listing)
    if publicity is None or clock.now() >= publicity.signing_from:
        raise Conflict(
            "publicity.not_running",
            N_("No price is public here now. Objections are heard while the publicity runs."),
            field="text",
            rule="univ.publicity",
        )
    for earlier in publicity.objections:
        if earlier.party_id == actor.party.id and earlier.text == words:
            return earlier
    objection = Objection(party_id=actor.party.id, name=actor.party.name, text=words, created_at=clock.now())
    publicity.objections.append(objection)
    session.flush()
    record(actor, "listing.objected", objection, about=listing)
    return objection


@transaction
def decide_objection(actor: Actor, objection_ref: str, *, upheld: bool, decision: str) -> Objection:
    """Decide an objection. One that is upheld ends the publicity and takes the listing off the shelf.

    Raises ``RuleBroken`` (``publicity.decision_missing``) without grounds, and ``Conflict``
    (``publicity.decided``) where it was decided the other way before.
    """
    actor.must(Permission.LISTING_REVIEW)
    listing_id = session.scalar(
        select(Publicity.listing_id).where(Publicity.id == get(Objection, objection_ref).publicity_id)
    )
    assert listing_id is not None
    listing = lock(Listing, listing_id)
    objection = lock(Objection, objection_ref)
    grounds = decision.strip()
    if objection.decided_at is not None:
        if objection.upheld is upheld:
            return objection
        raise Conflict(
            "publicity.decided", N_("This objection was decided before, the other way."), field="upheld"
        )
    if not grounds:
        raise RuleBroken(
            "publicity.decision_missing", N_("Give the grounds of the decision."), field="decision"
        )
    objection.decided_at = clock.now()
    objection.upheld = upheld
    objection.decision = grounds
    record(actor, "listing.objection_decided", objection, about=listing, upheld=upheld)
    if upheld:
        objection.publicity.ended_at = clock.now()
        if LISTING.find(listing.status, "suspend") is not None:
            LISTING.fire(listing, "suspend")
            listing.status_reason = grounds
            record(actor, "listing.suspended", listing, codes=["publicity.upheld"], reason=grounds)
    return objection
