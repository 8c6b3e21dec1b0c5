"""What a register announced, replayed oldest first: the state of a right is a pure function of its events.

The order of arrival never matters (law.md §2.7, §9 invariants 7, 8, 10, 17, 37): events are sorted by the day they
took effect, and the whole history is replayed whenever one arrives. Codes of law.md §2.7 have an effect each; the
other known codes are history only and say so. Our own verbs speak through the codes ``OWNERS``, ``STATUS``,
``BURDEN`` and ``RELEASE``, so that one history holds everything.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from exchange import rulebook
from exchange.core import clock
from exchange.core.errors import N_
from exchange.rights import source as sources
from exchange.rights.codes import BURDEN, KNOWN, OWNERS, RELEASE, STATUS
from exchange.rights.models import DEAD, EncumbranceKind, RightStatus


@dataclass(frozen=True, slots=True)
class Announcement:
    """One event of a right. ``before`` and ``after`` are owners of record, main patentee first.

    ``fields`` carries what else was announced: ``register_no``, ``pledgor``, ``pledgee``, ``licensor``,
    ``licensee``, ``licence_kind``, ``item``, ``old``, ``new``, ``decision``, ``kind``, ``status``, ``detail``.
    """

    code: str
    announced_on: date
    effective_on: date | None = None
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    source: str = sources.REGISTER
    given_code: str = ""
    """The code that came with it, where its words name another one: the words were followed."""

    @property
    def day(self) -> date:
        """The day it took effect: of registration where that is known, else of announcement (law.md §2.1)."""
        return self.effective_on or self.announced_on

    @property
    def second_hand(self) -> bool:
        """Whether a database repeats it: it gives way to the register's own of the same code and day."""
        return sources.read(self.source).kind == sources.DATABASE

    @property
    def fingerprint(self) -> str:
        """The same announcement read from two files has the same fingerprint."""
        said = self.before or self.after or self.fields
        parts = [
            self.code,
            self.announced_on.isoformat(),
            self.effective_on.isoformat() if self.effective_on else "",
            list(self.before),
            list(self.after),
            sorted(self.fields.items()),
            "" if said else "".join(self.text.split()),
        ]
        return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()


@dataclass(slots=True)
class Owner:
    """An owner of record during a period; ``formerly`` are names it had, so that a new name is no new owner."""

    name: str
    since: date | None = None
    until: date | None = None
    share_bp: int | None = None
    source: str = ""
    formerly: list[str] = field(default_factory=list)

    def is_named(self, name: str) -> bool:
        """Whether ``name`` is, or was, its name."""
        plain = folded(name)
        return folded(self.name) == plain or any(folded(former) == plain for former in self.formerly)


@dataclass(slots=True)
class Burden:
    """An encumbrance during a period. ``ends_on`` is computed from the rulebook and never typed."""

    kind: EncumbranceKind
    since: date
    register_no: str = ""
    holder: str = ""
    source: str = ""
    ends_on: date | None = None
    ended_on: date | None = None
    details: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class State:
    """What the history says about a right."""

    kind: str
    filed_on: date | None = None
    status: RightStatus = RightStatus.UNKNOWN
    detail: str = ""
    as_of: date | None = None
    source: str = ""
    ended_on: date | None = None
    published_on: date | None = None
    granted_on: date | None = None
    partly_invalid: list[date] = field(default_factory=list)
    owners: list[Owner] = field(default_factory=list)
    burdens: list[Burden] = field(default_factory=list)
    owners_from: date | None = None
    applied: dict[str, bool] = field(default_factory=dict)
    warnings: dict[str, list[str]] = field(default_factory=dict)
    ends: list[tuple[RightStatus, str, str]] = field(default_factory=list)

    @property
    def current_owners(self) -> list[Owner]:
        """The owners of record now, in their order."""
        return [owner for owner in self.owners if owner.until is None]

    @property
    def live_burdens(self) -> list[Burden]:
        """Burdens nobody has ended (one that lapses by itself is told by ``ends_on``)."""
        return [burden for burden in self.burdens if burden.ended_on is None]


