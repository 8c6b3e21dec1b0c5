import re
from datetime import UTC, date, datetime
from enum import Enum
from io import BytesIO
from typing import Any

import marshmallow as ma
import pytest
from flask import render_template_string
from werkzeug.datastructures import FileStorage, MultiDict

from exchange.core import errors
from exchange.core.errors import N_, Invalid, Problem
from exchange.core.labels import labelled
from exchange.web.fields import BasisPointsField, DateField, EnumField, FenField, FileField, InstantField
from exchange.web.forms import Form, load
from tests.web.conftest import Shell, key_of, token_of


@labelled(draft=N_("Draft"), listed=N_("Listed"), sold=N_("Sold"))
class State(Enum):
    DRAFT = "draft"
    LISTED = "listed"
    SOLD = "sold"


class Row(ma.Schema):
    name = ma.fields.String(required=True, metadata={"label": "Name"})
    price = FenField(required=True, metadata={"label": "Price"})


class Everything(ma.Schema):
    title = ma.fields.String(required=True, validate=ma.validate.Length(max=10), metadata={"label": "Title"})
    price = FenField(required=True, metadata={"label": "Price", "hint": "In yuan."})
    rate = BasisPointsField(metadata={"label": "Rate"})
    day = DateField(metadata={"label": "Day"})
    closes = InstantField(metadata={"label": "Closes"})
    state = EnumField(State, metadata={"label": "State"})
    states = ma.fields.List(EnumField(State), metadata={"label": "States"})
    numbers = ma.fields.List(ma.fields.String(), metadata={"label": "Numbers"})
    many = ma.fields.Integer(metadata={"label": "Many"})
    yes = ma.fields.Boolean(metadata={"label": "Yes"})
    rows = ma.fields.List(ma.fields.Nested(Row), metadata={"label": "Rows"})
    file = FileField(most=1000, accept=(".pdf",), metadata={"label": "File"})
    secret = ma.fields.String(metadata={"label": "Password", "widget": "password"})
    seen = ma.fields.String(dump_only=True)


FILLED = {
    "title": " A title ",
    "price": "1,234.50",
    "rate": "12.5",
    "day-y": "2026",
    "day-m": "11",
    "day-d": "3",
    "closes-y": "2026",
    "closes-m": "12",
    "closes-d": "1",
    "closes-t": "14：30",
    "state": "listed",
    "numbers": "CN1\r\n\r\n  CN2  \r\n",
    "many": "7",
    "yes": "1",
    "rows.0.name": "first",
    "rows.0.price": "10",
    "rows.1.name": "second",
    "rows.1.price": "0.5",
    "secret": "  spaces count ",
}


def filled(**changes: Any) -> MultiDict[str, str]:
    typed: MultiDict[str, str] = MultiDict(FILLED)
    typed.setlist("states", ["draft", "sold"])
    for name, value in changes.items():
        typed[name.replace("__", ".").replace("_Y", "-y").replace("_M", "-m").replace("_D", "-d")] = value
    return typed


@pytest.fixture
def context(shell: Shell) -> Any:
    with shell.app.test_request_context("/?lang=en"):
        yield shell


def refused(form: Form, typed: Any, uploads: Any = None) -> dict[str | None, str]:
    """What is wrong with ``typed``: field to code."""
    with pytest.raises(Invalid) as caught:
        form.load(typed, uploads)
    return {problem.field: problem.code for problem in caught.value.problems}


def test_what_people_type_becomes_values(context: Shell) -> None:
    uploads = {"file": FileStorage(BytesIO(b"%PDF"), "a.pdf", content_type="application/pdf")}
    values = load(Everything, filled(), uploads)
    upload = values.pop("file")
    assert (upload.data, upload.filename, upload.media_type) == (b"%PDF", "a.pdf", "application/pdf")
    assert values == {
        "title": "A title",
        "price": 123450,
        "rate": 1250,
        "day": date(2026, 11, 3),
        "closes": datetime(2026, 12, 1, 6, 30, tzinfo=UTC),
        "state": State.LISTED,
        "states": [State.DRAFT, State.SOLD],
        "numbers": ["CN1", "CN2"],
        "many": 7,
        "yes": True,
        "rows": [{"name": "first", "price": 1000}, {"name": "second", "price": 50}],
        "secret": "  spaces count ",
    }


