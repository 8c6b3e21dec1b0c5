"""The end of a flow: once every right is recorded, the price is released, the deal completed, the certificate issued.

All of it happens in the transaction that recorded the last right, and never twice: the escrow's state, the natural
key of the ledger entry and the unique certificate each say no to a second time (law.md §9 invariant 44).
"""

from __future__ import annotations

from contracts import certificates, flows
from contracts.models import ESCROW, Escrow, EscrowStatus, Flow
from exchange.core import clock
from exchange.core.db import lock
from exchange.core.events import record
from exchange.deals import actions as deals
from exchange.ledger import book, chart
from exchange.parties.policy import Actor


def settle(actor: Actor, flow: Flow) -> bool:
    """Settle the flow if every right is recorded and the whole price is in escrow; whether it was settled now.

    The caller holds the locks of flow, contract and filings.
    """
    if not flows.all_recorded(flow):
        return False
    escrow = lock(Escrow, flow.escrow.id)
    if escrow.status is not EscrowStatus.FUNDED:
        return False
    ESCROW.fire(escrow, "release")
    escrow.closed_at = clock.now()
    _post(actor, flow, escrow)
    record(
        actor,
        "escrow.released",
        flow,
        price_fen=escrow.price_fen,
        fee_fen=escrow.fee_fen,
        seller_fen=escrow.price_fen - escrow.fee_fen,
    )
    deals.complete(actor, flow.deal)
    certificates.issue(actor, flow)
    return True


def _post(actor: Actor, flow: Flow, escrow: Escrow) -> None:
    """One entry: the fee to the exchange, the rest to the seller's balance. No money, no entry."""
    deal = flow.deal
    source = chart.escrow(deal.ref)
    transfers = [
        transfer
        for transfer in (
            book.Transfer("fee", source, chart.FEES, escrow.fee_fen),
            book.Transfer("release", source, chart.party(deal.seller.ref), escrow.price_fen - escrow.fee_fen),
        )
        if transfer.amount
    ]
    if transfers:
        book.post(actor, f"release:{flow.ref}", transfers, subject=flow.ref, memo=deal.listing.title[:200])
