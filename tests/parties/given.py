"""Parties and people for tests, made through the real verbs; signing in through the real form."""

from __future__ import annotations

import functools
import itertools
import re
from typing import TYPE_CHECKING, Any

import pyotp

from exchange.core import clock
from exchange.core.db import session, transaction
from exchange.parties import actions, keys, members, passwords, sessions, uscc
from exchange.parties.models import Membership, Party, PartyKind, Role, User
from exchange.parties.policy import SYSTEM, Actor

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

PASSWORD = "seven green lanterns"

_number = itertools.count(1)


def fresh_uscc() -> str:
    """A credit code that nobody has yet."""
    body = f"91350100{next(_number):08d}0"
    return body + uscc.check_character(body)


@functools.cache
def _hashed() -> str:
    return passwords.hash(PASSWORD)


def given_party(
    kind: PartyKind = PartyKind.ENTERPRISE, *, verified: bool = True, name: str | None = None, **details: Any
) -> Party:
    """A party; of the mainland, with a code, unless ``details`` say otherwise."""
    if kind is not PartyKind.PERSON:
        details.setdefault("uscc", fresh_uscc())
    return actions.add_party(
        SYSTEM, kind=kind, name=name or f"Party {next(_number)}", verified=verified, **details
    )


def given_user(
    party: Party | None = None, *roles: Role, email: str | None = None, name: str = "Lin Zhixia"
) -> User:
    """A person with the password ``PASSWORD`` and ``roles`` in ``party`` (the administrator by default)."""
    email = email or f"person{next(_number)}@example.cn"
    with transaction():
        user = members.enrol(SYSTEM, email=email, name=name, password_hash=_hashed())
        if party is not None:
            chosen = roles or (Role.OWNER_ADMIN,)
            session.add(Membership(user_id=user.id, party_id=party.id, roles=members.values(chosen)))
    return user


def given_actor(party: Party, *roles: Role, stepped_up: bool = True) -> Actor:
    """Somebody who acts for ``party`` with ``roles``."""
    return sessions.actor_for(given_user(party, *roles), party, stepped_up=stepped_up)


def given_operator() -> Actor:
    """An operator of the exchange."""
    return given_actor(given_party(PartyKind.OPERATOR), Role.OPERATOR)


def given_second_factor(user: User) -> pyotp.TOTP:
    """Turn on a second factor; the authenticator."""
    secret = pyotp.random_base32()
    with transaction():
        kept = session.get_one(User, user.id)
        kept.totp_secret = keys.seal(secret, "totp")
        kept.totp_last_step = None
    return pyotp.TOTP(secret)


def code_of(totp: pyotp.TOTP) -> str:
    """What the authenticator shows now."""
    return str(totp.at(clock.wall()))


# -- over HTTP ---------------------------------------------------------------------------------


def hidden(page: str) -> dict[str, str]:
    """The token and key of the first form in ``main`` of a page."""
    main = page.split("<main", 1)[-1]
    token = re.search(r'name="csrf_token" value="([^"]+)"', main)
    key = re.search(r'name="_key" value="([^"]+)"', main)
    return {"csrf_token": token[1] if token else "", "_key": key[1] if key else ""}


def submit(client: FlaskClient, path: str, *, to: str | None = None, **data: Any) -> TestResponse:
    """Open the page ``path`` and send its form (to ``to``) with ``data``."""
    page = client.get(path)
    assert page.status_code == 200, (path, page.status_code, page.location)
    return client.post(to or path, data={**hidden(page.text), **data})


def sign_in(client: FlaskClient, user: User, password: str = PASSWORD) -> TestResponse:
    """Sign in by the form."""
    return submit(client, "/login", email=user.email, password=password)


def signed_in(client: FlaskClient, party: Party, *roles: Role) -> User:
    """A person of ``party`` with ``roles``, signed in."""
    user = given_user(party, *roles)
    assert sign_in(client, user).status_code == 303
    return user
