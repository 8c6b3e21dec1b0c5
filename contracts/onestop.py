"""The one-stop flow: opened by an agreed deal, unwound by a rescinded one, stopped where a block appears.

A flow is a set of tracks, each with its own lifecycle and its own file of verbs:

=====================  =============================================================================
track                  verbs
=====================  =============================================================================
contract, signatures   ``signing``: edit_contract, finalise, reopen, sign
consents               ``consents``: give, refuse
export                 ``export``: declare, apply, clear, refuse
money                  ``money_track``: receive_price, take_back_receipt, request_payout, approve_payout, refuse_payout
registration           ``registration``: apply, accept, ask_supplement, supplement, pass_on, decide, cancel, revoke
filings                ``filings``: submit_filing, pay_fee, record_notice, answer_supplement
notices                ``notices``: verify_notice, reject_notice
end                    ``settlement`` (release, completion), ``certificates``: issue, check, revoke
=====================  =============================================================================

``missing.missing(flow)`` says what is needed now, from whom and by when; ``tracks`` draws it.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select

from contracts import consents, export, filings, flows, money_track, terms
from contracts.missing import Missing, missing
from contracts.models import (
    CONTRACT,
    ESCROW,
    FILING,
    ContractStatus,
    Escrow,
    EscrowStatus,
    Filing,
    FilingStatus,
    Flow,
    TechnologyContract,
)
from contracts.signing import ESCROW_DUE
from exchange import rulebook
from exchange.core import clock, due, money
from exchange.core.db import get, lock, session, transaction
from exchange.core.errors import N_, Conflict, RuleBroken
from exchange.core.events import Event, record
from exchange.deals import actions as deals
from exchange.deals.models import Deal
from exchange.ledger import book, chart
from exchange.listings import rules as listing_rules
from exchange.parties.policy import SYSTEM, Actor, Permission
from exchange.rights.models import Right

__all__ = [
    "DUE",
    "Missing",
    "missing",
    "on_deal_agreed",
    "on_right_event",
    "open_flow",
    "rescind",
    "review_block",
]

# -- opening --------------------------------------------------------------------------------------


def on_deal_agreed(event: Event) -> None:
    """Open the flow of an agreed deal (subscriber of ``deal.agreed``); repeats are harmless."""
    open_flow(SYSTEM, event.subject_ref)


@transaction
def open_flow(actor: Actor, deal_ref: str) -> Flow:
    """Open the one-stop file of a deal with all its tracks; where there is one, it is returned.

    The contract draft takes over what was agreed; each right gets its filing and its part of the price; who must
    agree is asked; the export track opens where technology leaves the country. The fee is the seller's.
    """
    deal = lock(Deal, deal_ref)
    known = session.scalar(select(Flow).where(Flow.deal_id == deal.id))
    if known is not None:
        return known
    listing, today = deal.listing, clock.today()
    flow = Flow(deal=deal)
    kind = "TT" if flows.is_transfer(listing) else "TL"
    contract = TechnologyContract(
        flow=flow,
        kind=kind,
        terms=terms.defaults(deal.terms, kind=kind, today=today),
        price_fen=deal.price_fen,
        technology_fen=deal.price_fen,
    )
    fee = money.share(deal.price_fen, rulebook.as_of("service_fee", today).number)
    escrow = Escrow(flow=flow, price_fen=deal.price_fen, fee_fen=fee)
    session.add_all((flow, contract, escrow))
    prices = listing_rules.item_prices(listing, deal.price_fen)
    agreed = deal.terms.get("item_prices") or {}
    for item in listing.items:
        session.add(
            Filing(
                flow=flow,
                right=item.right,
                kind=flows.filing_kind(flow),
                price_fen=agreed.get(item.right.ref, prices[item.right_id]),
            )
        )
    session.flush()
    flows.refresh(flow)
    export.open_for(flow)
    record(actor, "flow.opened", flow, about=deal, contract=contract.ref, rights=len(flow.filings))
    consents.ensure(flow)
    session.flush()
    flows.refresh(flow)
    return flow


# -- unwinding ------------------------------------------------------------------------------------


@transaction
def rescind(actor: Actor, flow_ref: str, *, reason: str) -> Flow:
    """End the deal before anything was recorded: money back to the buyer, filings abandoned, the listing open again.

    A registration must then be cancelled by the seller; it stays on the list of what is missing. Once a right was
    recorded, only a re-transfer with a filing of its own leads back (law.md §7.2 any → RESCINDED). A repeat is
    harmless. Raises ``Conflict`` (``flow.recorded_already``), ``RuleBroken`` (``deal.reason_missing``).
    """
    flow = flows.locked(actor, flow_ref)
    actor.must(Permission.DEAL_RESCIND, flow)
    if flow.deal.status.value == "rescinded":
        return flow
    contract = flows.locked_contract(flow)
    files = flows.locked_filings(flow)
    recorded = [filing for filing in files if filing.status is FilingStatus.RECORDED]
    if recorded:
        raise Conflict(
            "flow.recorded_already",
            N_(
                "“%(title)s” is already recorded for %(buyer)s. The way back is a new transfer from the buyer to the "
                "seller, with a filing of its own."
            ),
            rule="law.md §7.2",
            title=recorded[0].right.title,
            buyer=flow.deal.buyer.name,
        )
    if not reason.strip():
        raise RuleBroken("deal.reason_missing", N_("Say why the deal is rescinded."), field="reason")
    flows.must_run(flow)
    at_office = [filing.ref for filing in files if filing.status in filings.AT_OFFICE]
    for filing in files:
        if filing.status is not FilingStatus.ABANDONED:
            FILING.fire(filing, "abandon")
            due.clear(filings.DUE, filing.ref)
            record(actor, "filing.abandoned", filing, about=flow, withdraw_at_office=filing.ref in at_office)
    if contract.status is not ContractStatus.VOID:
        CONTRACT.fire(contract, "void")
        record(actor, "contract.voided", contract, about=flow)
    _give_back(actor, flow, reason.strip())
    deals.rescind(actor, flow.deal, reason.strip())
    record(actor, "flow.unwound", flow, reason=reason.strip(), withdraw_at_office=at_office)
    return flow


def _give_back(actor: Actor, flow: Flow, reason: str) -> None:
    """Everything in escrow goes to the buyer's balance, whole price or part; the track is closed."""
    escrow = lock(Escrow, flow.escrow.id)
    amount = money_track.received(flow)
    if amount:
        book.post(
            actor,
            f"refund:{flow.ref}",
            [book.Transfer("refund", chart.escrow(flow.deal.ref), chart.party(flow.deal.buyer.ref), amount)],
            subject=flow.ref,
            memo=reason[:200],
        )
        record(actor, "escrow.refunded", flow, amount_fen=amount)
    ESCROW.fire(escrow, "refund" if escrow.status is EscrowStatus.FUNDED else "void")
    escrow.closed_at = clock.now()
    due.clear(ESCROW_DUE, flow.ref)


