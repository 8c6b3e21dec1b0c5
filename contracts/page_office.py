"""Pages of the filings: one page per right, from the request to the office's notice; and its verification."""

from __future__ import annotations

from typing import Any

from flask import flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy import select

from contracts import filings, flows, notices, office, registration, snapshot
from contracts.faces import attach, bp
from contracts.models import FILING, Filing, FilingStatus, NoticeStatus, OfficeNotice
from contracts.schemas import FeeForm, NoticeForm, ReasonForm, SubmitForm, SupplementForm
from exchange.core.db import get, session, transaction
from exchange.parties.models import User
from exchange.parties.policy import Permission
from exchange.web.access import login
from exchange.web.forms import Form


def _find(ref: str) -> Filing:
    filing = get(Filing, ref)
    flows.get_for(g.actor, filing.flow.ref)
    return filing


@bp.get("/filings/<ref>", endpoint="filing")
@login
def filing_page(ref: str) -> str:
    """The filing of one right: its state, its package, what the office said, and what is open to the reader."""
    return _page(ref)


def _page(ref: str, **forms: Form) -> str:
    filing = _find(ref)
    session.refresh(filing)
    flow = filing.flow
    startable = filing.status in {FilingStatus.DRAFT, FilingStatus.DEEMED_NOT_FILED}
    return render_template(
        "contracts/filing.html",
        filing=filing,
        flow=flow,
        number=snapshot.shown_number(filing.right),
        moves=FILING.allowed(filing),
        problems=filings.not_fileable(flow, filing) if startable else [],
        startable=startable,
        at_office=filing.status in filings.AT_OFFICE,
        pending=next((n for n in filing.notices if n.status is NoticeStatus.ENTERED), None),
        codes=office.CODES,
        needs_agency=office.needs_agency(flow),
        may=g.actor.can(Permission.FILING_SUBMIT, filing),
        may_verify=g.actor.can(Permission.FILING_VERIFY, filing),
        submit=forms.get("submit") or Form(SubmitForm),
        fee=forms.get("fee") or Form(FeeForm),
        notice=forms.get("notice") or Form(NoticeForm),
        answer=forms.get("answer") or Form(SupplementForm),
    )


@bp.post("/filings/<ref>/submit")
@login
def submit_filing(ref: str) -> ResponseReturnValue:
    """Hand in the request."""
    filing = _find(ref)
    form = Form(SubmitForm)

    def save(values: dict[str, Any]) -> str:
        filings.submit_filing(g.actor, ref, agency=values.get("agency"), filed_on=values.get("filed_on"))
        flash(gettext("Filed. The form to hand in is among the files."), "ok")
        return url_for("contracts.filing", ref=filing.ref)

    return form.answer(save, lambda: _page(ref, submit=form))


@bp.post("/filings/<ref>/fee")
@login
def pay_fee(ref: str) -> ResponseReturnValue:
    """Enter that the office's fee was paid."""
    filing = _find(ref)
    form = Form(FeeForm)

    def save(values: dict[str, Any]) -> str:
        filings.pay_fee(g.actor, ref, receipt=values["receipt"], paid_on=values.get("paid_on"))
        flash(gettext("Entered. The office examines the request now."), "ok")
        return url_for("contracts.show", ref=filing.flow.ref)

    return form.answer(save, lambda: _page(ref, fee=form))


@bp.post("/filings/<ref>/notice")
@login
def enter_notice(ref: str) -> ResponseReturnValue:
    """Enter a notice of the office."""
    filing = _find(ref)
    form = Form(NoticeForm)

    def save(values: dict[str, Any]) -> str:
        with transaction():
            filings.record_notice(
                g.actor,
                ref,
                code=values["code"],
                number=values["number"],
                dated=values["dated"],
                due_on=values.get("due_on"),
                document=attach(filing.flow, values["file"]),
            )
        flash(gettext("Entered. A reviewer of the exchange verifies it."), "ok")
        return url_for("contracts.show", ref=filing.flow.ref)

    return form.answer(save, lambda: _page(ref, notice=form))


@bp.post("/filings/<ref>/answer")
@login
def answer_supplement(ref: str) -> ResponseReturnValue:
    """Send the office what it asked for."""
    filing = _find(ref)
    form = Form(SupplementForm)

    def save(values: dict[str, Any]) -> str:
        with transaction():
            document = attach(filing.flow, values["file"])
            filings.answer_supplement(g.actor, ref, document=document, note=values.get("note") or "")
        flash(gettext("Kept in the file. The office goes on with it."), "ok")
        return url_for("contracts.show", ref=filing.flow.ref)

    return form.answer(save, lambda: _page(ref, answer=form))


# -- notices --------------------------------------------------------------------------------------


def _notice(ref: str) -> OfficeNotice:
    notice = get(OfficeNotice, ref)
    flows.get_for(g.actor, notice.flow.ref)
    return notice


@bp.get("/notices/<ref>", endpoint="notice")
@login
def notice_page(ref: str) -> str:
    """A notice beside what it will move; a reviewer who did not enter it confirms or rejects it."""
    return _notice_page(ref, Form(ReasonForm))


def _notice_page(ref: str, form: Form) -> str:
    notice = _notice(ref)
    session.refresh(notice)
    last = notice.filing is not None and all(
        filing.status is FilingStatus.RECORDED or filing.id == notice.filing_id
        for filing in notice.flow.filings
    )
    return render_template(
        "contracts/notice.html",
        notice=notice,
        flow=notice.flow,
        filing=notice.filing,
        one=notice.registration,
        codes=office.CODES,
        grounds=registration.GROUNDS,
        qualifies=notice.code == office.QUALIFIED,
        last=last and notice.code == office.QUALIFIED,
        number=snapshot.shown_number(notice.filing.right) if notice.filing else None,
        entered_by=session.scalar(select(User.name).where(User.ref == notice.entered_by)),
        may=g.actor.can(Permission.FILING_VERIFY, notice),
        own=g.actor.user_ref == notice.entered_by,
        open=notice.status is NoticeStatus.ENTERED,
        form=form,
    )


@bp.post("/notices/<ref>/verify")
@login
def verify_notice(ref: str) -> ResponseReturnValue:
    """Confirm that the registry said this."""
    notice = notices.verify_notice(g.actor, _notice(ref).ref)
    flash(gettext("Verified: %(number)s.", number=notice.number), "ok")
    return redirect(url_for("contracts.show", ref=notice.flow.ref), 303)


@bp.post("/notices/<ref>/reject")
@login
def reject_notice(ref: str) -> ResponseReturnValue:
    """Say that it cannot be confirmed."""
    flow = _notice(ref).flow
    form = Form(ReasonForm)

    def save(values: dict[str, Any]) -> str:
        notices.reject_notice(g.actor, ref, reason=values["reason"])
        flash(gettext("Rejected. Who entered it sees the reason."), "ask")
        return url_for("contracts.show", ref=flow.ref)

    return form.answer(save, lambda: _notice_page(ref, form))
