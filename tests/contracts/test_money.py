"""Receipts, reminders and payouts: partial, wrong, repeated, late; and always two people for what leaves the house."""

from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from contracts import flows, money_track
from contracts.models import EscrowStatus, Flow, PayoutStatus
from exchange.core import clock, due
from exchange.core.db import session
from exchange.core.errors import Conflict, IllegalMove, InsufficientFunds, NotAllowed, NotFound, RuleBroken
from exchange.core.events import Event
from exchange.ledger import book, chart
from exchange.ledger.models import Entry
from exchange.ledger.verify import verify
from exchange.parties.models import Role
from exchange.parties.policy import Actor, StepUp
from exchange.rights import burdens
from exchange.rights.models import EncumbranceKind
from tests.contracts import scene
from tests.contracts.scene import House
from tests.listings import scene as market

pytestmark = pytest.mark.usefixtures("db_app")


@pytest.fixture
def people(db_app: Flask) -> House:
    return scene.house()


@pytest.fixture
def flow(people: House) -> Flow:
    return scene.signed(people, scene.agreed(people))


def receive(actor: Actor, flow: Flow, amount_fen: int, reference: str = "BANK-0001") -> Entry:
    return money_track.receive_price(actor, flow.ref, amount_fen=amount_fen, bank_reference=reference)


def happened(flow: Flow, type_: str) -> int:
    query = select(func.count()).select_from(Event).where(Event.type == type_, Event.subject_ref == flow.ref)
    return session.scalar(query) or 0


# -- receipts -------------------------------------------------------------------------------------


def test_the_price_comes_in_parts(people: House, flow: Flow) -> None:
    receive(people.officer, flow, scene.PRICE - 1, "BANK-0001")
    assert scene.fresh(flow).escrow.status is EscrowStatus.AWAITING
    assert money_track.outstanding(flow) == 1
    receive(people.other_officer, flow, 1, "BANK-0002")
    escrow = scene.fresh(flow).escrow
    assert (escrow.status, escrow.funded_at) == (EscrowStatus.FUNDED, clock.now())
    assert happened(flow, "escrow.received") == 2
    assert happened(flow, "escrow.funded") == 1


def test_the_same_reference_is_one_receipt(people: House, flow: Flow) -> None:
    first = receive(people.officer, flow, 500)
    assert receive(people.other_officer, flow, 500).id == first.id
    assert receive(people.officer, flow, 500, "  BANK-0001 ").id == first.id
    assert money_track.received(flow) == 500
    with pytest.raises(Conflict, match=r"ledger\.key_reused"):
        receive(people.officer, flow, 501)


def test_a_reference_of_another_deal_is_refused(people: House, flow: Flow) -> None:
    receive(people.officer, flow, 500)
    other = scene.signed(people, scene.agreed(people))
    with pytest.raises(Conflict, match=r"ledger\.key_reused"):
        receive(people.officer, other, 500)


def test_more_than_the_price_is_never_booked(people: House, flow: Flow) -> None:
    with pytest.raises(RuleBroken, match=r"escrow\.too_much"):
        receive(people.officer, flow, scene.PRICE + 1)
    receive(people.officer, flow, scene.PRICE)
    with pytest.raises(Conflict, match=r"escrow\.not_awaiting"):
        receive(people.officer, flow, 1, "BANK-0002")
    assert receive(people.officer, flow, scene.PRICE).key == "price_in:BANK-0001"


@pytest.mark.parametrize("amount", [0, -1])
def test_nothing_and_less_is_no_receipt(people: House, flow: Flow, amount: int) -> None:
    with pytest.raises(RuleBroken, match=r"ledger\.amount"):
        receive(people.officer, flow, amount)


@pytest.mark.parametrize("reference", ["", "   ", "ABC", "X" * 65])
def test_a_reference_has_a_form(people: House, flow: Flow, reference: str) -> None:
    with pytest.raises(RuleBroken, match=r"escrow\.reference"):
        receive(people.officer, flow, 1, reference)


def test_only_the_finance_officer_of_the_exchange_books(people: House, flow: Flow) -> None:
    assert people.buyer.party is not None
    finance = scene.member(people.buyer.party, Role.FINANCE, Role.FINANCE_OFFICER)
    for actor in (people.operator, people.reviewer, people.buyer, finance):
        with pytest.raises(NotAllowed):
            receive(actor, flow, 1)
    with pytest.raises(NotFound):
        receive(scene.member(market.party(), Role.FINANCE), flow, 1)


