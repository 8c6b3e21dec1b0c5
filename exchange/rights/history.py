"""The history of a right in the database: announcements kept, replayed, and written into right, owners and burdens.

Everything that changes status, owners or burdens goes through ``announce``: a gazette's event, a statement of the
holder, a filing that the office recorded. The right is locked by the caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm.attributes import flag_modified

from exchange.core import clock
from exchange.core.db import session
from exchange.core.errors import N_
from exchange.core.events import record
from exchange.parties.models import Party, PartyName, PartyStatus
from exchange.parties.policy import Actor
from exchange.rights import codes, entry, fees, register
from exchange.rights import source as sources
from exchange.rights.formats.record import Event
from exchange.rights.models import DEAD, Encumbrance, Holding, LegalEvent, Right, RightOwner, RightStatus
from exchange.rights.register import Announcement, Burden, Owner, State, folded

OWNER_OF_RECORD = "owner_of_record"
"""``Holding.basis`` of a holding that verified itself."""

BASELINE = "baseline"
"""Key of ``Right.facts``: the owners that were known before the first announcement."""


@dataclass
class Outcome:
    """What a batch of announcements did: how many had an effect, were kept without one, or were known already."""

    applied: int = 0
    recorded: int = 0
    known: int = 0
    warnings: list[tuple[Announcement, str]] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)


def kept(right: Right) -> list[LegalEvent]:
    """The announcements of a right, oldest effect first."""
    rows = session.scalars(select(LegalEvent).where(LegalEvent.right_id == right.id))
    return sorted(rows, key=lambda row: (row.effective_on or row.announced_on, row.announced_on, row.id))


def next_place(right: Right) -> str:
    """What puts our own entries of one day in the order in which they were made; the right is locked."""
    return (
        f"{session.scalar(select(func.count(LegalEvent.id)).where(LegalEvent.right_id == right.id)) or 0:06d}"
    )


def announcement_of(row: LegalEvent) -> Announcement:
    """The announcement that a row keeps."""
    return Announcement(
        row.code,
        row.announced_on,
        row.effective_on,
        tuple(row.data.get("before", ())),
        tuple(row.data.get("after", ())),
        row.data.get("fields", {}),
        row.text,
        row.source,
    )


def announcement_from(event: Event, source: str = sources.REGISTER) -> Announcement | None:
    """What a reader found in a file as an announcement; ``None`` where it has no day.

    A partial invalidation whose conclusion is that nothing is left is a full one (law.md §2.7).
    """
    announced = event.announced_on or event.effective_on
    if announced is None:
        return None
    said = event.fields
    fields = {
        _NAMES.get(name, name): value for name, value in said.items() if name not in _ELSEWHERE and value
    }
    code = event.code
    if code == "IP01" and any("全部无效" in value and "部分" not in value for value in said.values()):
        code = "IW01"
    return Announcement(
        code,
        announced,
        event.effective_on,
        tuple(event.before),
        tuple(event.after),
        fields,
        event.text,
        source,
        event.given_code,
    )


_NAMES = {
    "registration_no": "register_no",
    "recordal_no": "register_no",
    "changed_item": "item",
    "changed_before": "old",
    "changed_after": "new",
}
_ELSEWHERE = frozenset({"effective_on"})


def announce(actor: Actor, right: Right, events: Sequence[Announcement], *, quiet: bool = False) -> Outcome:
    """Keep ``events``, replay the history and write the state.

    What is known already is passed over. ``quiet`` records no events of the exchange (the caller records its own).
    """
    before = kept(right)
    known = {row.fingerprint for row in before}
    told = [row for row in before if row.code != codes.STATUS]
    newest = max((row.effective_on or row.announced_on for row in told), default=None)
    outcome = Outcome()
    rows = {row.fingerprint: row for row in before}
    if not before and right.status is not RightStatus.UNKNOWN:
        carried = _status_so_far(right)
        rows[carried.fingerprint] = _row(right, carried)
        known.add(carried.fingerprint)
    fresh: dict[str, Announcement] = {}
    for event in events:
        print_ = event.fingerprint
        if print_ in known:
            outcome.known += 1
            continue
        known.add(print_)
        fresh[print_] = event
        on_arrival = [register.CODE_CORRECTED] if event.given_code not in {"", event.code} else []
        if newest is not None and event.day < newest:
            on_arrival.append(register.LATE)
        rows[print_] = _row(right, event, on_arrival)
    if not fresh:
        return outcome
    state = register.replay(_baseline(right), [announcement_of(row) for row in rows.values()])
    for print_, row in rows.items():
        row.applied = state.applied[print_]
        row.warnings = [*row.data.get("on_arrival", ()), *state.warnings[print_]]
        if row.id is None:
            session.add(row)
        if print_ in fresh:
            outcome.warnings += [(fresh[print_], warning) for warning in row.warnings]
    outcome.applied = sum(state.applied[print_] for print_ in fresh)
    outcome.recorded = len(fresh) - outcome.applied
    outcome.changed = write(actor, right, state, codes=[e.code for e in fresh.values()], quiet=quiet)
    return outcome


def _row(right: Right, event: Announcement, on_arrival: Sequence[str] = ()) -> LegalEvent:
    return LegalEvent(
        right_id=right.id,
        code=event.code,
        announced_on=event.announced_on,
        effective_on=event.effective_on,
        text=event.text,
        data={
            "before": list(event.before),
            "after": list(event.after),
            "fields": dict(event.fields),
            "on_arrival": list(on_arrival),
        },
        source=event.source[:64],
        fingerprint=event.fingerprint,
    )


def _status_so_far(right: Right) -> Announcement:
    """The status that was known before the first announcement, as the first line of the history."""
    return Announcement(
        codes.STATUS,
        right.status_as_of or right.granted_on or right.published_on or right.filed_on or clock.today(),
        right.ended_on,
        fields={"status": right.status.value, "detail": right.status_detail or ""},
        source=right.status_source or "",
    )


def _baseline(right: Right) -> State:
    """What was known before the first announcement: the owners, from wherever they came."""
    state = State(kind=right.kind, filed_on=right.filed_on)
    if BASELINE not in right.facts:
        rows = _owner_rows(right)
        known = sources.of(right.facts, "owners")
        right.facts = {
            **right.facts,
            BASELINE: {
                "from": known.as_of.isoformat() if known and known.as_of else None,
                "owners": [
                    [row.name, row.since.isoformat() if row.since else None, row.share_bp, row.source]
                    for row in rows
                    if row.until is None
                ],
            },
        }
    kept_ = right.facts[BASELINE]
    state.owners_from = date.fromisoformat(kept_["from"]) if kept_["from"] else None
    state.owners = [
        Owner(name, date.fromisoformat(since) if since else None, share_bp=share, source=source)
        for name, since, share, source in kept_["owners"]
    ]
    return state


def _owner_rows(right: Right) -> list[RightOwner]:
    query = (
        select(RightOwner).where(RightOwner.right_id == right.id).order_by(RightOwner.position, RightOwner.id)
    )
    return list(session.scalars(query))


# -- telling --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Moment:
    """One line of a right's timeline. ``title`` is a msgid, or the words of the announcement where the code is old."""

    day: date
    code: str
    title: str
    announced_on: date | None
    effective_on: date | None
    before: tuple[str, ...]
    after: tuple[str, ...]
    fields: dict[str, str]
    text: str
    source: str
    applied: bool
    warnings: tuple[str, ...]


