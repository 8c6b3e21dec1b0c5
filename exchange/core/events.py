"""Events, and one delivery row per subscriber, written in the transaction that they tell of.

An event is the audit trail and the outbox at once. A delivery is claimed with SKIP LOCKED, carried out in a
transaction of its own and marked done in that same transaction, so a crash repeats nothing and loses nothing.
Subscribers are idempotent all the same. What fails waits longer each time and is parked after ``MAX_ATTEMPTS``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Protocol

from sqlalchemy import ForeignKey, Index, String, Text, delete, func, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from exchange.core import clock, log
from exchange.core.db import (
    Base,
    Id,
    Json,
    after_commit,
    append_only,
    changed,
    enum_column,
    failpoint,
    lock,
    session,
    transaction,
)
from exchange.core.errors import N_
from exchange.core.labels import labelled

MAX_ATTEMPTS = 8
BATCH = 200


class Acting(Protocol):
    """Who acts: the references of the person and of the party they act for (``None`` for the clock)."""

    @property
    def user_ref(self) -> str | None:
        """Reference of the person."""
        ...

    @property
    def party_ref(self) -> str | None:
        """Reference of the organisation."""
        ...


class Subject(Protocol):
    """A thing that events are about."""

    @property
    def ref(self) -> Any:
        """Its public reference."""
        ...


@append_only
class Event(Base):
    """Something that happened: append-only, read by subscribers, timelines and auditors."""

    __tablename__ = "event"

    type: Mapped[str] = mapped_column(String(64), index=True)
    subject_ref: Mapped[str] = mapped_column(String(16))
    about_ref: Mapped[str | None] = mapped_column(String(16), index=True)
    actor_ref: Mapped[str | None] = mapped_column(String(16))
    party_ref: Mapped[str | None] = mapped_column(String(16))
    at: Mapped[datetime] = mapped_column(index=True)
    payload: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    request_id: Mapped[str | None] = mapped_column(String(64))

    __table_args__ = (Index("ix_event_subject_ref_id", "subject_ref", "id"),)


@labelled(waiting=N_("waiting"), done=N_("done"), parked=N_("parked"))
class DeliveryStatus(Enum):
    """Where a delivery stands."""

    WAITING = "waiting"
    DONE = "done"
    PARKED = "parked"


class Delivery(Base):
    """One event on its way to one subscriber."""

    __tablename__ = "delivery"

    event_id: Mapped[int] = mapped_column(Id, ForeignKey("event.id"), index=True)
    subscriber: Mapped[str] = mapped_column(String(64))
    status: Mapped[DeliveryStatus] = mapped_column(
        enum_column(DeliveryStatus, "delivery_status"), default=DeliveryStatus.WAITING
    )
    attempts: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime] = mapped_column()
    last_error: Mapped[str | None] = mapped_column(Text)
    done_at: Mapped[datetime | None] = mapped_column()

    event: Mapped[Event] = relationship(lazy="joined", innerjoin=True)

    __table_args__ = (Index("ix_delivery_claim", "subscriber", "status", "not_before"),)


@dataclass(frozen=True)
class Subscriber:
    """Who wants to hear of which events.

    ``handle`` gets one event; or ``handle_batch`` gets several at once (the search index). ``patterns`` are event
    types, or ``deal.*``. ``prompt`` deliveries are tried right after the commit, the others by the relay job.
    """

    name: str
    patterns: tuple[str, ...]
    handle: Callable[[Event], None] | None = None
    handle_batch: Callable[[list[Event]], None] | None = None
    prompt: bool = False

    def wants(self, type_: str) -> bool:
        """Whether an event of this type is for this subscriber."""
        return any(
            p in (type_, "*") or (p.endswith(".*") and type_.startswith(p[:-1])) for p in self.patterns
        )


_subscribers: dict[str, Subscriber] = {}
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


def subscribe(subscribers: Iterable[Subscriber]) -> None:
    """Take ``subscribers`` as the table of who hears of what (``subscriptions.py`` calls this once)."""
    _subscribers.clear()
    _subscribers.update({s.name: s for s in subscribers})


def subscribers() -> Mapping[str, Subscriber]:
    """The table in force."""
    return _subscribers


def record(
    actor: Acting, type_: str, subject: Subject, *, about: Subject | str | None = None, **payload: Any
) -> Event:
    """Write an event of ``subject`` and one delivery per subscriber, in the present transaction.

    ``about`` names the larger thing it belongs to (an offer's listing, a filing's flow), so that a timeline can
    show it there too. ``payload`` is small JSON.
    """
    event = Event(
        type=type_,
        subject_ref=subject.ref,
        about_ref=about if isinstance(about, str) or about is None else about.ref,
        actor_ref=actor.user_ref,
        party_ref=actor.party_ref,
        at=clock.now(),
        payload=payload,
        request_id=request_id.get(),
    )
    session.add(event)
    session.flush()
    prompt = False
    for subscriber in _subscribers.values():
        if subscriber.wants(type_):
            session.add(Delivery(event_id=event.id, subscriber=subscriber.name, not_before=event.at))
            prompt = prompt or subscriber.prompt
    if prompt:
        after_commit(lambda: _drain_event(event.id))
    return event


def timeline(*refs_: str, limit: int = 200) -> list[Event]:
    """The events of things and of what belongs to them, newest first."""
    query = select(Event).where(Event.subject_ref.in_(refs_) | Event.about_ref.in_(refs_))
    return list(session.scalars(query.order_by(Event.id.desc()).limit(limit)))


def _drain_event(event_id: int) -> None:
    """Try the prompt deliveries of one event now; what fails stays for the relay."""
    prompt = [s.name for s in _subscribers.values() if s.prompt]
    query = select(Delivery.id).where(
        Delivery.event_id == event_id,
        Delivery.subscriber.in_(prompt),
        Delivery.status == DeliveryStatus.WAITING,
    )
    for delivery_id in list(session.scalars(query.order_by(Delivery.id))):
        _deliver_one(delivery_id)


def _deliver_one(delivery_id: int) -> bool:
    try:
        with transaction():
            delivery = session.scalar(
                select(Delivery)
                .where(Delivery.id == delivery_id, Delivery.status == DeliveryStatus.WAITING)
                .with_for_update(skip_locked=True, of=Delivery)
                .execution_options(populate_existing=True)
            )
            if delivery is None:
                return False
            handle = _subscribers[delivery.subscriber].handle
            if handle is not None:
                handle(delivery.event)
            delivery.status = DeliveryStatus.DONE
            delivery.done_at = clock.now()
            failpoint(f"deliver {delivery.subscriber}")
        return True
    except Exception as error:  # noqa: BLE001  one sick subscriber must not stop the others
        _put_back([delivery_id], error)
        return False


@transaction
def _put_back(ids: list[int], error: Exception) -> None:
    log.get("events").warning("delivery_failed", deliveries=ids, error=repr(error))
    for id_ in ids:
        delivery = lock(Delivery, id_)
        delivery.attempts += 1
        delivery.last_error = f"{type(error).__name__}: {error}"[:2000]
        delivery.not_before = clock.now() + timedelta(seconds=2**delivery.attempts)
        if delivery.attempts >= MAX_ATTEMPTS:
            delivery.status = DeliveryStatus.PARKED


def drain(budget: float = 30.0, only: str | None = None) -> int:
    """Carry out waiting deliveries, oldest first, for at most ``budget`` seconds; how many were done.

    Several processes may drain at once: a row that one holds is passed over by the others.
    """
    done = 0
    stop = time.perf_counter() + budget
    for subscriber in list(_subscribers.values()):
        if only is not None and subscriber.name != only:
            continue
        while time.perf_counter() < stop:
            count, found = _drain_some(subscriber)
            done += count
            if found < BATCH or not count:
                break
    return done


def _waiting(subscriber: str) -> Any:
    return (
        select(Delivery)
        .where(
            Delivery.subscriber == subscriber,
            Delivery.status == DeliveryStatus.WAITING,
            Delivery.not_before <= clock.now(),
        )
        .order_by(Delivery.id)
        .limit(BATCH)
    )


def _drain_some(subscriber: Subscriber) -> tuple[int, int]:
    ids = list(session.scalars(_waiting(subscriber.name).with_only_columns(Delivery.id)))
    session.rollback()
    if subscriber.handle_batch is None:
        return sum(_deliver_one(id_) for id_ in ids), len(ids)
    if not ids:
        return 0, 0
    try:
        return _deliver_batch(subscriber, ids), len(ids)
    except Exception as error:  # noqa: BLE001  see _deliver_one
        if len(ids) == 1:
            _put_back(ids, error)
            return 0, 1
    # One sick event must not hold up those that were claimed with it.
    done = 0
    for id_ in ids:
        try:
            done += _deliver_batch(subscriber, [id_])
        except Exception as error:  # noqa: BLE001  see _deliver_one
            _put_back([id_], error)
    return done, len(ids)


@transaction
def _deliver_batch(subscriber: Subscriber, ids: list[int]) -> int:
    assert subscriber.handle_batch is not None
    rows = list(
        session.scalars(
            select(Delivery)
            .where(Delivery.id.in_(ids), Delivery.status == DeliveryStatus.WAITING)
            .order_by(Delivery.id)
            .with_for_update(skip_locked=True, of=Delivery)
            .execution_options(populate_existing=True)
        )
    )
    if rows:
        subscriber.handle_batch([row.event for row in rows])
    for row in rows:
        row.status = DeliveryStatus.DONE
        row.done_at = clock.now()
    failpoint(f"deliver {subscriber.name}")
    return len(rows)


def drain_all(limit: int = 50) -> int:
    """Drain until nothing ripe is waiting (tests, walks); how many were done."""
    total = 0
    for _ in range(limit):
        done = drain()
        if not done:
            return total
        total += done
    return total


def backlog() -> dict[str, dict[str, int]]:
    """Deliveries that wait or are parked: ``{subscriber: {status: count}}``."""
    rows = session.execute(
        select(Delivery.subscriber, Delivery.status, func.count())
        .where(Delivery.status != DeliveryStatus.DONE)
        .group_by(Delivery.subscriber, Delivery.status)
    )
    answer: dict[str, dict[str, int]] = {}
    for subscriber, status, count in rows:
        answer.setdefault(subscriber, {})[status.value] = count
    return answer


@transaction
def retry(delivery_id: int) -> None:
    """Put a parked delivery back in the queue (operator's desk). Raises ``NotFound``."""
    delivery = lock(Delivery, delivery_id)
    if delivery.status is DeliveryStatus.PARKED:
        delivery.status = DeliveryStatus.WAITING
        delivery.attempts = 0
        delivery.not_before = clock.now()


@transaction
def forget_done(before: datetime) -> int:
    """Delete deliveries that were done before ``before``; events are kept. How many went."""
    return changed(delete(Delivery).where(Delivery.status == DeliveryStatus.DONE, Delivery.done_at < before))
