"""The market of ``tests/api/market.py``, built once per run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from exchange.core import clock, config
from exchange.core.db import db
from tests.api.market import Market, build
from tests.conftest import MOMENT, Databases, create_app, settings


@pytest.fixture(scope="session")
def built(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """The market, once per run; use ``market``."""
    url = databases.url()
    app = create_app(settings(url, tmp_path_factory.mktemp("market")))
    app.testing = True
    with clock.frozen(MOMENT):
        made = build(app)
    yield made
    with app.app_context():
        db.engine.dispose()
    databases.drop(url)


@pytest.fixture
def market(built: Market) -> Iterator[Market]:
    """The market with its clock standing still; requests inside ``market.undone()`` leave no trace."""
    config.use(built.settings)
    with clock.frozen(MOMENT):
        yield built
