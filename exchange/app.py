"""Puts everything together: ``create_app()``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from flask import Flask
from flask_babel import force_locale, gettext
from flask_migrate import Migrate
from sqlalchemy import text
from sqlalchemy.engine import make_url

import contracts.api
import contracts.pages
import exchange.deals.api
import exchange.deals.pages
import exchange.ledger.api
import exchange.ledger.pages
import exchange.listings.api
import exchange.listings.pages
import exchange.notifications.pages
import exchange.parties.api
import exchange.parties.pages
import exchange.rights.api
import exchange.rights.api_confirmation
import exchange.rights.api_watch
import exchange.rights.page_confirmation
import exchange.rights.page_watch
import exchange.rights.pages
import search.api
import search.pages
from contracts import onestop
from exchange import api, cli, desk, jobs, subscriptions, web
from exchange.core import config, due, events, kept, log
from exchange.core.db import db, session
from exchange.deals import actions as deals
from exchange.listings import actions as listings
from exchange.notifications import actions as notifications
from exchange.parties import auth
from exchange.rights import imports
from exchange.web import hooks
from search import indexer

PAGES = (
    exchange.parties.pages,
    exchange.rights.pages,
    exchange.rights.page_confirmation,
    exchange.rights.page_watch,
    exchange.ledger.pages,
    exchange.listings.pages,
    exchange.deals.pages,
    exchange.notifications.pages,
    contracts.pages,
    search.pages,
    desk,
)
APIS = (
    exchange.parties.api,
    exchange.rights.api,
    exchange.rights.api_confirmation,
    exchange.rights.api_watch,
    exchange.ledger.api,
    exchange.listings.api,
    exchange.deals.api,
    contracts.api,
    search.api,
)


def create_app(overrides: Mapping[str, str] | None = None) -> Flask:
    """The WSGI application.

    ``overrides`` replace settings of the environment by name (tests). Raises ``config.BadSetting`` with one
    sentence where a setting is wrong.
    """
    environ = {**os.environ, **(overrides or {})}
    settings = config.load(environ)
    config.use(settings)
    log.set_up(pretty=environ.get("LOG_PRETTY") == "1")
    settings.var.mkdir(parents=True, exist_ok=True)

    app = Flask("exchange", root_path=str(config.ROOT / "exchange"))
    app.config["SECRET_KEY"] = settings.secret_key
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = _engine_options(settings)
    db.init_app(app)
    Migrate(app, db, directory=str(config.ROOT / "migrations"), render_as_batch=True, compare_type=True)
    web.init_app(app)
    api.init_app(app)
    auth.init_app(app)
    for room in PAGES:
        app.register_blueprint(room.bp)
    for face in APIS:
        api.register(face.blp)
    cli.init_app(app)
    _connect(app)
    _lend(app)
    if settings.jobs == "inline":
        app.extensions["rongyi_scheduler"] = jobs.run_inline(app)
    return app


def _connect(app: Flask) -> None:
    """Who hears of what, and who looks at what is due."""
    events.subscribe(subscriptions.SUBSCRIBERS)
    due.register("listing", listings.run_due)
    due.register("offer", deals.run_due)
    due.register("right_import", imports.run_due)
    for kind, look in onestop.DUE.items():
        due.register(kind, look)
    notifications.resolve_by(subscriptions.RESOLVERS)

    def translate(words: str, locale: str | None) -> str:
        with app.test_request_context(), force_locale(locale or web.i18n.CHINESE):
            return str(gettext(words))

    notifications.translate_by(translate)


def _lend(app: Flask) -> None:
    """What the rooms lend to the shell: unread notices, readiness, addresses for the sitemap, maintenance."""
    lent = hooks.of(app)
    lent.unread = notifications.unread
    lent.probes = {"database": _database, "search": _search, "jobs": _jobs}
    lent.sitemap = [exchange.listings.pages.sitemap]
    lent.maintenance = kept.at_request


def _database() -> hooks.Finding:
    session.execute(text("SELECT 1"))
    return hooks.Finding(True)


def _search() -> hooks.Finding:
    health = indexer.health()
    return hooks.Finding(bool(health["ok"]), str(health.get("reason") or ""))


def _jobs() -> hooks.Finding:
    late = [job["name"] for job in jobs.status() if job["late"]]
    return hooks.Finding(not late, f"late: {', '.join(late)}" if late else "")


def _engine_options(settings: config.Settings) -> dict[str, object]:
    if settings.sqlite:
        path = make_url(settings.database_url).database
        if path and path != ":memory:":
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        return {"connect_args": {"timeout": 30, "check_same_thread": False}}
    return {"pool_size": 5, "max_overflow": 10, "pool_pre_ping": True}
