"""From the first offer to the agreed deal, and its end: offer, counter, accept, decline, withdraw; complete, rescind.

Every verb locks the listing first and its offers after it in the order of their ids, so that two people who accept
two offers at once come one after the other, and the second is told what happened.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from exchange.core import clock, due, money
from exchange.core.db import get, lock, lock_all, session, transaction
from exchange.core.errors import N_, Conflict, Invalid, NotFound, Problem, RuleBroken
from exchange.core.events import Event, record
from exchange.deals import negotiations, rules
from exchange.deals.models import DEAL, OFFER, Deal, DealStatus, Offer, OfferStatus
from exchange.listings import actions as listings
from exchange.listings import publicity, readiness
from exchange.listings import rules as listing_rules
from exchange.listings.models import PUBLIC, Listing, ListingStatus
from exchange.parties.models import Party
from exchange.parties.policy import SYSTEM, Actor, Permission

DUE = "offer"
"""Kind of due item: look whether the offer has run out."""


# -- offers ------------------------------------------------------------------------------------------


@transaction
def make_offer(
    actor: Actor,
    listing_ref: str,
    *,
    price_fen: int,
    message: str = "",
    terms: Mapping[str, Any] | None = None,
    valid_days: int | None = None,
) -> Offer:
    """Offer ``price_fen`` for what is listed. It binds until it is answered, withdrawn or ends.

    Raises ``NotFound`` for what is not public, ``Conflict`` (``offer.listing_closed``, ``offer.already_open``,
    ``party.not_verified``), ``RuleBroken`` (``offer.own_listing``, ``offer.price``, ``offer.valid_days``), and
    ``Invalid`` for wrong terms.
    """
    listing = lock(Listing, listing_ref)
    if listing.status not in PUBLIC and not actor.can(Permission.LISTING_READ, listing):
        raise NotFound
    actor.must(Permission.OFFER_MAKE)
    assert actor.party is not None
    if actor.party.id == listing.seller_id:
        raise RuleBroken(
            "offer.own_listing", N_("This is your own listing. Others make offers on it."), field="listing"
        )
    _must_be_listed(listing)
    _must_be_verified(actor.party)
    earlier = negotiations.open_with(actor.party, listing)
    if earlier is not None:
        raise Conflict(
            "offer.already_open",
            N_(
                "Your organisation is already negotiating here: %(offer)s. Answer or withdraw that offer first."
            ),
            field="listing",
            offer=earlier.ref,
        )
    offer = _new_offer(listing, actor.party, actor.party, price_fen, message, terms, valid_days)
    record(actor, "offer.made", offer, about=listing, price_fen=price_fen)
    return offer


@transaction
def counter(
    actor: Actor,
    offer_ref: str,
    *,
    price_fen: int,
    message: str = "",
    terms: Mapping[str, Any] | None = None,
    valid_days: int | None = None,
) -> Offer:
    """Answer an offer with other terms: the old one ends, the new one is the other side's to answer.

    The same counter twice answers with the one that was made. Raises what ``make_offer`` raises, ``Conflict``
    (``offer.expired``) where the offer has run out, and ``IllegalMove`` where it was decided.
    """
    listing, offer = _locked(actor, offer_ref)
    actor.must(Permission.OFFER_ANSWER, offer)
    assert actor.party is not None
    if offer.status is OfferStatus.COUNTERED:
        made = session.scalar(select(Offer).where(Offer.answers_id == offer.id))
        if made is not None and made.maker_id == actor.party.id and made.price_fen == price_fen:
            return made
    OFFER.check(offer, "counter")
    _must_be_listed(listing)
    _must_be_running(offer)
    _must_be_verified(actor.party)
    _decide(offer, "counter")
    session.flush()  # the answered offer leaves the index of open offers before the new one enters it
    answer = _new_offer(
        listing, offer.buyer, actor.party, price_fen, message, terms, valid_days, answers=offer
    )
    record(actor, "offer.countered", offer, about=listing, price_fen=price_fen, counter=answer.ref)
    return answer


@transaction
def accept(actor: Actor, offer_ref: str) -> Deal:
    """Accept an offer: the deal is made, the listing is matched, the other offers end; all of it or nothing.

    Everything is checked again under the lock: that the right may still be traded, that nobody was faster, that the
    offer still stands. Where the seller is bound to publicity, the agreed price is published from now on unless it
    has been. A repeat answers with the deal that was made.

    Raises ``Conflict`` (``offer.listing_closed``, ``offer.expired``), ``IllegalMove`` and ``Invalid``
    (``offer.obstacles``).
    """
    listing, offer = _locked(actor, offer_ref)
    actor.must(Permission.OFFER_ANSWER, offer)
    if offer.status is OfferStatus.ACCEPTED:
        return session.scalars(select(Deal).where(Deal.offer_id == offer.id)).one()
    OFFER.check(offer, "accept")
    _must_be_listed(listing)
    _must_be_running(offer)
    for party in (offer.seller, offer.buyer):
        _must_be_verified(party)
    if problems := readiness.in_the_way_of_the_deal(listing):
        raise Invalid(problems, "offer.obstacles", N_("Something has come in the way of this deal."))
    others = _open_offers(listing, offer) if listing.exclusive else []
    _decide(offer, "accept")
    record(actor, "offer.accepted", offer, about=listing, price_fen=offer.price_fen)
    for other in others:
        _decide(other, "supersede")
        record(SYSTEM, "offer.superseded", other, about=listing, accepted=offer.ref)
    return agree(actor, listing, offer.buyer, price_fen=offer.price_fen, terms=offer.terms, offer=offer)


@transaction
def agree(
    actor: Actor,
    listing: Listing,
    buyer: Party,
    *,
    price_fen: int,
    terms: Mapping[str, Any] | None = None,
    offer: Offer | None = None,
) -> Deal:
    """Make the deal of an accepted offer, or of an auction; called under the listing's lock.

    Matches the listing where one buyer shuts out the others, and starts the publicity of the agreed price where it
    is due. The event ``deal.agreed`` opens the one-stop flow.
    """
    declared = bool((terms or {}).get("buyer_is_inventor"))
    inventor = listing_rules.is_inventor(buyer.name, readiness.rights_of(listing), declared)
    deal = Deal(
        listing_id=listing.id,
        listing=listing,
        offer_id=offer.id if offer else None,
        seller_id=listing.seller_id,
        buyer_id=buyer.id,
        price_fen=price_fen,
        terms={**rules.deal_terms(listing, terms or {}, price_fen), "buyer_is_inventor": inventor},
        agreed_at=clock.now(),
    )
    session.add(deal)
    if listing.exclusive:
        listings.match(actor, listing)
    publicity.start_publicity(actor, listing, price_fen, buyer_is_inventor=inventor)
    session.flush()
    record(actor, "deal.agreed", deal, about=listing, price_fen=price_fen)
    return deal


@transaction
def decline(actor: Actor, offer_ref: str) -> Offer:
    """Say no. The listing stays open. A repeat is harmless."""
    listing, offer = _locked(actor, offer_ref)
    actor.must(Permission.OFFER_ANSWER, offer)
    if offer.status is OfferStatus.DECLINED:
        return offer
    OFFER.check(offer, "decline")
    _must_be_running(offer)
    _decide(offer, "decline")
    record(actor, "offer.declined", offer, about=listing)
    return offer


@transaction
def withdraw(actor: Actor, offer_ref: str) -> Offer:
    """Take back an offer of one's own that nobody has answered. A repeat is harmless."""
    listing, offer = _locked(actor, offer_ref)
    actor.must(Permission.OFFER_WITHDRAW, offer)
    if offer.status is OfferStatus.WITHDRAWN:
        return offer
    _decide(offer, "withdraw")
    record(actor, "offer.withdrawn", offer, about=listing)
    return offer


