"""Find anything by its reference, its number or its name: for people of the exchange (``/desk/find``)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, or_, select

from contracts.models import Flow
from exchange.core.db import session
from exchange.core.errors import N_
from exchange.core.labels import label
from exchange.deals.models import Deal, Offer
from exchange.listings.models import Listing
from exchange.parties.models import Party, User
from exchange.parties.policy import Actor, Permission
from exchange.rights import numbers
from exchange.rights.actions import key_of
from exchange.rights.models import Right, RightImport
from exchange.rights.numbers import Number

MOST = 10
"""Things of a kind that are shown."""


@dataclass(frozen=True, slots=True)
class Found:
    """One thing: its reference, what it is called, the msgid of its state, and where its page is."""

    ref: str
    name: str
    state: str
    path: str


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of thing: how it is looked for, who may see it, and how it is shown."""

    name: str
    query: Callable[[str], Select[Any]]
    permission: Permission | None
    shown: Callable[[Any], Found]


def _like(text: str) -> str:
    return f"%{text.replace('%', '').replace('_', '')}%"


def _parties(text: str) -> Select[Party]:
    fitting = (Party.ref == text, Party.uscc == text.upper(), Party.name.ilike(_like(text)))
    return select(Party).where(or_(*fitting)).order_by(Party.name, Party.id)


def _people(text: str) -> Select[User]:
    fitting = (User.ref == text, User.email == text.lower(), User.name == text)
    return select(User).where(or_(*fitting)).order_by(User.id)


def _rights(text: str) -> Select[Right]:
    read = numbers.try_parse(text)
    fitting = [Right.ref == text, Right.title.ilike(_like(text))]
    if isinstance(read, Number):
        fitting.append(Right.key == key_of(read))
    return select(Right).where(or_(*fitting), Right.merged_into_id.is_(None)).order_by(Right.id)


def _listings(text: str) -> Select[Listing]:
    return (
        select(Listing)
        .where(or_(Listing.ref == text, Listing.title.ilike(_like(text))))
        .order_by(Listing.created_at.desc(), Listing.id.desc())
    )


def _offers(text: str) -> Select[Offer]:
    return select(Offer).where(Offer.ref == text)


def _deals(text: str) -> Select[Deal]:
    return (
        select(Deal)
        .join(Listing, Listing.id == Deal.listing_id)
        .where(or_(Deal.ref == text, Listing.title.ilike(_like(text))))
        .order_by(Deal.id.desc())
    )


def _flows(text: str) -> Select[Flow]:
    return select(Flow).join(Deal, Deal.id == Flow.deal_id).where(or_(Flow.ref == text, Deal.ref == text))


def _imports(text: str) -> Select[RightImport]:
    return (
        select(RightImport)
        .where(or_(RightImport.ref == text, RightImport.filename.ilike(_like(text))))
        .order_by(RightImport.id.desc())
    )


KINDS: tuple[Kind, ...] = (
    Kind(
        N_("Parties"),
        _parties,
        Permission.PARTY_READ,
        lambda one: Found(one.ref, one.name, label(one.status), f"/parties/{one.ref}"),
    ),
    Kind(
        N_("People"),
        _people,
        None,
        lambda one: Found(one.ref, f"{one.name}　{one.email}", "", ""),
    ),
    Kind(
        N_("Rights"),
        _rights,
        None,
        lambda one: Found(one.ref, one.title, label(one.status), f"/rights/{one.ref}"),
    ),
    Kind(
        N_("Listings"),
        _listings,
        Permission.LISTING_READ,
        lambda one: Found(one.ref, one.title, label(one.status), f"/listings/{one.ref}"),
    ),
    Kind(
        N_("Offers"),
        _offers,
        Permission.OFFER_READ,
        lambda one: Found(one.ref, one.listing.title, label(one.status), f"/offers/{one.ref}"),
    ),
    Kind(
        N_("Deals"),
        _deals,
        Permission.DEAL_READ,
        lambda one: Found(one.ref, one.listing.title, label(one.status), f"/deals/{one.ref}"),
    ),
    Kind(
        N_("One-stop files"),
        _flows,
        Permission.FLOW_READ,
        lambda one: Found(one.ref, one.deal.listing.title, label(one.deal.status), f"/flows/{one.ref}"),
    ),
    Kind(
        N_("Imports"),
        _imports,
        Permission.RIGHT_IMPORT,
        lambda one: Found(one.ref, one.filename, label(one.status), f"/rights/imports/{one.ref}"),
    ),
)


def find(actor: Actor, text: str) -> list[tuple[str, list[Found]]]:
    """What ``actor`` may see of what ``text`` names: (msgid of the kind, things), only kinds with something found."""
    text = " ".join(text.split())[:100]
    if not text:
        return []
    groups = []
    for kind in KINDS:
        things = session.scalars(kind.query(text).limit(MOST)).unique()
        shown = [
            kind.shown(thing)
            for thing in things
            if kind.permission is None or actor.can(kind.permission, thing)
        ]
        if shown:
            groups.append((kind.name, shown))
    return groups
