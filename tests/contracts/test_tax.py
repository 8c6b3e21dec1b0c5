"""The estimate of income tax: five million exempt, the rest halved, and nothing without its registration (inv. 36)."""

from datetime import date
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from contracts import export, notices, registration, tax
from contracts.models import Flow
from exchange.core import clock
from exchange.core.db import session
from exchange.core.events import Event
from exchange.listings.models import LicenceKind, ListingKind
from exchange.parties.models import PartyKind
from tests.contracts import scene
from tests.contracts.scene import House
from tests.listings import scene as market

CAP = 500_000_000
DAY = date(2026, 6, 15)


@given(st.integers(-(10**12), 10**15))
def test_exempt_and_halved_are_the_whole_income(income: int) -> None:
    exempt, halved = tax.split(income, DAY)
    assert exempt + halved == max(income, 0)
    assert 0 <= exempt <= CAP
    assert halved == 0 or exempt == CAP


@pytest.mark.parametrize(
    ("income", "parts"),
    [(-1, (0, 0)), (0, (0, 0)), (CAP, (CAP, 0)), (CAP + 1, (CAP, 1)), (3 * CAP, (CAP, 2 * CAP))],
)
def test_the_edge_of_the_cap(income: int, parts: tuple[int, int]) -> None:
    assert tax.split(income, DAY) == parts


def registered(people: House, flow: Flow) -> Flow:
    one = registration.accept(people.registrar, registration.apply(people.seller, flow.ref).ref)
    if registration.is_large(one):
        registration.pass_on(people.registrar, one.ref)
    answer = registration.decide(
        people.other_registrar,
        one.ref,
        register=True,
        number="2026350100001234",
        dated=clock.today(),
        document=scene.proof(people.registrar, flow),
    )
    notices.verify_notice(people.reviewer, answer.ref)
    return scene.fresh(flow)


def test_only_a_registered_contract_is_relieved(db_app: Flask) -> None:
    people = scene.house()
    flow = scene.signed(people, scene.agreed(people, price_fen=700_000_000))
    assert not tax.relief(flow).applies
    flow = registered(people, flow)
    found = tax.relief(flow)
    assert (found.applies, found.exempt_fen, found.halved_fen) == (True, CAP, 200_000_000)
    assert not tax.relief(flow, pattern_only=True).applies


def licence(people: House, years: int, **facts: Any) -> Flow:
    flow = scene.agreed(
        people, kind=ListingKind.LICENCE, licence_kind=LicenceKind.ORDINARY, licence_years=years, **facts
    )
    return registered(people, scene.signed(people, flow))


@pytest.mark.parametrize(("years", "applies"), [(4, False), (5, True)])
def test_a_licence_counts_from_five_years(db_app: Flask, years: int, applies: bool) -> None:
    assert tax.relief(licence(scene.house(), years)).applies is applies


def test_a_person_and_a_deal_abroad_have_other_rules(db_app: Flask) -> None:
    person = scene.house(seller=PartyKind.PERSON)
    assert not tax.relief(registered(person, scene.signed(person, scene.agreed(person)))).applies
    abroad = scene.house(country="DE")
    flow = scene.agreed(abroad)
    export.declare(abroad.seller, flow.ref, category="free")
    assert "commerce authority" in tax.relief(scene.fresh(flow)).reason


def test_co_owners_share_the_fee_of_an_ordinary_licence(db_app: Flask) -> None:
    """Invariant 13: nobody asked them, so the record says what they are owed a part of."""
    people = scene.house()
    assert people.seller.party is not None
    right = market.right(people.seller.party, "闽东新材料研究院", inventors=[])
    flow = scene.agreed(
        people, right, kind=ListingKind.LICENCE, licence_kind=LicenceKind.ORDINARY, licence_years=5
    )
    flow = scene.filed(people, flow)
    notices.verify_notice(people.reviewer, scene.noticed(people, flow).ref)
    owed = session.scalars(select(Event).where(Event.type == "filing.share_owed")).one()
    assert owed.payload == {"names": "闽东新材料研究院", "amount_fen": scene.PRICE}
