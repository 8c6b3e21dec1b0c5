"""The quick check: every form, wrong digits, many numbers with the same queries, the limit, the workbook."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openpyxl import Workbook, load_workbook
from sqlalchemy import event

from exchange.core import clock
from exchange.core.db import db, session
from exchange.core.errors import RuleBroken, Throttled
from exchange.parties.models import Role
from exchange.parties.policy import SYSTEM
from exchange.rights import actions, check
from exchange.rights.models import EncumbranceKind, RightStatus
from tests.parties.given import given_party, signed_in, submit
from tests.rights.given import given_right, import_rows, number, right_of, row


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements that are sent meanwhile."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


def test_an_answer_in_full(db_app: Flask, tmp_path: Path) -> None:
    right = given_right(tmp_path, app_no=number())
    party = given_party(name="甲公司")
    actions.encumber(
        SYSTEM, right, EncumbranceKind.PLEDGE, by="PL-1", holder="榕江银行", since=date(2025, 1, 6)
    )
    session.expire_all()
    answer = check.check([f" ZL{right.app_no} "])[0].as_json()
    shown = f"{(right.app_no or '')[:12]}.{(right.app_no or '')[12]}"
    assert answer["normalized"] == shown
    assert (answer["kind"], answer["valid"], answer["error"], answer["ref"]) == (
        "invention",
        True,
        None,
        right.ref,
    )
    assert (answer["status"], answer["as_of"], answer["expires_on"]) == (
        "granted",
        "2022-05-03",
        "2040-03-02",
    )
    assert [(b["kind"], b["since"], b["source"]) for b in answer["encumbrances"]] == [
        ("pledge", "2025-01-06", "exchange:PL-1")
    ]
    assert answer["owners"] == [{"name": "甲公司", "share": None, "party": party.ref}]
    assert set(answer["may"]) == {"list", "transfer", "license", "pledge"}
    assert [one["code"] for one in answer["may"]["transfer"]["obstacles"]] == ["burden.pledge"]
    assert answer["may"]["pledge"]["ok"] is False


def test_answers_come_in_the_order_of_the_numbers(db_app: Flask, tmp_path: Path) -> None:
    right = given_right(tmp_path)
    published = right.publications[0].number
    asked = ["201710601862.4", f"{published}B", "201710601862.3", str(right.app_no), "rubbish", published]
    found = check.check(asked)
    assert [answer.input for answer in found] == asked
    assert [answer.right is not None for answer in found] == [False, True, False, True, False, True]
    assert [answer.valid for answer in found] == [False, True, True, True, False, True]
    assert [answer.code for answer in found][:3] == ["number.check_digit", "", "right.unknown"]


def test_a_number_with_one_wrong_digit_gets_suggestions_known_ones_first(
    db_app: Flask, tmp_path: Path
) -> None:
    right = given_right(tmp_path)
    app = str(right.app_no)
    wrong = app[:9] + str((int(app[9]) + 1) % 10) + app[10:]
    answer = check.check([wrong])[0]
    assert not answer.valid
    assert answer.suggestions[0] == f"{app[:12]}.{app[12]}"
    assert len(answer.suggestions) <= 8


def test_a_term_that_is_over_shows_as_expired(db_app: Flask, tmp_path: Path) -> None:
    right = given_right(
        tmp_path,
        app_no=number(2005),
        filed_on=date(2005, 3, 2),
        granted_on=date(2008, 5, 7),
        fees_paid_through=20,
    )
    assert right.status is RightStatus.GRANTED
    answer = check.check([str(right.app_no)])[0].as_json()
    assert answer["status"] == "expired"
    assert answer["may"]["list"]["ok"] is False


def test_queries_do_not_grow_with_the_count(db_app: Flask, tmp_path: Path) -> None:
    said = [row() for _ in range(700)]
    import_rows(tmp_path, *said)
    numbers = [one["pub_no"] for one in said]
    sent = []
    for count in (1, 700):
        session.expire_all()
        session.rollback()
        with counted() as statements:
            assert all(answer.right for answer in check.check(numbers[:count]))
        sent.append(len(statements))
    assert sent[0] == sent[1] <= 8


def test_a_thousand_and_no_more(db_app: Flask) -> None:
    many = [f"2017106{index:05d}" for index in range(1001)]
    assert len(check.check(many[:1000])) == 1000
    with pytest.raises(RuleBroken) as refused:
        check.check(many)
    assert refused.value.code == "check.too_many"
    with pytest.raises(RuleBroken):
        check.check([" ", ""])


def test_pasted_text_is_split_and_blanks_inside_stay() -> None:
    text = "ZL 2017 1 0601862.3\n201110047567.0，CN111166530；\t95115608.X"
    assert check.split(text) == ["ZL 2017 1 0601862.3", "201110047567.0", "CN111166530", "95115608.X"]


def test_the_limit_for_one_address(db_app: Flask) -> None:
    for _ in range(60):
        check.count_request("203.0.113.7")
    with pytest.raises(Throttled) as refused:
        check.count_request("203.0.113.7")
    assert 0 < refused.value.retry_after <= 60
    check.count_request("203.0.113.8")
    clock.advance(timedelta(minutes=1))
    check.count_request("203.0.113.7")


def test_the_workbook_holds_no_formula(db_app: Flask, tmp_path: Path) -> None:
    said = row(title="=1+1", applicants=["@甲公司"])
    import_rows(tmp_path, said)
    answers = check.check([said["pub_no"], "=cmd|' /C calc'!A0", "201710601862.4"])
    sheet = load_workbook(io.BytesIO(check.workbook(answers))).worksheets[0]
    rows = list(sheet.iter_rows())
    assert len(rows) == 4
    assert {cell.data_type for line in rows for cell in line if cell.value is not None} <= {"s", "inlineStr"}
    assert rows[1][3].value == "=1+1"
    assert "→" in str(rows[3][14].value)


# -- over HTTP -------------------------------------------------------------------------------------


def test_a_visitor_checks_one_number_by_its_address(client: FlaskClient, tmp_path: Path) -> None:
    right = given_right(tmp_path)
    page = client.get(f"/rights/check?number={right.app_no}&lang=en")
    assert page.status_code == 200
    assert right.title in page.text
    assert f"/rights/{right.ref}" in page.text
    wrong = client.get("/rights/check?number=201710601862.4&lang=en")
    assert wrong.status_code == 200
    assert "201710601862.3" in wrong.text


def test_a_visitor_pastes_numbers_and_gets_a_workbook(client: FlaskClient, tmp_path: Path) -> None:
    right = given_right(tmp_path)
    text = f"{right.app_no}\n201710601862.4\n201710601862.3"
    page = submit(client, "/rights/check", numbers=text)
    assert page.status_code == 200
    assert page.text.count("<tr>") == 4
    book = submit(client, "/rights/check", numbers=text, **{"as": "xlsx"})
    assert str(book.mimetype).endswith("spreadsheetml.sheet")
    assert load_workbook(io.BytesIO(book.data)).worksheets[0].max_row == 4
    file = (io.BytesIO(f"申请号\n{right.app_no}\n".encode()), "numbers.csv")
    assert right.title in submit(client, "/rights/check", file=file).text


def test_nothing_and_too_much_are_refused_on_the_form(client: FlaskClient) -> None:
    assert submit(client, "/rights/check", numbers="").status_code == 422
    many = "\n".join(f"2017106{index:05d}" for index in range(1001))
    assert submit(client, "/rights/check", numbers=many).status_code == 422


def test_visitors_are_throttled_and_members_are_not(client: FlaskClient) -> None:
    body = {"numbers": ["201710601862.3"]}
    answers = [client.post("/api/v1/rights/check", json=body).status_code for _ in range(61)]
    assert answers[:60] == [200] * 60
    assert answers[60] == 429
    refused = client.post("/api/v1/rights/check", json=body)
    assert refused.json is not None
    assert refused.json["code"] == "check.throttled"
    assert int(refused.headers["Retry-After"]) > 0
    signed_in(client, given_party(), Role.AGENT)
    assert client.get("/rights/check?number=201710601862.3").status_code == 200


def test_the_api_answers_in_order_in_the_readers_language(client: FlaskClient, tmp_path: Path) -> None:
    said = row()
    import_rows(tmp_path, said)
    body = {"numbers": ["201710601862.4", said["pub_no"]]}
    answer = client.post("/api/v1/rights/check?lang=en", json=body)
    assert answer.json is not None
    items = answer.json["items"]
    assert [item["valid"] for item in items] == [False, True]
    assert items[1]["ref"] == right_of(said["pub_no"]).ref
    assert items[0]["error"]["code"] == "number.check_digit"
    assert client.post("/api/v1/rights/check", json={"numbers": []}).status_code == 422


def test_a_workbook_of_numbers_alone_is_enough(client: FlaskClient, tmp_path: Path) -> None:
    right = given_right(tmp_path)
    for header in ([], [["申请号"]], [["序号", "专利号", "备注"]]):
        book = Workbook()
        sheet = book.worksheets[0]
        for line in header:
            sheet.append(line)
        place = [] if len(header[0] if header else []) < 2 else [1]
        sheet.append([*place, str(right.app_no)])
        sheet.append([*place, "201710601862.4"])
        stream = io.BytesIO()
        book.save(stream)
        stream.seek(0)
        page = submit(client, "/rights/check", file=(stream, "numbers.xlsx"))
        assert page.status_code == 200, page.text
        assert right.ref in page.text
        assert page.text.count("<tr>") == 3
