"""``/api/v1/flows`` and what belongs to them: contract, consents, export, money, registrations, filings, notices, files.

Verbs are ``POST …/{ref}/{verb}``. A file is uploaded once (``POST /flows/{ref}/documents``) and then named by its
reference in the verb that needs it.
"""

from __future__ import annotations

from typing import Any

from flask import Response, g, make_response, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import Schema, fields
from sqlalchemy import or_, select

from contracts import (
    certificates,
    consents,
    documents,
    export,
    filings,
    flows,
    money_track,
    notices,
    onestop,
    registration,
    schemas,
    shown,
    signing,
)
from contracts.models import ContractRegistration, Filing, Flow, OfficeNotice, Payout
from contracts.page_contract import changes_from
from contracts.states import RegistrationStatus
from contracts.throttle import verifying
from exchange import rulebook
from exchange.api import Blueprint, PageArgs, etag, expected_version, idempotent, page_of
from exchange.core import files
from exchange.core.db import get
from exchange.deals.models import Deal, DealStatus
from exchange.parties.models import PartyKind
from exchange.parties.policy import Permission
from exchange.web.access import login, public
from exchange.web.fields import EnumField
from exchange.web.paging import paged

blp = Blueprint("contracts_api", __name__, description="The one-stop flow of a deal")

Body = dict[str, Any]


class FlowArgs(PageArgs):
    """Query of the flows: under way, ended, or all."""

    ended = fields.Boolean(load_default=None)


class RegistrationArgs(PageArgs):
    """Query of the registrations."""

    status = EnumField(RegistrationStatus, load_default=None)


class VerdictArgs(Schema):
    """A hash to compare with the certificate's."""

    sha256 = fields.String(load_default=None)


def _with_etag(body: Body, status: int = 200) -> ResponseReturnValue:
    return body, status, {"ETag": etag(body["version"])}


# -- flows ----------------------------------------------------------------------------------------


@blp.get("/flows")
@blp.arguments(FlowArgs, location="query")
@blp.response(200, page_of(schemas.FlowSchema))
@login
def list_flows(args: Body) -> Body:
    """The flows you may see, newest first."""
    query = flows.visible(g.actor)
    if args["ended"] is not None:
        running = Deal.status == DealStatus.AGREED
        query = query.where(~running if args["ended"] else running)
    page = paged(
        query, Flow.opened_at, name="flows", cursor=args["cursor"], limit=args["limit"], shape=shown.flow
    )
    return {"items": page.items, "next": page.next, "total": page.total}


@blp.get("/flows/<ref>")
@blp.response(200, schemas.FlowFullSchema)
@login
def show_flow(ref: str) -> ResponseReturnValue:
    """One flow: its tracks, and what is needed now, from whom and by when."""
    return _with_etag(shown.flow_full(flows.get_for(g.actor, ref)))


@blp.post("/flows/<ref>/rescind")
@idempotent()
@blp.arguments(schemas.ReasonForm)
@blp.response(200, schemas.FlowFullSchema)
@login
def rescind(body: Body, ref: str) -> ResponseReturnValue:
    """End the deal before anything is recorded (operator)."""
    return _with_etag(shown.flow_full(onestop.rescind(g.actor, ref, reason=body["reason"])))


# -- files ----------------------------------------------------------------------------------------


@blp.get("/flows/<ref>/documents")
@blp.response(200, page_of(schemas.DocumentSchema))
@login
def list_documents(ref: str) -> Body:
    """Every file of the flow, oldest first."""
    found = [shown.document(one) for one in documents.of_flow(flows.get_for(g.actor, ref))]
    return {"items": found, "next": None, "total": len(found)}


@blp.post("/flows/<ref>/documents")
@idempotent()
@blp.arguments(schemas.FilePart, location="files")
@blp.response(201, schemas.DocumentSchema)
@login
def add_document(body: Body, ref: str) -> ResponseReturnValue:
    """Upload a file, to name it in a verb."""
    upload = body["file"]
    made = documents.attach(g.actor, ref, upload.data, upload.filename)
    return shown.document(made), 201, {"Location": url_for("contracts_api.show_document", ref=made.ref)}


@blp.get("/documents/<ref>")
@blp.response(200, schemas.DocumentSchema)
@login
def show_document(ref: str) -> Body:
    """What is known of a file of a flow that you may read."""
    return shown.document(documents.open_for(g.actor, ref))


