"""Where a flow stands, track by track, as its page draws it: done, others act, you act, stopped, later."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import select

from contracts import documents, flows, money_track
from contracts.missing import OFFICE_NAME, Missing
from contracts.models import (
    ClearanceStatus,
    ConsentStatus,
    ContractStatus,
    EscrowStatus,
    Filing,
    FilingStatus,
    Flow,
    Payout,
    PayoutStatus,
    RegistrationStatus,
)
from contracts.snapshot import shown_number
from exchange.core import clock
from exchange.core.db import session
from exchange.core.errors import N_
from exchange.core.files import Document
from exchange.core.labels import label
from exchange.core.money import yuan
from exchange.deals import actions as deals
from exchange.deals.models import DealStatus
from exchange.parties.models import PartyKind
from exchange.parties.policy import Actor, Permission

BESIDE: Final = ("registration", "filing")
"""Tracks that run side by side; neither waits for the other (law.md §7.2)."""

DONE, OUT, MINE, STOP, LATER = "done", "out", "mine", "stop", "later"


@dataclass(frozen=True)
class Step:
    """One right inside the filing track."""

    filing: Filing
    number: str
    cells: tuple[str, ...]
    status: FilingStatus
    by: date | None
    asks: bool


@dataclass(frozen=True)
class Track:
    """One line of the rail. ``words`` is a msgid with ``params``; ``when`` is done on, due by, or open from."""

    key: str
    title: str
    state: str
    words: str
    params: Mapping[str, Any] = field(default_factory=dict)
    who: str = ""
    when: date | datetime | None = None
    provisional: bool = False
    opens: bool = False
    """Whether ``when`` is the day from which it is possible, not the last one."""
    steps: tuple[Step, ...] = ()
    items: tuple[Missing, ...] = ()


# -- whose turn it is -----------------------------------------------------------------------------

_EXCHANGE: Final = {"reviewer": Permission.FILING_VERIFY, "finance_officer": Permission.ESCROW_PAY_OUT}


def is_for(item: Missing, actor: Actor) -> bool:
    """Whether it is this reader's turn: their party supplies it, or their role on the exchange does."""
    if item.who in _EXCHANGE:
        return actor.can(_EXCHANGE[item.who])
    if item.who == "registrar":
        own = actor.party is not None and actor.party.kind is PartyKind.REGISTRAR
        return actor.can(Permission.REGISTRATION_DECIDE) and (
            not own or item.waits_for(actor.party) or not item.names
        )
    return item.waits_for(actor.party)


def next_for(items: Iterable[Missing], actor: Actor) -> tuple[Missing | None, list[Missing]]:
    """What this reader does next, and what else is theirs; nothing that stops something waits behind the optional."""
    mine = [item for item in items if is_for(item, actor)]
    return (mine[0], mine[1:]) if mine else (None, [])


def _state(items: Sequence[Missing], actor: Actor, *, done: bool, stop: bool = False) -> str:
    if stop:
        return STOP
    if any(is_for(item, actor) for item in items):
        return MINE
    if done:
        return DONE
    return OUT if items else LATER


# -- the stage in one word ------------------------------------------------------------------------

STAGES: Final[dict[str, str]] = {
    "draft": N_("Contract in draft"),
    "publicity": N_("Price in publicity"),
    "signing": N_("Ready for signature"),
    "payment": N_("Waiting for the price"),
    "filing": N_("To be filed"),
    "office": N_("At the patent office"),
    "hold": N_("Stopped by a block"),
    "done": N_("Completed"),
    "rescinded": N_("Rescinded"),
}
"""The stages of a flow, computed from its tracks: key → msgid."""

TONES: Final = {"done": "done", "rescinded": "stop", "hold": "stop", "payment": "ask"}


def stage(flow: Flow) -> str:
    """The stage of a flow, as a key of ``STAGES``: a flow has no status of its own."""
    if flow.deal.status is not DealStatus.AGREED:
        return "done" if flow.deal.status is DealStatus.COMPLETED else "rescinded"
    contract = flows.contract_of(flow)
    if contract.status is ContractStatus.DRAFT:
        return "draft"
    if contract.status is ContractStatus.READY:
        return "signing" if deals.signing_open(flow.deal).open else "publicity"
    if flow.escrow.status is EscrowStatus.AWAITING:
        return "payment"
    states = {filing.status for filing in flow.filings}
    if FilingStatus.ON_HOLD in states:
        return "hold"
    return "filing" if states & {FilingStatus.DRAFT, FilingStatus.DEEMED_NOT_FILED} else "office"


# -- the rail -------------------------------------------------------------------------------------


