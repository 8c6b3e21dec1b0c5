"""Watching rights of others: a bank its pledged patents, a buyer what it thinks of (law.md §9 invariant 55).

A watch keeps how the right stood when it began and in the last digest; what changed is the difference to today.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from sqlalchemy import delete, select
from sqlalchemy.orm import joinedload

from exchange.core import clock
from exchange.core.db import changed, session, transaction
from exchange.core.errors import NotFound
from exchange.core.events import record
from exchange.parties.models import Party
from exchange.parties.policy import Actor, Permission
from exchange.rights import check
from exchange.rights.actions import get_for
from exchange.rights.check import Answer
from exchange.rights.models import Right, Watch
from exchange.rights.standing import LOADED, Change, differences, standing

NOTE: Final = 255
"""Longest note, in signs."""

WITH_RIGHT: Final = (joinedload(Watch.right).options(*LOADED),)
"""What a query loads with watches whose rights are shown."""


@dataclass
class Watched:
    """What became of a list of numbers: new watches, how many were watched already, and answers without a right."""

    added: list[Watch] = field(default_factory=list)
    known: int = 0
    unknown: list[Answer] = field(default_factory=list)


def watch_numbers(actor: Actor, texts: Sequence[str], *, note: str = "", kind: str = "") -> Watched:
    """Watch the rights with these numbers, at most a thousand; a repeat changes nothing but a new note.

    Numbers that are none, or whose right is not known here, come back. Raises ``NotAllowed``; ``RuleBroken`` as
    ``check.check`` does.
    """
    actor.must(Permission.RIGHT_WATCH)
    answers = check.check(texts, kind=kind)
    done = watch(actor, [answer.right for answer in answers if answer.right is not None], note=note)
    done.unknown = [answer for answer in answers if answer.right is None]
    return done


@transaction
def watch(actor: Actor, rights: Iterable[Right | str], *, note: str = "") -> Watched:
    """Watch these rights. A repeat is harmless; a note replaces an earlier one. Raises ``NotAllowed``, ``NotFound``."""
    actor.must(Permission.RIGHT_WATCH)
    party = _party(actor)
    wanted = {right.id: right for right in (_found(actor, one) for one in rights)}
    known = {
        one.right_id: one
        for one in session.scalars(
            select(Watch).where(Watch.party_id == party.id, Watch.right_id.in_(wanted)).with_for_update()
        )
    }
    done = Watched(known=len(known))
    today, now = clock.today(), clock.now()
    for id_, right in wanted.items():
        there = known.get(id_)
        if there is not None:
            there.note = note.strip()[:NOTE] or there.note
            continue
        stands = standing(right, today)
        made = Watch(
            party_id=party.id,
            right_id=id_,
            since=now,
            note=note.strip()[:NOTE],
            user_ref=actor.user_ref,
            then=stands,
            told=stands,
            told_at=now,
        )
        session.add(made)
        done.added.append(made)
    session.flush()
    if done.added:
        record(actor, "watch.began", party, rights=[wanted[one.right_id].ref for one in done.added])
    return done


@transaction
def unwatch(actor: Actor, refs: Iterable[str]) -> int:
    """End the watches of these rights; how many ended. One that is not watched is passed over. Raises ``NotAllowed``."""
    actor.must(Permission.RIGHT_WATCH)
    party = _party(actor)
    rows = session.execute(select(Right.id, Right.ref).where(Right.ref.in_(set(refs))))
    wanted = {id_: ref for id_, ref in rows}  # noqa: C416  Result has keys(), so dict() misreads it
    mine = set(
        session.scalars(
            select(Watch.right_id)
            .where(Watch.party_id == party.id, Watch.right_id.in_(wanted))
            .with_for_update()
        )
    )
    if mine:
        changed(
            delete(Watch)
            .where(Watch.party_id == party.id, Watch.right_id.in_(mine))
            .execution_options(synchronize_session="fetch")
        )
        record(actor, "watch.ended", party, rights=sorted(wanted[id_] for id_ in mine))
    return len(mine)


def _party(actor: Actor) -> Party:
    if actor.party is None:
        raise NotFound
    return actor.party


def _found(actor: Actor, one: Right | str) -> Right:
    """The right; a merged one leads to the record it was merged into."""
    if isinstance(one, Right) and one.merged_into_id is None:
        return one
    return get_for(actor, one if isinstance(one, str) else one.ref)


def watch_of(party: Party | None, right: Right) -> Watch | None:
    """The watch of ``party`` over ``right``, or ``None``."""
    if party is None:
        return None
    return session.scalar(select(Watch).where(Watch.party_id == party.id, Watch.right_id == right.id))


@dataclass(frozen=True, slots=True)
class Line:
    """A watched right as it stands today: since the watch began, and since the last digest."""

    watch: Watch
    right: Right
    now: dict[str, Any]
    since_start: tuple[Change, ...]
    since_told: tuple[Change, ...]

    @property
    def grave(self) -> bool:
        """Whether a lender must look at it."""
        return any(change.grave for change in self.since_start)


def line(watch_: Watch, day: date) -> Line:
    """What a watch has to say on ``day``."""
    now = standing(watch_.right, day)
    return Line(
        watch_,
        watch_.right,
        now,
        tuple(differences(watch_.then, now)),
        tuple(differences(watch_.told, now)),
    )


def lines(party_id: int) -> list[Line]:
    """Every watch of a party, those with grave changes first, then those with others, the newest first."""
    query = select(Watch).where(Watch.party_id == party_id).options(*WITH_RIGHT).order_by(Watch.id.desc())
    today = clock.today()
    found = [line(one, today) for one in session.scalars(query)]
    return sorted(found, key=lambda one: (not one.grave, not one.since_start))
