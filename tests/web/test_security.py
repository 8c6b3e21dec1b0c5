from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.web.conftest import Shell, token_of

POLICY = (
    "default-src 'self'; script-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/private",
        "/nowhere",
        "/refused/conflict",
        "/api/v1/nowhere",
        "/api/openapi.json",
        "/healthz",
        "/static/rongyi.css",
    ],
)
def test_every_answer_carries_the_same_policy_and_headers(client: FlaskClient, path: str) -> None:
    with client.get(path) as answer:
        headers = answer.headers
    assert headers["Content-Security-Policy"] == POLICY
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Request-Id"]


def test_what_only_one_reader_may_see_is_not_stored(shell: Shell) -> None:
    assert shell.client().get("/").headers["Cache-Control"] == "no-cache"
    shell.sign_in()
    assert shell.client().get("/").headers["Cache-Control"] == "no-store"
    with shell.client().get("/static/rongyi.css") as answer:
        assert "no-store" not in answer.headers.get("Cache-Control", "")


def test_the_number_of_a_request_is_taken_over_only_if_it_is_one(client: FlaskClient) -> None:
    assert client.get("/", headers={"X-Request-Id": "abc-12345"}).headers["X-Request-Id"] == "abc-12345"
    for bad in ("short", "x" * 65, "abc 123456", "abc<12345>"):
        assert client.get("/", headers={"X-Request-Id": bad}).headers["X-Request-Id"] != bad


def test_a_form_without_its_token_is_refused(shell: Shell) -> None:
    shell.sign_in()
    answer = shell.client().post("/offer", data={"price": "5"})
    assert answer.status_code == 400
    assert shell.made == []


def test_a_form_with_somebody_elses_token_is_refused(shell: Shell) -> None:
    shell.sign_in()
    foreign = token_of(shell.client().get("/offer").text)
    client = shell.client()
    client.get("/offer")
    assert client.post("/offer", data={"price": "5", "csrf_token": foreign}).status_code == 400
    assert shell.made == []


def test_a_request_from_another_site_is_refused_even_with_the_token(shell: Shell) -> None:
    shell.sign_in()
    client = shell.client()
    token = token_of(client.get("/offer").text)
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert client.post("/offer", data={"price": "5", "csrf_token": token}, headers=headers).status_code == 403
    assert shell.made == []
    assert client.post("/offer", data={"price": "5", "csrf_token": token}).status_code == 303
    assert shell.made == [500]


def test_a_visitors_form_needs_a_token_too(client: FlaskClient) -> None:
    assert client.post("/echo", data={"value": "x"}).status_code == 400


def test_a_program_with_a_token_of_its_own_needs_no_form_token(client: FlaskClient) -> None:
    answer = client.post("/api/v1/echo", data={"value": "x"}, headers={"Authorization": "Bearer abc"})
    assert answer.status_code == 200


def test_the_api_by_a_session_needs_the_header(shell: Shell) -> None:
    shell.sign_in()
    client = shell.client()
    token = token_of(client.get("/offer").text)
    assert client.post("/api/v1/echo").status_code == 400
    assert client.post("/api/v1/echo", headers={"X-CSRFToken": token}).status_code == 200


def test_theme_and_language_need_no_token(client: FlaskClient) -> None:
    assert client.post("/theme", data={"theme": "dark"}).status_code == 303
    assert client.post("/language", data={"lang": "en"}).status_code == 303


def test_a_page_without_a_form_sets_no_session_cookie(client: FlaskClient) -> None:
    assert "Set-Cookie" not in client.get("/").headers


def test_a_session_cookie_is_out_of_reach_of_scripts_and_other_sites(shell: Shell) -> None:
    shell.sign_in()
    cookie = shell.client().get("/offer").headers["Set-Cookie"]
    assert cookie.startswith("rongyi=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_in_production_everything_goes_by_https(make_shell: Any) -> None:
    shell: Shell = make_shell(ENVIRONMENT="production", PUBLIC_URL="https://rongyi.example")
    shell.app.testing = True
    shell.sign_in()
    answer = shell.client().get("/offer", base_url="https://rongyi.example")
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-rongyi=")
    assert "Secure" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie


def test_in_development_http_is_allowed(client: FlaskClient) -> None:
    assert "Strict-Transport-Security" not in client.get("/").headers


def test_tokens_last_as_long_as_the_session(shell: Shell) -> None:
    assert shell.app.config["WTF_CSRF_TIME_LIMIT"] is None
