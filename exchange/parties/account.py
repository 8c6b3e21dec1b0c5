"""Pages of one's own account: name and language, password, second factor, sessions, keys of programs."""

from __future__ import annotations

from typing import Any

from flask import flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from markupsafe import Markup

from exchange.core.db import transaction
from exchange.core.errors import DomainError
from exchange.parties import auth, logins, members, second_factor, sessions, tokens
from exchange.parties.faces import bp
from exchange.parties.schemas import SCOPE_NAMES, FirstCodeForm, PasswordForm, PersonForm, TokenForm
from exchange.web import i18n
from exchange.web.access import login
from exchange.web.forms import Form

_BROWSERS = {
    "MicroMessenger": "WeChat",
    "Edg/": "Edge",
    "OPR/": "Opera",
    "Firefox/": "Firefox",
    "Chrome/": "Chrome",
    "Safari/": "Safari",
}
_SYSTEMS = {
    "Windows": "Windows",
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Mac OS X": "macOS",
    "Linux": "Linux",
}


def browser(agent: str) -> str:
    """What a browser calls itself, in two words where it is a known one: ``Firefox, Linux``."""
    found = [
        next((name for sign, name in table.items() if sign in agent), "") for table in (_BROWSERS, _SYSTEMS)
    ]
    return ", ".join(filter(None, found)) or agent[:60]


@bp.get("/account")
@login
def account() -> str:
    """Everything about one's own sign-in on one page."""
    user = g.actor.user
    return render_template(
        "parties/account.html",
        user=user,
        sessions=sessions.sessions_of(user),
        here=auth.session_id(),
        tokens=tokens.tokens_of(g.actor),
        scope_names=SCOPE_NAMES,
        browser=browser,
        parties=members.parties_of(user),
    )


@bp.route("/account/person", methods=["GET", "POST"])
@login
def person() -> ResponseReturnValue:
    """One's own name, language and letters."""
    user = g.actor.user
    shown = {"name": user.name, "locale": user.locale, "mail": user.preferences.get("mail", True)}
    form = Form(PersonForm, data=shown)

    def save(values: dict[str, Any]) -> str:
        with transaction():
            members.rename(g.actor, values["name"])
            members.set_locale(g.actor, values["locale"])
            members.choose_mail(g.actor, wanted=values["mail"])
        flash(gettext("Saved."), "ok")
        return url_for("parties.account")

    response = form.answer(save, lambda: render_template("parties/person.html", form=form))
    chosen = form.typed.get("locale") if form.typed is not None and not form.problems else None
    return i18n.remember_language(response, chosen) if chosen else response


@bp.route("/account/password", methods=["GET", "POST"])
@login
def password() -> ResponseReturnValue:
    """Change the password; other sessions and all tokens end."""
    form = Form(PasswordForm)

    def save(values: dict[str, Any]) -> str:
        auth.carry(logins.change_password(auth.secret(), values["present"], values["new"], auth.caller()))
        flash(gettext("The new password counts. All other sessions and all tokens have ended."), "ok")
        return url_for("parties.account")

    return form.answer(save, lambda: render_template("parties/password.html", form=form), once=False)


# -- second factor -----------------------------------------------------------------------------


@bp.post("/account/second-factor/begin")
@login
def begin_second() -> ResponseReturnValue:
    """Make a secret for an authenticator."""
    second_factor.begin(g.actor)
    return redirect(url_for("parties.second_factor"), 303)


@bp.route("/account/second-factor", methods=["GET", "POST"], endpoint="second_factor")
@login
def finish_second() -> ResponseReturnValue:
    """The picture for the authenticator and its first code; then the recovery codes, shown this once."""
    user = g.actor.user
    secret = second_factor.pending(user)
    if secret is None:
        return redirect(url_for("parties.account"), 303)
    form = Form(FirstCodeForm)
    if request.method == "POST":
        try:
            codes = second_factor.finish(g.actor, form.load()["code"])
            return render_template("parties/recovery_codes.html", codes=codes)
        except DomainError as error:
            if error.status != 422:
                raise
            form.refuse(error)
    page = render_template(
        "parties/second_factor.html",
        form=form,
        secret=secret,
        picture=Markup(second_factor.picture(user, secret)),  # noqa: S704 - an SVG that segno made of a QR code
    )
    return page, 422 if form.problems else 200


@bp.post("/account/recovery-codes")
@login
def recovery_codes() -> ResponseReturnValue:
    """New recovery codes, shown this once."""
    return render_template("parties/recovery_codes.html", codes=second_factor.renew_recovery_codes(g.actor))


@bp.post("/account/second-factor/remove")
@login
def remove_second() -> ResponseReturnValue:
    """Turn the second factor off."""
    second_factor.remove(g.actor)
    flash(gettext("The second factor is off. Whoever knows your password can sign in now."), "ask")
    return redirect(url_for("parties.account"), 303)


# -- sessions ----------------------------------------------------------------------------------


@bp.post("/account/sessions/<int:number>/end")
@login
def end_session(number: int) -> ResponseReturnValue:
    """End one of one's own sessions; the present one is a sign-out."""
    if number == auth.session_id():
        auth.sign_out()
        return redirect(url_for("parties.sign_in"), 303)
    sessions.end_one(g.actor, number)
    flash(gettext("That session has ended."), "ok")
    return redirect(url_for("parties.account") + "#sessions", 303)


@bp.post("/account/sessions/end-others")
@login
def end_other_sessions() -> ResponseReturnValue:
    """End every session of one's own but this one."""
    sessions.end_others(g.actor, auth.secret())
    flash(gettext("All other sessions have ended."), "ok")
    return redirect(url_for("parties.account") + "#sessions", 303)


# -- keys of programs --------------------------------------------------------------------------


@bp.route("/account/tokens/new", methods=["GET", "POST"])
@login
def new_token() -> ResponseReturnValue:
    """Make a token; it is shown this once."""
    g.actor.must_step_up()
    form = Form(TokenForm, data={"scopes": ["read"]})
    if request.method == "POST":
        try:
            token, secret = tokens.create(g.actor, **form.load())
            return render_template("parties/token.html", token=token, secret=secret)
        except DomainError as error:
            if error.status != 422:
                raise
            form.refuse(error)
    return render_template("parties/new_token.html", form=form), 422 if form.problems else 200


@bp.post("/account/tokens/<ref>/revoke")
@login
def revoke_token(ref: str) -> ResponseReturnValue:
    """End a token at once."""
    token = tokens.revoke(g.actor, ref)
    flash(gettext("The token %(prefix)s… has ended.", prefix=token.prefix), "ok")
    return redirect(url_for("parties.account") + "#tokens", 303)