def run_due(ref: str) -> None:
    """Look whether the offer has run out (due item of kind ``offer``); the clock under the lock decides."""
    with transaction():
        listing_id = get(Offer, ref).listing_id
        listing = lock(Listing, listing_id)
        offer = lock(Offer, ref)
        if offer.status is not OfferStatus.OPEN:
            return
        if clock.now() < offer.expires_at:
            due.wake(DUE, offer.ref, offer.expires_at)
            return
        _decide(offer, "expire")
        record(SYSTEM, "offer.expired", offer, about=listing)


def on_listing_event(event: Event) -> None:
    """A listing was withdrawn or has expired: offers on it end with it.

    For the subscription table (``listing.withdrawn``, ``listing.expired``). Repeats find nothing left to end.
    """
    with transaction():
        listing = lock(Listing, event.subject_ref)
        if listing.status in {ListingStatus.WITHDRAWN, ListingStatus.EXPIRED}:
            for offer in _open_offers(listing):
                _decide(offer, "supersede")
                record(SYSTEM, "offer.superseded", offer, about=listing)


# -- deals -------------------------------------------------------------------------------------------


@transaction
def complete(actor: Actor, deal: Deal | str) -> Deal:
    """Every filing is recorded: the deal is done, the listing sold. A repeat is harmless.

    The one-stop flow calls this and has checked who may; no page and no API leads here.
    """
    found = _locked_deal(deal)
    if found.status is DealStatus.COMPLETED:
        return found
    DEAL.fire(found, "complete")
    found.ended_at = clock.now()
    if found.listing.status is ListingStatus.MATCHED:
        listings.mark_sold(actor, found.listing)
    record(actor, "deal.completed", found, about=found.listing, price_fen=found.price_fen)
    return found


