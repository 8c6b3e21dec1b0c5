"""Listing a right: draft, edit, submit, review, publish, change the price, withdraw; suspension and expiry.

The lifecycle is law.md §7.1. A listing occupies its rights from the submission on: one live item per right and kind
of listing, decided under the lock of the rights and guarded once more by a partial unique index.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from exchange.core import clock, due
from exchange.core.db import lock, lock_all, session, transaction
from exchange.core.errors import N_, Conflict, NotAllowed, Problem, RuleBroken
from exchange.core.events import Event, record
from exchange.listings import publicity, readiness, rules
from exchange.listings.models import (
    EDITABLE,
    LISTING,
    LicenceKind,
    Listing,
    ListingItem,
    ListingKind,
    ListingStatus,
)
from exchange.parties.policy import SYSTEM, Actor, Permission
from exchange.rights.models import Right

DUE = "listing"
"""Kind of due item: look whether the listing has run out."""


class Keep(Enum):
    """Stands for "leave it as it is" in ``edit``."""

    KEEP = "keep"


KEEP: Final = Keep.KEEP


# -- the seller's side -------------------------------------------------------------------------------


@transaction
def draft(
    actor: Actor,
    *,
    kind: ListingKind,
    right_refs: Sequence[str],
    title: str = "",
    summary: str = "",
    price_fen: int | None = None,
    licence_kind: LicenceKind | None = None,
    licence_years: int | None = None,
    licence_region: str | None = None,
    title_en: str | None = None,
    maturity: str | None = None,
    region: str | None = None,
    terms: Mapping[str, Any] | None = None,
    weights: Sequence[int] | None = None,
) -> Listing:
    """A new listing that only the seller sees.

    ``price_fen`` empty means negotiable. A licence of no named kind is an ordinary one (invariant 25). ``weights``
    share the price among the rights, in their order. Raises ``NotAllowed``, and ``Invalid`` with every wrong answer.
    """
    actor.must(Permission.LISTING_DRAFT)
    assert actor.party is not None
    if kind not in rules.OPEN_KINDS:
        raise RuleBroken(
            "listing.kind",
            N_("Rights are listed for transfer or for licence. Choose one of the two."),
            field="kind",
        )
    rights = readiness.held_rights(actor.party, right_refs)
    if kind is ListingKind.LICENCE:
        licence_kind = licence_kind or LicenceKind.ORDINARY
    listing = Listing(
        seller_id=actor.party.id,
        seller=actor.party,
        kind=kind,
        title=title.strip() or rights[0].title[:500],
        title_en=title_en or rights[0].title_en,
        summary=summary.strip(),
        price_fen=price_fen,
        licence_kind=licence_kind,
        licence_years=licence_years,
        licence_region=licence_region,
        maturity=maturity,
        region=region or actor.party.region,
        terms=dict(terms or {}),
    )
    _set_items(listing, rights, weights)
    readiness.check_content(listing)
    session.add(listing)
    session.flush()
    record(actor, "listing.drafted", listing, kind=kind.value, rights=[right.ref for right in rights])
    return listing


@transaction
def edit(
    actor: Actor,
    ref: str,
    *,
    right_refs: Sequence[str] | Keep = KEEP,
    weights: Sequence[int] | Keep | None = KEEP,
    title: str | Keep = KEEP,
    title_en: str | Keep | None = KEEP,
    summary: str | Keep = KEEP,
    price_fen: int | Keep | None = KEEP,
    licence_kind: LicenceKind | Keep | None = KEEP,
    licence_years: int | Keep | None = KEEP,
    licence_region: str | Keep | None = KEEP,
    maturity: str | Keep | None = KEEP,
    region: str | Keep | None = KEEP,
    terms: Mapping[str, Any] | Keep = KEEP,
) -> Listing:
    """Change a draft, or a listing that was sent back. ``terms`` are laid over the present statements.

    Raises ``Conflict`` (``listing.cannot_edit``) in any other state: a listed price is changed by ``change_price``.
    """
    listing = _for_seller(actor, ref, Permission.LISTING_DRAFT)
    if listing.status not in EDITABLE:
        raise Conflict(
            "listing.cannot_edit",
            N_(
                "Only a draft or a rejected listing can be edited. Withdraw it and list again, or change its price."
            ),
            field="listing",
            state=listing.status.value,
        )
    if right_refs is not KEEP:
        _set_items(
            listing, readiness.held_rights(listing.seller, right_refs), None if weights is KEEP else weights
        )
    elif weights is not KEEP:
        _set_items(listing, [item.right for item in listing.items], weights)
    given = {
        "title": title,
        "title_en": title_en,
        "summary": summary,
        "price_fen": price_fen,
        "licence_kind": licence_kind,
        "licence_years": licence_years,
        "licence_region": licence_region,
        "maturity": maturity,
        "region": region,
    }
    for name, value in given.items():
        if value is not KEEP:
            setattr(listing, name, value.strip() if isinstance(value, str) else value)
    if terms is not KEEP:
        listing.terms = {**listing.terms, **terms}
    if listing.kind is ListingKind.LICENCE and listing.licence_kind is None:
        listing.licence_kind = LicenceKind.ORDINARY
    readiness.check_content(listing)
    record(actor, "listing.edited", listing)
    return listing


@transaction
def submit(actor: Actor, ref: str) -> Listing:
    """Hand a draft in for review; from now on it occupies its rights.

    Raises ``Conflict`` (``party.not_verified``, ``listing.already_live`` naming the other listing), or ``Invalid``
    (``listing.obstacles``) with everything in the way: holdings, register, limits of trade, missing statements.
    """
    listing = _for_seller(actor, ref, Permission.LISTING_SUBMIT)
    if listing.status is ListingStatus.SUBMITTED:
        return listing
    LISTING.check(listing, "submit")
    _occupy(listing)
    LISTING.fire(listing, "submit")
    listing.submitted_at = clock.now()
    listing.status_reason = None
    record(actor, "listing.submitted", listing)
    return listing


@transaction
def resume(actor: Actor, ref: str) -> Listing:
    """Hand a suspended listing in again once what stopped it is gone; it is reviewed anew.

    Raises what ``submit`` raises.
    """
    listing = _for_seller(actor, ref, Permission.LISTING_SUBMIT)
    if listing.status is ListingStatus.SUBMITTED:
        return listing
    LISTING.check(listing, "resume")
    _occupy(listing)
    LISTING.fire(listing, "resume")
    listing.submitted_at = clock.now()
    listing.status_reason = None
    listing.stopped_by = []
    record(actor, "listing.resumed", listing)
    return listing


@transaction
def change_price(actor: Actor, ref: str, *, price_fen: int | None) -> Listing:
    """Change the asking price of a published listing; ``None`` makes it negotiable.

    The old price stays in the price history. Where publicity binds the seller, a lower price starts it again.
    Raises ``Conflict`` (``listing.cannot_change_price``) unless listed, and ``RuleBroken`` for a wrong amount.
    """
    listing = _for_seller(actor, ref, Permission.LISTING_SUBMIT)
    if listing.status is not ListingStatus.LISTED:
        raise Conflict(
            "listing.cannot_change_price",
            N_("The price can be changed while the right is listed. It is not listed now."),
            field="price",
            state=listing.status.value,
        )
    if price_fen == listing.price_fen:
        return listing
    readiness.check_price(price_fen)
    old = listing.price_fen
    listing.price_fen = price_fen
    record(actor, "listing.price_changed", listing, old_fen=old, price_fen=price_fen)
    if price_fen is not None:
        publicity.start_publicity(actor, listing, price_fen)
    return listing


@transaction
def withdraw(actor: Actor, ref: str, *, reason: str = "") -> Listing:
    """Take a listing back before a buyer was found; its rights are free again. A repeat is harmless."""
    listing = lock(Listing, ref)
    actor.must_see(Permission.LISTING_READ, listing)
    actor.must(Permission.LISTING_WITHDRAW, listing)
    if listing.status is ListingStatus.WITHDRAWN:
        return listing
    LISTING.fire(listing, "withdraw")
    listing.status_reason = reason.strip() or None
    _free(listing)
    record(actor, "listing.withdrawn", listing, reason=reason.strip())
    return listing


# -- the exchange's side -----------------------------------------------------------------------------


@transaction
def verify(actor: Actor, ref: str) -> Listing:
    """The reviewer found status and owners in order. Raises ``Invalid`` where an obstacle has come up since."""
    listing = _for_review(actor, ref)
    if listing.status is ListingStatus.VERIFIED:
        return listing
    LISTING.check(listing, "verify")
    readiness.refuse(readiness.obstacle_problems(listing, readiness.rights_of(listing)))
    LISTING.fire(listing, "verify")
    listing.reviewed_by = actor.user_ref
    record(actor, "listing.verified", listing)
    return listing


@transaction
def pass_gates(actor: Actor, ref: str) -> Listing:
    """The reviewer found consents, notices and decisions at hand. Raises ``Invalid`` with every gate not met."""
    listing = _for_review(actor, ref)
    if listing.status is ListingStatus.GATED:
        return listing
    LISTING.check(listing, "pass_gates")
    readiness.refuse(readiness.gate_problems(listing, readiness.rights_of(listing)))
    LISTING.fire(listing, "pass_gates")
    record(actor, "listing.gated", listing, gates=[gate.key for gate in readiness.gates_of(listing)])
    return listing


@transaction
def publish(actor: Actor, ref: str) -> Listing:
    """Put the listing before the public; its period begins, and the publicity of its price where that is due."""
    listing = _for_review(actor, ref)
    if listing.status is ListingStatus.LISTED:
        return listing
    LISTING.check(listing, "publish")
    readiness.refuse(readiness.obstacle_problems(listing, readiness.rights_of(listing)))
    LISTING.fire(listing, "publish")
    listing.published_at = clock.now()
    listing.expires_at = rules.expires_at(listing.published_at)
    due.wake(DUE, listing.ref, listing.expires_at)
    record(actor, "listing.published", listing, price_fen=listing.price_fen)
    if listing.price_fen is not None:
        publicity.start_publicity(actor, listing, listing.price_fen)
    return listing


@transaction
def approve(actor: Actor, ref: str) -> Listing:
    """``verify``, ``pass_gates`` and ``publish``, as far as each is still to do: all of them or none."""
    listing = _for_review(actor, ref)
    for state, move in (
        (ListingStatus.SUBMITTED, verify),
        (ListingStatus.VERIFIED, pass_gates),
        (ListingStatus.GATED, publish),
    ):
        if listing.status is state:
            listing = move(actor, ref)
    if listing.status is not ListingStatus.LISTED:
        LISTING.check(listing, "publish")
    return listing


@transaction
def reject(actor: Actor, ref: str, *, reason: str) -> Listing:
    """Send a listing back with the reason; the seller may mend and submit it again, its rights are free meanwhile.

    Raises ``RuleBroken`` (``listing.reason_missing``) where no reason is given.
    """
    listing = _for_review(actor, ref)
    if not reason.strip():
        raise RuleBroken(
            "listing.reason_missing",
            N_("Say why the listing is sent back, and what to change."),
            field="reason",
        )
    if listing.status is ListingStatus.REJECTED and listing.status_reason == reason.strip():
        return listing
    LISTING.fire(listing, "reject")
    listing.status_reason = reason.strip()
    listing.reviewed_by = actor.user_ref
    for item in listing.items:
        item.live = False
    record(actor, "listing.rejected", listing, reason=reason.strip())
    return listing


# -- what happens by itself --------------------------------------------------------------------------


def run_due(ref: str) -> None:
    """Look whether the listing has run out (due item of kind ``listing``); the clock under the lock decides."""
    with transaction():
        listing = lock(Listing, ref)
        if listing.status is not ListingStatus.LISTED or listing.expires_at is None:
            return
        if clock.now() < listing.expires_at:
            due.wake(DUE, listing.ref, listing.expires_at)
            return
        LISTING.fire(listing, "expire")
        _free(listing)
        record(SYSTEM, "listing.expired", listing)


@transaction
def suspend(
    actor: Actor, ref: str, *, problems: Iterable[Problem] = (), reason: str | None = None
) -> Listing:
    """Take a listing off the shelf for as long as something stands in its way (law.md §7.1; §9 invariants 9, 16).

    It keeps its rights. Raises ``IllegalMove`` where the listing is not on its way or listed.
    """
    listing = lock(Listing, ref)
    if listing.status is ListingStatus.SUSPENDED:
        return listing
    LISTING.fire(listing, "suspend")
    found = list(problems)
    listing.status_reason = reason
    listing.stopped_by = [
        {
            "code": problem.code,
            "message": problem.message,
            "params": {key: str(value) for key, value in problem.params.items()},
        }
        for problem in found
    ]
    due.clear(DUE, listing.ref)
    publicity.end_running(listing)
    record(actor, "listing.suspended", listing, codes=[problem.code for problem in found], reason=reason)
    return listing


def on_right_event(event: Event) -> None:
    """A right changed its status or was encumbered: suspend its listings where it may no longer be listed.

    For the subscription table (``right.status_changed``, ``right.encumbered``). Reads the right as it is now, so
    order and repeats do not matter. An agreed listing stays: its flow checks the right before every step.
    """
    with transaction():
        query = (
            select(Listing.ref)
            .join(ListingItem)
            .join(Right, Right.id == ListingItem.right_id)
            .where(Right.ref == event.subject_ref, ListingItem.live)
            .order_by(Listing.id)
        )
        for ref in list(session.scalars(query)):
            listing = lock(Listing, ref)
            if LISTING.find(listing.status, "suspend") is None:
                continue
            if problems := readiness.obstacle_problems(listing, readiness.rights_of(listing)):
                suspend(SYSTEM, ref, problems=problems)


# -- what deals do with a listing; each is called under the listing's lock -----------------------------


@transaction
def match(actor: Actor, listing: Listing) -> None:
    """A buyer was found who shuts out all others."""
    LISTING.fire(listing, "match")
    due.clear(DUE, listing.ref)
    record(actor, "listing.matched", listing)


@transaction
def relist(actor: Actor, listing: Listing) -> None:
    """The deal failed: the listing is open again until its period ends, unless its right is burdened by now."""
    LISTING.fire(listing, "relist")
    due.wake(DUE, listing.ref, listing.expires_at)
    record(actor, "listing.relisted", listing)
    if problems := readiness.obstacle_problems(listing, readiness.rights_of(listing)):
        suspend(SYSTEM, listing.ref, problems=problems)


@transaction
def mark_sold(actor: Actor, listing: Listing) -> None:
    """The deal is completed: the listing has done its work, its rights are free again."""
    LISTING.fire(listing, "complete")
    _free(listing)
    record(actor, "listing.sold", listing)


# -- shared ------------------------------------------------------------------------------------------


def _for_seller(actor: Actor, ref: str, permission: Permission) -> Listing:
    listing = lock(Listing, ref)
    actor.must_see(Permission.LISTING_READ, listing)
    if actor.party is not None and actor.party.id != listing.seller_id:
        raise NotAllowed(
            "listing.not_yours", N_("Only the seller can do this. Ask the organisation that lists the right.")
        )
    actor.must(permission, listing)
    return listing


def _for_review(actor: Actor, ref: str) -> Listing:
    # Before the listing is looked up: a refusal must not tell strangers that there is a draft with this reference.
    actor.must(Permission.LISTING_REVIEW)
    listing = lock(Listing, ref)
    if actor.party is not None and actor.party.id == listing.seller_id:
        raise NotAllowed(
            "listing.own_review",
            N_("Nobody reviews a listing of their own organisation. Ask a colleague elsewhere."),
        )
    return listing


def _set_items(listing: Listing, rights: Sequence[Right], weights: Sequence[int] | None) -> None:
    wanted = [1] * len(rights) if weights is None else list(weights)
    if len(wanted) != len(rights) or min(wanted) < 0 or not any(wanted):
        raise RuleBroken(
            "listing.weights",
            N_("Give one share of the price for each right, none below zero and not all zero."),
            field="weights",
        )
    shares = rules.price_shares(wanted)
    kept = {item.right_id: item for item in listing.items}
    items = []
    for position, (right, share) in enumerate(zip(rights, shares, strict=True)):
        item = kept.get(right.id) or ListingItem(
            right_id=right.id, right=right, kind=listing.kind, live=False
        )
        item.position, item.price_share_bp = position, share
        items.append(item)
    listing.items = items


def _occupy(listing: Listing) -> None:
    """Check everything, then make the items live. The rights are locked first, so that two sellers come in turn."""
    if not listing.seller.verified:
        missing = readiness.NOT_VERIFIED
        raise Conflict(missing.code, missing.message, field=missing.field, rule=missing.rule)
    rights = lock_all(Right, [item.right_id for item in listing.items])
    readiness.refuse_other_live(listing)
    readiness.refuse(readiness.everything(listing, rights))
    for item in listing.items:
        item.live = True
    try:
        session.flush()
    except IntegrityError as error:  # the index is the second guard
        raise Conflict(
            "listing.already_live",
            N_("One of these rights is already listed. Wait until that listing ends, or withdraw it."),
            field="right_refs",
        ) from error


def _free(listing: Listing) -> None:
    """The listing has ended: its rights are free, nothing is public any more, nothing is due."""
    for item in listing.items:
        item.live = False
    listing.ended_at = clock.now()
    due.clear(DUE, listing.ref)
    if listing.status is not ListingStatus.SOLD:
        publicity.end_running(listing)
