"""The contract: its terms, its final text, and the signatures over the hash of that text.

Nobody signs a text that can still change: ``finalise`` freezes a snapshot, prints it and fixes its SHA-256, and a
signature names that hash. Before the first signature both sides are checked once more: publicity, consents, export,
fresh status, no block (law.md §7.2 MATCHED → SIGNED).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from contracts import consents, documents, export, flows, paper, snapshot, terms
from contracts.models import CONTRACT, ContractStatus, EscrowStatus, Flow, Signature, TechnologyContract
from exchange import rulebook
from exchange.core import clock, due, files
from exchange.core.db import get, session, transaction
from exchange.core.errors import N_, Conflict, Problem, RuleBroken, Stale
from exchange.core.events import record
from exchange.deals import actions as deals
from exchange.parties.policy import Actor, Permission

ESCROW_DUE = "escrow"
"""Kind of due item: look whether the price has been paid."""


# -- the text -------------------------------------------------------------------------------------


@transaction
def edit_contract(
    actor: Actor, flow_ref: str, *, changes: Mapping[str, Any], version: int | None = None
) -> TechnologyContract:
    """Change terms of the draft: keys of ``changes`` replace those of the terms (``payment``, ``clauses``, …).

    ``version`` is the version the caller saw. Raises ``IllegalMove`` where the contract is no draft, ``Stale``, and
    ``Invalid`` or ``RuleBroken`` with everything that is wrong with the terms.
    """
    flow, contract = _locked(actor, flow_ref)
    actor.must(Permission.CONTRACT_DRAFT, contract)
    flows.must_run(flow)
    CONTRACT.check(contract, "finalise")
    if version is not None and version != contract.version:
        raise Stale(
            "stale",
            N_("Somebody changed this after you read it: it is at version %(version)s now. Read it again."),
            field="If-Match",
            version=contract.version,
        )
    fresh = {**contract.terms, **changes}
    flows.refuse(
        _wrong_terms(flow, contract, fresh), "contract.terms", N_("Some terms need to be corrected.")
    )
    contract.terms = fresh
    contract.technology_fen = terms.technology_fen(fresh, contract.price_fen)
    record(actor, "contract.edited", contract, about=flow, changed=sorted(changes))
    return contract


def _wrong_terms(flow: Flow, contract: TechnologyContract, said: Mapping[str, Any]) -> list[Problem]:
    last_day = snapshot.earliest_expiry(snapshot.rights_of(flow))
    return terms.wrong(
        contract.kind, said, price_fen=contract.price_fen, last_day=last_day, today=clock.today()
    )


def not_final(flow: Flow) -> list[Problem]:
    """Everything that keeps the contract from being finalised: missing facts (invariant 23) and wrong terms."""
    contract = flows.contract_of(flow)
    found = snapshot.missing_facts(snapshot.rights_of(flow)) + _wrong_terms(flow, contract, contract.terms)
    if contract.kind == "TT":
        found += [
            Problem(
                "contract.dead_right",
                N_("“%(title)s” is no longer in force; it cannot be the object of a transfer."),
                field=f"rights.{filing.right.ref}",
                rule="law.md §9 invariant 26",
                params={"title": filing.right.title},
            )
            for filing in flow.filings
            if any(
                problem.code.startswith("status.")
                for problem in flows.blocks(flow, filing.right, fresh=False)
            )
        ]
    return found


@transaction
def finalise(actor: Actor, flow_ref: str) -> TechnologyContract:
    """Freeze the text: take the snapshot, print it, keep it, fix its hash. A repeat is harmless.

    Raises ``Invalid`` (or ``RuleBroken`` for a single reason) naming at once everything that is missing and who
    supplies it.
    """
    flow, contract = _locked(actor, flow_ref)
    actor.must(Permission.CONTRACT_DRAFT, contract)
    flows.must_run(flow)
    if contract.status is ContractStatus.READY:
        return contract
    CONTRACT.check(contract, "finalise")
    consents.ensure(flow)
    flows.refuse(
        not_final(flow),
        "contract.not_ready",
        N_("The contract is not complete. Each line says what is missing."),
    )
    version = 1 + sum(1 for doc in documents.of_flow(flow) if doc.purpose == documents.CONTRACT)
    contract.snapshot = snapshot.take(flow, contract, version=version)
    name = f"{terms.KINDS[contract.kind].name_zh}-{contract.ref}-v{version}.html"
    contract.document = documents.keep(
        actor, flow, paper.contract(contract.snapshot), name, documents.CONTRACT
    )
    contract.sha256 = contract.document.sha256
    CONTRACT.fire(contract, "finalise")
    record(actor, "contract.finalised", contract, about=flow, version=version, sha256=contract.sha256)
    return contract


@transaction
def reopen(actor: Actor, flow_ref: str) -> TechnologyContract:
    """Open the text again while nobody has signed; the printed version stays in the file as superseded.

    Raises ``Conflict`` (``contract.signed_by_one``) after the first signature.
    """
    flow, contract = _locked(actor, flow_ref)
    actor.must(Permission.CONTRACT_DRAFT, contract)
    flows.must_run(flow)
    if contract.status is ContractStatus.DRAFT:
        return contract
    CONTRACT.check(contract, "reopen")
    if contract.signatures:
        raise Conflict(
            "contract.signed_by_one",
            N_("%(name)s has signed this text. It can no longer be changed."),
            name=contract.signatures[0].party.name,
        )
    CONTRACT.fire(contract, "reopen")
    contract.document, contract.sha256, contract.snapshot = None, None, {}
    record(actor, "contract.reopened", contract, about=flow)
    return contract


# -- the signatures -------------------------------------------------------------------------------


def not_signable(flow: Flow) -> list[Problem]:
    """Everything that keeps the parties from signing today, whoever signs (law.md §7.2)."""
    deal = flow.deal
    found = list(deals.signing_open(deal).reasons)
    found += flows.consents_open(flow)
    found += export.before_signing(flow)
    for filing in flow.filings:
        found += flows.blocks(flow, filing.right)
    found += [
        Problem(
            "party.not_verified",
            N_("The exchange has not verified %(name)s. Complete its data and submit it for verification."),
            field="party",
            rule="law.md §7.2",
            params={"name": party.name},
        )
        for party in (deal.seller, deal.buyer)
        if not party.verified
    ]
    return found


@transaction
def sign(actor: Actor, contract_ref: str, sha256: str) -> TechnologyContract:
    """Sign the exact text whose SHA-256 is ``sha256``, for the party one acts for. The last signature binds.

    A repeat by the same person is harmless. Raises ``NotAllowed`` without the role, ``StepUp`` without a fresh
    proof of who acts, ``Conflict`` (``contract.other_text``, ``contract.signed_already``), ``IllegalMove`` where
    the text is not final, and the reasons of ``not_signable``.
    """
    flow, contract = _locked(actor, get(TechnologyContract, contract_ref).flow.ref)
    actor.must(Permission.CONTRACT_SIGN, contract)
    assert actor.party is not None
    assert actor.user is not None
    if contract.ref != contract_ref:
        raise Conflict("contract.replaced", N_("This contract was replaced by %(ref)s."), ref=contract.ref)
    mine = next((s for s in contract.signatures if s.party_id == actor.party.id), None)
    if mine is not None and mine.user_ref == actor.user_ref and mine.sha256 == sha256:
        return contract
    flows.must_run(flow)
    CONTRACT.check(contract, "sign")
    if sha256 != contract.sha256:
        raise Conflict(
            "contract.other_text",
            N_("The text was changed since you read it. Read the present version, then sign that one."),
            field="sha256",
        )
    if mine is not None:
        raise Conflict(
            "contract.signed_already",
            N_("%(name)s has already signed for %(party)s."),
            name=mine.name,
            party=actor.party.name,
        )
    actor.must_step_up()
    consents.ensure(flow)
    session.expire(flow, ["consents"])
    flows.refuse(not_signable(flow), "contract.not_signable", N_("The contract cannot be signed yet."))
    session.add(
        Signature(
            contract=contract,
            party=actor.party,
            user_ref=actor.user.ref,
            name=actor.user.name,
            sha256=sha256,
            at=clock.now(),
            evidence={
                "contract": contract.ref,
                "document": contract.document.ref if contract.document else None,
            },
        )
    )
    session.flush()
    session.expire(contract, ["signatures"])
    record(actor, "contract.signature", contract, about=flow, party=actor.party.name, sha256=sha256)
    if {s.party_id for s in contract.signatures} == {flow.deal.seller_id, flow.deal.buyer_id}:
        _bind(actor, flow, contract)
    return contract


def _bind(actor: Actor, flow: Flow, contract: TechnologyContract) -> None:
    """The last signature: the contract is in force, and the price becomes due."""
    CONTRACT.fire(contract, "sign")
    contract.signed_on = clock.today()
    record(actor, "contract.signed", contract, about=flow, signed_on=contract.signed_on.isoformat())
    escrow = flow.escrow
    if escrow.status is EscrowStatus.AWAITING:
        rows = (contract.terms.get("payment") or {}).get("instalments") or []
        days = rulebook.as_of("escrow.pay_within", contract.signed_on).number
        last = contract.signed_on + timedelta(days=days)
        if rows:
            last = max(last, *(terms.as_day(row["due_on"]) or last for row in rows))
        escrow.due_at = clock.end_of_beijing_day(last)
        due.wake(ESCROW_DUE, flow.ref, escrow.due_at)
        record(actor, "escrow.due", flow, due_on=last.isoformat(), price_fen=escrow.price_fen)


def text_of(contract: TechnologyContract) -> str:
    """The text of the final contract as HTML, read back from the kept bytes and checked against their hash.

    Raises ``RuleBroken`` (``contract.no_text``) while it is a draft, ``NotFound`` where the file was lost.
    """
    if contract.document is None:
        raise RuleBroken("contract.no_text", N_("The contract is a draft; it has no final text yet."))
    return paper.main_part(files.read(contract.document))


def _locked(actor: Actor, flow_ref: str) -> tuple[Flow, TechnologyContract]:
    flow = flows.locked(actor, flow_ref)
    return flow, flows.locked_contract(flow)
