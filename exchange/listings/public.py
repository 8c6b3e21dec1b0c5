"""Pages for everybody: the home page, a listing, an objection to its price."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import flash, g, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy import select

from exchange.core import clock
from exchange.core.db import session
from exchange.listings import present, publicity, readiness, rules, shelf
from exchange.listings.faces import bp, link, page
from exchange.listings.models import Listing, ListingStatus
from exchange.listings.schemas import ObjectionBody
from exchange.parties.policy import Actor, Permission
from exchange.web.access import login, public
from exchange.web.forms import Form
from exchange.web.hooks import SitemapEntry

ON_HOME = 6
"""How many of the latest listings the home page shows."""

SITEMAP_MOST = 5000


@bp.get("/")
@public
def home() -> str:
    """Search, the market in figures, the latest listings, how a deal goes, who keeps the money."""
    latest = shelf.latest(ON_HOME)
    rows = [(listing, _first(listing), _publicity(listing)) for listing in latest]
    return page(
        "listings/home.html", figures=shelf.figures(), rows=rows, examples=_examples(rows), now=clock.now()
    )


def _examples(
    rows: list[tuple[Listing, present.RightView | None, present.PublicityView | None]],
) -> list[str]:
    """Two classes and a number of what is on offer, to try the search with."""
    views = [view for _listing, view, _clock in rows if view is not None]
    classes = dict.fromkeys(view.right.ipc[0].split("/")[0] for view in views if view.right.ipc)
    return [*list(classes)[:2], *(view.number for view in views[:1])]


def _first(listing: Listing) -> present.RightView | None:
    return present.row_view(listing.items[0].right) if listing.items else None


def _publicity(listing: Listing) -> present.PublicityView | None:
    view = present.publicity_view(publicity.current(listing))
    return view if view and not view.over else None


@bp.get("/listings/<ref>")
@public
def show(ref: str) -> str:
    """One listing: what it is, how long it lasts, what to know before signing, who owns it, what it costs."""
    return shown(shelf.read(g.actor, ref))


def shown(listing: Listing, form: Form | None = None) -> str:
    """The page of ``listing``; ``form`` carries what was refused."""
    actor: Actor = g.actor
    rights = [item.right for item in listing.items]
    insider = actor.can(Permission.LISTING_READ, listing)
    own = actor.party is not None and actor.party.id == listing.seller_id
    return page(
        "listings/show.html",
        listing=listing,
        views=present.right_views(listing),
        clock_of=present.publicity_view(publicity.current(listing)),
        know=present.to_know(listing, rights),
        history=shelf.price_history(listing),
        allowed=shelf.allowed(actor, listing),
        insider=insider,
        own=own,
        offer=offer_gate(actor, listing, own),
        bound=rules.bound_by_publicity(listing),
        today=clock.today(),
        form=form,
        stands=readiness.standing_in_the_way(listing, rights)
        if listing.status is ListingStatus.SUSPENDED and insider
        else [],
    )


def offer_gate(actor: Actor, listing: Listing, own: bool) -> dict[str, Any] | None:
    """The way to an offer for this reader: a link, or why it is closed and what opens it. ``None`` for the seller."""
    if own:
        return None
    if listing.status is not ListingStatus.LISTED:
        words = {
            ListingStatus.MATCHED: gettext(
                "A buyer has been found. If that deal fails, it is offered again."
            ),
            ListingStatus.SOLD: gettext("It has been sold."),
        }
        return {"reason": words.get(listing.status, gettext("It is not on offer."))}
    if not actor.signed_in:
        return {
            "reason": gettext("Sign in for a verified organisation to make an offer."),
            "href": f"{request.script_root}/login?next={request.path}",
            "words": gettext("Sign in"),
        }
    if not actor.can(Permission.OFFER_MAKE):
        return {"reason": gettext("Offers are made by agents and administrators of an organisation.")}
    if actor.party is not None and not actor.party.verified:
        return {
            "reason": gettext("The exchange has not verified your organisation yet."),
            "href": link("parties.organisation"),
            "words": gettext("See what is missing"),
        }
    return {"open": True, "href": link("deals.make", ref=listing.ref)}


@bp.route("/listings/<ref>/object", methods=["GET", "POST"])
@login
def object_to(ref: str) -> ResponseReturnValue:
    """Object to the price that is public now."""
    listing = shelf.get_for(g.actor, ref)
    form = Form(ObjectionBody)

    def save(values: dict[str, Any]) -> str:
        publicity.object_to(g.actor, ref, **values)
        flash(gettext("Your objection is in. Nobody signs before the exchange has decided on it."), "ok")
        return url_for("listings.show", ref=ref)

    return form.answer(
        save,
        lambda: page(
            "listings/object.html",
            listing=listing,
            form=form,
            clock_of=present.publicity_view(publicity.current(listing)),
        ),
    )


def sitemap() -> Iterable[SitemapEntry]:
    """Addresses of everything on offer, for ``/sitemap.xml``."""
    yield SitemapEntry("/")
    query = (
        select(Listing.ref, Listing.updated_at)
        .where(Listing.status == ListingStatus.LISTED)
        .order_by(Listing.published_at.desc())
        .limit(SITEMAP_MOST)
    )
    for ref, changed_at in session.execute(query):
        yield SitemapEntry(f"/listings/{ref}", changed_at)
