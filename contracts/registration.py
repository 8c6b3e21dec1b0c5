"""Technology-contract registration: voluntary, parallel to the transfer, decided by the registrar of the seller's region.

The seller applies; the registrar accepts, asks for more, examines (twice where the amount is large) and answers; the
answer is entered with its number and paper, and takes effect when a reviewer has verified it (law.md §1.3, §7.3, §9
invariants 29 to 35). A refusal never stops the transfer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final

from sqlalchemy import select

from contracts import documents, flows, terms
from contracts.models import (
    REGISTRATION,
    ContractRegistration,
    ContractStatus,
    Flow,
    NoticeStatus,
    OfficeNotice,
    RegistrationStatus,
)
from exchange import rulebook
from exchange.core import clock
from exchange.core.db import get, lock, session, transaction
from exchange.core.errors import N_, Conflict, NotAllowed, RuleBroken
from exchange.core.events import record
from exchange.core.money import yuan
from exchange.parties.models import Party, PartyKind, PartyStatus
from exchange.parties.policy import Actor, Permission

XIAMEN: Final = "3502"
"""Its own planned city beside the province, with its own registrar (law.md §1.3)."""

REGISTERED, REFUSED = "REGISTERED", "REFUSED"
"""Codes under which a registrar's answer is entered."""

NUMBER: Final = re.compile(r"^(\d{16}|\d{14})$")
"""Registration numbers have 16 digits; 14 in the old paper form (law.md §1.5)."""

FIELDS: Final[dict[str, str]] = {
    "technical_field": N_("Field of technology"),
    "social_objective": N_("Socio-economic objective"),
    "plan": N_("Plan that the project belongs to"),
    "seller_nature": N_("Nature of the seller"),
    "buyer_nature": N_("Nature of the buyer"),
    "expected_investment": N_("Expected new investment (10,000 yuan)"),
    "expected_output": N_("Expected new output value (10,000 yuan)"),
    "contact": N_("Person in charge"),
}
"""Fields of the registration form beside those that the contract gives (law.md §1.5): key → msgid."""

GROUNDS: Final[dict[str, str]] = {
    "A1": N_("The contract is void or not effective"),
    "A2": N_("It is not a technology contract"),
    "A3": N_("Parties, subject or price are not clear"),
    "A4": N_("It needs an approval of the State and has none"),
    "A5": N_("Name and content differ and were not corrected"),
    "A6": N_("It contains clauses of illegal monopoly"),
    "A7": N_("Evidence is missing or does not fit"),
    "A8": N_("Seals are missing or differ from the names"),
    "A9": N_("Another reason"),
}
"""Grounds of refusal, list A of law.md §1.3: code → msgid."""


# -- the seller's side ----------------------------------------------------------------------------


def route(flow: Flow) -> Party | None:
    """The registrar for the seller's region: Xiamen's for Xiamen, else the nearest by region code, else any."""
    seller = flow.deal.seller
    region = seller.region or ""
    registrars = session.scalars(
        select(Party)
        .where(Party.kind == PartyKind.REGISTRAR, Party.status != PartyStatus.SUSPENDED)
        .order_by(Party.id)
    ).all()

    def distance(registrar: Party) -> tuple[int, int, int]:
        there = registrar.region or ""
        same = next((n for n in (6, 4, 2) if region[:n] and region[:n] == there[:n]), 0)
        foreign = region.startswith(XIAMEN) != there.startswith(XIAMEN)
        return (foreign, -same, registrar.id)

    return min(registrars, key=distance, default=None)


