"""Pages of the finance officers: receipts into escrow, and payouts that two people make."""

from __future__ import annotations

from typing import Any

from flask import flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from contracts import flows, money_track
from contracts.faces import bp
from contracts.models import Escrow, EscrowStatus, Flow, Payout, PayoutStatus
from contracts.schemas import ApproveForm, PayoutForm, ReceiptForm, TakeBackForm
from exchange.core.db import session
from exchange.core.errors import NotFound
from exchange.ledger import book, chart
from exchange.ledger.models import Account
from exchange.parties.models import Party
from exchange.parties.policy import Permission
from exchange.web.access import exchange_role
from exchange.web.forms import Form

LIMIT = 50


@bp.get("/flows/<ref>/receipt")
@exchange_role("finance_officer")
def receipt(ref: str) -> str:
    """What has come in for a deal, and the form for the next receipt."""
    return _receipt_page(ref)


def _receipt_page(ref: str, form: Form | None = None, back: Form | None = None) -> str:
    flow = flows.get_for(g.actor, ref, Permission.ESCROW_RECEIVE)
    address = chart.escrow(flow.deal.ref)
    try:
        lines = book.statement(address)
    except NotFound:
        lines = []
    left = money_track.outstanding(flow)
    return render_template(
        "contracts/receipt.html",
        flow=flow,
        form=form or Form(ReceiptForm, data={"amount": left} if left else {}),
        back=back or Form(TakeBackForm),
        lines=lines,
        left=left,
        open=flow.escrow.status is EscrowStatus.AWAITING,
    )


@bp.post("/flows/<ref>/receipt")
@exchange_role("finance_officer")
def receive(ref: str) -> ResponseReturnValue:
    """Book a receipt."""
    form = Form(ReceiptForm)

    def save(values: dict[str, Any]) -> str:
        money_track.receive_price(
            g.actor,
            ref,
            amount_fen=values["amount"],
            bank_reference=values["bank_reference"],
            received_on=values.get("received_on"),
        )
        flash(gettext("The receipt is booked."), "ok")
        return url_for("contracts.show", ref=ref)

    return form.answer(save, lambda: _receipt_page(ref, form=form))


@bp.post("/flows/<ref>/receipt/take-back")
@exchange_role("finance_officer")
def take_back(ref: str) -> ResponseReturnValue:
    """Reverse a receipt that was booked by mistake."""
    form = Form(TakeBackForm)

    def save(values: dict[str, Any]) -> str:
        money_track.take_back_receipt(
            g.actor, ref, bank_reference=values["bank_reference"], reason=values["reason"]
        )
        flash(gettext("The receipt is reversed."), "ok")
        return url_for("contracts.receipt", ref=ref)

    return form.answer(save, lambda: _receipt_page(ref, back=form))


@bp.get("/money")
@exchange_role("finance_officer", "auditor")
def money() -> str:
    """What is awaited, what can be paid out, and what waits for a second person."""
    return _money_page()


def _money_page(asked: Form | None = None, approved: tuple[str, Form] | None = None) -> str:
    g.actor.must(Permission.LEDGER_READ)
    awaited = session.scalars(
        select(Escrow)
        .join(Flow)
        .where(Escrow.status == EscrowStatus.AWAITING)
        .order_by(Escrow.due_at.is_(None), Escrow.due_at, Escrow.id)
        .limit(LIMIT)
        .options(joinedload(Escrow.flow))
    ).all()
    payouts = session.scalars(select(Payout).order_by(Payout.id.desc()).limit(LIMIT)).all()
    waiting = [payout for payout in payouts if payout.status is PayoutStatus.REQUESTED]
    forms = {payout.ref: Form(ApproveForm) for payout in waiting}
    if approved is not None:
        forms[approved[0]] = approved[1]
    with book.read_at_once(chart.escrow(escrow.flow.deal.ref) for escrow in awaited):
        owed = [
            (
                escrow,
                money_track.outstanding(escrow.flow),
                flows.last_day(escrow.due_at) if escrow.due_at else None,
            )
            for escrow in awaited
        ]
    return render_template(
        "contracts/money.html",
        awaited=owed,
        balances=_balances(asked),
        waiting=waiting,
        forms=forms,
        ended=[payout for payout in payouts if payout.status is not PayoutStatus.REQUESTED],
        may_act=g.actor.can(Permission.ESCROW_PAY_OUT),
    )


def _balances(asked: Form | None) -> list[tuple[Party, int, int, Form]]:
    """Parties with money here: (party, balance, what stays deposited, form of a payout), in fen."""
    accounts = session.scalars(
        select(Account)
        .where(Account.address.startswith("party:"), Account.balance > 0)
        .order_by(Account.balance.desc())
        .limit(LIMIT)
    ).all()
    refs = {account.address.partition(":")[2]: account.balance for account in accounts}
    parties = session.scalars(select(Party).where(Party.ref.in_(refs)).order_by(Party.id)).all()
    deposited = money_track.held_for_pledgees(parties)
    found = []
    for party in parties:
        held = deposited[party.id]
        free = max(refs[party.ref] - held, 0)
        mine = asked is not None and asked.typed is not None and asked.typed.get("party") == party.ref
        form = (
            asked
            if mine and asked is not None
            else Form(PayoutForm, data={"party": party.ref, "amount": free})
        )
        found.append((party, refs[party.ref], held, form))
    return found


@bp.post("/payouts")
@exchange_role("finance_officer")
def request_payout() -> ResponseReturnValue:
    """Ask for a payout."""
    form = Form(PayoutForm)

    def save(values: dict[str, Any]) -> str:
        payout = money_track.request_payout(
            g.actor,
            values["party"],
            amount_fen=values["amount"],
            flow_ref=values.get("flow"),
            bank_account=values.get("bank_account") or "",
        )
        flash(gettext("Requested: %(ref)s. Another officer approves it.", ref=payout.ref), "ok")
        return url_for("contracts.money")

    return form.answer(save, lambda: _money_page(asked=form))


@bp.post("/payouts/<ref>/approve")
@exchange_role("finance_officer")
def approve_payout(ref: str) -> ResponseReturnValue:
    """Confirm that the bank has paid."""
    form = Form(ApproveForm)

    def save(values: dict[str, Any]) -> str:
        money_track.approve_payout(g.actor, ref, bank_reference=values["bank_reference"])
        flash(gettext("The payout is booked."), "ok")
        return url_for("contracts.money")

    return form.answer(save, lambda: _money_page(approved=(ref, form)))


@bp.post("/payouts/<ref>/refuse")
@exchange_role("finance_officer")
def refuse_payout(ref: str) -> ResponseReturnValue:
    """Say no to a payout."""
    money_track.refuse_payout(g.actor, ref)
    flash(gettext("Refused. The money is back on the balance."), "ask")
    return redirect(url_for("contracts.money"), 303)
