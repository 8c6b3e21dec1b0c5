"""The seller's pages: one's own listings, a draft as a list of tasks, price, withdrawal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import abort, flash, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy import false, select

from exchange.core.db import session
from exchange.core.errors import N_, Problem, RuleBroken
from exchange.listings import actions, present, readiness, rules, shelf
from exchange.listings.faces import bp, page, press, right_title
from exchange.listings.models import EDITABLE, Listing, ListingStatus
from exchange.listings.public import shown
from exchange.listings.schemas import ListingBody, PriceBody, WithdrawBody, blanks
from exchange.parties.policy import Permission
from exchange.rights.models import Holding, Right
from exchange.web.access import login
from exchange.web.forms import Form
from exchange.web.paging import paged

CHOICES = 60
"""How many rights one page offers to choose from; a search narrows them."""


@dataclass(frozen=True)
class Part:
    """One task of a draft: its name, what it is for, and the fields of ``ListingBody`` it asks for."""

    key: str
    name: str
    lead: str
    fields: tuple[str, ...]


PARTS: dict[str, Part] = {
    part.key: part
    for part in (
        Part(
            "rights",
            N_("Rights"),
            N_("What you offer, and each right's share of the price."),
            ("right_refs",),
        ),
        Part(
            "description",
            N_("Description"),
            N_("What buyers read and what the search finds."),
            ("title", "title_en", "summary", "maturity", "region", "includes", "continued_use"),
        ),
        Part(
            "price",
            N_("Price and terms"),
            N_("What you ask. Buyers may offer other terms."),
            ("price", "licence_kind", "licence_years", "licence_region", "payment"),
        ),
        Part(
            "statements",
            N_("Consents and decisions"),
            N_("What must be at hand before the listing is published."),
            (
                "co_owner_consents",
                "internal_decision",
                "licences_disclosed",
                "pledgee_consent",
                "inventors_notified",
            ),
        ),
    )
}

LICENCE_FIELDS = frozenset({"licence_kind", "licence_years", "licence_region"})


@bp.get("/listings")
@login
def mine() -> ResponseReturnValue:
    """The listings of the reader's organisation."""
    party_id = g.actor.party.id if g.actor.party else None
    query = shelf.of_party(party_id) if party_id is not None else select(Listing).where(false())
    asked = request.args.get("status", "")
    if asked in {status.value for status in ListingStatus}:
        query = query.where(Listing.status == ListingStatus(asked))
    found = paged(query, Listing.created_at, name="listings:page", cursor=request.args.get("cursor"))
    return page(
        "listings/mine.html",
        found=found,
        asked=asked,
        statuses=list(ListingStatus),
        may_draft=g.actor.can(Permission.LISTING_DRAFT),
    )


# -- a new draft -------------------------------------------------------------------------------------


@bp.route("/listings/new", methods=["GET", "POST"])
@login
def new() -> ResponseReturnValue:
    """Choose what to offer; the draft is made and its tasks are shown."""
    g.actor.must(Permission.LISTING_DRAFT)
    asked = request.values.get("q", "").strip()
    chosen = request.values.getlist("right") + request.form.getlist("right_refs")
    schema = ListingBody(only=("kind", "right_refs"))
    options = _offer_rights(schema, asked, chosen)
    form = Form(schema, data={"right_refs": request.args.getlist("right")})

    def save(values: dict[str, Any]) -> str:
        listing = actions.draft(g.actor, **values)
        return url_for("listings.edit", ref=listing.ref)

    return form.answer(
        save, lambda: page("listings/new.html", form=form, options=options, asked=asked, most=CHOICES)
    )


def _offer_rights(schema: ListingBody, asked: str, chosen: list[str]) -> list[tuple[str, str]]:
    """Let the field of rights offer those the reader's organisation holds; how they are called."""
    query = (
        select(Right)
        .join(Holding, Holding.right_id == Right.id)
        .where(Holding.party_id == g.actor.party.id, Holding.ended_at.is_(None))
        .order_by(Right.title, Right.id)
        .limit(CHOICES)
    )
    if asked:
        like = f"%{asked.replace('%', '').replace('_', '')}%"
        query = query.where(Right.title.ilike(like) | Right.app_no.ilike(like) | Right.ref.in_(chosen))
    rights = {right.ref: right for right in session.scalars(query)}
    if missing := [ref for ref in chosen if ref not in rights]:
        kept = query.where(Right.ref.in_(missing)) if not asked else query
        rights |= {right.ref: right for right in session.scalars(kept)}
    options = [(ref, f"{right_title(right)}　{present.number_of(right)}") for ref, right in rights.items()]
    schema.fields["right_refs"].inner.metadata["choices"] = options  # type: ignore[attr-defined]
    return options


