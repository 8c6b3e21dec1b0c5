"""The document of the API is true: good answers, refusals, and whatever a seeded fuzzer gets out of it."""

from __future__ import annotations

import functools
import re
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.api.calls import CALLS, Call
from tests.api.market import Market
from tests.api.test_permissions import AGREED, PEOPLE
from tests.api.test_web_rules import who_may

CHECKS = [not_a_server_error, response_schema_conformance, status_code_conformance, content_type_conformance]
SEED = 20260615


@functools.cache
def document(app: Flask) -> Any:
    """The document as schemathesis reads it."""
    return schemathesis.openapi.from_wsgi("/api/openapi.json", app)


def operation(market: Market, call: Call) -> Any:
    """What the document says of a call."""
    rules = market.app.url_map.iter_rules(call.endpoint)
    rule = next(rule for rule in rules if call.method in (rule.methods or ()))
    path = re.sub(r"<(?:[^:>]+:)?([^>]+)>", r"{\1}", rule.rule)
    return document(market.app)[path][call.method]


API = [key for key, call in sorted(CALLS.items()) if call.api]


@pytest.mark.parametrize("key", API)
def test_good_answers_and_refusals_are_as_documented(market: Market, key: str) -> None:
    """The answer to somebody who may, to a stranger, and to nobody: status declared, body of the declared shape."""
    call = CALLS[key]
    found = operation(market, call)
    path = call.url(market.app, market.refs)
    for who in (who_may(key), "stranger", "visitor"):
        with market.undone(), market.ask(who, call.method, path, **call.sent(market.refs)) as answer:
            found.validate_response(answer)
            assert str(answer.status_code) in found.definition.raw["responses"] or answer.status_code >= 400
            if answer.status_code >= 400:
                assert answer.content_type == "application/problem+json"
                assert set(answer.get_json()) >= {"type", "title", "status", "detail", "code", "instance"}


@pytest.mark.parametrize("key", API)
def test_the_fuzzer_finds_no_fault(market: Market, key: str) -> None:
    """R-027, bounded: bodies and queries as the document allows and as it does not, on the market's own things."""
    call = CALLS[key]
    found = operation(market, call)
    refs = {name: ref.removeprefix("@") for name, ref in call.path.items()}

    for mode, examples in ((GenerationMode.POSITIVE, 3), (GenerationMode.NEGATIVE, 2)):

        @seed(SEED)
        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=found.as_strategy(generation_mode=mode))
        def run(case: Any) -> None:
            case.path_parameters = {
                name: market.refs.get(refs.get(name, ""), value)
                for name, value in (case.path_parameters or {}).items()
            }
            for who in (who_may(key), "stranger"):
                headers = {"Idempotency-Key": f"fuzz-{who}", "If-Match": "*"}
                if who in market.secrets:
                    headers["Authorization"] = f"Bearer {market.secrets[who]}"
                with market.undone():
                    case.call_and_validate(headers=headers, checks=CHECKS)

        run()


def test_every_operation_is_called(market: Market) -> None:
    """No operation of the document is missing from the table of permissions."""
    named = {operation(market, CALLS[key]).label for key in API}
    assert {one.ok().label for one in document(market.app).get_all_operations()} == named
    assert set(API) <= set(AGREED)
    assert len(PEOPLE) == 14