@blp.get("/documents/<ref>/content")
@blp.response(200, content_type="application/octet-stream")
@login
def read_document(ref: str) -> Response:
    """The bytes of a file, checked against its hash."""
    found = documents.open_for(g.actor, ref)
    response = make_response(files.read(found))
    response.headers["Content-Type"] = found.media_type
    response.headers.set("Content-Disposition", "attachment", filename=found.filename)
    return response


# -- contract -------------------------------------------------------------------------------------


@blp.get("/flows/<ref>/contract")
@blp.response(200, schemas.ContractSchema)
@login
def show_contract(ref: str) -> ResponseReturnValue:
    """The contract of a flow."""
    return _with_etag(shown.contract(flows.contract_of(flows.get_for(g.actor, ref))))


@blp.patch("/flows/<ref>/contract")
@idempotent()
@blp.arguments(schemas.LicenceTermsForm)
@blp.response(200, schemas.ContractSchema)
@login
def edit_contract(body: Body, ref: str) -> ResponseReturnValue:
    """Change the terms of the draft; what you leave out stays."""
    known = flows.contract_of(flows.get_for(g.actor, ref))
    changes = _patched(body, known.kind, known.terms)
    made = signing.edit_contract(g.actor, ref, changes=changes, version=expected_version())
    return _with_etag(shown.contract(made))


def _patched(body: Body, kind: str, known: Body) -> Body:
    """Only what the body names: a group of the terms (payment, licence) is completed from what is known."""
    whole = changes_from(body, kind)
    found: Body = {}
    payment = {key: value for key, value in whole["payment"].items() if key != "instalments"}
    if "instalments" in body:
        payment["instalments"] = whole["payment"]["instalments"]
    if payment:
        found["payment"] = {**(known.get("payment") or {}), **payment}
    if kind == "TL" and any(key.startswith("licence_") for key in body):
        given = {key: value for key, value in whole["licence"].items() if f"licence_{key}" in body}
        found["licence"] = {**(known.get("licence") or {}), **given}
    if "clauses" in body:
        kept = {**(known.get("clauses") or {}), **(body["clauses"] or {})}
        found["clauses"] = {key: text for key, text in kept.items() if text}
    for name in ("non_technical", "valid_from", "valid_until"):
        if name in body:
            found[name] = whole[name]
    return found


@blp.post("/flows/<ref>/contract/finalise")
@idempotent()
@blp.response(200, schemas.ContractSchema)
@login
def finalise(ref: str) -> ResponseReturnValue:
    """Fix the text and its hash. Refused with everything that is missing and who supplies it."""
    return _with_etag(shown.contract(signing.finalise(g.actor, ref)))


@blp.post("/flows/<ref>/contract/reopen")
@idempotent()
@blp.response(200, schemas.ContractSchema)
@login
def reopen(ref: str) -> ResponseReturnValue:
    """Open the text again while nobody has signed."""
    return _with_etag(shown.contract(signing.reopen(g.actor, ref)))


@blp.post("/flows/<ref>/contract/sign")
@idempotent()
@blp.arguments(schemas.SignForm)
@blp.response(200, schemas.ContractSchema)
@login
def sign(body: Body, ref: str) -> ResponseReturnValue:
    """Sign the text with this SHA-256 for your organisation."""
    contract = flows.contract_of(flows.get_for(g.actor, ref))
    return _with_etag(shown.contract(signing.sign(g.actor, contract.ref, body["sha256"])))


# -- consents, export -----------------------------------------------------------------------------


@blp.post("/flows/<ref>/consents/give")
@idempotent()
@blp.arguments(schemas.ConsentsBody)
@blp.response(200, schemas.FlowFullSchema)
@login
def give_consents(body: Body, ref: str) -> ResponseReturnValue:
    """Enter consents that one uploaded file gives."""
    consents.give(g.actor, body["consents"], document=body["document"])
    return _with_etag(shown.flow_full(flows.get_for(g.actor, ref)))


@blp.post("/consents/<ref>/refuse")
@idempotent()
@blp.response(200, schemas.ConsentSchema)
@login
def refuse_consent(ref: str) -> Body:
    """Enter that somebody refused."""
    return shown.consent(consents.refuse(g.actor, ref))


@blp.post("/flows/<ref>/export/declare")
@idempotent()
@blp.arguments(schemas.by_reference(schemas.ExportForm, required=False))
@blp.response(200, schemas.FlowFullSchema)
@login
def declare_export(body: Body, ref: str) -> ResponseReturnValue:
    """Declare the export class of the technology."""
    export.declare(g.actor, ref, **body)
    return _with_etag(shown.flow_full(flows.get_for(g.actor, ref)))


