"""The door over HTTP: cookies, tokens of forms, fixation, enumeration, second factor, redirects."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from flask import Flask

from exchange.core import clock
from exchange.parties import logins, members
from exchange.parties.models import Role
from exchange.parties.policy import SYSTEM
from exchange.parties.sessions import Caller
from tests.parties.given import (
    PASSWORD,
    code_of,
    given_party,
    given_second_factor,
    given_user,
    hidden,
    sign_in,
    signed_in,
    submit,
)

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse


def cookie(client: "FlaskClient") -> str:
    found = client.get_cookie("rongyi")
    return found.value if found else ""


def put_cookie(client: "FlaskClient", value: str) -> None:
    client.set_cookie("rongyi", value)


def is_in(client: "FlaskClient") -> bool:
    return client.get("/account").status_code == 200


def body(response: "TestResponse") -> str:
    """A page without what differs at every request."""
    return re.sub(r'(value|content)="[^"]{30,}"|[0-9a-f]{32}|[\w+.-]+@example\.cn', "", response.text)


def test_signing_in_and_out(client: "FlaskClient") -> None:
    user = given_user(given_party(name="Minhai Materials"))
    assert not is_in(client)
    answer = sign_in(client, user)
    assert (answer.status_code, answer.location) == (303, "/")
    page = client.get("/account")
    assert user.email in page.text
    assert "Minhai Materials" in page.text
    assert page.headers["Cache-Control"] == "no-store"
    client.post("/logout", data=hidden(page.text))
    assert not is_in(client)


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(client: "FlaskClient") -> None:
    answer = sign_in(client, given_user(given_party()))
    [set_cookie] = [line for line in answer.headers.getlist("Set-Cookie") if line.startswith("rongyi=")]
    assert "HttpOnly" in set_cookie
    assert "SameSite=Lax" in set_cookie
    assert "Expires" not in set_cookie, "it ends with the browser"


def test_in_production_the_cookie_is_bound_to_the_host_and_to_https(
    make_clean_app: Callable[..., Flask],
) -> None:
    app = make_clean_app(ENVIRONMENT="production")
    answer = app.test_client().get("/login", base_url="https://exchange.example")
    [line] = [line for line in answer.headers.getlist("Set-Cookie") if "rongyi=" in line]
    assert line.startswith("__Host-rongyi=")
    assert "Secure" in line
    assert "Path=/" in line
    assert "Domain" not in line


def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(client: "FlaskClient") -> None:
    user = given_user(given_party())
    known = submit(client, "/login", email=user.email, password="not the password")
    unknown = submit(client, "/login", email="nobody@example.cn", password="not the password")
    assert known.status_code == unknown.status_code == 422
    assert body(known) == body(unknown)
    assert not is_in(client)


def test_a_disabled_person_gets_the_same_answer(client: "FlaskClient") -> None:
    user, other = given_user(given_party()), given_user(given_party())
    logins.disable(SYSTEM, other.ref, "Left.")
    wrong = submit(client, "/login", email=user.email, password="not the password")
    disabled = submit(client, "/login", email=other.email, password=PASSWORD)
    assert (disabled.status_code, body(disabled)) == (wrong.status_code, body(wrong))


def test_a_forgotten_password_page_answers_everybody_alike(client: "FlaskClient") -> None:
    user = given_user(given_party())
    known = submit(client, "/login/forgot", email=user.email)
    unknown = submit(client, "/login/forgot", email="nobody@example.cn")
    assert (
        (known.status_code, known.location)
        == (unknown.status_code, unknown.location)
        == (303, "/login/forgot?sent=1")
    )


def test_what_was_typed_is_kept_but_never_the_password(client: "FlaskClient") -> None:
    answer = submit(client, "/login", email="Lin@example.cn", password="not the password")
    assert 'value="Lin@example.cn"' in answer.text
    assert "not the password" not in answer.text


# -- fixation and replay -----------------------------------------------------------------------


def test_a_cookie_from_before_signing_in_opens_nothing_afterwards(client: "FlaskClient") -> None:
    user = given_user(given_party())
    client.get("/login")
    before = cookie(client)
    assert before
    sign_in(client, user)
    after = cookie(client)
    assert after != before
    put_cookie(client, before)
    assert not is_in(client)
    put_cookie(client, after)
    assert is_in(client)


def test_a_form_token_from_before_signing_in_is_worthless_afterwards(client: "FlaskClient") -> None:
    user = given_user(given_party())
    planted = hidden(client.get("/login").text)
    sign_in(client, user)
    assert client.post("/logout", data=planted).status_code == 400
    assert is_in(client)


def test_a_cookie_kept_from_before_signing_out_opens_nothing(client: "FlaskClient") -> None:
    user = given_user(given_party())
    sign_in(client, user)
    stolen = cookie(client)
    client.post("/logout", data=hidden(client.get("/account").text))
    put_cookie(client, stolen)
    assert not is_in(client)


def test_switching_organisations_changes_the_session(client: "FlaskClient") -> None:
    first, second = given_party(name="A first"), given_party(name="B second")
    user = signed_in(client, first)
    members.add_user(SYSTEM, email=user.email, party_ref=second.ref, roles=[Role.AGENT])
    before = cookie(client)
    page = client.get("/account")
    answer = client.post(
        "/organisation/switch", data={**hidden(page.text), "party": second.ref, "next": "/organisation"}
    )
    assert (answer.status_code, answer.location) == (303, "/organisation")
    assert "B second" in client.get("/organisation").text
    after = cookie(client)
    put_cookie(client, before)
    assert not is_in(client)
    put_cookie(client, after)
    stranger = given_party()
    refused = client.post(
        "/organisation/switch", data={**hidden(client.get("/account").text), "party": stranger.ref}
    )
    assert refused.status_code == 404


def test_a_fresh_proof_changes_the_session_and_leads_back(client: "FlaskClient") -> None:
    signed_in(client, given_party())
    clock.advance(timedelta(minutes=6))
    sent = client.get("/account/tokens/new")
    assert (sent.status_code, sent.location) == (303, "/login/confirm?next=/account/tokens/new")
    before = cookie(client)
    assert submit(client, sent.location, answer="wrong").status_code == 422
    back = submit(client, sent.location, answer=PASSWORD)
    assert (back.status_code, back.location) == (303, "/account/tokens/new")
    assert client.get("/account/tokens/new").status_code == 200
    put_cookie(client, before)
    assert not is_in(client)


@pytest.mark.parametrize("path", ["/login", "/register", "/login/forgot"])
def test_a_form_without_its_token_is_refused(client: "FlaskClient", path: str) -> None:
    user = given_user(given_party())
    data = {"email": user.email, "password": PASSWORD, "name": "Lin"}
    assert client.post(path, data=data).status_code == 400
    assert client.post(path, data={**data, "csrf_token": "made up"}).status_code == 400
    assert not is_in(client)


def test_a_request_that_says_it_comes_from_another_site_is_refused(client: "FlaskClient") -> None:
    user = given_user(given_party())
    data = {**hidden(client.get("/login").text), "email": user.email, "password": PASSWORD}
    assert client.post("/login", data=data, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert not is_in(client)


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "https://evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "/%0d%0aSet-Cookie:x",
        "\\\\evil",
    ],
)
def test_no_way_back_leads_off_the_exchange(client: "FlaskClient", target: str) -> None:
    user = given_user(given_party())
    page = client.get("/login", query_string={"next": target})
    answer = client.post(
        "/login",
        query_string={"next": target},
        data={**hidden(page.text), "email": user.email, "password": PASSWORD},
    )
    assert answer.status_code == 303
    assert answer.location.startswith("/")
    assert not answer.location.startswith(("//", "/\\"))
    assert "evil" not in answer.location or target.startswith("/%")


def test_one_is_led_to_where_one_wanted_to_go(client: "FlaskClient") -> None:
    user = given_user(given_party())
    turned_away = client.get("/organisation?x=1")
    assert turned_away.location == "/login?next=/organisation%3Fx%3D1"
    answer = submit(client, turned_away.location, email=user.email, password=PASSWORD)
    assert answer.location == "/organisation?x=1"
    assert client.get("/login?next=/account").location == "/account", "signed in already"


# -- second factor -----------------------------------------------------------------------------


def test_the_password_alone_does_not_open_an_account_with_a_second_factor(client: "FlaskClient") -> None:
    user = given_user(given_party())
    authenticator = given_second_factor(user)
    answer = submit(client, "/login?next=/organisation", email=user.email, password=PASSWORD)
    assert answer.location == "/login/second?next=/organisation"
    assert not is_in(client)
    assert submit(client, answer.location, code="000000").status_code == 422
    assert not is_in(client)
    done = submit(client, answer.location, code=code_of(authenticator))
    assert done.location == "/organisation"
    assert is_in(client)


def test_a_code_seen_by_somebody_else_is_used_up(client: "FlaskClient", db_app: Flask) -> None:
    user = given_user(given_party())
    authenticator = given_second_factor(user)
    thief = db_app.test_client()
    for browser in (client, thief):
        submit(browser, "/login", email=user.email, password=PASSWORD)
    code = code_of(authenticator)
    assert submit(client, "/login/second", code=code).status_code == 303
    assert submit(thief, "/login/second", code=code).status_code == 422
    assert not is_in(thief)


def test_waiting_for_the_code_ends_after_five_minutes_and_with_a_new_password(client: "FlaskClient") -> None:
    user = given_user(given_party())
    given_second_factor(user)
    submit(client, "/login", email=user.email, password=PASSWORD)
    assert client.get("/login/second").status_code == 200
    clock.advance(timedelta(minutes=5, seconds=1))
    assert client.get("/login/second").location == "/login?next=/"
    submit(client, "/login", email=user.email, password=PASSWORD)
    logins.ask_reset(user.email, Caller())
    until = int((clock.wall() + timedelta(minutes=30)).timestamp())
    logins.reset_password(logins.reset_link(user, until).rsplit("/", 1)[1], "nine quiet mountains")
    assert client.get("/login/second").status_code == 303


def test_nobody_comes_to_the_second_step_without_the_first(client: "FlaskClient") -> None:
    assert client.get("/login/second").location == "/login?next=/"
    assert client.post("/login/second", data=hidden(client.get("/login").text)).status_code == 303


def test_a_closed_account_shows_a_field_for_the_code(client: "FlaskClient") -> None:
    user = given_user(given_party())
    authenticator = given_second_factor(user)
    for _ in range(10):
        submit(client, "/login", email=user.email, password="not the password")
    closed = submit(client, "/login", email=user.email, password=PASSWORD)
    assert closed.status_code == 429
    assert 'name="code"' in closed.text
    answer = client.post(
        "/login",
        data={
            **hidden(closed.text),
            "email": user.email,
            "password": PASSWORD,
            "code": code_of(authenticator),
        },
    )
    assert answer.status_code == 303
    assert is_in(client)


# -- ends --------------------------------------------------------------------------------------


def test_idle_for_half_an_hour_and_one_signs_in_again(client: "FlaskClient") -> None:
    signed_in(client, given_party())
    for _ in range(3):
        clock.advance(timedelta(minutes=29))
        assert is_in(client)
    clock.advance(timedelta(minutes=30))
    assert client.get("/organisation").location == "/login?next=/organisation"


def test_another_browser_can_be_signed_out_from_here(client: "FlaskClient", db_app: Flask) -> None:
    party = given_party()
    user = signed_in(client, party)
    other = db_app.test_client()
    sign_in(other, user)
    page = client.get("/account").text
    assert page.count('/end"') == 2
    assert client.post("/account/sessions/end-others", data=hidden(page)).status_code == 303
    assert is_in(client)
    assert not is_in(other)


def test_somebody_elses_session_cannot_be_ended(client: "FlaskClient", db_app: Flask) -> None:
    party = given_party()
    other = db_app.test_client()
    signed_in(other, party)
    signed_in(client, party)
    theirs = re.findall(r"/account/sessions/(\d+)/end", other.get("/account").text)
    page = client.get("/account").text
    assert client.post(f"/account/sessions/{theirs[0]}/end", data=hidden(page)).status_code == 404
    assert is_in(other)


def test_being_let_go_counts_with_the_next_click(client: "FlaskClient", db_app: Flask) -> None:
    party = given_party()
    member = db_app.test_client()
    user = signed_in(member, party, Role.AGENT)
    signed_in(client, party)
    page = client.get(f"/organisation/members/{user.ref}").text
    assert client.post(f"/organisation/members/{user.ref}/remove", data=hidden(page)).status_code == 303
    assert member.get("/organisation").location == "/login?next=/organisation"


def test_reading_a_page_writes_nothing_within_a_minute(client: "FlaskClient", db_app: Flask) -> None:
    from sqlalchemy import event

    from exchange.core.db import db

    signed_in(client, given_party())
    written: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.split(None, 1)[0].upper() in {"INSERT", "UPDATE", "DELETE"}:
            written.append(statement)

    engine = db.engine.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        for path in ("/account", "/organisation", "/login", "/login/confirm", "/organisation/invite"):
            client.get(path)
        assert written == []
        clock.advance(timedelta(minutes=1))
        client.get("/account")
        client.get("/organisation")
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert [statement.split()[1] for statement in written] == ["login_session"]
