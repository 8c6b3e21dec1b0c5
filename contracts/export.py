"""Technology export: the track that exists only where a buyer abroad gets an invention or a utility model.

Prohibited technology does not leave at all; restricted technology is not even contracted without a letter of intent
and has no effect before the licence; free technology is contracted first and registered after (law.md §2.3, §9
invariants 40 to 43). The seller declares and applies, a reviewer verifies what the authority answered.
"""

from __future__ import annotations

from typing import Final

from contracts import documents, flows
from contracts.models import CLEARANCE, ClearanceStatus, ExportClearance, Flow
from exchange.core.db import lock, session, transaction
from exchange.core.errors import N_, NotAllowed, NotFound, Problem, RuleBroken
from exchange.core.events import record
from exchange.parties.models import Party
from exchange.parties.policy import Actor, Permission
from exchange.rights import kinds
from exchange.rights.models import Right

CATEGORIES: Final[dict[str, str]] = {
    "free": N_("Free to export: the contract is registered"),
    "restricted": N_("Restricted: letter of intent, then licence"),
    "prohibited": N_("Prohibited from export"),
}
"""Classes of technology (law.md §2.3): value → msgid."""

HOME: Final = "CN"

_RULE: Final = "law.md §2.3"


def is_export(seller: Party, buyer: Party, right: Right) -> bool:
    """Whether selling ``right`` takes technology out of the country.

    A seller from the mainland, a buyer from elsewhere (Hong Kong, Macao and Taiwan are treated by reference), and a
    right that is technology: a design is not.
    """
    return seller.country == HOME and buyer.country != HOME and kinds.of(right.kind).technology


def open_for(flow: Flow) -> ExportClearance | None:
    """Open the export track where one of the rights calls for it; called when the flow opens."""
    deal = flow.deal
    if not any(is_export(deal.seller, deal.buyer, filing.right) for filing in flow.filings):
        return None
    clearance = ExportClearance(flow=flow)
    session.add(clearance)
    return clearance


def before_signing(flow: Flow) -> list[Problem]:
    """What the export track still needs before the contract may be signed."""
    clearance = flow.clearance
    if clearance is None:
        return []
    found = []
    if clearance.category is None:
        found.append(
            Problem(
                "export.category_missing",
                N_("The buyer is abroad: the seller first declares the export class of the technology."),
                field="category",
                rule=_RULE,
            )
        )
    if clearance.category == "prohibited":
        found.append(
            Problem(
                "export.prohibited",
                N_("Technology of this class may not leave the country. The deal can only be rescinded."),
                field="category",
                rule=_RULE,
            )
        )
    if clearance.category == "restricted" and not clearance.intent_no:
        found.append(
            Problem(
                "export.intent_missing",
                N_("Restricted technology needs the letter of intent of the authority before anybody signs."),
                field="intent_no",
                rule="law.md §9 invariant 41",
            )
        )
    return found + _approval(flow, clearance)


def before_filing(flow: Flow) -> list[Problem]:
    """What the export track still needs before anything is filed (invariant 40)."""
    clearance = flow.clearance
    if clearance is None:
        return []
    if clearance.status is not ClearanceStatus.CLEARED:
        return [
            Problem(
                "export.not_cleared",
                N_(
                    "The buyer is abroad: filing needs the export licence or registration certificate, verified."
                ),
                field="certificate_no",
                rule="law.md §9 invariant 40",
            )
        ]
    return _approval(flow, clearance)


def _approval(flow: Flow, clearance: ExportClearance) -> list[Problem]:
    if clearance.approval_no or not any(filing.right.government_funded for filing in flow.filings):
        return []
    return [
        Problem(
            "export.approval_missing",
            N_(
                "The right comes from a publicly funded project: its managing body must approve a buyer abroad."
            ),
            field="approval_no",
            rule="law.md §9 invariant 42",
        )
    ]


@transaction
def declare(
    actor: Actor,
    flow_ref: str,
    *,
    category: str,
    intent_no: str | None = None,
    approval_no: str | None = None,
    document: str | None = None,
) -> ExportClearance:
    """Declare the export class, with the letter of intent of restricted technology and the project's approval.

    Raises ``RuleBroken`` (``export.category``, ``file.missing``) and ``NotFound`` where there is no export track.
    """
    flow, clearance = _locked(actor, flow_ref)
    flows.must_stand_with(actor, Permission.CONTRACT_DRAFT, flow, "seller")
    flows.must_run(flow)
    CLEARANCE.check(clearance, "apply")  # nothing is declared any more once the papers are with the reviewer
    if category not in CATEGORIES:
        raise RuleBroken("export.category", N_("Choose the export class."), field="category", rule=_RULE)
    if intent_no or approval_no:
        clearance.document = documents.named(flow, document)
    clearance.category = category
    clearance.intent_no = intent_no or clearance.intent_no
    clearance.approval_no = approval_no or clearance.approval_no
    record(actor, "export.declared", clearance, about=flow, category=category)
    return clearance


@transaction
def apply(actor: Actor, flow_ref: str, *, certificate_no: str, document: str | None) -> ExportClearance:
    """Enter the licence or registration certificate that the authority issued; a reviewer verifies it.

    Raises ``RuleBroken`` (``export.category_missing``, ``export.prohibited``, ``file.missing``).
    """
    flow, clearance = _locked(actor, flow_ref)
    flows.must_stand_with(actor, Permission.CONTRACT_DRAFT, flow, "seller")
    flows.must_run(flow)
    flows.refuse(before_signing(flow), "export.not_ready", N_("The export track is not ready for this."))
    proof = documents.named(flow, document)
    CLEARANCE.fire(clearance, "apply")
    clearance.certificate_no = certificate_no
    clearance.document = proof
    clearance.entered_by = actor.user_ref
    clearance.reason = None
    record(actor, "export.applied", clearance, about=flow, certificate_no=certificate_no)
    return clearance


@transaction
def clear(actor: Actor, flow_ref: str) -> ExportClearance:
    """Verify the certificate against its source. Raises ``NotAllowed`` for the one who entered it."""
    return _decide(actor, flow_ref, "clear", None)


@transaction
def refuse(actor: Actor, flow_ref: str, *, reason: str) -> ExportClearance:
    """Refuse the certificate; the seller may bring another. Raises ``RuleBroken`` without a reason."""
    if not reason.strip():
        raise RuleBroken("export.reason_missing", N_("Say what is wrong with it."), field="reason")
    return _decide(actor, flow_ref, "refuse", reason.strip())


def _decide(actor: Actor, flow_ref: str, move: str, reason: str | None) -> ExportClearance:
    flow, clearance = _locked(actor, flow_ref)
    actor.must(Permission.FILING_VERIFY, flow)
    flows.must_run(flow)
    if actor.user_ref == clearance.entered_by:
        raise NotAllowed(
            "two_people",
            N_("You entered this yourself. Another person verifies it."),
            rule="architecture.md, settled facts",
        )
    CLEARANCE.fire(clearance, move)
    clearance.decided_by = actor.user_ref
    clearance.reason = reason
    record(actor, f"export.{clearance.status.value}", clearance, about=flow, reason=reason)
    return clearance


def _locked(actor: Actor, flow_ref: str) -> tuple[Flow, ExportClearance]:
    flow = flows.locked(actor, flow_ref)
    if flow.clearance is None:
        raise NotFound(
            "export.none", N_("Nothing leaves the country in this deal; there is no export track.")
        )
    return flow, lock(ExportClearance, flow.clearance.id)
