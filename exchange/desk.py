"""The desk: what waits for the reader today, what waits for others, what happened; and the operator's system page.

Every role has the same desk. Its tasks come from one list of queues: each says who works it off, what waits in it,
and where it is done.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import marshmallow as ma
from flask import Blueprint, Response, abort, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import joinedload

from contracts import flows
from contracts.missing import Missing, missing_in
from contracts.models import (
    ContractRegistration,
    Escrow,
    Filing,
    Flow,
    OfficeNotice,
    Payout,
)
from contracts.states import EscrowStatus, FilingStatus, NoticeStatus, PayoutStatus, RegistrationStatus
from exchange import finder, jobs
from exchange.core import audit, clock, events, kept
from exchange.core.config import settings
from exchange.core.db import session
from exchange.core.errors import N_
from exchange.core.events import Delivery, DeliveryStatus
from exchange.deals.models import Deal, DealStatus, Offer, OfferStatus
from exchange.ledger import book, chart
from exchange.ledger.models import Account
from exchange.listings.models import Listing, ListingStatus, Objection, Publicity
from exchange.notifications import actions as notices
from exchange.notifications.pages import sentence
from exchange.parties.models import EXCHANGE_ROLES, Party, PartyStatus, Role
from exchange.parties.policy import Actor, Permission
from exchange.rights.models import Holding
from exchange.web.access import exchange_role, login, public
from exchange.web.forms import Form
from search import indexer

bp = Blueprint("desk", __name__)

LIMIT = 50

_JOBS = {
    "relay": N_("Pass events on to their readers"),
    "due": N_("Wake what is due"),
    "mail": N_("Send waiting mail"),
    "office": N_("Collect the notices of the patent office"),
    "audit_head": N_("Sign a checkpoint of the record"),
    "verify_ledger": N_("Prove the book"),
    "reconcile_search": N_("Compare the search index with the database"),
    "purge": N_("Clear away what is no longer needed"),
    "legal_status": N_("Look at the legal status of rights"),
    "digest": N_("Send the daily digests"),
}
"""What the jobs of the timetable do: name → msgid."""


@dataclass(frozen=True)
class Task:
    """One thing to do: what, about what, where, by when, since when."""

    title: str
    hint: str
    href: str
    act: str
    due: datetime | date | None = None
    since: datetime | None = None
    provisional: bool = False

    @property
    def due_on(self) -> date | None:
        """The last Beijing day before the deadline: one at midnight ends the day before."""
        if isinstance(self.due, datetime):
            return clock.beijing(self.due - timedelta(microseconds=1)).date()
        return self.due

    @property
    def days_left(self) -> int | None:
        """Working days until the deadline: 0 today, below zero when it has passed."""
        if self.due_on is None:
            return None
        today, step = clock.today(), 1 if self.due_on >= clock.today() else -1
        count, day = 0, today
        while day != self.due_on and abs(count) < 400:
            day += timedelta(days=step)
            count += step if clock.is_working_day(day) else 0
        return count if count or self.due_on >= today else -1

    @property
    def overdue(self) -> bool:
        """Whether the deadline has passed."""
        return self.due_on is not None and self.due_on < clock.today()


@dataclass(frozen=True)
class Queue:
    """One kind of work: its name, who may do it, and what waits in it."""

    key: str
    name: str
    can: Callable[[Actor], bool]
    waiting: Callable[[Actor], Iterable[Task]]


def _may(permission: Permission) -> Callable[[Actor], bool]:
    return lambda actor: actor.can(permission)


def _has(*roles: Role) -> Callable[[Actor], bool]:
    return lambda actor: actor.party is not None and bool(actor.roles & set(roles))


def _parties(_actor: Actor) -> Iterator[Task]:
    query = select(Party).where(Party.status == PartyStatus.SUBMITTED).order_by(Party.updated_at).limit(LIMIT)
    for party in session.scalars(query):
        yield Task(
            gettext("Verify %(name)s", name=party.name),
            party.uscc or "",
            url_for("parties.check", ref=party.ref),
            gettext("Verify"),
            since=party.updated_at,
        )


def _reviews(_actor: Actor) -> Iterator[Task]:
    waiting = (ListingStatus.SUBMITTED, ListingStatus.VERIFIED, ListingStatus.GATED)
    query = select(Listing).where(Listing.status.in_(waiting)).order_by(Listing.submitted_at).limit(LIMIT)
    for listing in session.scalars(query):
        yield Task(
            gettext("Review “%(title)s”", title=listing.title),
            listing.seller.name,
            url_for("listings.review", ref=listing.ref),
            gettext("Review"),
            since=listing.submitted_at,
        )


def _objections(_actor: Actor) -> Iterator[Task]:
    query = select(Objection).where(Objection.decided_at.is_(None)).order_by(Objection.id).limit(LIMIT)
    query = query.options(joinedload(Objection.publicity).joinedload(Publicity.listing))
    for objection in session.scalars(query):
        listing = objection.publicity.listing
        yield Task(
            gettext("Decide on an objection to “%(title)s”", title=listing.title),
            objection.text[:80],
            url_for("listings.review", ref=listing.ref),
            gettext("Decide"),
            since=objection.created_at,
        )


def _office_notices(actor: Actor) -> Iterator[Task]:
    query = (
        select(OfficeNotice)
        .where(OfficeNotice.status == NoticeStatus.ENTERED, OfficeNotice.entered_by != actor.user_ref)
        .order_by(OfficeNotice.entered_at)
        .options(
            joinedload(OfficeNotice.filing).joinedload(Filing.flow),
            joinedload(OfficeNotice.registration).joinedload(ContractRegistration.flow),
        )
        .limit(LIMIT)
    )
    for notice in session.scalars(query):
        yield Task(
            gettext("Verify notice %(number)s", number=notice.number),
            notice.flow.deal.listing.title,
            url_for("contracts.notice", ref=notice.ref),
            gettext("Verify"),
            since=notice.entered_at,
        )


def _receipts(_actor: Actor) -> Iterator[Task]:
    query = (
        select(Escrow)
        .where(Escrow.status == EscrowStatus.AWAITING, Escrow.due_at.is_not(None))
        .order_by(Escrow.due_at)
        .options(joinedload(Escrow.flow))
        .limit(LIMIT)
    )
    for escrow in session.scalars(query):
        deal = escrow.flow.deal
        yield Task(
            gettext("Match the payment of %(name)s", name=deal.buyer.name),
            deal.listing.title,
            url_for("contracts.receipt", ref=escrow.flow.ref),
            gettext("Enter the receipt"),
            due=escrow.due_at,
        )


def _payouts(actor: Actor) -> Iterator[Task]:
    query = (
        select(Payout)
        .where(Payout.status == PayoutStatus.REQUESTED, Payout.requested_by != actor.user_ref)
        .order_by(Payout.requested_at)
        .limit(LIMIT)
    )
    for payout in session.scalars(query):
        yield Task(
            gettext("Approve the payout for %(name)s", name=payout.party.name),
            payout.ref,
            url_for("contracts.money"),
            gettext("Check"),
            since=payout.requested_at,
        )


def _credits(_actor: Actor) -> Iterator[Task]:
    """Balances that could be paid out."""
    query = (
        select(Account).where(Account.address.startswith("party:"), Account.balance > 0).order_by(Account.id)
    )
    accounts = session.scalars(query.limit(LIMIT)).all()
    owners = [account.address.removeprefix("party:") for account in accounts]
    rows = session.execute(select(Party.ref, Party.name).where(Party.ref.in_(owners)))
    names = {ref: name for ref, name in rows}  # noqa: C416  Result has keys(), so dict() misreads it
    for account in accounts:
        yield Task(
            gettext(
                "Pay out the balance of %(name)s", name=names.get(account.address.removeprefix("party:"), "")
            ),
            gettext("A second person approves it."),
            url_for("contracts.money"),
            gettext("Request the payout"),
        )


def _registrations(actor: Actor) -> Iterator[Task]:
    open_ = (RegistrationStatus.APPLIED, RegistrationStatus.ACCEPTED, RegistrationStatus.LARGE_REVIEW)
    query = (
        select(ContractRegistration)
        .where(ContractRegistration.status.in_(open_))
        .order_by(ContractRegistration.decide_by)
        .options(joinedload(ContractRegistration.flow))
        .limit(LIMIT)
    )
    for one in session.scalars(query):
        if one.registrar_id in (None, actor.party.id if actor.party else None):
            yield Task(
                gettext("Examine the contract “%(title)s”", title=one.flow.deal.listing.title),
                one.flow.deal.seller.name,
                url_for("contracts.registration", ref=one.ref),
                gettext("Examine"),
                due=one.decide_by,
                provisional=one.decide_by_provisional,
                since=one.created_at,
            )


def _parked(_actor: Actor) -> Iterator[Task]:
    count = session.scalar(select(func.count()).where(Delivery.status == DeliveryStatus.PARKED)) or 0
    if count:
        yield Task(
            gettext("Look at parked deliveries"),
            gettext("Messages inside the exchange that failed several times."),
            url_for("desk.system"),
            gettext("See it"),
        )


def _offers(actor: Actor) -> Iterator[Task]:
    assert actor.party is not None
    mine = actor.party.id
    query = (
        select(Offer)
        .where(
            Offer.status == OfferStatus.OPEN,
            Offer.maker_id != mine,
            (Offer.seller_id == mine) | (Offer.buyer_id == mine),
        )
        .order_by(Offer.expires_at)
        .limit(LIMIT)
    )
    for offer in session.scalars(query):
        if offer.expires_at > clock.now():
            other = offer.buyer if offer.seller_id == mine else offer.seller
            yield Task(
                gettext("Answer the offer of %(name)s", name=other.name),
                offer.listing.title,
                url_for("deals.offer", ref=offer.ref),
                gettext("Answer"),
                due=offer.expires_at,
                since=offer.created_at,
            )


def _drafts(actor: Actor) -> Iterator[Task]:
    assert actor.party is not None
    query = (
        select(Listing)
        .where(
            Listing.seller_id == actor.party.id,
            Listing.status.in_((ListingStatus.DRAFT, ListingStatus.REJECTED, ListingStatus.SUSPENDED)),
        )
        .order_by(Listing.updated_at.desc())
        .limit(10)
    )
    for listing in session.scalars(query):
        yield Task(
            gettext("Complete the listing “%(title)s”", title=listing.title),
            listing.status_reason or "",
            url_for("listings.show", ref=listing.ref),
            gettext("Go on"),
            since=listing.updated_at,
        )


def _organisation(actor: Actor) -> Iterator[Task]:
    assert actor.party is not None
    if actor.party.status in (PartyStatus.REGISTERED, PartyStatus.REFUSED):
        yield Task(
            gettext("Have your organisation verified"),
            actor.party.status_reason or gettext("Listing and buying open after it."),
            url_for("parties.organisation"),
            gettext("Go on"),
        )


def _open_flows(actor: Actor) -> Sequence[Flow]:
    assert actor.party is not None
    mine = actor.party.id
    query = (
        select(Flow)
        .join(Deal, Flow.deal_id == Deal.id)
        .where((Deal.seller_id == mine) | (Deal.buyer_id == mine), Deal.status == DealStatus.AGREED)
        .order_by(Flow.id)
        .limit(LIMIT)
    )
    return session.scalars(flows.with_tracks(query)).unique().all()


def _steps(actor: Actor) -> list[tuple[Flow, Missing]]:
    """What is needed in the open flows of the reader's organisation; asked for once in a request."""
    if "flow_steps" not in g:
        g.flow_steps = [(flow, item) for flow, items in missing_in(_open_flows(actor)) for item in items]
    found: list[tuple[Flow, Missing]] = g.flow_steps
    return found


