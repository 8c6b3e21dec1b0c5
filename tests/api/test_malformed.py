"""What nobody should send: it is refused with the field that is wrong, never with a fault of ours, and changes nothing."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from flask import Flask

from exchange.core.db import Base
from tests.api.calls import CALLS, Call, named
from tests.api.market import Market
from tests.api.recorder import writes
from tests.api.test_permissions import AGREED, PEOPLE
from tests.api.test_web_rules import unsafe, who_may

#: Bodies that are no JSON object, or none of text, as bytes.
NO_OBJECTS = {
    "cut off": b'{"a": ',
    "list": b"[]",
    "null": b"null",
    "text": b'"text"',
    "number": b"1e999",
    "not UTF-8": b'{"a": "\xff\xfe"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "deep": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    "twice": b'{"a": 1, "a": 2}',
    "NUL": b'{"a": "b\\u0000"}',
    "NUL in a name": b'{"a\\u0000": "b"}',
    "half a character": b'{"a": "\\ud800"}',
    "NaN": b'{"a": NaN}',
}

#: Values that no field of a command takes (or that a text field takes as text).
VALUES: dict[str, Any] = {
    "huge": "x" * 70_000,
    "nothing": None,
    "blank": "   ",
    "truth": True,
    "negative": -1,
    "enormous": 10**30,
    "object": {"amount": "9" * 40, "currency": "CNY"},
    "far day": "9999-12-31",
}


def bodies(call: Call) -> list[str]:
    return list(call.body or {})


def commands() -> list[str]:
    """Calls of the API with a body of fields."""
    return [key for key in unsafe(api=True) if CALLS[key].body and not CALLS[key].files]


@pytest.mark.parametrize("key", commands())
def test_what_is_no_object_is_refused(market: Market, key: str) -> None:
    call, who = CALLS[key], who_may(key)
    path = call.url(market.app, market.refs)
    for name, body in NO_OBJECTS.items():
        with market.undone(), writes() as found:
            answer = market.by_token(who, call.method, path, data=body, content_type="application/json")
            assert answer.status_code in {400, 422}, (name, answer.status_code)
            assert answer.content_type == "application/problem+json"
            assert [one for one in found if "remembered_answer" not in one] == [], name


@pytest.mark.parametrize("key", commands())
def test_no_value_of_a_field_breaks_a_command(market: Market, key: str) -> None:
    call, who = CALLS[key], who_may(key)
    path = call.url(market.app, market.refs)
    good = named(call.body, market.refs)
    for field in bodies(call):
        for name, value in VALUES.items():
            with market.undone():
                answer = market.by_token(
                    who,
                    call.method,
                    path,
                    data=json.dumps({**good, field: value}),
                    content_type="application/json",
                )
                assert answer.status_code < 500, (field, name)


def columns() -> set[str]:
    """The names of all columns of all tables."""
    return {column.key for mapper in Base.registry.mappers for column in mapper.columns}


@pytest.mark.parametrize("key", commands())
def test_columns_that_are_no_fields_are_refused(market: Market, key: str) -> None:
    """R-006: whoever sends a column of ours that is no field of the command is told so, and nothing changes."""
    call, who = CALLS[key], who_may(key)
    path = call.url(market.app, market.refs)
    schema = _fields(market, call)
    extra = {name: "1" for name in columns() | {"is_admin", "__class__", "actions"} if name not in schema}
    assert len(extra) > 100
    with market.undone(), writes() as found:
        answer = market.by_token(who, call.method, path, json={**named(call.body, market.refs), **extra})
        assert answer.status_code == 422
        told = {one["field"] for one in answer.get_json()["errors"]}
        assert set(extra) - told == set()
        assert [one for one in found if "remembered_answer" not in one] == []


@functools.cache
def _document(app: Flask) -> Any:
    return app.test_client().get("/api/openapi.json").get_json()


def _fields(market: Market, call: Call) -> set[str]:
    """The fields of a command, from the document of the API."""
    document = _document(market.app)
    path = next(
        rule.rule
        for rule in market.app.url_map.iter_rules(call.endpoint)
        if call.method in (rule.methods or ())
    )
    for name in ("ref", "user_ref", "code", "int:number"):
        path = path.replace(f"<{name}>", "{" + name.rpartition(":")[2] + "}")
    body = document["paths"][path][call.method.lower()]["requestBody"]["content"]["application/json"][
        "schema"
    ]
    schema = document["components"]["schemas"][body["$ref"].rpartition("/")[2]]
    return set(schema["properties"])


def test_fields_beside_a_form_change_nothing(market: Market) -> None:
    """A form takes its own fields and no other: nobody verifies their own organisation by adding a field."""
    with market.undone():
        party = market.refs["party"]
        before = market.by_token("admin", "GET", f"/api/v1/parties/{party}").get_json()
        form = {"phone": "0591-7", "status": "suspended", "verified_at": "", "kind": "bank", "id": "1",
                "uscc": "91350100000000000X", "bank_account": "1111 2222 3333"}  # fmt: skip
        assert market.by_session("admin", "POST", "/organisation/edit", data=form).status_code == 303
        after = market.by_token("admin", "GET", f"/api/v1/parties/{party}").get_json()
    changed = {name for name in before if before[name] != after[name]}
    assert changed <= {"phone", "version", "address", "name_en", "region", "country", "legal_representative"}


# -- forms -----------------------------------------------------------------------------------------

TYPED = {
    "empty": "",
    "NUL": "a\x00b",
    "huge": "x" * 70_000,
    "direction": "\u202eabc",
    "digits": "9" * 40,
    "markup": "<script>alert(1)</script>{{7*7}}",
    "day": "2026-02-30",
}


@pytest.mark.parametrize("key", unsafe(api=False))
def test_no_answer_breaks_a_form(market: Market, key: str) -> None:
    call, who = CALLS[key], who_may(key)
    path = call.url(market.app, market.refs)
    good = named(call.body or {}, market.refs)
    for name in TYPED:
        for sent in _typed(good, name):
            with market.undone():
                answer = market.by_session(who, "POST", path, data=sent)
                assert answer.status_code < 500, (name, sent)
                assert "<script>alert" not in answer.text


def _typed(good: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """All fields at once; and what only a verb looks at, each alone among good ones."""
    yield dict.fromkeys([*good, "version", "_key"], TYPED[name])
    if name in {"huge", "digits"} and len(good) > 1:
        yield from ({**good, field: TYPED[name]} for field in good)


@pytest.mark.parametrize("key", unsafe(api=False))
def test_bytes_that_are_no_form_break_nothing(market: Market, key: str) -> None:
    call, who = CALLS[key], who_may(key)
    path = call.url(market.app, market.refs)
    raw = f"csrf_token={quote(market.csrf[who])}&".encode()
    for body, kind in (
        (
            raw + b"a=%ff%fe&" + b"&".join(name.encode() + b"=%ff" for name in call.body or {}),
            "application/x-www-form-urlencoded",
        ),
        (b"\xff\xfe\x00", "multipart/form-data; boundary=x"),
        (b'{"a": 1}', "application/json"),
    ):
        with market.undone():
            answer = market.browser(who).post(path, data=body, content_type=kind)
            assert answer.status_code < 500


# -- addresses and queries -------------------------------------------------------------------------

REFS = (
    "9" * 25,
    "%00",
    "LS-%00AAAAAAAA",
    "%ff%fe",
    "..%2f..%2fetc",
    "A" * 3000,
    "LS-" + "9" * 11,
    "-1",
    "%F0%9F%98%80",
    "0",
)


@pytest.mark.parametrize(
    "key",
    [
        key
        for key, call in sorted(CALLS.items())
        if call.method == "GET" and call.path and key != "GET static"
    ],
)
def test_no_address_breaks_a_page(market: Market, key: str) -> None:
    call = CALLS[key]
    marked = Call(call.key, dict.fromkeys(call.path, "7777777"), call.body)
    path = marked.url(market.app, market.refs)
    for ref in REFS:
        with market.undone(), market.ask("admin", "GET", path.replace("7777777", ref)) as answer:
            assert answer.status_code < 500, ref
            if ref == "%00":
                assert answer.status_code in {400, 404}, ref


ODD = {"q": "(" * 250, "status": "nowhere", "before": "9" * 30, "role": "judge", "listing": "LS-0", "code": "\u202e",
       "ended": "9", "next": "//evil.example", "lang": "xx", "sort": "none", "price_from": "-1", "kind": "?",
       "changed": "?", "record": "?", "part": "?", "to": "?", "format": "?", "right": "RT-0"}  # fmt: skip

QUERIES = ("cursor=garbage", f"cursor={'A' * 2000}", "q=%00", "q=%ff&number=%ff", urlencode(ODD))


@pytest.mark.parametrize(
    "key", [key for key in sorted(CALLS) if key.startswith("GET ") and key != "GET static"]
)
def test_no_query_breaks_a_page(market: Market, key: str) -> None:
    call = CALLS[key]
    path = call.url(market.app, market.refs)
    may = [who for who in ("admin", "officer", "operator") if AGREED[key][PEOPLE.index(who)] == "+"]
    for query in QUERIES:
        with (
            market.undone(),
            market.ask((may or ["admin"])[0], "GET", f"{path}{'&' if '?' in path else '?'}{query}") as answer,
        ):
            assert answer.status_code < 500, query


LISTS = ("flows", "offers", "deals", "payouts", "registrations", "listings", "listings?mine=true", "rights", "parties",
         "search", "rights/watches")  # fmt: skip


@pytest.mark.parametrize("name", LISTS)
def test_a_page_of_a_list_has_its_limits(market: Market, name: str) -> None:
    path = f"/api/v1/{name}" + ("&" if "?" in name else "?")
    with market.undone():
        for limit in ("0", "-1", "101", "1e3", "many"):
            assert market.by_token("admin", "GET", f"{path}limit={limit}").status_code == 422, limit
        assert market.by_token("admin", "GET", f"{path}page=2").status_code == 422, "no name that is unknown"
        most = market.by_token("admin", "GET", f"{path}limit=100").get_json()
        assert len(most["items"]) <= 100
        seen: list[str] = []
        query, pages = "limit=7", 0
        while query and pages < 60:
            page = market.by_token("admin", "GET", f"{path}{query}").get_json()
            assert len(page["items"]) <= 7
            seen += [one.get("ref") or one.get("right") for one in page["items"]]
            query = f"limit=7&cursor={page['next']}" if page["next"] else ""
            pages += 1
        assert len(seen) == len(set(seen)) == most["total"]
        first = market.by_token("admin", "GET", f"{path}limit=1").get_json()
        if first["next"]:
            other = "deals" if name != "deals" else "offers"
            foreign = market.by_token("admin", "GET", f"/api/v1/{other}?cursor={first['next']}")
            assert (foreign.status_code, foreign.get_json()["code"]) == (422, "cursor.invalid")