_HIDDEN = frozenset({"at", "by", "shares", "source", "ipc"})


def timeline(right: Right) -> list[Moment]:
    """Filing, publications and announcements of a right, newest first."""
    moments = [_moment(row) for row in kept(right)]
    codes_told = {moment.code for moment in moments}
    if right.filed_on is not None:
        moments.append(
            _plain(right.filed_on, "FILED", N_("Application filed"), sources.of(right.facts, "filed_on"))
        )
    for publication in right.publications:
        told = entry.is_grant(publication.kind_code, publication.published_on)
        if publication.published_on is None or ("GR01" if told else "PB01") in codes_told:
            continue
        title = N_("Grant published") if told else N_("Published")
        number = f"{publication.number}{publication.kind_code}"
        source = sources.read(publication.source, publication.published_on)
        moments.append(_plain(publication.published_on, "PUBLICATION", title, source, number=number))
    return sorted(moments, key=lambda moment: moment.day, reverse=True)


def _moment(row: LegalEvent) -> Moment:
    fields = {
        name: str(value)
        for name, value in row.data.get("fields", {}).items()
        if value and name not in _HIDDEN
    }
    words = row.text.splitlines()[0][:80] if row.text else row.code
    title = codes.NAMES.get(row.code, words)
    return Moment(
        row.effective_on or row.announced_on,
        row.code,
        title,
        row.announced_on,
        row.effective_on,
        tuple(row.data.get("before", ())),
        tuple(row.data.get("after", ())),
        fields,
        row.text,
        row.source,
        row.applied,
        tuple(row.warnings),
    )


def _plain(day: date, code: str, title: str, source: sources.Source | None, **fields: str) -> Moment:
    return Moment(day, code, title, None, None, (), (), fields, "", source.token if source else "", True, ())


