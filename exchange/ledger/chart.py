"""The chart of accounts, and every movement of money that is allowed, as data. Nothing else may invent one.

Addresses: ``world`` is the bank outside (the only account that may be below zero: it owes what is held here);
``escrow:<deal>`` holds the price of one deal; ``party:<party>`` is what the exchange owes a party;
``payout:<payout>`` is money on its way to a bank account; ``fees`` is what the exchange has earned.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from exchange.core.errors import N_

WORLD = "world"
FEES = "fees"


def escrow(deal_ref: str) -> str:
    """The account that holds the price of a deal."""
    return f"escrow:{deal_ref}"


def party(party_ref: str) -> str:
    """What the exchange owes a party."""
    return f"party:{party_ref}"


def payout(payout_ref: str) -> str:
    """Money on its way out of the house."""
    return f"payout:{payout_ref}"


KINDS: dict[str, str] = {
    "world": N_("Bank (outside)"),
    "fees": N_("Service fees"),
    "escrow": N_("Escrow of a deal"),
    "party": N_("Balance of a party"),
    "payout": N_("On its way to a bank account"),
}

ADDRESS = re.compile(r"^(world|fees|(escrow:DL|party:PT|payout:PO)-[0-9A-Z]{11})$")


def kind_of(address: str) -> str:
    """The kind of an address. Raises ``ValueError`` for one that the chart does not know."""
    if not ADDRESS.match(address):
        raise ValueError(f"no such account in the chart: {address}")
    return address.split(":", maxsplit=1)[0]


@dataclass(frozen=True)
class Movement:
    """Money may go from an account of kind ``source`` to one of kind ``destination``, for this reason."""

    code: str
    source: str
    destination: str
    why: str


CHART: dict[str, Movement] = {
    row.code: row
    for row in (
        Movement("price_in", "world", "escrow", N_("The buyer paid into escrow")),
        Movement("fee", "escrow", "fees", N_("Service fee of the exchange, borne by the seller")),
        Movement("release", "escrow", "party", N_("The price was credited to the seller")),
        Movement("refund", "escrow", "party", N_("The price was refunded to the buyer")),
        Movement("payout_hold", "party", "payout", N_("A payout was requested")),
        Movement("payout_back", "payout", "party", N_("A payout was refused")),
        Movement("payout", "payout", "world", N_("Paid out to the bank account")),
    )
}
