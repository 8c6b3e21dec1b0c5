"""Why a right may not be listed, transferred, licensed or pledged: every reason, each with its rule and its remedy.

One table for pages, API, verbs and batches (law.md §2.4, §3.4, §4.3, §4.4, §9 invariants 9–16). A reason that a consent or a
declaration removes names it (``waiver``); who has collected it passes it in ``agreed``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any, Final

from exchange import rulebook
from exchange.core import clock
from exchange.core.errors import N_, Invalid, Problem, fill
from exchange.parties.models import Party
from exchange.rights import fees, kinds
from exchange.rights.fees import FeeStatus
from exchange.rights.models import Encumbrance, EncumbranceKind, Holding, Right, RightStatus

LIST, TRANSFER, LICENSE, EXCLUSIVE, OPEN, PLEDGE, FILE = (
    "list",
    "transfer",
    "license",
    "exclusive_license",
    "open_license",
    "pledge",
    "file",
)
ACTS: Final = (LIST, TRANSFER, LICENSE, EXCLUSIVE, OPEN, PLEDGE, FILE)
"""``file`` is a transfer at the moment of signing, filing or releasing money: the status must be fresh too."""

_ALIASES: Final = {
    "licence": LICENSE,
    "exclusive_licence": EXCLUSIVE,
    "open_licence": OPEN,
    "sign": FILE,
    "release": FILE,
}

CO_OWNERS: Final = "co_owners"
PLEDGEE: Final = "pledgee"
DECLARATION: Final = "declaration"
"""Waivers: the consent of every co-owner, of the pledgee, the declaration of both parties of a pledge."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One reason. ``message`` and ``remedy`` are msgids, filled by ``params``; ``source`` is who says the fact."""

    code: str
    message: str
    rule: str
    remedy: str
    params: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    as_of: date | None = None
    waiver: str = ""

    @property
    def sentence(self) -> str:
        """The message in English, filled."""
        return fill(self.message, dict(self.params))


@dataclass(frozen=True, slots=True)
class _Case:
    right: Right
    act: str
    day: date
    party: Party | None
    fee: fees.FeeState
    burdens: tuple[Encumbrance, ...]

    def burden(self, *wanted: EncumbranceKind) -> Encumbrance | None:
        return next((b for b in self.burdens if b.kind in wanted), None)


Found = Iterable[tuple[dict[str, Any], str, date | None]]
"""Parameters of the sentence, source of the fact, and its day; nothing where the reason does not apply."""


@dataclass(frozen=True, slots=True)
class _Reason:
    code: str
    acts: frozenset[str]
    applies: Callable[[_Case], Found]
    message: str
    rule: str
    remedy: str
    waiver: str = ""


ALL: Final = frozenset(ACTS)
_DISPOSALS: Final = frozenset({TRANSFER, FILE})
_LICENCES: Final = frozenset({LICENSE, EXCLUSIVE, OPEN})


def _by_status(*statuses: RightStatus) -> Callable[[_Case], Found]:
    def applies(case: _Case) -> Found:
        right = case.right
        if right.status in statuses:
            yield (
                {"title": right.title, "ended_on": right.ended_on or "—"},
                right.status_source or "",
                right.status_as_of,
            )

    return applies


def _foreign(case: _Case) -> Found:
    if case.right.country != "CN":
        yield {"title": case.right.title, "country": case.right.country}, "", None


def _merged(case: _Case) -> Found:
    if case.right.merged_into_id is not None:
        yield {"title": case.right.title}, "", None


def _forbidden_kind(case: _Case) -> Found:
    row = kinds.KINDS.get(case.right.kind)
    if row is not None and not row.act(_KIND_ACTS[case.act]).allowed:
        yield {"title": case.right.title, "kind": row.name}, row.act(_KIND_ACTS[case.act]).source, None


_KIND_ACTS: Final = {
    LIST: "list",
    TRANSFER: "transfer",
    FILE: "transfer",
    LICENSE: "licence",
    EXCLUSIVE: "licence",
    OPEN: "licence",
    PLEDGE: "pledge",
}


