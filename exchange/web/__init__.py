"""The site shell: access, forms, errors, languages, security, and the pages that belong to no room."""

from __future__ import annotations

from flask import Flask

from exchange.web import access, assets, errors, hooks, i18n, legible, look, security, site


def init_app(app: Flask) -> None:
    """Put the shell around ``app``: to be called once, before any blueprint is registered.

    The order matters: every request first gets its number, then its actor and language, then the question
    whether this actor may come in at all, and only then the check of the form's token and of what was sent.
    """
    hooks.init_app(app)
    security.init_app(app)
    i18n.init_app(app)
    look.init_app(app)
    assets.init_app(app)
    access.init_app(app)
    security.guard(app)
    legible.init_app(app)
    errors.init_app(app)
    site.init_app(app)
