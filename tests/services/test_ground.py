"""The ground the tests stand on: what one test commits, the next does not see; a request is a world of its own."""

from collections.abc import Callable
from datetime import datetime

import pytest
from flask import Flask, g
from flask.testing import FlaskClient
from sqlalchemy import func, select

from exchange.core import clock
from exchange.core.db import session, transaction
from exchange.parties.models import Party


def parties() -> int:
    return session.scalar(select(func.count()).select_from(Party)) or 0


@transaction
def add_party(name: str) -> Party:
    party = Party(name=name, kind="enterprise")
    session.add(party)
    session.flush()
    return party


@transaction
def add_party_and_fail(name: str) -> None:
    add_party(name)
    raise ZeroDivisionError


@pytest.mark.parametrize("time", ["first", "again"])
def test_what_a_test_commits_is_gone_after_it(db_app: Flask, time: str) -> None:
    assert parties() == 0, time
    add_party("闽江科技有限公司")
    with pytest.raises(ZeroDivisionError):
        add_party_and_fail("永远不会有的公司")
    session.rollback()
    assert parties() == 1


def test_a_clean_app_commits_for_real(make_clean_app: Callable[..., Flask]) -> None:
    one, two = make_clean_app(), make_clean_app()
    with one.app_context():
        add_party("闽江科技有限公司")
    with one.app_context():
        assert parties() == 1
    with two.app_context():
        assert parties() == 0


def test_the_clock_stands_still(db_app: Flask, frozen_clock: datetime) -> None:
    assert clock.now() == clock.now() == frozen_clock
    assert clock.is_working_day(clock.today())


def test_a_request_shares_the_rows_but_not_the_context(db_app: Flask, client: FlaskClient) -> None:
    seen: list[tuple[int, bool]] = []

    def before() -> None:
        seen.append((parties(), "mark" in g))
        add_party("请求里登记的公司")

    db_app.before_request_funcs.setdefault(None, []).insert(0, before)
    try:
        g.mark = "the test's own"
        add_party("闽江科技有限公司")
        assert parties() == 1
        client.get("/healthz")
    finally:
        db_app.before_request_funcs[None].remove(before)
    assert seen == [(1, False)]
    add_party("闽江科技二公司")
    assert parties() == 3
