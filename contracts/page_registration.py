"""Pages of the registration: the seller's application, the registrar's desk and answer."""

from __future__ import annotations

from typing import Any

from flask import flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy import or_, select

from contracts import flows, registration, tax
from contracts.faces import attach, bp
from contracts.missing import registration_answered
from contracts.models import REGISTRATION, ContractRegistration, RegistrationStatus
from contracts.schemas import ApplicationForm, DecisionForm, NoteForm, ReasonForm, SupplementForm
from exchange.core.db import get, session, transaction
from exchange.parties.models import PartyKind
from exchange.parties.policy import Permission
from exchange.web.access import exchange_role, login
from exchange.web.forms import Form
from exchange.web.paging import paged

OPEN = (
    RegistrationStatus.APPLIED,
    RegistrationStatus.ACCEPTED,
    RegistrationStatus.SUPPLEMENT,
    RegistrationStatus.LARGE_REVIEW,
)


@bp.route("/flows/<ref>/registration", methods=["GET", "POST"])
@login
def register(ref: str) -> ResponseReturnValue:
    """Apply for registration: the form beside what the contract already says."""
    flow = flows.get_for(g.actor, ref)
    form = Form(ApplicationForm)

    def save(values: dict[str, Any]) -> str:
        made = registration.apply(g.actor, ref, form=values)
        flash(gettext("Applied for. The registrar answers here."), "ok")
        return url_for("contracts.registration", ref=made.ref)

    def page() -> str:
        g.actor.must(Permission.REGISTRATION_APPLY, flow)
        return render_template(
            "contracts/register.html",
            flow=flow,
            contract=flows.contract_of(flow),
            known=flows.registration_of(flow),
            registrar=registration.route(flow),
            form=form,
        )

    return form.answer(save, page)


@bp.get("/registrations")
@exchange_role("registrar", "auditor", "operator")
def registrations() -> str:
    """The registrar's desk: what is open, by the day of the decision; or what was decided."""
    ended = request.args.get("ended") == "1"
    query = select(ContractRegistration)
    if g.actor.party is not None and g.actor.party.kind is PartyKind.REGISTRAR:
        own = ContractRegistration.registrar_id
        query = query.where(or_(own == g.actor.party.id, own.is_(None)))
    status = ContractRegistration.status
    query = query.where(status.not_in(OPEN) if ended else status.in_(OPEN))
    page = paged(
        query,
        ContractRegistration.created_at,
        name="registrations",
        cursor=request.args.get("cursor"),
        descending=ended,
    )
    return render_template("contracts/registrations.html", page=page, ended=ended)


def _find(ref: str) -> ContractRegistration:
    one = get(ContractRegistration, ref)
    flows.get_for(g.actor, one.flow.ref)
    return one


@bp.get("/registrations/<ref>", endpoint="registration")
@login
def registration_page(ref: str) -> str:
    """One application with its contract, its history, and the acts that are open to the reader."""
    return _page(ref)


def _page(ref: str, **forms: Form) -> str:
    one = _find(ref)
    session.refresh(one)
    decides = g.actor.can(Permission.REGISTRATION_DECIDE, one)
    applies = g.actor.can(Permission.REGISTRATION_APPLY, one.flow)
    return render_template(
        "contracts/registration.html",
        one=one,
        flow=one.flow,
        moves=REGISTRATION.allowed(one),
        decides=decides,
        applies=applies,
        large=registration.is_large(one),
        relief=tax.relief(one.flow) if applies else None,
        answered=registration_answered(one.notices),
        grounds=registration.GROUNDS,
        names=registration.FIELDS,
        note_form=forms.get("note") or Form(NoteForm),
        supplement=forms.get("supplement") or Form(SupplementForm),
        decision=forms.get("decision") or Form(DecisionForm, data={"register": "true"}),
        reason=forms.get("reason") or Form(ReasonForm),
    )


@bp.post("/registrations/<ref>/accept")
@login
def accept_registration(ref: str) -> ResponseReturnValue:
    """Take the application into examination."""
    one = registration.accept(g.actor, _find(ref).ref)
    flash(gettext("Accepted. A decision is due by %(day)s.", day=one.decide_by), "ok")
    return redirect(url_for("contracts.registration", ref=ref), 303)


@bp.post("/registrations/<ref>/pass-on")
@login
def pass_on_registration(ref: str) -> ResponseReturnValue:
    """Pass a large contract on to the second examination."""
    registration.pass_on(g.actor, _find(ref).ref)
    flash(gettext("Passed on. Another person decides."), "ok")
    return redirect(url_for("contracts.registration", ref=ref), 303)


@bp.post("/registrations/<ref>/ask")
@login
def ask_supplement(ref: str) -> ResponseReturnValue:
    """Ask the seller for more."""
    form = Form(NoteForm)

    def save(values: dict[str, Any]) -> str:
        registration.ask_supplement(g.actor, _find(ref).ref, note=values["note"])
        flash(gettext("The seller is asked for it."), "ok")
        return url_for("contracts.registration", ref=ref)

    return form.answer(save, lambda: _page(ref, note=form))


@bp.post("/registrations/<ref>/supplement")
@login
def supplement_registration(ref: str) -> ResponseReturnValue:
    """Bring what was asked for."""
    one = _find(ref)
    form = Form(SupplementForm)

    def save(values: dict[str, Any]) -> str:
        with transaction():
            document = attach(one.flow, values["file"])
            registration.supplement(g.actor, ref, document=document, note=values.get("note") or "")
        flash(gettext("Sent to the registrar."), "ok")
        return url_for("contracts.registration", ref=ref)

    return form.answer(save, lambda: _page(ref, supplement=form))


@bp.post("/registrations/<ref>/decide")
@login
def decide_registration(ref: str) -> ResponseReturnValue:
    """Enter the answer."""
    one = _find(ref)
    form = Form(DecisionForm)

    def save(values: dict[str, Any]) -> str:
        with transaction():
            registration.decide(
                g.actor,
                ref,
                register=values["register"],
                number=values["number"],
                dated=values["dated"],
                document=attach(one.flow, values["file"]),
                technology_fen=values.get("technology"),
                refusal_code=values.get("refusal_code"),
                note=values.get("note") or "",
            )
        flash(gettext("Entered. The exchange verifies it."), "ok")
        return url_for("contracts.registration", ref=ref)

    return form.answer(save, lambda: _page(ref, decision=form))


@bp.post("/registrations/<ref>/cancel")
@login
def cancel_registration(ref: str) -> ResponseReturnValue:
    """Withdraw the application, or cancel the registration."""
    form = Form(ReasonForm)

    def save(values: dict[str, Any]) -> str:
        registration.cancel(g.actor, _find(ref).ref, reason=values["reason"])
        flash(gettext("Cancelled."), "ok")
        return url_for("contracts.registration", ref=ref)

    return form.answer(save, lambda: _page(ref, reason=form))


@bp.post("/registrations/<ref>/revoke")
@login
def revoke_registration(ref: str) -> ResponseReturnValue:
    """Take back a registration."""
    form = Form(ReasonForm)

    def save(values: dict[str, Any]) -> str:
        registration.revoke(g.actor, _find(ref).ref, reason=values["reason"])
        flash(gettext("Revoked."), "ask")
        return url_for("contracts.registration", ref=ref)

    return form.answer(save, lambda: _page(ref, reason=form))
