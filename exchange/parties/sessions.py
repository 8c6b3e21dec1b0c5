"""Signed-in browsers, kept on the server: whoever signed in can see them, and end them from elsewhere.

A browser holds a random secret; the database holds its hash. The secret changes whenever what it opens changes
(sign-in, another organisation, a fresh proof), so that one that was seen before opens nothing (R-032).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, select, update

from exchange import rulebook
from exchange.core import clock
from exchange.core.db import changed, get, lock, session, transaction
from exchange.core.errors import N_, NotFound, NotSignedIn
from exchange.core.events import record
from exchange.parties import keys, members
from exchange.parties.models import ApiToken, Membership, Party, Role, Session, User
from exchange.parties.policy import Actor, exchange_roles

_SEEN_EVERY = timedelta(seconds=60)
"""A session notes that it was used at most this often: reading pages must not write all the time."""


@dataclass(frozen=True)
class Caller:
    """Where a request comes from: its address, and what its browser calls itself."""

    address: str = ""
    agent: str = ""


def _idle() -> timedelta:
    return timedelta(minutes=rulebook.as_of("session.idle").number)


def _absolute() -> timedelta:
    return timedelta(hours=rulebook.as_of("session.absolute").number)


def _live() -> tuple[ColumnElement[bool], ...]:
    now = clock.wall()
    return (
        Session.ended_at.is_(None),
        Session.seen_at > now - _idle(),
        Session.created_at > now - _absolute(),
    )


def find(secret: str) -> Session | None:
    """The live session of ``secret``: not ended, not idle or open for too long, its person not disabled."""
    row = session.scalar(select(Session).where(Session.token_hash == keys.digest(secret), *_live()))
    return row if row is not None and row.user.active else None


def must_find(secret: str | None) -> Session:
    """The live session of ``secret``. Raises ``NotSignedIn``."""
    row = find(secret) if secret else None
    if row is None:
        raise NotSignedIn("auth.required", N_("Sign in first."))
    return row


def touch(row: Session) -> None:
    """Note that a session is in use, once a minute. Nothing else is written, and no event."""
    now = clock.wall()
    if now - row.seen_at >= _SEEN_EVERY:
        _seen(row.id)


@transaction
def _seen(session_id: int) -> None:
    now = clock.wall()
    session.execute(
        update(Session).where(Session.id == session_id, Session.seen_at < now).values(seen_at=now)
    )


def actor_of(row: Session, mine: Sequence[Membership] | None = None) -> Actor:
    """Who acts in a session: the person, the organisation they chose, and the roles they hold there now.

    ``mine``: their memberships, where they have been read already.
    """
    mine = members.memberships_of(row.user) if mine is None else mine
    held = next((one for one in mine if one.party_id == row.party_id), None)
    proof = row.second_factor_at
    limit = timedelta(minutes=rulebook.as_of("session.step_up").number)
    fresh = proof is not None and clock.wall() - proof <= limit
    return _actor(row.user, held, None, stepped_up=fresh)


def actor_for(
    user: User, party: Party | None, *, scopes: frozenset[str] | None = None, stepped_up: bool = False
) -> Actor:
    """``user`` acting for ``party`` with the roles held there; for no party where they are no member of it."""
    held = members.membership(party, user) if party is not None else None
    return _actor(user, held, scopes, stepped_up=stepped_up)


def _actor(user: User, held: Membership | None, scopes: frozenset[str] | None, *, stepped_up: bool) -> Actor:
    if held is None:
        return Actor(user=user, scopes=scopes, stepped_up=stepped_up)
    known = {role.value for role in Role}
    roles = exchange_roles(held.party, frozenset(Role(value) for value in held.roles if value in known))
    return Actor(user=user, party=held.party, roles=roles, scopes=scopes, stepped_up=stepped_up)


# -- beginning and changing --------------------------------------------------------------------


@transaction
def start(user: User, caller: Caller) -> str:
    """Open a session for a person who has shown all their factors; the secret for the browser."""
    user = lock(User, user)
    now = clock.wall()
    secret = keys.new_secret()
    party = _first_party(user)
    session.add(
        Session(
            token_hash=keys.digest(secret),
            user_id=user.id,
            party_id=party.id if party else None,
            created_at=now,
            seen_at=now,
            second_factor_at=now,
            address=caller.address[:64],
            agent=caller.agent[:255],
        )
    )
    user.last_login_at = now
    session.flush()
    record(actor_for(user, party), "user.signed_in", user)
    return secret


def _first_party(user: User) -> Party | None:
    """The organisation acted for last, else the first by name."""
    mine = members.parties_of(user)
    last = user.preferences.get("party")
    return next((party for party in mine if party.ref == last), mine[0] if mine else None)


@transaction
def switch(actor: Actor, secret: str, party_ref: str) -> str:
    """Act for another organisation of one's own; the new secret. Raises ``NotSignedIn``, ``NotFound``."""
    row = lock(Session, must_find(secret))
    party = get(Party, party_ref)
    if actor.user is None or actor.user.id != row.user_id or members.membership(party, row.user) is None:
        raise NotFound
    if row.party_id != party.id:
        user = lock(User, row.user_id)
        user.preferences = {**user.preferences, "party": party.ref}
        row.party_id = party.id
        record(actor_for(user, party), "user.switched", user)
    return _renew(row)


