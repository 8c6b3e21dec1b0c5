"""Pages of the room: make an offer, the conversation with its terms side by side, deals."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy import select

from exchange.core import clock
from exchange.core.db import session
from exchange.core.events import Event, timeline
from exchange.deals import actions, negotiations, rules
from exchange.deals.models import Deal, Offer, OfferStatus
from exchange.deals.schemas import OfferBody
from exchange.listings import present, publicity, shelf, story
from exchange.listings import rules as listing_rules
from exchange.listings.faces import link, page, press
from exchange.listings.models import Listing, ListingKind
from exchange.parties.policy import Permission
from exchange.web.access import login
from exchange.web.forms import Form
from exchange.web.paging import paged

bp = Blueprint("deals", __name__)

LICENCE_ONLY = ("licence_years", "licence_region")


def _form(listing: Listing, data: dict[str, Any]) -> Form:
    left_out = () if listing.kind is ListingKind.LICENCE else LICENCE_ONLY
    return Form(OfferBody(exclude=left_out), data={"valid_days": rules.usual(clock.today()), **data})


# -- making an offer -----------------------------------------------------------------------------------


@bp.route("/listings/<ref>/offer", methods=["GET", "POST"])
@login
def make(ref: str) -> ResponseReturnValue:
    """Make an offer on a listing; who is negotiating there already is shown that offer."""
    listing = shelf.get_for(g.actor, ref)
    g.actor.must(Permission.OFFER_MAKE)
    earlier = negotiations.open_with(g.actor.party, listing)
    if earlier is not None and request.method == "GET":
        flash(gettext("You are negotiating here already: this is your offer."), "ok")
        return redirect(url_for("deals.offer", ref=earlier.ref), 303)
    asked = rules.listing_terms(listing)
    form = _form(listing, {**asked, "price": listing.price_fen})

    def save(values: dict[str, Any]) -> str:
        offer = actions.make_offer(g.actor, ref, **values)
        flash(gettext("Your offer is in. The seller is told; it stands until it is answered or ends."), "ok")
        return url_for("deals.offer", ref=offer.ref)

    return form.answer(
        save,
        lambda: page(
            "deals/make.html",
            listing=listing,
            form=form,
            bound=listing_rules.bound_by_publicity(listing),
            clock_of=present.publicity_view(publicity.current(listing)),
            views=present.right_views(listing),
            longest=rules.longest(clock.today()),
        ),
    )


# -- offers --------------------------------------------------------------------------------------------


@bp.get("/offers")
@login
def offers() -> ResponseReturnValue:
    """Offers of the reader's organisation, made and got; or those on one listing."""
    role = request.args.get("role") if request.args.get("role") in {"seller", "buyer"} else None
    status = request.args.get("status", "")
    wanted = OfferStatus(status) if status in {one.value for one in OfferStatus} else None
    query = negotiations.offers_of(g.actor, role, wanted)
    listing = None
    if request.args.get("listing"):
        listing = shelf.get_for(g.actor, request.args["listing"])
        query = query.where(Offer.listing_id == listing.id)
    found = paged(query, Offer.created_at, name="offers:page", cursor=request.args.get("cursor"))
    return page(
        "deals/offers.html",
        found=found,
        listing=listing,
        role=role,
        asked=status,
        statuses=list(OfferStatus),
        now=clock.now(),
    )


@bp.get("/offers/<ref>")
@login
def offer(ref: str) -> ResponseReturnValue:
    """One negotiation: the terms side by side, what was said, and what the reader can do."""
    return _conversation(negotiations.offer_for(g.actor, ref))


def _conversation(offer: Offer, form: Form | None = None) -> str:
    rounds = negotiations.conversation(offer)
    last = rounds[-1]
    mine = g.actor.party is not None and g.actor.party.id == last.maker_id
    deals = [deal for one in rounds if (deal := negotiations.deal_of(one)) is not None]
    return page(
        "deals/offer.html",
        offer=last,
        rounds=rounds,
        listing=last.listing,
        lines=rules.side_by_side(last.listing, rounds),
        allowed=negotiations.allowed(g.actor, last),
        mine=mine,
        running=rules.running(last, clock.now()),
        deal=deals[-1] if deals else None,
        bound=listing_rules.bound_by_publicity(last.listing),
        public=shelf.visible(g.actor, last.listing),
        form=form,
        now=clock.now(),
    )


