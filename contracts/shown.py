"""The flow and its things as the API shows them: facts, what is missing, and the acts open to the caller."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from flask import g

from contracts import export, flows, missing, money_track, tracks
from contracts.models import (
    CLEARANCE,
    CONTRACT,
    FILING,
    NOTICE,
    PAYOUT,
    REGISTRATION,
    Certificate,
    Consent,
    ContractRegistration,
    EscrowStatus,
    Filing,
    Flow,
    OfficeNotice,
    Payout,
    TechnologyContract,
)
from exchange.api import actions
from exchange.core.files import Document
from exchange.deals.models import DealStatus
from exchange.ledger.models import Entry
from exchange.parties.models import Party
from exchange.parties.policy import Actor, Permission
from exchange.rights.models import Confirmation
from exchange.web.i18n import say

Shape = dict[str, Any]

_CONTRACT: Final = {
    "finalise": Permission.CONTRACT_DRAFT,
    "reopen": Permission.CONTRACT_DRAFT,
    "sign": Permission.CONTRACT_SIGN,
}
_FILING: Final = {
    "submit": Permission.FILING_SUBMIT,
    "pay_fee": Permission.FILING_SUBMIT,
    "answer": Permission.FILING_ANSWER,
}
_REGISTRATION: Final = {
    "accept": Permission.REGISTRATION_DECIDE,
    "ask_supplement": Permission.REGISTRATION_DECIDE,
    "supplement": Permission.REGISTRATION_APPLY,
    "large_review": Permission.REGISTRATION_DECIDE,
    "register": Permission.REGISTRATION_DECIDE,
    "refuse": Permission.REGISTRATION_DECIDE,
    "cancel": Permission.REGISTRATION_APPLY,
    "revoke": Permission.REGISTRATION_DECIDE,
}
_NOTICE: Final = {"verify": Permission.FILING_VERIFY, "reject": Permission.FILING_VERIFY}
_PAYOUT: Final = {"approve": Permission.ESCROW_PAY_OUT, "refuse": Permission.ESCROW_PAY_OUT}
_EXPORT: Final = {"clear": Permission.FILING_VERIFY, "refuse": Permission.FILING_VERIFY}


def _may(table: Mapping[str, Permission], thing: Any) -> Any:
    actor: Actor = g.actor
    return lambda move: move in table and actor.can(table[move], thing)


def party(one: Party) -> Shape:
    """A side of the deal."""
    return {"ref": one.ref, "name": one.name}


def item(one: missing.Missing) -> Shape:
    """One thing that is missing, in the caller's language."""
    by = one.by.astimezone(UTC).isoformat().replace("+00:00", "Z") if isinstance(one.by, datetime) else one.by
    return {
        "code": one.code,
        "message": say(one.message, one.params),
        "track": one.track,
        "who": one.who,
        "waits_on": list(one.names),
        "by": str(by) if by else None,
        "provisional": one.provisional,
        "optional": one.optional,
        "mine": tracks.is_for(one, g.actor),
        "subject": one.subject,
    }


def flow(one: Flow) -> Shape:
    """A flow in a list."""
    deal = one.deal
    return {
        "ref": one.ref,
        "deal": deal.ref,
        "listing": deal.listing.ref,
        "title": deal.listing.title,
        "stage": tracks.stage(one),
        "seller": party(deal.seller),
        "buyer": party(deal.buyer),
        "price": deal.price_fen,
        "opened_at": one.opened_at,
        "version": one.version,
    }


def flow_full(one: Flow) -> Shape:
    """A flow with its tracks."""
    items = missing.missing(one)
    registration = flows.registration_of(one)
    escrow = one.escrow
    return {
        **flow(one),
        "contract": flows.contract_of(one).ref,
        "escrow": {
            "status": escrow.status.value,
            "price": escrow.price_fen,
            "fee": escrow.fee_fen,
            "received": money_track.received(one),
            "due_at": escrow.due_at,
            "funded_at": escrow.funded_at,
            "closed_at": escrow.closed_at,
        },
        "consents": [consent(c) for c in one.consents],
        "filings": [filing.ref for filing in one.filings],
        "registration": registration.ref if registration else None,
        "export": one.clearance.status.value if one.clearance else None,
        "certificate": one.certificate.code if one.certificate else None,
        "tracks": [
            {"key": t.key, "title": say(t.title), "state": t.state, "words": say(t.words, t.params)}
            for t in tracks.tracks(one, items, g.actor)
        ],
        "missing": [item(m) for m in items],
        "actions": _flow_actions(one),
    }


def _flow_actions(one: Flow) -> list[str]:
    actor: Actor = g.actor
    running = one.deal.status is DealStatus.AGREED
    rows = (
        ("receive_price", Permission.ESCROW_RECEIVE, one.escrow.status is EscrowStatus.AWAITING),
        ("rescind", Permission.DEAL_RESCIND, True),
        ("apply_registration", Permission.REGISTRATION_APPLY, flows.registration_of(one) is None),
    )
    found = [name for name, permission, open_ in rows if running and open_ and actor.can(permission, one)]
    if one.clearance is not None and running:
        found += [f"export.{move}" for move in actions(CLEARANCE, one.clearance, _may(_EXPORT, one))]
        if actor.can(Permission.CONTRACT_DRAFT, one) and export.before_signing(one):
            found.append("export.declare")
    return found