def test_what_is_left_empty_is_not_there(context: Shell) -> None:
    typed = {"title": "A", "price": "1", "day-y": "", "state": "", "many": " "}
    assert load(Everything, typed) == {"title": "A", "price": 100, "yes": False}


def test_the_names_of_token_and_key_are_no_fields(context: Shell) -> None:
    assert load(Everything, {"title": "A", "price": "1", "csrf_token": "x", "_key": "y"})["title"] == "A"


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"title": ""}, "title", "field.required"),
        ({"title": "x" * 11}, "title", "field.length"),
        ({"price": "a lot"}, "price", "money.format"),
        ({"price": ""}, "price", "field.required"),
        ({"rate": "101"}, "rate", "field.range"),
        ({"rate": "1.234"}, "rate", "field.type"),
        ({"day_D": "31"}, "day", "field.date"),
        ({"day_D": ""}, "day", "field.date"),
        ({"day_M": "13"}, "day", "field.date"),
        ({"closes-t": "25:00"}, "closes", "field.date"),
        ({"state": "gone"}, "state", "field.choice"),
        ({"many": "1.5"}, "many", "field.type"),
        ({"rows__1__price": "-1"}, "rows.1.price", "money.format"),
        ({"rows__1__name": ""}, "rows.1.name", "field.required"),
    ],
)
def test_a_wrong_answer_is_named(context: Shell, changes: dict[str, str], field: str, code: str) -> None:
    assert refused(Form(Everything), filled(**changes)) == {field: code}


def test_everything_typed_is_kept_and_every_error_links_to_its_control(context: Shell) -> None:
    form = Form(Everything)
    typed = filled(title="", price="a lot", day_D="31", rows__1__price="x")
    assert len(refused(form, typed)) == 4
    page = render_template_string(
        '{% from "_macros/form.html" import form_of %}{{ form_of(form, "Save") }}', form=form
    )
    for kept in (
        'value="a lot"',
        'value="31"',
        'value="2026"',
        'value="12.5"',
        'value="second"',
        'value="x"',
    ):
        assert kept in page
    assert re.search(r'value="listed"[^>]* (checked|selected)', page)
    assert len(re.findall(r'value="(?:draft|sold)" checked', page)) == 2
    links = re.findall(r'<li><a href="#([^"]+)"', page)
    assert links == ["f-title", "f-price", "f-day-y", "f-rows-1-price"]
    for link in links:
        assert re.search(rf'<(?:input|select|textarea)[^>]* id="{link}"', page)
    assert "spaces count" not in page


def test_each_control_is_labelled_and_described(context: Shell) -> None:
    form = Form(Everything)
    refused(form, filled(price="x"))
    page = render_template_string(
        '{% from "_macros/form.html" import form_of %}{{ form_of(form, "Save") }}', form=form
    )
    controls = re.findall(r'<(?:input|select|textarea)(?![^>]*type="hidden")[^>]* id="([^"]+)"', page)
    labels = set(re.findall(r'<label[^>]* for="([^"]+)"', page))
    assert set(controls) == labels
    assert len(controls) == len(set(controls))
    assert 'aria-describedby="f-price-hint f-price-error"' in page
    assert 'id="f-price-hint"' in page
    assert 'id="f-price-error"' in page
    assert 'enctype="multipart/form-data"' in page
    assert 'accept=".pdf"' in page
    assert 'maxlength="10"' in page


def test_a_form_begins_with_values_of_ours(context: Shell) -> None:
    form = Form(
        Everything,
        data={
            "price": 123450,
            "rate": 1250,
            "day": date(2026, 11, 3),
            "closes": datetime(2026, 12, 1, 6, 30, tzinfo=UTC),
            "state": State.SOLD,
            "states": [State.DRAFT],
            "yes": True,
            "rows": [{"name": "a", "price": 100}],
        },
    )
    assert form["price"].value == "1,234.50"
    assert form["rate"].value == "12.5"
    assert form["day"].value == {"y": "2026", "m": "11", "d": "3"}
    assert form["closes"].value == {"y": "2026", "m": "12", "d": "1", "t": "14:30"}
    assert [option.value for option in form["state"].options if option.chosen] == ["sold"]
    assert [option.value for option in form["states"].options if option.chosen] == ["draft"]
    assert form["yes"].value is True
    assert form["rows"].rows[0]["price"].value == "1"
    assert "seen" not in form.fields


