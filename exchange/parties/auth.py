"""The door on the web: flask-login over our own sessions and tokens, and the Actor of each request.

The browser's cookie carries the secret of a session that the server keeps (``sessions``); a program sends a bearer
token (``tokens``). Where there is a token, no cookie counts. Views never ask here: they read ``g.actor``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from flask import Flask, Request, Response, g, make_response, redirect, request
from flask import session as cookie
from flask_login import AnonymousUserMixin, LoginManager, UserMixin, current_user, login_user, logout_user

from exchange import rulebook
from exchange.core import clock
from exchange.core.errors import DomainError
from exchange.parties import logins, members, sessions, tokens
from exchange.parties.models import EXCHANGE_ROLES, Membership, Party, User
from exchange.parties.policy import VISITOR, Actor, StepUp
from exchange.parties.sessions import Caller
from exchange.web import access, errors, hooks

_WAITING = "waiting"


class SignedIn(UserMixin):  # type: ignore[misc]  # flask-login is published without types
    """What flask-login carries through a request: who acts, and the secret of the session (none for a token)."""

    def __init__(
        self,
        actor: Actor,
        secret: str | None = None,
        session_id: int | None = None,
        mine: Sequence[Membership] = (),
    ) -> None:
        self.actor = actor
        self.mine = mine
        self.secret = secret
        self.session_id = session_id

    def get_id(self) -> str | None:
        """What flask-login keeps in the cookie: the secret, never the person's own number."""
        return self.secret


class Visitor(AnonymousUserMixin):  # type: ignore[misc]  # flask-login is published without types
    """Nobody has signed in."""

    actor = VISITOR
    mine = ()
    secret = None
    session_id = None


manager = LoginManager()
manager.anonymous_user = Visitor
# The server knows every session and ends it; a hash of address and browser in the cookie would add false alarms.
manager.session_protection = None


@manager.user_loader  # type: ignore[untyped-decorator]
def _by_session(secret: str) -> SignedIn | None:
    if access.bearer() is not None:
        return None
    row = sessions.find(secret)
    if row is None:
        return None
    sessions.touch(row)
    mine = members.memberships_of(row.user)
    return SignedIn(sessions.actor_of(row, mine), secret, row.id, mine)


@manager.request_loader  # type: ignore[untyped-decorator]
def _by_token(_request: Request) -> SignedIn | None:
    secret = access.bearer()
    if secret is None:
        return None
    token = tokens.find(secret)
    tokens.touch(token)
    return SignedIn(tokens.actor_of(token))


def actor_for_request() -> Actor:
    """Who acts in this request. Raises ``NotSignedIn`` (``token.invalid``) for a bad bearer token."""
    actor: Actor = current_user.actor
    return actor


def caller() -> Caller:
    """Where this request comes from."""
    return Caller(request.remote_addr or "", request.user_agent.string)


def secret() -> str:
    """The secret of the present session; empty for tokens and visitors, whom no session verb lets through."""
    return current_user.secret or ""


def session_id() -> int | None:
    """The number of the present session in the list of one's own."""
    found: int | None = current_user.session_id
    return found


# -- in and out --------------------------------------------------------------------------------


def sign_in(user: User) -> None:
    """Open a session for a person who has shown all their factors. Nothing of the cookie before survives."""
    fresh = sessions.start(user, caller())
    cookie.clear()
    carry(fresh)


def carry(fresh: str) -> None:
    """Give the browser a new secret, and forms a new token: what was known before opens nothing."""
    cookie.pop("csrf_token", None)
    row = sessions.must_find(fresh)
    mine = members.memberships_of(row.user)
    login_user(SignedIn(sessions.actor_of(row, mine), fresh, row.id, mine))
    g.actor = current_user.actor


def switch_to(party: Party) -> str:
    """Act for another organisation of one's own in this session; the new secret, for ``carry``."""
    return sessions.switch(current_user.actor, secret(), party.ref)


def sign_out() -> None:
    """End the session on the server and empty the cookie."""
    if current_user.secret:
        sessions.end(current_user.secret)
    logout_user()
    cookie.clear()
    g.actor = VISITOR


def wait_for_second(user: User) -> None:
    """Remember, for a few minutes, that the password was right; the cookie is signed, and opens nothing by itself."""
    minutes = rulebook.as_of("second_factor.wait").number
    cookie.clear()
    cookie[_WAITING] = {
        "user": user.ref,
        "mark": logins.mark(user),
        "until": int(clock.wall().timestamp()) + minutes * 60,
    }


def waiting() -> User | None:
    """The person whose password was right a moment ago and whose second factor is still to come."""
    kept: dict[str, Any] | None = cookie.get(_WAITING)
    if not kept or kept["until"] < clock.wall().timestamp():
        return None
    try:
        user = logins.person(kept["user"])
    except DomainError:
        return None
    return user if kept["mark"] == logins.mark(user) else None


# -- what the shell asks -----------------------------------------------------------------------


def has_role(actor: Any, roles: Sequence[str]) -> bool:
    """Whether ``actor`` holds one of ``roles`` on the exchange; an empty list asks for any of them."""
    held = {role.value for role in getattr(actor, "roles", ()) if role in EXCHANGE_ROLES}
    return bool(held & set(roles)) if roles else bool(held)


def organisations(actor: Any) -> list[hooks.Organisation]:
    """The organisations among which the person can switch."""
    present = actor.party.id if actor.party is not None else None
    return [
        hooks.Organisation(held.party.ref, held.party.name, current=held.party_id == present)
        for held in current_user.mine
    ]


def _on_step_up(error: StepUp) -> Response:
    """Lead people to the page where they prove themselves afresh, and back; tell programs."""
    if access.is_api():
        return errors.answer(error)
    here = request.full_path.rstrip("?") if request.method in {"GET", "HEAD"} else access.referring_path()
    target = f"{request.script_root}/login/confirm?next={quote(here)}"
    if request.headers.get("HX-Request"):
        response = make_response("", 403)
        response.headers["HX-Redirect"] = target
        return response
    return make_response(redirect(target, 303))


def init_app(app: Flask) -> None:
    """Let ``app`` know who is asking. To be called once, after the shell is set up."""
    manager.init_app(app)
    access.use_actor_loader(app, actor_for_request)
    hook = hooks.of(app)
    hook.has_role = has_role
    hook.organisations = organisations
    app.register_error_handler(StepUp, _on_step_up)