@blp.post("/flows/<ref>/export/apply")
@idempotent()
@blp.arguments(schemas.by_reference(schemas.ExportCertificateForm))
@blp.response(200, schemas.FlowFullSchema)
@login
def apply_export(body: Body, ref: str) -> ResponseReturnValue:
    """Enter the licence or registration certificate of the authority."""
    export.apply(g.actor, ref, **body)
    return _with_etag(shown.flow_full(flows.get_for(g.actor, ref)))


@blp.post("/flows/<ref>/export/clear")
@idempotent()
@blp.response(200, schemas.FlowFullSchema)
@login
def clear_export(ref: str) -> ResponseReturnValue:
    """Verify the certificate (reviewer)."""
    export.clear(g.actor, ref)
    return _with_etag(shown.flow_full(flows.get_for(g.actor, ref)))


@blp.post("/flows/<ref>/export/refuse")
@idempotent()
@blp.arguments(schemas.ReasonForm)
@blp.response(200, schemas.FlowFullSchema)
@login
def refuse_export(body: Body, ref: str) -> ResponseReturnValue:
    """Refuse the certificate (reviewer)."""
    export.refuse(g.actor, ref, reason=body["reason"])
    return _with_etag(shown.flow_full(flows.get_for(g.actor, ref)))


# -- money ----------------------------------------------------------------------------------------


@blp.post("/flows/<ref>/receive_price")
@idempotent(required=True)
@blp.arguments(schemas.ReceiptForm)
@blp.response(201, schemas.EntrySchema)
@login
def receive_price(body: Body, ref: str) -> Body:
    """Book what the bank says has come in (finance officer)."""
    entry = money_track.receive_price(
        g.actor,
        ref,
        amount_fen=body["amount"],
        bank_reference=body["bank_reference"],
        received_on=body.get("received_on"),
    )
    return shown.entry(entry)


@blp.post("/flows/<ref>/take_back_receipt")
@idempotent(required=True)
@blp.arguments(schemas.TakeBackForm)
@blp.response(201, schemas.EntrySchema)
@login
def take_back_receipt(body: Body, ref: str) -> Body:
    """Reverse a receipt that was booked by mistake (finance officer)."""
    return shown.entry(money_track.take_back_receipt(g.actor, ref, **body))


@blp.get("/payouts")
@blp.arguments(PageArgs, location="query")
@blp.response(200, page_of(schemas.PayoutSchema))
@login
def list_payouts(args: Body) -> Body:
    """Payouts: your organisation's, or all for the exchange's officers."""
    query = select(Payout)
    if not g.actor.can(Permission.LEDGER_READ):
        query = query.where(Payout.party_id == (g.actor.party.id if g.actor.party else -1))
    page = paged(
        query,
        Payout.requested_at,
        name="payouts",
        cursor=args["cursor"],
        limit=args["limit"],
        shape=shown.payout,
    )
    return {"items": page.items, "next": page.next, "total": page.total}


@blp.post("/payouts")
@idempotent(required=True)
@blp.arguments(schemas.PayoutForm)
@blp.response(201, schemas.PayoutSchema)
@login
def request_payout(body: Body) -> Body:
    """Ask for a payout (finance officer)."""
    payout = money_track.request_payout(
        g.actor,
        body["party"],
        amount_fen=body["amount"],
        flow_ref=body.get("flow"),
        bank_account=body.get("bank_account") or "",
    )
    return shown.payout(payout)


@blp.post("/payouts/<ref>/approve")
@idempotent(required=True)
@blp.arguments(schemas.ApproveForm)
@blp.response(200, schemas.PayoutSchema)
@login
def approve_payout(body: Body, ref: str) -> Body:
    """Confirm that the bank has paid (another finance officer)."""
    return shown.payout(money_track.approve_payout(g.actor, ref, bank_reference=body["bank_reference"]))


@blp.post("/payouts/<ref>/refuse")
@idempotent(required=True)
@blp.response(200, schemas.PayoutSchema)
@login
def refuse_payout(ref: str) -> Body:
    """Say no to a payout (another finance officer)."""
    return shown.payout(money_track.refuse_payout(g.actor, ref))


# -- registrations --------------------------------------------------------------------------------