@functools.lru_cache(maxsize=4096)
def folded(name: str) -> str:
    """A name for comparing: one width of brackets, no blanks."""
    return "".join(name.split()).translate(_WIDTHS)


_WIDTHS: Final = str.maketrans("（），．", "(),.")


# -- effects --------------------------------------------------------------------------------------

OWNER_DIFFERS: Final = N_(
    "The announcement names other former owners than those known here; it was followed."
)
OWNER_OLDER: Final = N_("The announcement is older than what is known of the owners; it is kept as history.")
OWNER_MISSING: Final = N_("The announcement names no new owner; it is kept without effect.")
NAME_UNKNOWN: Final = N_("The announcement renames somebody who is no owner of record here.")
NOTHING_TO_END: Final = N_("The announcement ends something that is not known here.")
SEVERAL_TO_END: Final = N_("The announcement does not say which of several it ends; the oldest was taken.")
NOTHING_TO_RESTORE: Final = N_("The announcement restores a right that had not ended here.")
REPEATED: Final = N_("The register itself announced this; the copy of a database is kept without effect.")
NO_EFFECT: Final = N_("The code has no effect here; the announcement is kept as history.")
UNKNOWN_CODE: Final = N_("The code is not in the list of codes; the announcement is kept as history.")
CODE_CORRECTED: Final = N_("Text and code disagree; the text was followed.")
LATE: Final = N_("The announcement is older than others that arrived before it; the history was replayed.")
REGISTER_STANDS: Final = N_(
    "The register says that the right has ended; the statement is kept without effect."
)

Effect = Callable[[State, Announcement], list[str]]


def _set_status(state: State, event: Announcement, status: RightStatus, detail: str) -> None:
    state.status, state.detail, state.source = status, detail, event.source
    state.as_of = max(state.as_of or event.announced_on, event.announced_on)


def _published(state: State, event: Announcement) -> list[str]:
    state.published_on = state.published_on or event.announced_on
    if state.status is RightStatus.UNKNOWN:
        _set_status(state, event, RightStatus.PENDING, N_("Application published"))
    return []


def _examined(state: State, event: Announcement) -> list[str]:
    if state.status in {RightStatus.UNKNOWN, RightStatus.PENDING}:
        _set_status(state, event, RightStatus.PENDING, N_("Under substantive examination"))
    return []


def _granted(state: State, event: Announcement) -> list[str]:
    state.granted_on = event.day
    if state.status not in DEAD or state.status is RightStatus.WITHDRAWN:  # a refusal may be set aside
        _set_status(state, event, RightStatus.GRANTED, N_("Granted"))
        state.ended_on = None
        state.ends.clear()
    return []


def _ended(status: RightStatus, detail: str) -> Effect:
    def apply(state: State, event: Announcement) -> list[str]:
        if state.status in DEAD and status is not RightStatus.INVALID:
            return []
        # Invalid is void from the start, whatever ended it before.
        state.ends.append((state.status, event.code, state.detail))
        _set_status(state, event, status, detail)
        state.ended_on = event.day
        return []

    return apply


def _restored(state: State, event: Announcement) -> list[str]:
    if state.status not in DEAD or not state.ends:
        return [NOTHING_TO_RESTORE]
    before, code, _detail = state.ends.pop()
    if before is RightStatus.UNKNOWN:  # what ended it tells what it was
        before = RightStatus.PENDING if code in {"WD01", "RJ01"} else RightStatus.GRANTED
    _set_status(state, event, before, N_("Restored"))
    state.ended_on = None
    return []


def _partly_invalid(state: State, event: Announcement) -> list[str]:
    state.partly_invalid.append(event.day)
    if state.status not in DEAD:
        alive = state.status if state.status is not RightStatus.UNKNOWN else RightStatus.GRANTED
        _set_status(state, event, alive, N_("Declared invalid in part"))
    return []


