"""The money track: receipts into escrow, the reminder of a late price, payouts by two people.

What came in is what the bank says: the finance officer enters it with the bank's reference, which is the natural key
of the entry, so that the same reference is one receipt for ever. Amounts are integer fen.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from contracts import flows, settlement
from contracts.models import (
    ESCROW,
    PAYOUT,
    ContractStatus,
    Escrow,
    EscrowStatus,
    Filing,
    FilingStatus,
    Flow,
    Payout,
    PayoutStatus,
)
from contracts.signing import ESCROW_DUE
from exchange import rulebook
from exchange.core import clock, due
from exchange.core.db import get, lock, session, transaction
from exchange.core.errors import N_, Conflict, InsufficientFunds, NotAllowed, RuleBroken
from exchange.core.events import record
from exchange.core.money import yuan
from exchange.deals.models import Deal
from exchange.ledger import book, chart
from exchange.ledger.models import Entry
from exchange.parties.models import Party
from exchange.parties.policy import SYSTEM, Actor, Permission
from exchange.rights.models import EncumbranceKind, Right
from exchange.rights.obstacles import live_burdens

MAX_REFERENCE: Final = 64


# -- the price comes in ---------------------------------------------------------------------------


def received(flow: Flow) -> int:
    """Fen that lie in escrow for the deal now."""
    return book.balance(chart.escrow(flow.deal.ref))


def outstanding(flow: Flow) -> int:
    """Fen of the price that have not come in."""
    return max(flow.escrow.price_fen - received(flow), 0)


@transaction
def receive_price(
    actor: Actor, flow_ref: str, *, amount_fen: int, bank_reference: str, received_on: date | None = None
) -> Entry:
    """Book what the bank says has come in for this deal. In parts, until the price is whole; never more.

    The same reference with the same amount is the same receipt. Raises ``RuleBroken`` (``escrow.reference``,
    ``escrow.too_much``, ``ledger.amount``), ``Conflict`` (``ledger.key_reused``: the reference was booked with
    other content; ``escrow.not_awaiting``), ``NotAllowed``, ``NotFound``.
    """
    flow = flows.locked(actor, flow_ref)
    actor.must(Permission.ESCROW_RECEIVE, flow)
    reference = _reference(bank_reference)
    contract = flows.locked_contract(flow)
    flows.locked_filings(flow)
    escrow = lock(Escrow, flow.escrow.id)
    key = f"price_in:{reference}"
    transfer = book.Transfer("price_in", chart.WORLD, chart.escrow(flow.deal.ref), amount_fen)
    known = session.scalar(select(Entry).where(Entry.key == key))
    if known is not None:
        return book.post(actor, key, [transfer], subject=flow.ref, memo=reference)
    flows.must_run(flow)
    if escrow.status is not EscrowStatus.AWAITING:
        raise Conflict(
            "escrow.not_awaiting",
            N_("The price is complete. Send what came in beyond it back to the payer."),
            field="amount",
            state=escrow.status.value,
        )
    left = outstanding(flow)
    if amount_fen > left:
        raise RuleBroken(
            "escrow.too_much",
            N_("Only %(left)s yuan of the price are outstanding. Book that part, and send the rest back."),
            field="amount",
            rule="law.md §7.2",
            left=yuan(left),
        )
    day = (received_on or clock.today()).isoformat()
    entry = book.post(actor, key, [transfer], subject=flow.ref, memo=reference)
    record(
        actor,
        "escrow.received",
        flow,
        amount_fen=amount_fen,
        reference=reference,
        received_on=day,
        left_fen=left - amount_fen,
    )
    if amount_fen == left:
        ESCROW.fire(escrow, "fund")
        escrow.funded_at = clock.now()
        due.clear(ESCROW_DUE, flow.ref)
        record(actor, "escrow.funded", flow, price_fen=escrow.price_fen)
        if contract.status is ContractStatus.SIGNED:
            settlement.settle(actor, flow)
    return entry


@transaction
def take_back_receipt(actor: Actor, flow_ref: str, *, bank_reference: str, reason: str) -> Entry:
    """Reverse a receipt that was booked by mistake (wrong deal, wrong amount), while nothing has been filed.

    The reference stays used: book the receipt where it belongs under the same reference with a suffix. Raises
    ``RuleBroken`` (``escrow.no_receipt``, ``escrow.reason_missing``), ``Conflict`` (``escrow.filed_already``,
    ``ledger.reversed_already``).
    """
    flow = flows.locked(actor, flow_ref)
    actor.must(Permission.ESCROW_RECEIVE, flow)
    flows.must_run(flow)
    flows.locked_contract(flow)
    filings = flows.locked_filings(flow)
    escrow = lock(Escrow, flow.escrow.id)
    reference = _reference(bank_reference)
    entry = session.scalar(
        select(Entry).where(Entry.key == f"price_in:{reference}", Entry.subject_ref == flow.ref)
    )
    if entry is None:
        raise RuleBroken(
            "escrow.no_receipt",
            N_("No receipt %(reference)s was booked for this deal."),
            field="bank_reference",
            reference=reference,
        )
    if not reason.strip():
        raise RuleBroken("escrow.reason_missing", N_("Say what was wrong with it."), field="reason")
    if any(filing.status not in {FilingStatus.DRAFT, FilingStatus.DEEMED_NOT_FILED} for filing in filings):
        raise Conflict(
            "escrow.filed_already",
            N_("A filing relies on this money. Rescind the deal instead, or correct it with the bank."),
        )
    reversal = book.reverse(actor, f"price_back:{reference}", entry, memo=reason.strip()[:200])
    if escrow.status is EscrowStatus.FUNDED:
        ESCROW.fire(escrow, "take_back")
        escrow.funded_at = None
        due.wake(ESCROW_DUE, flow.ref, escrow.due_at)
    record(actor, "escrow.receipt_reversed", flow, reference=reference, reason=reason.strip())
    return reversal


def _reference(text: str) -> str:
    reference = " ".join(text.split())
    if not 4 <= len(reference) <= MAX_REFERENCE:
        raise RuleBroken(
            "escrow.reference",
            N_("Write the bank's reference as it stands on the receipt, with 4 to 64 characters."),
            field="bank_reference",
        )
    return reference


# -- the price is late ----------------------------------------------------------------------------


@transaction
def run_due(ref: str) -> None:
    """Look whether the price is late (due item ``escrow``). It reminds; nothing is rescinded by the clock.

    At the due instant both sides are told; after ``default.reminder`` days more the seller may ask for rescission
    (law.md §1.2, §7.2), and both are told that.
    """
    flow = lock(Flow, get(Flow, ref).id)
    flows.refresh(flow)
    escrow = lock(Escrow, flow.escrow.id)
    now = clock.now()
    if escrow.status is not EscrowStatus.AWAITING or escrow.due_at is None:
        return
    if now < escrow.due_at:
        due.wake(ESCROW_DUE, ref, escrow.due_at)
        return
    over_at = default_at(escrow)
    if escrow.reminded_at is None:
        escrow.reminded_at = now
        record(
            SYSTEM,
            "escrow.overdue",
            flow,
            left_fen=outstanding(flow),
            until=flows.last_day(over_at).isoformat(),
        )
        due.wake(ESCROW_DUE, ref, over_at)
        return
    if now < over_at:
        due.wake(ESCROW_DUE, ref, over_at)
        return
    record(SYSTEM, "escrow.defaulted", flow, left_fen=outstanding(flow))


def default_at(escrow: Escrow) -> datetime:
    """When the reminder has run out and the seller may rescind (rulebook ``default.reminder``)."""
    assert escrow.due_at is not None
    days = rulebook.as_of("default.reminder", clock.beijing(escrow.due_at).date()).number
    return escrow.due_at + timedelta(days=days)


# -- money goes out -------------------------------------------------------------------------------


def held_for_pledgee(party: Party) -> int:
    """Fen of the party's balance that stay deposited: prices of rights that are still pledged (invariant 15)."""
    return held_for_pledgees([party])[party.id]


