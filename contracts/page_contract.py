"""Pages of the contract: its terms, its text, signatures, consents, export papers."""

from __future__ import annotations

from typing import Any

from flask import flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from markupsafe import Markup

from contracts import consents, export, flows, paper, signing, snapshot, terms
from contracts.faces import attach, bp
from contracts.models import ConsentStatus, ContractStatus, Flow, TechnologyContract
from contracts.schemas import ExportCertificateForm, ExportForm, FilePart, ReasonForm, SignForm, terms_form
from exchange.core import clock
from exchange.core.db import transaction
from exchange.core.errors import N_, NotFound, RuleBroken
from exchange.deals import actions as deals
from exchange.parties.policy import Permission
from exchange.web.access import login
from exchange.web.forms import Form
from exchange.web.legible import row_number

BLANKS = 3
"""Empty lines that a table of the form offers beyond those filled in."""


# -- the text -------------------------------------------------------------------------------------


@bp.get("/flows/<ref>/contract")
@login
def contract(ref: str) -> str:
    """The text as it is, final or draft, with what keeps it from the next step; and the seal."""
    return _contract_page(flows.get_for(g.actor, ref), Form(SignForm))


def _contract_page(flow: Flow, form: Form) -> str:
    found = flows.contract_of(flow)
    final = found.document is not None
    open_points = signing.not_final(flow) if found.status is ContractStatus.DRAFT else []
    body = signing.text_of(found) if final else _preview(flow, found, bool(open_points))
    form.data = {"sha256": found.sha256}
    signed_by = {signature.party_id for signature in found.signatures}
    return render_template(
        "contracts/contract.html",
        flow=flow,
        contract=found,
        text=Markup(body) if body else None,  # noqa: S704  printed by paper.py, which escapes every value
        open_points=open_points,
        in_the_way=signing.not_signable(flow) if found.status is ContractStatus.READY else [],
        gate=deals.signing_open(flow.deal),
        form=form,
        may_draft=g.actor.can(Permission.CONTRACT_DRAFT, found),
        may_sign=g.actor.can(Permission.CONTRACT_SIGN, found),
        has_signed=g.actor.party is not None and g.actor.party.id in signed_by,
    )


def _preview(flow: Flow, found: TechnologyContract, incomplete: bool) -> str | None:
    """The draft printed as it stands; a draft with open points may not be printable yet."""
    try:
        return paper.main_part(paper.contract(snapshot.take(flow, found, version=0)))
    except Exception:
        if incomplete:
            return None
        raise


@bp.post("/flows/<ref>/contract/finalise")
@login
def finalise(ref: str) -> ResponseReturnValue:
    """Fix the text."""
    signing.finalise(g.actor, ref)
    flash(gettext("The text is fixed. Both sides can read and sign it now."), "ok")
    return redirect(url_for("contracts.contract", ref=ref), 303)


@bp.post("/flows/<ref>/contract/reopen")
@login
def reopen(ref: str) -> ResponseReturnValue:
    """Open the text again."""
    signing.reopen(g.actor, ref)
    flash(gettext("The contract is a draft again."), "ok")
    return redirect(url_for("contracts.edit", ref=ref), 303)


@bp.post("/flows/<ref>/contract/sign")
@login
def sign(ref: str) -> ResponseReturnValue:
    """Sign the text on the page."""
    flow = flows.get_for(g.actor, ref)
    found = flows.contract_of(flow)
    form = Form(SignForm)

    def save(values: dict[str, Any]) -> str:
        signing.sign(g.actor, found.ref, values["sha256"])
        flash(gettext("Signed. The signature stands in the record."), "ok")
        return url_for("contracts.show", ref=ref)

    return form.answer(save, lambda: _contract_page(flows.get_for(g.actor, ref), form))


# -- the terms ------------------------------------------------------------------------------------


@bp.route("/flows/<ref>/contract/edit", methods=["GET", "POST"])
@login
def edit(ref: str) -> ResponseReturnValue:
    """Change the terms of the draft."""
    flow = flows.get_for(g.actor, ref)
    found = flows.contract_of(flow)
    g.actor.must(Permission.CONTRACT_DRAFT, found)
    form = Form(terms_form(found.kind), data=_shown(found))

    def save(values: dict[str, Any]) -> str:
        seen = request.form.get("version", type=row_number)
        signing.edit_contract(g.actor, ref, changes=changes_from(values, found.kind), version=seen)
        flash(gettext("The terms are saved."), "ok")
        return url_for("contracts.contract", ref=ref)

    def page() -> str:
        return render_template(
            "contracts/edit.html",
            flow=flow,
            contract=found,
            form=form,
            clauses=[clause for clause in terms.CLAUSES if found.kind in clause.kinds],
        )

    return form.answer(save, page)