def _stated(state: State, event: Announcement) -> list[str]:
    """A statement of the status on a day: by a register extract, or by the holder."""
    status = RightStatus(event.fields["status"])
    by_register = sources.read(event.source).rank >= sources.read(sources.REGISTER).rank
    if not by_register and state.status in DEAD and status not in DEAD:
        return [REGISTER_STANDS]
    detail = event.fields.get("detail", "")
    if status in DEAD:
        if state.status not in DEAD:
            state.ends.append((state.status, event.code, state.detail))
            state.ended_on = event.effective_on
    else:
        state.ends.clear()
        state.ended_on = None
    _set_status(state, event, status, detail)
    return []


def _transferred(state: State, event: Announcement) -> list[str]:
    """The owners named before go, those named after come, the others stay (law.md §2.1, §9 invariant 37)."""
    if not event.after:
        return [OWNER_MISSING]
    current = state.current_owners
    if state.owners_from is not None and current and event.day < state.owners_from:
        return [OWNER_OLDER]
    warnings: list[str] = []
    if not current:
        current = [Owner(name, source=event.source) for name in event.before]
        state.owners += current
    leaving = [o for o in current if any(o.is_named(name) for name in event.before)]
    if event.before and len(leaving) < len({folded(name) for name in event.before}):
        warnings.append(OWNER_DIFFERS)
    if not event.before or not leaving:
        leaving = current
    staying = [owner for owner in current if owner not in leaving]
    coming: list[Owner] = []
    for name in event.after:
        same = next((o for o in current if o.is_named(name)), None)
        if same is None:
            coming.append(Owner(name, event.day, source=event.source))
        elif same not in coming and same not in staying:
            coming.append(same)
    if coming != leaving:
        for owner in leaving:
            if owner not in coming:
                owner.until = event.day
        for owner in [*coming, *staying]:
            owner.share_bp = None
    _reorder(state, [*coming, *staying])
    return warnings


def _reorder(state: State, now: list[Owner]) -> None:
    """Put the present owners behind the former ones, in their new order."""
    state.owners = [owner for owner in state.owners if owner not in now] + now


def _owners_stated(state: State, event: Announcement) -> list[str]:
    """Our own record of a transfer: the whole new set with its shares."""
    shares = [int(s) if s else None for s in event.fields.get("shares", "").split("/")]
    warnings = _transferred(state, event)
    if OWNER_OLDER in warnings:
        return warnings
    named = {folded(name) for name in event.after}
    for owner in state.current_owners:
        if folded(owner.name) not in named:
            owner.until = event.day
    if len(shares) == len(event.after):
        for owner in state.current_owners:
            at = next((i for i, name in enumerate(event.after) if owner.is_named(name)), None)
            owner.share_bp = shares[at] if at is not None else None
    return warnings


def _renamed(state: State, event: Announcement) -> list[str]:
    """A new name is no new owner: the period goes on (law.md §2.7, CP01 and CP03)."""
    pairs = list(zip(event.before, event.after, strict=False))
    if not pairs:
        return []
    if not state.current_owners:
        state.owners += [Owner(name, source=event.source) for name in event.before]
    missed = False
    for old, new in pairs:
        current = state.current_owners
        owner = next((o for o in current if folded(o.name) == folded(old)), None)
        renamed = next((o for o in current if o is not owner and o.is_named(new)), None)
        if owner is not None and renamed is not None:  # it became part of the other one
            owner.until = event.day
        elif owner is not None:
            owner.formerly.append(owner.name)
            owner.name = new
        elif renamed is not None:  # it came with its new name
            renamed.formerly.append(old)
        else:
            missed = True
    return [NAME_UNKNOWN] if missed else []


def _nothing(_state: State, _event: Announcement) -> list[str]:
    return []


# -- burdens --------------------------------------------------------------------------------------