def _renew(row: Session) -> str:
    secret = keys.new_secret()
    row.token_hash = keys.digest(secret)
    row.seen_at = clock.wall()
    session.flush()
    return secret


@transaction
def freshen(secret: str) -> str:
    """Note that the person has just shown who they are; the new secret. Raises ``NotSignedIn``."""
    row = lock(Session, must_find(secret))
    row.second_factor_at = clock.wall()
    return _renew(row)


# -- seeing and ending -------------------------------------------------------------------------


def sessions_of(user: User) -> list[Session]:
    """The live sessions of a person, the one used last first."""
    query = select(Session).where(Session.user_id == user.id, *_live())
    return list(session.scalars(query.order_by(Session.seen_at.desc(), Session.id.desc())))


@transaction
def end(secret: str) -> None:
    """Sign out: the session of ``secret`` ends. Repeats do no harm."""
    row = session.scalar(
        select(Session).where(Session.token_hash == keys.digest(secret), Session.ended_at.is_(None))
    )
    if row is not None:
        row.ended_at = clock.wall()
        record(actor_of(row), "user.signed_out", row.user)


@transaction
def end_one(actor: Actor, session_id: int) -> None:
    """End one of one's own sessions from another. Raises ``NotFound``."""
    row = session.get(Session, session_id, populate_existing=True)
    if row is None or actor.user is None or row.user_id != actor.user.id:
        raise NotFound
    if row.ended_at is None:
        row.ended_at = clock.wall()
        record(actor, "user.session_ended", actor.user)


@transaction
def end_others(actor: Actor, secret: str) -> int:
    """End all sessions of oneself but the one of ``secret``; how many."""
    if actor.user is None:
        raise NotSignedIn("auth.required", N_("Sign in first."))
    count = end_all(actor.user, but=secret)
    if count:
        record(actor, "user.sessions_ended", actor.user, count=count)
    return count


def end_all(user: User, *, but: str | None = None) -> int:
    """In the present transaction: end the sessions of ``user``, except the one of the secret ``but``; how many."""
    query = update(Session).where(Session.user_id == user.id, Session.ended_at.is_(None))
    if but is not None:
        query = query.where(Session.token_hash != keys.digest(but))
    return changed(query.values(ended_at=clock.wall()))


def end_keys(user: User) -> int:
    """In the present transaction: revoke every API token of ``user``; how many."""
    query = update(ApiToken).where(ApiToken.user_id == user.id, ApiToken.revoked_at.is_(None))
    return changed(query.values(revoked_at=clock.wall()))


@transaction
def forget() -> int:
    """Delete sessions that nobody can use any more, a day later (the purge job). How many went."""
    before = clock.wall() - _absolute() - timedelta(days=1)
    return changed(delete(Session).where(Session.created_at < before))
