"""Sessions: their secret changes with what they open; they end by idleness, by age, and from elsewhere."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from exchange.core import clock
from exchange.core.db import session
from exchange.core.errors import NotFound, NotSignedIn, RuleBroken
from exchange.core.events import timeline
from exchange.parties import logins, members, passwords, sessions, tokens
from exchange.parties.models import Role, User
from exchange.parties.policy import SYSTEM, VISITOR, Actor
from exchange.parties.sessions import Caller
from tests.parties.given import (
    PASSWORD,
    code_of,
    given_actor,
    given_operator,
    given_party,
    given_second_factor,
    given_user,
)

pytestmark = pytest.mark.usefixtures("db_app")

HERE = Caller("198.51.100.7", "Firefox on Linux")
NEW = "nine quiet mountains"


def seen(secret: str) -> None:
    row = sessions.find(secret)
    assert row is not None
    sessions.touch(row)


def test_a_session_is_a_person_an_organisation_and_roles() -> None:
    party = given_party()
    user = given_user(party, Role.AGENT, Role.SIGNER)
    secret = sessions.start(user, HERE)
    row = sessions.must_find(secret)
    assert (row.user_id, row.party_id, row.address, row.agent) == (
        user.id,
        party.id,
        HERE.address,
        HERE.agent,
    )
    actor = sessions.actor_of(row)
    assert (actor.user_ref, actor.party_ref, set(actor.roles)) == (
        user.ref,
        party.ref,
        {Role.AGENT, Role.SIGNER},
    )
    assert user.last_login_at == clock.now()
    assert timeline(user.ref)[0].type == "user.signed_in"


def test_the_database_holds_no_secret() -> None:
    secret = sessions.start(given_user(), HERE)
    assert secret not in str(session.execute(text("SELECT * FROM login_session")).all())
    assert sessions.find(sessions.must_find(secret).token_hash) is None, "the hash opens nothing"


@pytest.mark.parametrize("guess", ["", "x", "0" * 43])
def test_a_guess_opens_nothing(guess: str) -> None:
    sessions.start(given_user(), HERE)
    assert sessions.find(guess) is None
    with pytest.raises(NotSignedIn):
        sessions.must_find(guess)


def test_half_an_hour_of_idleness_ends_it() -> None:
    secret = sessions.start(given_user(), HERE)
    clock.advance(timedelta(minutes=29, seconds=59))
    seen(secret)
    clock.advance(timedelta(minutes=29, seconds=59))
    assert sessions.find(secret) is not None
    clock.advance(timedelta(seconds=1))
    assert sessions.find(secret) is None


def test_twelve_hours_end_it_however_busy_it_is() -> None:
    secret = sessions.start(given_user(), HERE)
    for _ in range(47):
        clock.advance(timedelta(minutes=15))
        seen(secret)
    clock.advance(timedelta(minutes=14, seconds=59))
    assert sessions.find(secret) is not None
    clock.advance(timedelta(seconds=1))
    assert sessions.find(secret) is None


def test_being_seen_is_written_once_a_minute() -> None:
    secret = sessions.start(given_user(), HERE)
    started = sessions.must_find(secret).seen_at
    clock.advance(timedelta(seconds=59))
    seen(secret)
    assert sessions.must_find(secret).seen_at == started
    clock.advance(timedelta(seconds=1))
    seen(secret)
    session.expire_all()
    assert sessions.must_find(secret).seen_at == started + timedelta(minutes=1)


def test_another_organisation_is_another_secret_and_other_roles() -> None:
    first, second = given_party(name="A"), given_party(name="B")
    user = given_user(first, Role.OWNER_ADMIN)
    members.add_user(SYSTEM, email=user.email, party_ref=second.ref, roles=[Role.FINANCE])
    old = sessions.start(user, HERE)
    new = sessions.switch(Actor(user=user), old, second.ref)
    assert sessions.find(old) is None
    actor = sessions.actor_of(sessions.must_find(new))
    assert (actor.party_ref, set(actor.roles)) == (second.ref, {Role.FINANCE})
    again = sessions.start(user, HERE)
    assert sessions.must_find(again).party_id == second.id, "next time one goes on where one stopped"


def test_nobody_switches_to_what_is_not_theirs() -> None:
    user = given_user(given_party())
    secret = sessions.start(user, HERE)
    with pytest.raises(NotFound):
        sessions.switch(Actor(user=user), secret, given_party().ref)
    with pytest.raises(NotFound):
        sessions.switch(Actor(user=given_user()), secret, given_party().ref)
    assert sessions.find(secret) is not None


def test_a_fresh_proof_is_another_secret_and_lasts_five_minutes() -> None:
    party = given_party()
    user = given_user(party)
    secret = sessions.start(user, HERE)
    assert sessions.actor_of(sessions.must_find(secret)).stepped_up, "signing in is a proof itself"
    clock.advance(timedelta(minutes=5, seconds=1))
    assert not sessions.actor_of(sessions.must_find(secret)).stepped_up
    with pytest.raises(RuleBroken):
        logins.confirm(secret, "not the password", HERE)
    fresh = logins.confirm(secret, PASSWORD, HERE)
    assert sessions.find(secret) is None
    assert sessions.actor_of(sessions.must_find(fresh)).stepped_up
    clock.advance(timedelta(minutes=5))
    assert sessions.actor_of(sessions.must_find(fresh)).stepped_up
    clock.advance(timedelta(seconds=1))
    assert not sessions.actor_of(sessions.must_find(fresh)).stepped_up


def test_with_a_second_factor_the_password_is_no_fresh_proof() -> None:
    user = given_user()
    authenticator = given_second_factor(user)
    secret = sessions.start(user, HERE)
    with pytest.raises(RuleBroken) as refused:
        logins.confirm(secret, PASSWORD, HERE)
    assert refused.value.code == "auth.code"
    assert sessions.find(logins.confirm(secret, code_of(authenticator), HERE)) is not None


def test_one_sees_and_ends_ones_own_sessions_only() -> None:
    user, other = given_user(), given_user()
    here, there = sessions.start(user, HERE), sessions.start(user, Caller("203.0.113.1", "Phone"))
    theirs = sessions.start(other, HERE)
    listed = sessions.sessions_of(user)
    assert {row.address for row in listed} == {"198.51.100.7", "203.0.113.1"}
    me = Actor(user=user)
    with pytest.raises(NotFound):
        sessions.end_one(me, sessions.must_find(theirs).id)
    with pytest.raises(NotFound):
        sessions.end_one(VISITOR, sessions.must_find(there).id)
    number = sessions.must_find(there).id
    sessions.end_one(me, number)
    sessions.end_one(me, number)
    assert sessions.find(there) is None
    assert sessions.find(here) is not None
    assert sessions.find(theirs) is not None


def test_ending_all_others_keeps_this_one() -> None:
    user = given_user()
    here, *others = (sessions.start(user, HERE) for _ in range(4))
    theirs = sessions.start(given_user(), HERE)
    assert sessions.end_others(Actor(user=user), here) == 3
    assert sessions.end_others(Actor(user=user), here) == 0
    assert sessions.find(here) is not None
    assert sessions.find(theirs) is not None
    assert not any(sessions.find(other) for other in others)


def test_signing_out_ends_it_on_the_server() -> None:
    secret = sessions.start(given_user(), HERE)
    sessions.end(secret)
    sessions.end(secret)
    assert sessions.find(secret) is None


def test_a_role_taken_away_is_gone_with_the_next_request() -> None:
    party = given_party()
    user = given_user(party, Role.AGENT, Role.SIGNER)
    secret = sessions.start(user, HERE)
    members.change_roles(given_actor(party), party.ref, user.ref, [Role.AGENT])
    assert sessions.actor_of(sessions.must_find(secret)).roles == {Role.AGENT}


def test_a_disabled_person_is_out_at_once() -> None:
    party = given_party()
    user = given_user(party)
    secret = sessions.start(user, HERE)
    _, key = tokens.create(SYSTEM, scopes=["read"], user=user, party=party)
    operator = given_operator()
    with pytest.raises(RuleBroken):
        logins.disable(operator, user.ref, " ")
    logins.disable(operator, user.ref, "Lost telephone.")
    assert sessions.find(secret) is None
    with pytest.raises(NotSignedIn):
        tokens.find(key)
    with pytest.raises(RuleBroken) as refused:
        logins.check_password(user.email, PASSWORD, HERE)
    assert refused.value.code == "auth.wrong"
    logins.enable(operator, user.ref)
    assert sessions.find(secret) is None
    assert logins.check_password(user.email, PASSWORD, HERE).user.id == user.id


# -- passwords ---------------------------------------------------------------------------------


def test_a_new_password_ends_other_sessions_and_tokens() -> None:
    party = given_party()
    user = given_user(party)
    here, there = sessions.start(user, HERE), sessions.start(user, HERE)
    _, key = tokens.create(SYSTEM, scopes=["read"], user=user, party=party)
    fresh = logins.change_password(here, PASSWORD, NEW, HERE)
    assert sessions.find(fresh) is not None
    assert sessions.find(here) is None
    assert sessions.find(there) is None
    with pytest.raises(NotSignedIn):
        tokens.find(key)
    with pytest.raises(RuleBroken):
        logins.check_password(user.email, PASSWORD, HERE)
    assert logins.check_password(user.email, NEW, HERE).user.id == user.id


def test_changing_the_password_asks_for_the_present_one_and_a_good_new_one() -> None:
    party = given_party(name="Minhai Materials")
    user = given_user(party, email="zhixia@example.cn")
    secret = sessions.start(user, HERE)
    for present, new, code, field in (
        ("wrong", NEW, "auth.password", "present"),
        (PASSWORD, "short", "password.short", "new"),
        (PASSWORD, "minhai-materials-1", "password.context", "new"),
    ):
        with pytest.raises(RuleBroken) as refused:
            logins.change_password(secret, present, new, HERE)
        assert (refused.value.code, refused.value.field) == (code, field)
    with pytest.raises(NotSignedIn):
        logins.change_password("guess", PASSWORD, NEW, HERE)
    assert sessions.find(secret) is not None


def test_a_hash_of_older_costs_is_renewed_when_one_signs_in() -> None:
    from argon2 import PasswordHasher

    from exchange.core.db import transaction

    user = given_user()
    old = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    with transaction():
        session.get_one(User, user.id).password_hash = old
    logins.check_password(user.email, PASSWORD, HERE)
    assert user.password_hash != old
    assert not passwords.outdated(user.password_hash)
    assert logins.check_password(user.email, PASSWORD, HERE).user.id == user.id


def _link(user: User) -> str:
    told = [event for event in timeline(user.ref) if event.type == "user.reset_asked"]
    return logins.reset_link(user, told[0].payload["until"]).rsplit("/", 1)[1]


def test_a_forgotten_password_is_set_by_a_link_once_and_keeps_the_second_factor() -> None:
    user = given_user()
    given_second_factor(user)
    secret = sessions.start(user, HERE)
    logins.ask_reset(user.email.upper(), HERE)
    token = _link(user)
    logins.reset_password(token, NEW)
    assert sessions.find(secret) is None
    shown = logins.check_password(user.email, NEW, HERE)
    assert shown.second_needed
    with pytest.raises(NotFound) as refused:
        logins.reset_password(token, "another long password")
    assert refused.value.code == "reset.gone"


def test_a_reset_link_ends_after_half_an_hour_and_cannot_be_made_up() -> None:
    user = given_user()
    logins.ask_reset(user.email, HERE)
    token = _link(user)
    ref, until, sign = token.split(".")
    for wrong in (
        "",
        ref,
        f"{ref}.{until}",
        f"{ref}.{until}.{'0' * 64}",
        f"{ref}.{int(until) + 60}.{sign}",
        f"{given_user().ref}.{until}.{sign}",
        f"{ref}.{'9' * 40}.{sign}",
        f"{ref}.-1.{sign}",
    ):
        with pytest.raises(NotFound):
            logins.find_reset(wrong)
    assert logins.find_reset(token).id == user.id
    clock.advance(timedelta(minutes=30))
    with pytest.raises(NotFound):
        logins.find_reset(token)


def test_asking_for_a_link_says_nothing_about_who_has_a_login() -> None:
    user = given_user()
    logins.disable(given_operator(), user.ref, "Left.")
    logins.ask_reset("nobody@example.cn", HERE)
    logins.ask_reset(user.email, HERE)
    assert "user.reset_asked" not in [event.type for event in timeline(user.ref)]


def test_old_sessions_are_swept_away() -> None:
    secret = sessions.start(given_user(), HERE)
    assert sessions.forget() == 0
    clock.advance(timedelta(hours=37))
    assert sessions.forget() == 1
    assert sessions.find(secret) is None


# -- the demo market ---------------------------------------------------------------------------


def test_the_logins_of_the_demo_market_are_listed_in_development_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from exchange.core.config import settings, use

    party = given_party(name="Minhai Materials")
    user = given_user(party, Role.AGENT, Role.SIGNER)
    given_user(party)
    logins.remember_demo_password(SYSTEM, user.ref, PASSWORD)
    [listed] = logins.demo_logins()
    assert (listed.email, listed.password, listed.party) == (user.email, PASSWORD, "Minhai Materials")
    assert listed.roles == ("Agent", "Signer")
    before = settings()
    try:
        use(type(before)(**{**before.__dict__, "environment": "production"}))
        assert logins.demo_logins() == []
        with pytest.raises(NotSignedIn):
            logins.remember_demo_password(SYSTEM, user.ref, PASSWORD)
    finally:
        use(before)
