"""Registration of the technology contract: voluntary, routed by region, decided in time, twice where it is large."""

from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from contracts import notices, onestop, registration, signing
from contracts.models import ContractRegistration, Flow, RegistrationStatus
from exchange import rulebook
from exchange.core import clock
from exchange.core.db import session, transaction
from exchange.core.errors import Conflict, IllegalMove, NotAllowed, RuleBroken
from exchange.deals.models import DealStatus
from exchange.parties.models import Party, PartyKind, PartyStatus
from exchange.parties.policy import Actor
from tests.contracts import scene
from tests.contracts.scene import House
from tests.listings import scene as market

pytestmark = pytest.mark.usefixtures("db_app")

NUMBER = "2026350100001234"


@pytest.fixture
def people(db_app: Flask) -> House:
    return scene.house()


@pytest.fixture
def flow(people: House) -> Flow:
    return scene.signed(people, scene.agreed(people))


def accepted(people: House, flow: Flow) -> ContractRegistration:
    one = registration.apply(people.seller, flow.ref)
    return registration.accept(people.registrar, one.ref)


def answered(
    people: House, flow: Flow, one: ContractRegistration, by: Actor | None = None, **facts: Any
) -> Any:
    said = {"register": True, "number": NUMBER, "dated": clock.today(), **facts}
    document = said.pop("document", None) or scene.proof(people.registrar, flow)
    return registration.decide(by or people.registrar, one.ref, **said, document=document)


def fresh(one: ContractRegistration) -> ContractRegistration:
    session.expire_all()
    return session.get_one(ContractRegistration, one.id)


# -- applying -------------------------------------------------------------------------------------


def test_only_the_seller_applies_for_a_signed_contract(people: House) -> None:
    flow = scene.agreed(people)
    with pytest.raises(Conflict, match=r"registration\.not_signed"):
        registration.apply(people.seller, flow.ref)
    flow = scene.signed(people, flow)
    with pytest.raises(NotAllowed):
        registration.apply(people.buyer, flow.ref)
    one = registration.apply(people.seller, flow.ref, form={"contact": "林知夏"})
    assert (one.status, one.form, one.profile) == (
        RegistrationStatus.APPLIED,
        {"contact": "林知夏"},
        "REG2000",
    )
    other = scene.signed(people, scene.agreed(people))
    with pytest.raises(RuleBroken, match=r"registration\.form"):
        registration.apply(people.seller, other.ref, form={"weather": "晴"})


def test_a_contract_outside_its_own_validity_is_not_registered(people: House) -> None:
    """Invariant 32."""
    flow = scene.agreed(people)
    start = clock.today() + timedelta(days=10)
    signing.edit_contract(
        people.seller,
        flow.ref,
        changes={"valid_from": start.isoformat(), "valid_until": (start + timedelta(days=5)).isoformat()},
    )
    flow = scene.signed(people, flow)
    with pytest.raises(Conflict, match=r"registration\.not_in_validity"):
        registration.apply(people.seller, flow.ref)
    clock.advance(timedelta(days=10))
    assert registration.apply(people.seller, flow.ref).status is RegistrationStatus.APPLIED


def test_one_live_registration_per_contract(people: House, flow: Flow) -> None:
    """Invariant 30: a second application is the first one, until that has ended."""
    first = registration.apply(people.seller, flow.ref)
    assert registration.apply(people.seller, flow.ref).id == first.id
    registration.cancel(people.seller, first.ref, reason="重新填报")
    assert registration.apply(people.seller, flow.ref).id != first.id


@pytest.mark.parametrize(
    ("seller", "desks", "chosen"),
    [
        ("350203", ["350100", "350200"], 1),
        ("350104", ["350200", "350100"], 1),
        ("350105", ["350102", "350200"], 0),
        ("350203", ["350100"], 0),
        (None, ["350200", "350100"], 1),
    ],
)
def test_it_goes_to_the_registrar_of_the_region(
    db_app: Flask, seller: str | None, desks: list[str], chosen: int
) -> None:
    """Invariant 29: Xiamen sellers go to Xiamen, all others to the nearest desk outside it."""
    people = scene.house(region=seller)
    with transaction():
        for party in session.scalars(select(Party).where(Party.kind == PartyKind.REGISTRAR)):
            party.status = PartyStatus.SUSPENDED
    made = [market.party(PartyKind.REGISTRAR, f"登记站 {region}") for region in desks]
    with transaction():
        for party, region in zip(made, desks, strict=True):
            party.region = region
    flow = scene.signed(people, scene.agreed(people))
    one = registration.apply(people.seller, flow.ref)
    assert one.registrar is not None
    assert one.registrar.id == made[chosen].id


