"""The door: who says they are whom, and how they prove it. Knows nothing of HTTP; ``auth`` puts it on the web.

A wrong password, an unknown address and a disabled person get the same answer after the same work (R-037). Tries
are counted outside any transaction, so a refusal is remembered.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from exchange import rulebook
from exchange.core import clock
from exchange.core.config import settings
from exchange.core.db import get, lock, session, transaction
from exchange.core.errors import N_, NotFound, NotSignedIn, RuleBroken, Throttled
from exchange.core.events import record
from exchange.core.labels import label
from exchange.parties import keys, members, passwords, second_factor, sessions, tries
from exchange.parties.models import Membership, Role, User
from exchange.parties.policy import Actor, Permission
from exchange.parties.sessions import Caller

_RESET = "password_reset"


def _failures() -> int:
    return rulebook.as_of("login.failures").number


def _from(caller: Caller) -> dict[str, int]:
    return {f"address:{caller.address}": rulebook.as_of("login.failures_address").number}


def _wrong() -> RuleBroken:
    return RuleBroken(
        "auth.wrong",
        N_("E-mail address and password do not fit together. Check both; capitals matter in the password."),
    )


def _by_email(email: str) -> User | None:
    user = session.scalar(select(User).where(User.email == _plain(email)))
    return user if user is not None and user.active else None


def _plain(email: str) -> str:
    return unicodedata.normalize("NFKC", email).strip().lower()[:254]


# -- signing in --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shown:
    """What somebody has shown at the door: who they are, and whether the second factor is still to come."""

    user: User
    second_needed: bool


def check_password(email: str, password: str, caller: Caller, *, code: str | None = None) -> Shown:
    """Try to sign in with a password, and with the second factor at once where ``code`` is given.

    An account whose password was tried too often is open only to both factors at once, so that nobody can lock
    somebody else out of an account that has a second factor (R-036).

    Raises ``RuleBroken`` (``auth.wrong``, the same for everything that is wrong), ``Throttled``.
    """
    address = _from(caller)
    both_needed = False
    try:
        noted = tries.begin({**address, f"account:{_plain(email)}": _failures()})
    except Throttled:
        if not code:
            raise
        both_needed = True
        noted = tries.begin({**address, f"both:{_plain(email)}|{caller.address}"[:320]: _failures()})
    user = _by_email(email)
    session.rollback()  # nothing is held while the hash is computed
    if not passwords.fits(user.password_hash if user else None, password):
        raise _wrong()
    assert user is not None
    if both_needed and user.totp_secret is None:
        raise _wrong()
    if code and user.totp_secret is not None and not _use(user, code):
        raise _wrong()
    tries.succeed(noted)
    if passwords.outdated(user.password_hash):
        _store(user, passwords.hash(password))
    return Shown(user, second_needed=user.totp_secret is not None and not code)


@transaction
def _use(user: User, code: str) -> bool:
    return second_factor.use(lock(User, user), code)


@transaction
def _store(user: User, hashed: str) -> None:
    lock(User, user).password_hash = hashed


def check_second(user: User, code: str, caller: Caller) -> None:
    """Try a one-time or recovery code. Raises ``RuleBroken`` (``auth.code``), ``Throttled``."""
    noted = tries.begin({**_from(caller), f"second:{user.ref}": _failures()})
    if not _use(user, code):
        raise RuleBroken(
            "auth.code",
            N_("This code is wrong, or was used before. Wait for the next one, or take a recovery code."),
            field="code",
        )
    tries.succeed(noted)


def mark(user: User) -> str:
    """A sign of the present password: what was begun with an older one does not count any more."""
    return keys.tag(user.password_hash, "waiting")[:16]


def confirm(secret: str, answer: str, caller: Caller) -> str:
    """Prove oneself afresh in a session, by code where there is a second factor, else by password; the new secret.

    Raises ``RuleBroken`` (``auth.code``, ``auth.password``), ``Throttled``, ``NotSignedIn``.
    """
    user = sessions.must_find(secret).user
    if user.totp_secret is not None:
        check_second(user, answer, caller)
    else:
        _check_own_password(user, answer, caller, field="answer")
    return sessions.freshen(secret)


def _check_own_password(user: User, password: str, caller: Caller, *, field: str) -> None:
    noted = tries.begin({**_from(caller), f"own:{user.ref}": _failures()})
    hashed = user.password_hash
    session.rollback()
    if not passwords.fits(hashed, password):
        raise RuleBroken("auth.password", N_("This is not your present password."), field=field)
    tries.succeed(noted)


def must_not_flood(caller: Caller) -> None:
    """Count a registration from an address. Raises ``Throttled`` where there were too many."""
    tries.begin({f"register:{caller.address}": rulebook.as_of("registrations.address").number})


# -- passwords ---------------------------------------------------------------------------------


def _context(user: User) -> list[str]:
    return [user.email.split("@")[0], user.name, *(party.name for party in members.parties_of(user))]


def change_password(secret: str, present: str, new: str, caller: Caller) -> str:
    """Change one's own password; all other sessions and every API token end (R-035). The new secret.

    Raises ``RuleBroken``: ``auth.password``, ``password.*``; ``Throttled``, ``NotSignedIn``.
    """
    user = sessions.must_find(secret).user
    passwords.check(new, context=_context(user), field="new")
    _check_own_password(user, present, caller, field="present")
    hashed = passwords.hash(new)
    with transaction():
        row = sessions.must_find(secret)
        _replace(sessions.actor_of(row), row.user, hashed, but=secret)
        return sessions.freshen(secret)


def _replace(actor: Actor, user: User, hashed: str, *, but: str | None = None) -> None:
    user = lock(User, user)
    user.password_hash = hashed
    sessions.end_all(user, but=but)
    sessions.end_keys(user)
    record(actor, "user.password_changed", user)


def ask_reset(email: str, caller: Caller) -> None:
    """Ask for a letter with a link to set a new password. The answer is the same whoever the address belongs to.

    ``user.reset_asked`` makes the letter; its link is ``reset_link``. Raises ``Throttled``.
    """
    tries.begin({f"reset:{caller.address}": _failures(), f"reset:{_plain(email)}"[:320]: _failures()})
    _ask_reset(_plain(email))


@transaction
def _ask_reset(email: str) -> None:
    user = _by_email(email)
    if user is not None:
        until = clock.wall() + timedelta(minutes=rulebook.as_of("password.reset").number)
        record(Actor(user=user), "user.reset_asked", user, until=int(until.timestamp()))


def reset_link(user: User, until: int) -> str:
    """The address in the letter: good until the instant ``until`` (seconds), once, while the password is the old one."""
    return f"{settings().public_url}/login/reset/{user.ref}.{until}.{_reset_tag(user, until)}"


def instant_of(until: int) -> datetime:
    """The instant that ``until`` (seconds) stands for."""
    return datetime.fromtimestamp(until, UTC)


def _reset_tag(user: User, until: int) -> str:
    return keys.tag(f"{user.ref}|{until}|{user.password_hash}", _RESET)


def find_reset(token: str) -> User:
    """The person whose password ``token`` may set. Raises ``NotFound`` (``reset.gone``)."""
    ref, _, rest = token.partition(".")
    until, _, sign = rest.partition(".")
    user = (
        session.scalar(select(User).where(User.ref == ref)) if until.isdigit() and len(until) < 12 else None
    )
    if (
        user is None
        or not user.active
        or not keys.same(sign, _reset_tag(user, int(until)))
        or instant_of(int(until)) <= clock.wall()
    ):
        raise NotFound("reset.gone", N_("This link was used or is too old. Ask for a new one."))
    return user


def reset_password(token: str, new: str) -> User:
    """Set a new password by a letter's link; every session and API token ends. The second factor stays.

    Raises ``NotFound`` (``reset.gone``), ``RuleBroken`` (``password.*``).
    """
    user = find_reset(token)
    passwords.check(new, context=_context(user), field="new")
    hashed = passwords.hash(new)
    with transaction():
        user = lock(User, find_reset(token))
        _replace(Actor(user=user), user, hashed)
        return user


# -- disabling ---------------------------------------------------------------------------------


@transaction
def disable(actor: Actor, user_ref: str, reason: str) -> User:
    """The exchange shuts somebody out at once: no sign-in, no session, no key. Raises ``NotFound``, ``RuleBroken``."""
    actor.must(Permission.PARTY_VERIFY)
    user = lock(User, user_ref)
    if not reason.strip():
        raise RuleBroken("user.reason", N_("Give the reason."), field="reason")
    if user.active:
        user.active = False
        sessions.end_all(user)
        sessions.end_keys(user)
        record(actor, "user.disabled", user, reason=reason)
    return user


@transaction
def enable(actor: Actor, user_ref: str) -> User:
    """Let somebody who was shut out sign in again. Raises ``NotFound``."""
    actor.must(Permission.PARTY_VERIFY)
    user = lock(User, user_ref)
    if not user.active:
        user.active = True
        record(actor, "user.enabled", user)
    return user


# -- the demo market ---------------------------------------------------------------------------


@dataclass(frozen=True)
class DemoLogin:
    """A login of the demo market, as the login page lists it. ``roles`` are msgids."""

    email: str
    password: str
    name: str
    party: str
    roles: tuple[str, ...]


@transaction
def remember_demo_password(actor: Actor, user_ref: str, password: str) -> None:
    """Let the login page list this login with its password. Raises ``NotAllowed``, and in production too."""
    members.must_be_system(actor)
    if settings().production:
        raise NotSignedIn("demo.production", N_("There is no demo market in production."))
    user = lock(User, user_ref)
    user.preferences = {**user.preferences, "demo_password": password}


def demo_logins(limit: int = 30) -> list[DemoLogin]:
    """The logins of the demo market, in the order they were made; none in production."""
    if settings().production:
        return []
    known = User.preferences["demo_password"].as_string()
    found = []
    for user in session.scalars(select(User).where(known.is_not(None)).order_by(User.id).limit(limit)):
        rows = session.scalars(
            select(Membership).where(Membership.user_id == user.id, Membership.active).order_by(Membership.id)
        ).all()
        found.append(
            DemoLogin(
                email=user.email,
                password=str(user.preferences["demo_password"]),
                name=user.name,
                party=rows[0].party.name if rows else "",
                roles=tuple(label(Role(value)) for value in (rows[0].roles if rows else ())),
            )
        )
    return found


def person(ref: str) -> User:
    """A person by reference, for steps between password and code. Raises ``NotFound``."""
    user = get(User, ref)
    if not user.active:
        raise NotFound
    return user
