from typing import Any

import pytest
from flask.testing import FlaskClient
from structlog.testing import capture_logs

from exchange.web.errors import citation
from tests.web.conftest import REFUSALS, Shell

STATUS = {
    "not_found": 404,
    "not_allowed": 403,
    "conflict": 409,
    "stale": 412,
    "rule": 422,
    "invalid": 422,
    "throttled": 429,
    "funds": 409,
    "key": 422,
    "closed": 503,
}


@pytest.mark.parametrize("kind", sorted(REFUSALS))
def test_a_program_gets_a_problem_document(client: FlaskClient, kind: str) -> None:
    answer = client.get(f"/api/v1/refused/{kind}?lang=en")
    assert answer.status_code == STATUS[kind]
    assert answer.content_type == "application/problem+json"
    body = answer.json
    assert body is not None
    assert body["status"] == STATUS[kind]
    assert body["code"] == REFUSALS[kind].code
    assert body["type"] == f"/help/errors#{body['code']}"
    assert body["instance"] == f"/api/v1/refused/{kind}"
    assert body["request_id"] == answer.headers["X-Request-Id"]
    assert body["title"]
    assert body["detail"]


@pytest.mark.parametrize("kind", sorted(REFUSALS))
@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_person_gets_a_page_with_the_way_out_and_the_number(
    client: FlaskClient, kind: str, language: str
) -> None:
    answer = client.get(f"/refused/{kind}?lang={language}")
    assert answer.status_code == STATUS[kind]
    assert answer.content_type.startswith("text/html")
    page = answer.text
    assert answer.headers["X-Request-Id"][:12] in page
    assert f'<html lang="{"zh-CN" if language == "zh" else "en"}"' in page
    assert 'href="/help"' in page
    assert "<h1>" in page


def test_the_message_is_filled_and_the_rule_and_field_named(client: FlaskClient) -> None:
    body: Any = client.get("/api/v1/refused/rule?lang=en").json
    assert body["detail"] == "At least 1.00."
    assert body["rule"] == "rule 7"
    assert body["errors"] == [
        {"field": "price", "code": "price.low", "message": "At least 1.00.", "rule": "rule 7"}
    ]


def test_every_problem_of_an_input_is_named(client: FlaskClient) -> None:
    body: Any = client.get("/api/v1/refused/invalid").json
    assert [(e["field"], e["code"]) for e in body["errors"]] == [("x", "a.b"), ("y", "c.d")]


def test_one_who_tries_too_often_is_told_when_to_come_back(client: FlaskClient) -> None:
    assert client.get("/refused/throttled").headers["Retry-After"] == "30"
    assert client.get("/api/v1/refused/throttled").headers["Retry-After"] == "30"


def test_an_unknown_address_is_a_page_or_a_problem(client: FlaskClient) -> None:
    page, problem = client.get("/nowhere"), client.get("/api/v1/nowhere")
    assert (page.status_code, problem.status_code) == (404, 404)
    assert page.content_type.startswith("text/html")
    assert problem.json
    assert problem.json["code"] == "not_found"


def test_a_wrong_method_names_the_right_ones(client: FlaskClient) -> None:
    answer = client.get("/api/v1/echo")
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]
    assert answer.json
    assert answer.json["code"] == "method.not_allowed"


def test_too_large_a_body_is_refused_before_it_is_read(client: FlaskClient, shell: Shell) -> None:
    shell.app.config["MAX_CONTENT_LENGTH"] = 1000
    answer = client.post("/api/v1/echo", data={"value": "x" * 2000})
    assert answer.status_code == 413
    assert answer.json
    assert answer.json["code"] == "body.too_large"


def test_under_test_an_unknown_error_propagates(client: FlaskClient) -> None:
    with pytest.raises(ZeroDivisionError):
        client.get("/broken")


@pytest.mark.parametrize("path", ["/broken", "/api/v1/broken"])
def test_a_fault_of_ours_shows_only_its_number(shell: Shell, path: str) -> None:
    shell.app.testing = False
    with capture_logs() as lines:
        answer = shell.client().get(path)
    assert answer.status_code == 500
    for secret in ("ZeroDivisionError", "Traceback", "exchange/", ".py"):
        assert secret not in answer.text
    assert answer.headers["X-Request-Id"][:12] in answer.text
    # The log, not the page, has the cause; once.
    assert [(line["event"], line["path"], line["exc_info"][0]) for line in lines] == [
        ("fault", path, ZeroDivisionError)
    ]


def test_the_page_of_a_fault_asks_nothing_of_the_rooms(shell: Shell) -> None:
    from exchange.web import hooks

    def down(_actor: Any) -> Any:
        raise RuntimeError("the database is gone")

    shell.sign_in()
    shell.app.testing = False
    hooks.of(shell.app).unread = down
    hooks.of(shell.app).organisations = down
    assert shell.client().get("/broken").status_code == 500


def test_a_page_knows_the_way_back_only_within_the_exchange(client: FlaskClient) -> None:
    assert (
        'href="/listings/LS-1"'
        in client.get("/refused/conflict", headers={"Referer": "http://localhost/listings/LS-1"}).text
    )
    assert "evil" not in client.get("/refused/conflict", headers={"Referer": "http://evil.example/x"}).text


@pytest.mark.parametrize(
    ("rule", "shown"),
    [
        (None, None),
        ("rule 7", "rule 7"),
        ("专利法(2020) Art.42", "专利法(2020) Art.42"),
        ("law.md §7.1", None),
        ("law.md §2.2; R.116", "R.116"),
        ("patent.term.invention", "专利法(2020) Art.42"),
        ("listing.review", None),
        ("service_fee.unknown", None),
    ],
)
def test_a_reader_gets_sources_that_can_be_looked_up(rule: str | None, shown: str | None) -> None:
    assert citation(rule) == shown