def _flow_steps(actor: Actor) -> Iterator[Task]:
    """What the flows of the reader's organisation want from it now."""
    for flow, item in _steps(actor):
        if item.waits_for(actor.party):
            yield Task(
                item.sentence(gettext),
                flow.deal.listing.title,
                url_for(item.endpoint, **dict[str, Any](item.args)),
                gettext("Do it"),
                due=item.by,
                provisional=item.provisional,
            )


QUEUES: tuple[Queue, ...] = (
    Queue("organisation", N_("Your organisation"), _has(Role.OWNER_ADMIN), _organisation),
    Queue("offers", N_("Offers to answer"), _has(Role.AGENT, Role.OWNER_ADMIN), _offers),
    Queue(
        "flows",
        N_("Contracts and filings"),
        _has(Role.AGENT, Role.OWNER_ADMIN, Role.SIGNER, Role.FINANCE),
        _flow_steps,
    ),
    Queue("drafts", N_("Listings to complete"), _has(Role.AGENT, Role.OWNER_ADMIN), _drafts),
    Queue("parties", N_("Parties to verify"), _may(Permission.PARTY_VERIFY), _parties),
    Queue("listings", N_("Listings to review"), _may(Permission.LISTING_REVIEW), _reviews),
    Queue("objections", N_("Objections"), _may(Permission.LISTING_REVIEW), _objections),
    Queue("filings", N_("Notices to verify"), _may(Permission.FILING_VERIFY), _office_notices),
    Queue("money", N_("Payments to match"), _may(Permission.ESCROW_RECEIVE), _receipts),
    Queue("payouts", N_("Payouts to approve"), _may(Permission.ESCROW_PAY_OUT), _payouts),
    Queue("balances", N_("Balances to pay out"), _may(Permission.ESCROW_PAY_OUT), _credits),
    Queue("registrations", N_("Contracts to register"), _may(Permission.REGISTRATION_DECIDE), _registrations),
    Queue("parked", N_("Parked deliveries"), _may(Permission.DELIVERY_RETRY), _parked),
)


