"""Finding, locking and judging a flow: what every track of it shares.

Locks are always taken in one order: flow, contract, filings sorted, right, and last the ledger's accounts (inside
``book.post``). A verb reads what it decides after it has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload, selectinload

from contracts.models import (
    ConsentKind,
    ConsentStatus,
    ContractRegistration,
    ContractStatus,
    Filing,
    FilingKind,
    FilingStatus,
    Flow,
    TechnologyContract,
)
from contracts.states import RegistrationStatus
from exchange.core import clock
from exchange.core.db import get, lock, lock_all, session
from exchange.core.errors import N_, Conflict, Invalid, NotAllowed, NotFound, Problem, RuleBroken
from exchange.deals.models import Deal, DealStatus
from exchange.listings import rules as listing_rules
from exchange.listings.models import Listing, ListingKind, Publicity
from exchange.parties.policy import Actor, Permission
from exchange.rights import obstacles as rights_rules
from exchange.rights.models import Right

DONE: Final = frozenset({FilingStatus.RECORDED, FilingStatus.ABANDONED})
"""States in which nothing more is to be done about a filing."""

DEAD_REGISTRATION: Final = frozenset(
    {RegistrationStatus.REFUSED, RegistrationStatus.CANCELLED, RegistrationStatus.REVOKED}
)
"""States of a registration that do not stand in the way of another application."""


# -- finding --------------------------------------------------------------------------------------


def get_for(actor: Actor, ref: str, permission: Permission = Permission.FLOW_READ) -> Flow:
    """The flow ``ref``. Raises ``NotFound`` where the actor has no business with it."""
    flow = get(Flow, ref)
    actor.must_see(permission, flow)
    return flow


def read(actor: Actor, ref: str) -> Flow:
    """The flow ``ref`` with all its tracks, for a page that shows them. Raises ``NotFound`` as ``get_for`` does."""
    query = with_tracks(select(Flow).where(Flow.ref == ref), one=True)
    flow = session.scalars(query).unique().one_or_none()
    if flow is None:
        raise NotFound
    actor.must_see(Permission.FLOW_READ, flow)
    return flow


def visible(actor: Actor) -> Select[Flow]:
    """The flows the actor may see, newest first: all for the exchange's people, their own for a party's.

    Raises ``NotAllowed`` for a token that may not read them.
    """
    actor.must_be_in_scope(Permission.FLOW_READ)
    query = select(Flow).join(Deal, Flow.deal_id == Deal.id).order_by(Flow.opened_at.desc(), Flow.id.desc())
    if actor.can(Permission.FLOW_READ):  # by a role on the exchange: no relation to a thing is asked
        return query
    own = actor.party.id if actor.party else -1
    return query.where((Deal.seller_id == own) | (Deal.buyer_id == own))


def with_tracks(query: Select[Flow], *, one: bool = False) -> Select[Flow]:
    """``query``, so that all tracks of its flows come along in a few questions, however many flows there are.

    ``one``: it gives one flow, so that even less is asked separately.
    """
    listed = joinedload(Flow.deal).joinedload(Deal.listing)
    public = (listed.joinedload if one else listed.selectinload)(Listing.publicities)
    burdened = joinedload(Filing.right).options(
        joinedload(Right.owners), joinedload(Right.holdings), joinedload(Right.encumbrances)
    )
    return query.options(
        public.joinedload(Publicity.objections),
        selectinload(Flow.contracts).joinedload(TechnologyContract.signatures),
        joinedload(Flow.consents),
        selectinload(Flow.registrations).joinedload(ContractRegistration.notices),
        selectinload(Flow.filings).options(joinedload(Filing.notices), burdened),
    )


def contract_of(flow: Flow) -> TechnologyContract:
    """The contract that counts: the one that is not void, else the newest."""
    living = [contract for contract in flow.contracts if contract.status is not ContractStatus.VOID]
    return (living or flow.contracts)[-1]


def registration_of(flow: Flow) -> ContractRegistration | None:
    """The registration that counts: a live one, else the newest, else none."""
    living = [one for one in flow.registrations if one.status not in DEAD_REGISTRATION]
    found = living or flow.registrations
    return found[-1] if found else None


# -- locking --------------------------------------------------------------------------------------


def locked(actor: Actor, ref: str) -> Flow:
    """The flow ``ref``, locked and freshly read with all its tracks; ``NotFound`` for strangers."""
    flow = lock(Flow, get_for(actor, ref).id)
    refresh(flow)
    return flow


def refresh(flow: Flow) -> None:
    """Forget what the session remembers of the flow's tracks, so that they are read again under its lock."""
    session.flush()
    session.expire(
        flow, ["contracts", "consents", "clearance", "escrow", "registrations", "filings", "certificate"]
    )
    session.refresh(flow.deal)
    for contract in flow.contracts:
        session.expire(contract, ["signatures"])
    for thing in (*flow.filings, *flow.registrations):
        session.expire(thing, ["notices"])
    for filing in flow.filings:
        session.expire(filing.right)


def locked_contract(flow: Flow) -> TechnologyContract:
    """The contract that counts, locked after its flow."""
    return lock(TechnologyContract, contract_of(flow).id)


def locked_filings(flow: Flow) -> list[Filing]:
    """All filings of the flow, locked in the order of their ids."""
    return lock_all(Filing, [filing.id for filing in flow.filings])


