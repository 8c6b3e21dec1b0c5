"""One-row leases, so that a job that several processes know runs in one of them; and the last runs of every job."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import String, Text, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from exchange.core import clock, log
from exchange.core.db import Base, session, transaction

ME = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


class Lease(Base):
    """Who may run a job until when, and how its last run went."""

    __tablename__ = "lease"

    name: Mapped[str] = mapped_column(String(64), unique=True)
    holder: Mapped[str | None] = mapped_column(String(128))
    until: Mapped[datetime | None] = mapped_column()
    started_at: Mapped[datetime | None] = mapped_column()
    finished_at: Mapped[datetime | None] = mapped_column()
    failed_at: Mapped[datetime | None] = mapped_column()
    milliseconds: Mapped[int | None] = mapped_column()
    last_error: Mapped[str | None] = mapped_column(Text)
    runs: Mapped[int] = mapped_column(default=0)
    failures: Mapped[int] = mapped_column(default=0)


@transaction
def ensure(names: list[str]) -> None:
    """Make the lease rows that are missing. Two processes may do this at once."""
    known = set(session.scalars(select(Lease.name)))
    for name in names:
        if name in known:
            continue
        try:
            with session.begin_nested():
                session.add(Lease(name=name))
        except IntegrityError:
            pass  # the other process made it


@transaction
def take(name: str, seconds: float, holder: str = ME) -> bool:
    """Take or renew the lease for ``seconds``; whether it is ours. A lease that ran out is free."""
    lease = session.scalar(
        select(Lease)
        .where(Lease.name == name)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    now = clock.now()
    if lease is None or (
        lease.holder not in (None, holder) and lease.until is not None and lease.until > now
    ):
        return False
    lease.holder, lease.until = holder, now + timedelta(seconds=seconds)
    return True


@transaction
def _note(name: str, started: datetime, error: Exception | None) -> None:
    lease = session.scalar(select(Lease).where(Lease.name == name).execution_options(populate_existing=True))
    if lease is None:
        return
    now = clock.now()
    lease.started_at = started
    lease.milliseconds = int((now - started).total_seconds() * 1000)
    lease.runs += 1
    if error is None:
        lease.finished_at, lease.last_error = now, None
    else:
        lease.failed_at, lease.failures = now, lease.failures + 1
        lease.last_error = f"{type(error).__name__}: {error}"[:2000]


def run(
    name: str, work: Callable[[], object], *, seconds: float, holder: str = ME, quiet: bool = False
) -> bool:
    """Run ``work`` under the lease ``name``; whether it ran here. A failure is noted and logged, not raised.

    ``quiet`` jobs (many a minute) write their run down only when they failed or a minute has passed.
    """
    if not take(name, seconds, holder):
        return False
    started = clock.now()
    failed: Exception | None = None
    try:
        work()
    except Exception as error:  # noqa: BLE001  the timetable goes on; the desk shows the failure
        session.rollback()
        failed = error
        log.get("jobs").exception("job_failed", job=name)
    if quiet and failed is None:
        last = session.scalar(select(Lease.finished_at).where(Lease.name == name))
        session.rollback()
        if last is not None and clock.now() - last < timedelta(seconds=60):
            return True
    _note(name, started, failed)
    return True


def status() -> list[Lease]:
    """The leases with their last runs, by name."""
    return list(session.scalars(select(Lease).order_by(Lease.name)))