def contract(one: TechnologyContract) -> Shape:
    """The contract of a flow."""
    return {
        "ref": one.ref,
        "kind": one.kind,
        "status": one.status.value,
        "price": one.price_fen,
        "technology": one.technology_fen,
        "terms": one.terms,
        "document": one.document.ref if one.document else None,
        "sha256": one.sha256,
        "signed_on": one.signed_on,
        "signatures": [
            {"party": s.party.ref, "name": s.name, "sha256": s.sha256, "at": s.at} for s in one.signatures
        ],
        "version": one.version,
        "actions": actions(CONTRACT, one, _may(_CONTRACT, one)),
    }


def consent(one: Consent) -> Shape:
    """A consent that is needed."""
    return {
        "ref": one.ref,
        "right": one.right.ref,
        "kind": one.kind.value,
        "name": one.name,
        "status": one.status.value,
        "document": one.document.ref if one.document else None,
    }


def notice(one: OfficeNotice) -> Shape:
    """A notice of the office or an answer of the registrar; nobody verifies what they entered."""
    own = g.actor.user_ref == one.entered_by
    return {
        "ref": one.ref,
        "code": one.code,
        "number": one.number,
        "dated": one.dated,
        "due_on": one.due_on,
        "status": one.status.value,
        "document": one.document.ref if one.document else None,
        "reason": one.reason,
        "actions": [] if own else actions(NOTICE, one, _may(_NOTICE, one)),
    }


def filing(one: Filing) -> Shape:
    """The filing of one right."""
    return {
        "ref": one.ref,
        "flow": one.flow.ref,
        "right": one.right.ref,
        "title": one.right.title,
        "kind": one.kind.value,
        "status": one.status.value,
        "price": one.price_fen,
        "fee": one.fee_fen,
        "filed_on": one.filed_on,
        "fee_due_on": one.fee_due_on,
        "fee_paid_on": one.fee_paid_on,
        "supplement_due_on": one.supplement_due_on,
        "recorded_on": one.recorded_on,
        "attempts": one.attempts,
        "package": one.package,
        "notices": [notice(n) for n in one.notices],
        "version": one.version,
        "actions": actions(FILING, one, _may(_FILING, one)),
    }


def registration(one: ContractRegistration) -> Shape:
    """An application for registration."""
    return {
        "ref": one.ref,
        "flow": one.flow.ref,
        "status": one.status.value,
        "registrar": one.registrar.name if one.registrar else None,
        "profile": one.profile,
        "form": one.form,
        "number": one.number,
        "technology": one.technology_fen,
        "decide_by": one.decide_by,
        "provisional": one.decide_by_provisional,
        "registered_on": one.registered_on,
        "refusal_code": one.refusal_code,
        "note": one.note,
        "notices": [notice(n) for n in one.notices],
        "version": one.version,
        "actions": actions(REGISTRATION, one, _may(_REGISTRATION, one)),
    }


def entry(one: Entry) -> Shape:
    """An entry of the ledger."""
    return {
        "sequence": one.sequence,
        "movement": one.movement,
        "at": one.at,
        "memo": one.memo,
        "hash": one.hash,
    }


def payout(one: Payout) -> Shape:
    """A payout; nobody approves what they asked for."""
    own = g.actor.user_ref == one.requested_by
    return {
        "ref": one.ref,
        "party": one.party.ref,
        "amount": one.amount_fen,
        "status": one.status.value,
        "bank_account": one.bank_account,
        "bank_reference": one.bank_reference,
        "requested_at": one.requested_at,
        "decided_at": one.decided_at,
        "actions": [] if own else actions(PAYOUT, one, _may(_PAYOUT, one)),
    }


def document(one: Document) -> Shape:
    """A file."""
    return {
        "ref": one.ref,
        "filename": one.filename,
        "media_type": one.media_type,
        "size": one.size,
        "sha256": one.sha256,
        "purpose": one.purpose,
        "created_at": one.created_at,
    }


def verdict(state: str, found: Certificate | None, altered: bool | None) -> Shape:
    """What a check of a certificate found."""
    return {
        "state": state,
        "number": found.number if found else None,
        "issued_at": found.issued_at if found else None,
        "revoked_at": found.revoked_at if found else None,
        "revoked_reason": found.revoked_reason if found else None,
        "sha256": found.sha256 if found else None,
        "altered": altered,
    }


def confirmed(found: Confirmation, sha256: str | None) -> Shape:
    """What a check of a confirmation of rights found."""
    return {
        "state": "valid",
        "number": found.ref,
        "issued_at": found.issued_at,
        "revoked_at": None,
        "revoked_reason": None,
        "sha256": found.sha256,
        "altered": None if sha256 is None else sha256.strip().lower() != found.sha256,
    }
