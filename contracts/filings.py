"""Ownership-change filings, one per right: submitted, paid for, supplemented, and what the office says about them.

Nothing is filed before the contract is signed, the whole price in escrow, every consent and the export papers at hand
and the status fresh (law.md §7.2 ESCROWED → RECORDAL_FILED). The clock under the lock decides about the fee: not
paid within a month of the request, the request counts as not made (§9 invariant 38).
"""

from __future__ import annotations

from datetime import date
from typing import Final

from sqlalchemy import select

from contracts import consents, documents, export, flows, office
from contracts.models import (
    FILING,
    ContractStatus,
    EscrowStatus,
    Filing,
    FilingStatus,
    Flow,
    NoticeStatus,
    OfficeNotice,
)
from exchange.core import clock, due
from exchange.core.db import get, lock, session, transaction
from exchange.core.errors import N_, Conflict, Problem, RuleBroken
from exchange.core.events import Event, record
from exchange.core.money import yuan
from exchange.parties.policy import SYSTEM, Actor, Permission

DUE: Final = "filing"
"""Kind of due item: look at the fee's last day, or the supplement's."""

AT_OFFICE: Final = frozenset({FilingStatus.FILED, FilingStatus.FEE_PAID, FilingStatus.SUPPLEMENT})
"""States in which the office has the request."""


# -- handing in -----------------------------------------------------------------------------------


def not_fileable(flow: Flow, filing: Filing) -> list[Problem]:
    """Everything that keeps this right from being filed today, whoever files (law.md §7.2)."""
    found = []
    contract = flows.contract_of(flow)
    if contract.status is not ContractStatus.SIGNED:
        found.append(
            Problem(
                "filing.not_signed",
                N_("The contract must be signed by both sides first."),
                field="contract",
                rule="law.md §2.1",
            )
        )
    if flow.escrow.status is not EscrowStatus.FUNDED:
        found.append(
            Problem(
                "filing.not_funded",
                N_("The whole price of %(price)s yuan must be in escrow first."),
                field="escrow",
                rule="law.md §7.2",
                params={"price": yuan(flow.escrow.price_fen)},
            )
        )
    found += flows.consents_open(flow, filing.right)
    if export.is_export(flow.deal.seller, flow.deal.buyer, filing.right):
        found += export.before_filing(flow)
    found += flows.blocks(flow, filing.right)
    return found


@transaction
def submit_filing(
    actor: Actor, filing_ref: str, *, agency: str | None = None, filed_on: date | None = None
) -> Filing:
    """Hand in the request for one right: builds the package, starts the month for the fee. Repeats are harmless.

    ``agency`` is the patent agency; a party from abroad must have one. ``filed_on`` is the day of the request where
    it was made before today. Raises everything of ``not_fileable`` at once, and ``RuleBroken``
    (``filing.agency_missing``, ``filing.filed_on``).
    """
    flow, filing = _locked(actor, filing_ref)
    actor.must(Permission.FILING_SUBMIT, filing)
    if filing.status in AT_OFFICE:
        return filing
    flows.must_run(flow)
    FILING.check(filing, "submit")
    if consents.ensure(flow):
        session.expire(flow, ["consents"])
    problems = not_fileable(flow, filing)
    if office.needs_agency(flow) and not (agency or "").strip():
        problems.append(
            Problem(
                "filing.agency_missing",
                N_("A party from abroad files through a patent agency. Name it."),
                field="agency",
                rule="law.md §9 invariant 43",
            )
        )
    flows.refuse(problems, "filing.not_ready", N_("This right cannot be filed yet. Each line says why."))
    day = filed_on or clock.today()
    signed_on = flows.contract_of(flow).signed_on
    if day > clock.today() or (signed_on is not None and day < signed_on):
        raise RuleBroken(
            "filing.filed_on",
            N_("The request was made between the signature and today."),
            field="filed_on",
        )
    agency = (agency or "").strip() or None
    filing.package = office.package(filing, submitter=actor.party, agency=agency)
    filing.attempts += 1
    filing.filed_on, filing.fee_due_on = day, office.pay_by(day)
    filing.fee_fen = office.fee_fen(filing, day)
    filing.fee_paid_on, filing.fee_receipt, filing.supplement_due_on = None, None, None
    FILING.fire(filing, "submit")
    document = documents.keep(
        actor,
        flow,
        office.form_of(filing),
        f"{filing.package['title_zh']}-{filing.ref}-{filing.attempts}.html",
        documents.PACKAGE,
    )
    record(
        actor,
        "filing.submitted",
        filing,
        about=flow,
        document=document.ref,
        attempt=filing.attempts,
        fee_due_on=filing.fee_due_on.isoformat(),
    )
    if filing.fee_fen == 0:  # a licence is put on record without a fee
        FILING.fire(filing, "pay_fee")
    else:
        due.wake(DUE, filing.ref, clock.end_of_beijing_day(filing.fee_due_on))
    return filing


