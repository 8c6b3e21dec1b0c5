"""Which accounts an actor may look at."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from exchange.core.db import session
from exchange.core.errors import NotFound
from exchange.ledger import chart
from exchange.ledger.models import Account, Entry
from exchange.parties.policy import Actor, Permission


def visible(actor: Actor) -> Sequence[Account]:
    """The accounts the actor may see, by address: all for the exchange's officers, one's own balance for a party."""
    query = select(Account).order_by(Account.address)
    if not actor.can(Permission.LEDGER_READ):
        if actor.party is None or not sees_own(actor):
            return []
        query = query.where(Account.address == chart.party(actor.party.ref))
    return session.scalars(query).all()


def sees_own(actor: Actor) -> bool:
    """Whether the actor may look at the money of the organisation acted for."""
    return actor.can(Permission.MONEY_READ, _Own(actor))


class _Own:
    """The actor's own balance, for the policy."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor

    def parties_for(self, relation: str) -> frozenset[int]:
        """Only ``either`` exists, and it is the actor's party."""
        return frozenset({self.actor.party.id}) if self.actor.party and relation == "either" else frozenset()


def get_for(actor: Actor, address: str) -> Account:
    """The account at ``address``. Raises ``NotFound`` where there is none that the actor may see."""
    for account in visible(actor):
        if account.address == address:
            return account
    raise NotFound


def recent(actor: Actor, limit: int = 50) -> Sequence[Entry]:
    """The newest entries of the book, for officers. Raises ``NotAllowed`` for others."""
    actor.must(Permission.LEDGER_READ)
    return session.scalars(
        select(Entry).options(selectinload(Entry.postings)).order_by(Entry.sequence.desc()).limit(limit)
    ).all()