@transaction
def apply(actor: Actor, flow_ref: str, *, form: Mapping[str, Any] | None = None) -> ContractRegistration:
    """Apply for registration of the signed contract; a live application is returned as it is.

    Raises ``NotAllowed`` for the buyer, ``Conflict`` (``registration.not_signed``, ``registration.not_in_validity``,
    ``registration.done``), ``RuleBroken`` (``registration.form``).
    """
    flow = flows.locked(actor, flow_ref)
    actor.must(Permission.REGISTRATION_APPLY, flow)
    contract = flows.locked_contract(flow)
    known = flows.registration_of(flow)
    if known is not None and known.status not in flows.DEAD_REGISTRATION:
        return known
    if contract.status is not ContractStatus.SIGNED:
        raise Conflict(
            "registration.not_signed",
            N_("Only a contract signed by all can be registered."),
            rule="law.md §9 invariant 32",
        )
    if not terms.in_validity(contract.terms, contract.signed_on, clock.today()):
        raise Conflict(
            "registration.not_in_validity",
            N_("The contract is not effective yet, or its own validity is over."),
            rule="law.md §9 invariant 32",
        )
    if any(key not in FIELDS for key in form or {}):
        raise RuleBroken("registration.form", N_("The form has no such field."), field="form")
    registration = ContractRegistration(
        flow=flow,
        contract=contract,
        registrar=route(flow),
        profile=rulebook.as_of("tcontract.profile", clock.today()).value,
        form={key: value for key, value in (form or {}).items() if value not in (None, "")},
        technology_fen=contract.technology_fen,
    )
    session.add(registration)
    session.flush()
    REGISTRATION.fire(registration, "apply")
    record(
        actor,
        "registration.applied",
        registration,
        about=flow,
        registrar=registration.registrar.name if registration.registrar else None,
    )
    return registration


@transaction
def supplement(
    actor: Actor, ref: str, *, document: str | None, note: str = "", form: Mapping[str, Any] | None = None
) -> ContractRegistration:
    """Bring what the registrar asked for. Under the profile ``DRAFT2024`` the clock starts again (invariant 33)."""
    flow, registration = _locked(actor, ref)
    actor.must(Permission.REGISTRATION_APPLY, flow)
    proof = documents.named(flow, document)
    REGISTRATION.fire(registration, "supplement")
    registration.form = {**registration.form, **{k: v for k, v in (form or {}).items() if k in FIELDS and v}}
    if registration.profile == "DRAFT2024":
        _start_clock(registration)
    record(
        actor,
        "registration.supplemented",
        registration,
        about=flow,
        document=proof.ref,
        note=note.strip()[:500],
    )
    return registration


@transaction
def cancel(actor: Actor, ref: str, *, reason: str = "") -> ContractRegistration:
    """Withdraw the application, or cancel the registration; a rescinded deal calls for it (invariant 35)."""
    flow, registration = _locked(actor, ref)
    actor.must(Permission.REGISTRATION_APPLY, flow)
    if registration.status is RegistrationStatus.CANCELLED:
        return registration
    REGISTRATION.fire(registration, "cancel")
    record(actor, "registration.cancelled", registration, about=flow, reason=reason.strip()[:500])
    return registration


# -- the registrar's desk -------------------------------------------------------------------------


def must_decide(actor: Actor, registration: ContractRegistration) -> None:
    """Raise ``NotAllowed`` unless the actor is a registrar, and of the desk this application was sent to."""
    actor.must(Permission.REGISTRATION_DECIDE, registration)
    if (
        actor.party is not None
        and actor.party.kind is PartyKind.REGISTRAR
        and registration.registrar_id not in (None, actor.party.id)
    ):
        raise NotAllowed(
            "registration.other_desk",
            N_("This application belongs to another registrar: %(name)s."),
            rule="law.md §9 invariant 29",
            name=registration.registrar.name if registration.registrar else "",
        )


def is_large(registration: ContractRegistration) -> bool:
    """Whether the technology amount calls for a second examiner (invariant 34)."""
    limit = rulebook.as_of("tcontract.large_amount", clock.today()).fen
    return (registration.technology_fen or 0) >= limit


def decision_period(registration: ContractRegistration, start: date) -> tuple[date, bool]:
    """By when the registrar decides, by the profile of the application, and whether the day is provisional."""
    key = f"tcontract.review.{registration.profile}"
    if registration.profile == "DRAFT2024" and is_large(registration):
        key = "tcontract.review_large.DRAFT2024"
    rule = rulebook.as_of(key, max(start, clock.today()))
    if rule.unit == "working days":
        return clock.add_working_days(start, rule.number)
    return start + timedelta(days=rule.number), False