# -- writing --------------------------------------------------------------------------------------


def write(
    actor: Actor, right: Right, state: State, *, codes: Sequence[str] = (), quiet: bool = False
) -> list[str]:
    """Bring the tables to ``state``; what changed, as ``status``, ``owners``, ``burdens`` or ``dates``."""
    changed: list[str] = []
    was = right.status
    if _write_status(right, state):
        changed.append("status")
    if _write_dates(right, state):
        changed.append("dates")
    if _write_owners(right, state):
        changed.append("owners")
    begun, ended = _write_burdens(right, state)
    if begun or ended:
        changed.append("burdens")
    partly = "IP01" in codes and right.status not in DEAD
    if not changed and not partly:
        return changed
    right.updated_at = clock.now()
    flag_modified(right, "updated_at")  # owners and burdens are other rows; the version counts them too
    session.flush()
    session.expire(right, ["owners", "encumbrances"])
    if "owners" in changed:
        settle_holdings(right)
    if quiet:
        return changed
    if right.status is not was:
        record(actor, "right.status_changed", right, status=right.status.value, was=was.value)
    elif partly:
        record(
            actor,
            "right.status_changed",
            right,
            status=right.status.value,
            was=was.value,
            partly_invalid=True,
        )
    if begun:
        record(actor, "right.encumbered", right, kinds=[b.kind.value for b in begun])
    if ended:
        record(actor, "right.released", right, kinds=[b.kind.value for b in ended])
    if {"owners", "dates"} & set(changed):
        record(actor, "right.changed", right, what=changed)
    return changed


def _write_status(right: Right, state: State) -> bool:
    if state.status is RightStatus.UNKNOWN and right.status is RightStatus.UNKNOWN:
        return False
    ended_on = state.ended_on
    if state.status is RightStatus.EXPIRED:
        ended_on = fees.expiry_of(right) or ended_on
    values: dict[str, Any] = {
        "status": state.status,
        "status_detail": state.detail or None,
        "status_as_of": state.as_of,
        "status_source": state.source or None,
        "ended_on": ended_on,
    }
    return _set(right, values)


def _write_dates(right: Right, state: State) -> bool:
    values: dict[str, Any] = {}
    if state.published_on is not None and right.published_on is None:
        values["published_on"] = state.published_on
    known = sources.of(right.facts, "granted_on")
    if state.granted_on is not None and (
        right.granted_on is None or known is None or known.rank < sources.Source(sources.REGISTER).rank
    ):
        values["granted_on"] = state.granted_on
    if not _set(right, values):
        return False
    said = sources.Source(sources.REGISTER, as_of=state.as_of).kept()
    right.facts = {**right.facts, **dict.fromkeys(values, said)}
    return True


def _set(thing: Any, values: dict[str, Any]) -> bool:
    different = {name: value for name, value in values.items() if getattr(thing, name) != value}
    for name, value in different.items():
        setattr(thing, name, value)
    return bool(different)


def _write_owners(right: Right, state: State) -> bool:
    rows = _owner_rows(right)
    links = link_names({owner.name for owner in state.owners})
    changed = False
    position = 0
    for owner in state.owners:
        row = _take(rows, owner)
        if row is None:
            row = RightOwner(right_id=right.id, name=owner.name, source=owner.source[:64])
            session.add(row)
            changed = True
        now = position if owner.until is None else 0
        position += owner.until is None
        values = {
            "name": owner.name,
            "since": owner.since,
            "until": owner.until,
            "share_bp": owner.share_bp,
            "position": now,
        }
        changed = _set(row, values) or changed
        row.party_id = row.party_id or links.get(owner.name)
    for row in rows:  # an earlier replay made them; a late announcement has told it differently
        session.delete(row)
        changed = True
    if changed:
        newest = max((o.since for o in state.current_owners if o.since), default=state.owners_from)
        registered = any(sources.read(o.source).kind == sources.REGISTER for o in state.current_owners)
        if registered:
            said = sources.Source(sources.REGISTER, as_of=newest).kept()
            right.facts = {**right.facts, "owners": said}
    return changed


def _take(rows: list[RightOwner], owner: Owner) -> RightOwner | None:
    """The row that is this owner's, taken out of ``rows``: same name and beginning first, else same name."""
    named = [row for row in rows if owner.is_named(row.name)]
    found = next((row for row in named if row.since == owner.since), named[0] if named else None)
    if found is not None:
        rows.remove(found)
    return found


