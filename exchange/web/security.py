"""The locks of the house: form tokens, content policy and other headers, limits, cookies, the request's number."""

from __future__ import annotations

import re
import secrets
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

import structlog
from flask import Flask, Response, current_app, g, request
from flask_wtf.csrf import CSRFProtect

from exchange.core.config import settings
from exchange.core.errors import N_, NotAllowed
from exchange.web import access

V = TypeVar("V", bound=Callable[..., Any])

POLICY = (
    "default-src 'self'; script-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
"""The content security policy, the same on every answer (ux-reliability.md §1.6)."""

MAX_BODY = 32 * 1024 * 1024
MAX_FORM_MEMORY = 2 * 1024 * 1024
MAX_FORM_PARTS = 5_000
SAFE = {"GET", "HEAD", "OPTIONS"}

_REQUEST_ID = re.compile(r"^[A-Za-z0-9-]{8,64}$")
_HARMLESS = "__harmless__"

csrf = CSRFProtect()


def harmless(view: V) -> V:
    """A POST that changes nothing but a cookie of the reader's own (theme, language): no token is asked."""
    setattr(view, _HARMLESS, True)
    return view


def _number_request() -> None:
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if _REQUEST_ID.match(given) else uuid.uuid4().hex
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def check_token() -> None:
    """Refuse an unsafe request that another site may have forged.

    A bearer token is never sent by a browser on its own, so such requests pass; everything else needs the form's
    token (field ``csrf_token`` or header ``X-CSRFToken``), and a browser that says ``cross-site`` is refused anyway.
    """
    if request.method in SAFE or request.endpoint is None or access.bearer():
        return
    if getattr(current_app.view_functions[request.endpoint], _HARMLESS, False):
        return
    if not current_app.config["WTF_CSRF_ENABLED"]:
        return
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        raise NotAllowed(
            "csrf.cross_site", N_("This request came from another site, so it was not carried out.")
        )
    if access.is_api() and not access.signed_in():
        return  # no session to abuse: the door asks for a sign-in, or the view is public
    csrf.protect()


def _headers(response: Response) -> Response:
    headers = response.headers
    headers["Content-Security-Policy"] = POLICY
    headers["X-Content-Type-Options"] = "nosniff"
    headers["X-Frame-Options"] = "DENY"
    headers["Referrer-Policy"] = "same-origin"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=()"
    if current_app.config["RONGYI_HSTS"]:
        headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    if "request_id" in g:
        headers["X-Request-Id"] = g.request_id
    if request.endpoint != "static":
        if access.signed_in() or request.method not in SAFE:
            headers["Cache-Control"] = "no-store"
        else:
            headers.setdefault("Cache-Control", "no-cache")
        response.vary.update(("Accept-Language", "Cookie"))
    return response


def init_app(app: Flask) -> None:
    """Set limits and cookies, number every request, and put the headers on every answer."""
    secure = settings().production
    app.config.update(
        MAX_CONTENT_LENGTH=MAX_BODY,
        MAX_FORM_MEMORY_SIZE=MAX_FORM_MEMORY,
        MAX_FORM_PARTS=MAX_FORM_PARTS,
        RONGYI_HSTS=secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_NAME="__Host-rongyi" if secure else "rongyi",
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=secure,
        WTF_CSRF_CHECK_DEFAULT=False,
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session: long forms are filled in over a day
    )
    app.config.setdefault("WTF_CSRF_ENABLED", True)
    if not app.config.get("SECRET_KEY"):
        app.config["SECRET_KEY"] = settings().secret_key or secrets.token_hex(32)
    csrf.init_app(app)
    app.before_request(_number_request)
    app.after_request(_headers)


def guard(app: Flask) -> None:
    """Check form tokens; after the actor is known, before any view."""
    app.before_request(check_token)
