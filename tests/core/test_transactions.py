"""Transactions, locks, events, due items, leases, remembered answers: on the run's database."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from exchange.core import clock, due, events, idempotency, leases
from exchange.core.db import after_commit, in_transaction, lock, lock_all, session, transaction
from exchange.core.errors import Conflict, KeyReused, NotFound
from exchange.core.events import Delivery, DeliveryStatus, Event, Subscriber
from exchange.parties.models import Party, PartyKind
from exchange.parties.policy import SYSTEM


@transaction
def a_party(name: str = "Ronghai", kind: PartyKind = PartyKind.ENTERPRISE) -> Party:
    party = Party(kind=kind, name=name)
    session.add(party)
    session.flush()
    return party


@pytest.fixture
def subscribers() -> Iterator[Callable[..., None]]:
    before = list(events.subscribers().values())
    yield lambda *rows: events.subscribe(rows)
    events.subscribe(before)


def test_a_write_outside_a_transaction_is_refused(db_app: Flask) -> None:
    session.add(Party(kind=PartyKind.BANK, name="x"))
    with pytest.raises(RuntimeError, match="outside"):
        session.flush()
    session.rollback()


def test_an_inner_transaction_joins_and_a_failure_undoes_all(db_app: Flask) -> None:
    done: list[str] = []

    def fail() -> None:
        with transaction():
            a_party("first")
            after_commit(lambda: done.append("never"))
            assert in_transaction()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not in_transaction()
    assert session.scalar(select(Party).where(Party.name == "first")) is None
    assert done == []


def test_work_after_commit_runs_once_after_the_outermost(db_app: Flask) -> None:
    seen: list[bool] = []
    with transaction():
        a_party("one")
        after_commit(lambda: seen.append(in_transaction()))
        with transaction():
            a_party("two")
        assert seen == []
    assert seen == [False]


def test_locks_answer_in_the_order_asked_and_miss_nothing(db_app: Flask) -> None:
    a, b = a_party("a"), a_party("b")
    with pytest.raises(RuntimeError, match="outside"):
        lock(Party, a.ref)
    with transaction():
        assert [p.name for p in lock_all(Party, [b.ref, a.id, b])] == ["b", "a", "b"]
        with pytest.raises(NotFound):
            lock(Party, "PT-00000000000")


def test_a_version_counts_changes(db_app: Flask) -> None:
    party = a_party()
    assert party.version == 1
    with transaction():
        lock(Party, party.ref).name = "Other"
    assert party.version == 2


def _increment(
    app: Flask, ref: str, *, locked: bool, gate: threading.Barrier, errors: list[Exception]
) -> None:
    try:
        with app.app_context():
            gate.wait()
            with transaction():
                if locked:
                    party = lock(Party, ref)
                else:
                    party = session.scalars(select(Party).where(Party.ref == ref)).one()
                count = int(party.phone or 0)
                threading.Event().wait(0.02)
                # A plain UPDATE, so that the version check does not help the control.
                session.execute(
                    Party.__table__.update().where(Party.id == party.id).values(phone=str(count + 1))  # type: ignore[attr-defined]
                )
            session.remove()
    except Exception as error:  # noqa: BLE001  the test looks at it
        errors.append(error)


@pytest.mark.parametrize("locked", [True, False], ids=["with the lock", "control without it"])
def test_a_lock_saves_updates_that_are_lost_without_it(clean_app: Flask, locked: bool) -> None:
    with clean_app.app_context():
        ref = a_party().ref
        sqlite = session.get_bind().dialect.name == "sqlite"
        session.remove()
    gate = threading.Barrier(12)
    errors: list[Exception] = []
    threads = [
        threading.Thread(
            target=_increment,
            args=(clean_app, ref),
            kwargs={"locked": locked, "gate": gate, "errors": errors},
        )
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with clean_app.app_context():
        count = int(session.scalar(select(Party.phone).where(Party.ref == ref)) or 0)
    if (
        locked or sqlite
    ):  # BEGIN IMMEDIATE leaves no second writer: on SQLite the transaction itself is the lock
        assert count == 12
    else:
        assert count < 12


def test_an_event_and_its_deliveries_are_one_transaction(db_app: Flask, subscribers: Any) -> None:
    heard: list[str] = []
    subscribers(
        Subscriber("one", ("deal.*",), lambda event: heard.append(event.type)),
        Subscriber("two", ("*",), handle_batch=lambda batch: heard.extend(e.type for e in batch)),
    )
    party = a_party()

    def fail() -> None:
        with transaction():
            events.record(SYSTEM, "deal.lost", party)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with transaction():
        events.record(SYSTEM, "deal.agreed", party, price=5)
    assert session.scalars(select(Event.type).where(Event.subject_ref == party.ref)).all() == ["deal.agreed"]
    assert heard == []
    assert events.drain_all() >= 2
    assert heard == ["deal.agreed", "deal.agreed"]
    assert events.drain_all() == 0


def test_a_prompt_subscriber_hears_right_after_the_commit(db_app: Flask, subscribers: Any) -> None:
    heard: list[str] = []
    subscribers(Subscriber("prompt", ("deal.agreed",), lambda event: heard.append(event.type), prompt=True))
    party = a_party()
    with transaction():
        events.record(SYSTEM, "deal.agreed", party)
        assert heard == []
    assert heard == ["deal.agreed"]


def test_a_sick_subscriber_delays_only_itself_and_is_parked_at_last(db_app: Flask, subscribers: Any) -> None:
    heard: list[str] = []

    def sick(event: Event) -> None:
        raise OSError("no answer")

    subscribers(Subscriber("sick", ("*",), sick), Subscriber("well", ("*",), lambda e: heard.append(e.type)))
    party = a_party()
    with transaction():
        events.record(SYSTEM, "deal.agreed", party)
    for _ in range(events.MAX_ATTEMPTS + 2):
        events.drain_all()
        clock.advance(timedelta(hours=1))
    assert heard == ["deal.agreed"]
    assert events.backlog() == {"sick": {"parked": 1}}
    row = session.scalars(select(Delivery).where(Delivery.subscriber == "sick")).one()
    assert row.attempts == events.MAX_ATTEMPTS
    assert "no answer" in (row.last_error or "")
    subscribers(Subscriber("sick", ("*",), lambda e: heard.append("cured")))
    events.retry(row.id)
    events.drain_all()
    assert heard[-1] == "cured"
    assert row.status is DeliveryStatus.DONE


def test_a_sick_event_does_not_hold_up_its_batch(db_app: Flask, subscribers: Any) -> None:
    heard: list[str] = []

    def batch(events_: list[Event]) -> None:
        for event in events_:
            if event.payload.get("sick"):
                raise ValueError("sick")
        heard.extend(event.type for event in events_)

    subscribers(Subscriber("batch", ("*",), handle_batch=batch))
    party = a_party()
    with transaction():
        events.record(SYSTEM, "deal.one", party)
        events.record(SYSTEM, "deal.two", party, sick=True)
        events.record(SYSTEM, "deal.three", party)
    events.drain_all()
    assert heard == ["deal.one", "deal.three"]
    assert events.backlog() == {"batch": {"waiting": 1}}


def test_parallel_drains_deliver_each_event_once(clean_app: Flask, subscribers: Any) -> None:
    heard: list[int] = []
    subscribers(Subscriber("count", ("*",), lambda event: heard.append(event.id)))
    with clean_app.app_context():
        with transaction():
            party = a_party()
            for _ in range(60):
                events.record(SYSTEM, "deal.agreed", party)
        session.remove()

    def work() -> None:
        with clean_app.app_context():
            events.drain(budget=20)
            session.remove()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with clean_app.app_context():
        events.drain_all()
        done = session.scalars(select(Delivery.status)).all()
        session.remove()
    assert set(done) == {DeliveryStatus.DONE}
    assert sorted(heard) == sorted(set(heard))
    assert len(heard) == 60


def test_due_items_wake_when_ripe_and_may_wake_again(db_app: Flask) -> None:
    seen: list[str] = []

    def look(ref: str) -> None:
        seen.append(ref)
        if len(seen) == 1:
            due.wake("lamp", ref, clock.now() + timedelta(hours=1))

    due.register("lamp", look)
    with transaction():
        due.wake("lamp", "LS-1", clock.now() + timedelta(minutes=5))
    assert due.run() == 0
    clock.advance(timedelta(minutes=6))
    assert due.run() == 1
    assert due.run() == 0, "it asked to be woken later"
    clock.advance(timedelta(hours=2))
    assert due.run() == 1
    clock.advance(timedelta(hours=2))
    assert due.run() == 0
    assert seen == ["LS-1", "LS-1"]


def test_a_sick_due_item_is_postponed_and_does_not_stop_others(db_app: Flask) -> None:
    seen: list[str] = []

    def look(ref: str) -> None:
        if ref == "sick":
            raise ValueError("broken")
        seen.append(ref)

    due.register("lamp", look)
    with transaction():
        due.wake("lamp", "sick", clock.now())
        due.wake("lamp", "well", clock.now() + timedelta(seconds=1))
    clock.advance(timedelta(seconds=2))
    due.run()
    assert seen == ["well"]
    row = session.scalars(select(due.DueItem)).one()
    assert row.attempts == 1
    assert row.due_at > clock.now()


def test_one_holder_of_a_lease_until_it_runs_out(db_app: Flask) -> None:
    leases.ensure(["relay"])
    assert leases.take("relay", 10, holder="a")
    assert not leases.take("relay", 10, holder="b")
    assert leases.take("relay", 10, holder="a"), "its holder renews it"
    clock.advance(timedelta(seconds=11))
    assert leases.take("relay", 10, holder="b"), "a dead holder is replaced"
    assert not leases.take("relay", 10, holder="a")


def test_a_job_notes_success_and_failure(db_app: Flask) -> None:
    leases.ensure(["good", "bad"])
    assert leases.run("good", lambda: None, seconds=5)

    def bad() -> None:
        raise ValueError("no")

    assert leases.run("bad", bad, seconds=5)
    good, failed = (next(x for x in leases.status() if x.name == n) for n in ("good", "bad"))
    assert (good.runs, good.failures, good.last_error) == (1, 0, None)
    assert (failed.runs, failed.failures) == (1, 1)
    assert failed.last_error == "ValueError: no"


def test_the_same_key_gets_the_same_answer_and_another_body_is_refused(db_app: Flask) -> None:
    count = iter(range(10))
    act = lambda: {"n": next(count)}  # noqa: E731
    print_ = idempotency.fingerprint("POST", "/x", {"a": 1})
    assert idempotency.once("US-1", "k", print_, act) == {"n": 0}
    assert idempotency.once("US-1", "k", print_, act) == {"n": 0}
    assert idempotency.once("US-2", "k", print_, act) == {"n": 1}, "keys belong to their actor"
    with pytest.raises(KeyReused):
        idempotency.once("US-1", "k", idempotency.fingerprint("other"), act)


def test_a_refusal_is_not_remembered(db_app: Flask) -> None:
    def refuse() -> dict[str, Any]:
        raise Conflict("x", "no")

    with pytest.raises(Conflict):
        idempotency.once("US-1", "k", "f", refuse)
    assert idempotency.once("US-1", "k", "f", lambda: {"ok": True}) == {"ok": True}


def test_one_key_in_many_threads_is_one_act(clean_app: Flask) -> None:
    effects: list[int] = []
    answers: list[Any] = []
    gate = threading.Barrier(10)

    def work() -> None:
        with clean_app.app_context():
            gate.wait()

            def act() -> dict[str, Any]:
                effects.append(1)
                a_party()
                return {"done": True}

            try:
                answers.append(idempotency.once("US-1", "k", "f", act))
            except Conflict as error:
                answers.append(error.code)
            finally:
                session.remove()

    threads = [threading.Thread(target=work) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with clean_app.app_context():
        assert len(session.scalars(select(Party)).all()) == 1
        session.remove()
    assert all(answer in ({"done": True}, "idempotency.in_flight") for answer in answers)
    assert {"done": True} in answers
