"""One-time codes count once, for a minute and a half; recovery codes count once; secrets are sealed."""

import threading
from datetime import timedelta

import pyotp
import pytest
from flask import Flask
from sqlalchemy import select, text

from exchange.core import clock
from exchange.core.config import Settings, settings, use
from exchange.core.db import session
from exchange.core.errors import Conflict, RuleBroken, Unavailable
from exchange.core.events import timeline
from exchange.parties import keys, logins, second_factor
from exchange.parties.models import User
from exchange.parties.policy import Actor, StepUp
from exchange.parties.sessions import Caller
from tests.parties.given import code_of, given_second_factor, given_user

HERE = Caller("198.51.100.7")


def set_up() -> tuple[Actor, pyotp.TOTP, list[str]]:
    me = Actor(user=given_user(), stepped_up=True)
    assert me.user is not None
    second_factor.begin(me)
    secret = second_factor.pending(me.user)
    assert secret is not None
    authenticator = pyotp.TOTP(secret)
    return me, authenticator, second_factor.finish(me, code_of(authenticator))


@pytest.mark.usefixtures("db_app")
def test_it_counts_only_once_a_code_was_seen() -> None:
    me = Actor(user=given_user(), stepped_up=True)
    assert me.user is not None
    second_factor.begin(me)
    assert me.user.totp_secret is None
    with pytest.raises(RuleBroken) as refused:
        second_factor.finish(me, "000000")
    assert refused.value.code == "second_factor.code"
    assert me.user.totp_secret is None
    secret = second_factor.pending(me.user)
    assert secret is not None
    codes = second_factor.finish(me, code_of(pyotp.TOTP(secret)))
    assert me.user.totp_secret is not None
    assert len(set(codes)) == second_factor.RECOVERY_CODES == 10
    assert second_factor.pending(me.user) is None
    with pytest.raises(Conflict):
        second_factor.finish(me, "000000")
    with pytest.raises(Conflict):
        second_factor.begin(me)


@pytest.mark.usefixtures("db_app")
def test_a_code_is_refused_the_second_time_even_in_its_own_half_minute() -> None:
    """Pyotp alone would take it again (ux-reliability.md §2.1)."""
    user = given_user()
    authenticator = given_second_factor(user)
    code = code_of(authenticator)
    assert authenticator.verify(code, for_time=clock.wall())
    logins.check_second(user, code, HERE)
    assert authenticator.verify(code, for_time=clock.wall())
    with pytest.raises(RuleBroken) as refused:
        logins.check_second(user, code, HERE)
    assert refused.value.code == "auth.code"


@pytest.mark.usefixtures("db_app")
def test_the_code_that_turned_it_on_is_used_up() -> None:
    me, authenticator, _codes = set_up()
    assert me.user is not None
    with pytest.raises(RuleBroken):
        logins.check_second(me.user, code_of(authenticator), HERE)
    clock.advance(timedelta(seconds=30))
    logins.check_second(me.user, code_of(authenticator), HERE)


@pytest.mark.usefixtures("db_app")
def test_an_older_code_is_refused_after_a_newer_one() -> None:
    user = given_user()
    authenticator = given_second_factor(user)
    before = code_of(authenticator)
    clock.advance(timedelta(seconds=30))
    logins.check_second(user, code_of(authenticator), HERE)
    with pytest.raises(RuleBroken):
        logins.check_second(user, before, HERE)


@pytest.mark.usefixtures("db_app")
@pytest.mark.parametrize(("off", "taken"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)])
def test_a_clock_may_be_one_step_off(off: int, taken: bool) -> None:
    secret = pyotp.random_base32()
    code = pyotp.TOTP(secret).at(clock.wall() + timedelta(seconds=off))
    assert (second_factor.fitting_step(secret, code, clock.wall(), None) is not None) == taken


@pytest.mark.usefixtures("db_app")
@pytest.mark.parametrize("code", ["", "abcdef", "12345", "1234567", "１２３４５６", "0" * 5000])
def test_what_is_no_code_is_no_code(code: str) -> None:
    assert second_factor.fitting_step(pyotp.random_base32(), code, clock.wall(), None) is None


@pytest.mark.usefixtures("db_app")
def test_blanks_in_a_code_do_no_harm() -> None:
    secret = pyotp.random_base32()
    code = pyotp.TOTP(secret).at(clock.wall())
    assert second_factor.fitting_step(secret, f" {code[:3]} {code[3:]} ", clock.wall(), None) is not None