def _licence_kind(event: Announcement) -> EncumbranceKind:
    words = event.fields.get("licence_kind", "")
    alone = "独占" in words or "排他" in words or words.lower() in {"exclusive", "sole"}
    return EncumbranceKind.EXCLUSIVE_LICENCE if alone else EncumbranceKind.LICENCE


_COLUMNS: Final = frozenset({"register_no", "kind", "holder", "status", "at"})
LICENCES: Final = frozenset({EncumbranceKind.LICENCE, EncumbranceKind.EXCLUSIVE_LICENCE})


def ends_on(kind: EncumbranceKind, right_kind: str, since: date) -> date | None:
    """When a burden lapses by itself: preservation and dispute suspension do (law.md §2.4), rolled to a working day."""
    if kind is EncumbranceKind.PRESERVATION:
        key = "preservation.trademark" if right_kind == "trademark" else "preservation.patent"
    elif kind is EncumbranceKind.DISPUTE:
        key = "dispute_suspension"
    else:
        return None
    return clock.next_working_day(clock.add_months(since, rulebook.as_of(key, since).number))


def _begin(state: State, event: Announcement, kind: EncumbranceKind, holder: str) -> None:
    number = event.fields.get("register_no", "")
    for known in state.burdens:
        over = known.ended_on is not None and known.ended_on <= event.day
        same_number = number and known.register_no == number
        same_day = known.since == event.day and (not number or not known.register_no)
        if known.kind is kind and not over and (same_number or same_day):
            known.register_no = known.register_no or number
            known.holder = holder or known.holder
            return
    details = {name: value for name, value in event.fields.items() if name not in _COLUMNS and value}
    state.burdens.append(
        Burden(
            kind,
            event.day,
            number,
            holder,
            event.source,
            ends_on(kind, state.kind, event.day),
            details=details,
        )
    )


def _end(state: State, event: Announcement, kinds: frozenset[EncumbranceKind]) -> list[str]:
    """End one burden of ``kinds``: the one with the number, else the only one, else the oldest. Never another kind."""
    live = [b for b in state.live_burdens if b.kind in kinds and b.since <= event.day]
    number = event.fields.get("register_no", "")
    named = [b for b in live if b.register_no == number] if number else []
    unnamed = [b for b in live if not b.register_no] if number else live
    chosen = named or unnamed
    if not chosen:
        return [NOTHING_TO_END]
    first = min(chosen, key=lambda b: (b.since, b.register_no))
    first.ended_on = event.day
    return [SEVERAL_TO_END] if len(chosen) > 1 and not named else []


def _change(state: State, event: Announcement, kinds: frozenset[EncumbranceKind]) -> list[str]:
    number = event.fields.get("register_no", "")
    live = [b for b in state.live_burdens if b.kind in kinds]
    found = [b for b in live if number and b.register_no == number] or (live if len(live) == 1 else [])
    if not found:
        return [NOTHING_TO_END]
    new, old = event.fields.get("new", ""), event.fields.get("old", "")
    if new and (not old or folded(old) == folded(found[0].holder)):
        found[0].holder = new
    found[0].details["changed"] = "; ".join(
        part
        for part in (found[0].details.get("changed"), f"{event.fields.get('item', '')}: {old} → {new}")
        if part
    )
    return []


PLEDGE: Final = frozenset({EncumbranceKind.PLEDGE})
PRESERVATION: Final = frozenset({EncumbranceKind.PRESERVATION})


def _pledged(state: State, event: Announcement) -> list[str]:
    _begin(state, event, EncumbranceKind.PLEDGE, event.fields.get("pledgee", ""))
    return []


def _preserved(state: State, event: Announcement) -> list[str]:
    _begin(state, event, EncumbranceKind.PRESERVATION, event.fields.get("holder", ""))
    return []


def _licensed(state: State, event: Announcement) -> list[str]:
    _begin(state, event, _licence_kind(event), event.fields.get("licensee", ""))
    return []