def _start_clock(registration: ContractRegistration) -> None:
    registration.accepted_at = clock.now()
    registration.decide_by, registration.decide_by_provisional = decision_period(registration, clock.today())


@transaction
def accept(actor: Actor, ref: str) -> ContractRegistration:
    """Take the application into examination; the period for the decision starts. A repeat is harmless."""
    flow, registration = _locked(actor, ref)
    must_decide(actor, registration)
    if registration.status is RegistrationStatus.ACCEPTED:
        return registration
    REGISTRATION.fire(registration, "accept")
    _start_clock(registration)
    assert registration.decide_by is not None
    record(
        actor, "registration.accepted", registration, about=flow, decide_by=registration.decide_by.isoformat()
    )
    return registration


@transaction
def ask_supplement(actor: Actor, ref: str, *, note: str) -> ContractRegistration:
    """Ask the seller for more. Raises ``RuleBroken`` (``registration.note_missing``)."""
    flow, registration = _locked(actor, ref)
    must_decide(actor, registration)
    if not note.strip():
        raise RuleBroken("registration.note_missing", N_("Say what is to be supplemented."), field="note")
    REGISTRATION.fire(registration, "ask_supplement")
    registration.note = note.strip()[:2000]
    record(actor, "registration.supplement_asked", registration, about=flow, note=registration.note)
    return registration


@transaction
def pass_on(actor: Actor, ref: str) -> ContractRegistration:
    """Pass a large contract on to the second examination. Raises ``Conflict`` (``registration.not_large``)."""
    flow, registration = _locked(actor, ref)
    must_decide(actor, registration)
    if not is_large(registration):
        raise Conflict(
            "registration.not_large",
            N_("The technology amount is below %(limit)s yuan; one examination is enough."),
            rule="tcontract.large_amount",
            limit=yuan(rulebook.as_of("tcontract.large_amount", clock.today()).fen),
        )
    REGISTRATION.fire(registration, "large_review")
    registration.examined_by = actor.user_ref
    record(actor, "registration.large_review", registration, about=flow)
    return registration


@transaction
def decide(
    actor: Actor,
    ref: str,
    *,
    register: bool,
    number: str,
    dated: date,
    document: str | None,
    technology_fen: int | None = None,
    refusal_code: str | None = None,
    note: str = "",
) -> OfficeNotice:
    """Enter the registrar's answer with its number, date and paper; it counts once a reviewer has verified it.

    Raises ``Conflict`` (``registration.large_review_needed``, ``notice.pending``, ``registration.number_taken``),
    ``NotAllowed`` (``two_people``), ``RuleBroken`` for a wrong number, date, amount, ground or missing file.
    """
    flow, registration = _locked(actor, ref)
    must_decide(actor, registration)
    REGISTRATION.check(registration, "register")
    amount = registration.technology_fen if technology_fen is None else technology_fen
    _check_answer(registration, register, number, dated, amount, refusal_code)
    _check_examiners(actor, registration)
    if any(notice.status is NoticeStatus.ENTERED for notice in registration.notices):
        raise Conflict("notice.pending", N_("An answer has been entered and waits to be verified."))
    notice = OfficeNotice(
        registration=registration,
        code=REGISTERED if register else REFUSED,
        number=number,
        dated=dated,
        details={"technology_fen": amount, "refusal_code": refusal_code, "note": note.strip()[:2000]},
        document=documents.named(flow, document),
        entered_by=actor.user_ref or "",
    )
    session.add(notice)
    session.flush()
    registration.decided_by = actor.user_ref
    if registration.status is RegistrationStatus.LARGE_REVIEW:
        registration.large_reviewed_by = actor.user_ref
    record(
        actor, "registration.notice_entered", registration, about=flow, notice=notice.ref, code=notice.code
    )
    return notice


