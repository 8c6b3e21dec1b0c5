"""The flow as a whole: what it opens with, how it is unwound, what a block does to it, what it says is missing."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from contracts import consents, filings, flows, missing, notices, onestop, tracks
from contracts.models import ContractStatus, EscrowStatus, FilingStatus, Flow
from exchange.core import clock
from exchange.core.db import session, transaction
from exchange.core.errors import Conflict, NotAllowed, RuleBroken
from exchange.core.events import Event
from exchange.deals.models import DealStatus
from exchange.ledger import book, chart
from exchange.ledger.verify import verify
from exchange.listings.models import ListingStatus
from exchange.parties.models import PartyKind
from exchange.parties.policy import SYSTEM, Actor
from exchange.rights import burdens
from exchange.rights.models import EncumbranceKind
from tests.contracts import scene
from tests.contracts.scene import House
from tests.listings import scene as market

pytestmark = pytest.mark.usefixtures("db_app")


@pytest.fixture
def people(db_app: Flask) -> House:
    return scene.house()


def needs(flow: Flow) -> dict[str, missing.Missing]:
    return {item.code: item for item in onestop.missing(scene.fresh(flow))}


# -- opening --------------------------------------------------------------------------------------


def test_a_flow_opens_with_all_its_tracks(people: House) -> None:
    flow = scene.agreed(people)
    contract = flows.contract_of(flow)
    assert (contract.kind, contract.status, contract.price_fen) == ("TT", ContractStatus.DRAFT, scene.PRICE)
    assert (flow.escrow.price_fen, flow.escrow.fee_fen) == (scene.PRICE, scene.PRICE // 50)
    assert [filing.price_fen for filing in flow.filings] == [scene.PRICE]
    assert (flow.registrations, flow.clearance, flow.certificate) == ([], None, None)


def test_the_event_opens_it_however_often_it_comes(people: House) -> None:
    flow = scene.agreed(people)
    event = session.scalars(
        select(Event).where(Event.type == "deal.agreed", Event.subject_ref == flow.deal.ref)
    ).one()
    for _ in range(2):
        onestop.on_deal_agreed(event)
    assert session.scalar(select(func.count()).select_from(Flow).where(Flow.deal_id == flow.deal_id)) == 1


# -- unwinding ------------------------------------------------------------------------------------


def test_before_recording_everything_goes_back(people: House) -> None:
    flow = scene.filed(people, scene.agreed(people))
    for _ in range(2):
        onestop.rescind(people.operator, flow.ref, reason="双方协商解除")
    flow = scene.fresh(flow)
    assert flow.deal.status is DealStatus.RESCINDED
    assert flow.deal.listing.status is ListingStatus.LISTED
    assert flow.escrow.status is EscrowStatus.REFUNDED
    assert flows.contract_of(flow).status is ContractStatus.VOID
    assert {filing.status for filing in flow.filings} == {FilingStatus.ABANDONED}
    assert book.balance(chart.party(flow.deal.buyer.ref)) == scene.PRICE
    assert book.balance(chart.escrow(flow.deal.ref)) == 0
    assert verify().ok
    assert needs(flow)["payout.request"].params["name"] == flow.deal.buyer.name


def test_a_part_that_came_in_is_refunded_too(people: House) -> None:
    from contracts import money_track

    flow = scene.signed(people, scene.agreed(people))
    money_track.receive_price(people.officer, flow.ref, amount_fen=700, bank_reference="BANK-1")
    onestop.rescind(people.operator, flow.ref, reason="买方逾期未付款")
    flow = scene.fresh(flow)
    assert flow.escrow.status is EscrowStatus.VOID
    assert book.balance(chart.party(flow.deal.buyer.ref)) == 700


def test_nothing_came_in_nothing_is_refunded(people: House) -> None:
    flow = scene.agreed(people)
    onestop.rescind(people.operator, flow.ref, reason="双方协商解除")
    assert book.balance(chart.party(flow.deal.buyer.ref)) == 0
    with pytest.raises(Conflict, match=r"flow\.ended"):
        filings.submit_filing(people.buyer, flow.filings[0].ref)


def test_after_recording_only_a_new_transfer_leads_back(people: House) -> None:
    assert people.seller.party is not None
    rights = [market.right(people.seller.party, inventors=[]) for _ in range(2)]
    flow = scene.filed(people, scene.agreed(people, *rights))
    notices.verify_notice(people.reviewer, scene.noticed(people, flow, 0).ref)
    with pytest.raises(Conflict, match=r"flow\.recorded_already"):
        onestop.rescind(people.operator, flow.ref, reason="双方协商解除")
    assert scene.fresh(flow).escrow.status is EscrowStatus.FUNDED


def test_only_an_operator_rescinds_and_says_why(people: House) -> None:
    flow = scene.agreed(people)
    for actor in (people.seller, people.buyer, people.reviewer, people.officer):
        with pytest.raises(NotAllowed):
            onestop.rescind(actor, flow.ref, reason="不想卖了")
    with pytest.raises(RuleBroken, match=r"deal\.reason_missing"):
        onestop.rescind(people.operator, flow.ref, reason="  ")


# -- blocks ---------------------------------------------------------------------------------------


def test_a_court_stops_the_filing_and_lets_it_go_on(people: House) -> None:
    """Invariant 16: held while the block lasts; afterwards the package is checked again."""
    flow = scene.filed(people, scene.agreed(people))
    filing = flow.filings[0]
    burdens.encumber(
        people.operator, filing.right, EncumbranceKind.PRESERVATION, by="法院 1", since=clock.today()
    )
    onestop.review_block(SYSTEM, filing.ref)
    filing = scene.fresh(flow).filings[0]
    assert (filing.status, filing.hold_reason) == (FilingStatus.ON_HOLD, "burden.preservation")
    assert needs(flow)["filing.hold"].waits_for(flow.deal.seller)
    assert tracks.stage(scene.fresh(flow)) == "hold"
    onestop.review_block(SYSTEM, filing.ref)
    burdens.release(people.operator, filing.right, EncumbranceKind.PRESERVATION, by="法院 1")
    onestop.review_block(SYSTEM, filing.ref)
    assert scene.fresh(flow).filings[0].status is FilingStatus.DRAFT
    filings.submit_filing(people.buyer, filing.ref)
    assert scene.fresh(flow).filings[0].attempts == 2


def test_a_new_pledge_asks_for_consent_and_stops_nothing(people: House) -> None:
    flow = scene.filed(people, scene.agreed(people))
    filing = flow.filings[0]
    burdens.encumber(people.operator, filing.right, EncumbranceKind.PLEDGE, by="PL-1", holder="闽都惠民银行")
    onestop.review_block(SYSTEM, filing.ref)
    flow = scene.fresh(flow)
    assert flow.filings[0].status is FilingStatus.FEE_PAID
    assert [consent.name for consent in flow.consents] == ["闽都惠民银行"]


def test_what_has_ended_is_not_held(people: House) -> None:
    flow = scene.recorded(people, scene.agreed(people))
    filing = flow.filings[0]
    burdens.encumber(
        people.operator, filing.right, EncumbranceKind.PRESERVATION, by="法院 1", since=clock.today()
    )
    assert onestop.review_block(SYSTEM, filing.ref).status is FilingStatus.RECORDED


# -- what is missing ------------------------------------------------------------------------------


def test_the_list_follows_the_deal_from_step_to_step(people: House) -> None:
    flow = scene.agreed(people)
    seller, buyer = flow.deal.seller, flow.deal.buyer
    first = needs(flow)
    assert set(first) == {"contract.finalise"}
    assert first["contract.finalise"].waits_for(seller)
    assert first["contract.finalise"].waits_for(buyer)
    flow = scene.final(people, flow)
    assert set(needs(flow)) == {"contract.sign"}
    assert len(onestop.missing(flow)) == 2
    flow = scene.signed(people, flow)
    listed = needs(flow)
    assert set(listed) == {"escrow.pay", "registration.apply"}
    assert (listed["escrow.pay"].by, listed["escrow.pay"].waits_on()) == (
        clock.today() + timedelta(days=10),
        buyer.name,
    )
    assert listed["registration.apply"].optional
    assert [item.code for item in onestop.missing(flow)][-1] == "registration.apply"
    from contracts import money_track

    money_track.receive_price(people.officer, flow.ref, amount_fen=scene.PRICE, bank_reference="BANK-1")
    assert "filing.submit" in needs(flow)
    filings.submit_filing(people.buyer, flow.filings[0].ref)
    assert needs(flow)["filing.pay_fee"].by == scene.fresh(flow).filings[0].fee_due_on
    filings.pay_fee(people.buyer, flow.filings[0].ref, receipt="RCPT-1")
    assert needs(flow)["filing.await_notice"].names == (missing.OFFICE_NAME,)
    notice = scene.noticed(people, flow)
    assert needs(flow)["notice.verify"].who == "reviewer"
    notices.verify_notice(people.reviewer, notice.ref)
    assert {code for code, item in needs(flow).items() if not item.optional} == set()
    assert needs(flow)["payout.request"].by is not None


def test_missing_facts_lead_to_the_right_and_name_the_seller(people: House) -> None:
    flow = scene.agreed(people)
    with transaction():
        flow.filings[0].right.filed_on = None
    items = [item for item in onestop.missing(scene.fresh(flow)) if item.code == "contract.fact_missing"]
    assert len(items) == 2
    assert {(item.who, item.endpoint, item.args["ref"]) for item in items} == {
        ("seller", "rights.show", flow.filings[0].right.ref)
    }
    said = items[0].sentence(lambda text: text)
    assert "filing date" in said
    assert "%(" not in said


def test_a_late_price_changes_what_is_said(people: House) -> None:
    flow = scene.signed(people, scene.agreed(people))
    assert flow.escrow.due_at is not None
    clock.advance_to(flow.escrow.due_at)
    assert "escrow.overdue" in needs(flow)
    assert "escrow.defaulted" not in needs(flow)
    clock.advance(timedelta(days=30))
    assert needs(flow)["escrow.defaulted"].waits_for(flow.deal.seller)


def test_publicity_is_waited_for_by_nobody(db_app: Flask) -> None:
    people = scene.house(seller=PartyKind.UNIVERSITY)
    flow = scene.final(people, scene.consented(people, scene.agreed(people)))
    item = needs(flow)["publicity.running"]
    assert not item.waits_for(flow.deal.seller)
    assert item.by is not None
    assert "contract.sign" not in needs(flow)
    assert tracks.stage(flow) == "publicity"


def test_one_line_for_each_name_that_must_agree(people: House) -> None:
    assert people.seller.party is not None
    rights = [market.right(people.seller.party, inventors=["陈砚", "林知夏"]) for _ in range(3)]
    flow = scene.agreed(people, *rights)
    items = [item for item in onestop.missing(flow) if item.code == "consent.open"]
    assert [(item.params["name"], item.params["count"]) for item in items] == [("陈砚", 3), ("林知夏", 3)]
    consents.refuse(people.seller, flow.consents[0].ref)
    assert "consent.refused" in needs(flow)


# -- tracks ---------------------------------------------------------------------------------------


def states(flow: Flow, actor: Actor) -> dict[str, str]:
    flow = scene.fresh(flow)
    return {track.key: track.state for track in tracks.tracks(flow, onestop.missing(flow), actor)}


def test_the_rail_shows_whose_turn_it_is(people: House) -> None:
    flow = scene.signed(people, scene.agreed(people))
    for actor, money in ((people.buyer, "mine"), (people.seller, "out"), (people.auditor, "out")):
        assert states(flow, actor)["money"] == money
        assert states(flow, actor)["signing"] == "done"
        assert states(flow, actor)["payout"] == "later"
    assert states(flow, people.seller)["registration"] == "later"  # it may be left alone


def test_a_complete_deal_is_done_everywhere(people: House) -> None:
    flow = scene.recorded(people, scene.agreed(people))
    seen = states(flow, people.seller)
    assert {key for key, state in seen.items() if state != "done"} == {"registration"}
    assert states(flow, people.officer)["payout"] == "mine"
    assert tracks.stage(flow) == "done"


@pytest.mark.parametrize("step", ["draft", "signing", "payment", "filing", "office", "done"])
def test_each_stage_has_its_word(people: House, step: str) -> None:
    flow = scene.agreed(people)
    make: dict[str, Callable[[House, Flow], Flow]] = {
        "draft": lambda _people, flow: flow,
        "signing": scene.final,
        "payment": scene.signed,
        "filing": scene.funded,
        "office": scene.filed,
        "done": scene.recorded,
    }
    assert tracks.stage(make[step](people, flow)) == step
    assert step in tracks.STAGES