# -- examining ------------------------------------------------------------------------------------


def test_only_the_registrar_of_the_desk_acts(people: House, flow: Flow) -> None:
    one = registration.apply(people.seller, flow.ref)
    for actor in (people.seller, people.operator, people.reviewer):
        with pytest.raises(NotAllowed):
            registration.accept(actor, one.ref)
    elsewhere = scene.house().registrar
    with pytest.raises(NotAllowed, match=r"registration\.other_desk"):
        registration.accept(elsewhere, one.ref)
    for actor in (people.registrar, people.other_registrar):
        assert registration.accept(actor, one.ref).status is RegistrationStatus.ACCEPTED


def test_the_decision_comes_in_thirty_days(people: House, flow: Flow) -> None:
    one = accepted(people, flow)
    assert (one.decide_by, one.decide_by_provisional) == (date(2026, 7, 15), False)


def test_the_draft_profile_counts_working_days_and_begins_again(
    people: House, flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariant 33."""
    rules = tuple(
        rule if rule.key != "tcontract.profile" else type(rule)(**{**vars(rule), "value": "DRAFT2024"})
        for rule in rulebook.rows()
    )
    monkeypatch.setattr(rulebook, "rows", lambda: rules)
    rulebook._find.cache_clear()
    try:
        one = accepted(people, flow)
        assert one.profile == "DRAFT2024"
        assert one.decide_by == clock.add_working_days(clock.today(), 15)[0]
        first = one.decide_by
        registration.ask_supplement(people.registrar, one.ref, note="补附件")
        clock.advance(timedelta(days=7))
        registration.supplement(people.seller, one.ref, document=scene.proof(people.seller, flow))
        assert one.decide_by == clock.add_working_days(clock.today(), 15)[0]
        assert one.decide_by != first
    finally:
        rulebook._find.cache_clear()


def test_a_supplement_does_not_move_the_day_today(people: House, flow: Flow) -> None:
    one = accepted(people, flow)
    with pytest.raises(RuleBroken, match=r"registration\.note_missing"):
        registration.ask_supplement(people.registrar, one.ref, note=" ")
    registration.ask_supplement(people.registrar, one.ref, note="补附件")
    clock.advance(timedelta(days=7))
    with pytest.raises(RuleBroken, match=r"file\.missing"):
        registration.supplement(people.seller, one.ref, document=None)
    registration.supplement(
        people.seller, one.ref, document=scene.proof(people.seller, flow), form={"contact": "陈砚"}
    )
    assert (one.status, one.decide_by, one.form) == (
        RegistrationStatus.ACCEPTED,
        date(2026, 7, 15),
        {"contact": "陈砚"},
    )


def test_beyond_the_published_calendar_the_day_is_provisional(people: House, flow: Flow) -> None:
    one = accepted(people, flow)
    one.profile = "DRAFT2024"
    day, provisional = registration.decision_period(one, date(2026, 12, 21))
    assert (provisional, day.year) == (True, 2027)
    session.rollback()


# -- deciding -------------------------------------------------------------------------------------


def test_an_answer_counts_when_it_is_verified(people: House, flow: Flow) -> None:
    one = accepted(people, flow)
    notice = answered(people, flow, one, technology_fen=100_000_000)
    assert fresh(one).status is RegistrationStatus.ACCEPTED
    with pytest.raises(Conflict, match=r"notice\.pending"):
        answered(people, flow, one, number="2026350100009999")
    with pytest.raises(NotAllowed):
        notices.verify_notice(people.registrar, notice.ref)
    notices.verify_notice(people.reviewer, notice.ref)
    one = fresh(one)
    assert (one.status, one.number, one.technology_fen, one.registered_on) == (
        RegistrationStatus.REGISTERED,
        NUMBER,
        100_000_000,
        clock.today(),
    )


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"number": "12345"}, r"registration\.number"),
        ({"number": " ", "register": False, "refusal_code": "A7"}, r"notice\.number"),
        ({"dated": date(2026, 6, 16)}, r"notice\.dated"),
        ({"dated": date(2026, 6, 14)}, r"notice\.dated"),
        ({"technology_fen": 126_000_001}, r"registration\.amount"),
        ({"technology_fen": -1}, r"registration\.amount"),
        ({"register": False}, r"registration\.ground"),
        ({"register": False, "refusal_code": "Z9"}, r"registration\.ground"),
    ],
)
def test_an_answer_has_number_day_amount_and_ground(
    people: House, flow: Flow, said: dict[str, Any], code: str
) -> None:
    one = accepted(people, flow)
    with pytest.raises(RuleBroken, match=code):
        answered(people, flow, one, **said)
    assert answered(people, flow, one).number == NUMBER


def test_a_number_is_given_once(people: House, flow: Flow) -> None:
    notices.verify_notice(people.reviewer, answered(people, flow, accepted(people, flow)).ref)
    other = scene.signed(people, scene.agreed(people))
    with pytest.raises(Conflict, match=r"registration\.number_taken"):
        answered(people, other, accepted(people, other))


def test_a_large_contract_is_examined_by_two(people: House) -> None:
    """Invariant 34, at its edge: 5,000,000.00 yuan is large, a fen less is not."""
    small = scene.signed(people, scene.agreed(people, price_fen=499_999_999))
    one = accepted(people, small)
    with pytest.raises(Conflict, match=r"registration\.not_large"):
        registration.pass_on(people.registrar, one.ref)
    assert answered(people, small, one).code == registration.REGISTERED

    large = scene.signed(people, scene.agreed(people, price_fen=500_000_000))
    one = accepted(people, large)
    with pytest.raises(Conflict, match=r"registration\.large_review_needed"):
        answered(people, large, one, number="2026350100005555")
    registration.pass_on(people.registrar, one.ref)
    with pytest.raises(NotAllowed, match="two_people"):
        answered(people, large, one, number="2026350100005555")
    notice = answered(people, large, one, by=people.other_registrar, number="2026350100005555")
    notices.verify_notice(people.reviewer, notice.ref)
    assert fresh(one).large_reviewed_by == people.other_registrar.user_ref


def test_a_refusal_does_not_stop_the_transfer(people: House) -> None:
    """Invariant 31."""
    flow = scene.filed(people, scene.agreed(people))
    one = accepted(people, flow)
    notice = answered(
        people, flow, one, register=False, number="不登字2026-1", refusal_code="A7", note="证明材料不符"
    )
    notices.verify_notice(people.reviewer, notice.ref)
    assert (fresh(one).status, fresh(one).refusal_code) == (RegistrationStatus.REFUSED, "A7")
    notices.verify_notice(people.reviewer, scene.noticed(people, flow).ref)
    flow = scene.fresh(flow)
    assert flow.deal.status is DealStatus.COMPLETED
    assert flow.certificate is not None
    assert flow.certificate.snapshot["registration_no"] is None


def test_registration_may_come_after_completion(people: House) -> None:
    flow = scene.recorded(people, scene.agreed(people))
    one = accepted(people, flow)
    notices.verify_notice(people.reviewer, answered(people, flow, one).ref)
    assert fresh(one).status is RegistrationStatus.REGISTERED


def test_revoking_and_cancelling_have_their_people(people: House, flow: Flow) -> None:
    one = accepted(people, flow)
    notices.verify_notice(people.reviewer, answered(people, flow, one).ref)
    with pytest.raises(RuleBroken, match=r"registration\.reason_missing"):
        registration.revoke(people.registrar, one.ref, reason="")
    with pytest.raises(NotAllowed):
        registration.revoke(people.seller, one.ref, reason="重复登记")
    with pytest.raises(NotAllowed):
        registration.cancel(people.registrar, one.ref)
    for _ in range(2):
        registration.revoke(people.registrar, one.ref, reason="重复登记")
    assert fresh(one).status is RegistrationStatus.REVOKED
    with pytest.raises(IllegalMove):
        registration.cancel(people.seller, one.ref)


def test_a_rescinded_deal_asks_for_cancellation(people: House) -> None:
    """Invariant 35."""
    flow = scene.funded(people, scene.agreed(people))
    one = accepted(people, flow)
    notices.verify_notice(people.reviewer, answered(people, flow, one).ref)
    onestop.rescind(people.operator, flow.ref, reason="双方协商解除")
    items = {item.code: item for item in onestop.missing(scene.fresh(flow))}
    assert items["registration.cancel"].waits_for(flow.deal.seller)
    assert not items["registration.cancel"].optional
    for _ in range(2):
        registration.cancel(people.seller, one.ref, reason="交易已解除")
    assert "registration.cancel" not in {item.code for item in onestop.missing(scene.fresh(flow))}
