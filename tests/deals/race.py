"""Several people at once: threads with sessions of their own, real commits, and a control that takes the locks away."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, event, select
from sqlalchemy.engine import Connection

from exchange.core import db as core_db
from exchange.core.db import session
from exchange.core.errors import DomainError
from exchange.parties.models import Membership, Role, User
from exchange.parties.policy import Actor

WAIT = 30
"""Seconds that anybody waits for anybody else."""

FIRST = "act 0"
"""Name of the thread of the first act."""


def acting(user_ref: str) -> Actor:
    """The person with their only organisation, read in this thread's session."""
    membership = session.scalars(select(Membership).join(User).where(User.ref == user_ref)).one()
    roles = frozenset(Role(role) for role in membership.roles)
    return Actor(user=membership.user, party=membership.party, roles=roles)


def together(app: Flask, acts: Sequence[Callable[[], Any]]) -> list[Any]:
    """Do all ``acts`` at the same moment, each in a thread of its own; what each answered or raised, in order."""
    start = threading.Barrier(len(acts))
    answers: list[Any] = [None] * len(acts)

    def run(place: int, act: Callable[[], Any]) -> None:
        with app.app_context():
            start.wait()
            try:
                answers[place] = act()
            except Exception as error:  # noqa: BLE001  what was raised is the answer
                answers[place] = error
            finally:
                session.remove()

    threads = [
        threading.Thread(target=run, args=(place, act), name=f"act {place}") for place, act in enumerate(acts)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=90)
        assert not thread.is_alive(), "somebody waits for ever"
    return answers


def refusals(answers: Sequence[Any]) -> list[str]:
    """The codes of what was refused; anything else that was raised is a fault and is raised again."""
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, DomainError):
            raise answer
    return [answer.code for answer in answers if isinstance(answer, DomainError)]


def faults(answers: Sequence[Any]) -> list[BaseException]:
    """What was raised and is no refusal: the errors a reader would see as "something broke"."""
    return [a for a in answers if isinstance(a, BaseException) and not isinstance(a, DomainError)]


def _plain_begin(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN")


@contextmanager
def without_locks(
    monkeypatch: pytest.MonkeyPatch,
    *modules: Any,
    meet: tuple[Any, str],
    people: int,
    first_goes_ahead: bool = False,
) -> Iterator[None]:
    """The same verbs without what protects them: no row locks, no immediate transaction, no second try.

    All ``people`` meet when each has called the function that ``meet`` names for the first time: everybody has looked
    before anybody decides. With ``first_goes_ahead`` the others wait until the first act is done.
    """

    def read_all(model: Any, which: Any) -> list[Any]:
        keys = [key if isinstance(key, str | int) else key.id for key in which]
        return [
            session.scalars(
                select(model)
                .where(model.ref == key if isinstance(key, str) else model.id == key)
                .execution_options(populate_existing=True)
            ).one()
            for key in keys
        ]

    met: set[str] = set()
    barrier = threading.Barrier(people)
    look = getattr(*meet)

    def meeting(*args: Any, **kwargs: Any) -> Any:
        found = look(*args, **kwargs)
        name = threading.current_thread().name
        if name not in met:
            met.add(name)
            barrier.wait(WAIT)
            if first_goes_ahead and name != FIRST:
                first = next(thread for thread in threading.enumerate() if thread.name == FIRST)
                first.join(WAIT)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(*meet, meeting)
        patch.setattr(core_db, "_TRIES", 1)  # a deadlock is not healed by a second try either
        for module in modules:
            patch.setattr(module, "lock", lambda model, which: read_all(model, [which])[0], raising=False)
            patch.setattr(module, "lock_all", read_all, raising=False)
        event.remove(Engine, "begin", core_db._begin)
        event.listen(Engine, "begin", _plain_begin)
        try:
            yield
        finally:
            event.remove(Engine, "begin", _plain_begin)
            event.listen(Engine, "begin", core_db._begin)
