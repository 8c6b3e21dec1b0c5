"""What must be looked at, and when. The clock under the lock decides; a due item only says "look again".

A room registers the verb that looks (``run_due(actor, ref)``) under a kind. A lost item does no harm beyond delay:
verbs compare ``clock.now()`` with the thing's own instants.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import String, Text, UniqueConstraint, inspect, select
from sqlalchemy.orm import Mapped, mapped_column

from exchange.core import clock, log
from exchange.core.db import Base, session, transaction

BATCH = 50


class DueItem(Base):
    """Look at ``ref`` again at ``due_at``."""

    __tablename__ = "due_item"

    kind: Mapped[str] = mapped_column(String(32))
    ref: Mapped[str] = mapped_column(String(16))
    due_at: Mapped[datetime] = mapped_column(index=True)
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None] = mapped_column(Text)

    __table_args__ = (UniqueConstraint("kind", "ref"),)


_lookers: dict[str, Callable[[str], None]] = {}


def register(kind: str, look: Callable[[str], None]) -> None:
    """``look(ref)`` is the verb that re-checks things of this kind."""
    _lookers[kind] = look


def wake(kind: str, ref: str, at: datetime | None) -> None:
    """Look at ``ref`` at the instant ``at`` (replaces an earlier wish); ``None`` clears it."""
    item = session.scalar(select(DueItem).where(DueItem.kind == kind, DueItem.ref == ref))
    if at is None:
        if item is not None:
            session.delete(item)
    elif item is None:
        session.add(DueItem(kind=kind, ref=ref, due_at=at))
    else:
        item.due_at, item.attempts = at, 0


def clear(kind: str, ref: str) -> None:
    """Nothing more to look at."""
    wake(kind, ref, None)


def run(limit: int = BATCH) -> int:
    """Look at what is ripe; how many things were looked at. Several processes may run this at once."""
    ripe = list(
        session.execute(
            select(DueItem.id, DueItem.kind, DueItem.ref)
            .where(DueItem.due_at <= clock.now(), DueItem.kind.in_(_lookers))
            .order_by(DueItem.due_at)
            .limit(limit)
        )
    )
    session.rollback()
    return sum(_look(id_, kind, ref) for id_, kind, ref in ripe)


def _look(id_: int, kind: str, ref: str) -> bool:
    try:
        with transaction():
            item = session.scalar(
                select(DueItem)
                .where(DueItem.id == id_, DueItem.due_at <= clock.now())
                .with_for_update(skip_locked=True)
                .execution_options(populate_existing=True)
            )
            if item is None:
                return False
            seen = item.due_at
            _lookers[kind](ref)
            session.flush()
            if not inspect(item).persistent:  # the verb took it away itself
                return True
            session.refresh(item)
            if item.due_at == seen:  # the verb named no new instant: done with it
                session.delete(item)
        return True
    except Exception as error:  # noqa: BLE001  one sick thing must not stop the others
        log.get("due").warning("due_failed", kind=kind, ref=ref, error=repr(error))
        _postpone(id_, error)
        return False


@transaction
def _postpone(id_: int, error: Exception) -> None:
    item = session.get(DueItem, id_, populate_existing=True)
    if item is not None:
        item.attempts += 1
        item.last_error = f"{type(error).__name__}: {error}"[:2000]
        item.due_at = clock.now() + timedelta(seconds=min(3600, 2**item.attempts))