def tracks(
    flow: Flow, items: Sequence[Missing], actor: Actor, files: Sequence[Document] | None = None
) -> list[Track]:
    """The tracks in their order; ``registration`` and ``filing`` run side by side."""
    of: dict[str, list[Missing]] = {}
    for item in items:
        of.setdefault(item.track, []).append(item)
    found = [
        _contract(flow, of.get("contract", []), documents.of_flow(flow) if files is None else files, actor)
    ]
    if flow.consents:
        found.append(_consents(flow, of.get("consents", []), actor))
    if flow.clearance is not None:
        found.append(_export(flow, of.get("export", []), actor))
    return [
        *found,
        _signing(flow, of.get("signing", []), actor),
        _money(flow, of.get("money", []), actor),
        _registration(flow, of.get("registration", []), actor),
        _filing(flow, of.get("filing", []), actor),
        _release(flow, of.get("payout", []), actor),
    ]


def _contract(flow: Flow, items: list[Missing], files: Sequence[Document], actor: Actor) -> Track:
    contract = flows.contract_of(flow)
    versions = sum(1 for document in files if document.purpose == documents.CONTRACT)
    if contract.status is ContractStatus.VOID:
        words, state = N_("The contract is void"), STOP
    elif contract.status is ContractStatus.DRAFT:
        words = N_("Draft. %(open)s points are open")
        state = _state(items, actor, done=False)
    else:
        words, state = N_("Version %(version)s is the text that counts"), DONE
    return Track(
        "contract",
        N_("Contract"),
        state,
        words,
        {"open": sum(1 for item in items if item.code != "contract.finalise"), "version": versions},
        when=contract.document.created_at if contract.document and state == DONE else None,
        items=tuple(items),
    )


def _consents(flow: Flow, items: list[Missing], actor: Actor) -> Track:
    given = [consent for consent in flow.consents if consent.status is ConsentStatus.GIVEN]
    refused = any(consent.status is ConsentStatus.REFUSED for consent in flow.consents)
    done = len(given) == len(flow.consents)
    dates = [consent.answered_at for consent in given if consent.answered_at]
    return Track(
        "consents",
        N_("Consents"),
        _state(items, actor, done=done, stop=refused and not any(is_for(item, actor) for item in items)),
        N_("%(given)s of %(all)s are at hand: co-owners, pledgees, inventors"),
        {"given": len(given), "all": len(flow.consents)},
        who=flow.deal.seller.name,
        when=max(dates) if done and dates else None,
        items=tuple(items),
    )


def _export(flow: Flow, items: list[Missing], actor: Actor) -> Track:
    clearance = flow.clearance
    assert clearance is not None
    return Track(
        "export",
        N_("Export of technology"),
        _state(items, actor, done=clearance.status is ClearanceStatus.CLEARED),
        label(clearance.status),
        who=flow.deal.seller.name,
        when=clearance.updated_at if clearance.status is ClearanceStatus.CLEARED else None,
        items=tuple(items),
    )


def _signing(flow: Flow, items: list[Missing], actor: Actor) -> Track:
    contract = flows.contract_of(flow)
    names = "、".join(signature.name for signature in contract.signatures)
    if contract.status is ContractStatus.SIGNED:
        return Track(
            "signing",
            N_("Signatures"),
            DONE,
            N_("Signed by both sides; the contract is in force"),
            who=names,
            when=contract.signed_on,
        )
    gate = deals.signing_open(flow.deal)
    waiting = not gate.open
    return Track(
        "signing",
        N_("Signatures"),
        _state(items, actor, done=False, stop=flow.deal.status is DealStatus.RESCINDED),
        N_("The price is in publicity; signing opens after it")
        if waiting
        else N_("%(count)s of 2 sides have signed"),
        {"count": len(contract.signatures)},
        who=names,
        when=gate.when if waiting else None,
        opens=waiting,
        items=tuple(items),
    )


def _money(flow: Flow, items: list[Missing], actor: Actor) -> Track:
    escrow = flow.escrow
    words = {
        EscrowStatus.AWAITING: N_("%(received)s of %(price)s yuan have come in"),
        EscrowStatus.FUNDED: N_("%(price)s yuan are in escrow"),
        EscrowStatus.RELEASED: N_("%(price)s yuan were in escrow and are released"),
        EscrowStatus.REFUNDED: N_("The price was refunded to the buyer"),
        EscrowStatus.VOID: N_("No price is due any more"),
    }[escrow.status]
    done = escrow.status in {EscrowStatus.FUNDED, EscrowStatus.RELEASED}
    return Track(
        "money",
        N_("Price in escrow"),
        _state(items, actor, done=done, stop=escrow.status in {EscrowStatus.REFUNDED, EscrowStatus.VOID}),
        words,
        {"received": yuan(money_track.received(flow)), "price": yuan(escrow.price_fen)},
        who=flow.deal.buyer.name,
        when=escrow.funded_at if done else flows.last_day(escrow.due_at) if escrow.due_at else None,
        items=tuple(items),
    )


