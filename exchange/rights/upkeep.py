"""Keeping the register in order: two records of one right merged, terms that are over."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.orm.attributes import flag_modified

from exchange.core import clock
from exchange.core.db import lock, lock_all, session, transaction
from exchange.core.errors import N_, Conflict, NotAllowed, RuleBroken
from exchange.core.events import record
from exchange.parties.policy import SYSTEM, Actor, Permission
from exchange.rights import fees, history
from exchange.rights.models import Holding, Publication, Right, RightOwner, RightStatus, Watch
from exchange.rights.register import Announcement


@transaction
def merge(actor: Actor, keep_ref: str, other_ref: str) -> Right:
    """Two records are one right: ``other`` goes into ``keep`` with its publications, history and holdings.

    The kept record takes the application number where it has none. A repeat changes nothing. Raises ``RuleBroken``
    for a right merged with itself, and ``Conflict`` where both have different application numbers.
    """
    actor.must(Permission.RIGHT_MERGE)
    if keep_ref == other_ref:
        raise RuleBroken("right.merge_itself", N_("Name two different records."), field="other")
    keep, other = lock_all(Right, [keep_ref, other_ref])
    if other.merged_into_id == keep.id:
        return keep
    if keep.merged_into_id is not None or other.merged_into_id is not None:
        raise Conflict(
            "right.merged", N_("One of the records was merged into another already."), field="other"
        )
    if keep.app_no and other.app_no and keep.app_no != other.app_no:
        raise Conflict(
            "right.numbers_differ",
            N_("Both records have an application number, and they differ. They are two rights."),
            field="other",
            rule="law.md §9 invariant 2",
        )
    key, app_no = other.key, other.app_no
    other.key, other.merged_into_id = f"M:{other.ref}", keep.id
    session.flush()
    if not keep.app_no and app_no:
        keep.key, keep.app_no = key, app_no
    for name in (
        "kind",
        "filed_on",
        "granted_on",
        "published_on",
        "region",
        "agency",
        "title_en",
        "fees_paid_through",
    ):
        if not getattr(keep, name) and getattr(other, name):
            setattr(keep, name, getattr(other, name))
    session.execute(
        update(Publication)
        .where(Publication.right_id == other.id)
        .values(right_id=keep.id)
        .execution_options(synchronize_session=False)
    )
    _merge_owners(keep, other)
    _merge_holdings(keep, other)
    _merge_watches(keep, other)
    events = [history.announcement_of(row) for row in history.kept(other)]
    session.expire(keep, ["publications", "owners", "holdings"])
    if events:
        history.announce(actor, keep, events)
    keep.updated_at = clock.now()
    flag_modified(keep, "updated_at")
    record(actor, "right.merged", keep, other=other.ref)
    return keep


def _merge_owners(keep: Right, other: Right) -> None:
    """Where nobody is known to own the kept record, the other's owners do."""
    if keep.owners:
        return
    session.execute(
        update(RightOwner)
        .where(RightOwner.right_id == other.id)
        .values(right_id=keep.id)
        .execution_options(synchronize_session=False)
    )


def _merge_holdings(keep: Right, other: Right) -> None:
    held = {h.party_id: h for h in session.scalars(select(Holding).where(Holding.right_id == keep.id))}
    for holding in session.scalars(select(Holding).where(Holding.right_id == other.id)):
        mine = held.get(holding.party_id)
        if mine is None:
            holding.right_id = keep.id
        else:
            if holding.verified and not mine.verified and mine.ended_at is None:
                mine.verified, mine.basis, mine.verified_at = True, holding.basis, holding.verified_at
            holding.ended_at = holding.ended_at or clock.now()
    session.flush()


def _merge_watches(keep: Right, other: Right) -> None:
    """Who watched the record that goes watches the one that stays."""
    mine = set(session.scalars(select(Watch.party_id).where(Watch.right_id == keep.id)))
    for one in session.scalars(select(Watch).where(Watch.right_id == other.id)):
        if one.party_id in mine:
            session.delete(one)
        else:
            one.right_id = keep.id
    session.flush()


@transaction
def expire_terms(actor: Actor = SYSTEM, *, limit: int = 500) -> int:
    """Rights whose term is over become expired (a daily job). How many did; call again where it was ``limit``."""
    if not actor.system and not actor.can(Permission.RIGHT_RECORD_EVENT):
        raise NotAllowed("not_allowed", N_("Only the clock and the exchange's staff let rights expire."))
    today = clock.today()
    shortest = clock.add_years(today, -10)
    query = (
        select(Right)
        .where(Right.status == RightStatus.GRANTED, Right.filed_on.is_not(None), Right.filed_on <= shortest)
        .order_by(Right.filed_on, Right.id)
    )
    count = 0
    for right in session.scalars(query):
        expiry = fees.expiry_of(right)
        if expiry is None or expiry >= today:
            continue
        if count == limit:
            break
        locked = lock(Right, right.id)
        event = Announcement("CX01", today, expiry, source="rulebook")
        history.announce(actor, locked, [event])
        count += 1
    return count
