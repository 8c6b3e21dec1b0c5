"""``/api/v1/flows`` and what belongs to them: contract, consents, export, money, registrations, filings, notices, files.

Verbs are ``POST …/{ref}/{verb}``. A file is uploaded once (``POST /flows/{ref}/documents``) and then named by its
reference in the verb that needs it.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

from flask import Response, g, request, send_file, url_for
from flask.typing import ResponseReturnValue
from marshmallow import Schema, fields
from sqlalchemy import select

from contracts import (
    api_office,
    certificates,
    consents,
    documents,
    export,
    flows,
    money_track,
    onestop,
    schemas,
    shown,
    signing,
)
from contracts.faces import blp, with_etag
from contracts.models import Flow, Payout
from contracts.page_contract import changes_from
from contracts.throttle import verifying
from exchange import rulebook
from exchange.api import PageArgs, expected_version, idempotent, page_of
from exchange.core import files
from exchange.deals.models import Deal, DealStatus
from exchange.ledger import accounts
from exchange.parties.policy import Permission
from exchange.rights import confirmation
from exchange.web.access import login, public
from exchange.web.paging import paged

__all__ = ["api_office", "blp"]

Body = dict[str, Any]


class FlowArgs(PageArgs):
    """Query of the flows: under way, ended, or all."""

    ended = fields.Boolean(load_default=None)


class VerdictArgs(Schema):
    """A hash to compare with the certificate's."""

    sha256 = fields.String(load_default=None)


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
    return with_etag(shown.flow_full(flows.get_for(g.actor, ref)))


@blp.post("/flows/<ref>/rescind")
@idempotent()
@blp.arguments(schemas.ReasonForm)
@blp.response(200, schemas.FlowFullSchema)
@login
def rescind(body: Body, ref: str) -> ResponseReturnValue:
    """End the deal before anything is recorded (operator)."""
    return with_etag(shown.flow_full(onestop.rescind(g.actor, ref, reason=body["reason"])))


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
    return send_file(
        BytesIO(files.read(found)), found.media_type, as_attachment=True, download_name=found.filename
    )


# -- contract -------------------------------------------------------------------------------------


@blp.get("/flows/<ref>/contract")
@blp.response(200, schemas.ContractSchema)
@login
def show_contract(ref: str) -> ResponseReturnValue:
    """The contract of a flow."""
    return with_etag(shown.contract(flows.contract_of(flows.get_for(g.actor, ref))))


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
    return with_etag(shown.contract(made))


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
    return with_etag(shown.contract(signing.finalise(g.actor, ref)))


@blp.post("/flows/<ref>/contract/reopen")
@idempotent()
@blp.response(200, schemas.ContractSchema)
@login
def reopen(ref: str) -> ResponseReturnValue:
    """Open the text again while nobody has signed."""
    return with_etag(shown.contract(signing.reopen(g.actor, ref)))


@blp.post("/flows/<ref>/contract/sign")
@idempotent()
@blp.arguments(schemas.SignForm)
@blp.response(200, schemas.ContractSchema)
@login
def sign(body: Body, ref: str) -> ResponseReturnValue:
    """Sign the text with this SHA-256 for your organisation."""
    contract = flows.contract_of(flows.get_for(g.actor, ref))
    return with_etag(shown.contract(signing.sign(g.actor, contract.ref, body["sha256"])))


# -- consents, export -----------------------------------------------------------------------------


@blp.post("/flows/<ref>/consents/give")
@idempotent()
@blp.arguments(schemas.ConsentsBody)
@blp.response(200, schemas.FlowFullSchema)
@login
def give_consents(body: Body, ref: str) -> ResponseReturnValue:
    """Enter consents that one uploaded file gives."""
    consents.give(g.actor, body["consents"], document=body["document"])
    return with_etag(shown.flow_full(flows.get_for(g.actor, ref)))


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
    return with_etag(shown.flow_full(flows.get_for(g.actor, ref)))


@blp.post("/flows/<ref>/export/apply")
@idempotent()
@blp.arguments(schemas.by_reference(schemas.ExportCertificateForm))
@blp.response(200, schemas.FlowFullSchema)
@login
def apply_export(body: Body, ref: str) -> ResponseReturnValue:
    """Enter the licence or registration certificate of the authority."""
    export.apply(g.actor, ref, **body)
    return with_etag(shown.flow_full(flows.get_for(g.actor, ref)))


@blp.post("/flows/<ref>/export/clear")
@idempotent()
@blp.response(200, schemas.FlowFullSchema)
@login
def clear_export(ref: str) -> ResponseReturnValue:
    """Verify the certificate (reviewer)."""
    export.clear(g.actor, ref)
    return with_etag(shown.flow_full(flows.get_for(g.actor, ref)))


@blp.post("/flows/<ref>/export/refuse")
@idempotent()
@blp.arguments(schemas.ReasonForm)
@blp.response(200, schemas.FlowFullSchema)
@login
def refuse_export(body: Body, ref: str) -> ResponseReturnValue:
    """Refuse the certificate (reviewer)."""
    export.refuse(g.actor, ref, reason=body["reason"])
    return with_etag(shown.flow_full(flows.get_for(g.actor, ref)))


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
    """Payouts: your organisation's where you see its money, or all for the exchange's officers."""
    query = select(Payout)
    if not g.actor.can(Permission.LEDGER_READ):
        own = g.actor.party.id if g.actor.party and accounts.sees_own(g.actor) else -1
        query = query.where(Payout.party_id == own)
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


# -- certificates ---------------------------------------------------------------------------------


@blp.get("/certificates/<code>")
@blp.arguments(VerdictArgs, location="query")
@blp.response(200, schemas.VerdictSchema)
@public
def check_certificate(args: Body, code: str) -> Body:
    """Whether a certificate, or a confirmation of rights, is valid; with ``sha256`` also whether a file is the original."""
    verifying.count(request.remote_addr or "", rulebook.as_of("verify.per_minute").number)
    found = certificates.check(code, sha256=args["sha256"])
    if found.certificate is None and (confirmed := confirmation.find(found.code)) is not None:
        return shown.confirmed(confirmed, args["sha256"])
    return shown.verdict(found.state, found.certificate, found.altered)
