"""The reviewer's page: what the seller stated, what the register says, approve or send back, decide objections."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, g, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from exchange.core import clock
from exchange.listings import actions, present, publicity, readiness, rules, shelf, story
from exchange.listings.faces import bp, page, press
from exchange.listings.models import Listing, Objection
from exchange.listings.schemas import DecisionBody, ReasonBody
from exchange.web.access import exchange_role, operator
from exchange.web.forms import Form


@bp.get("/listings/<ref>/review")
@operator
def review(ref: str) -> ResponseReturnValue:
    """Everything a reviewer needs to decide, on one page."""
    return _page(shelf.read(g.actor, ref))


def _page(listing: Listing, form: Form | None = None, decisions: dict[str, Form] | None = None) -> str:
    rights = [item.right for item in listing.items]
    objections = [one for public in listing.publicities for one in public.objections]
    allowed = shelf.allowed(g.actor, listing)
    return page(
        "listings/review.html",
        listing=listing,
        views=present.right_views(listing),
        gates=readiness.gates_of(listing, rights),
        obstacles=readiness.standing_in_the_way(listing, rights),
        problems=readiness.everything(listing, rights)
        if {"verify", "pass_gates", "publish"} & set(allowed)
        else [],
        allowed=allowed,
        bound=rules.bound_by_publicity(listing),
        clock_of=present.publicity_view(publicity.current(listing)),
        objections=objections,
        decisions={
            one.ref: (decisions or {}).get(one.ref) or Form(DecisionBody)
            for one in objections
            if one.decided_at is None
        },
        events=story.told(listing.ref),
        form=form,
        today=clock.today(),
        reason=form if form is not None and "reason" in form.fields else Form(ReasonBody),
    )


@bp.post("/listings/<ref>/review/approve")
@exchange_role("reviewer")
def approve(ref: str) -> ResponseReturnValue:
    """Verify, pass the gates, publish."""
    listing = shelf.get_for(g.actor, ref)

    def act() -> str:
        actions.approve(g.actor, ref)
        flash(gettext("Published."), "ok")
        return url_for("listings.show", ref=ref)

    return press(act, lambda form: _page(listing, form))


@bp.post("/listings/<ref>/review/reject")
@exchange_role("reviewer")
def reject(ref: str) -> ResponseReturnValue:
    """Send it back with the reason."""
    listing = shelf.get_for(g.actor, ref)
    form = Form(ReasonBody)

    def save(values: dict[str, Any]) -> str:
        actions.reject(g.actor, ref, **values)
        flash(gettext("Sent back to the seller with your reason."), "ok")
        return url_for("listings.review", ref=ref)

    return form.answer(save, lambda: _page(listing, form))


@bp.post("/listings/<ref>/objections/<objection>/decide")
@exchange_role("reviewer")
def decide(ref: str, objection: str) -> ResponseReturnValue:
    """Uphold or dismiss an objection."""
    listing = shelf.get_for(g.actor, ref)
    if objection not in _refs(listing):
        abort(404)
    form = Form(DecisionBody)

    def save(values: dict[str, Any]) -> str:
        publicity.decide_objection(g.actor, objection, **values)
        flash(gettext("The decision is recorded; the seller is told."), "ok")
        return url_for("listings.review", ref=ref)

    return form.answer(save, lambda: _page(listing, form, {objection: form}))


def _refs(listing: Listing) -> set[str]:
    found: list[Objection] = [one for public in listing.publicities for one in public.objections]
    return {one.ref for one in found}
