"""Burdens of a right: set and ended by verbs that hold the evidence; when one lapses by itself is computed."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select

from exchange.core import clock
from exchange.core.db import lock, session, transaction
from exchange.parties.policy import Actor
from exchange.rights import codes, history
from exchange.rights.models import Encumbrance, EncumbranceKind, Right
from exchange.rights.register import Announcement


@transaction
def encumber(
    actor: Actor,
    right: Right | str,
    kind: EncumbranceKind,
    *,
    by: str,
    since: date | None = None,
    holder: str = "",
    register_no: str = "",
    details: dict[str, str] | None = None,
) -> Encumbrance:
    """Burden the right from ``since`` (default today); ``by`` is the reference of what burdens it.

    Called by verbs that hold the evidence (a registered pledge, a court's order). A repeat returns what is there. When
    a burden lapses by itself is computed from the rulebook.
    """
    right = lock(Right, right)
    number = register_no or by
    known = _burden(right, kind, number)
    if known is not None:
        return known
    event = Announcement(
        codes.BURDEN,
        clock.today(),
        since or clock.today(),
        fields={
            **(details or {}),
            "kind": kind.value,
            "holder": holder,
            "register_no": number,
            "by": by,
            "at": history.next_place(right),
        },
        source=f"exchange:{by}",
    )
    history.announce(actor, right, [event])
    made = _burden(right, kind, number)
    assert made is not None
    return made


@transaction
def release(
    actor: Actor,
    right: Right | str,
    kind: EncumbranceKind,
    *,
    by: str,
    on: date | None = None,
    register_no: str = "",
) -> Right:
    """End the burden of this kind that ``by`` (or ``register_no``) set; never another one. A repeat changes nothing."""
    right = lock(Right, right)
    number = register_no or by
    known = _burden(right, kind, number) or _burden_by(right, kind, by)
    if known is None:
        return right
    day = max(on or clock.today(), known.since)
    event = Announcement(
        codes.RELEASE,
        day,
        day,
        fields={
            "kind": kind.value,
            "register_no": known.register_no,
            "by": by,
            "at": history.next_place(right),
        },
        source=f"exchange:{by}",
    )
    history.announce(actor, right, [event])
    return right


def _burden(right: Right, kind: EncumbranceKind, number: str) -> Encumbrance | None:
    return session.scalar(
        select(Encumbrance).where(
            Encumbrance.right_id == right.id,
            Encumbrance.kind == kind,
            Encumbrance.register_no == number,
            Encumbrance.ended_on.is_(None),
        )
    )


def _burden_by(right: Right, kind: EncumbranceKind, by: str) -> Encumbrance | None:
    query = select(Encumbrance).where(
        Encumbrance.right_id == right.id, Encumbrance.kind == kind, Encumbrance.ended_on.is_(None)
    )
    return next((row for row in session.scalars(query) if row.details.get("by") == by), None)
