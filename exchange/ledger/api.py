"""``/api/v1/ledger/accounts``: balances and statements, to those who may see them."""

from __future__ import annotations

from typing import Any

from flask import g

from exchange.api import Blueprint, page_of
from exchange.ledger import accounts, book
from exchange.ledger.schemas import AccountSchema, StatementSchema
from exchange.web.access import login

blp = Blueprint("ledger_api", __name__, url_prefix="/ledger", description="Money: balances and statements")


@blp.get("/accounts")
@blp.response(200, page_of(AccountSchema))
@login
def list_accounts() -> dict[str, Any]:
    """The accounts you may see, with their balances."""
    items = accounts.visible(g.actor)
    return {"items": items, "next": None, "total": len(items)}


@blp.get("/accounts/<address>")
@blp.response(200, StatementSchema)
@login
def statement(address: str) -> dict[str, Any]:
    """One account with its postings."""
    account = accounts.get_for(g.actor, address)
    return {
        "address": account.address,
        "currency": account.currency,
        "balance": account.balance,
        "lines": book.statement(address),
    }