@transaction
def pay_fee(actor: Actor, filing_ref: str, *, receipt: str, paid_on: date | None = None) -> Filing:
    """Enter that the office's fee was paid, with the receipt's number. A repeat is harmless.

    Raises ``RuleBroken`` (``filing.receipt``, ``filing.paid_on``, ``filing.paid_late``) and ``IllegalMove`` where
    the request counts as not made by now.
    """
    flow, filing = _locked(actor, filing_ref)
    actor.must(Permission.FILING_SUBMIT, filing)
    number = " ".join(receipt.split())
    if filing.status is FilingStatus.FEE_PAID and filing.fee_receipt == number:
        return filing
    flows.must_run(flow)
    FILING.check(filing, "pay_fee")
    assert filing.filed_on is not None
    assert filing.fee_due_on is not None
    day = paid_on or clock.today()
    if not 4 <= len(number) <= 64:
        raise RuleBroken("filing.receipt", N_("Write the number of the office's receipt."), field="receipt")
    if not filing.filed_on <= day <= clock.today():
        raise RuleBroken(
            "filing.paid_on", N_("The fee was paid between the request and today."), field="paid_on"
        )
    if day > filing.fee_due_on:
        raise RuleBroken(
            "filing.paid_late",
            N_("The fee was due by %(last)s; a later payment does not save the request. File it again."),
            field="paid_on",
            rule="recordal.pay_within",
            last=filing.fee_due_on,
        )
    FILING.fire(filing, "pay_fee")
    filing.fee_paid_on, filing.fee_receipt = day, number
    due.clear(DUE, filing.ref)
    record(actor, "filing.fee_paid", filing, about=flow, receipt=number, paid_on=day.isoformat())
    return filing


@transaction
def run_due(ref: str) -> None:
    """Look at a filing's day (due item ``filing``): an unpaid request counts as not made; a late supplement is told."""
    flow = lock(Flow, get(Filing, ref).flow.id)
    flows.refresh(flow)
    filing = lock(Filing, ref)
    now = clock.now()
    if filing.status is FilingStatus.FILED and filing.fee_due_on is not None:
        last = clock.end_of_beijing_day(filing.fee_due_on)
        if now < last:
            due.wake(DUE, ref, last)
            return
        FILING.fire(filing, "deem_not_filed")
        record(
            SYSTEM,
            "filing.deemed_not_filed",
            filing,
            about=flow,
            reason="fee",
            fee_due_on=filing.fee_due_on.isoformat(),
        )
    elif filing.status is FilingStatus.SUPPLEMENT and filing.supplement_due_on is not None:
        last = clock.end_of_beijing_day(filing.supplement_due_on)
        if now < last:
            due.wake(DUE, ref, last)
            return
        record(
            SYSTEM,
            "filing.supplement_overdue",
            filing,
            about=flow,
            due_on=filing.supplement_due_on.isoformat(),
        )


@transaction
def answer_supplement(actor: Actor, filing_ref: str, *, document: str | None, note: str = "") -> Filing:
    """Send the office what it asked for, and keep it in the file."""
    flow, filing = _locked(actor, filing_ref)
    actor.must(Permission.FILING_ANSWER, filing)
    flows.must_run(flow)
    FILING.check(filing, "answer")
    proof = documents.named(flow, document)
    FILING.fire(filing, "answer")
    filing.supplement_due_on = None
    due.clear(DUE, filing.ref)
    record(actor, "filing.supplemented", filing, about=flow, document=proof.ref, note=note.strip()[:500])
    return filing


# -- what the office says -------------------------------------------------------------------------

_NEEDS: Final = {
    office.QUALIFIED: "record",
    office.SUPPLEMENT: "ask_supplement",
    office.NOT_FILED: "deem_not_filed",
}
"""The move that a notice makes once it is verified."""


