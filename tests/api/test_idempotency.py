"""``Idempotency-Key``: the same request again is answered again and done once; another one under the same key is refused.

Asked of every unsafe call of the API that takes a key; where money moves a key is required.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from contracts.models import Payout
from exchange.core import clock
from exchange.core.db import session
from exchange.core.events import Event
from exchange.core.idempotency import RememberedAnswer
from exchange.deals.models import Deal
from exchange.ledger.models import Entry
from exchange.parties import tokens
from tests.api.calls import CALLS, Call, named
from tests.api.market import Market
from tests.api.test_permissions import AGREED, PEOPLE
from tests.api.test_web_rules import unsafe
from tests.contracts import scene
from tests.listings import scene as shelf

#: Secrets are never remembered (a registration, a token); a question changes nothing; a file is known by its content.
WITHOUT_KEY = {
    "POST parties_api.register",
    "POST parties_api.make_token",
    "POST rights_api.check_numbers",
    "POST rights_api.import_rights",
}

NEEDS_KEY = {
    "POST contracts_api.receive_price",
    "POST contracts_api.take_back_receipt",
    "POST contracts_api.request_payout",
    "POST contracts_api.approve_payout",
    "POST contracts_api.refuse_payout",
}

KEYED = [key for key in unsafe(api=True) if key not in WITHOUT_KEY]


def doer(key: str) -> str:
    """Somebody for whom the call is done."""
    return next(who for who, cell in zip(PEOPLE, AGREED[key], strict=True) if cell == "+")


def ask(market: Market, who: str, call: Call, key: str | None, **changes: Any) -> TestResponse:
    headers = {"Idempotency-Key": key or ""}
    sent = call.sent(market.refs)
    if changes:
        place = "data" if call.files else "json"
        sent[place] = {**sent.get(place, {}), **changes}
    return market.by_token(who, call.method, call.url(market.app, market.refs), headers=headers, **sent)


def happened() -> tuple[int, int]:
    """How many events and entries of the ledger there are."""
    events = session.scalar(select(func.count()).select_from(Event)) or 0
    entries = session.scalar(select(func.count()).select_from(Entry)) or 0
    session.rollback()
    return events, entries


@pytest.mark.parametrize("key", KEYED)
def test_a_repeat_is_answered_the_same_and_done_once(market: Market, key: str) -> None:
    call, who = CALLS[key], doer(key)
    with market.undone():
        before = happened()
        first = ask(market, who, call, "one")
        done = happened()
        again = ask(market, who, call, "one")
        assert first.status_code < 300
        assert "Idempotency-Replayed" not in first.headers
        assert (again.status_code, again.get_data()) == (first.status_code, first.get_data())
        assert again.headers["Idempotency-Replayed"] == "true"
        assert [again.headers.get(name) for name in ("Location", "ETag")] == [
            first.headers.get(name) for name in ("Location", "ETag")
        ]
        assert happened() == done
        assert done[0] >= before[0]


@pytest.mark.parametrize("key", KEYED)
def test_another_request_under_the_key_is_refused(market: Market, key: str) -> None:
    call, who = CALLS[key], doer(key)
    with market.undone():
        assert ask(market, who, call, "one").status_code < 300
        done = happened()
        other = ask(market, who, call, "one", remark="another body")
        assert (other.status_code, other.get_json()["code"]) == (422, "idempotency.key_reused")
        elsewhere = market.by_token(
            who, "PATCH", "/api/v1/users/me", json={"name": "林"}, headers={"Idempotency-Key": "one"}
        )
        assert (elsewhere.status_code, elsewhere.get_json()["code"]) == (422, "idempotency.key_reused")
        assert happened() == done


@pytest.mark.parametrize("key", sorted(NEEDS_KEY))
def test_money_moves_only_with_a_key(market: Market, key: str) -> None:
    call, who = CALLS[key], doer(key)
    with market.undone():
        before = happened()
        for none in (None, "   "):
            answer = ask(market, who, call, none)
            assert (answer.status_code, answer.get_json()["code"]) == (422, "idempotency.key_required")
        assert ask(market, who, call, "k" * 400).get_json()["code"] == "idempotency.key_length"
        assert happened() == before


def test_only_these_need_a_key_and_only_those_take_none(market: Market) -> None:
    """The document says the same as the tables above."""
    document = market.app.test_client().get("/api/openapi.json").get_json()
    needed, none = set(), set()
    for key in unsafe(api=True):
        call = CALLS[key]
        rules = market.app.url_map.iter_rules(call.endpoint)
        rule = next(rule for rule in rules if call.method in (rule.methods or ())).rule
        path = rule.replace("int:", "").replace("<", "{").replace(">", "}")
        parameters = document["paths"][path][call.method.lower()].get("parameters", [])
        header = next((one for one in parameters if one.get("name") == "Idempotency-Key"), None)
        if header is None:
            none.add(key)
        elif header.get("required"):
            needed.add(key)
    assert needed == NEEDS_KEY
    assert none == WITHOUT_KEY


def test_a_refusal_is_not_remembered(market: Market) -> None:
    """Whoever was refused mends the request and sends it again under the same key."""
    call = CALLS["POST contracts_api.receive_price"]
    too_much = {"amount": {"amount": "99999999.00", "currency": "CNY"}}
    with market.undone():
        assert ask(market, "officer", call, "one", **too_much).status_code in {409, 422}
        assert ask(market, "officer", call, "one").status_code == 201


def test_a_key_belongs_to_one_person(market: Market) -> None:
    call = CALLS["POST deals_api.make_offer"]
    with market.undone():
        mine = ask(market, "agent", call, "one").get_json()
        theirs = ask(market, "buyer", call, "one").get_json()
        assert mine["ref"] != theirs["ref"]
        kept = select(func.count()).select_from(RememberedAnswer).where(RememberedAnswer.key == "api:one")
        assert session.scalar(kept) == 2


def test_the_names_in_the_body_are_the_request(market: Market) -> None:
    """The order of names and white space in JSON do not make another request."""
    call = CALLS["POST contracts_api.receive_price"]
    path = call.url(market.app, market.refs)
    body = named(call.body, market.refs)
    turned = dict(reversed(body.items()))
    headers = {"Idempotency-Key": "one"}
    with market.undone():
        first = market.by_token("officer", "POST", path, json=body, headers=headers)
        again = market.by_token("officer", "POST", path, json=turned, headers=headers)
    assert first.status_code == again.status_code == 201
    assert again.headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize("key", [key for key in KEYED if CALLS[key].files])
def test_another_file_under_the_key_is_another_request(market: Market, key: str) -> None:
    call, who = CALLS[key], doer(key)
    (name, (filename, data)) = next(iter(call.files.items()))
    other = replace(call, files={name: (filename, data + b" another page")})
    with market.undone():
        assert ask(market, who, call, "one").status_code == 201
        again = ask(market, who, other, "one")
        assert (again.status_code, again.get_json()["code"]) == (422, "idempotency.key_reused")


# -- at the same moment ----------------------------------------------------------------------------


def volley(app: Flask, path: str, secret: str, body: Any, times: int = 6) -> list[TestResponse]:
    """The same request several times at the same moment, each from a connection of its own."""
    headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": f"volley {path}"}

    def one(_number: int) -> TestResponse:
        return app.test_client().post(path, json=body, headers=headers)

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(one, range(times)))


def test_a_volley_acts_once(clean_app: Flask) -> None:
    """Acceptance, receipt, payout and its approval, six times each at the same moment: one deal, one entry each."""
    with clean_app.app_context():
        people = scene.house()
        with clock.frozen(clock.now() - timedelta(days=10)):  # threads go by the real clock
            listing = shelf.published(people.seller)
            flow = scene.signed(people, scene.agreed(people))
            done = scene.recorded(people, scene.agreed(people))
        offer = shelf.offered(people.buyer, listing).ref
        keys = {
            name: tokens.create(getattr(people, name), scopes=["all"])[1]
            for name in ("seller", "officer", "other_officer")
        }
        funded, price = flow.ref, flow.escrow.price_fen // 100
        party, paid = done.deal.seller.ref, done.ref
    money = {"amount": f"{price}.00", "currency": "CNY"}
    ten = {"amount": "10.00", "currency": "CNY"}

    def act(who: str, path: str, body: Any, model: type) -> dict[str, Any]:
        with clean_app.app_context():
            before = session.scalar(select(func.count()).select_from(model)) or 0
        answers = volley(clean_app, f"/api/v1{path}", keys[who], body)
        said = [(answer.status_code, answer.text[:300]) for answer in answers]
        assert {status for status, _text in said} <= {200, 201, 409}, said
        with clean_app.app_context():
            assert (session.scalar(select(func.count()).select_from(model)) or 0) == before + 1
        good = [answer.get_json() for answer in answers if answer.status_code != 409]
        assert good
        assert all(one == good[0] for one in good)
        return dict(good[0])

    act("seller", f"/offers/{offer}/accept", None, Deal)
    act("officer", f"/flows/{funded}/receive_price", {"amount": money, "bank_reference": "VOLLEY-1"}, Entry)
    payout = act("officer", "/payouts", {"party": party, "amount": ten, "flow": paid}, Payout)
    act("other_officer", f"/payouts/{payout['ref']}/approve", {"bank_reference": "VOLLEY-2"}, Entry)