def test_choices_are_named_in_the_readers_language(shell: Shell) -> None:
    for language, name in [("en", "Draft"), ("zh", "草稿")]:
        with shell.app.test_request_context(f"/?lang={language}"):
            assert Form(Everything)["state"].options[0].text == name


def test_errors_from_elsewhere_are_shown_beside_their_field(context: Shell) -> None:
    form = Form(Everything, errors=[Problem("x.y", "Not %(how)s.", "price", params={"how": "so"})])
    assert form["price"].errors == ["Not so."]
    form.refuse(errors.RuleBroken("a.b", "Nothing here.", field=None))
    assert form["price"].errors == []
    assert form.summary == [("Nothing here.", None)]


def test_several_forms_on_a_page_have_ids_of_their_own(context: Shell) -> None:
    one, two = Form(Everything, scope="one"), Form(Everything, scope="two", data={"rows": [{"name": "a"}]})
    assert one["price"].id == "f-one-price"
    assert two["day"].id == "f-two-day-y"
    assert two["rows"].rows[0]["name"].id == "f-two-rows-0-name"
    assert one["price"].path == two["price"].path == "price"


def test_blank_rows_are_offered_and_may_stay_blank(context: Shell) -> None:
    schema = ma.Schema.from_dict({"rows": ma.fields.List(ma.fields.Nested(Row), metadata={"blank": 2})})
    assert len(Form(schema, data={"rows": [{"name": "a", "price": 1}]})["rows"].rows) == 3
    typed = {
        "rows.0.name": "a",
        "rows.0.price": "1",
        "rows.1.name": "",
        "rows.1.price": "",
        "rows.2.name": " ",
    }
    assert load(schema, typed) == {"rows": [{"name": "a", "price": 100}]}
    assert refused(Form(schema), {**typed, "rows.2.name": "c"}) == {
        "rows.1.name": "field.required",
        "rows.1.price": "field.required",
        "rows.2.price": "field.required",
    }


def test_rows_have_a_limit(context: Shell) -> None:
    form = Form(Everything)
    with pytest.raises(Invalid):
        form.load(filled(rows__999__name="far"))
    assert len(form["rows"].rows) == 500


# -- a whole answer: token, key, refusal, redirect ------------------------------------------------


def send(shell: Shell, client: Any, page: str | None = None, **typed: str) -> Any:
    page = page or client.get("/offer").text
    return client.post("/offer", data={"csrf_token": token_of(page), "_key": key_of(page), **typed})


def test_an_accepted_form_leads_on(shell: Shell) -> None:
    shell.sign_in()
    answer = send(shell, shell.client(), price="12.50")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/?offer=1")
    assert shell.made == [1250]


def test_a_second_click_does_nothing_twice(shell: Shell) -> None:
    shell.sign_in()
    client = shell.client()
    page = client.get("/offer").text
    first, second = (send(shell, client, page, price="12.50") for _ in range(2))
    assert first.headers["Location"] == second.headers["Location"]
    assert shell.made == [1250]
    assert send(shell, client, price="12.50").status_code == 303
    assert shell.made == [1250, 1250]


def test_the_same_key_with_other_answers_is_refused(shell: Shell) -> None:
    shell.sign_in()
    client = shell.client()
    page = client.get("/offer").text
    send(shell, client, page, price="12.50")
    assert send(shell, client, page, price="13").status_code == 422
    assert shell.made == [1250]


def test_a_refused_form_may_be_mended_under_the_same_key(shell: Shell) -> None:
    shell.sign_in()
    client = shell.client()
    page = client.get("/offer").text
    refusal = send(shell, client, page, price="0.5", note="my words")
    assert refusal.status_code == 422
    assert key_of(refusal.text) == key_of(page)
    assert "my words" in refusal.text
    assert send(shell, client, refusal.text, price="1").status_code == 303
    assert shell.made == [100]


def test_a_refusal_of_the_verb_stands_beside_the_field_it_names(shell: Shell) -> None:
    shell.sign_in()
    answer = send(shell, shell.client(), price="666")
    assert answer.status_code == 422
    assert "The seller wants more." in answer.text
    assert 'aria-invalid="true"' in answer.text


def test_a_conflict_keeps_its_status(shell: Shell) -> None:
    shell.sign_in()
    answer = send(shell, shell.client(), price="777")
    assert answer.status_code == 409
    assert "It is sold." in answer.text
