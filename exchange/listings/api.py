"""``/api/v1/listings``: what is on offer, the seller's own, and the verbs of a listing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import g, url_for
from flask.typing import ResponseReturnValue

from exchange.api import Blueprint, etag, idempotent, must_be_fresh, page_of
from exchange.core.db import lock, transaction
from exchange.listings import actions, publicity, rules, shelf
from exchange.listings.models import Listing, ListingItem, Objection
from exchange.listings.schemas import (
    DecisionBody,
    ListingArgs,
    ListingBody,
    ListingSchema,
    ObjectionBody,
    ObjectionSchema,
    PriceBody,
    ReasonBody,
    WithdrawBody,
)
from exchange.parties.policy import Actor, Permission
from exchange.rights.fees import expiry_of
from exchange.web.access import login, public
from exchange.web.paging import paged

blp = Blueprint(
    "listings_api",
    __name__,
    url_prefix="/listings",
    description="Rights on offer, and the seller's side of it",
)

Verb = Callable[..., Listing]


def item_of(item: ListingItem) -> dict[str, Any]:
    """A right of a listing, as the API shows it."""
    right = item.right
    return {
        "ref": right.ref,
        "title": right.title,
        "number": right.app_no,
        "status": right.status.value,
        "expires_on": expiry_of(right),
        "price_share": item.price_share_bp,
    }


def shown(actor: Actor, listing: Listing) -> dict[str, Any]:
    """A listing as ``actor`` may see it: what the seller told the exchange stays between the two."""
    running = publicity.current(listing)
    answer = {
        name: getattr(listing, name)
        for name in ListingSchema().fields
        if name not in {"price", "rights", "publicity", "actions", "statements", "seller"}
        and name not in {"status_reason", "submitted_at"}
    }
    answer |= {
        "price_fen": listing.price_fen,
        "seller": {"ref": listing.seller.ref, "name": listing.seller.name},
        "rights": [item_of(item) for item in listing.items],
        "publicity": None
        if running is None
        else {
            "name": running.name,
            "price_fen": running.price_fen,
            "buyer_is_inventor": running.buyer_is_inventor,
            "started_at": running.started_at,
            "first_day": running.first_day,
            "signing_from": running.signing_from,
            "open_objections": rules.open_objections(running),
        },
        "actions": shelf.allowed(actor, listing),
    }
    if actor.can(Permission.LISTING_READ, listing):
        answer |= {
            "statements": listing.terms,
            "status_reason": listing.status_reason,
            "submitted_at": listing.submitted_at,
        }
    return answer


def _answer(listing: Listing, status: int = 200) -> tuple[Any, int, dict[str, str]]:
    headers = {"ETag": etag(listing.version)}
    if status == 201:
        headers["Location"] = url_for("listings_api.show", ref=listing.ref)
    return shown(g.actor, listing), status, headers


@blp.get("")
@blp.arguments(ListingArgs, location="query")
@blp.response(200, page_of(ListingSchema))
@public
def index(args: dict[str, Any]) -> dict[str, Any]:
    """What is on offer, newest first; with ``mine`` the listings of your organisation in every state."""
    actor: Actor = g.actor
    if args["mine"] and actor.party is not None:
        actor.must_be_in_scope(Permission.LISTING_READ)
        query = shelf.of_party(actor.party.id)
        if args["status"] is not None:
            query = query.where(Listing.status == args["status"])
    else:
        query = shelf.on_offer()
    page = paged(
        query,
        Listing.created_at if args["mine"] else Listing.published_at,
        name="listings:mine" if args["mine"] else "listings",
        cursor=args["cursor"],
        limit=args["limit"],
        shape=lambda listing: shown(actor, listing),
    )
    return {"items": page.items, "next": page.next, "total": page.total}


@blp.post("")
@idempotent()
@blp.arguments(ListingBody)
@blp.response(201, ListingSchema)
@login
def draft(body: dict[str, Any]) -> ResponseReturnValue:
    """Draft a listing that only your organisation and the exchange see."""
    return _answer(actions.draft(g.actor, **body), 201)


@blp.get("/<ref>")
@blp.response(200, ListingSchema)
@public
def show(ref: str) -> ResponseReturnValue:
    """One listing."""
    return _answer(shelf.get_for(g.actor, ref))


@blp.patch("/<ref>")
@idempotent()
@blp.arguments(ListingBody(partial=True, exclude=("kind",)))
@blp.response(200, ListingSchema)
@login
def edit(body: dict[str, Any], ref: str) -> ResponseReturnValue:
    """Change a draft or a rejected listing; send ``If-Match``."""
    shelf.get_for(g.actor, ref)
    with transaction():
        must_be_fresh(lock(Listing, ref), required=True)
        return _answer(actions.edit(g.actor, ref, **body))


def _plain(name: str, verb: Verb, summary: str) -> None:
    """Add a verb that needs no answers: ``POST /listings/{ref}/{name}``."""

    def act(ref: str) -> ResponseReturnValue:
        return _answer(verb(g.actor, ref))

    act.__name__ = name
    act.__doc__ = summary
    view = idempotent()(blp.response(200, ListingSchema)(login(act)))
    blp.route(f"/<ref>/{name}", methods=["POST"])(view)


for _name, _verb, _summary in (
    ("submit", actions.submit, "Hand a draft in for review."),
    ("resume", actions.resume, "Hand a suspended listing in again."),
    ("verify", actions.verify, "Reviewer: status and owners are in order."),
    ("pass_gates", actions.pass_gates, "Reviewer: consents, notices and decisions are at hand."),
    ("publish", actions.publish, "Reviewer: put it before the public."),
    ("approve", actions.approve, "Reviewer: verify, pass the gates and publish in one act."),
):
    _plain(_name, _verb, _summary)


@blp.post("/<ref>/reject")
@idempotent()
@blp.arguments(ReasonBody)
@blp.response(200, ListingSchema)
@login
def reject(body: dict[str, Any], ref: str) -> ResponseReturnValue:
    """Reviewer: send it back with the reason."""
    return _answer(actions.reject(g.actor, ref, **body))


@blp.post("/<ref>/withdraw")
@idempotent()
@blp.arguments(WithdrawBody)
@blp.response(200, ListingSchema)
@login
def withdraw(body: dict[str, Any], ref: str) -> ResponseReturnValue:
    """Take it back before a buyer was found."""
    return _answer(actions.withdraw(g.actor, ref, **body))


@blp.post("/<ref>/change_price")
@idempotent()
@blp.arguments(PriceBody)
@blp.response(200, ListingSchema)
@login
def change_price(body: dict[str, Any], ref: str) -> ResponseReturnValue:
    """Ask another price for what is listed; no price makes it negotiable."""
    return _answer(actions.change_price(g.actor, ref, **body))


@blp.get("/<ref>/objections")
@blp.response(200, ObjectionSchema(many=True))
@login
def objections(ref: str) -> list[Objection]:
    """Objections to the prices of this listing: for the seller and the exchange all, for others their own."""
    listing = shelf.get_for(g.actor, ref)
    found = [objection for one in listing.publicities for objection in one.objections]
    if g.actor.can(Permission.LISTING_READ, listing):
        return found
    g.actor.must_be_in_scope(Permission.LISTING_READ, Permission.LISTING_OBJECT)
    return [one for one in found if g.actor.party and one.party_id == g.actor.party.id]


@blp.post("/<ref>/object")
@idempotent()
@blp.arguments(ObjectionBody)
@blp.response(201, ObjectionSchema)
@login
def object_to(body: dict[str, Any], ref: str) -> Objection:
    """Object to the price that is public now."""
    return publicity.object_to(g.actor, ref, **body)


@blp.post("/objections/<ref>/decide")
@idempotent()
@blp.arguments(DecisionBody)
@blp.response(200, ObjectionSchema)
@login
def decide(body: dict[str, Any], ref: str) -> Objection:
    """Reviewer: uphold or dismiss an objection."""
    return publicity.decide_objection(g.actor, ref, **body)