def test_money_that_comes_before_the_signature_counts(people: House) -> None:
    flow = scene.agreed(people)
    receive(people.officer, flow, scene.PRICE)
    flow = scene.signed(people, flow)
    assert flow.escrow.status is EscrowStatus.FUNDED
    assert flow.escrow.due_at is None


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 40_000_000), min_size=1, max_size=8))
def test_any_order_of_receipts_leaves_the_book_right(people: House, amounts: list[int]) -> None:
    """What is booked is never above the price; it is funded exactly when the price is whole; the book balances."""
    flow = scene.agreed(people, price_fen=100_000_000)
    booked = 0
    for place, amount in enumerate(amounts):
        reference = f"H-{flow.ref}-{place}"
        if amount > 100_000_000 - booked:
            with pytest.raises((RuleBroken, Conflict), match=r"escrow\.(too_much|not_awaiting)"):
                receive(people.officer, flow, amount, reference)
        else:
            receive(people.officer, flow, amount, reference)
            booked += amount
        assert money_track.received(flow) == booked <= 100_000_000
    funded = scene.fresh(flow).escrow.status is EscrowStatus.FUNDED
    assert funded == (booked == 100_000_000)
    assert verify().ok


# -- taking back ----------------------------------------------------------------------------------


def test_a_wrong_receipt_is_reversed(people: House, flow: Flow) -> None:
    receive(people.officer, flow, scene.PRICE)
    money_track.take_back_receipt(
        people.officer, flow.ref, bank_reference="BANK-0001", reason="属于另一笔交易"
    )
    assert scene.fresh(flow).escrow.status is EscrowStatus.AWAITING
    assert money_track.received(flow) == 0
    receive(people.officer, flow, scene.PRICE, "BANK-0002")
    assert scene.fresh(flow).escrow.status is EscrowStatus.FUNDED
    assert verify().ok


def test_reversing_has_its_guards(people: House, flow: Flow) -> None:
    receive(people.officer, flow, 500)
    with pytest.raises(RuleBroken, match=r"escrow\.no_receipt"):
        money_track.take_back_receipt(people.officer, flow.ref, bank_reference="BANK-7777", reason="错")
    with pytest.raises(RuleBroken, match=r"escrow\.reason_missing"):
        money_track.take_back_receipt(people.officer, flow.ref, bank_reference="BANK-0001", reason=" ")
    money_track.take_back_receipt(people.officer, flow.ref, bank_reference="BANK-0001", reason="错")
    money_track.take_back_receipt(people.officer, flow.ref, bank_reference="BANK-0001", reason="错")
    assert money_track.received(flow) == 0


def test_what_a_filing_relies_on_is_not_taken_back(people: House) -> None:
    flow = scene.filed(people, scene.agreed(people))
    with pytest.raises(Conflict, match=r"escrow\.filed_already"):
        money_track.take_back_receipt(
            people.officer, flow.ref, bank_reference=f"BANK-{flow.ref}", reason="错"
        )


# -- late -----------------------------------------------------------------------------------------


def test_a_late_price_is_reminded_of_and_nothing_else(people: House, flow: Flow) -> None:
    due_at = flow.escrow.due_at
    assert due_at is not None
    clock.advance_to(due_at - timedelta(seconds=1))
    due.run()
    assert happened(flow, "escrow.overdue") == 0
    clock.advance(timedelta(seconds=1))
    due.run()
    due.run()
    assert happened(flow, "escrow.overdue") == 1
    escrow = scene.fresh(flow).escrow
    assert (escrow.status, escrow.reminded_at) == (EscrowStatus.AWAITING, clock.now())
    clock.advance_to(due_at + timedelta(days=30))
    due.run()
    due.run()
    assert happened(flow, "escrow.defaulted") == 1
    assert scene.fresh(flow).deal.status.value == "agreed"
    receive(people.officer, flow, scene.PRICE)
    assert scene.fresh(flow).escrow.status is EscrowStatus.FUNDED


def test_a_paid_price_is_not_reminded_of(people: House, flow: Flow) -> None:
    due_at = flow.escrow.due_at
    assert due_at is not None
    receive(people.officer, flow, scene.PRICE)
    clock.advance_to(due_at)
    money_track.run_due(flow.ref)
    assert happened(flow, "escrow.overdue") == 0


def test_instalments_set_the_last_day(people: House) -> None:
    from contracts import signing

    flow = scene.agreed(people)
    days = [clock.today() + timedelta(days=n) for n in (20, 60)]
    rows = [
        {"due_on": day.isoformat(), "amount_fen": amount}
        for day, amount in zip(days, (scene.PRICE - 5, 5), strict=True)
    ]
    signing.edit_contract(people.seller, flow.ref, changes={"payment": {"mode": "INST", "instalments": rows}})
    flow = scene.signed(people, flow)
    assert flow.escrow.due_at == clock.end_of_beijing_day(days[1])
    assert str(days[1].year) in signing.text_of(flows.contract_of(flow))