@transaction
def rescind(actor: Actor, deal: Deal | str, reason: str) -> Deal:
    """The deal failed; the listing is open again. A repeat is harmless.

    The one-stop flow calls this, unwinds money and filings, and has checked who may. Raises ``RuleBroken``
    (``deal.reason_missing``) without a reason.
    """
    found = _locked_deal(deal)
    if found.status is DealStatus.RESCINDED:
        return found
    if not reason.strip():
        raise RuleBroken("deal.reason_missing", N_("Say why the deal is rescinded."), field="reason")
    DEAL.fire(found, "rescind")
    found.ended_at = clock.now()
    found.status_reason = reason.strip()
    if found.listing.status is ListingStatus.MATCHED:
        listings.relist(actor, found.listing)
    record(actor, "deal.rescinded", found, about=found.listing, reason=reason.strip())
    return found


def signing_open(deal: Deal) -> listing_rules.Signing:
    """Whether the publicity of the price lets this deal be signed now, from when, and what is in the way."""
    return listing_rules.signing_open(
        deal.listing,
        deal.price_fen,
        clock.now(),
        buyer_is_inventor=bool(deal.terms.get("buyer_is_inventor")),
    )


# -- shared ------------------------------------------------------------------------------------------


def _locked(actor: Actor, offer_ref: str) -> tuple[Listing, Offer]:
    """The listing and the offer, locked in this order; to strangers there is no such offer."""
    listing_id = get(Offer, offer_ref).listing_id
    listing = lock(Listing, listing_id)
    offer = lock(Offer, offer_ref)
    actor.must_see(Permission.OFFER_READ, offer)
    return listing, offer


def _locked_deal(deal: Deal | str) -> Deal:
    known = get(Deal, deal) if isinstance(deal, str) else deal
    lock(Listing, known.listing_id)
    return lock(Deal, known.id)


def _open_offers(listing: Listing, but: Offer | None = None) -> list[Offer]:
    ids = session.scalars(
        select(Offer.id)
        .where(Offer.listing_id == listing.id, Offer.status == OfferStatus.OPEN)
        .order_by(Offer.id)
    )
    return [o for o in lock_all(Offer, ids) if o is not but and o.status is OfferStatus.OPEN]


def _decide(offer: Offer, move: str) -> None:
    OFFER.fire(offer, move)
    offer.decided_at = clock.now()
    due.clear(DUE, offer.ref)


def _must_be_listed(listing: Listing) -> None:
    now = clock.now()
    if listing.status is not ListingStatus.LISTED or (listing.expires_at and listing.expires_at <= now):
        raise Conflict(
            "offer.listing_closed",
            N_(
                "This listing takes no offers now: it was agreed with another buyer, suspended, or has ended."
            ),
            field="listing",
            state=listing.status.value,
        )


def _must_be_running(offer: Offer) -> None:
    if not rules.running(offer, clock.now()):
        raise Conflict(
            "offer.expired",
            N_("This offer ended on %(when)s. Make a new one."),
            field="offer",
            rule="offer.period",
            when=offer.expires_at,
        )


def _must_be_verified(party: Party) -> None:
    if not party.verified:
        raise Conflict(
            "party.not_verified",
            N_("The exchange has not verified %(name)s. Complete its data and submit it for verification."),
            field="party",
            rule="law.md §7.2",
            name=party.name,
        )


def _new_offer(
    listing: Listing,
    buyer: Party,
    maker: Party,
    price_fen: int,
    message: str,
    terms: Mapping[str, Any] | None,
    valid_days: int | None,
    answers: Offer | None = None,
) -> Offer:
    now, today = clock.now(), clock.today()
    if not 0 < price_fen <= money.MAX_FEN:
        raise RuleBroken("offer.price", N_("Offer more than zero yuan."), field="price")
    days = rules.usual(today) if valid_days is None else valid_days
    if not 1 <= days <= rules.longest(today):
        raise RuleBroken(
            "offer.valid_days",
            N_("An offer stands from 1 to %(most)s days."),
            field="valid_days",
            rule="offer.period_max",
            most=rules.longest(today),
        )
    said = {key: value for key, value in (terms or {}).items() if value not in (None, "")}
    problems = rules.wrong_terms(said, listing.kind)
    if len(message) > rules.MAX_TEXT:
        problems.append(
            Problem(
                "offer.message_long",
                N_("The message is longer than %(most)s signs. Shorten it."),
                field="message",
                params={"most": rules.MAX_TEXT},
            )
        )
    if problems:
        raise Invalid(problems)
    offer = Offer(
        listing_id=listing.id,
        listing=listing,
        seller_id=listing.seller_id,
        buyer_id=buyer.id,
        maker_id=maker.id,
        answers_id=answers.id if answers else None,
        thread_ref=answers.thread_ref if answers else "",
        round=answers.round + 1 if answers else 1,
        price_fen=price_fen,
        terms=said,
        message=message.strip(),
        expires_at=rules.expiry(now, days, listing.expires_at),
    )
    session.add(offer)
    session.flush()
    offer.thread_ref = offer.thread_ref or offer.ref
    due.wake(DUE, offer.ref, offer.expires_at)
    return offer
