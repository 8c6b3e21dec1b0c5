"""Money pages: a party's balance and statement; for officers, the accounts, the newest entries and the proof."""

from __future__ import annotations

from flask import Blueprint, g, render_template
from flask_babel import gettext

from exchange.ledger import accounts, book, chart
from exchange.ledger.verify import verify
from exchange.parties.policy import Permission
from exchange.web.access import exchange_role, login

bp = Blueprint("ledger", __name__)


@bp.app_template_filter("account")
def account_name(address: str) -> str:
    """An address of the chart in words: what kind of account, and of what. Raises ``ValueError`` for no address."""
    return f"{gettext(chart.KINDS[chart.kind_of(address)])} {address.partition(':')[2]}".strip()


@bp.get("/ledger")
@login
def index() -> str:
    """The reader's own balance with its movements, or all accounts for officers of the exchange."""
    actor = g.actor
    visible = accounts.visible(actor)
    if actor.can(Permission.LEDGER_READ):
        return render_template(
            "ledger/accounts.html",
            accounts=visible,
            entries=accounts.recent(actor),
            chart=chart,
        )
    lines = book.statement(visible[0].address) if visible else []
    balance = visible[0].balance if visible else 0
    return render_template("ledger/mine.html", lines=lines, balance=balance, chart=chart)


@bp.get("/ledger/accounts/<address>")
@login
def account(address: str) -> str:
    """One account with its statement."""
    found = accounts.get_for(g.actor, address)
    return render_template("ledger/account.html", account=found, lines=book.statement(address), chart=chart)


@bp.get("/ledger/proof")
@exchange_role("finance_officer", "auditor", "operator")
def proof() -> str:
    """The proof of the whole book, made now."""
    g.actor.must(Permission.LEDGER_READ)
    return render_template("ledger/proof.html", proof=verify())