def _write_burdens(right: Right, state: State) -> tuple[list[Encumbrance], list[Encumbrance]]:
    query = select(Encumbrance).where(Encumbrance.right_id == right.id).order_by(Encumbrance.id)
    rows = list(session.scalars(query))
    begun: list[Encumbrance] = []
    ended: list[Encumbrance] = []
    for burden in state.burdens:
        row = _take_burden(rows, burden)
        values: dict[str, Any] = {
            "since": burden.since,
            "ends_on": burden.ends_on,
            "holder": burden.holder[:255],
            "register_no": burden.register_no[:64],
            "source": burden.source[:255],
            "details": dict(burden.details),
        }
        if row is None:
            row = Encumbrance(right_id=right.id, kind=burden.kind, ended_on=burden.ended_on, **values)
            session.add(row)
            if burden.ended_on is None:
                begun.append(row)
            continue
        if row.ended_on is None and burden.ended_on is not None:
            ended.append(row)
        elif row.ended_on is not None and burden.ended_on is None:
            begun.append(row)
        _set(row, {**values, "ended_on": burden.ended_on})
    for row in rows:  # see _write_owners
        if row.ended_on is None:
            ended.append(row)
        session.delete(row)
    return begun, ended


def _take_burden(rows: list[Encumbrance], burden: Burden) -> Encumbrance | None:
    same = [row for row in rows if row.kind is burden.kind]
    found = next(
        (row for row in same if row.register_no == burden.register_no and row.since == burden.since),
        next((row for row in same if burden.register_no and row.register_no == burden.register_no), None),
    )
    if found is not None:
        rows.remove(found)
    return found


# -- owners and parties ---------------------------------------------------------------------------


def spellings(name: str) -> set[str]:
    """``name`` as others may have written it: with the brackets of the other width."""
    half = name.replace("（", "(").replace("）", ")")
    return {name, half, half.replace("(", "（").replace(")", "）")}


def link_names(names: Iterable[str]) -> dict[str, int]:
    """The verified party that bears each name among its verified names; never a guess.

    A name that two parties bear links nobody.
    """
    wanted: dict[str, set[str]] = {}
    for name in names:
        for spelling in spellings(name):
            wanted.setdefault(spelling, set()).add(name)
    if not wanted:
        return {}
    own = select(Party.name, Party.id).where(Party.name.in_(wanted), Party.status == PartyStatus.VERIFIED)
    further = (
        select(PartyName.name, PartyName.party_id)
        .join(Party, Party.id == PartyName.party_id)
        .where(PartyName.name.in_(wanted), PartyName.verified, Party.status == PartyStatus.VERIFIED)
    )
    found: dict[str, set[int]] = {}
    for spelling, party_id in [*session.execute(own), *session.execute(further)]:
        for name in wanted[spelling]:
            found.setdefault(name, set()).add(party_id)
    return {name: next(iter(ids)) for name, ids in found.items() if len(ids) == 1}


def names_of(party: Party) -> set[str]:
    """The names under which ``party`` is an owner of record: its verified ones, folded; none before verification."""
    if not party.verified:
        return set()
    return {folded(party.name), *(folded(name.name) for name in party.names if name.verified)}


def settle_holdings(right: Right) -> None:
    """After a change of owners: former owners' holdings end, new owners' are verified.

    A holding that somebody had from a former owner by document is no longer verified (law.md §9 invariant 45).
    """
    session.flush()
    current = list(
        session.scalars(select(RightOwner).where(RightOwner.right_id == right.id, RightOwner.until.is_(None)))
    )
    former = set(
        session.scalars(
            select(RightOwner.party_id).where(
                RightOwner.right_id == right.id,
                RightOwner.until.is_not(None),
                RightOwner.party_id.is_not(None),
            )
        )
    )
    owners = {row.party_id for row in current if row.party_id is not None}
    holdings = {h.party_id: h for h in session.scalars(select(Holding).where(Holding.right_id == right.id))}
    now = clock.now()
    for party_id, holding in holdings.items():
        if party_id in owners or holding.ended_at is not None:
            continue
        if party_id in former or holding.basis == OWNER_OF_RECORD:
            holding.ended_at, holding.verified = now, False
        else:
            holding.verified = False
    for party in session.scalars(select(Party).where(Party.id.in_(owners))):
        if not party.verified:
            continue
        held = holdings.get(party.id)
        if held is None:
            held = Holding(party_id=party.id, right_id=right.id)
            session.add(held)
        if not held.verified or held.ended_at is not None:
            held.verified, held.basis, held.verified_at, held.ended_at = True, OWNER_OF_RECORD, now, None
    session.flush()
    session.expire(right, ["holdings"])
