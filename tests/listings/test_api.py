"""``/api/v1/listings``: shapes, versions, remembered answers, and what others do not learn."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from exchange.core.db import session
from exchange.listings.models import Listing, ListingStatus
from exchange.parties.models import Party, PartyKind, Role
from exchange.parties.policy import Actor
from tests.listings import scene
from tests.parties.given import given_party, given_user, sign_in

URL = "/api/v1/listings"


class Caller:
    """A program of ``party`` that speaks JSON with a session of its own."""

    def __init__(self, app: Flask, party: Party, *roles: Role) -> None:
        self.client: FlaskClient = app.test_client()
        user = given_user(party, *(roles or (Role.AGENT,)))
        assert sign_in(self.client, user).status_code == 303
        page = self.client.get("/").text
        self.token = page.split('name="csrf-token" content="')[1].split('"')[0]

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.open(path, method=method, json=body, headers={"X-CSRFToken": self.token, **named})


@pytest.fixture
def house(db_app: Flask) -> Party:
    return given_party(PartyKind.UNIVERSITY)


@pytest.fixture
def seller(house: Party) -> Actor:
    return scene.member(house)


@pytest.fixture
def api(db_app: Flask, house: Party) -> Caller:
    return Caller(db_app, house)


@pytest.fixture
def judge(db_app: Flask) -> Caller:
    return Caller(db_app, given_party(PartyKind.OPERATOR), Role.REVIEWER)


def body_of(seller: Actor, **facts: Any) -> dict[str, Any]:
    assert seller.party is not None
    return {
        "kind": "transfer",
        "right_refs": [scene.right(seller.party).ref],
        "title": "纳滤膜",
        "price": {"amount": "1260000.00", "currency": "CNY"},
        "internal_decision": "校科〔2026〕14号",
        "inventors_notified": True,
        **facts,
    }


def test_from_draft_to_publication(api: Caller, judge: Caller, client: FlaskClient, seller: Actor) -> None:
    made = api("POST", URL, body_of(seller))
    assert made.status_code == 201, made.text
    ref = made.json["ref"]
    assert made.headers["Location"].endswith(f"{URL}/{ref}")
    assert made.headers["ETag"] == f'"{made.json["version"]}"'
    assert made.json["price"] == {"amount": "1260000.00", "currency": "CNY"}
    assert set(made.json["actions"]) == {"submit", "withdraw", "edit"}
    assert client.get(f"{URL}/{ref}").status_code == 404
    assert api("POST", f"{URL}/{ref}/submit").json["status"] == "submitted"
    for verb, status in (("verify", "verified"), ("pass_gates", "gated"), ("publish", "listed")):
        answer = judge("POST", f"{URL}/{ref}/{verb}")
        assert (answer.status_code, answer.json["status"]) == (200, status), answer.text
    public: Any = client.get(f"{URL}/{ref}").json
    assert public["publicity"]["price"] == {"amount": "1260000.00", "currency": "CNY"}
    assert public["publicity"]["signing_from"] == "2026-06-30T16:00:00Z"
    assert public["actions"] == []
    assert "statements" not in public
    assert api("GET", f"{URL}/{ref}").json["statements"]["internal_decision"] == "校科〔2026〕14号"
    listed: Any = client.get(URL).json
    assert (listed["total"], [item["ref"] for item in listed["items"]], listed["next"]) == (1, [ref], None)


def test_the_same_key_makes_one_draft(api: Caller, seller: Actor) -> None:
    body = body_of(seller)
    first = api("POST", URL, body, Idempotency_Key="k1")
    again = api("POST", URL, body, Idempotency_Key="k1")
    assert (first.json, again.headers["Idempotency-Replayed"]) == (again.json, "true")
    other = api("POST", URL, {**body, "title": "别的"}, Idempotency_Key="k1")
    assert (other.status_code, other.json["code"]) == (422, "idempotency.key_reused")
    assert session.scalar(select(func.count()).select_from(Listing)) == 1


def test_an_older_version_is_not_overwritten(api: Caller, seller: Actor) -> None:
    ref = api("POST", URL, body_of(seller)).json["ref"]
    tag = api("GET", f"{URL}/{ref}").headers["ETag"]
    assert api("PATCH", f"{URL}/{ref}", {"title": "一"}).status_code == 428
    changed = api("PATCH", f"{URL}/{ref}", {"title": "一", "price": None}, If_Match=tag)
    assert (changed.status_code, changed.json["title"], changed.json["price"]) == (200, "一", None)
    assert api("PATCH", f"{URL}/{ref}", {"title": "二"}, If_Match=tag).status_code == 412
    assert api("GET", f"{URL}/{ref}").json["title"] == "一"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"price": {"amount": "12.345", "currency": "CNY"}}, "price"),
        ({"price": 12}, "price"),
        ({"right_refs": ["LS-00000000000"]}, "right_refs"),
        ({"kind": "barter"}, "kind"),
        ({"region": "99"}, "region"),
        ({"licence_years": 1.5}, "licence_years"),
        ({"status": "listed"}, "status"),
        ({"seller_id": 1}, "seller_id"),
    ],
)
def test_wrong_bodies_are_refused_by_field(
    api: Caller, seller: Actor, wrong: dict[str, Any], field: str
) -> None:
    answer = api("POST", URL, body_of(seller, **wrong))
    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    assert any(error["field"].split(".")[0] == field for error in answer.json["errors"])
    assert session.scalar(select(func.count()).select_from(Listing)) == 0


def test_what_stands_in_the_way_is_named(api: Caller, seller: Actor) -> None:
    ref = api("POST", URL, body_of(seller, internal_decision="")).json["ref"]
    answer = api("POST", f"{URL}/{ref}/submit")
    assert (answer.status_code, answer.json["code"]) == (422, "listing.obstacles")
    assert [error["field"] for error in answer.json["errors"]] == ["internal_decision"]


def test_price_withdrawal_and_mine(api: Caller, seller: Actor) -> None:
    listing = scene.published(seller)
    changed = api(
        "POST", f"{URL}/{listing.ref}/change_price", {"price": {"amount": "99.00", "currency": "CNY"}}
    )
    assert changed.json["price"]["amount"] == "99.00"
    assert api("POST", f"{URL}/{listing.ref}/withdraw", {"reason": "自用"}).json["status"] == "withdrawn"
    assert api("GET", URL).json["total"] == 0
    mine = api("GET", f"{URL}?mine=true&status=withdrawn").json
    assert [item["status_reason"] for item in mine["items"]] == ["自用"]
    assert api("GET", f"{URL}?mine=true&status=listed").json["total"] == 0


def test_others_meet_404_and_403(db_app: Flask, judge: Caller, seller: Actor) -> None:
    other = Caller(db_app, given_party())
    draft, listed = scene.draft(seller), scene.published(seller)
    for verb in ("submit", "withdraw", "resume", "change_price"):
        assert other("POST", f"{URL}/{draft.ref}/{verb}", {}).status_code == 404, verb
    assert other("PATCH", f"{URL}/{draft.ref}", {"title": "x"}, If_Match='"1"').status_code == 404
    for verb in ("submit", "change_price"):
        body: dict[str, Any] | None = {} if verb == "change_price" else None
        assert other("POST", f"{URL}/{listed.ref}/{verb}", body).status_code in {403, 404}, verb
    assert other("POST", f"{URL}/{listed.ref}/publish").status_code == 403
    assert judge("POST", f"{URL}/{listed.ref}/reject", {"reason": "x"}).status_code == 409
    assert session.scalars(select(Listing.status).order_by(Listing.id)).all() == [
        ListingStatus.DRAFT,
        ListingStatus.LISTED,
    ]


def test_objections(db_app: Flask, api: Caller, judge: Caller, seller: Actor) -> None:
    other, third = Caller(db_app, given_party()), Caller(db_app, given_party())
    ref = scene.published(seller).ref
    made = other("POST", f"{URL}/{ref}/object", {"text": "偏低"})
    assert made.status_code == 201, made.text
    assert api("GET", f"{URL}/{ref}").json["publicity"]["open_objections"] == 1
    assert len(api("GET", f"{URL}/{ref}/objections").json) == 1
    assert len(other("GET", f"{URL}/{ref}/objections").json) == 1
    assert third("GET", f"{URL}/{ref}/objections").json == []
    path = f"{URL}/objections/{made.json['ref']}/decide"
    assert api("POST", path, {"upheld": True, "decision": "x"}).status_code == 403
    decided = judge("POST", path, {"upheld": False, "decision": "有评估报告"})
    assert (decided.status_code, decided.json["upheld"]) == (200, False)


def test_pages_of_a_list_follow_each_other(client: FlaskClient, seller: Actor) -> None:
    refs = [scene.published(seller).ref for _ in range(3)][::-1]
    first: Any = client.get(f"{URL}?limit=2").json
    second: Any = client.get(f"{URL}?limit=2&cursor={first['next']}").json
    assert [item["ref"] for item in first["items"] + second["items"]] == refs
    assert (first["total"], second["next"]) == (3, None)