def _kind_unknown(case: _Case) -> Found:
    if case.right.kind not in kinds.KINDS:
        yield {"title": case.right.title}, "", None


def _past_term(case: _Case) -> Found:
    right = case.right
    if right.status in {RightStatus.GRANTED, RightStatus.UNKNOWN, RightStatus.PENDING}:
        expiry = fees.expiry_of(right)
        if expiry is not None and case.day > expiry:
            yield {"title": right.title, "expired_on": expiry}, "", expiry


def _unpublished(case: _Case) -> Found:
    right = case.right
    if right.status is RightStatus.PENDING and right.published_on is None and _is_patent(right):
        yield {"title": right.title}, right.status_source or "", right.status_as_of


def _is_patent(right: Right) -> bool:
    row = kinds.KINDS.get(right.kind)
    return row is not None and row.is_patent


def _no_number(case: _Case) -> Found:
    right = case.right
    if _is_patent(right) and right.country == "CN" and not right.app_no:
        yield {"title": right.title}, "", None


def _no_filing_date(case: _Case) -> Found:
    right = case.right
    if _is_patent(right) and right.country == "CN" and right.filed_on is None:
        yield {"title": right.title}, "", None


def _no_owner(case: _Case) -> Found:
    if not case.right.owners:
        yield {"title": case.right.title}, "", None


def _co_owners(case: _Case) -> Found:
    owners = case.right.owners
    if len(owners) > 1:
        names = "、".join(owner.name for owner in owners)
        yield {"title": case.right.title, "names": names}, owners[0].source, owners[0].since


def _stale(case: _Case) -> Found:
    right = case.right
    days = rulebook.as_of("status.max_age", case.day).number
    if right.status is RightStatus.UNKNOWN:
        return
    if right.status_as_of is None or (case.day - right.status_as_of).days > days:
        yield {"title": right.title, "days": days}, right.status_source or "", right.status_as_of


def _fee(*statuses: FeeStatus) -> Callable[[_Case], Found]:
    def applies(case: _Case) -> Found:
        if case.fee.status in statuses and case.right.country == "CN":
            params = {"title": case.right.title, "year": case.fee.year, "until": case.fee.grace_until}
            yield params, "", case.fee.due_on

    return applies


def _burdened(*wanted: EncumbranceKind) -> Callable[[_Case], Found]:
    def applies(case: _Case) -> Found:
        burden = case.burden(*wanted)
        if burden is not None:
            params = {
                "title": case.right.title,
                "since": burden.since,
                "holder": burden.holder or "—",
                "number": burden.register_no or "—",
                "until": burden.ends_on or "—",
            }
            yield params, burden.source, burden.since

    return applies


def _same_day(case: _Case) -> Found:
    if case.right.kind == "utility_model" and case.right.same_day_application:
        yield {"title": case.right.title}, "", None


def _no_holding(case: _Case) -> Found:
    if case.party is not None and _holding(case) is None:
        yield {"title": case.right.title, "party": case.party.name}, "", None


def _unverified_holding(case: _Case) -> Found:
    holding = _holding(case)
    if case.party is not None and holding is not None and not holding.verified:
        yield {"title": case.right.title, "party": case.party.name}, "", None


def _holding(case: _Case) -> Holding | None:
    party = case.party
    return next(
        (
            h
            for h in case.right.holdings
            if party is not None and h.party_id == party.id and h.ended_at is None
        ),
        None,
    )


_COMPLETE: Final = N_("Complete the right with what the register says.")