def _check_answer(
    registration: ContractRegistration,
    register: bool,
    number: str,
    dated: date,
    amount: int | None,
    refusal_code: str | None,
) -> None:
    if register and not NUMBER.match(number):
        raise RuleBroken(
            "registration.number",
            N_("A registration number has 16 digits (14 before the present system)."),
            field="number",
            rule="law.md §1.5",
        )
    if not number.strip():
        raise RuleBroken("notice.number", N_("Write the number of the paper."), field="number")
    accepted = clock.beijing(registration.accepted_at).date() if registration.accepted_at else None
    if dated > clock.today() or (accepted is not None and dated < accepted):
        raise RuleBroken(
            "notice.dated",
            N_("The paper is dated between the day of acceptance and today."),
            field="dated",
        )
    if register and not 0 <= (amount or 0) <= registration.contract.price_fen:
        raise RuleBroken(
            "registration.amount",
            N_("The technology amount lies between zero and the price of %(price)s yuan."),
            field="technology_fen",
            rule="law.md §9 invariant 28",
            price=yuan(registration.contract.price_fen),
        )
    if not register and refusal_code not in GROUNDS:
        raise RuleBroken(
            "registration.ground",
            N_("Choose the ground of refusal."),
            field="refusal_code",
            rule="law.md §1.3",
        )
    taken = session.scalar(
        select(ContractRegistration.ref).where(
            ContractRegistration.number == number, ContractRegistration.id != registration.id
        )
    )
    entered = session.scalar(
        select(OfficeNotice.ref).where(
            OfficeNotice.code == (REGISTERED if register else REFUSED),
            OfficeNotice.number == number,
            OfficeNotice.status != NoticeStatus.REJECTED,
        )
    )
    if taken is not None or entered is not None:
        raise Conflict(
            "registration.number_taken",
            N_("The number %(number)s is known already: %(ref)s."),
            field="number",
            number=number,
            ref=taken or entered,
        )


def _check_examiners(actor: Actor, registration: ContractRegistration) -> None:
    if not is_large(registration):
        return
    if registration.status is not RegistrationStatus.LARGE_REVIEW:
        raise Conflict(
            "registration.large_review_needed",
            N_("The technology amount is large: pass the contract on to a second examiner first."),
            rule="law.md §9 invariant 34",
        )
    if actor.user_ref == registration.examined_by:
        raise NotAllowed(
            "two_people",
            N_("You examined this contract first. Another person makes the second examination."),
            rule="law.md §9 invariant 34",
        )


@transaction
def revoke(actor: Actor, ref: str, *, reason: str) -> ContractRegistration:
    """Take back a registration obtained by fraud, or twice (law.md §1.3). Benefits used must be returned."""
    flow, registration = _locked(actor, ref)
    must_decide(actor, registration)
    if registration.status is RegistrationStatus.REVOKED:
        return registration
    if not reason.strip():
        raise RuleBroken("registration.reason_missing", N_("Say why it is revoked."), field="reason")
    REGISTRATION.fire(registration, "revoke")
    registration.note = reason.strip()[:2000]
    record(actor, "registration.revoked", registration, about=flow, reason=registration.note)
    return registration


def apply_answer(actor: Actor, flow: Flow, notice: OfficeNotice) -> None:
    """A reviewer has verified the registrar's answer: it takes effect. The caller holds the locks."""
    assert notice.registration is not None
    registration = lock(ContractRegistration, notice.registration.id)
    if notice.code == REGISTERED:
        REGISTRATION.fire(registration, "register")
        registration.number, registration.registered_on = notice.number, notice.dated
        registration.technology_fen = notice.details.get("technology_fen")
        record(
            actor,
            "registration.registered",
            registration,
            about=flow,
            number=notice.number,
            on=notice.dated.isoformat(),
        )
    else:
        REGISTRATION.fire(registration, "refuse")
        registration.refusal_code = notice.details.get("refusal_code")
        registration.note = notice.details.get("note") or ""
        record(
            actor, "registration.refused", registration, about=flow, refusal_code=registration.refusal_code
        )


def _locked(actor: Actor, ref: str) -> tuple[Flow, ContractRegistration]:
    flow = flows.locked(actor, get(ContractRegistration, ref).flow.ref)
    flows.locked_contract(flow)
    return flow, lock(ContractRegistration, ref)
