"""Keys of programs: bearer tokens of a person for one party, narrowed by scopes, ending by themselves.

A token is shown once, when it is made; only its hash and its first signs are kept (R-043).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import select, update

from exchange import rulebook
from exchange.core import clock
from exchange.core.db import get, lock, session, transaction
from exchange.core.errors import N_, NotFound, NotSignedIn, RuleBroken
from exchange.core.events import record
from exchange.parties import keys, members, sessions
from exchange.parties.models import ApiToken, Party, User
from exchange.parties.policy import SCOPES, Actor, Permission

_MARK = "ry_"
_USED_EVERY = timedelta(seconds=60)


def create(
    actor: Actor,
    *,
    scopes: Iterable[str],
    label: str = "",
    days: int | None = None,
    user: User | None = None,
    party: Party | None = None,
) -> tuple[ApiToken, str]:
    """Make a token for oneself and the party one acts for; the row, and the secret to show once.

    The system names ``user`` and ``party``. A token can make only tokens that may and last no more than itself.
    Raises ``RuleBroken`` (``token.scopes``, ``token.days``), ``NotAllowed``, ``StepUp``.
    """
    secret = _MARK + keys.new_secret()
    return _create(actor, secret, list(scopes), label, days, user, party), secret


@transaction
def _create(
    actor: Actor,
    secret: str,
    scopes: list[str],
    label: str,
    days: int | None,
    user: User | None,
    party: Party | None,
) -> ApiToken:
    if not actor.system:
        user, party = actor.user, actor.party
        actor.must(Permission.TOKEN_MANAGE)
        actor.must_step_up()
    if user is None or party is None:
        raise RuleBroken("token.party", N_("Say for which organisation the token acts."), field="party")
    if members.membership(party, user) is None:
        raise RuleBroken(
            "token.member", N_("This person does not belong to the organisation."), field="party"
        )
    chosen = list(dict.fromkeys(scopes))
    unknown = [scope for scope in chosen if scope not in SCOPES]
    if not chosen or unknown:
        raise RuleBroken(
            "token.scopes",
            N_("Choose scopes from: %(known)s."),
            field="scopes",
            known=", ".join(SCOPES),
        )
    if actor.scopes is not None and "all" not in actor.scopes and not set(chosen) <= actor.scopes:
        raise RuleBroken(
            "token.wider",
            N_("A token cannot make a token that may do more than itself: %(own)s."),
            field="scopes",
            own=", ".join(sorted(actor.scopes)),
        )
    longest = rulebook.as_of("token.period").number
    if days is not None and not 1 <= days <= longest:
        raise RuleBroken(
            "token.days",
            N_("A token lasts from 1 to %(longest)s days."),
            field="days",
            rule="token.period",
            longest=longest,
        )
    now = clock.wall()
    token = ApiToken(
        token_hash=keys.digest(secret),
        prefix=secret[:10],
        user_id=user.id,
        party_id=party.id,
        label=" ".join(label.split())[:100],
        scopes=chosen,
        created_at=now,
        expires_at=now + timedelta(days=days or longest),
    )
    session.add(token)
    session.flush()
    record(actor, "token.created", token, about=party, scopes=chosen)
    return token


def find(secret: str) -> ApiToken:
    """The token of ``secret``, good now. Raises ``NotSignedIn`` (``token.invalid``), the same whatever is wrong."""
    token = session.scalar(select(ApiToken).where(ApiToken.token_hash == keys.digest(secret)))
    if (
        token is None
        or token.revoked_at is not None
        or token.expires_at <= clock.wall()
        or not token.user.active
        or members.membership(token.party, token.user) is None
    ):
        raise NotSignedIn(
            "token.invalid", N_("This token is unknown, revoked or too old. Make a new one under /account.")
        )
    return token


def touch(token: ApiToken) -> None:
    """Note that a token is in use, once a minute."""
    now = clock.wall()
    if token.last_used_at is None or now - token.last_used_at >= _USED_EVERY:
        _used(token.id)


@transaction
def _used(token_id: int) -> None:
    session.execute(update(ApiToken).where(ApiToken.id == token_id).values(last_used_at=clock.wall()))


def actor_of(token: ApiToken) -> Actor:
    """Who acts by a token: its person, for its party, within its scopes."""
    return sessions.actor_for(token.user, token.party, scopes=frozenset(token.scopes))


def tokens_of(actor: Actor) -> list[ApiToken]:
    """The tokens that can be used now for the party one acts for: one's own, or all where one manages its members.

    Raises ``NotAllowed`` for a token that may neither read nor manage.
    """
    actor.must_be_in_scope(Permission.PARTY_READ, Permission.TOKEN_MANAGE)
    if actor.user is None or actor.party is None:
        return []
    query = select(ApiToken).where(
        ApiToken.party_id == actor.party.id,
        ApiToken.revoked_at.is_(None),
        ApiToken.expires_at > clock.wall(),
    )
    if not actor.can(Permission.MEMBER_MANAGE, actor.party):
        query = query.where(ApiToken.user_id == actor.user.id)
    return list(session.scalars(query.order_by(ApiToken.id.desc())))


def get_for(actor: Actor, ref: str) -> ApiToken:
    """A token of one's own, or of one's party where one manages its members. Raises ``NotFound``."""
    token = get(ApiToken, ref)
    own = actor.user is not None and token.user_id == actor.user.id
    theirs = actor.party is not None and token.party_id == actor.party.id
    if not actor.system and not (
        theirs and (own or (actor.party is not None and actor.can(Permission.MEMBER_MANAGE, actor.party)))
    ):
        raise NotFound
    return token


@transaction
def revoke(actor: Actor, ref: str) -> ApiToken:
    """End a token at once. Repeats do no harm. Raises ``NotFound``; ``NotAllowed`` for a token that may only read."""
    actor.must_be_in_scope(Permission.TOKEN_MANAGE)
    token = lock(ApiToken, get_for(actor, ref))
    if token.revoked_at is None:
        token.revoked_at = clock.wall()
        record(actor, "token.revoked", token, about=token.party)
    return token