REASONS: Final = (
    _Reason(
        "right.merged",
        ALL,
        _merged,
        N_("“%(title)s” was merged into another record of the same right."),
        "law.md §9 invariant 2",
        N_("Use the record it was merged into."),
    ),
    _Reason(
        "right.foreign",
        ALL,
        _foreign,
        N_("“%(title)s” is a right of another country (%(country)s); only Chinese rights are traded here."),
        "law.md §2.5",
        N_("Nothing removes this. Use its Chinese counterpart if there is one."),
    ),
    _Reason(
        "kind.unknown",
        ALL,
        _kind_unknown,
        N_("It is not known what kind of right “%(title)s” is."),
        "law.md §6",
        N_("Complete the right with its number: it names the kind."),
    ),
    _Reason(
        "kind.forbidden",
        ALL,
        _forbidden_kind,
        N_("“%(title)s”: the law does not let this be done with this kind of right."),
        "law.md §6",
        N_("Nothing removes this."),
    ),
    _Reason(
        "status.unknown",
        ALL,
        _by_status(RightStatus.UNKNOWN),
        N_("The legal status of “%(title)s” is not known."),
        "law.md §7.1",
        _COMPLETE,
    ),
    _Reason(
        "status.lapsed",
        ALL,
        _by_status(RightStatus.LAPSED),
        N_("“%(title)s” has lapsed (%(ended_on)s)."),
        "law.md §9 invariant 9",
        N_("Ask the office to restore it while that is possible, then have the restoration entered here."),
    ),
    _Reason(
        "status.expired",
        ALL,
        _by_status(RightStatus.EXPIRED),
        N_("The term of “%(title)s” is over (%(ended_on)s)."),
        "law.md §9 invariant 9",
        N_("Nothing removes this."),
    ),
    _Reason(
        "status.invalid",
        ALL,
        _by_status(RightStatus.INVALID),
        N_("“%(title)s” was declared invalid."),
        "law.md §9 invariant 9",
        N_("Nothing removes this, unless a court sets the decision aside."),
    ),
    _Reason(
        "status.withdrawn",
        ALL,
        _by_status(RightStatus.WITHDRAWN),
        N_("The application “%(title)s” was refused or withdrawn."),
        "law.md §9 invariant 9",
        N_("Nothing removes this, unless the office restores the application."),
    ),
    _Reason(
        "status.past_term",
        ALL,
        _past_term,
        N_("The term of “%(title)s” ended on %(expired_on)s."),
        "law.md §9 invariant 4",
        N_("Nothing removes this. If the filing date is wrong, have it corrected."),
    ),
    _Reason(
        "status.pending",
        frozenset({PLEDGE, OPEN}),
        _by_status(RightStatus.PENDING),
        N_("“%(title)s” has not been granted yet."),
        "law.md §3.4 ground 3, §4.4",
        N_("Wait for the grant."),
    ),
    _Reason(
        "status.unpublished",
        frozenset({LIST}),
        _unpublished,
        N_("The application “%(title)s” has not been published; it cannot be offered to the public."),
        "law.md §9 invariant 73",
        N_("Wait for its publication."),
    ),
    _Reason(
        "status.stale",
        frozenset({FILE}),
        _stale,
        N_("The status of “%(title)s” is older than %(days)s days."),
        "law.md §9 invariant 11",
        N_("Check the register again and enter what it says today."),
    ),
    _Reason(
        "number.missing",
        frozenset({LIST, TRANSFER, FILE, LICENSE, EXCLUSIVE, OPEN, PLEDGE}),
        _no_number,
        N_("The application number of “%(title)s” is missing."),
        "law.md §7.1",
        N_("Enter the application number; its check digit is verified."),
    ),
    _Reason(
        "filed_on.missing",
        frozenset({TRANSFER, FILE, LICENSE, EXCLUSIVE, OPEN, PLEDGE}),
        _no_filing_date,
        N_("The filing date of “%(title)s” is missing, so its term is not known."),
        "law.md §2.6",
        _COMPLETE,
    ),
    _Reason(
        "owners.unknown",
        ALL,
        _no_owner,
        N_("No owner of record of “%(title)s” is known."),
        "law.md §9 invariant 12",
        _COMPLETE,
    ),
    _Reason(
        "owners.consent",
        frozenset({TRANSFER, FILE, EXCLUSIVE, OPEN, PLEDGE}),
        _co_owners,
        N_("“%(title)s” belongs to several owners (%(names)s); all must agree."),
        "law.md §9 invariant 12; 专利法(2020) Art.14",
        N_("Have every co-owner agree in writing."),
        CO_OWNERS,
    ),
    _Reason(
        "fees.lapsed",
        ALL,
        _fee(FeeStatus.LAPSED),
        N_("The annual fee of year %(year)s of “%(title)s” was not paid until %(until)s; the right has lapsed."),
        "law.md §9 invariant 5",
        N_("If it was paid, enter up to which year. Else ask the office for restoration."),
    ),
    _Reason(
        "fees.grace",
        frozenset({PLEDGE, OPEN}),
        _fee(FeeStatus.GRACE),
        N_("The annual fee of year %(year)s of “%(title)s” is overdue."),
        "law.md §3.4 ground 4; §9 invariant 49",
        N_("Pay the fee with its surcharge until %(until)s, then enter up to which year fees are paid."),
    ),
    _Reason(
        "fees.unknown",
        frozenset({PLEDGE, OPEN}),
        _fee(FeeStatus.UNKNOWN),
        N_("It is not known up to which year the annual fees of “%(title)s” are paid."),
        "law.md §3.4 ground 4",
        N_("Enter up to which year the fees are paid."),
    ),
    _Reason(
        "burden.preservation",
        ALL,
        _burdened(EncumbranceKind.PRESERVATION),
        N_("A court preserves “%(title)s” since %(since)s, until %(until)s unless it is prolonged."),
        "law.md §2.4; §9 invariant 16",
        N_("Wait until the court lifts it or it ends by itself."),
    ),
    _Reason(
        "burden.dispute",
        ALL,
        _burdened(EncumbranceKind.DISPUTE),
        N_("The ownership of “%(title)s” is in dispute since %(since)s; proceedings are suspended until %(until)s."),
        "law.md §2.4; §9 invariant 16",
        N_("Wait until the dispute is settled."),
    ),
    _Reason(
        "burden.pledge",
        frozenset({LIST, TRANSFER, FILE, LICENSE, EXCLUSIVE, OPEN}),
        _burdened(EncumbranceKind.PLEDGE),
        N_("“%(title)s” is pledged to %(holder)s since %(since)s (%(number)s)."),
        "law.md §2.4; §9 invariant 14; 民法典 Art.444",
        N_("Have the pledgee agree in writing, naming the right and the buyer, or have the pledge cancelled."),
        PLEDGEE,
    ),
    _Reason(
        "burden.second_pledge",
        frozenset({PLEDGE}),
        _burdened(EncumbranceKind.PLEDGE),
        N_("“%(title)s” is already pledged to %(holder)s since %(since)s (%(number)s)."),
        "law.md §3.4 ground 9; §9 invariant 47",
        N_("Have the first pledge cancelled."),
    ),
    _Reason(
        "burden.exclusive_licence",
        _LICENCES,
        _burdened(EncumbranceKind.EXCLUSIVE_LICENCE),
        N_("An exclusive or sole licence of “%(title)s” is on record for %(holder)s since %(since)s."),
        "law.md §4.4; §9 invariant 71",
        N_("Wait for its end, or have it cancelled."),
    ),
    _Reason(
        "burden.open_licence",
        frozenset({EXCLUSIVE}),
        _burdened(EncumbranceKind.OPEN_LICENCE),
        N_("“%(title)s” is under open licence since %(since)s; no exclusive or sole licence is possible."),
        "law.md §4.4; §9 invariant 71",
        N_("Withdraw the declaration of open licence first."),
    ),
    _Reason(
        "burden.invalidation_request",
        frozenset({PLEDGE}),
        _burdened(EncumbranceKind.INVALIDATION_REQUEST),
        N_("A request to declare “%(title)s” invalid is pending since %(since)s."),
        "law.md §3.4 ground 11",
        N_("Both parties declare in writing that they know it and go on."),
        DECLARATION,
    ),
    _Reason(
        "right.same_day",
        frozenset({PLEDGE}),
        _same_day,
        N_("For “%(title)s” an invention was filed on the same day; the utility model may be given up for it."),
        "law.md §3.4 ground 10",
        N_("Both parties declare in writing that they know it and go on."),
        DECLARATION,
    ),
    _Reason(
        "holding.missing",
        ALL,
        _no_holding,
        N_("%(party)s does not hold “%(title)s” here."),
        "law.md §7.1",
        N_("Claim the holding."),
    ),
    _Reason(
        "holding.unverified",
        ALL,
        _unverified_holding,
        N_("The holding of “%(title)s” by %(party)s is not verified."),
        "law.md §7.1",
        N_("Send proof of ownership to the exchange."),
    ),
)  # fmt: skip
"""Every reason the exchange knows, in the order in which they are shown."""