def _shown(found: TechnologyContract) -> dict[str, Any]:
    said = terms.filled(found.terms)
    payment, licence = said["payment"], said["licence"]
    return {
        "payment_mode": payment["mode"],
        "payment_text": payment["text"],
        "instalments": [
            {"due_on": terms.as_day(row["due_on"]), "amount": row["amount_fen"]}
            for row in payment["instalments"]
        ]
        + [{}] * BLANKS,
        "royalty_base": payment["royalty_base"],
        "royalty_bp": payment["royalty_bp"],
        "royalty_step": payment["royalty_step"],
        "audit": payment["audit"],
        "non_technical": [
            {"name": item["name"], "amount": item["amount_fen"]} for item in said["non_technical"]
        ]
        + [{}] * BLANKS,
        "valid_from": terms.as_day(said["valid_from"]),
        "valid_until": terms.as_day(said["valid_until"]),
        "licence_kind": licence["kind"],
        "licence_region": licence["region"],
        "licence_from": terms.as_day(licence["from"]),
        "licence_until": terms.as_day(licence["until"]),
        **{f"clause_{key}": text for key, text in said["clauses"].items()},
    }


_PAYMENT = {
    "payment_mode": "mode",
    "payment_text": "text",
    "royalty_base": "royalty_base",
    "royalty_bp": "royalty_bp",
    "royalty_step": "royalty_step",
    "audit": "audit",
}


def changes_from(values: dict[str, Any], kind: str) -> dict[str, Any]:
    """What a whole form of terms says, in the shape that ``signing.edit_contract`` takes.

    Raises ``RuleBroken`` (``contract.row_incomplete``) for a line of a table with half an answer.
    """
    payment: dict[str, Any] = {
        name: values[key] for key, name in _PAYMENT.items() if values.get(key) is not None
    }
    payment["instalments"] = [
        {"due_on": row["due_on"].isoformat(), "amount_fen": row["amount_fen"]}
        for row in _rows(values.get("instalments"), "due_on", "instalments")
    ]
    clauses = {
        key.removeprefix("clause_"): text
        for key, text in values.items()
        if key.startswith("clause_") and text
    }
    clauses |= {key: text for key, text in (values.get("clauses") or {}).items() if text}
    found: dict[str, Any] = {
        "payment": payment,
        "non_technical": _rows(values.get("non_technical"), "name", "non_technical"),
        "clauses": clauses,
        "valid_from": _iso(values.get("valid_from")),
        "valid_until": _iso(values.get("valid_until")),
    }
    if kind == "TL":
        licence = values.get("licence_kind")
        found["licence"] = {
            "kind": licence.value if licence is not None else "",
            "region": values.get("licence_region") or "",
            "from": _iso(values.get("licence_from")) or clock.today().isoformat(),
            "until": _iso(values.get("licence_until")),
        }
    return found


def _rows(rows: list[dict[str, Any]] | None, name: str, field: str) -> list[dict[str, Any]]:
    """Lines with both answers; empty lines do not count."""
    filled = [row for row in rows or [] if row.get(name) or row.get("amount_fen")]
    if any(not row.get(name) or not row.get("amount_fen") for row in filled):
        raise RuleBroken(
            "contract.row_incomplete", N_("A line of the table has only half an answer."), field=field
        )
    return filled


def _iso(day: Any) -> str:
    return day.isoformat() if day else ""


# -- consents -------------------------------------------------------------------------------------