def _burdened(state: State, event: Announcement) -> list[str]:
    _begin(state, event, EncumbranceKind(event.fields["kind"]), event.fields.get("holder", ""))
    return []


def _released(state: State, event: Announcement) -> list[str]:
    return _end(state, event, frozenset({EncumbranceKind(event.fields["kind"])}))


EFFECTS: Final[Mapping[str, Effect]] = {
    "PB01": _published,
    "SE01": _examined,
    "GR01": _granted,
    "WD01": _ended(RightStatus.WITHDRAWN, N_("Deemed withdrawn")),
    "RJ01": _ended(RightStatus.WITHDRAWN, N_("Refused")),
    "CF01": _ended(RightStatus.LAPSED, N_("Terminated because the annual fee was not paid")),
    "AV01": _ended(RightStatus.LAPSED, N_("Abandoned by the patentee")),
    "CX01": _ended(RightStatus.EXPIRED, N_("Term over")),
    "IW01": _ended(RightStatus.INVALID, N_("Declared invalid in full")),
    "IP01": _partly_invalid,
    "RR01": _restored,
    "TR01": _transferred,
    "TA01": _transferred,
    "CP01": _renamed,
    "CP02": _nothing,
    "CP03": _renamed,
    "PE01": _pledged,
    "PM01": lambda state, event: _change(state, event, PLEDGE),
    "PC01": lambda state, event: _end(state, event, PLEDGE),
    "PP01": _preserved,
    "PD01": lambda state, event: _end(state, event, PRESERVATION),
    "EE01": _licensed,
    "EM01": lambda state, event: _change(state, event, LICENCES),
    "EC01": lambda state, event: _end(state, event, LICENCES),
    OWNERS: _owners_stated,
    STATUS: _stated,
    BURDEN: _burdened,
    RELEASE: _released,
}
"""Every code with an effect, and its one effect (law.md §2.7, §9 invariant 8)."""

_FIRST: Final = ("PB01", "SE01", "GR01", "PE01", "PP01", "EE01", "CP01", "CP03", "TA01", "TR01")
_LAST: Final = ("PC01", "PD01", "EC01", "CF01", "CX01", "AV01", "IP01", "IW01", "RR01", STATUS)


def _order(event: Announcement) -> tuple[date, date, int, str, str]:
    """Oldest effect first; on one day what begins comes before what ends, and our own in the order of entry."""
    if event.code in _FIRST:
        rank = _FIRST.index(event.code)
    else:
        rank = 200 + _LAST.index(event.code) if event.code in _LAST else 100
    return event.day, event.announced_on, rank, event.fields.get("at", ""), event.fingerprint


def replay(state: State, events: Iterable[Announcement]) -> State:
    """``state`` (what is known besides) with the effects of ``events`` in their own order.

    ``state.applied`` and ``state.warnings`` tell by fingerprint what each one did; the order in which ``events``
    come makes no difference.
    """
    events = list(events)
    said = {(event.code, event.announced_on) for event in events if not event.second_hand}
    for event in sorted(events, key=_order):
        if event.second_hand and (event.code, event.announced_on) in said:
            state.applied[event.fingerprint] = False
            state.warnings[event.fingerprint] = [REPEATED]
            continue
        effect = EFFECTS.get(event.code)
        if effect is None:
            state.applied[event.fingerprint] = False
            state.warnings[event.fingerprint] = [NO_EFFECT if event.code in KNOWN else UNKNOWN_CODE]
            continue
        warnings = effect(state, event)
        state.applied[event.fingerprint] = not set(warnings) & _WITHOUT_EFFECT
        state.warnings[event.fingerprint] = warnings
    return state


_WITHOUT_EFFECT: Final = frozenset(
    {OWNER_OLDER, OWNER_MISSING, NOTHING_TO_END, NOTHING_TO_RESTORE, NAME_UNKNOWN, REGISTER_STANDS}
)