def must_run(flow: Flow) -> None:
    """Raise ``Conflict`` (``flow.ended``) where the deal is completed or rescinded."""
    if flow.deal.status is not DealStatus.AGREED:
        raise Conflict(
            "flow.ended",
            N_(
                "This deal has ended. Nothing more can be done in its file; start a new deal if you need one."
            ),
            state=flow.deal.status.value,
        )


def must_stand_with(actor: Actor, permission: Permission, flow: Flow, side: str) -> None:
    """Raise ``NotAllowed`` unless the actor may do it and its party is the ``seller`` (or ``buyer``) of the deal."""
    actor.must(permission, flow)
    if not actor.system and (actor.party is None or actor.party.id not in flow.parties_for(side)):
        messages = {
            "seller": N_("Only the seller can do this. Ask %(name)s."),
            "buyer": N_("Only the buyer can do this. Ask %(name)s."),
        }
        party = flow.deal.seller if side == "seller" else flow.deal.buyer
        raise NotAllowed("flow.other_side", messages[side], rule=permission.value, name=party.name)


# -- refusing -------------------------------------------------------------------------------------


def refuse(problems: Sequence[Problem], code: str, message: str) -> None:
    """Raise what stands in the way: one reason as itself (``RuleBroken``), several at once as ``Invalid``."""
    if len(problems) == 1:
        one = problems[0]
        raise RuleBroken(one.code, one.message, field=one.field, rule=one.rule, **one.params)
    if problems:
        raise Invalid(problems, code, message)


# -- judging --------------------------------------------------------------------------------------


def is_transfer(listing: Listing) -> bool:
    """Whether the right itself changes hands; else it is licensed."""
    return listing.kind is not ListingKind.LICENCE


def act_of(flow: Flow) -> str:
    """What the flow does to its rights, as ``rights.obstacles`` names it."""
    listing = flow.deal.listing
    if is_transfer(listing):
        return rights_rules.TRANSFER
    exclusive = listing_rules.needs_all_owners(listing.kind, listing.licence_kind)
    return rights_rules.EXCLUSIVE if exclusive else rights_rules.LICENSE


def agreed_for(flow: Flow, right: Right) -> frozenset[str]:
    """The waivers at hand for ``right``: consents that were given by all who were asked."""
    found = set()
    for kind, waiver in (
        (ConsentKind.CO_OWNER, rights_rules.CO_OWNERS),
        (ConsentKind.PLEDGEE, rights_rules.PLEDGEE),
    ):
        asked = [c for c in flow.consents if c.right_id == right.id and c.kind is kind]
        if asked and all(consent.status is ConsentStatus.GIVEN for consent in asked):
            found.add(waiver)
    return frozenset(found)


def blocks(flow: Flow, right: Right, *, fresh: bool = True) -> list[Problem]:
    """Why the act of the flow may not be done with ``right`` today, consents at hand set aside.

    With ``fresh`` the status must also be fresh (law.md §9 invariant 11). Co-owners whose consent is not at hand
    are named by ``consents_open``, not here.
    """
    agreed = agreed_for(flow, right) | {rights_rules.CO_OWNERS}
    found = rights_rules.obstacles(right, act_of(flow), party=flow.deal.seller, agreed=agreed)
    if fresh:
        found += [
            one
            for one in rights_rules.obstacles(right, rights_rules.FILE, agreed=agreed)
            if one.code == "status.stale"
        ]
    return [
        Problem(one.code, one.message, field=f"rights.{right.ref}", rule=one.rule, params=dict(one.params))
        for one in found
    ]


def consents_open(flow: Flow, right: Right | None = None) -> list[Problem]:
    """Each consent that is still asked for or was refused (for one right, or for all)."""
    said = {
        ConsentStatus.ASKED: (
            "consent.open",
            N_("The word of %(name)s on “%(title)s” is still open (%(kind)s)."),
        ),
        ConsentStatus.REFUSED: (
            "consent.refused",
            N_("%(name)s refused for “%(title)s” (%(kind)s). Without it this cannot go on."),
        ),
    }
    return [
        Problem(
            said[consent.status][0],
            said[consent.status][1],
            field="consents",
            rule={
                ConsentKind.CO_OWNER: "law.md §9 invariant 12",
                ConsentKind.PLEDGEE: "law.md §9 invariant 14",
                ConsentKind.INVENTOR: "law.md §9 invariant 18",
            }[consent.kind],
            params={"name": consent.name, "title": consent.right.title, "kind": consent.kind},
        )
        for consent in flow.consents
        if consent.status is not ConsentStatus.GIVEN and (right is None or consent.right_id == right.id)
    ]


def all_recorded(flow: Flow) -> bool:
    """Whether every right of the flow is recorded (law.md §9 invariant 39)."""
    return bool(flow.filings) and all(filing.status is FilingStatus.RECORDED for filing in flow.filings)


def last_day(instant: datetime) -> date:
    """The last Beijing day before ``instant``: what a reader calls the deadline that ends at midnight."""
    return clock.beijing(instant - timedelta(microseconds=1)).date()


def filing_kind(flow: Flow) -> FilingKind:
    """Ownership change or licence recordal."""
    return FilingKind.TRANSFER if is_transfer(flow.deal.listing) else FilingKind.LICENCE
