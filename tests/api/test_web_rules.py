"""Rules that hold for every route: no forged form, the same headers on every answer, and reading never writes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from werkzeug.wrappers import Response

from exchange.core import clock
from tests.api.calls import CALLS, Call
from tests.api.market import Market
from tests.api.recorder import writes
from tests.api.test_permissions import AGREED, PEOPLE
from tests.conftest import MOMENT

#: Posts that change nothing but a cookie of the reader's own, or nothing at all: no token is asked.
HARMLESS = {"POST site.theme", "POST site.language", "POST contracts.compare"}

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}


def who_may(key: str) -> str:
    """Somebody for whom the call does what it is for: of those who can, the one with the narrowest role."""
    order = (
        "agent",
        "signer",
        "admin",
        "buyer",
        "stranger",
        "reviewer",
        "officer",
        "registrar",
        "operator",
        "visitor",
    )
    return next(who for who in order if AGREED[key][PEOPLE.index(who)] in "+=L")


def unsafe(*, api: bool) -> list[str]:
    return [key for key, call in sorted(CALLS.items()) if call.method != "GET" and call.api == api]


def send(market: Market, call: Call, who: str, token: str | None, **headers: str) -> Response:
    """A form of ``who`` with this token, or none."""
    sent = call.sent(market.refs)
    data: dict[str, Any] = dict(sent.get("data", {}))
    if token is not None:
        data["csrf_token"] = token
    return market.browser(who).post(call.url(market.app, market.refs), data=data, headers=headers)


@pytest.mark.parametrize("key", [key for key in unsafe(api=False) if key not in HARMLESS])
def test_a_forged_form_changes_nothing(market: Market, key: str) -> None:
    """R-013: without a token, with one of no session, with somebody else's, and from another site."""
    call, who = CALLS[key], who_may(key)
    good, foreign = market.csrf[who], market.csrf["auditor" if who != "auditor" else "admin"]
    forged = [(None, {}), ("x" * 90, {}), (foreign, {}), (good, {"Sec-Fetch-Site": "cross-site"})]
    for token, headers in forged:
        with market.undone(), writes() as found:
            answer = send(market, call, who, token, **headers)
            assert answer.status_code in {400, 403}, (token, answer.status_code)
            assert found == []


@pytest.mark.parametrize("key", unsafe(api=True))
def test_the_api_by_a_session_needs_the_header(market: Market, key: str) -> None:
    """A cookie is sent by any site; the header only by ours."""
    call, who = CALLS[key], who_may(key)
    path, client = call.url(market.app, market.refs), market.browser(who)
    for headers in ({}, {"X-CSRFToken": market.csrf["auditor"]}):
        with market.undone(), writes() as found:
            answer = client.open(path, method=call.method, headers=headers, **call.sent(market.refs))
            assert answer.status_code == 400
            assert answer.get_json()["code"] == "csrf.token"
            assert found == []


def test_the_api_takes_a_session_that_shows_the_header(market: Market) -> None:
    headers = {"X-CSRFToken": market.csrf["agent"], "If-Match": "*"}
    with market.undone():
        answer = market.browser("agent").patch("/api/v1/users/me", json={"name": "林知夏"}, headers=headers)
        assert answer.status_code == 200


# -- headers ---------------------------------------------------------------------------------------


def check_headers(answer: Response, *, private: bool) -> None:
    found = {name: answer.headers.get(name) for name in HEADERS}
    assert found == HEADERS
    assert answer.headers.getlist("Content-Security-Policy") == [HEADERS["Content-Security-Policy"]]
    assert answer.headers["X-Request-Id"]
    if private:
        assert answer.headers["Cache-Control"] == "no-store"


ODD = [
    ("GET", "/nowhere", 404),
    ("GET", "/api/v1/nowhere", 404),
    ("GET", "/listings/LS-AAAAAAAAAAA", 404),
    ("DELETE", "/listings/new", 405),
    ("PUT", "/api/v1/users/me", 405),
    ("GET", "/login?next=//evil.example", 200),
    ("POST", "/login", 400),
    ("POST", "/api/v1/users", 422),
    ("OPTIONS", "/desk", 200),
    ("HEAD", "/", 200),
    ("GET", "/static/none.css", 404),
    ("GET", "/static/../app.py", 404),
]


@pytest.mark.parametrize(("method", "path", "status"), ODD)
def test_odd_answers_carry_the_headers_too(market: Market, method: str, path: str, status: int) -> None:
    with market.undone(), market.app.test_client().open(path, method=method) as answer:
        assert answer.status_code == status
        if not path.startswith("/static/"):
            check_headers(answer, private=False)


def test_too_much_is_refused_with_the_headers(market: Market) -> None:
    with market.undone():
        answer = market.by_token("agent", "POST", "/api/v1/listings", data=b"x" * (33 * 1024 * 1024))
        assert answer.status_code == 413
        check_headers(answer, private=True)


# -- reading ---------------------------------------------------------------------------------------


READERS = ("visitor", "agent", "buyer", "operator", "officer", "registrar", "auditor")


@pytest.mark.parametrize(
    "key", [key for key in sorted(CALLS) if key.startswith("GET ") and key != "GET static"]
)
def test_reading_never_writes(market: Market, key: str) -> None:
    """R-014, R-016, R-018: nothing is written, and every answer carries the headers, refused or not."""
    call = CALLS[key]
    path = call.url(market.app, market.refs)
    for who in READERS:
        with (
            market.undone(),
            writes() as found,
            market.ask(who, "GET", path) as answer,
        ):
            assert found == [], who
            assert answer.status_code < 500
            check_headers(answer, private=who != "visitor" and not _impersonal(market, call))


def _impersonal(market: Market, call: Call) -> bool:
    """Answers that are the same for all look nobody up, and so may be kept."""
    mark: Any = getattr(market.app.view_functions[call.endpoint], "__access__", None)
    return bool(mark is not None and mark.impersonal)


def test_what_reading_may_write(market: Market) -> None:
    """The only exceptions: that a session or token was used, and how often an address asked for a quick check."""
    with clock.frozen(MOMENT + timedelta(minutes=2)), market.undone():
        with writes() as by_session:
            assert market.by_session("agent", "GET", "/account").status_code == 200
        with writes() as by_token:
            assert market.by_token("agent", "GET", "/api/v1/users/me").status_code == 200
        with writes() as asked:
            assert market.by_session("visitor", "GET", "/rights/check?number=CN120000001B").status_code == 200
    assert by_session == ["UPDATE login_session"]
    assert by_token == ["UPDATE api_token"]
    assert {written.split()[1] for written in asked} == {"right_check_count"}


@pytest.mark.parametrize(
    "key", ["GET contracts.show", "GET listings.show", "GET deals_api.show_offer", "GET desk.index"]
)
def test_asking_for_the_head_alone_writes_nothing_either(market: Market, key: str) -> None:
    call = CALLS[key]
    with market.undone(), writes() as found:
        answer = market.browser("agent").head(call.url(market.app, market.refs))
        assert answer.get_data() == b""
        assert found == []
