"""How often a page asks the database: the demo market through the app itself, every page that each role reaches."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask import Flask
from sqlalchemy import event

from exchange.core.db import db
from exchange.demo import PASSWORD as DEMO_PASSWORD
from tests.browser import reading
from tests.browser.test_every_page import ROLES
from tests.conftest import create_app, settings

#: No page asks more often, whatever it shows.
MOST = 15


@pytest.fixture(scope="module")
def stocked_app(stocked: tuple[str, Path]) -> Iterator[Flask]:
    """The demo market in this process."""
    app = create_app(settings(*stocked))
    yield app
    with app.app_context():
        db.engine.dispose()


class Counter:
    """The statements of one request after the other."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def note(self, _connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        """Keep one statement that asks something."""
        if statement != "BEGIN":
            self.statements.append(statement)


@pytest.mark.parametrize("who", ROLES, ids=lambda who: who or "visitor")
def test_no_page_asks_too_often(who: str | None, stocked_app: Flask) -> None:
    counter = Counter()
    with stocked_app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", counter.note)
    try:
        with httpx.Client(
            transport=httpx.WSGITransport(stocked_app),
            base_url="http://127.0.0.1",
            headers={"Accept-Language": "zh-CN"},
            follow_redirects=True,
        ) as client:
            if who:
                token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/login").text)
                assert token
                form = {"email": f"{who}@demo.example", "password": DEMO_PASSWORD, "csrf_token": token[1]}
                assert client.post("/login", data=form).url.path != "/login"
            client.event_hooks["request"].append(lambda _request: counter.statements.clear())
            often = {
                page.path: list(counter.statements)
                for page in reading.walk(client, skip=frozenset({"/api/docs"}))
                if len(counter.statements) > MOST
            }
    finally:
        event.remove(engine, "before_cursor_execute", counter.note)
    assert not often, "\n\n".join(
        f"{path}: {len(statements)}\n" + "\n".join(line[:160] for line in statements)
        for path, statements in often.items()
    )