def _registration(ref: str) -> ContractRegistration:
    one = get(ContractRegistration, ref)
    flows.get_for(g.actor, one.flow.ref)
    return one


@blp.post("/flows/<ref>/registrations")
@idempotent()
@blp.arguments(schemas.ApplicationForm)
@blp.response(201, schemas.RegistrationSchema)
@login
def apply_registration(body: Body, ref: str) -> ResponseReturnValue:
    """Apply for registration of the signed contract (seller)."""
    return _with_etag(shown.registration(registration.apply(g.actor, ref, form=body)), 201)


@blp.get("/registrations")
@blp.arguments(RegistrationArgs, location="query")
@blp.response(200, page_of(schemas.RegistrationSchema))
@login
def list_registrations(args: Body) -> Body:
    """Applications: of your desk, of your deals, or all for the exchange's people."""
    query = select(ContractRegistration).join(Flow).join(Deal, Flow.deal_id == Deal.id)
    actor = g.actor
    own = actor.party.id if actor.party else -1
    if not actor.can(Permission.FLOW_READ):
        query = query.where(or_(Deal.seller_id == own, Deal.buyer_id == own))
    elif actor.party is not None and actor.party.kind is PartyKind.REGISTRAR:
        registrar = ContractRegistration.registrar_id
        query = query.where(or_(registrar == own, registrar.is_(None)))
    if args["status"] is not None:
        query = query.where(ContractRegistration.status == args["status"])
    page = paged(
        query,
        ContractRegistration.created_at,
        name="registrations",
        cursor=args["cursor"],
        limit=args["limit"],
        shape=shown.registration,
    )
    return {"items": page.items, "next": page.next, "total": page.total}


@blp.get("/registrations/<ref>")
@blp.response(200, schemas.RegistrationSchema)
@login
def show_registration(ref: str) -> ResponseReturnValue:
    """One application."""
    return _with_etag(shown.registration(_registration(ref)))


@blp.post("/registrations/<ref>/accept")
@idempotent()
@blp.response(200, schemas.RegistrationSchema)
@login
def accept_registration(ref: str) -> ResponseReturnValue:
    """Take it into examination (registrar)."""
    return _with_etag(shown.registration(registration.accept(g.actor, _registration(ref).ref)))


@blp.post("/registrations/<ref>/ask_supplement")
@idempotent()
@blp.arguments(schemas.NoteForm)
@blp.response(200, schemas.RegistrationSchema)
@login
def ask_supplement(body: Body, ref: str) -> ResponseReturnValue:
    """Ask the seller for more (registrar)."""
    one = registration.ask_supplement(g.actor, _registration(ref).ref, note=body["note"])
    return _with_etag(shown.registration(one))


@blp.post("/registrations/<ref>/supplement")
@idempotent()
@blp.arguments(schemas.by_reference(schemas.SupplementForm))
@blp.response(200, schemas.RegistrationSchema)
@login
def supplement_registration(body: Body, ref: str) -> ResponseReturnValue:
    """Bring what was asked for (seller)."""
    return _with_etag(shown.registration(registration.supplement(g.actor, _registration(ref).ref, **body)))


@blp.post("/registrations/<ref>/large_review")
@idempotent()
@blp.response(200, schemas.RegistrationSchema)
@login
def pass_on(ref: str) -> ResponseReturnValue:
    """Pass a large contract on to the second examination (registrar)."""
    return _with_etag(shown.registration(registration.pass_on(g.actor, _registration(ref).ref)))


@blp.post("/registrations/<ref>/decide")
@idempotent()
@blp.arguments(schemas.by_reference(schemas.DecisionForm))
@blp.response(201, schemas.NoticeSchema)
@login
def decide_registration(body: Body, ref: str) -> Body:
    """Enter the answer; it counts once a reviewer has verified it (registrar)."""
    technology = body.pop("technology", None)
    notice = registration.decide(g.actor, _registration(ref).ref, **body, technology_fen=technology)
    return shown.notice(notice)


@blp.post("/registrations/<ref>/cancel")
@idempotent()
@blp.arguments(schemas.ReasonForm)
@blp.response(200, schemas.RegistrationSchema)
@login
def cancel_registration(body: Body, ref: str) -> ResponseReturnValue:
    """Withdraw the application, or cancel the registration (seller)."""
    one = registration.cancel(g.actor, _registration(ref).ref, reason=body["reason"])
    return _with_etag(shown.registration(one))


