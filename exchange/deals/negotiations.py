"""Reading offers and deals: each side sees its own, the exchange sees all."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Select, or_, select

from exchange.core import clock
from exchange.core.db import get, session
from exchange.deals import rules
from exchange.deals.models import OFFER, Deal, Offer, OfferStatus
from exchange.listings.models import Listing, ListingStatus
from exchange.parties.models import Party
from exchange.parties.policy import Actor, Permission

MOVES: dict[str, Permission] = {
    "counter": Permission.OFFER_ANSWER,
    "accept": Permission.OFFER_ANSWER,
    "decline": Permission.OFFER_ANSWER,
    "withdraw": Permission.OFFER_WITHDRAW,
}
"""Moves that people make, and the permission each asks for."""


def offer_for(actor: Actor, ref: str) -> Offer:
    """The offer, for its two sides and the exchange. Raises ``NotFound`` for everybody else."""
    offer = get(Offer, ref)
    actor.must_see(Permission.OFFER_READ, offer)
    return offer


def deal_for(actor: Actor, ref: str) -> Deal:
    """The deal, for its two sides and the exchange. Raises ``NotFound`` for everybody else."""
    deal = get(Deal, ref)
    actor.must_see(Permission.DEAL_READ, deal)
    return deal


def conversation(offer: Offer) -> Sequence[Offer]:
    """All rounds of the negotiation that ``offer`` belongs to, oldest first."""
    query = select(Offer).where(Offer.thread_ref == offer.thread_ref).order_by(Offer.round)
    return session.scalars(query).all()


def open_with(party: Party, listing: Listing) -> Offer | None:
    """The offer that ``party``, as buyer, is negotiating on ``listing`` now."""
    return session.scalar(
        select(Offer).where(
            Offer.listing_id == listing.id, Offer.buyer_id == party.id, Offer.status == OfferStatus.OPEN
        )
    )


def latest(offer: Offer) -> Offer:
    """The last round of the negotiation that ``offer`` belongs to."""
    return conversation(offer)[-1]


def deal_of(offer: Offer) -> Deal | None:
    """The deal that came of ``offer``, if any."""
    return session.scalar(select(Deal).where(Deal.offer_id == offer.id))


def offers_of(actor: Actor, role: str | None = None, status: OfferStatus | None = None) -> Select[Offer]:
    """Offers the actor's organisation made or got (``role``: as ``seller`` or ``buyer``); the exchange sees all.

    Raises ``NotAllowed`` for a token that may not read them.
    """
    actor.must_be_in_scope(Permission.OFFER_READ)
    query = select(Offer)
    if not _sees_all(actor, Permission.OFFER_READ):
        party_id = actor.party.id if actor.party else None
        sides = {"seller": (Offer.seller_id,), "buyer": (Offer.buyer_id,)}
        columns = sides.get(role or "", (Offer.seller_id, Offer.buyer_id))
        query = query.where(or_(*(column == party_id for column in columns)))
    return query if status is None else query.where(Offer.status == status)


def offers_on(actor: Actor, listing: Listing) -> Select[Offer]:
    """Offers on one listing, as far as the actor may see them: the seller all, a buyer their own."""
    return offers_of(actor).where(Offer.listing_id == listing.id)


def deals_of(actor: Actor) -> Select[Deal]:
    """Deals of the actor's organisation; the exchange sees all.

    Raises ``NotAllowed`` for a token that may not read them.
    """
    actor.must_be_in_scope(Permission.DEAL_READ)
    query = select(Deal)
    if _sees_all(actor, Permission.DEAL_READ):
        return query
    party_id = actor.party.id if actor.party else None
    return query.where(or_(Deal.seller_id == party_id, Deal.buyer_id == party_id))


def allowed(actor: Actor, offer: Offer) -> list[str]:
    """What ``actor`` may do to ``offer`` now, by the names of the verbs."""
    open_still = rules.running(offer, clock.now())
    listed = offer.listing.status is ListingStatus.LISTED
    found = []
    for name in OFFER.allowed(offer):
        if name not in MOVES or not actor.can(MOVES[name], offer):
            continue
        if name == "withdraw" or (open_still and (listed or name == "decline")):
            found.append(name)
    return found


class _Everything:
    """Stands for all things: only a role on the exchange reaches it."""

    def parties_for(self, relation: str) -> frozenset[int]:  # noqa: ARG002  nobody stands in a relation to it
        return frozenset()


def _sees_all(actor: Actor, permission: Permission) -> bool:
    return actor.can(permission, _Everything())