# -- payouts --------------------------------------------------------------------------------------


@pytest.fixture
def rich(people: House) -> Flow:
    return scene.recorded(people, scene.agreed(people))


def seller_balance(flow: Flow) -> int:
    return book.balance(chart.party(flow.deal.seller.ref))


def test_two_people_pay_out(people: House, rich: Flow) -> None:
    whole = seller_balance(rich)
    payout = money_track.request_payout(people.officer, rich.deal.seller.ref, amount_fen=whole)
    assert (seller_balance(rich), book.balance(chart.payout(payout.ref))) == (0, whole)
    with pytest.raises(NotAllowed, match="two_people"):
        money_track.approve_payout(people.officer, payout.ref, bank_reference="OUT-0001")
    with pytest.raises(StepUp):
        money_track.approve_payout(
            replace(people.other_officer, stepped_up=False), payout.ref, bank_reference="OUT-0001"
        )
    for _ in range(2):
        money_track.approve_payout(people.other_officer, payout.ref, bank_reference="OUT-0001")
    assert payout.status is PayoutStatus.PAID
    assert book.balance(chart.payout(payout.ref)) == 0
    assert verify().ok


def test_a_refused_payout_goes_back(people: House, rich: Flow) -> None:
    whole = seller_balance(rich)
    payout = money_track.request_payout(people.officer, rich.deal.seller.ref, amount_fen=whole)
    with pytest.raises(NotAllowed, match="two_people"):
        money_track.refuse_payout(people.officer, payout.ref)
    for _ in range(2):
        money_track.refuse_payout(people.other_officer, payout.ref)
    assert seller_balance(rich) == whole
    with pytest.raises(IllegalMove):
        money_track.approve_payout(people.other_officer, payout.ref, bank_reference="OUT-0001")


def test_nobody_is_paid_more_than_they_have(people: House, rich: Flow) -> None:
    with pytest.raises(InsufficientFunds):
        money_track.request_payout(people.officer, rich.deal.seller.ref, amount_fen=seller_balance(rich) + 1)
    with pytest.raises(RuleBroken, match=r"payout\.no_account"):
        money_track.request_payout(people.officer, rich.deal.buyer.ref, amount_fen=1)


def test_a_bank_reference_pays_one_payout(people: House, rich: Flow) -> None:
    first, second = (
        money_track.request_payout(people.officer, rich.deal.seller.ref, amount_fen=100) for _ in range(2)
    )
    money_track.approve_payout(people.other_officer, first.ref, bank_reference="OUT-0001")
    with pytest.raises(Conflict, match=r"ledger\.key_reused"):
        money_track.approve_payout(people.other_officer, second.ref, bank_reference="OUT-0001")


def test_only_finance_officers_pay_out(people: House, rich: Flow) -> None:
    for actor in (people.seller, people.operator, people.reviewer, people.auditor):
        with pytest.raises(NotAllowed):
            money_track.request_payout(actor, rich.deal.seller.ref, amount_fen=1)


def test_the_price_of_a_pledged_right_stays_deposited(people: House) -> None:
    """Invariant 15: with the pledgee's consent the right is sold, and its price waits for the pledge to end."""
    assert people.seller.party is not None
    free, pledged = (market.right(people.seller.party, inventors=[]) for _ in range(2))
    flow = scene.agreed(people, free, pledged, weights=[1, 3])
    burdens.encumber(
        people.operator,
        pledged,
        EncumbranceKind.PLEDGE,
        by="PL-1",
        holder="闽都惠民银行",
        register_no="Y2026350000001",
    )
    from contracts import onestop

    onestop.review_block(people.operator, flow.filings[1].ref)
    flow = scene.fresh(flow)
    assert [(c.kind.value, c.name) for c in flow.consents] == [("pledgee", "闽都惠民银行")]
    flow = scene.recorded(people, flow)
    held = flow.filings[1].price_fen
    assert money_track.held_for_pledgee(flow.deal.seller) == held
    with pytest.raises(InsufficientFunds, match=r"payout\.held_for_pledgee"):
        money_track.request_payout(
            people.officer, flow.deal.seller.ref, amount_fen=seller_balance(flow) - held + 1
        )
    money_track.request_payout(people.officer, flow.deal.seller.ref, amount_fen=seller_balance(flow) - held)
    burdens.release(
        people.operator,
        flow.filings[1].right,
        EncumbranceKind.PLEDGE,
        by="PL-1",
        register_no="Y2026350000001",
    )
    session.expire_all()
    money_track.request_payout(people.officer, flow.deal.seller.ref, amount_fen=held)
    assert seller_balance(flow) == 0
