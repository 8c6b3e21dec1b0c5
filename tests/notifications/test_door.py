"""Letters of the door: to the one address, with a link that works, in the reader's language, once."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from flask import Flask
from sqlalchemy import select

from exchange import subscriptions
from exchange.core import events
from exchange.core.db import session
from exchange.notifications import door
from exchange.notifications.models import OutgoingMail
from exchange.parties import logins, members
from exchange.parties.models import Role
from exchange.parties.policy import SYSTEM
from exchange.parties.sessions import Caller
from tests.parties.given import PASSWORD, given_party, given_user, hidden, submit

if TYPE_CHECKING:
    from flask.testing import FlaskClient


@pytest.fixture(autouse=True)
def told(db_app: Flask) -> Iterator[None]:
    """Only this subscriber listens."""
    before = list(events.subscribers().values())
    events.subscribe([one for one in subscriptions.SUBSCRIBERS if one.name == "letters_of_the_door"])
    yield
    events.subscribe(before)


def letters() -> list[OutgoingMail]:
    return list(session.scalars(select(OutgoingMail).order_by(OutgoingMail.id)))


def link(letter: OutgoingMail) -> str:
    found = re.search(r"http://127\.0\.0\.1:8000(/\S+)", letter.body)
    assert found is not None, letter.body
    return found[1]


def test_an_invitation_reaches_the_invited_and_its_link_works(client: "FlaskClient") -> None:
    party = given_party(name="Minhai Materials")
    members.invite(SYSTEM, party.ref, email="new@example.cn", roles=[Role.AGENT])
    [letter] = letters()
    assert letter.to == "new@example.cn"
    assert "Minhai Materials" in letter.subject
    assert submit(client, link(letter), name="Zhou Ming", password=PASSWORD).location == "/organisation"


def test_a_forgotten_password_is_set_by_the_letters_link(client: "FlaskClient") -> None:
    user = given_user(given_party())
    logins.ask_reset(user.email, Caller("198.51.100.7"))
    [letter] = letters()
    assert letter.to == user.email
    path = link(letter)
    assert submit(client, path, new="short").status_code == 422
    assert submit(client, path, new="nine quiet mountains").location == "/login"
    assert client.get(path).status_code == 404, "it works once"
    page = client.get("/login").text
    answer = client.post(
        "/login", data={**hidden(page), "email": user.email, "password": "nine quiet mountains"}
    )
    assert answer.status_code == 303


def test_nobody_writes_to_an_address_without_a_login() -> None:
    logins.ask_reset("nobody@example.cn", Caller("198.51.100.7"))
    assert letters() == []


def test_told_twice_it_is_one_letter() -> None:
    members.invite(SYSTEM, given_party().ref, email="new@example.cn", roles=[Role.AGENT])
    door.tell(session.scalars(select(events.Event).where(events.Event.type == "member.invited")).one())
    assert len(letters()) == 1


def test_a_withdrawn_invitation_makes_no_letter(db_app: Flask) -> None:
    events.subscribe([])
    party = given_party()
    invitation = members.invite(SYSTEM, party.ref, email="new@example.cn", roles=[Role.AGENT])
    members.withdraw_invitation(SYSTEM, party.ref, invitation.id)
    door.tell(session.scalars(select(events.Event).where(events.Event.type == "member.invited")).one())
    assert letters() == []
