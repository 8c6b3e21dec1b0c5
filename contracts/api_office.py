"""``/api/v1/registrations``, ``/filings`` and ``/notices``: what registrar and patent office are asked and answer."""

from __future__ import annotations

from typing import Any

from flask import g
from flask.typing import ResponseReturnValue
from sqlalchemy import or_, select

from contracts import filings, flows, notices, registration, schemas, shown
from contracts.faces import blp, with_etag
from contracts.models import ContractRegistration, Filing, Flow, OfficeNotice, RegistrationStatus
from exchange.api import PageArgs, idempotent, page_of
from exchange.core.db import get
from exchange.deals.models import Deal
from exchange.parties.models import PartyKind
from exchange.parties.policy import Permission
from exchange.web.access import login
from exchange.web.fields import EnumField
from exchange.web.paging import paged

Body = dict[str, Any]


class RegistrationArgs(PageArgs):
    """Query of the registrations."""

    status = EnumField(RegistrationStatus, load_default=None)


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
    return with_etag(shown.registration(registration.apply(g.actor, ref, form=body)), 201)


@blp.get("/registrations")
@blp.arguments(RegistrationArgs, location="query")
@blp.response(200, page_of(schemas.RegistrationSchema))
@login
def list_registrations(args: Body) -> Body:
    """Applications: of your desk, of your deals, or all for the exchange's people."""
    query = select(ContractRegistration).join(Flow).join(Deal, Flow.deal_id == Deal.id)
    actor = g.actor
    actor.must_be_in_scope(Permission.FLOW_READ)
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
    return with_etag(shown.registration(_registration(ref)))


@blp.post("/registrations/<ref>/accept")
@idempotent()
@blp.response(200, schemas.RegistrationSchema)
@login
def accept_registration(ref: str) -> ResponseReturnValue:
    """Take it into examination (registrar)."""
    return with_etag(shown.registration(registration.accept(g.actor, _registration(ref).ref)))


@blp.post("/registrations/<ref>/ask_supplement")
@idempotent()
@blp.arguments(schemas.NoteForm)
@blp.response(200, schemas.RegistrationSchema)
@login
def ask_supplement(body: Body, ref: str) -> ResponseReturnValue:
    """Ask the seller for more (registrar)."""
    one = registration.ask_supplement(g.actor, _registration(ref).ref, note=body["note"])
    return with_etag(shown.registration(one))


@blp.post("/registrations/<ref>/supplement")
@idempotent()
@blp.arguments(schemas.by_reference(schemas.SupplementForm))
@blp.response(200, schemas.RegistrationSchema)
@login
def supplement_registration(body: Body, ref: str) -> ResponseReturnValue:
    """Bring what was asked for (seller)."""
    return with_etag(shown.registration(registration.supplement(g.actor, _registration(ref).ref, **body)))


@blp.post("/registrations/<ref>/large_review")
@idempotent()
@blp.response(200, schemas.RegistrationSchema)
@login
def pass_on(ref: str) -> ResponseReturnValue:
    """Pass a large contract on to the second examination (registrar)."""
    return with_etag(shown.registration(registration.pass_on(g.actor, _registration(ref).ref)))


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
    return with_etag(shown.registration(one))


@blp.post("/registrations/<ref>/revoke")
@idempotent()
@blp.arguments(schemas.ReasonForm)
@blp.response(200, schemas.RegistrationSchema)
@login
def revoke_registration(body: Body, ref: str) -> ResponseReturnValue:
    """Take back a registration (registrar)."""
    one = registration.revoke(g.actor, _registration(ref).ref, reason=body["reason"])
    return with_etag(shown.registration(one))


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
    return with_etag(shown.filing(_filing(ref)))


@blp.post("/filings/<ref>/submit")
@idempotent()
@blp.arguments(schemas.SubmitForm)
@blp.response(200, schemas.FilingSchema)
@login
def submit_filing(body: Body, ref: str) -> ResponseReturnValue:
    """Hand in the request. Refused with everything that is still missing."""
    return with_etag(shown.filing(filings.submit_filing(g.actor, _filing(ref).ref, **body)))


@blp.post("/filings/<ref>/pay_fee")
@idempotent()
@blp.arguments(schemas.FeeForm)
@blp.response(200, schemas.FilingSchema)
@login
def pay_fee(body: Body, ref: str) -> ResponseReturnValue:
    """Enter that the office's fee was paid."""
    return with_etag(shown.filing(filings.pay_fee(g.actor, _filing(ref).ref, **body)))


@blp.post("/filings/<ref>/answer")
@idempotent()
@blp.arguments(schemas.by_reference(schemas.SupplementForm))
@blp.response(200, schemas.FilingSchema)
@login
def answer_filing(body: Body, ref: str) -> ResponseReturnValue:
    """Send the office what it asked for."""
    return with_etag(shown.filing(filings.answer_supplement(g.actor, _filing(ref).ref, **body)))


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
