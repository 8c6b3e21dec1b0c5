"""The throttle: failures count per account and per address, across workers and restarts, and lock nobody out."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from exchange.core import clock
from exchange.core.db import session, transaction
from exchange.core.errors import DomainError, RuleBroken, Throttled
from exchange.parties import logins, members, tries
from exchange.parties.models import LoginTry, User
from exchange.parties.policy import VISITOR
from exchange.parties.sessions import Caller
from tests.parties.given import PASSWORD, code_of, given_second_factor, given_user

HOME = Caller("198.51.100.7")


def elsewhere(number: int) -> Caller:
    return Caller(f"203.0.113.{number}")


def fail(user: User | str, caller: Caller, times: int = 1) -> None:
    email = user if isinstance(user, str) else user.email
    for _ in range(times):
        with pytest.raises(RuleBroken) as refused:
            logins.check_password(email, "not the password", caller)
        assert refused.value.code == "auth.wrong"


def fail_from_everywhere(user: User | str) -> None:
    for number in range(10):
        fail(user, elsewhere(number))


@pytest.mark.usefixtures("db_app")
def test_ten_failures_close_an_account_and_time_opens_it() -> None:
    user = given_user()
    fail_from_everywhere(user)
    with pytest.raises(Throttled) as refused:
        logins.check_password(user.email, PASSWORD, HOME)
    assert refused.value.retry_after == 15 * 60
    clock.advance(timedelta(minutes=15))
    assert logins.check_password(user.email, PASSWORD, HOME).user.id == user.id


@pytest.mark.usefixtures("db_app")
def test_nine_failures_do_not_and_success_is_no_failure() -> None:
    user = given_user()
    fail(user, HOME, 9)
    for _ in range(12):
        assert logins.check_password(user.email.upper(), PASSWORD, HOME).user.id == user.id
    fail(user, HOME)
    with pytest.raises(Throttled):
        logins.check_password(user.email, PASSWORD, HOME)


@pytest.mark.usefixtures("db_app")
def test_trying_while_it_is_closed_does_not_keep_it_closed() -> None:
    user = given_user()
    fail_from_everywhere(user)
    for minute in range(14):
        clock.advance(timedelta(minutes=1))
        with pytest.raises(Throttled):
            logins.check_password(user.email, "guess", elsewhere(100 + minute))
    clock.advance(timedelta(minutes=1))
    assert logins.check_password(user.email, PASSWORD, HOME).user.id == user.id


@pytest.mark.usefixtures("db_app")
def test_an_unknown_account_is_closed_just_the_same() -> None:
    fail_from_everywhere("nobody@example.cn")
    with pytest.raises(Throttled) as unknown:
        logins.check_password("nobody@example.cn", PASSWORD, HOME)
    user = given_user()
    fail_from_everywhere(user)
    with pytest.raises(Throttled) as known:
        logins.check_password(user.email, PASSWORD, HOME)
    assert (unknown.value.code, unknown.value.message, unknown.value.params) == (
        known.value.code,
        known.value.message,
        known.value.params,
    )


@pytest.mark.usefixtures("db_app")
def test_thirty_failures_close_an_address_for_every_account() -> None:
    for number in range(30):
        fail(f"person{number}@example.org", HOME)
    user = given_user()
    with pytest.raises(Throttled):
        logins.check_password(user.email, PASSWORD, HOME)
    assert logins.check_password(user.email, PASSWORD, elsewhere(1)).user.id == user.id


@pytest.mark.usefixtures("db_app")
def test_a_closed_account_opens_to_both_factors_at_once() -> None:
    user = given_user()
    authenticator = given_second_factor(user)
    fail_from_everywhere(user)
    with pytest.raises(Throttled):
        logins.check_password(user.email, PASSWORD, HOME)
    with pytest.raises(RuleBroken):
        logins.check_password(user.email, PASSWORD, HOME, code="000000")
    with pytest.raises(RuleBroken):
        logins.check_password(user.email, "wrong", HOME, code=code_of(authenticator))
    shown = logins.check_password(user.email, PASSWORD, HOME, code=code_of(authenticator))
    assert shown.user.id == user.id
    assert not shown.second_needed


@pytest.mark.usefixtures("db_app")
def test_a_made_up_code_opens_no_closed_account_without_a_second_factor() -> None:
    user = given_user()
    fail_from_everywhere(user)
    for code in ("000000", "123456"):
        with pytest.raises(RuleBroken) as refused:
            logins.check_password(user.email, PASSWORD, HOME, code=code)
        assert refused.value.code == "auth.wrong"


@pytest.mark.usefixtures("db_app")
def test_codes_are_throttled_too() -> None:
    user = given_user()
    authenticator = given_second_factor(user)
    for number in range(10):
        with pytest.raises(RuleBroken) as refused:
            logins.check_second(user, "000000", elsewhere(number))
        assert refused.value.code == "auth.code"
    with pytest.raises(Throttled):
        logins.check_second(user, code_of(authenticator), HOME)


@pytest.mark.usefixtures("db_app")
def test_registrations_and_resets_are_limited() -> None:
    for _ in range(20):
        logins.must_not_flood(HOME)
    with pytest.raises(Throttled):
        logins.must_not_flood(HOME)
    logins.must_not_flood(elsewhere(1))
    for number in range(10):
        logins.ask_reset("nobody@example.cn", elsewhere(number))
    with pytest.raises(Throttled):
        logins.ask_reset("nobody@example.cn", HOME)


@pytest.mark.usefixtures("db_app")
def test_a_try_is_never_part_of_what_may_be_undone() -> None:
    with pytest.raises(RuntimeError), transaction():
        tries.begin({"account:x": 10})


@pytest.mark.usefixtures("db_app")
def test_old_tries_are_forgotten() -> None:
    fail("nobody@example.cn", HOME)
    clock.advance(timedelta(days=2))
    fail("nobody@example.cn", HOME)
    assert tries.forget(clock.wall() - timedelta(days=1)) == 2
    assert session.scalar(select(func.count()).select_from(LoginTry)) == 2


def test_a_restart_forgets_no_failure(make_clean_app: Callable[..., Flask], clean_app: Flask) -> None:
    """Another process over the same database counts what the first one saw."""
    from exchange.app import create_app

    with clean_app.app_context():
        members.sign_up(VISITOR, email="lin@example.cn", password=PASSWORD, name="Lin")
        for number in range(10):
            fail("lin@example.cn", elsewhere(number))
        session.remove()
    again = create_app(
        {
            "DATABASE_URL": clean_app.config["SQLALCHEMY_DATABASE_URI"],
            "SECRET_KEY": clean_app.config["SECRET_KEY"],
            "JOBS": "off",
            "SEARCH_URL": "",
        }
    )
    with again.app_context():
        from exchange.core.db import db

        with pytest.raises(Throttled):
            logins.check_password("lin@example.cn", PASSWORD, HOME)
        session.remove()
        db.engine.dispose()


def test_workers_at_the_same_moment_let_no_eleventh_guess_through(clean_app: Flask) -> None:
    with clean_app.app_context():
        members.sign_up(VISITOR, email="lin@example.cn", password=PASSWORD, name="Lin")
        session.remove()
    start = threading.Barrier(8)
    answers: list[str] = []

    def guess(worker: int) -> None:
        with clean_app.app_context():
            start.wait()
            for _ in range(3):
                try:
                    logins.check_password("lin@example.cn", "guess", elsewhere(worker))
                except DomainError as error:
                    answers.append(error.code)
            session.remove()

    threads = [threading.Thread(target=guess, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 24
    assert answers.count("auth.wrong") <= 10
    assert answers.count("auth.throttled") >= 14
