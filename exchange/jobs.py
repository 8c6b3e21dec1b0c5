"""The timetable: every job with its beat, each under a lease, so that two processes may run it without harm.

APScheduler only pokes (memory jobs, no store); what is due stands in the database (ux-reliability.md §0.2).
"""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import BaseScheduler
from apscheduler.schedulers.blocking import BlockingScheduler
from flask import Flask

from contracts import filings
from exchange import statuses
from exchange.core import audit, clock, due, events, idempotency, kept, leases, log
from exchange.core.db import session
from exchange.ledger.verify import verify
from exchange.notifications import channels, digest
from exchange.parties import sessions, tries
from exchange.rights import actions as rights
from search import indexer
from search.engine import SearchDown

KEEP_ANSWERS = timedelta(days=30)
KEEP_DELIVERIES = timedelta(days=90)
KEEP_TRIES = timedelta(days=1)
EXPIRED_AT_ONCE = 200
"""Rights whose term is over, written down in one transaction."""


@dataclass(frozen=True)
class Job:
    """One line of the timetable: ``work`` every ``seconds``, under a lease of ``lease`` seconds.

    ``late`` seconds without a success make ``/readyz`` complain.
    """

    name: str
    work: Callable[[], object]
    seconds: float
    lease: float
    late: float
    quiet: bool = False


def _prove_ledger() -> None:
    proof = verify()
    if not proof.ok:
        log.get("ledger").error("ledger_wrong", wrong=proof.wrong)
        raise RuntimeError(proof.wrong)


def _purge() -> None:
    idempotency.forget(clock.now() - KEEP_ANSWERS)
    events.forget_done(clock.now() - KEEP_DELIVERIES)
    tries.forget(clock.wall() - KEEP_TRIES)
    sessions.forget()


def _look_at_rights() -> None:
    while rights.expire_terms(limit=EXPIRED_AT_ONCE) == EXPIRED_AT_ONCE:
        session.rollback()
    statuses.look()


HOUR, DAY = 3600.0, 86400.0

TIMETABLE: dict[str, Job] = {
    job.name: job
    for job in (
        Job("relay", lambda: events.drain(budget=20), 0.5, 60, 120, quiet=True),
        Job("due", due.run, 2, 120, 180, quiet=True),
        Job("mail", channels.send_waiting, 5, 120, 300, quiet=True),
        Job("office", filings.collect, 60, 300, 1800, quiet=True),
        Job("audit_head", audit.publish, HOUR, 600, 3 * HOUR),
        Job("verify_ledger", _prove_ledger, HOUR, 600, 3 * HOUR),
        Job("reconcile_search", indexer.reconcile, DAY, 3600, 3 * DAY),
        Job("legal_status", _look_at_rights, DAY, 3600, 3 * DAY),
        Job("digest", digest.send, DAY, 1800, 3 * DAY),
        Job("purge", _purge, DAY, 600, 3 * DAY),
    )
}


def prepare() -> None:
    """Make the lease rows that are missing."""
    leases.ensure(list(TIMETABLE))


def run_once(app: Flask, name: str) -> bool:
    """Run a job now if nobody else is at it; whether it ran here. Raises ``KeyError`` for an unknown name."""
    job = TIMETABLE[name]
    with app.app_context():
        kept.read_clock()
        try:
            return leases.run(job.name, job.work, seconds=job.lease, quiet=job.quiet)
        finally:
            session.remove()


def _schedule(app: Flask, scheduler: BaseScheduler) -> None:
    logging.getLogger("apscheduler").setLevel(logging.ERROR)  # a beat that is passed over is no news
    with app.app_context():
        prepare()
        try:
            indexer.ensure()
        except SearchDown as error:
            log.get("jobs").warning("search_down", reason=str(error))  # reconcile builds it when it is back
        session.remove()
    for job in TIMETABLE.values():
        scheduler.add_job(
            run_once,
            "interval",
            args=(app, job.name),
            seconds=job.seconds,
            id=job.name,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,
        )


def run_forever(app: Flask) -> None:
    """The ``flask jobs`` process. A signal ends it after the jobs that are running, so that no lease is left held."""
    scheduler = BlockingScheduler(timezone="UTC")
    _schedule(app, scheduler)
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    try:
        scheduler.start()
    except (KeyboardInterrupt, SystemExit):
        scheduler.shutdown(wait=True)


def run_inline(app: Flask) -> BackgroundScheduler:
    """Jobs in a thread of the web process (``JOBS=inline``); leases make that safe under several workers."""
    scheduler = BackgroundScheduler(timezone="UTC")
    _schedule(app, scheduler)
    scheduler.start()
    return scheduler


def status() -> list[dict[str, Any]]:
    """The last run of every job and whether it is late, by name."""
    answer = []
    now = clock.now()
    rows = {lease.name: lease for lease in leases.status()}
    for job in TIMETABLE.values():
        lease = rows.get(job.name)
        finished = lease.finished_at if lease else None
        answer.append(
            {
                "name": job.name,
                "every_seconds": job.seconds,
                "runs": lease.runs if lease else 0,
                "failures": lease.failures if lease else 0,
                "finished_at": finished.isoformat() if finished else None,
                "milliseconds": lease.milliseconds if lease else None,
                "last_error": lease.last_error if lease else None,
                "late": finished is not None and (now - finished).total_seconds() > job.late,
                "next_at": (finished + timedelta(seconds=job.seconds)).isoformat() if finished else None,
            }
        )
    return answer
