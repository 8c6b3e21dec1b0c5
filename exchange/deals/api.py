"""``/api/v1/offers``, ``/api/v1/listings/{ref}/offers`` and ``/api/v1/deals``."""

from __future__ import annotations

from typing import Any

from flask import g, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Select

from exchange.api import Blueprint, etag, idempotent, page_of
from exchange.deals import actions, negotiations
from exchange.deals.models import Deal, Offer
from exchange.deals.schemas import DealArgs, DealSchema, OfferArgs, OfferBody, OfferSchema
from exchange.listings import shelf
from exchange.listings.models import Listing
from exchange.parties.models import Party
from exchange.web.access import login
from exchange.web.i18n import sentence
from exchange.web.paging import paged

blp = Blueprint("deals_api", __name__, description="Offers, counter-offers and the deals that come of them")


def _party(party: Party) -> dict[str, str]:
    return {"ref": party.ref, "name": party.name}


def _listing(listing: Listing) -> dict[str, str]:
    return {"ref": listing.ref, "title": listing.title}


def offer_shown(offer: Offer) -> dict[str, Any]:
    """An offer as the API shows it to its two sides."""
    deal = negotiations.deal_of(offer)
    names = (
        "ref",
        "round",
        "thread_ref",
        "price_fen",
        "terms",
        "message",
        "status",
        "created_at",
        "expires_at",
        "decided_at",
        "version",
    )
    return {
        **{name: getattr(offer, name) for name in names},
        "listing": _listing(offer.listing),
        "seller": _party(offer.seller),
        "buyer": _party(offer.buyer),
        "maker": "seller" if offer.maker_id == offer.seller_id else "buyer",
        "deal": deal.ref if deal else None,
        "actions": negotiations.allowed(g.actor, offer),
    }


def deal_shown(deal: Deal) -> dict[str, Any]:
    """A deal as the API shows it to its two sides. What may be done with it, the one-stop flow tells."""
    prices = deal.terms.get("item_prices", {})
    signing = actions.signing_open(deal)
    return {
        "ref": deal.ref,
        "listing": _listing(deal.listing),
        "offer": deal.offer.ref if deal.offer else None,
        "seller": _party(deal.seller),
        "buyer": _party(deal.buyer),
        "price_fen": deal.price_fen,
        "terms": {key: value for key, value in deal.terms.items() if key != "item_prices"},
        "rights": [
            {"ref": item.right.ref, "title": item.right.title, "price_fen": prices.get(item.right.ref, 0)}
            for item in deal.listing.items
        ],
        "status": deal.status,
        "status_reason": deal.status_reason,
        "agreed_at": deal.agreed_at,
        "ended_at": deal.ended_at,
        "signing": {
            "open": signing.open,
            "when": signing.when,
            "reasons": [sentence(reason) for reason in signing.reasons],
        },
        "version": deal.version,
        "actions": [],
    }


def _offer(offer: Offer, status: int = 200) -> ResponseReturnValue:
    headers = {"ETag": etag(offer.version)}
    if status == 201:
        headers["Location"] = url_for("deals_api.show_offer", ref=offer.ref)
    return offer_shown(offer), status, headers


def _offers(query: Select[Offer], name: str, args: dict[str, Any]) -> dict[str, Any]:
    page = paged(
        query, Offer.created_at, name=name, cursor=args["cursor"], limit=args["limit"], shape=offer_shown
    )
    return {"items": page.items, "next": page.next, "total": page.total}


@blp.get("/listings/<ref>/offers")
@blp.arguments(OfferArgs, location="query")
@blp.response(200, page_of(OfferSchema))
@login
def offers_on(args: dict[str, Any], ref: str) -> dict[str, Any]:
    """Offers on one listing: the seller sees all, a buyer their own."""
    listing = shelf.get_for(g.actor, ref)
    query = negotiations.offers_on(g.actor, listing)
    if args["status"] is not None:
        query = query.where(Offer.status == args["status"])
    return _offers(query, f"offers:{ref}", args)


@blp.post("/listings/<ref>/offers")
@idempotent()
@blp.arguments(OfferBody)
@blp.response(201, OfferSchema)
@login
def make_offer(body: dict[str, Any], ref: str) -> ResponseReturnValue:
    """Make an offer on a listing."""
    return _offer(actions.make_offer(g.actor, ref, **body), 201)


@blp.get("/offers")
@blp.arguments(OfferArgs, location="query")
@blp.response(200, page_of(OfferSchema))
@login
def offers(args: dict[str, Any]) -> dict[str, Any]:
    """Offers your organisation made or got, newest first."""
    return _offers(negotiations.offers_of(g.actor, args["role"], args["status"]), "offers", args)


@blp.get("/offers/<ref>")
@blp.response(200, OfferSchema)
@login
def show_offer(ref: str) -> ResponseReturnValue:
    """One round of a negotiation."""
    return _offer(negotiations.offer_for(g.actor, ref))


@blp.post("/offers/<ref>/counter")
@idempotent()
@blp.arguments(OfferBody)
@blp.response(201, OfferSchema)
@login
def counter(body: dict[str, Any], ref: str) -> ResponseReturnValue:
    """Answer an offer with other terms."""
    return _offer(actions.counter(g.actor, ref, **body), 201)


@blp.post("/offers/<ref>/accept")
@idempotent()
@blp.response(201, DealSchema)
@login
def accept(ref: str) -> ResponseReturnValue:
    """Accept an offer: the deal is made."""
    deal = actions.accept(g.actor, ref)
    return (
        deal_shown(deal),
        201,
        {"ETag": etag(deal.version), "Location": url_for("deals_api.show_deal", ref=deal.ref)},
    )


@blp.post("/offers/<ref>/decline")
@idempotent()
@blp.response(200, OfferSchema)
@login
def decline(ref: str) -> ResponseReturnValue:
    """Say no."""
    return _offer(actions.decline(g.actor, ref))


@blp.post("/offers/<ref>/withdraw")
@idempotent()
@blp.response(200, OfferSchema)
@login
def withdraw(ref: str) -> ResponseReturnValue:
    """Take back an offer nobody has answered."""
    return _offer(actions.withdraw(g.actor, ref))


@blp.get("/deals")
@blp.arguments(DealArgs, location="query")
@blp.response(200, page_of(DealSchema))
@login
def deals(args: dict[str, Any]) -> dict[str, Any]:
    """Deals of your organisation, newest first."""
    query = negotiations.deals_of(g.actor)
    if args["status"] is not None:
        query = query.where(Deal.status == args["status"])
    page = paged(
        query, Deal.created_at, name="deals", cursor=args["cursor"], limit=args["limit"], shape=deal_shown
    )
    return {"items": page.items, "next": page.next, "total": page.total}


@blp.get("/deals/<ref>")
@blp.response(200, DealSchema)
@login
def show_deal(ref: str) -> ResponseReturnValue:
    """One deal. The one-stop flow (``/flows``) tells how far it is."""
    deal = negotiations.deal_for(g.actor, ref)
    return deal_shown(deal), 200, {"ETag": etag(deal.version)}
