"""Puts everything together: ``create_app()``."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping

from flask import Flask
from flask_migrate import Migrate
from sqlalchemy.engine import make_url

from exchange import api, web
from exchange.core import config, log
from exchange.core.db import db

ROOMS = (
    "exchange.parties",
    "exchange.rights",
    "exchange.ledger",
    "exchange.listings",
    "exchange.deals",
    "exchange.notifications",
    "contracts",
    "search",
)
"""Rooms with tables, pages (``pages.bp``) and API (``api.blp``), from low to high."""


def create_app(overrides: Mapping[str, str] | None = None) -> Flask:
    """The WSGI application.

    ``overrides`` replace settings of the environment by name (tests). Raises ``config.BadSetting`` with one
    sentence where a setting is wrong.
    """
    import os

    environ = {**os.environ, **(overrides or {})}
    settings = config.load(environ)
    config.use(settings)
    log.set_up(pretty=not settings.production and environ.get("LOG_PRETTY") == "1")

    app = Flask("exchange", root_path=str(config.ROOT / "exchange"))
    app.config["SECRET_KEY"] = settings.secret_key
    app.config["TESTING"] = environ.get("TESTING") == "1"
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = _engine_options(settings)
    settings.var.mkdir(parents=True, exist_ok=True)
    db.init_app(app)
    Migrate(app, db, directory=str(config.ROOT / "migrations"), render_as_batch=True, compare_type=True)
    web.init_app(app)
    api.init_app(app)
    for room in ROOMS:
        importlib.import_module(f"{room}.models") if _there(f"{room}.models") else None
        if _there(f"{room}.pages"):
            app.register_blueprint(importlib.import_module(f"{room}.pages").bp)
        if _there(f"{room}.api"):
            api.register(importlib.import_module(f"{room}.api").blp)
    return app


def _there(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _engine_options(settings: config.Settings) -> dict[str, object]:
    if settings.sqlite:
        path = make_url(settings.database_url).database
        if path and path != ":memory:":
            from pathlib import Path

            Path(path).parent.mkdir(parents=True, exist_ok=True)
        return {"connect_args": {"timeout": 30, "check_same_thread": False}}
    return {"pool_size": 5, "max_overflow": 10, "pool_pre_ping": True}