@bp.route("/offers/<ref>/counter", methods=["GET", "POST"])
@login
def counter(ref: str) -> ResponseReturnValue:
    """Answer an offer with other terms."""
    answered = negotiations.offer_for(g.actor, ref)
    g.actor.must(Permission.OFFER_ANSWER, answered)
    form = _form(answered.listing, {**answered.terms, "price": answered.price_fen})

    def save(values: dict[str, Any]) -> str:
        made = actions.counter(g.actor, ref, **values)
        flash(gettext("Your answer is in. Now it is the other side's turn."), "ok")
        return url_for("deals.offer", ref=made.ref)

    return form.answer(
        save,
        lambda: page(
            "deals/counter.html",
            offer=answered,
            listing=answered.listing,
            form=form,
            lines=rules.side_by_side(answered.listing, negotiations.conversation(answered)),
            rounds=negotiations.conversation(answered),
            longest=rules.longest(clock.today()),
        ),
    )


@bp.route("/offers/<ref>/accept", methods=["GET", "POST"])
@login
def accept(ref: str) -> ResponseReturnValue:
    """Read once more what is accepted, then accept it: the deal is made."""
    found = negotiations.offer_for(g.actor, ref)
    g.actor.must(Permission.OFFER_ANSWER, found)
    if request.method == "GET":
        return _accepting(found)

    def act() -> str:
        deal = actions.accept(g.actor, ref)
        flash(gettext("The deal is made. The contract is the next step."), "ok")
        return url_for("deals.show", ref=deal.ref)

    return press(act, lambda form: _accepting(found, form))


def _accepting(offer: Offer, form: Form | None = None) -> str:
    declared = bool(offer.terms.get("buyer_is_inventor"))
    listing = offer.listing
    rights = [item.right for item in listing.items]
    inventor = listing_rules.is_inventor(offer.buyer.name, rights, declared)
    covered = listing_rules.find_publicity(listing, offer.price_fen, clock.now(), buyer_is_inventor=inventor)
    return page(
        "deals/accept.html",
        offer=offer,
        listing=listing,
        lines=rules.side_by_side(listing, negotiations.conversation(offer)),
        rounds=negotiations.conversation(offer),
        allowed=negotiations.allowed(g.actor, offer),
        bound=listing_rules.bound_by_publicity(listing),
        covered=covered,
        form=form,
    )


@bp.post("/offers/<ref>/decline")
@login
def decline(ref: str) -> ResponseReturnValue:
    """Say no."""
    found = negotiations.offer_for(g.actor, ref)

    def act() -> str:
        actions.decline(g.actor, ref)
        flash(gettext("Declined. The other side is told."), "ok")
        return url_for("deals.offer", ref=ref)

    return press(act, lambda form: _conversation(found, form))


@bp.post("/offers/<ref>/withdraw")
@login
def withdraw(ref: str) -> ResponseReturnValue:
    """Take back an offer."""
    found = negotiations.offer_for(g.actor, ref)

    def act() -> str:
        actions.withdraw(g.actor, ref)
        flash(gettext("Your offer is withdrawn."), "ok")
        return url_for("deals.offer", ref=ref)

    return press(act, lambda form: _conversation(found, form))


# -- deals ---------------------------------------------------------------------------------------------


@bp.get("/deals")
@login
def index() -> ResponseReturnValue:
    """The deals of the reader's organisation."""
    found = paged(
        negotiations.deals_of(g.actor), Deal.agreed_at, name="deals:page", cursor=request.args.get("cursor")
    )
    return page("deals/index.html", found=found)


@bp.get("/deals/<ref>")
@login
def show(ref: str) -> ResponseReturnValue:
    """One deal: what was agreed, whether it can be signed, and the way to its one-stop file."""
    deal = negotiations.deal_for(g.actor, ref)
    prices = deal.terms.get("item_prices", {})
    items = [
        (item.right, present.number_of(item.right), prices.get(item.right.ref)) for item in deal.listing.items
    ]
    return page(
        "deals/show.html",
        deal=deal,
        listing=deal.listing,
        items=items,
        terms=[(name, deal.terms[key]) for key, name in rules.TERM_NAMES.items() if deal.terms.get(key)],
        signing=actions.signing_open(deal),
        clock_of=present.publicity_view(publicity.current(deal.listing)),
        flow=_flow_of(deal),
        record=story.lines(_events_of(deal)),
        public=shelf.visible(g.actor, deal.listing),
    )


def _flow_of(deal: Deal) -> str | None:
    """The address of the deal's one-stop file, where that room is there and has opened one."""
    opened = select(Event.subject_ref).where(Event.type == "flow.opened", Event.about_ref == deal.ref)
    ref = session.scalar(opened)
    return link("contracts.show", ref=ref) if ref else None


def _events_of(deal: Deal) -> list[Event]:
    rounds = negotiations.conversation(deal.offer) if deal.offer is not None else ()
    return timeline(deal.ref, *(one.ref for one in rounds))
