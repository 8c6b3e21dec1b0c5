"""Escrow is released once, whoever is fast: races with real commits, and a control that takes the locks away."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from flask import Flask
from sqlalchemy import func, select

from contracts import flows, money_track, notices, onestop, settlement
from contracts.models import Certificate, EscrowStatus, Flow
from exchange.core.db import session
from exchange.core.events import Event
from exchange.deals.models import DealStatus
from exchange.ledger import book, chart
from exchange.ledger.models import Entry
from exchange.ledger.verify import verify
from exchange.parties.policy import Actor
from exchange.rights import actions as rights
from tests.contracts import scene
from tests.deals.race import acting, faults, refusals, together, without_locks
from tests.listings import scene as market

pytestmark = pytest.mark.timeout(180)


@dataclass
class Scene:
    """References only: every thread reads for itself."""

    flow: str
    notices: list[str] = field(default_factory=list)
    reviewers: list[str] = field(default_factory=list)
    officers: list[str] = field(default_factory=list)
    operator: str = ""


def set_scene(app: Flask, *, rights_: int, reviewers: int, filed: bool = True) -> Scene:
    """A flow whose rights are filed and noticed (or only signed), and people of the exchange."""
    with app.app_context():
        people = scene.house()
        assert people.seller.party is not None
        assert people.reviewer.party is not None
        chosen = [market.right(people.seller.party, inventors=[]) for _ in range(rights_)]
        flow = scene.agreed(people, *chosen)
        flow = scene.filed(people, flow) if filed else scene.signed(people, flow)
        entered = [scene.noticed(people, flow, place).ref for place in range(rights_)] if filed else []
        crowd = [scene.member(people.reviewer.party, *people.reviewer.roles) for _ in range(reviewers)]
        made = Scene(
            flow.ref,
            entered,
            [str(person.user_ref) for person in crowd],
            [str(people.officer.user_ref), str(people.other_officer.user_ref)],
            str(people.operator.user_ref),
        )
        session.remove()
        return made


def verify_(reviewer: str, notice: str) -> Callable[[], str]:
    return lambda: notices.verify_notice(acting(reviewer), notice).ref


@dataclass
class End:
    """What is left: the states, and how often the money moved."""

    deal: DealStatus
    escrow: EscrowStatus
    released: int
    certificates: int
    in_escrow: int
    fees: int
    proof: bool


def end(app: Flask, there: Scene) -> End:
    with app.app_context():
        flow = session.scalars(select(Flow).where(Flow.ref == there.flow)).one()
        found = End(
            flow.deal.status,
            flow.escrow.status,
            session.scalar(select(func.count()).select_from(Entry).where(Entry.movement == "fee")) or 0,
            session.scalar(select(func.count()).select_from(Certificate)) or 0,
            book.balance(chart.escrow(flow.deal.ref)),
            book.balance(chart.FEES),
            verify().ok,
        )
        session.remove()
        return found


SETTLED = End(DealStatus.COMPLETED, EscrowStatus.RELEASED, 1, 1, 0, scene.PRICE // 50, True)


def test_one_notice_verified_by_many_settles_once(clean_app: Flask) -> None:
    there = set_scene(clean_app, rights_=1, reviewers=6)
    answers = together(clean_app, [verify_(who, there.notices[0]) for who in there.reviewers])
    assert answers == [there.notices[0]] * 6
    assert end(clean_app, there) == SETTLED
    with clean_app.app_context():
        for type_ in ("escrow.released", "deal.completed", "certificate.issued", "filing.recorded"):
            assert session.scalar(select(func.count()).select_from(Event).where(Event.type == type_)) == 1


def test_the_last_two_notices_at_once_settle_once(clean_app: Flask) -> None:
    """Each verifier could believe that the other right is still open, and nobody would settle."""
    there = set_scene(clean_app, rights_=2, reviewers=2)
    answers = together(
        clean_app, [verify_(*pair) for pair in zip(there.reviewers, there.notices, strict=True)]
    )
    assert faults(answers) == []
    assert end(clean_app, there) == SETTLED


def test_without_locks_the_last_two_notices_go_wrong(
    clean_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of the race above: somebody fails, or the money stays where it is."""
    there = set_scene(clean_app, rights_=2, reviewers=2)
    with without_locks(
        monkeypatch, flows, notices, settlement, rights, meet=(flows, "locked_filings"), people=2
    ):
        answers = together(
            clean_app, [verify_(*pair) for pair in zip(there.reviewers, there.notices, strict=True)]
        )
    assert faults(answers) or end(clean_app, there) != SETTLED


def test_one_bank_reference_is_one_receipt(clean_app: Flask) -> None:
    there = set_scene(clean_app, rights_=1, reviewers=0, filed=False)

    def receive(who: str) -> Callable[[], int]:
        return lambda: (
            money_track.receive_price(
                acting(who), there.flow, amount_fen=scene.PRICE, bank_reference="BANK-0001"
            ).id
        )

    answers = together(clean_app, [receive(who) for who in there.officers * 3])
    assert faults(answers) == []
    assert len(set(answers)) == 1
    assert end(clean_app, there).in_escrow == scene.PRICE


def test_two_payments_of_the_whole_price_are_not_both_booked(clean_app: Flask) -> None:
    there = set_scene(clean_app, rights_=1, reviewers=0, filed=False)

    def receive(who: str, reference: str) -> Callable[[], int]:
        return lambda: (
            money_track.receive_price(
                acting(who), there.flow, amount_fen=scene.PRICE, bank_reference=reference
            ).id
        )

    answers = together(
        clean_app,
        [receive(who, f"BANK-{place}") for place, who in enumerate(there.officers * 2)],
    )
    assert refusals(answers) == ["escrow.not_awaiting"] * 3
    assert end(clean_app, there).in_escrow == scene.PRICE


def test_rescinding_and_recording_at_once_is_one_of_the_two(clean_app: Flask) -> None:
    there = set_scene(clean_app, rights_=1, reviewers=1)

    def rescind() -> str:
        operator: Actor = acting(there.operator)
        return onestop.rescind(operator, there.flow, reason="双方协商解除").ref

    answers = together(clean_app, [rescind, verify_(there.reviewers[0], there.notices[0])])
    assert len(refusals(answers)) == 1
    left = end(clean_app, there)
    assert left.in_escrow == 0
    assert left.proof
    assert (left.deal, left.escrow, left.certificates) in {
        (DealStatus.COMPLETED, EscrowStatus.RELEASED, 1),
        (DealStatus.RESCINDED, EscrowStatus.REFUNDED, 0),
    }