def live_burdens(right: Right, day: date) -> tuple[Encumbrance, ...]:
    """The burdens of ``right`` that last on ``day``: nobody ended them, and they have not ended by themselves."""
    return tuple(b for b in right.encumbrances if b.ends_on is None or day <= b.ends_on)


def obstacles(
    right: Right,
    act: str,
    *,
    party: Party | None = None,
    agreed: Collection[str] = (),
    day: date | None = None,
) -> list[Obstacle]:
    """Every reason why ``act`` may not be done with ``right`` on ``day`` (default: today in Beijing).

    ``act`` is one of ``ACTS`` (British spelling too). With ``party`` its holding is asked for as well. ``agreed``
    holds the waivers at hand. Raises ``ValueError`` for an unknown act.
    """
    return obstacles_to(right, (act,), party=party, agreed=agreed, day=day)[act]


def obstacles_to(
    right: Right,
    acts: Sequence[str],
    *,
    party: Party | None = None,
    agreed: Collection[str] = (),
    day: date | None = None,
) -> dict[str, list[Obstacle]]:
    """``obstacles`` for each of ``acts`` at once; what is the same for all of them is worked out once."""
    day = day or clock.today()
    named = {act: _ALIASES.get(act, act) for act in acts}
    if unknown := set(named.values()) - ALL:
        raise ValueError(f"no such act: {', '.join(sorted(unknown))}")
    fee, burdens = fees.state_of(right, day), live_burdens(right, day)
    cases = {act: _Case(right, name, day, party, fee, burdens) for act, name in named.items()}
    found: dict[str, list[Obstacle]] = {act: [] for act in acts}
    for reason, concerned in _concerned(tuple(named.items())):
        if reason.waiver in agreed:
            continue
        for params, source, as_of in reason.applies(cases[concerned[0]]):
            one = Obstacle(
                reason.code, reason.message, reason.rule, reason.remedy, params, source, as_of, reason.waiver
            )
            for act in concerned:
                found[act].append(one)
    return found


@lru_cache(maxsize=64)
def _concerned(named: tuple[tuple[str, str], ...]) -> list[tuple[_Reason, tuple[str, ...]]]:
    """The reasons in their order, each with those of the acts it stands in the way of.

    What depends on the act itself is asked for each act apart, everything else once.
    """
    found: list[tuple[_Reason, tuple[str, ...]]] = []
    for reason in REASONS:
        acts = tuple(act for act, name in named if name in reason.acts)
        if acts and reason.applies is _forbidden_kind:
            found += [(reason, (act,)) for act in acts]
        elif acts:
            found.append((reason, acts))
    return found


def refuse(
    right: Right,
    act: str,
    *,
    party: Party | None = None,
    agreed: Collection[str] = (),
    field: str | None = None,
) -> None:
    """Raise ``Invalid`` (``right.obstacles``) with every reason, where there is one."""
    found = obstacles(right, act, party=party, agreed=agreed)
    if found:
        raise Invalid(
            (Problem(one.code, one.message, field, one.rule, dict(one.params)) for one in found),
            "right.obstacles",
            N_("Something stands in the way."),
        )
