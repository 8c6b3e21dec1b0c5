"""A reviewer verifies what a registry said; that act moves owner, deal and escrow in one transaction.

The reviewer is never the one who entered the notice. On the notice that a change qualifies, the owner of record
changes with the notice's date (law.md §9 invariant 37), and when it was the last right, the flow is settled.
"""

from __future__ import annotations

from contracts import filings, flows, office, registration, settlement
from contracts.models import (
    FILING,
    NOTICE,
    Filing,
    FilingKind,
    Flow,
    NoticeStatus,
    OfficeNotice,
)
from exchange.core import clock, due
from exchange.core.db import get, lock, transaction
from exchange.core.errors import N_, NotAllowed, RuleBroken
from exchange.core.events import record
from exchange.listings import readiness
from exchange.listings import rules as listing_rules
from exchange.listings.models import LicenceKind
from exchange.parties.policy import Actor, Permission
from exchange.rights import actions as rights
from exchange.rights import burdens
from exchange.rights.models import EncumbranceKind


@transaction
def verify_notice(actor: Actor, notice_ref: str) -> OfficeNotice:
    """Confirm that the registry said this. A repeat is harmless.

    For 200028 the filing is recorded, the right gets its new owner, and if it was the last, the price is released,
    the deal completed and the certificate issued. Raises ``NotAllowed`` (``two_people``), ``NotFound``,
    ``Conflict`` and ``IllegalMove``.
    """
    flow, notice = _locked(actor, notice_ref)
    if notice.status is NoticeStatus.VERIFIED:
        return notice
    NOTICE.check(notice, "verify")
    _second_person(actor, notice)
    if notice.filing is not None:
        flows.must_run(flow)
    NOTICE.fire(notice, "verify")
    notice.decided_by, notice.decided_at = actor.user_ref, clock.now()
    if notice.filing is not None:
        _apply(actor, flow, lock(Filing, notice.filing.id), notice)
    else:
        registration.apply_answer(actor, flow, notice)
    return notice


@transaction
def reject_notice(actor: Actor, notice_ref: str, *, reason: str) -> OfficeNotice:
    """Say that it cannot be confirmed (unreadable, wrong right, not from the office). A repeat is harmless.

    Raises ``RuleBroken`` (``notice.reason_missing``), ``NotAllowed``, ``IllegalMove``.
    """
    flow, notice = _locked(actor, notice_ref)
    if notice.status is NoticeStatus.REJECTED:
        return notice
    NOTICE.check(notice, "reject")
    if not reason.strip():
        raise RuleBroken("notice.reason_missing", N_("Say why it cannot be confirmed."), field="reason")
    _second_person(actor, notice)
    NOTICE.fire(notice, "reject")
    notice.decided_by, notice.decided_at, notice.reason = actor.user_ref, clock.now(), reason.strip()[:2000]
    kind = "filing" if notice.filing is not None else "registration"
    record(
        actor,
        f"{kind}.notice_rejected",
        notice.filing or notice.registration or notice,
        about=flow,
        notice=notice.ref,
        reason=notice.reason,
    )
    return notice


def _locked(actor: Actor, ref: str) -> tuple[Flow, OfficeNotice]:
    flow = flows.locked(actor, get(OfficeNotice, ref).flow.ref)
    actor.must(Permission.FILING_VERIFY, flow)
    flows.locked_contract(flow)
    flows.locked_filings(flow)
    return flow, lock(OfficeNotice, ref)


def _second_person(actor: Actor, notice: OfficeNotice) -> None:
    if actor.user_ref == notice.entered_by:
        raise NotAllowed(
            "two_people",
            N_("You entered this yourself. Another person verifies it."),
            rule="architecture.md, settled facts",
        )


def _apply(actor: Actor, flow: Flow, filing: Filing, notice: OfficeNotice) -> None:
    if notice.code == office.QUALIFIED:
        _recorded(actor, flow, filing, notice)
    elif notice.code == office.SUPPLEMENT:
        FILING.fire(filing, "ask_supplement")
        filing.supplement_due_on = notice.due_on
        if notice.due_on is not None:
            due.wake(filings.DUE, filing.ref, clock.end_of_beijing_day(notice.due_on))
        record(
            actor,
            "filing.supplement_asked",
            filing,
            about=flow,
            due_on=notice.due_on.isoformat() if notice.due_on else None,
        )
    else:
        FILING.fire(filing, "deem_not_filed")
        due.clear(filings.DUE, filing.ref)
        record(actor, "filing.deemed_not_filed", filing, about=flow, reason="notice", notice=notice.ref)


def _recorded(actor: Actor, flow: Flow, filing: Filing, notice: OfficeNotice) -> None:
    """The right is the buyer's as of the notice's date; nothing else in the house ever says so first."""
    FILING.fire(filing, "record")
    filing.recorded_on = notice.dated
    due.clear(filings.DUE, filing.ref)
    buyer = flow.deal.buyer
    if filing.kind is FilingKind.TRANSFER:
        owner = rights.NewOwner(buyer.name, party=buyer)
        rights.change_owner(actor, filing.right, [owner], notice.dated, filing.ref)
    else:
        exclusive = flow.deal.listing.licence_kind in {LicenceKind.EXCLUSIVE, LicenceKind.SOLE}
        burdens.encumber(
            actor,
            filing.right,
            EncumbranceKind.EXCLUSIVE_LICENCE if exclusive else EncumbranceKind.LICENCE,
            by=filing.ref,
            since=notice.dated,
            holder=buyer.name,
            register_no=notice.number,
        )
        _share_fee(actor, flow, filing)
    record(
        actor,
        "filing.recorded",
        filing,
        about=flow,
        notice=notice.ref,
        on=notice.dated.isoformat(),
        new_owner=buyer.name if filing.kind is FilingKind.TRANSFER else None,
    )
    settlement.settle(actor, flow)


def _share_fee(actor: Actor, flow: Flow, filing: Filing) -> None:
    """Co-owners who were not asked for an ordinary licence share its fee; that they do stands in the record (inv. 13)."""
    deal = flow.deal
    if listing_rules.needs_all_owners(deal.listing.kind, deal.listing.licence_kind):
        return
    others = listing_rules.other_owners(filing.right, deal.seller_id, readiness.names_of(deal.seller))
    if others:
        record(
            actor,
            "filing.share_owed",
            filing,
            about=flow,
            names="、".join(others),
            amount_fen=filing.price_fen,
        )