# -- blocks ---------------------------------------------------------------------------------------


def on_right_event(event: Event) -> None:
    """A right changed, was burdened or freed: stop its open filings or let them go on (subscriber of ``right.*``).

    Reads the right as it is now, so order and repeats do not matter.
    """
    query = (
        select(Filing.ref)
        .join(Right, Filing.right_id == Right.id)
        .where(Right.ref == event.subject_ref, Filing.status.not_in(flows.DONE))
        .order_by(Filing.id)
    )
    for ref in list(session.scalars(query)):
        review_block(SYSTEM, ref)


@transaction
def review_block(actor: Actor, filing_ref: str) -> Filing:
    """Hold a filing whose right is blocked now, or resume one whose block has gone; also asks new consents for.

    A resumed filing begins as a draft: its package is checked again (law.md §2.4, §9 invariant 16).
    """
    flow = lock(Flow, get(Filing, filing_ref).flow.id)
    flows.refresh(flow)
    filing = lock(Filing, filing_ref)
    if flow.deal.status.value != "agreed" or filing.status in flows.DONE:
        return filing
    if consents.ensure(flow):
        session.expire(flow, ["consents"])
    problems = [
        problem
        for problem in flows.blocks(flow, filing.right, fresh=False)
        if problem.code != "burden.pledge"  # a pledge asks for a consent; it stops nothing at the office
    ]
    if problems and filing.status is not FilingStatus.ON_HOLD and FILING.find(filing.status, "hold"):
        FILING.fire(filing, "hold")
        filing.hold_reason = problems[0].code
        due.clear(filings.DUE, filing.ref)
        record(actor, "filing.held", filing, about=flow, reasons=[problem.code for problem in problems])
    elif not problems and filing.status is FilingStatus.ON_HOLD:
        FILING.fire(filing, "resume")
        filing.hold_reason = None
        record(actor, "filing.resumed", filing, about=flow)
    return filing


DUE: dict[str, Callable[[str], None]] = {ESCROW_DUE: money_track.run_due, filings.DUE: filings.run_due}
"""Kinds of due items of this room, and the verbs that look (``exchange/app.py`` registers them)."""