def held_for_pledgees(parties: Sequence[Party]) -> dict[int, int]:
    """The same for many parties, by their ids."""
    held = {party.id: 0 for party in parties}
    query = (
        select(Filing, Deal.seller_id)
        .join(Flow, Filing.flow_id == Flow.id)
        .join(Deal, Flow.deal_id == Deal.id)
        .join(Escrow, Escrow.flow_id == Flow.id)
        .where(Deal.seller_id.in_(held), Escrow.status == EscrowStatus.RELEASED)
        .options(joinedload(Filing.right).selectinload(Right.encumbrances))
    )
    today = clock.today()
    for filing, seller_id in session.execute(query).unique():
        if any(burden.kind is EncumbranceKind.PLEDGE for burden in live_burdens(filing.right, today)):
            held[seller_id] += filing.price_fen
    return held


@transaction
def request_payout(
    actor: Actor, party_ref: str, *, amount_fen: int, flow_ref: str | None = None, bank_account: str = ""
) -> Payout:
    """Set money of a party aside for its bank account; another officer approves it.

    The account is the one on the party's file unless named. Raises ``RuleBroken`` (``payout.no_account``,
    ``ledger.amount``), ``InsufficientFunds`` (``payout.held_for_pledgee``, ``ledger.insufficient``).
    """
    actor.must(Permission.ESCROW_PAY_OUT)
    assert actor.user_ref is not None
    party = lock(Party, party_ref)
    flow = get(Flow, flow_ref) if flow_ref else None
    account = " ".join((bank_account or party.bank_account or "").split())
    if not account:
        raise RuleBroken(
            "payout.no_account",
            N_("%(name)s has no bank account on file. Ask its administrator to enter one."),
            field="bank_account",
            name=party.name,
        )
    held = held_for_pledgee(party)
    free = book.balance(chart.party(party.ref)) - held
    if held and amount_fen > free:
        raise InsufficientFunds(
            "payout.held_for_pledgee",
            N_("%(held)s yuan stay deposited until the pledge is cancelled; %(free)s yuan can be paid out."),
            field="amount",
            rule="law.md §9 invariant 15",
            held=yuan(held),
            free=yuan(max(free, 0)),
        )
    payout = Payout(
        party=party,
        flow_id=flow.id if flow else None,
        amount_fen=amount_fen,
        requested_by=actor.user_ref,
        bank_account=account,
    )
    session.add(payout)
    session.flush()
    book.post(
        actor,
        f"payout_hold:{payout.ref}",
        [book.Transfer("payout_hold", chart.party(party.ref), chart.payout(payout.ref), amount_fen)],
        subject=payout.ref,
        memo=party.name[:200],
    )
    record(actor, "payout.requested", payout, about=flow, amount_fen=amount_fen)
    return payout


