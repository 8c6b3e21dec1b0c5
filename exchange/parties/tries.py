"""The throttle of everything that could be guessed: every try is a row, so that no restart and no second worker
forgets it (ux-reliability.md R-036).

A try is noted as failed before it is carried out, in a transaction of its own, and struck off when it succeeds.
So tries at the same moment count one another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update

from exchange import rulebook
from exchange.core import clock
from exchange.core.db import changed, in_transaction, session, transaction
from exchange.core.errors import N_, Throttled
from exchange.parties.models import LoginTry


def window() -> timedelta:
    """How far back failures count."""
    return timedelta(minutes=rulebook.as_of("login.window").number)


def begin(limits: Mapping[str, int]) -> list[int]:
    """Note a try under every subject of ``limits`` (subject → failures allowed in the window); ids for ``succeed``.

    Raises ``Throttled`` where a subject has had its failures; the try is then not carried out, and not counted.
    """
    if in_transaction():
        raise RuntimeError("a try is kept whatever happens: not inside transaction()")
    ids = _note(list(limits))
    waits = [wait for subject, limit in limits.items() if (wait := _wait(subject, limit)) is not None]
    session.rollback()
    if waits:
        _strike(ids)
        seconds = max(waits)
        raise Throttled(
            "auth.throttled",
            N_("Too many tries failed. Try again in %(minutes)s minutes."),
            retry_after=seconds,
            minutes=-(-seconds // 60),
        )
    return ids


def _wait(subject: str, limit: int) -> int | None:
    """Seconds until the failures of ``subject`` are few enough again; ``None`` where they are now."""
    now = clock.wall()
    failures: Sequence[datetime] = session.scalars(
        select(LoginTry.at)
        .where(LoginTry.subject == subject, LoginTry.at > now - window(), LoginTry.ok.is_(False))
        .order_by(LoginTry.at.desc())
        .limit(limit + 1)
    ).all()
    if len(failures) <= limit:
        return None
    return max(1, int((failures[-1] + window() - now).total_seconds()))


@transaction
def _note(subjects: list[str]) -> list[int]:
    rows = [LoginTry(subject=subject, at=clock.wall(), ok=False) for subject in subjects]
    session.add_all(rows)
    session.flush()
    return [row.id for row in rows]


@transaction
def _strike(ids: list[int]) -> None:
    session.execute(delete(LoginTry).where(LoginTry.id.in_(ids)))


@transaction
def succeed(ids: list[int]) -> None:
    """The try was no failure."""
    session.execute(update(LoginTry).where(LoginTry.id.in_(ids)).values(ok=True))


@transaction
def forget(before: datetime) -> int:
    """Delete tries from before an instant; only the window counts. How many went."""
    return changed(delete(LoginTry).where(LoginTry.at < before))
