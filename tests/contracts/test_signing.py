"""The contract's text and signatures, guard by guard; each refusal beside the set-up in which it would succeed."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from contracts import consents, documents, flows, signing
from contracts.models import ContractStatus, Flow
from exchange.core import clock, files
from exchange.core.db import session, transaction
from exchange.core.errors import (
    Conflict,
    DomainError,
    IllegalMove,
    Invalid,
    NotAllowed,
    NotFound,
    RuleBroken,
    Stale,
)
from exchange.listings import publicity
from exchange.parties.models import PartyKind, PartyStatus, Role
from exchange.parties.policy import Actor, StepUp
from exchange.rights.models import RightStatus
from tests.contracts import scene
from tests.contracts.scene import House
from tests.listings import scene as market

pytestmark = pytest.mark.usefixtures("db_app")


@pytest.fixture
def people(db_app: Flask) -> House:
    return scene.house()


@pytest.fixture
def flow(people: House) -> Flow:
    return scene.agreed(people)


def codes(error: DomainError) -> list[str]:
    return [problem.code for problem in error.problems] if isinstance(error, Invalid) else [error.code]


def refusal(actor: Actor, flow: Flow) -> list[str]:
    """Why ``actor`` cannot sign now; empty where they can."""
    contract = flows.contract_of(scene.fresh(flow))
    try:
        signing.sign(actor, contract.ref, str(contract.sha256))
    except DomainError as error:
        return codes(error)
    return []


# -- terms ----------------------------------------------------------------------------------------


def test_both_sides_edit_the_draft(people: House, flow: Flow) -> None:
    for actor in (people.seller, people.buyer):
        signing.edit_contract(actor, flow.ref, changes={"clauses": {"other": "培训两次"}})
    assert flows.contract_of(scene.fresh(flow)).terms["clauses"] == {"other": "培训两次"}


def test_wrong_terms_are_named_at_once(people: House, flow: Flow) -> None:
    with pytest.raises(Invalid) as caught:
        signing.edit_contract(
            people.seller, flow.ref, changes={"payment": {"mode": "ROY"}, "clauses": {"weather": "晴"}}
        )
    assert set(codes(caught.value)) == {"contract.payment_field", "contract.clause"}


def test_an_older_version_is_not_saved_over_a_newer(people: House, flow: Flow) -> None:
    seen = flows.contract_of(flow).version
    signing.edit_contract(people.seller, flow.ref, changes={"clauses": {"other": "一"}}, version=seen)
    with pytest.raises(Stale):
        signing.edit_contract(people.buyer, flow.ref, changes={"clauses": {"other": "二"}}, version=seen)


def test_non_technical_items_lower_the_technology_amount(people: House, flow: Flow) -> None:
    items = [{"name": "样机", "amount_fen": 26_000_000}]
    contract = signing.edit_contract(people.seller, flow.ref, changes={"non_technical": items})
    assert (contract.price_fen, contract.technology_fen) == (126_000_000, 100_000_000)


def test_only_agents_of_the_two_sides_draft(people: House, flow: Flow) -> None:
    with pytest.raises(NotAllowed):
        signing.edit_contract(people.seller_signer, flow.ref, changes={})
    with pytest.raises(NotAllowed):
        signing.finalise(people.operator, flow.ref)
    with pytest.raises(NotFound):
        signing.finalise(scene.member(market.party(), Role.AGENT), flow.ref)


# -- the final text -------------------------------------------------------------------------------


def test_the_hash_is_that_of_the_kept_bytes(people: House, flow: Flow) -> None:
    contract = signing.finalise(people.seller, flow.ref)
    assert contract.document is not None
    assert contract.sha256 == contract.document.sha256
    assert files.read(contract.document).startswith(b"<!doctype html>")
    assert contract.snapshot["rights"][0]["expires_on"] == "2041-06-08"


def test_finalising_twice_is_one_text(people: House, flow: Flow) -> None:
    first = signing.finalise(people.seller, flow.ref).sha256
    assert signing.finalise(people.buyer, flow.ref).sha256 == first
    assert [d.purpose for d in documents.of_flow(flow)] == [documents.CONTRACT]


@pytest.mark.parametrize(
    ("fact", "empty", "missing"),
    [
        ("filed_on", None, {"filed_on", "expires_on"}),
        ("app_no", None, {"app_no", "patent_no"}),
        ("title", "", {"title"}),
    ],
)
def test_each_of_the_six_facts_is_asked_for(
    people: House, flow: Flow, fact: str, empty: Any, missing: set[str]
) -> None:
    """Invariant 23: whichever is missing, the contract cannot be finalised, and each is named."""
    with transaction():
        setattr(flow.filings[0].right, fact, empty)
    with pytest.raises((Invalid, RuleBroken)) as caught:
        signing.finalise(people.seller, flow.ref)
    error = caught.value
    fields = [p.field for p in error.problems] if isinstance(error, Invalid) else [error.field]
    named = {
        str(field).split(".")[-1]
        for field in fields
        if str(field).startswith("rights.") and str(field).count(".") == 2
    }
    assert named == missing
    assert flows.contract_of(scene.fresh(flow)).status is ContractStatus.DRAFT


def test_every_missing_fact_of_every_right_comes_at_once(people: House) -> None:
    assert people.seller.party is not None
    rights = [market.right(people.seller.party, inventors=[]) for _ in range(2)]
    flow = scene.agreed(people, *rights)
    with transaction():
        for right in rights:
            right.filed_on = None
    with pytest.raises(Invalid) as caught:
        signing.finalise(people.seller, flow.ref)
    assert codes(caught.value).count("contract.fact_missing") == 4
    assert {p.params["who"] for p in caught.value.problems if p.code == "contract.fact_missing"} == {"seller"}


def test_a_dead_right_is_no_object_of_a_transfer(people: House, flow: Flow) -> None:
    with transaction():
        flow.filings[0].right.status = RightStatus.LAPSED
    with pytest.raises(DomainError) as caught:
        signing.finalise(people.seller, flow.ref)
    assert "contract.dead_right" in codes(caught.value)


def test_an_application_is_contracted_without_patent_number(people: House) -> None:
    assert people.seller.party is not None
    right = market.right(
        people.seller.party, inventors=[], status=RightStatus.PENDING, granted_on=None, fees_paid_through=None
    )
    contract = flows.contract_of(scene.final(people, scene.agreed(people, right)))
    assert contract.snapshot["rights"][0]["patent_no"] is None
    assert "尚未授权" in signing.text_of(contract)


def test_reopening_keeps_the_old_version(people: House, flow: Flow) -> None:
    first = signing.finalise(people.seller, flow.ref).sha256
    signing.reopen(people.buyer, flow.ref)
    signing.edit_contract(people.buyer, flow.ref, changes={"clauses": {"other": "另附清单"}})
    second = signing.finalise(people.buyer, flow.ref)
    assert second.sha256 != first
    kept = [d for d in documents.of_flow(flow) if d.purpose == documents.CONTRACT]
    assert [document.sha256 for document in kept] == [first, second.sha256]


def test_after_a_signature_nothing_is_reopened(people: House, flow: Flow) -> None:
    contract = signing.finalise(people.seller, flow.ref)
    signing.sign(people.seller_signer, contract.ref, str(contract.sha256))
    with pytest.raises(Conflict, match=r"contract\.signed_by_one"):
        signing.reopen(people.buyer, flow.ref)


def test_a_final_text_is_not_edited(people: House, flow: Flow) -> None:
    signing.finalise(people.seller, flow.ref)
    with pytest.raises(IllegalMove):
        signing.edit_contract(people.seller, flow.ref, changes={})


# -- signing --------------------------------------------------------------------------------------


def test_two_signatures_bind(people: House, flow: Flow) -> None:
    signing.finalise(people.seller, flow.ref)
    assert refusal(people.seller_signer, flow) == []
    assert flows.contract_of(scene.fresh(flow)).status is ContractStatus.READY
    assert refusal(people.buyer_signer, flow) == []
    contract = flows.contract_of(scene.fresh(flow))
    assert contract.status is ContractStatus.SIGNED
    assert contract.signed_on == clock.today()
    due_at = scene.fresh(flow).escrow.due_at
    assert due_at == clock.end_of_beijing_day(clock.today() + timedelta(days=10))


def test_a_draft_is_not_signed(people: House, flow: Flow) -> None:
    with pytest.raises(IllegalMove):
        signing.sign(people.seller_signer, flows.contract_of(flow).ref, "0" * 64)


def test_only_a_signer_of_a_side_signs(people: House, flow: Flow) -> None:
    signing.finalise(people.seller, flow.ref)
    assert refusal(people.seller, flow) == ["not_allowed"]
    assert refusal(people.operator, flow) == ["not_allowed"]
    assert refusal(scene.member(market.party(), Role.SIGNER), flow) == ["not_found"]


def test_the_hash_must_be_that_of_the_text(people: House, flow: Flow) -> None:
    contract = signing.finalise(people.seller, flow.ref)
    with pytest.raises(Conflict, match=r"contract\.other_text"):
        signing.sign(people.seller_signer, contract.ref, "f" * 64)


def test_a_party_signs_once(people: House, flow: Flow) -> None:
    contract = signing.finalise(people.seller, flow.ref)
    assert people.seller.party is not None
    signing.sign(people.seller_signer, contract.ref, str(contract.sha256))
    signing.sign(people.seller_signer, contract.ref, str(contract.sha256))
    assert len(flows.contract_of(scene.fresh(flow)).signatures) == 1
    assert refusal(scene.member(people.seller.party, Role.SIGNER), flow) == ["contract.signed_already"]


def test_signing_asks_for_a_fresh_proof(people: House, flow: Flow) -> None:
    contract = signing.finalise(people.seller, flow.ref)
    with pytest.raises(StepUp):
        signing.sign(replace(people.seller_signer, stepped_up=False), contract.ref, str(contract.sha256))


def test_a_stale_status_blocks_signing(people: House, flow: Flow) -> None:
    signing.finalise(people.seller, flow.ref)
    clock.advance(timedelta(days=30))
    assert refusal(people.seller_signer, flow) == []
    clock.advance(timedelta(days=1))
    assert refusal(people.buyer_signer, flow) == ["status.stale"]


def test_a_dead_right_blocks_signing(people: House, flow: Flow) -> None:
    signing.finalise(people.seller, flow.ref)
    with transaction():
        flow.filings[0].right.status = RightStatus.INVALID
    assert refusal(people.seller_signer, flow) == ["status.invalid"]


def test_a_party_that_is_not_verified_blocks_signing(people: House, flow: Flow) -> None:
    signing.finalise(people.seller, flow.ref)
    with transaction():
        flow.deal.buyer.status = PartyStatus.REGISTERED
    assert refusal(people.seller_signer, flow) == ["party.not_verified"]


# -- consents, publicity --------------------------------------------------------------------------


def co_owned(people: House, **facts: Any) -> Flow:
    assert people.seller.party is not None
    right = market.right(people.seller.party, "闽东新材料研究院", inventors=["陈砚", "林知夏"])
    return scene.agreed(
        people, right, terms={**market.STATEMENTS, "co_owner_consents": ["闽东新材料研究院"]}, **facts
    )


def test_co_owners_and_inventors_are_asked(people: House) -> None:
    flow = co_owned(people)
    assert {(c.kind.value, c.name) for c in flow.consents} == {
        ("co_owner", "闽东新材料研究院"),
        ("inventor", "陈砚"),
        ("inventor", "林知夏"),
    }


def test_every_consent_is_needed_before_signing(people: House) -> None:
    flow = scene.final(people, co_owned(people))
    assert refusal(people.seller_signer, flow) == ["consent.open"] * 3
    asked = flow.consents
    consents.give(people.seller, [c.ref for c in asked[:2]], document=scene.proof(people.seller, flow))
    assert refusal(people.seller_signer, flow) == ["consent.open"]
    consents.refuse(people.seller, asked[2].ref)
    assert refusal(people.seller_signer, flow) == ["consent.refused"]
    consents.give(people.seller, [asked[2].ref], document=scene.proof(people.seller, flow))
    assert refusal(people.seller_signer, flow) == []


def test_a_consent_needs_its_paper_of_this_deal(people: House) -> None:
    flow, other = co_owned(people), scene.agreed(people)
    ref = flow.consents[0].ref
    with pytest.raises(RuleBroken, match=r"file\.missing"):
        consents.give(people.seller, [ref], document=None)
    with pytest.raises(RuleBroken, match=r"file\.not_here"):
        consents.give(people.seller, [ref], document=scene.proof(people.seller, other))
    with pytest.raises(NotAllowed, match=r"flow\.other_side"):
        consents.give(people.buyer, [ref], document=scene.proof(people.buyer, flow))
    with pytest.raises(RuleBroken, match=r"consent\.none"):
        consents.give(people.seller, [], document=None)


def test_a_consent_given_twice_is_given_once(people: House) -> None:
    flow = co_owned(people)
    ref = flow.consents[0].ref
    paper = scene.proof(people.seller, flow)
    consents.give(people.seller, [ref], document=paper)
    (again,) = consents.give(people.seller, [ref], document=None)
    assert again.document is not None
    assert again.document.ref == paper
    with pytest.raises(IllegalMove):
        consents.refuse(people.seller, ref)


def test_a_person_sells_without_asking_inventors(db_app: Flask) -> None:
    people = scene.house(seller=PartyKind.PERSON)
    assert people.seller.party is not None
    flow = scene.agreed(people, market.right(people.seller.party))
    assert flow.consents == []


def test_an_ordinary_licence_needs_no_co_owner(people: House) -> None:
    from exchange.listings.models import LicenceKind, ListingKind

    flow = co_owned(people, kind=ListingKind.LICENCE, licence_kind=LicenceKind.ORDINARY, licence_years=5)
    assert flow.consents == []
    flow = co_owned(people, kind=ListingKind.LICENCE, licence_kind=LicenceKind.EXCLUSIVE, licence_years=5)
    assert [c.kind.value for c in flow.consents] == ["co_owner"]


def test_a_university_waits_for_its_publicity(db_app: Flask) -> None:
    """Invariant 20: not on day 15, but at 00:00 Beijing time on day 16."""
    people = scene.house(seller=PartyKind.UNIVERSITY)
    flow = scene.final(people, scene.consented(people, scene.agreed(people)))
    running = publicity.current(flow.deal.listing)
    assert running is not None
    clock.advance_to(running.signing_from - timedelta(seconds=1))
    assert refusal(people.seller_signer, flow) == ["publicity.running"]
    clock.advance(timedelta(seconds=1))
    assert refusal(people.seller_signer, flow) == []


def test_an_open_objection_keeps_the_pen_down(db_app: Flask) -> None:
    people = scene.house(seller=PartyKind.UNIVERSITY)
    flow = scene.final(people, scene.consented(people, scene.agreed(people)))
    objector = scene.member(market.party(), Role.AGENT)
    objection = publicity.object_to(objector, flow.deal.listing.ref, text="价格偏低")
    clock.advance(timedelta(days=16))
    assert refusal(people.seller_signer, flow) == ["publicity.objection"]
    publicity.decide_objection(people.reviewer, objection.ref, upheld=False, decision="已说明定价依据")
    session.expire_all()
    assert refusal(people.seller_signer, flow) == []
