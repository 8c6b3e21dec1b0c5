"""The pages of offers and deals: a negotiation by forms, both sides' views, and what others do not see."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from exchange.core import clock, events
from exchange.core.db import session, transaction
from exchange.deals import actions
from exchange.deals.models import Deal, Offer, OfferStatus
from exchange.listings.models import Listing, ListingKind
from exchange.parties.models import Party, PartyKind, Role
from exchange.parties.policy import SYSTEM, Actor
from tests.listings import scene
from tests.parties.given import given_party, hidden, signed_in, submit


@pytest.fixture
def house(db_app: Flask) -> Party:
    return given_party(PartyKind.UNIVERSITY, name="榕江理工大学")


@pytest.fixture
def firm(db_app: Flask) -> Party:
    return given_party(name="漳浦海澄水务设备有限公司")


@pytest.fixture
def seller(house: Party) -> Actor:
    return scene.member(house)


@pytest.fixture
def buyer(firm: Party) -> Actor:
    return scene.member(firm)


@pytest.fixture
def listing(seller: Actor) -> Listing:
    return scene.published(seller)


def browser(app: Flask, party: Party, *roles: Role) -> FlaskClient:
    client = app.test_client()
    signed_in(client, party, *roles)
    client.set_cookie("lang", "en")
    return client


@pytest.fixture
def selling(db_app: Flask, house: Party) -> FlaskClient:
    """The browser of an agent of the seller."""
    return browser(db_app, house, Role.AGENT)


@pytest.fixture
def buying(db_app: Flask, firm: Party) -> FlaskClient:
    """The browser of an agent of the buyer."""
    return browser(db_app, firm, Role.AGENT)


def test_a_negotiation_by_forms(selling: FlaskClient, buying: FlaskClient, listing: Listing) -> None:
    made = submit(
        buying,
        f"/listings/{listing.ref}/offer",
        price="1,000,000",
        payment="一次付清",
        message="希望两周内签约。",
        valid_days="7",
    )
    assert made.status_code == 303
    first = made.location
    waiting = buying.get(first).text
    assert "Waiting for 榕江理工大学" in waiting
    assert "Withdraw the offer" in waiting
    asked = selling.get(first).text
    for words in ("Answer the offer of CNY 1,000,000", "希望两周内签约。", "一次付清", "CNY 1,260,000"):
        assert words in asked, words
    countered = submit(selling, f"{first}/counter", price="1200000", payment="分两期", valid_days="5")
    assert countered.status_code == 303
    second = countered.location
    page = buying.get(first).text
    assert "Round 2, seller" in page, "an old round leads to where the conversation stands"
    assert f'href="{second}/accept"' in page
    accepting = buying.get(f"{second}/accept").text
    for words in ("CNY", "1,200,000", "人民币壹佰贰拾万元整", "Name and price are made public now"):
        assert words in accepting, words
    accepted = submit(buying, f"{second}/accept")
    assert accepted.status_code == 303
    deal = buying.get(accepted.location).text
    for words in (
        "The price is being made public",
        "1,200,000",
        "分两期",
        "accepted the offer",
        "made an offer",
    ):
        assert words in deal, words
    assert "To the deal" in selling.get(first).text


def test_an_offer_is_declined_or_withdrawn_by_one_button(
    selling: FlaskClient, buying: FlaskClient, buyer: Actor, listing: Listing
) -> None:
    offer = scene.offered(buyer, listing)
    path = f"/offers/{offer.ref}"
    assert submit(buying, path, to=f"{path}/withdraw").status_code == 303
    assert "This negotiation has ended" in buying.get(path).text
    again = scene.offered(buyer, listing)
    path = f"/offers/{again.ref}"
    assert submit(selling, path, to=f"{path}/decline").status_code == 303
    assert session.scalar(select(Offer.status).where(Offer.ref == again.ref)) is OfferStatus.DECLINED


def test_a_second_click_makes_one_deal(selling: FlaskClient, buyer: Actor, listing: Listing) -> None:
    path = f"/offers/{scene.offered(buyer, listing).ref}/accept"
    data = hidden(selling.get(path).text)
    first, second = (selling.post(path, data=data) for _ in range(2))
    assert first.location == second.location
    assert session.scalars(select(Deal.ref)).one() in first.location


def test_who_came_too_late_sees_how_it_stands(
    db_app: Flask, selling: FlaskClient, seller: Actor, buyer: Actor, listing: Listing
) -> None:
    mine, other = scene.offered(buyer, listing), scene.offered(scene.member(scene.party()), listing)
    path = f"/offers/{mine.ref}"
    data = hidden(selling.get(f"{path}/accept").text)
    actions.accept(seller, other.ref)
    late = selling.post(f"{path}/accept", data=data)
    assert late.status_code == 409
    assert "Superseded" in late.text
    assert "cannot be accepted any more" in late.text


def test_an_offer_that_ran_out_is_shown_as_ended(
    selling: FlaskClient, buyer: Actor, listing: Listing
) -> None:
    offer = scene.offered(buyer, listing, valid_days=1)
    with transaction():
        session.get_one(Offer, offer.id).expires_at = clock.now() + timedelta(minutes=5)
    clock.advance(timedelta(minutes=6))
    page = selling.get(f"/offers/{offer.ref}").text
    assert "This offer has ended" in page
    assert "/accept" not in page


def test_strangers_see_nothing(
    db_app: Flask, client: FlaskClient, seller: Actor, buyer: Actor, listing: Listing
) -> None:
    offer = scene.offered(buyer, listing)
    deal = actions.accept(seller, offer.ref)
    other = browser(db_app, given_party(), Role.AGENT)
    for path in (
        f"/offers/{offer.ref}",
        f"/offers/{offer.ref}/accept",
        f"/offers/{offer.ref}/counter",
        f"/deals/{deal.ref}",
    ):
        assert other.get(path).status_code == 404, path
        assert "/login" in client.get(path).location
    assert offer.ref not in other.get("/offers").text
    assert deal.ref not in other.get("/deals").text


def test_the_exchange_reads_along_and_cannot_answer(db_app: Flask, buyer: Actor, listing: Listing) -> None:
    offer = scene.offered(buyer, listing)
    staff = browser(db_app, given_party(PartyKind.OPERATOR), Role.OPERATOR)
    page = staff.get(f"/offers/{offer.ref}").text
    assert "Waiting for 榕江理工大学" in page
    assert "/accept" not in page
    assert staff.get(f"/offers/{offer.ref}/accept").status_code == 403


def test_lists_say_whose_turn_it_is(
    selling: FlaskClient, buying: FlaskClient, buyer: Actor, listing: Listing
) -> None:
    offer = scene.offered(buyer, listing)
    assert "Your turn" in selling.get("/offers").text
    assert "Your turn" not in buying.get("/offers").text
    assert offer.ref in selling.get(f"/offers?listing={listing.ref}").text
    assert offer.ref not in selling.get("/offers?role=buyer").text
    assert offer.ref not in selling.get("/offers?status=declined").text
    assert "No offers" in selling.get("/offers?role=buyer").text


def test_licence_terms_are_asked_for_where_they_belong(
    buying: FlaskClient, seller: Actor, listing: Listing
) -> None:
    licence = scene.published(seller, kind=ListingKind.LICENCE, licence_years=5)
    assert 'name="licence_years" value="5"' in buying.get(f"/listings/{licence.ref}/offer").text
    assert "licence_years" not in buying.get(f"/listings/{listing.ref}/offer").text


def test_what_is_wrong_stays_on_the_form(buying: FlaskClient, listing: Listing) -> None:
    path = f"/listings/{listing.ref}/offer"
    wrong = submit(buying, path, price="nothing", message="请考虑")
    assert wrong.status_code == 422
    assert "请考虑" in wrong.text
    late = submit(buying, path, price="1000000", valid_days="400")
    assert late.status_code == 422
    assert "from 1 to 90 days" in late.text


def test_the_deal_leads_to_its_one_stop_file(
    selling: FlaskClient, seller: Actor, buyer: Actor, listing: Listing
) -> None:
    deal = scene.agreed(seller, buyer, listing)
    events.drain_all()
    page = selling.get(f"/deals/{deal.ref}").text
    flow = re.search(r'href="(/flows/FL-[^"]+)"', page)
    assert flow is not None
    assert selling.get(flow[1]).status_code == 200


def test_the_end_of_a_deal_is_told(selling: FlaskClient, seller: Actor, buyer: Actor) -> None:
    done = scene.agreed(seller, buyer, scene.published(seller))
    actions.complete(SYSTEM, done)
    assert "Completed on" in selling.get(f"/deals/{done.ref}").text
    failed = scene.agreed(seller, buyer, scene.published(seller))
    actions.rescind(SYSTEM, failed, "买方未付款")
    page = selling.get(f"/deals/{failed.ref}").text
    assert "Rescinded on" in page
    assert "买方未付款" in page
