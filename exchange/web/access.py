"""Who may come in: every view says so with a decorator, and one place enforces it before the view runs.

``@public`` lets everybody in, ``@login`` (the default) asks for a signed-in person or a valid token,
``@operator`` for any role on the exchange, ``@exchange_role("reviewer")`` for one of the named ones. What a person
may do to one thing is not decided here but by the room, with ``actor.must(...)``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from flask import Flask, Response, current_app, g, make_response, redirect, request
from flask.typing import ResponseReturnValue
from flask.views import View

from exchange.core.errors import N_, NotFound, NotSignedIn
from exchange.web import hooks

V = TypeVar("V", bound=Callable[..., Any])

_MARK = "__access__"


@dataclass(frozen=True)
class Access:
    """What a view asks of its caller."""

    public: bool = False
    roles: tuple[str, ...] | None = None
    """``None``: any signed-in person; empty: any role on the exchange; else one of these."""
    impersonal: bool = False
    """Nobody is looked up: the answer is the same for all, and comes even when the database is away."""


PUBLIC = Access(public=True)
LOGIN = Access()


def _marking(access: Access) -> Callable[[V], V]:
    def mark(view: V) -> V:
        setattr(view, _MARK, access)
        return view

    return mark


def public(view: V) -> V:
    """Everybody may come in."""
    return _marking(PUBLIC)(view)


def impersonal(view: V) -> V:
    """Everybody may come in and nobody is looked up: for health checks, which must answer without a database."""
    return _marking(Access(public=True, impersonal=True))(view)


def login(view: V) -> V:
    """A signed-in person, or a program with a valid token."""
    return _marking(LOGIN)(view)


def operator(view: V) -> V:
    """Anybody who works for the exchange, in whatever role."""
    return _marking(Access(roles=()))(view)


def exchange_role(*roles: str) -> Callable[[V], V]:
    """Only those who hold one of ``roles`` on the exchange (values of ``parties.models.Role``)."""
    return _marking(Access(roles=roles))


def declared(view: Callable[..., Any], method: str = "GET") -> Access | None:
    """What ``view`` declares for ``method``, or ``None``. A method of a class-based view may declare its own."""
    kind: type[View] | None = getattr(view, "view_class", None)
    if kind is not None:
        handler = getattr(kind, method.lower(), None) or (
            getattr(kind, "get", None) if method == "HEAD" else None
        )
        for candidate in (handler, kind):
            if candidate is not None and hasattr(candidate, _MARK):
                return getattr(candidate, _MARK)  # type: ignore[no-any-return]
    return getattr(view, _MARK, None)


def undeclared(app: Flask) -> list[str]:
    """Every endpoint with a view that forgot to say who may come in, as ``METHOD rule endpoint``."""
    return sorted(_undeclared(app))


def _undeclared(app: Flask) -> Iterator[str]:
    for rule in app.url_map.iter_rules():
        if rule.endpoint == "static" or rule.endpoint.endswith(".static"):
            continue
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            if declared(app.view_functions[rule.endpoint], method) is None:
                yield f"{method} {rule.rule} {rule.endpoint}"


# -- who is asking ---------------------------------------------------------------


def is_api() -> bool:
    """Whether this request speaks to the API and wants ``problem+json``."""
    return request.path.startswith("/api/")


def bearer() -> str | None:
    """The bearer token of this request. Where there is one, no cookie counts (and no form token is asked)."""
    kind, _space, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" and token.strip() else None


def signed_in() -> bool:
    """Whether somebody is behind this request."""
    return getattr(g.get("actor"), "user", None) is not None


def use_actor_loader(app: Flask, load: Callable[[], Any]) -> None:
    """Let ``load()`` read the actor of each request from cookie or token (the parties room does it).

    ``load`` must ignore the session where ``bearer()`` gives a token, and raise ``NotSignedIn`` for a bad token.
    """
    hooks.of(app).load_actor = load


def safe_next(target: str | None, default: str = "/") -> str:
    """``target`` if it is a path on this site, else ``default``: no redirect ever leaves the exchange.

    Refuses what browsers read as another host: ``//host``, ``/\\host``, control characters, schemes.
    """
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")):
        return default
    if "\\" in target or any(ord(sign) < 33 for sign in target):
        return default
    parts = urlsplit(target)
    return default if parts.scheme or parts.netloc else target


def login_page() -> Response:
    """To the login page and back here; a form that was being sent leads back to the page it stood on."""
    here = request.full_path.rstrip("?") if request.method in {"GET", "HEAD"} else referring_path()
    target = f"{request.script_root}/login"
    answer = redirect(f"{target}?next={quote(here)}", 303)
    if request.headers.get("HX-Request"):
        response = make_response("", 401)
        response.headers["HX-Redirect"] = f"{target}?next={quote(referring_path())}"
        return response
    return make_response(answer)


def referring_path() -> str:
    """The page of ours this request came from, or ``/``."""
    parts = urlsplit(request.headers.get("HX-Current-URL") or request.referrer or "")
    if parts.netloc and parts.netloc != request.host:
        return "/"
    return safe_next(parts.path + (f"?{parts.query}" if parts.query else ""))


def enforce() -> ResponseReturnValue | None:
    """Load the actor, then let in or turn away. Runs before every view."""
    g.actor = hooks.Nobody()
    if request.endpoint is None or request.endpoint == "static":
        return None
    access = declared(current_app.view_functions[request.endpoint], request.method) or LOGIN
    if access.impersonal:
        return None
    g.actor = hooks.of().load_actor()
    if request.method == "OPTIONS" or access.public:
        return None
    if not signed_in():
        if is_api():
            raise NotSignedIn(
                "auth.required", N_("Sign in, or send a valid token in the Authorization header (Bearer).")
            )
        return login_page()
    if access.roles is not None and not hooks.of().has_role(g.actor, access.roles):
        raise NotFound
    return None


def init_app(app: Flask) -> None:
    """Enforce access on every request of ``app``."""
    app.before_request(enforce)
