"""Every route, asked by everybody: a reviewed table (``permissions.txt``) says how each is received.

A route without a line, or without a call in ``calls.py``, fails; so does a line whose route has gone.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from werkzeug.wrappers import Response

from exchange.web import access
from tests.api.calls import CALLS, routes
from tests.api.market import Market

TABLE = Path(__file__).with_name("permissions.txt")


def _read() -> tuple[list[str], dict[str, list[str]]]:
    lines = [
        line.split()
        for line in TABLE.read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    people, *rows = lines
    return people, {f"{method} {endpoint}": cells for method, endpoint, *cells in rows}


PEOPLE, AGREED = _read()


def received(answer: Response) -> str:
    """How a call was received, as one sign of the table."""
    status = answer.status_code
    if status == 401 or (status in {302, 303} and "/login?" in (answer.location or "")):
        return "L"
    if status in {409, 412, 422, 428}:
        return "="
    if status < 400:
        return "+"
    return {403: "x", 404: "."}.get(status, str(status))


@pytest.mark.parametrize("key", sorted(AGREED))
def test_everybody_is_received_as_agreed(market: Market, key: str) -> None:
    call = CALLS[key]
    path, found = call.url(market.app, market.refs), []
    for who in PEOPLE:
        with (
            market.undone(),
            market.ask(who, call.method, path, **call.sent(market.refs)) as answer,
        ):
            found.append(received(answer))
    assert dict(zip(PEOPLE, found, strict=True)) == dict(zip(PEOPLE, AGREED[key], strict=True))


def test_no_route_is_forgotten(market: Market) -> None:
    known = set(routes(market.app))
    assert known - set(AGREED) == set(), "routes without a line in permissions.txt"
    assert set(AGREED) - known == set(), "lines without a route"
    assert known - set(CALLS) == set(), "routes without a call in calls.py"


def test_only_what_says_so_is_public(market: Market) -> None:
    """R-002: the views that let everybody in are those that are declared public, and no other."""
    for key, cells in AGREED.items():
        method, endpoint = key.split()
        declared = access.declared(market.app.view_functions[endpoint], method)
        open_ = endpoint == "static" or (declared is not None and declared.public)
        # The second factor is public and leads back to the login page where no password came before.
        assert (cells[0] == "L") == (not open_ or endpoint == "parties.second"), key


@pytest.mark.parametrize(
    "who", ["agent", "admin", "signer", "buyer", "operator", "reviewer", "officer", "registrar"]
)
def test_a_token_that_may_only_read_changes_nothing(market: Market, who: str) -> None:
    leaks = []
    for key, call in CALLS.items():
        declared = access.declared(market.app.view_functions[call.endpoint], call.method)
        if not call.api or call.method == "GET" or (declared is not None and declared.public):
            continue
        with market.undone():
            answer = market.by_token(
                who,
                call.method,
                call.url(market.app, market.refs),
                headers=market.key(who, "read"),
                **call.sent(market.refs),
            )
        if answer.status_code not in {403, 404, 422}:
            leaks.append((key, answer.status_code))
        if answer.status_code == 422 and AGREED[key][PEOPLE.index(who)] == "+":
            leaks.append((key, answer.status_code))
    assert leaks == []


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("flows", "trade"),
        ("registrations", "trade"),
        ("offers", "rights"),
        ("deals", "flow"),
        ("listings?mine=true", "rights"),
        ("tokens", "rights"),
        ("rights/imports/{import}", "account"),
        ("rights/watches", "account"),
        ("rights/confirmations/{confirmation}", "account"),
        ("listings/{listed}/offers", "rights"),
        ("parties/{party}", "rights"),
        ("flows/{flow_draft}", "trade"),
        ("offers/{offer}", "flow"),
    ],
)
def test_a_narrow_token_reads_nothing_beside_its_scope(market: Market, path: str, scope: str) -> None:
    address = f"/api/v1/{path.format(**market.refs)}"
    with market.undone():
        narrow = market.by_token("agent", "GET", address, headers=market.key("agent", scope))
        wide = market.by_token("agent", "GET", address, headers=market.key("agent", "read"))
    assert (narrow.status_code, narrow.get_json()["code"]) == (403, "token.scope")
    assert wide.status_code == 200


def test_the_account_for_payouts_is_shown_to_those_who_see_the_money(market: Market) -> None:
    totals = {}
    for who in ("admin", "finance", "agent", "signer", "buyer", "stranger", "officer"):
        with market.undone():
            totals[who] = market.by_token(who, "GET", "/api/v1/payouts").get_json()["total"]
    assert totals == {
        "admin": 1,
        "finance": 1,
        "agent": 0,
        "signer": 0,
        "buyer": 0,
        "stranger": 0,
        "officer": 1,
    }
