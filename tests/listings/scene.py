"""People, rights and listings for the tests of listings and deals: leaf data by hand, states through the verbs."""

from __future__ import annotations

import itertools
from datetime import date
from typing import Any

from exchange.core import clock
from exchange.core.db import session, transaction
from exchange.deals import actions as deals
from exchange.deals.models import Deal, Offer
from exchange.listings import actions as listings
from exchange.listings.models import Listing, ListingKind
from exchange.parties.models import Membership, Party, PartyKind, PartyStatus, Role, User
from exchange.parties.policy import Actor
from exchange.rights.models import Holding, Publication, Right, RightOwner, RightStatus
from exchange.rights.numbers import check_character

_count = itertools.count(1)

PRICE = 126_000_000
"""The usual asking price, in fen."""


@transaction
def party(kind: PartyKind = PartyKind.ENTERPRISE, name: str | None = None, *, verified: bool = True) -> Party:
    number = next(_count)
    made = Party(
        kind=kind,
        name=name or f"{kind.value} {number}",
        region="350100",
        status=PartyStatus.VERIFIED if verified else PartyStatus.REGISTERED,
        verified_at=clock.now() if verified else None,
    )
    session.add(made)
    session.flush()
    return made


@transaction
def member(of: Party, *roles: Role) -> Actor:
    """Somebody who acts for ``of`` (an agent where no role is named)."""
    number = next(_count)
    held = roles or (Role.AGENT,)
    user = User(email=f"person{number}@example.com", name=f"Person {number}", password_hash="-")
    user.memberships = [Membership(party=of, roles=[role.value for role in held])]
    session.add(user)
    session.flush()
    return Actor(user=user, party=of, roles=frozenset(held))


def reviewer() -> Actor:
    return member(party(PartyKind.OPERATOR, f"Exchange {next(_count)}"), Role.REVIEWER)


@transaction
def right(owner: Party, *more: Party | str, verified: bool = True, **facts: Any) -> Right:
    """A granted invention of ``owner`` (and co-owners), held by ``owner``; nothing stands in its way."""
    number = next(_count)
    body = f"20211{number:07d}"
    made = Right(
        **{
            "key": f"CN{body}{check_character(body)}",
            "kind": "invention",
            "country": "CN",
            "app_no": f"{body}{check_character(body)}",
            "title": f"用于高盐废水的纳滤膜 {number}",
            "title_en": f"Nanofiltration membrane {number}",
            "inventors": ["林知夏", "陈砚"],
            "ipc": ["B01D 69/08"],
            "filed_on": date(2021, 6, 8),
            "published_on": date(2021, 12, 10),
            "granted_on": date(2023, 4, 18),
            "status": RightStatus.GRANTED,
            "status_as_of": clock.today(),
            "status_source": "登记簿副本",
            "fees_paid_through": 6,
            **facts,
        }
    )
    session.add(made)
    session.flush()
    for position, one in enumerate((owner, *more)):
        session.add(
            RightOwner(
                right_id=made.id,
                position=position,
                name=one if isinstance(one, str) else one.name,
                party_id=None if isinstance(one, str) else one.id,
                since=date(2023, 4, 18),
            )
        )
    session.add(Holding(party_id=owner.id, right_id=made.id, verified=verified))
    session.add(
        Publication(
            right_id=made.id,
            number=f"CN{119000000 + number}",
            kind_code="B",
            published_on=date(2023, 4, 18),
            title=made.title,
            abstract="一种中空纤维纳滤膜,用于高盐废水的浓缩与回收。",
        )
    )
    session.flush()
    session.refresh(made)
    return made


STATEMENTS = {"internal_decision": "校科〔2026〕14号", "inventors_notified": True}
"""What a university states before it sells a patent of its own."""


def draft(seller: Actor, *rights: Right, **facts: Any) -> Listing:
    """A draft that can be submitted as it is."""
    assert seller.party is not None
    chosen = rights or (right(seller.party),)
    return listings.draft(
        seller,
        **{
            "kind": ListingKind.TRANSFER,
            "right_refs": [one.ref for one in chosen],
            "title": "中空纤维纳滤膜",
            "summary": "浓缩率高,膜寿命长。",
            "price_fen": PRICE,
            "terms": STATEMENTS,
            **facts,
        },
    )


def submitted(seller: Actor, *rights: Right, **facts: Any) -> Listing:
    return listings.submit(seller, draft(seller, *rights, **facts).ref)


def published(seller: Actor, *rights: Right, by: Actor | None = None, **facts: Any) -> Listing:
    return listings.approve(by or reviewer(), submitted(seller, *rights, **facts).ref)


def offered(buyer: Actor, on: Listing, price_fen: int = PRICE, **facts: Any) -> Offer:
    return deals.make_offer(buyer, on.ref, price_fen=price_fen, **facts)


def agreed(seller: Actor, buyer: Actor, on: Listing, price_fen: int = PRICE, **facts: Any) -> Deal:
    return deals.accept(seller, offered(buyer, on, price_fen, **facts).ref)