def tasks(actor: Actor) -> list[Task]:
    """Everything that waits for the reader: overdue first, then by deadline, then the oldest."""
    found = [task for queue in QUEUES if queue.can(actor) for task in queue.waiting(actor)]
    return sorted(
        found, key=lambda t: (t.due_on or date.max, t.since or datetime.max.replace(tzinfo=clock.BEIJING))
    )


def _waiting_for_others(actor: Actor) -> list[tuple[Flow, Missing]]:
    if actor.party is None:
        return []
    return [(flow, item) for flow, item in _steps(actor) if not item.waits_for(actor.party)]


def _figures(actor: Actor) -> list[tuple[str, Any, str]]:
    party = actor.party
    if party is None:
        return []
    if actor.can(Permission.DESK_READ):
        listed, agreed, filed, verified = _counts(
            (Listing, Listing.status == ListingStatus.LISTED),
            (Deal, Deal.status == DealStatus.AGREED),
            (Filing, Filing.status == FilingStatus.FEE_PAID),
            (Party, Party.status == PartyStatus.VERIFIED),
        )
        return [
            (gettext("On offer"), listed, url_for("search.index")),
            (gettext("Deals under way"), agreed, url_for("contracts.index")),
            (gettext("Filings at the office"), filed, url_for("contracts.index")),
            (gettext("Verified parties"), verified, url_for("desk.index")),
        ]
    held, listed, agreed = _counts(
        (Holding, (Holding.party_id == party.id) & Holding.ended_at.is_(None)),
        (Listing, (Listing.seller_id == party.id) & (Listing.status == ListingStatus.LISTED)),
        (
            Deal,
            ((Deal.seller_id == party.id) | (Deal.buyer_id == party.id)) & (Deal.status == DealStatus.AGREED),
        ),
    )
    return [
        (gettext("Rights"), held, url_for("rights.index")),
        (gettext("On offer"), listed, url_for("listings.mine")),
        (gettext("Deals under way"), agreed, url_for("deals.index")),
        (gettext("Balance (yuan)"), book.balance(chart.party(party.ref)) // 100, url_for("ledger.index")),
    ]


def _counts(*wanted: tuple[Any, ColumnElement[bool]]) -> Sequence[int]:
    """How many rows of each model fulfil its condition, in one question."""
    counts = [
        select(func.count()).select_from(model).where(condition).scalar_subquery()
        for model, condition in wanted
    ]
    return tuple(session.execute(select(*counts)).one())


@bp.get("/desk")
@login
def index() -> str:
    """The reader's desk."""
    found = tasks(g.actor)
    return render_template(
        "desk/index.html",
        tasks=found,
        others=_waiting_for_others(g.actor)[:8],
        recent=notices.inbox(g.actor, limit=6),
        sentence=sentence,
        translate=gettext,
        figures=_figures(g.actor),
        today=clock.today(),
        may_list=g.actor.party is not None
        and g.actor.party.verified
        and g.actor.can(Permission.LISTING_DRAFT),
        may_find=bool(EXCHANGE_ROLES & set(g.actor.roles)),
    )


@bp.get("/desk/find")
@exchange_role(*(role.value for role in EXCHANGE_ROLES))
def find() -> str:
    """Anything by its reference, number or name."""
    text = request.args.get("q", "")
    return render_template("desk/find.html", q=text, groups=finder.find(g.actor, text))


@bp.get("/desk/<key>")
@login
def queue(key: str) -> str:
    """One queue, oldest first."""
    found = next((one for one in QUEUES if one.key == key), None)
    if found is None or not found.can(g.actor):
        abort(404)
    return render_template("desk/queue.html", queue=found, tasks=list(found.waiting(g.actor)))


class AdvanceForm(ma.Schema):
    """How far to put the clock forward."""

    days = ma.fields.Integer(
        required=True, validate=ma.validate.Range(1, 400), metadata={"label": N_("Days"), "unit": N_("days")}
    )


@bp.get("/desk/system")
@exchange_role("operator", "auditor")
def system() -> str:
    """Health of jobs, deliveries, search and clock."""
    return _system_page(Form(AdvanceForm, data={"days": 1}))


def _system_page(form: Form) -> str:
    parked = session.scalars(
        select(Delivery).where(Delivery.status == DeliveryStatus.PARKED).order_by(Delivery.id).limit(LIMIT)
    ).all()

    return render_template(
        "desk/system.html",
        jobs=[
            row
            | {
                "does": gettext(_JOBS.get(row["name"], row["name"])),
                "finished": datetime.fromisoformat(row["finished_at"]) if row["finished_at"] else None,
            }
            for row in jobs.status()
        ],
        backlog=events.backlog(),
        parked=parked,
        search=indexer.health(),
        form=form,
        now=clock.now(),
        movable=not settings().production,
    )


@bp.post("/desk/system/clock")
@exchange_role("operator")
def advance() -> ResponseReturnValue:
    """Put the clock forward (development only)."""
    form = Form(AdvanceForm)

    def save(values: dict[str, Any]) -> str:
        kept.advance_clock(timedelta(days=values["days"]))
        return url_for("desk.system")

    return form.answer(save, lambda: _system_page(form))


@bp.post("/desk/deliveries/<int:id_>/retry")
@exchange_role("operator")
def retry(id_: int) -> ResponseReturnValue:
    """Try a parked delivery again."""
    g.actor.must(Permission.DELIVERY_RETRY)
    events.retry(id_)
    return redirect(url_for("desk.system"), 303)


@bp.get("/audit")
@public
def audit_heads() -> ResponseReturnValue:
    """The published heads of the audit log: a page, or with ``?format=jsonl`` lines to keep elsewhere."""
    found = audit.heads()
    if request.args.get("format") == "jsonl":
        lines = "".join(json.dumps(audit.as_json(head)) + "\n" for head in reversed(found))
        return Response(lines, mimetype="application/jsonl")
    return render_template("desk/audit.html", heads=found[:50], key=audit.public_key())
