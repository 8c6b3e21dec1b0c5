"""What people do with a right: complete it, claim and verify a holding, record a transfer, burden and release it.

Rights are public; what a party works with is its holding. Nobody overwrites what a better source said
(``source.py``), and everything that touches status, owners or burdens becomes part of the right's history.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select, update

from exchange.core import clock
from exchange.core.db import changed, get, lock, session, transaction
from exchange.core.errors import N_, Conflict, NotFound, RuleBroken, Stale
from exchange.core.events import Event, record
from exchange.parties.models import Party
from exchange.parties.policy import Actor, Permission
from exchange.rights import codes, history, kinds, numbers
from exchange.rights import source as sources
from exchange.rights.burdens import encumber, release
from exchange.rights.models import (
    DEAD,
    Holding,
    Publication,
    Right,
    RightOwner,
    RightStatus,
)
from exchange.rights.numbers import NumberError
from exchange.rights.register import Announcement, folded
from exchange.rights.source import Source
from exchange.rights.upkeep import expire_terms, merge

__all__ = [
    "NewOwner",
    "change_owner",
    "claim_holding",
    "complete",
    "encumber",
    "expire_terms",
    "find",
    "get_for",
    "give_up_holding",
    "holding_of",
    "key_of",
    "link_party",
    "merge",
    "release",
    "source_of",
    "verify_holding",
]

# -- finding --------------------------------------------------------------------------------------


def get_for(actor: Actor, ref: str, permission: Permission | None = None) -> Right:
    """The right ``ref``; with ``permission`` only for those who have it there.

    Raises ``NotFound``, and ``NotAllowed`` where the actor may not do it to this right (rights themselves are
    public). A merged right leads to the one it was merged into.
    """
    right = get(Right, ref)
    while right.merged_into_id is not None:
        into = session.get(Right, right.merged_into_id)
        if into is None:
            break
        right = into
    if permission is not None:
        actor.must(permission, right)
    return right


def key_of(number: numbers.Number) -> str:
    """The key under which a right with this number stands: application number, publication, or scheme and number."""
    if number.scheme == numbers.CN_APPLICATION:
        return f"CN{number.key}"
    if number.scheme in {numbers.CN_PUBLICATION, numbers.FOREIGN}:
        return f"P:{number.key}"
    return f"{number.scheme}:{number.key}"


def find(number: str, *, kind: str = "") -> Right:
    """The right with this number, in any written form. Raises ``RuleBroken`` for no number, ``NotFound`` for no right."""
    try:
        read = numbers.parse(number, kind=kind)
    except NumberError as error:
        raise RuleBroken(error.code, error.message, field="number", **error.params) from error
    by_publication = select(Publication.right_id).where(Publication.number == read.key)
    query = select(Right).where((Right.key == key_of(read)) | Right.id.in_(by_publication)).order_by(Right.id)
    right = session.scalars(query).first()
    if right is None:
        raise NotFound(
            "right.unknown",
            N_("No right with the number %(number)s is known here. Import it first."),
            number=read.shown,
        )
    return right


def holding_of(party: Party | None, right: Right) -> Holding | None:
    """The holding of ``party`` in ``right`` that lasts, or ``None``."""
    if party is None:
        return None
    return session.scalar(
        select(Holding).where(
            Holding.party_id == party.id, Holding.right_id == right.id, Holding.ended_at.is_(None)
        )
    )


def source_of(actor: Actor, right: Right, as_of: date | None = None) -> Source:
    """How strong the word of ``actor`` about ``right`` is: register, verified holder, or importer."""
    if actor.system or actor.can(Permission.RIGHT_RECORD_EVENT):
        return Source(sources.REGISTER, actor.user_ref or "", as_of)
    holding = holding_of(actor.party, right)
    kind = sources.HOLDER if holding is not None and holding.verified else sources.IMPORT
    return Source(kind, actor.party_ref or "", as_of)


# -- completing -----------------------------------------------------------------------------------

_FACTS = (
    "filed_on",
    "granted_on",
    "fees_paid_through",
    "fee_reduction",
    "government_funded",
    "same_day_application",
    "compensation_days",
    "title_en",
    "region",
    "agency",
)


@transaction
def complete(
    actor: Actor,
    right_ref: str,
    *,
    app_no: str | None = None,
    status: RightStatus | None = None,
    status_as_of: date | None = None,
    status_source: str = "",
    version: int | None = None,
    **facts: Any,
) -> Right:
    """Add what an import did not say: application number, dates, status with its day and source, fees, flags.

    ``facts`` are ``filed_on``, ``granted_on``, ``fees_paid_through`` (last paid patent year), ``fee_reduction``,
    ``government_funded``, ``same_day_application``, ``compensation_days``, ``title_en``, ``region``, ``agency``;
    ``None`` leaves a fact alone. Raises ``Stale`` for another ``version``; ``Conflict`` (``right.number_taken``) where
    the number belongs to another right, which it names; ``RuleBroken`` for a number, day or status that cannot be,
    or that a better source contradicts (``right.better_source``).
    """
    actor.must(Permission.RIGHT_COMPLETE, get_for(actor, right_ref))
    right = lock(Right, get_for(actor, right_ref).ref)
    if version is not None and version != right.version:
        raise Stale(
            "stale",
            N_("Somebody changed this after you read it: it is at version %(version)s now. Read it again."),
            version=right.version,
        )
    unknown = set(facts) - set(_FACTS)
    if unknown:
        raise TypeError(f"no such fact: {', '.join(sorted(unknown))}")
    today = clock.today()
    source = source_of(actor, right, status_as_of or today)
    what: list[str] = []
    if app_no and _take_number(right, app_no, source):
        what.append("app_no")
    _check_days(right, facts, today)
    for name, value in facts.items():
        if value is not None and getattr(right, name) != value:
            _must_replace(right, name, source)
            setattr(right, name, value)
            right.facts = {**right.facts, name: source.kept()}
            what.append(name)
    if status is not None and _state_status(actor, right, status, source, status_source):
        what.append("status")
    if what:
        record(actor, "right.changed", right, what=what, source=source.token)
    return right


def _must_replace(right: Right, name: str, source: Source) -> None:
    known = sources.of(right.facts, name)
    if getattr(right, name) not in (None, "", 0, False) and not source.may_replace(known):
        raise RuleBroken(
            "right.better_source",
            N_(
                "“%(fact)s” is known from a better source (%(source)s). Send the exchange a proof if it is wrong."
            ),
            field=name,
            rule="architecture: settled facts",
            fact=name,
            source=known.token if known else "",
        )


def _take_number(right: Right, text: str, source: Source) -> bool:
    """Give the right its application number and the key that goes with it. Whether it is new."""
    try:
        number = numbers.parse(text, expect="application", today=clock.today())
    except NumberError as error:
        raise RuleBroken(
            error.code, error.message, field="app_no", rule="law.md §2.5", **error.params
        ) from error
    if number.scheme != numbers.CN_APPLICATION:
        raise RuleBroken(
            "right.not_an_application",
            N_(
                "%(number)s is no application number of a Chinese patent. It has 13 characters (9 before 2003-10)."
            ),
            field="app_no",
            rule="law.md §2.5",
            number=number.shown,
        )
    if right.app_no == number.key:
        return False
    if right.country != "CN":
        raise RuleBroken(
            "right.foreign",
            N_("A right of another country has no Chinese application number."),
            field="app_no",
        )
    if right.kind and right.kind in kinds.PATENTS and number.patent_type != right.kind:
        raise RuleBroken(
            "right.kind_differs",
            N_(
                "%(number)s is the number of another type of patent (%(by_number)s) than this one (%(kind)s)."
            ),
            field="app_no",
            rule="law.md §2.5",
            number=number.shown,
            by_number=kinds.of(number.patent_type).name,
            kind=kinds.of(right.kind).name,
        )
    if right.app_no:
        _must_replace(right, "app_no", source)
    key = key_of(number)
    other = session.scalar(select(Right).where(Right.key == key, Right.id != right.id))
    if other is not None:
        raise Conflict(
            "right.number_taken",
            N_(
                "%(number)s is the number of another right, %(other)s (%(title)s). "
                "If both are the same, the exchange can merge them."
            ),
            field="app_no",
            rule="law.md §9 invariant 2",
            number=number.shown,
            other=other.ref,
            title=other.title,
        )
    right.key, right.app_no = key, number.key
    right.kind = right.kind or number.patent_type
    right.facts = {**right.facts, "app_no": source.kept()}
    return True


def _check_days(right: Right, facts: dict[str, Any], today: date) -> None:
    filed = facts.get("filed_on") or right.filed_on
    granted = facts.get("granted_on") or right.granted_on
    for name in ("filed_on", "granted_on"):
        if facts.get(name) and facts[name] > today:
            raise RuleBroken("date.future", N_("%(day)s lies in the future."), field=name, day=facts[name])
    if filed and granted and granted < filed:
        raise RuleBroken(
            "date.order",
            N_("Granted on %(granted)s, before it was filed on %(filed)s."),
            field="granted_on" if facts.get("granted_on") else "filed_on",
            granted=granted,
            filed=filed,
        )
    year = facts.get("fees_paid_through")
    if year is not None and not 1 <= year <= 20:
        raise RuleBroken(
            "fees.year",
            N_("The last paid year is a patent year from 1 to 20, counted from the filing date."),
            field="fees_paid_through",
            rule="law.md §2.6",
        )


def _state_status(actor: Actor, right: Right, status: RightStatus, source: Source, said_by: str) -> bool:
    """Make the status part of the history. Whether that was news."""
    today = clock.today()
    as_of = source.as_of or today
    if status is RightStatus.UNKNOWN:
        raise RuleBroken("status.unknown", N_("Choose the status that the register gives."), field="status")
    if as_of > today:
        raise RuleBroken("date.future", N_("%(day)s lies in the future."), field="status_as_of", day=as_of)
    by_register = source.kind == sources.REGISTER
    if not by_register and right.status in DEAD and status not in DEAD:
        raise RuleBroken(
            "right.register_says",
            N_(
                "The register says “%(status)s”. Only a register can say otherwise; send the exchange its extract."
            ),
            field="status",
            rule="law.md §9 invariant 9",
            status=right.status,
        )
    if (right.status, right.status_as_of, right.status_source) == (status, as_of, source.token):
        return False
    event = Announcement(
        codes.STATUS,
        as_of,
        fields={"status": status.value, "detail": said_by.strip()[:200], "at": history.next_place(right)},
        source=source.token,
    )
    outcome = history.announce(actor, right, [event])
    right.status_checked_at = clock.now()
    return bool(outcome.changed)


# -- holdings -------------------------------------------------------------------------------------


@transaction
def claim_holding(actor: Actor, right_ref: str) -> Holding:
    """The actor's organisation says that it holds the right. Verified by itself where it is an owner of record.

    A repeat returns the holding that is there. Raises ``NotAllowed``, ``NotFound``.
    """
    actor.must(Permission.HOLDING_CLAIM)
    assert actor.party is not None
    right = lock(Right, get_for(actor, right_ref).ref)
    holding = session.scalar(
        select(Holding).where(Holding.party_id == actor.party.id, Holding.right_id == right.id)
    )
    if holding is not None and holding.ended_at is None:
        return holding
    if holding is None:
        holding = Holding(party_id=actor.party.id, right_id=right.id)
        session.add(holding)
    holding.ended_at = None
    _verify_by_record(holding, actor.party, right)
    session.flush()
    record(actor, "holding.claimed", right, party=actor.party.ref, verified=holding.verified)
    return holding


def _verify_by_record(holding: Holding, party: Party, right: Right) -> bool:
    """Verify ``holding`` where ``party`` is an owner of record by link or by a verified name. Whether it is verified."""
    names = history.names_of(party)
    owner = next((o for o in right.owners if o.party_id == party.id or folded(o.name) in names), None)
    if owner is None or not party.verified:
        return holding.verified
    owner.party_id = owner.party_id or party.id
    if not holding.verified:
        holding.verified, holding.basis = True, history.OWNER_OF_RECORD
        holding.verified_at = clock.now()
    return True


@transaction
def verify_holding(actor: Actor, right_ref: str, party_ref: str, *, basis: str) -> Holding:
    """The operator accepted a proof of ownership; ``basis`` names it. A repeat changes nothing.

    Raises ``NotFound`` where the party has claimed nothing, ``RuleBroken`` without a basis, ``Conflict`` where the
    party itself is not verified.
    """
    actor.must(Permission.HOLDING_VERIFY)
    right = lock(Right, get_for(actor, right_ref).ref)
    party = get(Party, party_ref)
    holding = holding_of(party, right)
    if holding is None:
        raise NotFound(
            "holding.missing",
            N_("%(party)s has not claimed this right."),
            party=party.name,
        )
    if holding.verified:
        return holding
    if not basis.strip():
        raise RuleBroken(
            "holding.basis",
            N_("Name the document that proves the ownership."),
            field="basis",
            rule="law.md §7.1",
        )
    if not party.verified:
        raise Conflict(
            "party.not_verified",
            N_("The exchange has not verified %(name)s. Verify the organisation first."),
            field="party",
            name=party.name,
        )
    holding.verified, holding.verified_at = True, clock.now()
    holding.basis = basis.strip()[:255]
    record(actor, "holding.verified", right, party=party.ref, basis=holding.basis)
    return holding


@transaction
def give_up_holding(actor: Actor, right_ref: str) -> None:
    """The actor's organisation no longer works with the right here. Owners of record stay what the register says."""
    actor.must(Permission.HOLDING_CLAIM)
    right = lock(Right, get_for(actor, right_ref).ref)
    holding = holding_of(actor.party, right)
    if holding is None:
        return
    holding.ended_at, holding.verified = clock.now(), False
    record(actor, "holding.ended", right, party=actor.party_ref)


