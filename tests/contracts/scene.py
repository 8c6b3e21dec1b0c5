"""People and flows for the tests of contracts: deals by the verbs of the lower rooms, then the flow by its own."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from contracts import consents, documents, filings, flows, money_track, notices, onestop, signing
from contracts.models import ConsentStatus, FilingStatus, Flow, OfficeNotice
from exchange.core import clock
from exchange.core.db import session, transaction
from exchange.listings.models import ListingKind
from exchange.parties.models import Party, PartyKind, Role, User
from exchange.parties.policy import SYSTEM, Actor
from exchange.rights.models import Right
from tests.listings import scene as market
from tests.parties import given

PRICE = market.PRICE
_count = itertools.count(1)

PDF = b"%PDF-1.7 a scan"


def member(of: Party, *roles: Role) -> Actor:
    """Somebody of ``of`` who has just shown all factors."""
    return replace(market.member(of, *roles), stepped_up=True)


@dataclass
class House:
    """Everybody who acts in a flow, on both sides and at the exchange."""

    seller: Actor
    seller_signer: Actor
    buyer: Actor
    buyer_signer: Actor
    reviewer: Actor
    other_reviewer: Actor
    officer: Actor
    other_officer: Actor
    operator: Actor
    registrar: Actor
    other_registrar: Actor
    auditor: Actor


def house(*, seller: PartyKind = PartyKind.ENTERPRISE, country: str = "CN", **facts: Any) -> House:
    """Two parties (the buyer from ``country``), the exchange, and a registrar."""
    number = next(_count)
    selling = market.party(seller, f"卖方单位 {number}")
    buying = market.party(name=f"买方公司 {number}")
    exchange = market.party(PartyKind.OPERATOR, f"榕易 {number}")
    desk = market.party(PartyKind.REGISTRAR, f"登记站 {number}")

    with transaction():
        selling.bank_account = "3500 1000 2000 3000"
        buying.country = country
        for name, value in facts.items():
            setattr(selling, name, value)
    return House(
        member(selling, Role.AGENT),
        member(selling, Role.SIGNER),
        member(buying, Role.AGENT),
        member(buying, Role.SIGNER),
        member(exchange, Role.REVIEWER),
        member(exchange, Role.REVIEWER),
        member(exchange, Role.FINANCE_OFFICER),
        member(exchange, Role.FINANCE_OFFICER),
        member(exchange, Role.OPERATOR),
        member(desk, Role.REGISTRAR),
        member(desk, Role.REGISTRAR),
        member(exchange, Role.AUDITOR),
    )


def agreed(people: House, *rights: Right, price_fen: int = PRICE, **facts: Any) -> Flow:
    """A flow that has just been opened by an accepted offer."""
    assert people.seller.party is not None
    chosen = rights or (market.right(people.seller.party, inventors=[]),)
    kind = facts.pop("kind", ListingKind.TRANSFER)
    listing = market.published(people.seller, *chosen, kind=kind, price_fen=price_fen, **facts)
    deal = market.agreed(people.seller, people.buyer, listing, price_fen)
    return onestop.open_flow(SYSTEM, deal.ref)


def fresh(flow: Flow) -> Flow:
    """The flow as the database has it now."""
    session.expire_all()
    return session.get_one(Flow, flow.id)


def proof(actor: Actor, flow: Flow, name: str = "proof.pdf") -> str:
    """The reference of a file just added to the flow."""
    return documents.attach(actor, flow.ref, PDF + str(next(_count)).encode(), name).ref


def consented(people: House, flow: Flow) -> Flow:
    """Everybody who was asked has agreed."""
    asked = [c.ref for c in fresh(flow).consents if c.status is not ConsentStatus.GIVEN]
    if asked:
        consents.give(people.seller, asked, document=proof(people.seller, flow))
    return fresh(flow)


def final(people: House, flow: Flow) -> Flow:
    """The text is fixed."""
    signing.finalise(people.seller, flow.ref)
    return fresh(flow)


def signed(people: House, flow: Flow) -> Flow:
    """Both sides have signed."""
    consented(people, flow)
    contract = flows.contract_of(final(people, flow))
    assert contract.sha256 is not None
    signing.sign(people.seller_signer, contract.ref, contract.sha256)
    signing.sign(people.buyer_signer, contract.ref, contract.sha256)
    return fresh(flow)


def funded(people: House, flow: Flow) -> Flow:
    """Signed, and the whole price in escrow."""
    flow = signed(people, flow)
    money_track.receive_price(
        people.officer,
        flow.ref,
        amount_fen=flow.escrow.price_fen,
        bank_reference=f"BANK-{flow.ref}",
    )
    return fresh(flow)


def filed(people: House, flow: Flow, **facts: Any) -> Flow:
    """Funded, every right filed and its fee paid."""
    flow = funded(people, flow)
    for filing in flow.filings:
        filings.submit_filing(people.buyer, filing.ref, **facts)
        if fresh(flow).filings and session.get_one(type(filing), filing.id).status is FilingStatus.FILED:
            filings.pay_fee(people.buyer, filing.ref, receipt=f"RCPT-{filing.ref}")
    return fresh(flow)


def noticed(people: House, flow: Flow, place: int = 0, code: str = "200028", **facts: Any) -> OfficeNotice:
    """The buyer has entered a notice for the filing at ``place``."""
    filing = fresh(flow).filings[place]
    return filings.record_notice(
        people.buyer,
        filing.ref,
        **{
            "code": code,
            "number": f"GA{next(_count):012d}",
            "dated": clock.today(),
            "document": proof(people.buyer, flow),
            **facts,
        },
    )


def recorded(people: House, flow: Flow) -> Flow:
    """The office recorded everything, and the reviewer verified it."""
    flow = filed(people, flow)
    clock.advance(timedelta(days=9))
    for place, _filing in enumerate(flow.filings):
        notices.verify_notice(people.reviewer, noticed(people, flow, place).ref)
    return fresh(flow)


# -- over HTTP ------------------------------------------------------------------------------------


def browser(app: Flask, actor: Actor) -> FlaskClient:
    """A browser in which ``actor`` has signed in by the form."""
    assert actor.user is not None
    with transaction():
        session.get_one(User, actor.user.id).password_hash = given._hashed()
    client = app.test_client()
    assert given.sign_in(client, actor.user).status_code == 303
    return client