@bp.route("/flows/<ref>/consents", endpoint="consents", methods=["GET", "POST"])
@login
def consents_page(ref: str) -> ResponseReturnValue:
    """Who must agree, who has, and the form that enters their papers."""
    flow = flows.get_for(g.actor, ref)
    form = Form(FilePart)

    def save(values: dict[str, Any]) -> str:
        with transaction():
            chosen = request.form.getlist("consent")
            if not chosen:
                raise RuleBroken("consent.none", N_("Choose whose answer you enter."), field="consents")
            consents.give(g.actor, chosen, document=attach(flow, values["file"]))
        flash(gettext("Entered. The papers are in the file."), "ok")
        return url_for("contracts.show", ref=ref)

    def page() -> str:
        return render_template(
            "contracts/consents.html",
            flow=flows.get_for(g.actor, ref),
            form=form,
            statuses=ConsentStatus,
            chosen=request.form.getlist("consent"),
            may=_is_seller(flow),
        )

    return form.answer(save, page)


def _is_seller(flow: Flow) -> bool:
    actor = g.actor
    return bool(
        actor.party is not None
        and actor.party.id in flow.parties_for("seller")
        and actor.can(Permission.CONTRACT_DRAFT, flow)
    )


@bp.post("/consents/<ref>/refuse")
@login
def refuse_consent(ref: str) -> ResponseReturnValue:
    """Enter that somebody refused."""
    consent = consents.refuse(g.actor, ref)
    flash(gettext("Entered that %(name)s refused.", name=consent.name), "ask")
    return redirect(url_for("contracts.consents", ref=consent.flow.ref), 303)


# -- export ---------------------------------------------------------------------------------------


@bp.get("/flows/<ref>/export", endpoint="export")
@login
def export_page(ref: str) -> str:
    """The export track: its class, its papers, and the decision of the reviewer."""
    return _export_page(ref)


def _export_page(
    ref: str, declare: Form | None = None, certificate: Form | None = None, refusal: Form | None = None
) -> str:
    flow = flows.get_for(g.actor, ref)
    clearance = flow.clearance
    if clearance is None:
        raise NotFound
    shown = {
        "category": clearance.category,
        "intent_no": clearance.intent_no,
        "approval_no": clearance.approval_no,
    }
    return render_template(
        "contracts/export.html",
        flow=flow,
        clearance=clearance,
        categories=export.CATEGORIES,
        declare=declare or Form(ExportForm, data=shown),
        certificate=certificate or Form(ExportCertificateForm),
        refusal=refusal or Form(ReasonForm),
        problems=export.before_signing(flow),
        is_seller=_is_seller(flow),
        may_verify=g.actor.can(Permission.FILING_VERIFY, flow) and g.actor.user_ref != clearance.entered_by,
    )


@bp.post("/flows/<ref>/export/declare")
@login
def export_declare(ref: str) -> ResponseReturnValue:
    """Declare the export class."""
    flow = flows.get_for(g.actor, ref)
    form = Form(ExportForm)

    def save(values: dict[str, Any]) -> str:
        with transaction():
            document = attach(flow, values.pop("file", None))
            export.declare(g.actor, ref, **values, document=document)
        flash(gettext("The export class is declared."), "ok")
        return url_for("contracts.export", ref=ref)

    return form.answer(save, lambda: _export_page(ref, declare=form))


@bp.post("/flows/<ref>/export/apply")
@login
def export_apply(ref: str) -> ResponseReturnValue:
    """Enter the certificate of the authority."""
    flow = flows.get_for(g.actor, ref)
    form = Form(ExportCertificateForm)

    def save(values: dict[str, Any]) -> str:
        with transaction():
            document = attach(flow, values["file"])
            export.apply(g.actor, ref, certificate_no=values["certificate_no"], document=document)
        flash(gettext("Entered. The exchange verifies it."), "ok")
        return url_for("contracts.show", ref=ref)

    return form.answer(save, lambda: _export_page(ref, certificate=form))


@bp.post("/flows/<ref>/export/clear")
@login
def export_clear(ref: str) -> ResponseReturnValue:
    """Verify the certificate."""
    export.clear(g.actor, ref)
    flash(gettext("The export papers are verified."), "ok")
    return redirect(url_for("contracts.show", ref=ref), 303)


@bp.post("/flows/<ref>/export/refuse")
@login
def export_refuse(ref: str) -> ResponseReturnValue:
    """Refuse the certificate."""
    form = Form(ReasonForm)

    def save(values: dict[str, Any]) -> str:
        export.refuse(g.actor, ref, reason=values["reason"])
        flash(gettext("Refused. The seller sees the reason."), "ask")
        return url_for("contracts.show", ref=ref)

    return form.answer(save, lambda: _export_page(ref, refusal=form))