def link_party(event: Event) -> None:
    """A party, or one of its names, was verified: link it to its rights and verify what it has claimed.

    For the subscription table (``party.verified``, ``party.name_verified``); repeats are harmless.
    """
    party = session.scalar(select(Party).where(Party.ref == event.subject_ref))
    if party is None or not party.verified:
        return
    names = {party.name, *(name.name for name in party.names if name.verified)}
    wanted = {spelling for name in names for spelling in history.spellings(name)}
    linked = history.link_names(wanted)
    own = [name for name in wanted if linked.get(name) == party.id]
    if own:
        session.execute(
            update(RightOwner)
            .where(RightOwner.name.in_(own), RightOwner.party_id.is_(None))
            .values(party_id=party.id)
            .execution_options(synchronize_session=False)
        )
    owned = select(RightOwner.right_id).where(RightOwner.party_id == party.id, RightOwner.until.is_(None))
    changed(
        update(Holding)
        .where(
            Holding.party_id == party.id,
            Holding.verified.is_(False),
            Holding.ended_at.is_(None),
            Holding.right_id.in_(owned),
        )
        .values(verified=True, basis=history.OWNER_OF_RECORD, verified_at=clock.now())
        .execution_options(synchronize_session=False)
    )
    session.expire_all()


# -- owners ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewOwner:
    """An owner to be: the name as it stands in the register, the share in basis points, the party it is."""

    name: str
    share_bp: int | None = None
    party: Party | None = None