@transaction
def record_notice(
    actor: Actor,
    filing_ref: str,
    *,
    code: str,
    number: str,
    dated: date,
    document: str | None,
    due_on: date | None = None,
) -> OfficeNotice:
    """Enter a notice of the office with its number, date and file. It moves nothing before a reviewer verifies it.

    The same notice again is answered with the one that is there. Raises ``RuleBroken`` (``notice.code``,
    ``notice.number``, ``notice.dated``, ``notice.due_on``, ``file.missing``), ``IllegalMove`` where the filing is
    not in a state the notice speaks of, ``Conflict`` (``notice.number_known``).
    """
    flow, filing = _locked(actor, filing_ref)
    actor.must(Permission.FILING_ANSWER, filing)
    number = " ".join(number.split())
    if code not in office.CODES:
        raise RuleBroken("notice.code", N_("Choose which notice it is."), field="code", rule="law.md §2.2")
    if not 4 <= len(number) <= 64:
        raise RuleBroken(
            "notice.number", N_("Write the dispatch number that stands on the notice."), field="number"
        )
    known = session.scalar(
        select(OfficeNotice).where(
            OfficeNotice.code == code,
            OfficeNotice.number == number,
            OfficeNotice.status != NoticeStatus.REJECTED,
        )
    )
    if known is not None:
        if known.filing_id == filing.id and office.same(known, flow, document, dated, due_on):
            return known
        raise Conflict(
            "notice.number_known",
            N_("A notice with the number %(number)s was entered before. Check the number."),
            field="number",
            number=number,
        )
    flows.must_run(flow)
    FILING.check(filing, _NEEDS[code])
    _check_days(filing, code, dated, due_on)
    notice = OfficeNotice(
        filing=filing,
        code=code,
        number=number,
        dated=dated,
        due_on=due_on,
        document=documents.named(flow, document),
        entered_by=actor.user_ref or "system",
    )
    session.add(notice)
    session.flush()
    record(
        actor,
        "filing.notice_entered",
        filing,
        about=flow,
        notice=notice.ref,
        code=code,
        number=number,
        dated=dated.isoformat(),
    )
    return notice


def _check_days(filing: Filing, code: str, dated: date, due_on: date | None) -> None:
    assert filing.filed_on is not None
    if not filing.filed_on <= dated <= clock.today():
        raise RuleBroken(
            "notice.dated",
            N_("The notice is dated between the request (%(filed)s) and today."),
            field="dated",
            filed=filing.filed_on,
        )
    if code == office.SUPPLEMENT and (due_on is None or due_on <= dated):
        raise RuleBroken(
            "notice.due_on",
            N_("Enter until when the notice wants the supplement, as it says."),
            field="due_on",
            rule="law.md §2.2",
        )


# -- the port's two errands -----------------------------------------------------------------------


def hand_over(event: Event) -> None:
    """Hand a submitted package to the office (subscriber of ``filing.submitted``); by hand, nothing happens."""
    filing = get(Filing, event.subject_ref)
    if filing.status not in AT_OFFICE or filing.package.get("receipt"):
        return
    receipt = office.current().file(filing.package)
    if receipt is not None:
        with transaction():
            filing = lock(Filing, filing.id)
            filing.package = {**filing.package, "receipt": receipt}


def collect() -> int:
    """Enter the notices that the office has sent by itself; how many were new (a job; by hand, none)."""
    waiting = list(
        session.scalars(select(Filing.ref).where(Filing.status.in_(AT_OFFICE)).order_by(Filing.id))
    )
    session.rollback()
    fresh = 0
    for said in office.current().news(waiting):
        fresh += _enter(said)
    return fresh


@transaction
def _enter(said: office.Said) -> bool:
    known = session.scalar(
        select(OfficeNotice.id).where(OfficeNotice.code == said.code, OfficeNotice.number == said.number)
    )
    if known is not None:
        return False
    flow = get(Filing, said.filing).flow
    document = documents.attach(SYSTEM, flow.ref, said.data, said.filename)
    record_notice(
        SYSTEM,
        said.filing,
        code=said.code,
        number=said.number,
        dated=said.dated,
        due_on=said.due_on,
        document=document.ref,
    )
    return True


def _locked(actor: Actor, ref: str) -> tuple[Flow, Filing]:
    flow = flows.locked(actor, get(Filing, ref).flow.ref)
    flows.locked_contract(flow)
    filings = {filing.ref: filing for filing in flows.locked_filings(flow)}
    return flow, filings[ref]
