"""Whose word a right needs before its contract is signed: co-owners, pledgee, inventors with their pre-emption.

Who is asked is computed from the register (law.md §1.2, §2.1, §2.4, §9 invariants 12, 14, 18); a consent counts when
its document is in the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from contracts import documents, flows
from contracts.models import CONSENT, Consent, ConsentKind, ConsentStatus, Flow
from exchange.core import clock
from exchange.core.db import get, lock_all, session, transaction
from exchange.core.errors import N_, NotFound, RuleBroken
from exchange.core.events import record
from exchange.listings import readiness
from exchange.listings import rules as listing_rules
from exchange.parties.models import PartyKind
from exchange.parties.policy import SYSTEM, Actor, Permission
from exchange.rights import kinds
from exchange.rights.models import EncumbranceKind, Right
from exchange.rights.obstacles import live_burdens


def needed(flow: Flow, right: Right) -> Iterator[tuple[ConsentKind, str]]:
    """Who must agree for ``right``: (kind, name), each once.

    Co-owners of record beside the seller, except for an ordinary licence; the pledgee of every live pledge; and
    for a transfer by an organisation every inventor, who may buy first on the same conditions.
    """
    deal, listing = flow.deal, flow.deal.listing
    if listing_rules.needs_all_owners(listing.kind, listing.licence_kind):
        for name in listing_rules.other_owners(right, deal.seller_id, readiness.names_of(deal.seller)):
            yield ConsentKind.CO_OWNER, name
    for burden in live_burdens(right, clock.today()):
        if burden.kind is EncumbranceKind.PLEDGE:
            yield ConsentKind.PLEDGEE, burden.holder or burden.register_no or "—"
    if (
        flows.is_transfer(listing)
        and deal.seller.kind is not PartyKind.PERSON
        and kinds.of(right.kind).is_patent
    ):
        for name in right.inventors:
            if name and name != deal.buyer.name:
                yield ConsentKind.INVENTOR, name


def ensure(flow: Flow) -> list[Consent]:
    """Ask for what is needed and was not asked before (a new owner of record, a new pledge); the new ones."""
    known = {(consent.right_id, consent.kind, consent.name) for consent in flow.consents}
    fresh = []
    for filing in flow.filings:
        for kind, name in dict.fromkeys(needed(flow, filing.right)):
            if (filing.right_id, kind, name[:255]) not in known:
                consent = Consent(flow=flow, right=filing.right, kind=kind, name=name[:255])
                session.add(consent)
                fresh.append(consent)
    session.flush()
    for consent in fresh:
        record(SYSTEM, "consent.asked", consent, about=flow, name=consent.name, kind=consent.kind.value)
    return fresh


@transaction
def give(actor: Actor, consent_refs: Sequence[str], *, document: str | None) -> list[Consent]:
    """Enter the consent or waiver of those who were asked; one document may speak for several of them.

    A repeat is harmless. Raises ``NotFound``, ``NotAllowed``, ``RuleBroken`` (``file.missing``, ``consent.none``).
    """
    flow, found = _locked(actor, consent_refs)
    if all(consent.status is ConsentStatus.GIVEN for consent in found):
        return found
    proof = documents.named(flow, document)
    for consent in found:
        if consent.status is ConsentStatus.GIVEN:
            continue
        CONSENT.fire(consent, "give")
        consent.document = proof
        consent.answered_at = clock.now()
        record(actor, "consent.given", consent, about=flow, name=consent.name, kind=consent.kind.value)
    return found


@transaction
def refuse(actor: Actor, consent_ref: str, *, document: str | None = None) -> Consent:
    """Enter that somebody refused, or wants to buy first; the contract cannot be signed before they change their mind.

    Raises ``IllegalMove`` where the consent was given.
    """
    flow, (consent,) = _locked(actor, [consent_ref])
    if consent.status is ConsentStatus.REFUSED:
        return consent
    CONSENT.fire(consent, "refuse")
    consent.document = documents.named(flow, document) if document else None
    consent.answered_at = clock.now()
    record(actor, "consent.refused", consent, about=flow, name=consent.name, kind=consent.kind.value)
    return consent


def _locked(actor: Actor, refs: Sequence[str]) -> tuple[Flow, list[Consent]]:
    if not refs:
        raise RuleBroken("consent.none", N_("Choose whose answer you enter."), field="consents")
    flow = flows.locked(actor, get(Consent, refs[0]).flow.ref)
    flows.must_stand_with(actor, Permission.CONTRACT_DRAFT, flow, "seller")
    flows.must_run(flow)
    found = lock_all(Consent, list(dict.fromkeys(refs)))
    if any(consent.flow_id != flow.id for consent in found):
        raise NotFound
    return flow, found
