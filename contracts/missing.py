"""What is needed now, from whom, and by when: computed from facts, read by pages, desk, API and reminders.

Nothing is stored: a list that is computed cannot go stale. Everything that could already be done is on it, whichever
track it belongs to, for tracks run side by side (law.md §7.2); what cannot start yet is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from typing import Any, Final

from sqlalchemy import select

from contracts import export, filings, flows, money_track, signing
from contracts.models import (
    ClearanceStatus,
    ConsentStatus,
    ContractStatus,
    EscrowStatus,
    Filing,
    FilingStatus,
    Flow,
    NoticeStatus,
    OfficeNotice,
    RegistrationStatus,
)
from exchange import rulebook
from exchange.core import clock
from exchange.core.db import session
from exchange.core.errors import N_, Problem, fill
from exchange.core.labels import label
from exchange.core.money import yuan
from exchange.deals import actions as deals
from exchange.deals.models import DealStatus
from exchange.ledger import book, chart
from exchange.parties.models import Party, PartyKind

TRACKS: Final = ("contract", "consents", "export", "signing", "money", "registration", "filing", "payout")
"""Names of the tracks, in the order in which they are shown."""

OFFICE_NAME: Final = "国家知识产权局"
_FAR: Final = datetime.max.replace(tzinfo=clock.BEIJING)


@dataclass(frozen=True)
class Missing:
    """One thing that is needed now.

    ``message`` (a msgid) with ``params`` says what; ``who`` is the role in the flow that supplies it: ``seller``,
    ``buyer``, ``either``, ``registrar``, ``reviewer``, ``finance_officer``, ``office``, ``nobody`` (time must pass).
    ``by`` is an instant, a Beijing day or open; ``provisional`` where it lies beyond the published calendar.
    ``endpoint`` with ``args`` is the page where it is done. ``optional`` things stop nothing.
    """

    code: str
    message: str
    who: str
    track: str
    endpoint: str
    args: Mapping[str, str]
    params: Mapping[str, Any] = field(default_factory=dict)
    by: datetime | date | None = None
    provisional: bool = False
    optional: bool = False
    subject: str = ""
    party_ids: frozenset[int] = frozenset()
    names: tuple[str, ...] = ()

    def waits_for(self, party: Party | None) -> bool:
        """Whether ``party`` is one of those who can supply it."""
        return party is not None and party.id in self.party_ids

    def waits_on(self) -> str:
        """The names of those who supply it, for a list of what others do."""
        return "、".join(self.names)

    def sentence(self, translate: Callable[[str], str]) -> str:
        """What is needed, in the language of ``translate`` (a gettext)."""
        return fill(
            translate(self.message), {key: _plain(value, translate) for key, value in self.params.items()}
        )

    @property
    def instant(self) -> datetime:
        """The deadline as an instant for sorting: a day ends with its last second in Beijing; none is far away."""
        if isinstance(self.by, datetime):
            return self.by
        return clock.end_of_beijing_day(self.by) if self.by else _FAR


def _plain(value: Any, translate: Callable[[str], str]) -> Any:
    if isinstance(value, Enum):
        return translate(label(value))
    return value.isoformat() if isinstance(value, date) else value


class _House:
    """The party that runs the exchange, asked for once."""

    def __init__(self) -> None:
        self._found: tuple[Party, ...] | None = None

    def people(self) -> tuple[Party, ...]:
        if self._found is None:
            query = select(Party).where(Party.kind == PartyKind.OPERATOR).order_by(Party.id).limit(1)
            self._found = tuple(session.scalars(query))
        return self._found


class _List:
    """Collects the items of one flow and knows who stands behind each role."""

    def __init__(self, flow: Flow, house: _House) -> None:
        self.flow = flow
        self.items: list[Missing] = []
        self._house = house

    def add(
        self,
        code: str,
        message: str,
        who: str,
        track: str,
        endpoint: str = "contracts.show",
        *,
        ref: str | None = None,
        **more: Any,
    ) -> None:
        people = self._people(who)
        self.items.append(
            Missing(
                code,
                message,
                who,
                track,
                endpoint,
                {"ref": ref or self.flow.ref},
                subject=ref or self.flow.ref,
                party_ids=frozenset(party.id for party in people),
                names=tuple(party.name for party in people) or ((OFFICE_NAME,) if who == "office" else ()),
                **more,
            )
        )

    def problem(self, problem: Problem, who: str, track: str, endpoint: str, **more: Any) -> None:
        """A reason why something cannot start, as a thing to do for whoever can remove it."""
        self.add(problem.code, problem.message, who, track, endpoint, params=problem.params, **more)

    def _people(self, who: str) -> tuple[Party, ...]:
        deal = self.flow.deal
        if who == "seller":
            return (deal.seller,)
        if who == "buyer":
            return (deal.buyer,)
        if who == "either":
            return (deal.seller, deal.buyer)
        if who == "registrar":
            one = flows.registration_of(self.flow)
            return (one.registrar,) if one is not None and one.registrar is not None else ()
        if who in {"reviewer", "finance_officer"}:
            return self._house.people()
        return ()


def missing(flow: Flow) -> list[Missing]:
    """Everything that is needed in this flow now: what is due first comes first, what is optional last."""
    return _missing(flow, _House())


def missing_in(found: Iterable[Flow]) -> list[tuple[Flow, list[Missing]]]:
    """The same for many flows (see ``flows.with_tracks``), which share what is asked for."""
    house, listed = _House(), list(found)
    with book.read_at_once(address for flow in listed for address in accounts_of(flow)):
        return [(flow, _missing(flow, house)) for flow in listed]


def accounts_of(flow: Flow) -> tuple[str, ...]:
    """The addresses of the accounts that the lists and tracks of a flow look at."""
    deal = flow.deal
    return chart.escrow(deal.ref), chart.party(deal.seller.ref), chart.party(deal.buyer.ref)


def _missing(flow: Flow, house: _House) -> list[Missing]:
    found = _List(flow, house)
    if flow.deal.status is DealStatus.AGREED:
        contract = flows.contract_of(flow)
        if contract.status is not ContractStatus.SIGNED:
            _before_signature(found)
        else:
            _money(found)
            _registration(found)
        _consents(found)
        _export(found)
        _filings(found)
    elif flow.deal.status is DealStatus.COMPLETED:
        _registration(found)
        _payout(found)
    else:
        _after_rescission(found)
        _payout(found)
    _notices(found)
    order = {track: index for index, track in enumerate(TRACKS)}
    return sorted(found.items, key=lambda item: (item.optional, item.instant, order[item.track]))


# -- contract and signatures ----------------------------------------------------------------------

_ELSEWHERE: Final = ("consent.", "export.")
"""Codes of problems that have a track of their own on the list."""


def _before_signature(found: _List) -> None:
    flow = found.flow
    contract = flows.contract_of(flow)
    if contract.status is ContractStatus.DRAFT:
        problems = signing.not_final(flow)
        for problem in problems:
            if problem.code == "contract.fact_missing":
                right = (problem.field or "").split(".")[1]
                found.problem(problem, "seller", "contract", "rights.show", ref=right)
            else:
                found.problem(problem, "either", "contract", "contracts.edit")
        if not problems:
            found.add(
                "contract.finalise", N_("Read the draft and fix the text of the contract."), "either", "contract",
                "contracts.contract",
            )  # fmt: skip
        return
    problems = [one for one in signing.not_signable(flow) if not one.code.startswith(_ELSEWHERE)]
    for problem in problems:
        _stands_before_signing(found, problem)
    signed = {signature.party_id for signature in contract.signatures}
    open_now = not signing.not_signable(flow)
    for who, party in (("seller", flow.deal.seller), ("buyer", flow.deal.buyer)):
        if open_now and party.id not in signed:
            found.add(
                "contract.sign",
                N_("Read and sign the contract."),
                who,
                "signing",
                "contracts.contract",
            )


def _stands_before_signing(found: _List, problem: Problem) -> None:
    flow = found.flow
    if problem.code.startswith("publicity."):
        when = deals.signing_open(flow.deal).when
        found.problem(problem, "nobody", "signing", "contracts.show", by=when)
    elif (problem.field or "").startswith("rights."):
        found.problem(problem, "seller", "signing", "rights.show", ref=(problem.field or "").split(".")[1])
    else:
        found.problem(problem, "either", "signing", "contracts.show")


def _consents(found: _List) -> None:
    """Consents that are still open, one line for each name, however many rights it concerns."""
    flow = found.flow
    groups: dict[tuple[Any, str, ConsentStatus], list[str]] = {}
    for consent in flow.consents:
        if consent.status is not ConsentStatus.GIVEN and _still_open(flow, consent.right_id):
            groups.setdefault((consent.kind, consent.name, consent.status), []).append(consent.ref)
    for (kind, name, status), refs in groups.items():
        refused = status is ConsentStatus.REFUSED
        found.add(
            "consent.refused" if refused else "consent.open",
            N_("%(name)s refused (%(kind)s, %(count)s rights). Come to terms and enter the consent.")
            if refused
            else N_("Bring the word of %(name)s in writing (%(kind)s, %(count)s rights)."),
            "seller",
            "consents",
            "contracts.consents",
            params={"name": name, "kind": kind, "count": len(refs)},
        )


def _still_open(flow: Flow, right_id: int) -> bool:
    return any(filing.right_id == right_id and filing.status not in flows.DONE for filing in flow.filings)


def _export(found: _List) -> None:
    flow = found.flow
    clearance = flow.clearance
    if clearance is None or clearance.status is ClearanceStatus.CLEARED:
        return
    if clearance.status is ClearanceStatus.APPLIED:
        found.add(
            "export.verify", N_("Verify the export certificate."), "reviewer", "export", "contracts.export"
        )
        return
    problems = export.before_signing(flow)
    for problem in problems:
        found.problem(problem, "seller", "export", "contracts.export")
    if not problems and flows.contract_of(flow).status is ContractStatus.SIGNED:
        found.add(
            "export.apply",
            N_("Apply to the commerce authority and enter the certificate it issues."),
            "seller",
            "export",
            "contracts.export",
        )


# -- money ----------------------------------------------------------------------------------------


def _money(found: _List) -> None:
    escrow = found.flow.escrow
    if escrow.status is not EscrowStatus.AWAITING:
        return
    left = yuan(money_track.outstanding(found.flow))
    late = escrow.due_at is not None and clock.now() >= escrow.due_at
    if late:
        over_at = money_track.default_at(escrow)
        found.add(
            "escrow.overdue",
            N_("%(left)s yuan of the price are overdue. Pay into escrow, or the seller may rescind."),
            "buyer",
            "money",
            params={"left": left},
            by=flows.last_day(over_at),
        )
        if clock.now() >= over_at:
            found.add(
                "escrow.defaulted",
                N_(
                    "The buyer has not paid for 30 days after the reminder. You may ask the exchange to rescind."
                ),
                "seller",
                "money",
                optional=True,
            )
        return
    found.add(
        "escrow.pay",
        N_("Pay %(left)s yuan into escrow."),
        "buyer",
        "money",
        params={"left": left},
        by=flows.last_day(escrow.due_at) if escrow.due_at else None,
    )


def _payout(found: _List) -> None:
    """Money of this deal that lies on the balance of the one it belongs to."""
    flow = found.flow
    escrow = flow.escrow
    who = flow.deal.seller if escrow.status is EscrowStatus.RELEASED else flow.deal.buyer
    if escrow.status not in {EscrowStatus.RELEASED, EscrowStatus.REFUNDED, EscrowStatus.VOID}:
        return
    balance = book.balance(chart.party(who.ref))
    if balance <= 0 or escrow.closed_at is None:
        return
    day = clock.beijing(escrow.closed_at).date()
    by, provisional = clock.add_working_days(day, rulebook.as_of("escrow.release_within", day).number)
    found.add(
        "payout.request",
        N_("Pay out the balance of %(name)s, %(amount)s yuan. Two people act."),
        "finance_officer",
        "payout",
        "contracts.money",
        params={"name": who.name, "amount": yuan(balance)},
        by=by,
        provisional=provisional,
        optional=True,
    )


# -- registration ---------------------------------------------------------------------------------


def _registration(found: _List) -> None:
    flow = found.flow
    one = flows.registration_of(flow)
    if one is None or one.status in flows.DEAD_REGISTRATION:
        if one is None and flows.contract_of(flow).status is ContractStatus.SIGNED:
            found.add(
                "registration.apply",
                N_(
                    "Apply for registration of the contract: tax relief and awards need it. The transfer does not."
                ),
                "seller",
                "registration",
                "contracts.register",
                optional=True,
            )
        return
    rows: dict[RegistrationStatus, tuple[str, str, str]] = {
        RegistrationStatus.APPLIED: (
            "registration.accept", N_("Accept the application for registration."), "registrar",
        ),
        RegistrationStatus.ACCEPTED: ("registration.decide", N_("Examine the contract and decide."), "registrar"),
        RegistrationStatus.LARGE_REVIEW: (
            "registration.large", N_("Second examination of a large contract."), "registrar",
        ),
        RegistrationStatus.SUPPLEMENT: (
            "registration.supplement", N_("Bring what the registrar asks for: %(note)s"), "seller",
        ),
    }  # fmt: skip
    row = rows.get(one.status)
    if row is None or registration_answered(one.notices):
        return
    code, message, who = row
    found.add(
        code,
        message,
        who,
        "registration",
        "contracts.registration",
        ref=one.ref,
        params={"note": one.note},
        by=one.decide_by if who == "registrar" else None,
        provisional=one.decide_by_provisional,
        optional=True,
    )


def registration_answered(notices: Iterable[OfficeNotice]) -> bool:
    """Whether an answer of the registrar waits to be verified."""
    return any(notice.status is NoticeStatus.ENTERED for notice in notices)


def _after_rescission(found: _List) -> None:
    one = flows.registration_of(found.flow)
    if one is not None and one.status not in flows.DEAD_REGISTRATION:
        found.add(
            "registration.cancel",
            N_(
                "The deal is rescinded: have the registration of the contract cancelled, and report benefits used."
            ),
            "seller",
            "registration",
            "contracts.registration",
            ref=one.ref,
        )


# -- filings --------------------------------------------------------------------------------------

_COMMON: Final = frozenset({"filing.not_signed", "filing.not_funded"})
"""Reasons before a filing that stand on the list of their own track."""


def _filings(found: _List) -> None:
    flow = found.flow
    ready = (
        flows.contract_of(flow).status is ContractStatus.SIGNED and flow.escrow.status is EscrowStatus.FUNDED
    )
    for filing in flow.filings:
        title = {"title": filing.right.title}
        if filing.status is FilingStatus.ON_HOLD:
            found.add(
                "filing.hold",
                N_("“%(title)s” is blocked. Have the block removed; the filing then goes on."),
                "seller",
                "filing",
                "rights.show",
                ref=filing.right.ref,
                params=title,
            )
        elif filing.status in {FilingStatus.DRAFT, FilingStatus.DEEMED_NOT_FILED}:
            if ready:
                _before_filing(found, filing)
        else:
            _at_office(found, filing, title)


def _before_filing(found: _List, filing: Filing) -> None:
    problems = [
        one
        for one in filings.not_fileable(found.flow, filing)
        if one.code not in _COMMON and not one.code.startswith(_ELSEWHERE)
    ]
    for problem in problems:
        found.problem(problem, "seller", "filing", "rights.show", ref=filing.right.ref)
    if not filings.not_fileable(found.flow, filing):
        again = filing.status is FilingStatus.DEEMED_NOT_FILED
        found.add(
            "filing.submit",
            N_("File “%(title)s” again: the earlier request counts as not made.")
            if again
            else N_("File “%(title)s” at the patent office."),
            "either",
            "filing",
            "contracts.filing",
            ref=filing.ref,
            params={"title": filing.right.title},
        )


def _at_office(found: _List, filing: Filing, title: dict[str, str]) -> None:
    if any(notice.status is NoticeStatus.ENTERED for notice in filing.notices):
        return
    if filing.status is FilingStatus.FILED:
        found.add(
            "filing.pay_fee",
            N_("Pay the office’s fee of %(fee)s yuan for “%(title)s”. Late, the request counts as not made."),
            "either",
            "filing",
            "contracts.filing",
            ref=filing.ref,
            params={**title, "fee": yuan(filing.fee_fen or 0)},
            by=filing.fee_due_on,
        )
    elif filing.status is FilingStatus.SUPPLEMENT:
        found.add(
            "filing.answer",
            N_("Send the office what its notice asks for about “%(title)s”."),
            "either",
            "filing",
            "contracts.filing",
            ref=filing.ref,
            params=title,
            by=filing.supplement_due_on,
        )
    elif filing.status is FilingStatus.FEE_PAID:
        found.add(
            "filing.await_notice",
            N_("The office examines “%(title)s”. Enter its notice when it comes."),
            "office",
            "filing",
            "contracts.filing",
            ref=filing.ref,
            params=title,
        )


def _notices(found: _List) -> None:
    for notice in _entered(found.flow):
        found.add(
            "notice.verify",
            N_("Verify notice %(number)s."),
            "reviewer",
            "filing" if notice.filing_id else "registration",
            "contracts.notice",
            ref=notice.ref,
            params={"number": notice.number},
            optional=notice.filing_id is None,
        )


def _entered(flow: Flow) -> Iterator[OfficeNotice]:
    for notices in (*(f.notices for f in flow.filings), *(r.notices for r in flow.registrations)):
        yield from (notice for notice in notices if notice.status is NoticeStatus.ENTERED)