# -- the draft as tasks --------------------------------------------------------------------------------


def _own(ref: str, *, editable: bool = True) -> Listing:
    listing = shelf.get_for(g.actor, ref)
    g.actor.must(Permission.LISTING_SUBMIT, listing)
    if editable and listing.status not in EDITABLE:
        raise RuleBroken(
            "listing.cannot_edit",
            N_(
                "Only a draft or a rejected listing can be edited. Withdraw it and list again, or change its price."
            ),
        )
    return listing


@bp.get("/listings/<ref>/edit")
@login
def edit(ref: str) -> ResponseReturnValue:
    """The tasks of a draft, what is done and what is missing, and the way to submit it."""
    return _tasks(_own(ref))


def _tasks(listing: Listing, form: Form | None = None) -> str:
    problems = readiness.may_be_submitted(listing)
    return page(
        "listings/tasks.html",
        listing=listing,
        parts=[(part, _state(part, listing, problems)) for part in PARTS.values() if _asked(part, listing)],
        problems=[p for p in problems if not _belongs(p)],
        ready=not problems,
        form=form,
    )


def _asked(part: Part, listing: Listing) -> bool:
    return part.key != "statements" or bool(readiness.gates_of(listing))


def _belongs(problem: Problem) -> bool:
    """Whether a problem is mended in one of the tasks."""
    return any(problem.field in part.fields for part in PARTS.values() if part.key != "rights")


def _state(part: Part, listing: Listing, problems: list[Problem]) -> str:
    if any(problem.field in part.fields for problem in problems):
        return "missing"
    if part.key == "description" and not listing.summary:
        return "open"
    return "done"


@bp.route("/listings/<ref>/edit/<part>", methods=["GET", "POST"])
@login
def edit_part(ref: str, part: str) -> ResponseReturnValue:
    """One task of a draft."""
    listing = _own(ref)
    task = PARTS.get(part)
    if task is None or not _asked(task, listing):
        abort(404)
    back = request.args.get("to") == "check"
    target = url_for("listings.check" if back else "listings.edit", ref=ref)
    if task.key == "rights":
        return _edit_rights(listing, task, target)
    schema = ListingBody(only=_fields(task, listing), partial=True)
    _name_co_owners(schema, listing)
    if task.key == "statements":
        for spec in schema.fields.values():
            spec.required = True  # shown as needed; a partial schema still saves what is there
    form = Form(schema, data=_data(listing, schema))

    def save(values: dict[str, Any]) -> str:
        actions.edit(g.actor, ref, **blanks(schema, values))
        return target

    return form.answer(
        save, lambda: page("listings/part.html", listing=listing, part=task, form=form, back=target)
    )


def _fields(task: Part, listing: Listing) -> tuple[str, ...]:
    """The fields of a task that this listing is asked for."""
    if task.key == "statements":
        keys = {gate.key for gate in readiness.gates_of(listing)}
        return tuple(n for n in task.fields if n in keys or (n == "co_owner_consents" and "consents" in keys))
    licence = listing.licence_kind is not None
    return tuple(name for name in task.fields if licence or name not in LICENCE_FIELDS)


def _data(listing: Listing, schema: ListingBody) -> dict[str, Any]:
    data = {
        name: listing.terms.get(name)
        if name in readiness.STATEMENTS
        else getattr(listing, spec.attribute or name)
        for name, spec in schema.fields.items()
    }
    if data.get("region"):
        code = str(data["region"])
        data["region"] = code[:4] if code.startswith("35") else code[:2]
    return data


def _name_co_owners(schema: ListingBody, listing: Listing) -> None:
    """Let the field of consents offer the co-owners of record by name."""
    field = schema.fields.get("co_owner_consents")
    if field is None:
        return
    own = readiness.names_of(listing.seller)
    names = [
        name for item in listing.items for name in rules.other_owners(item.right, listing.seller_id, own)
    ]
    field.inner.metadata["choices"] = [(name, name) for name in dict.fromkeys(names)]  # type: ignore[attr-defined]
    field.metadata = {**field.metadata, "hint": N_("Tick everyone whose written consent you hold.")}