@transaction
def approve_payout(actor: Actor, payout_ref: str, *, bank_reference: str) -> Payout:
    """The second person confirms that the bank has paid, with its reference. A repeat is harmless.

    Raises ``NotAllowed`` (``two_people``) for the one who asked, ``StepUp`` without a fresh proof of who acts,
    ``IllegalMove``, ``Conflict`` where the reference belongs to another payout.
    """
    payout, flow = _locked_payout(actor, payout_ref)
    reference = _reference(bank_reference)
    if payout.status is PayoutStatus.PAID and payout.bank_reference == reference:
        return payout
    PAYOUT.check(payout, "approve")
    _second_person(actor, payout)
    actor.must_step_up()
    book.post(
        actor,
        f"payout:{reference}",
        [book.Transfer("payout", chart.payout(payout.ref), chart.WORLD, payout.amount_fen)],
        subject=payout.ref,
        memo=reference,
    )
    PAYOUT.fire(payout, "approve")
    payout.bank_reference, payout.decided_by, payout.decided_at = reference, actor.user_ref, clock.now()
    record(actor, "payout.paid", payout, about=flow, amount_fen=payout.amount_fen, reference=reference)
    return payout


@transaction
def refuse_payout(actor: Actor, payout_ref: str) -> Payout:
    """The second person says no: the money goes back to the party's balance. A repeat is harmless."""
    payout, flow = _locked_payout(actor, payout_ref)
    if payout.status is PayoutStatus.REFUSED:
        return payout
    PAYOUT.check(payout, "refuse")
    _second_person(actor, payout)
    book.post(
        actor,
        f"payout_back:{payout.ref}",
        [
            book.Transfer(
                "payout_back", chart.payout(payout.ref), chart.party(payout.party.ref), payout.amount_fen
            )
        ],
        subject=payout.ref,
        memo=payout.party.name[:200],
    )
    PAYOUT.fire(payout, "refuse")
    payout.decided_by, payout.decided_at = actor.user_ref, clock.now()
    record(actor, "payout.refused", payout, about=flow, amount_fen=payout.amount_fen)
    return payout


def _locked_payout(actor: Actor, ref: str) -> tuple[Payout, Flow | None]:
    actor.must(Permission.ESCROW_PAY_OUT)
    payout = lock(Payout, ref)
    return payout, session.get(Flow, payout.flow_id) if payout.flow_id else None


def _second_person(actor: Actor, payout: Payout) -> None:
    if actor.user_ref == payout.requested_by:
        raise NotAllowed(
            "two_people",
            N_("You asked for this payout yourself. Another finance officer decides."),
            rule="architecture.md, settled facts",
        )