def _registration(flow: Flow, items: list[Missing], actor: Actor) -> Track:
    one = flows.registration_of(flow)
    title = N_("Registration of the technology contract")
    if one is None:
        needed = [item for item in items if not item.optional]
        return Track(
            "registration",
            title,
            _state(needed, actor, done=False),
            N_("Voluntary, not applied for. It does not hold up the payment"),
            items=tuple(items),
        )
    done = one.status is RegistrationStatus.REGISTERED
    stopped = one.status in flows.DEAD_REGISTRATION
    words = {
        RegistrationStatus.REGISTERED: N_("Registered under %(number)s"),
        RegistrationStatus.REFUSED: N_("Not registered. The transfer goes on; benefits are lost"),
    }.get(one.status, label(one.status))
    return Track(
        "registration",
        title,
        _state(items, actor, done=done, stop=stopped),
        words,
        {"number": one.number},
        who=one.registrar.name if one.registrar else "",
        when=one.registered_on if done else None if stopped else one.decide_by,
        provisional=one.decide_by_provisional and not done and not stopped,
        items=tuple(items),
    )


CELLS: Final[dict[FilingStatus, tuple[str, ...]]] = {
    FilingStatus.DRAFT: ("now", "", "", ""),
    FilingStatus.FILED: ("on", "now", "", ""),
    FilingStatus.FEE_PAID: ("on", "on", "now", ""),
    FilingStatus.SUPPLEMENT: ("on", "on", "now", ""),
    FilingStatus.RECORDED: ("on", "on", "on", "on"),
    FilingStatus.DEEMED_NOT_FILED: ("now", "", "", ""),
    FilingStatus.ON_HOLD: ("half", "", "", ""),
    FilingStatus.ABANDONED: ("", "", "", ""),
}
"""A filing as four cells: filed, fee paid, examined, recorded."""


def _step(filing: Filing) -> Step:
    by = {
        FilingStatus.FILED: filing.fee_due_on,
        FilingStatus.SUPPLEMENT: filing.supplement_due_on,
        FilingStatus.RECORDED: filing.recorded_on,
    }.get(filing.status)
    asks = filing.status in {FilingStatus.FILED, FilingStatus.SUPPLEMENT, FilingStatus.DEEMED_NOT_FILED}
    return Step(filing, shown_number(filing.right), CELLS[filing.status], filing.status, by, asks)


def _filing(flow: Flow, items: list[Missing], actor: Actor) -> Track:
    count = sum(1 for filing in flow.filings if filing.status is FilingStatus.RECORDED)
    held = any(filing.status is FilingStatus.ON_HOLD for filing in flow.filings)
    ended = flow.deal.status is DealStatus.RESCINDED
    days = [filing.recorded_on for filing in flow.filings if filing.recorded_on]
    done = flows.all_recorded(flow)
    dates = [item.by for item in items if item.by]
    return Track(
        "filing",
        N_("Change of owner at the patent office")
        if flows.is_transfer(flow.deal.listing)
        else N_("Recordal of the licence at the patent office"),
        _state(items, actor, done=done, stop=held or ended),
        N_("%(count)s of %(all)s rights are recorded"),
        {"count": count, "all": len(flow.filings)},
        who=OFFICE_NAME if any(item.who == "office" for item in items) else "",
        when=max(days) if done and days else min(dates, key=_sorted) if dates else None,
        steps=tuple(_step(filing) for filing in flow.filings),
        items=tuple(items),
    )


def _sorted(value: date | datetime) -> datetime:
    return value if isinstance(value, datetime) else clock.end_of_beijing_day(value)


def _release(flow: Flow, items: list[Missing], actor: Actor) -> Track:
    escrow = flow.escrow
    title = N_("Payment to the seller")
    if escrow.status in {EscrowStatus.REFUNDED, EscrowStatus.VOID}:
        return Track(
            "payout", title, STOP, N_("The deal was rescinded; the seller gets nothing"), items=tuple(items)
        )
    if escrow.status is not EscrowStatus.RELEASED:
        return Track(
            "payout",
            title,
            LATER,
            N_("When all %(all)s rights are recorded, the price less the fee is credited to the seller"),
            {"all": len(flow.filings)},
        )
    paid = any(
        payout.status is PayoutStatus.PAID
        for payout in session.scalars(select(Payout).where(Payout.flow_id == flow.id))
    )
    return Track(
        "payout",
        title,
        _state(items, actor, done=True),
        N_("Paid out to the seller’s bank account") if paid else N_("Credited to the seller’s balance"),
        who=flow.deal.seller.name,
        when=escrow.closed_at,
        items=tuple(items),
    )