@transaction
def change_owner(
    actor: Actor, right: Right | str, new_owners: Sequence[NewOwner], on: date, source: str
) -> Right:
    """The office has recorded new owners as of ``on`` (the day of its notice; law.md §9 invariants 37, 45).

    Owners of record change with that day, former owners' holdings end, new owners' are verified, the fee reduction is
    cleared. ``source`` names the filing. A repeat changes nothing. For verbs that hold the evidence: the caller has
    checked who may. Raises ``RuleBroken`` for no owner or shares that are not 100 %.
    """
    right = lock(Right, right)
    if not new_owners:
        raise RuleBroken("owners.none", N_("Name at least one new owner."), field="owners")
    shares = [owner.share_bp for owner in new_owners]
    if any(share is not None for share in shares) and sum(share or 0 for share in shares) != 10_000:
        raise RuleBroken(
            "owners.shares", N_("The shares of the owners must add up to 100 percent."), field="owners"
        )
    was = [owner.name for owner in right.owners]
    event = Announcement(
        codes.OWNERS,
        on,
        on,
        before=tuple(was),
        after=tuple(owner.name for owner in new_owners),
        fields={
            "shares": "/".join("" if share is None else str(share) for share in shares),
            "source": source,
        },
        source=Source(sources.REGISTER, source).token,
    )
    # A repeat finds the new owners already there, so it is known by its source.
    if any(
        row.data.get("fields", {}).get("source") == source and row.code == codes.OWNERS
        for row in history.kept(right)
    ):
        return right
    history.announce(actor, right, [event], quiet=True)
    by_name = {folded(owner.name): owner.party for owner in new_owners if owner.party is not None}
    for row in right.owners:
        party = by_name.get(folded(row.name))
        if party is not None:
            row.party_id = party.id
    history.settle_holdings(right)
    right.fee_reduction = False
    right.facts = {**right.facts, "fee_reduction": Source(sources.REGISTER, source, on).kept()}
    record(
        actor,
        "right.changed",
        right,
        what=["owners"],
        was=was,
        now=[owner.name for owner in new_owners],
        on=on.isoformat(),
        source=source,
    )
    return right