@pytest.mark.usefixtures("db_app")
def test_each_recovery_code_lets_in_once() -> None:
    me, _authenticator, codes = set_up()
    assert me.user is not None
    for left, code in zip(range(9, -1, -1), codes, strict=True):
        logins.check_second(me.user, code.lower().replace("-", " "), HERE)
        assert len(me.user.recovery_codes) == left
        with pytest.raises(RuleBroken):
            logins.check_second(me.user, code, HERE)
        clock.advance(timedelta(minutes=16))  # the throttle's window
    assert [e.type for e in timeline(me.user.ref)].count("user.recovery_code_used") == 10


@pytest.mark.usefixtures("db_app")
def test_new_recovery_codes_make_the_old_ones_worthless() -> None:
    me, _authenticator, old = set_up()
    assert me.user is not None
    new = second_factor.renew_recovery_codes(me)
    with pytest.raises(RuleBroken):
        logins.check_second(me.user, old[0], HERE)
    logins.check_second(me.user, new[0], HERE)


@pytest.mark.usefixtures("db_app")
def test_turning_it_off_and_new_codes_ask_for_a_fresh_proof() -> None:
    me, _authenticator, _codes = set_up()
    stale = Actor(user=me.user)
    for verb in (second_factor.remove, second_factor.renew_recovery_codes, second_factor.begin):
        with pytest.raises(StepUp):
            verb(stale)
    second_factor.remove(me)
    second_factor.remove(me)
    assert me.user is not None
    assert (me.user.totp_secret, me.user.recovery_codes) == (None, [])
    with pytest.raises(Conflict):
        second_factor.renew_recovery_codes(me)


@pytest.mark.usefixtures("db_app")
def test_the_database_holds_neither_secret_nor_recovery_code() -> None:
    me, authenticator, codes = set_up()
    row = session.execute(
        text("SELECT totp_secret, recovery_codes, preferences FROM user_account WHERE id = :id"),
        {"id": me.user.id if me.user else 0},
    ).one()
    whole = str(row)
    assert authenticator.secret not in whole
    assert not any(code in whole or code.replace("-", "") in whole for code in codes)


@pytest.mark.usefixtures("db_app")
def test_a_secret_sealed_under_another_key_cannot_be_read() -> None:
    user = given_user()
    authenticator = given_second_factor(user)
    before: Settings = settings()
    try:
        use(Settings(**{**before.__dict__, "secret_key": "another key of at least 32 signs, really"}))
        with pytest.raises(Unavailable):
            logins.check_second(user, code_of(authenticator), HERE)
    finally:
        use(before)
    kept = session.scalars(select(User).where(User.id == user.id)).one()
    assert kept.totp_last_step is None


@pytest.mark.usefixtures("db_app")
def test_a_sealed_text_that_was_changed_is_refused() -> None:
    sealed = keys.seal("secret", "totp")
    assert keys.unseal(sealed, "totp") == "secret"
    for wrong in (sealed[:-4] + "AAA=", "", "x"):
        with pytest.raises(Unavailable):
            keys.unseal(wrong, "totp")
    with pytest.raises(Unavailable):
        keys.unseal(sealed, "another purpose")


@pytest.mark.usefixtures("db_app")
def test_the_picture_is_the_address_and_has_no_inline_style() -> None:
    user = given_user(email="lin@example.cn")
    secret = pyotp.random_base32()
    assert second_factor.address(user, secret).startswith(
        f"otpauth://totp/Rongyi:lin%40example.cn?secret={secret}"
    )
    picture = second_factor.picture(user, secret)
    assert picture.startswith("<svg")
    assert "style=" not in picture


def test_many_at_the_same_moment_use_a_code_once(clean_app: Flask) -> None:
    with clean_app.app_context():
        user = given_user(email="lin@example.cn")
        code = code_of(given_second_factor(user))
        session.remove()
    start = threading.Barrier(6)
    answers: list[str] = []

    def use_it(worker: int) -> None:
        with clean_app.app_context():
            mine = session.scalars(select(User).where(User.email == "lin@example.cn")).one()
            start.wait()
            try:
                logins.check_second(mine, code, Caller(f"203.0.113.{worker}"))
                answers.append("in")
            except RuleBroken as error:
                answers.append(error.code)
            session.remove()

    threads = [threading.Thread(target=use_it, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ["auth.code"] * 5 + ["in"]
