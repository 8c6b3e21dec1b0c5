"""Pages of the door: sign in, second factor, a fresh proof, a forgotten password, sign out."""

from __future__ import annotations

from typing import Any

from flask import flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from exchange.parties import auth, logins
from exchange.parties.faces import bp
from exchange.parties.schemas import (
    CodeForm,
    ConfirmCodeForm,
    ConfirmForm,
    LoginForm,
    ResetAskForm,
    ResetForm,
)
from exchange.web.access import login, public, safe_next
from exchange.web.forms import Form


def _next() -> str:
    return safe_next(request.args.get("next"), "/")


@bp.route("/login", methods=["GET", "POST"])
@public
def sign_in() -> ResponseReturnValue:
    """Sign in with address and password; who has a second factor is asked for it next."""
    if g.actor.signed_in and request.method == "GET":
        return redirect(_next(), 303)
    form = Form(LoginForm)

    def save(values: dict[str, Any]) -> str:
        shown = logins.check_password(
            values["email"], values["password"], auth.caller(), code=values.get("code")
        )
        if shown.second_needed:
            auth.wait_for_second(shown.user)
            return url_for("parties.second", next=_next())
        auth.sign_in(shown.user)
        return _next()

    def page() -> str:
        throttled = any(problem.code == "auth.throttled" for problem in form.problems)
        asked = ["email", "password", *(["code"] if throttled or request.form.get("code") else [])]
        return render_template("parties/login.html", form=form, asked=asked, demo=logins.demo_logins())

    return form.answer(save, page, once=False)


@bp.route("/login/second", methods=["GET", "POST"])
@public
def second() -> ResponseReturnValue:
    """The second factor, within a few minutes after the password."""
    user = auth.waiting()
    if user is None:
        return redirect(url_for("parties.sign_in", next=_next()), 303)
    form = Form(CodeForm)

    def save(values: dict[str, Any]) -> str:
        logins.check_second(user, values["code"], auth.caller())
        auth.sign_in(user)
        return _next()

    return form.answer(save, lambda: render_template("parties/second.html", form=form), once=False)


@bp.route("/login/confirm", methods=["GET", "POST"])
@login
def confirm() -> ResponseReturnValue:
    """A fresh proof before an act that a stolen session must not do, and back to where it was asked for."""
    by_code = g.actor.user.totp_secret is not None
    form = Form(ConfirmCodeForm if by_code else ConfirmForm)

    def save(values: dict[str, Any]) -> str:
        auth.carry(logins.confirm(auth.secret(), values["answer"], auth.caller()))
        return _next()

    return form.answer(
        save, lambda: render_template("parties/confirm.html", form=form, by_code=by_code), once=False
    )


@bp.route("/login/forgot", methods=["GET", "POST"])
@public
def forgot() -> ResponseReturnValue:
    """Ask for a letter with a link; the answer is the same for every address."""
    form = Form(ResetAskForm)

    def save(values: dict[str, Any]) -> str:
        logins.ask_reset(values["email"], auth.caller())
        return url_for("parties.forgot", sent=1)

    return form.answer(
        save,
        lambda: render_template("parties/forgot.html", form=form, sent=request.args.get("sent") == "1"),
        once=False,
    )


@bp.route("/login/reset/<token>", methods=["GET", "POST"])
@public
def reset(token: str) -> ResponseReturnValue:
    """Set a new password by the link of a letter, then sign in with it (and the second factor)."""
    user = logins.find_reset(token)
    form = Form(ResetForm)

    def save(values: dict[str, Any]) -> str:
        logins.reset_password(token, values["new"])
        flash(gettext("The new password counts. All sessions and tokens have ended; sign in again."), "ok")
        return url_for("parties.sign_in")

    return form.answer(
        save, lambda: render_template("parties/reset.html", form=form, email=user.email), once=False
    )


@bp.post("/logout")
@login
def sign_out() -> ResponseReturnValue:
    """End this session."""
    auth.sign_out()
    flash(gettext("You are signed out."), "ok")
    return redirect(url_for("parties.sign_in"), 303)