def _edit_rights(listing: Listing, task: Part, target: str) -> ResponseReturnValue:
    held = [item.right.ref for item in listing.items]
    several = len(held) > 1
    schema = ListingBody(only=("right_refs", "weights") if several else ("right_refs",), partial=True)
    asked = request.values.get("q", "").strip()
    _offer_rights(schema, asked, held + request.form.getlist("right_refs"))
    if several:
        field = schema.fields["weights"]
        field.metadata = {**field.metadata, "widget": "lines"}
    shares = [item.price_share_bp or 0 for item in listing.items]
    form = Form(schema, data={"right_refs": held, "weights": shares})

    def save(values: dict[str, Any]) -> str:
        weights = values.get("weights") or None
        refs = values.get("right_refs", [])
        if weights is not None and len(weights) != len(refs):
            weights = None if refs != held else weights
        actions.edit(g.actor, listing.ref, right_refs=refs, weights=weights)
        return target

    return form.answer(
        save,
        lambda: page("listings/part.html", listing=listing, part=task, form=form, back=target),
    )


@bp.get("/listings/<ref>/check")
@login
def check(ref: str) -> ResponseReturnValue:
    """All answers once more before they are submitted, each with the way back to it."""
    return _check(_own(ref))


def _check(listing: Listing, form: Form | None = None) -> str:
    return page(
        "listings/check.html",
        listing=listing,
        views=present.right_views(listing),
        gates=readiness.gates_of(listing),
        problems=readiness.may_be_submitted(listing),
        bound=rules.bound_by_publicity(listing),
        form=form,
    )


@bp.post("/listings/<ref>/submit")
@login
def submit(ref: str) -> ResponseReturnValue:
    """Hand the draft in."""
    listing = _own(ref, editable=False)

    def act() -> str:
        actions.submit(g.actor, ref)
        flash(gettext("Submitted. The exchange reviews it and tells you the outcome."), "ok")
        return url_for("listings.show", ref=ref)

    return press(act, lambda form: _check(listing, form))


@bp.post("/listings/<ref>/resume")
@login
def resume(ref: str) -> ResponseReturnValue:
    """Hand a suspended listing in again."""
    listing = _own(ref, editable=False)

    def act() -> str:
        actions.resume(g.actor, ref)
        flash(gettext("Submitted again. The exchange reviews it and tells you the outcome."), "ok")
        return url_for("listings.show", ref=ref)

    return press(act, lambda form: shown(listing, form))


# -- price and withdrawal --------------------------------------------------------------------------------


@bp.route("/listings/<ref>/price", methods=["GET", "POST"])
@login
def price(ref: str) -> ResponseReturnValue:
    """Ask another price."""
    listing = _own(ref, editable=False)
    if request.method == "GET" and "change_price" not in shelf.allowed(g.actor, listing):
        return redirect(url_for("listings.show", ref=ref), 303)
    form = Form(PriceBody, data={"price": listing.price_fen})

    def save(values: dict[str, Any]) -> str:
        actions.change_price(g.actor, ref, **values)
        flash(gettext("The price is changed. The old one stays in the history."), "ok")
        return url_for("listings.show", ref=ref)

    return form.answer(
        save,
        lambda: page(
            "listings/price.html", listing=listing, form=form, bound=rules.bound_by_publicity(listing)
        ),
    )


@bp.route("/listings/<ref>/withdraw", methods=["GET", "POST"])
@login
def withdraw(ref: str) -> ResponseReturnValue:
    """Take a listing back."""
    listing = shelf.get_for(g.actor, ref)
    g.actor.must(Permission.LISTING_WITHDRAW, listing)
    if request.method == "GET" and "withdraw" not in shelf.allowed(g.actor, listing):
        return redirect(url_for("listings.show", ref=ref), 303)
    form = Form(WithdrawBody)

    def save(values: dict[str, Any]) -> str:
        actions.withdraw(g.actor, ref, **values)
        flash(gettext("Withdrawn. Open offers on it end; its rights are free again."), "ok")
        return url_for("listings.show", ref=ref)

    return form.answer(save, lambda: page("listings/withdraw.html", listing=listing, form=form))
