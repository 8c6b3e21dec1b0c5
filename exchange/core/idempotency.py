"""Remembered answers: the same key with the same request gets the same answer, and the act happens once.

The answer is stored in the transaction of the act itself, so a crash leaves both or neither. A refusal rolls back
and is not remembered: the caller may mend the request and use the key again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import String, UniqueConstraint, delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from exchange.core import clock
from exchange.core.db import Base, Json, changed, session, transaction
from exchange.core.errors import N_, Conflict, KeyReused

MAX_KEY = 255


class RememberedAnswer(Base):
    """What was answered to (actor, key), and the fingerprint of the request."""

    __tablename__ = "remembered_answer"

    actor_key: Mapped[str] = mapped_column(String(64))
    key: Mapped[str] = mapped_column(String(MAX_KEY))
    fingerprint: Mapped[str] = mapped_column(String(64))
    answer: Mapped[dict[str, Any]] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(index=True)

    __table_args__ = (UniqueConstraint("actor_key", "key"),)


def fingerprint(*parts: Any) -> str:
    """SHA-256 over the parts of a request in canonical JSON."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def once(actor_key: str, key: str, print_: str, act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The remembered answer for ``key``, or that of ``act()`` which is then remembered.

    Raises ``KeyReused`` (422) where the key came with another request, and ``Conflict`` (409) where the same
    request is being carried out at this moment.
    """
    kept = _remembered(actor_key, key)
    if kept is None:
        try:
            with transaction():
                kept = _remembered(
                    actor_key, key
                )  # SQLite: the first writer may have finished while we waited
                if kept is None:
                    row = RememberedAnswer(
                        actor_key=actor_key, key=key, fingerprint=print_, answer={}, created_at=clock.now()
                    )
                    session.add(row)
                    session.flush()  # PostgreSQL: waits here for a twin in flight, then fails on the unique key
                    row.answer = act()
                    return row.answer
        except IntegrityError:
            kept = _remembered(actor_key, key)
            if kept is None:
                raise
    if kept.fingerprint != print_:
        raise KeyReused
    if not kept.answer:
        raise Conflict(
            "idempotency.in_flight",
            N_("The same request is being carried out at this moment. Ask again in a few seconds."),
            field="Idempotency-Key",
        )
    return kept.answer


def _remembered(actor_key: str, key: str) -> RememberedAnswer | None:
    return session.scalar(
        select(RememberedAnswer)
        .where(RememberedAnswer.actor_key == actor_key, RememberedAnswer.key == key)
        .execution_options(populate_existing=True)
    )


@transaction
def forget(before: datetime) -> int:
    """Delete answers older than ``before``; money has natural keys of its own. How many went."""
    return changed(delete(RememberedAnswer).where(RememberedAnswer.created_at < before))
