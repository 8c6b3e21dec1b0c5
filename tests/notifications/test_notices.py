"""Who hears of what: the right people, once, in their language; and letters leave the house."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask
from sqlalchemy import select

from exchange import subscriptions
from exchange.core import clock, events
from exchange.core.config import settings
from exchange.core.db import session, transaction
from exchange.core.errors import fill
from exchange.core.events import Event, Subscriber
from exchange.notifications import actions, channels
from exchange.notifications.messages import BY_EVENT, MESSAGES
from exchange.notifications.models import MailStatus, Notice, OutgoingMail
from exchange.parties import actions as parties
from exchange.parties import members, sessions
from exchange.parties.models import Party, PartyKind, Role, User
from exchange.parties.policy import SYSTEM

PASSWORD = "forty-two-herons"


@pytest.fixture
def told(db_app: Flask) -> Iterator[None]:
    """Only this room listens."""
    before = list(events.subscribers().values())
    events.subscribe([Subscriber("notifications", tuple(BY_EVENT), lambda event: void(actions.tell(event)))])
    actions.resolve_by(subscriptions.RESOLVERS)
    yield
    events.subscribe(before)


def void(_value: object) -> None:
    """A subscriber answers nothing."""


def an_operator(email: str = "op@x.example") -> User:
    house = session.scalar(select(Party).where(Party.kind == PartyKind.OPERATOR))
    if house is None:
        house = parties.add_party(SYSTEM, kind=PartyKind.OPERATOR, name="House", verified=True)
    return members.add_user(
        SYSTEM, email=email, party_ref=house.ref, roles=[Role.OPERATOR], password=PASSWORD
    )


def a_company(*people: tuple[str, Role]) -> Party:
    party = parties.add_party(SYSTEM, kind=PartyKind.ENTERPRISE, name="Ronghai Ltd", region="350100")
    for email, role in people:
        members.add_user(SYSTEM, email=email, party_ref=party.ref, roles=[role], password=PASSWORD)
    return party


@transaction
def tell_of(type_: str, subject: Party) -> Event:
    return events.record(SYSTEM, type_, subject)


def test_those_concerned_hear_and_nobody_else(told: None) -> None:
    operator = an_operator()
    company = a_company(("boss@x.example", Role.OWNER_ADMIN), ("cash@x.example", Role.FINANCE))
    a_stranger = a_company_named("Other Ltd", "other@x.example")
    tell_of("party.submitted", company)
    tell_of("party.refused", company)
    events.drain_all()
    heard = {(n.user.email, n.message) for n in session.scalars(select(Notice))}
    assert heard == {("op@x.example", "party.submitted/exchange"), ("boss@x.example", "party.refused/self")}
    assert operator.id
    assert a_stranger.id


def a_company_named(name: str, email: str) -> Party:
    party = parties.add_party(SYSTEM, kind=PartyKind.ENTERPRISE, name=name, region="350100")
    members.add_user(SYSTEM, email=email, party_ref=party.ref, roles=[Role.OWNER_ADMIN], password=PASSWORD)
    return party


def test_a_repeat_tells_nothing_new(told: None) -> None:
    company = a_company(("boss@x.example", Role.OWNER_ADMIN))
    event = tell_of("party.refused", company)
    events.drain_all()
    assert actions.tell(event) == 0
    assert len(session.scalars(select(Notice)).all()) == 1


def test_a_letter_waits_and_is_sent_once(told: None) -> None:
    company = a_company(("boss@x.example", Role.OWNER_ADMIN))
    tell_of("party.verified", company)
    events.drain_all()
    assert channels.send_waiting() == 1
    assert channels.send_waiting() == 0
    mail = session.scalars(select(OutgoingMail)).one()
    assert (mail.status, mail.attempts) == (MailStatus.SENT, 0)
    folder = Path(urlsplit(settings().mail_url).path)
    (file,) = [f for f in folder.glob("*.eml") if f.name.startswith(f"{mail.key.split(':')[0]}_")]
    letter = message_from_bytes(file.read_bytes(), policy=policy.default)
    assert letter["To"] == "boss@x.example"
    assert "Ronghai Ltd" in letter["Subject"]
    assert f"/parties/{company.ref}" in letter.get_content()


def test_a_letter_that_cannot_leave_waits_longer_and_is_given_up(
    told: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    from exchange.core import config

    before = settings()
    config.use(replace(before, mail_url=f"file://{blocked}"))
    try:
        actions.write_letter("a@x.example", "Hello", "Body", "k1")
        for _ in range(channels.MAX_ATTEMPTS):
            assert channels.send_waiting() == 0
            clock.advance(timedelta(hours=2))
        mail = session.scalars(select(OutgoingMail)).one()
        assert mail.status is MailStatus.FAILED
        assert mail.attempts == channels.MAX_ATTEMPTS
    finally:
        config.use(before)


def test_nobody_is_told_of_their_own_act(told: None) -> None:
    operator = an_operator()
    colleague = an_operator("op2@x.example")
    company = a_company(("boss@x.example", Role.OWNER_ADMIN))
    from exchange.parties import sessions

    house = session.scalars(select(Party).where(Party.kind == PartyKind.OPERATOR)).one()
    with transaction():
        events.record(sessions.actor_for(operator, house), "party.submitted", company)
    events.drain_all()
    assert [n.user_id for n in session.scalars(select(Notice))] == [colleague.id]


def test_the_inbox_counts_and_forgets_what_was_read(told: None) -> None:
    company = a_company(("boss@x.example", Role.OWNER_ADMIN))
    for _ in range(3):
        tell_of("party.refused", company)
    events.drain_all()
    from exchange.parties import sessions

    user = session.scalars(select(User).where(User.email == "boss@x.example")).one()
    actor = sessions.actor_for(user, company)
    found = actions.inbox(actor)
    assert actions.unread(actor) == 3
    assert found[0].id > found[-1].id
    assert actions.mark_read(actor, up_to=found[1].id) == 2
    assert actions.unread(actor) == 1
    words, params = actions.words(found[0])
    assert "Ronghai Ltd" in fill(words, params)


def test_every_message_has_a_resolver_and_words_that_can_be_filled() -> None:
    for message in MESSAGES:
        filled = fill(message.words, {"title": "T", "who": "W"})
        assert "%(" not in filled, message.name
        assert message.roles


def test_letters_can_be_turned_off_except_about_what_binds(
    told: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = a_company(("boss@x.example", Role.OWNER_ADMIN))
    boss = session.scalars(select(User).where(User.email == "boss@x.example")).one()
    members.choose_mail(sessions.actor_for(boss, company), wanted=False)
    tell_of("party.verified", company)
    events.drain_all()
    assert [mail.to for mail in session.scalars(select(OutgoingMail))] == ["boss@x.example"]

    news = replace(BY_EVENT["party.refused"][0], event="listing.published")
    monkeypatch.setitem(BY_EVENT, "party.refused", (news,))
    tell_of("party.refused", company)
    events.drain_all()
    assert len(session.scalars(select(OutgoingMail)).all()) == 1
    assert len(session.scalars(select(Notice)).all()) == 2


def test_what_binds_is_due_or_moves_money_always_comes_by_mail() -> None:
    optional = {message.event for message in MESSAGES if message.letter and not message.binding}
    assert "offer.made" in optional
    assert not {name for name in optional if name.startswith(("escrow.", "filing.", "payout.", "contract."))}
    assert "offer.accepted" not in optional
