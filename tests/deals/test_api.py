"""``/api/v1/offers`` and ``/api/v1/deals``."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from exchange.core.db import session
from exchange.deals.models import Deal, Offer
from exchange.listings.models import Listing
from exchange.parties.models import Party, PartyKind
from tests.listings import scene
from tests.listings.test_api import Caller
from tests.parties.given import given_party

API = "/api/v1"
PRICE = {"amount": "1000000.00", "currency": "CNY"}


@pytest.fixture
def house(db_app: Flask) -> Party:
    return given_party(PartyKind.UNIVERSITY, name="榕江理工大学")


@pytest.fixture
def selling(db_app: Flask, house: Party) -> Caller:
    return Caller(db_app, house)


@pytest.fixture
def buying(db_app: Flask) -> Caller:
    return Caller(db_app, given_party())


@pytest.fixture
def listing(house: Party) -> Listing:
    return scene.published(scene.member(house))


def made(buying: Caller, listing: Listing, **facts: Any) -> str:
    answer = buying("POST", f"{API}/listings/{listing.ref}/offers", {"price": PRICE, **facts})
    assert answer.status_code == 201, answer.text
    return str(answer.json["ref"])


def test_a_negotiation(selling: Caller, buying: Caller, listing: Listing) -> None:
    first = made(buying, listing, payment="一次付清", valid_days=5)
    shown = selling("GET", f"{API}/offers/{first}").json
    assert (shown["maker"], shown["price"], shown["terms"]) == ("buyer", PRICE, {"payment": "一次付清"})
    assert shown["expires_at"] == "2026-06-20T16:00:00Z"
    assert set(shown["actions"]) == {"counter", "accept", "decline"}
    assert buying("GET", f"{API}/offers/{first}").json["actions"] == ["withdraw"]
    higher = {"price": {"amount": "1200000.00", "currency": "CNY"}}
    second = selling("POST", f"{API}/offers/{first}/counter", higher)
    assert (second.status_code, second.json["round"], second.json["thread"]) == (201, 2, first)
    deal = buying("POST", f"{API}/offers/{second.json['ref']}/accept")
    assert deal.status_code == 201, deal.text
    assert deal.json["price"]["amount"] == "1200000.00"
    assert [part["price"]["amount"] for part in deal.json["rights"]] == ["1200000.00"]
    assert deal.json["signing"]["open"] is False
    assert deal.json["signing"]["when"] == "2026-06-30T16:00:00Z"
    again = selling("GET", f"{API}/deals/{deal.json['ref']}").json
    assert again["ref"] == deal.json["ref"]
    assert selling("GET", f"{API}/deals?status=agreed").json["total"] == 1
    assert selling("GET", f"{API}/offers?role=seller&status=accepted").json["total"] == 1
    assert selling("GET", f"{API}/listings/{listing.ref}/offers").json["total"] == 2


def test_repeats_act_once(selling: Caller, buying: Caller, listing: Listing) -> None:
    path = f"{API}/listings/{listing.ref}/offers"
    answers = [buying("POST", path, {"price": PRICE}, Idempotency_Key="o1") for _ in range(2)]
    assert answers[0].json == answers[1].json
    accept = f"{API}/offers/{answers[0].json['ref']}/accept"
    deals = [selling("POST", accept) for _ in range(2)]
    assert deals[0].json["ref"] == deals[1].json["ref"]
    assert session.scalar(select(func.count()).select_from(Offer)) == 1
    assert session.scalar(select(func.count()).select_from(Deal)) == 1


def test_refusals_have_codes(selling: Caller, buying: Caller, listing: Listing) -> None:
    path = f"{API}/listings/{listing.ref}/offers"
    offer = made(buying, listing)
    for caller, body, status, code in (
        (buying, {"price": PRICE}, 409, "offer.already_open"),
        (selling, {"price": PRICE}, 422, "offer.own_listing"),
        (buying, {}, 422, "invalid"),
        (buying, {"price": PRICE, "buyer": "PT-1"}, 422, "invalid"),
    ):
        answer = caller("POST", path, body)
        assert (answer.status_code, answer.json["code"]) == (status, code), answer.text
    assert buying("POST", f"{API}/offers/{offer}/accept").status_code == 403
    assert buying("POST", f"{API}/offers/{offer}/withdraw").json["status"] == "withdrawn"
    late = selling("POST", f"{API}/offers/{offer}/accept")
    assert (late.status_code, late.json["code"]) == (409, "offer.cannot_accept")
    assert selling("POST", f"{API}/offers/{made(buying, listing)}/decline").json["status"] == "declined"


def test_others_see_none_of_it(db_app: Flask, selling: Caller, buying: Caller, listing: Listing) -> None:
    offer = made(buying, listing)
    other = Caller(db_app, given_party())
    for method, path in (
        ("GET", f"offers/{offer}"),
        ("POST", f"offers/{offer}/accept"),
        ("POST", f"offers/{offer}/decline"),
        ("POST", f"offers/{offer}/withdraw"),
    ):
        assert other(method, f"{API}/{path}").status_code == 404, path
    assert other("GET", f"{API}/offers").json["total"] == 0
    assert other("GET", f"{API}/listings/{listing.ref}/offers").json["total"] == 0
    deal = selling("POST", f"{API}/offers/{offer}/accept").json["ref"]
    assert other("GET", f"{API}/deals/{deal}").status_code == 404
    assert other("GET", f"{API}/deals").json["total"] == 0
    assert db_app.test_client().get(f"{API}/deals/{deal}").status_code == 401