@blp.post("/registrations/<ref>/revoke")
@idempotent()
@blp.arguments(schemas.ReasonForm)
@blp.response(200, schemas.RegistrationSchema)
@login
def revoke_registration(body: Body, ref: str) -> ResponseReturnValue:
    """Take back a registration (registrar)."""
    one = registration.revoke(g.actor, _registration(ref).ref, reason=body["reason"])
    return _with_etag(shown.registration(one))


# -- filings and notices --------------------------------------------------------------------------


def _filing(ref: str) -> Filing:
    one = get(Filing, ref)
    flows.get_for(g.actor, one.flow.ref)
    return one


@blp.get("/flows/<ref>/filings")
@blp.response(200, page_of(schemas.FilingSchema))
@login
def list_filings(ref: str) -> Body:
    """The filings of a flow, one per right."""
    found = [shown.filing(one) for one in flows.get_for(g.actor, ref).filings]
    return {"items": found, "next": None, "total": len(found)}


@blp.get("/filings/<ref>")
@blp.response(200, schemas.FilingSchema)
@login
def show_filing(ref: str) -> ResponseReturnValue:
    """One filing."""
    return _with_etag(shown.filing(_filing(ref)))


@blp.post("/filings/<ref>/submit")
@idempotent()
@blp.arguments(schemas.SubmitForm)
@blp.response(200, schemas.FilingSchema)
@login
def submit_filing(body: Body, ref: str) -> ResponseReturnValue:
    """Hand in the request. Refused with everything that is still missing."""
    return _with_etag(shown.filing(filings.submit_filing(g.actor, _filing(ref).ref, **body)))


@blp.post("/filings/<ref>/pay_fee")
@idempotent()
@blp.arguments(schemas.FeeForm)
@blp.response(200, schemas.FilingSchema)
@login
def pay_fee(body: Body, ref: str) -> ResponseReturnValue:
    """Enter that the office's fee was paid."""
    return _with_etag(shown.filing(filings.pay_fee(g.actor, _filing(ref).ref, **body)))


@blp.post("/filings/<ref>/answer")
@idempotent()
@blp.arguments(schemas.by_reference(schemas.SupplementForm))
@blp.response(200, schemas.FilingSchema)
@login
def answer_filing(body: Body, ref: str) -> ResponseReturnValue:
    """Send the office what it asked for."""
    return _with_etag(shown.filing(filings.answer_supplement(g.actor, _filing(ref).ref, **body)))


@blp.post("/filings/<ref>/notices")
@idempotent()
@blp.arguments(schemas.by_reference(schemas.NoticeForm))
@blp.response(201, schemas.NoticeSchema)
@login
def enter_notice(body: Body, ref: str) -> Body:
    """Enter a notice of the office; it moves nothing before a reviewer has verified it."""
    return shown.notice(filings.record_notice(g.actor, _filing(ref).ref, **body))


def _notice(ref: str) -> OfficeNotice:
    one = get(OfficeNotice, ref)
    flows.get_for(g.actor, one.flow.ref)
    return one


@blp.get("/notices/<ref>")
@blp.response(200, schemas.NoticeSchema)
@login
def show_notice(ref: str) -> Body:
    """One notice."""
    return shown.notice(_notice(ref))


@blp.post("/notices/<ref>/verify")
@idempotent()
@blp.response(200, schemas.NoticeSchema)
@login
def verify_notice(ref: str) -> Body:
    """Confirm that the registry said this (a reviewer who did not enter it)."""
    return shown.notice(notices.verify_notice(g.actor, _notice(ref).ref))


@blp.post("/notices/<ref>/reject")
@idempotent()
@blp.arguments(schemas.ReasonForm)
@blp.response(200, schemas.NoticeSchema)
@login
def reject_notice(body: Body, ref: str) -> Body:
    """Say that it cannot be confirmed."""
    return shown.notice(notices.reject_notice(g.actor, _notice(ref).ref, reason=body["reason"]))


# -- certificates ---------------------------------------------------------------------------------


@blp.get("/certificates/<code>")
@blp.arguments(VerdictArgs, location="query")
@blp.response(200, schemas.VerdictSchema)
@public
def check_certificate(args: Body, code: str) -> Body:
    """Whether a certificate is valid; with ``sha256`` also whether a file is the original."""
    verifying.count(request.remote_addr or "", rulebook.as_of("verify.per_minute").number)
    found = certificates.check(code, sha256=args["sha256"])
    return shown.verdict(found.state, found.certificate, found.altered)
