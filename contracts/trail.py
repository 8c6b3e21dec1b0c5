"""The record of a flow in sentences: every event with who did it, for whom, and when (ux-reliability.md row 23)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from contracts.models import Flow
from exchange.core.errors import N_
from exchange.core.events import Event, timeline
from exchange.core.money import yuan
from exchange.parties import members

SENTENCES: Final[dict[str, str]] = {
    "certificate.issued": N_("The transaction certificate %(number)s was issued"),
    "certificate.revoked": N_("revoked the certificate %(number)s: %(reason)s"),
    "consent.asked": N_("The consent of %(name)s is needed"),
    "consent.given": N_("entered the consent of %(name)s"),
    "consent.refused": N_("entered that %(name)s refused"),
    "contract.edited": N_("changed the draft of the contract"),
    "contract.finalised": N_("fixed version %(version)s of the contract for signature"),
    "contract.reopened": N_("opened the contract again for changes"),
    "contract.signature": N_("signed the contract for %(party)s"),
    "contract.signed": N_("The contract is signed by all and in force"),
    "contract.voided": N_("The contract is void"),
    "deal.agreed": N_("agreed to the deal"),
    "deal.completed": N_("The deal is complete"),
    "deal.rescinded": N_("rescinded the deal: %(reason)s"),
    "escrow.defaulted": N_("The period after the reminder is over; the price has not been paid"),
    "escrow.due": N_("The price is due by %(due_on)s"),
    "escrow.funded": N_("The whole price is in escrow"),
    "escrow.overdue": N_(
        "The buyer was reminded: the price is overdue; until %(until)s it can still be paid"
    ),
    "escrow.receipt_reversed": N_("took back the receipt %(reference)s: %(reason)s"),
    "escrow.received": N_("booked a receipt of %(amount_fen)s yuan (%(reference)s)"),
    "escrow.refunded": N_("%(amount_fen)s yuan were refunded to the buyer’s balance"),
    "escrow.released": N_("%(seller_fen)s yuan were credited to the seller, %(fee_fen)s yuan are the fee"),
    "export.applied": N_("entered the export certificate %(certificate_no)s"),
    "export.cleared": N_("verified the export certificate"),
    "export.declared": N_("declared the export class of the technology"),
    "export.refused": N_("refused the export certificate: %(reason)s"),
    "filing.abandoned": N_("The filing was given up"),
    "filing.deemed_not_filed": N_("The request counts as not filed"),
    "filing.fee_paid": N_("entered that the office’s fee was paid (%(receipt)s)"),
    "filing.held": N_("The filing is on hold: the right is blocked"),
    "filing.notice_entered": N_("entered notice %(code)s of the office, number %(number)s"),
    "filing.notice_rejected": N_("did not confirm the notice: %(reason)s"),
    "filing.recorded": N_("verified the notice of the office; recorded as of %(on)s"),
    "filing.resumed": N_("The block has gone; the filing goes on"),
    "filing.share_owed": N_("The licence fee of %(amount_fen)s yuan is to be shared with %(names)s"),
    "filing.submitted": N_("filed at the patent office (attempt %(attempt)s)"),
    "filing.supplement_asked": N_("The office asks for a supplement by %(due_on)s"),
    "filing.supplement_overdue": N_("The day for the supplement, %(due_on)s, has passed"),
    "filing.supplemented": N_("sent the office what it asked for"),
    "flow.document_added": N_("added the file %(filename)s"),
    "flow.opened": N_("The one-stop file was opened"),
    "flow.unwound": N_("The deal was unwound: %(reason)s"),
    "payout.paid": N_("confirmed the payout of %(amount_fen)s yuan (%(reference)s)"),
    "payout.refused": N_("refused the payout of %(amount_fen)s yuan"),
    "payout.requested": N_("requested the payout of %(amount_fen)s yuan"),
    "registration.accepted": N_(
        "accepted the application for registration; a decision comes by %(decide_by)s"
    ),
    "registration.applied": N_("applied for registration of the contract"),
    "registration.cancelled": N_("cancelled the registration of the contract"),
    "registration.large_review": N_("passed the contract on to the second examination"),
    "registration.notice_entered": N_("entered the registrar’s answer"),
    "registration.notice_rejected": N_("did not confirm the registrar’s answer: %(reason)s"),
    "registration.refused": N_("The contract was not registered"),
    "registration.registered": N_("The contract was registered under %(number)s"),
    "registration.revoked": N_("revoked the registration: %(reason)s"),
    "registration.supplement_asked": N_("asked for a supplement: %(note)s"),
    "registration.supplemented": N_("brought the supplement"),
}
"""Every event of a flow, as what its actor did (or as what happened): type → msgid with the payload's names."""


@dataclass(frozen=True)
class Line:
    """One line: ``who`` acted for ``party`` (both empty for the exchange's own clock)."""

    at: datetime
    type: str
    message: str
    params: Mapping[str, Any] = field(default_factory=dict)
    who: str = ""
    party: str = ""
    subject: str = ""


def record_of(flow: Flow, limit: int = 200) -> list[Line]:
    """The record of a flow and its deal, newest first."""
    events = timeline(flow.ref, flow.deal.ref, limit=limit)
    names = members.names_of(ref for event in events for ref in (event.actor_ref, event.party_ref))
    return [
        Line(
            event.at,
            event.type,
            SENTENCES[event.type],
            _said(event),
            names.get(event.actor_ref or "", ""),
            names.get(event.party_ref or "", ""),
            event.subject_ref,
        )
        for event in events
        if event.type in SENTENCES
    ]


def _said(event: Event) -> dict[str, Any]:
    return {
        key: yuan(value) if key.endswith("_fen") and isinstance(value, int) else value
        for key, value in event.payload.items()
    }
