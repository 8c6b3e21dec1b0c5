"""Pages of registration: a login, then the organisation, then its papers; and the way in by invitation.

Each step is kept when it is done: whoever comes back signs in and goes on where they stopped.
"""

from __future__ import annotations

from typing import Any

from flask import flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy import select

from exchange.core.db import session
from exchange.parties import actions, auth, logins, members
from exchange.parties.faces import bp
from exchange.parties.models import User
from exchange.parties.schemas import JoinForm, PartyForm, SignUpForm
from exchange.web import i18n
from exchange.web.access import login, public
from exchange.web.forms import Form

_HIDDEN = {"country", "name_en", "legal_representative", "address", "phone"}
"""Not asked at registration: they can be given later."""


@bp.route("/register", methods=["GET", "POST"])
@public
def sign_up() -> ResponseReturnValue:
    """First step: a person's login."""
    if g.actor.signed_in and request.method == "GET":
        return redirect(url_for("parties.found"), 303)
    form = Form(SignUpForm)

    def save(values: dict[str, Any]) -> str:
        logins.must_not_flood(auth.caller())
        user = members.sign_up(g.actor, **values, locale=i18n.choose_locale())
        auth.sign_in(user)
        return url_for("parties.found")

    return form.answer(save, lambda: render_template("parties/register.html", form=form), once=False)


@bp.route("/register/organisation", methods=["GET", "POST"])
@login
def found() -> ResponseReturnValue:
    """Second step: the organisation, whose administrator one becomes."""
    form = Form(PartyForm, data={"country": "CN"})

    def save(values: dict[str, Any]) -> str:
        party = actions.found(g.actor, **values)
        auth.carry(auth.switch_to(party))
        flash(gettext("%(name)s is registered. Now show who you are.", name=party.name), "ok")
        return url_for("parties.verification")

    only = [name for name in form.fields if name not in _HIDDEN]
    return form.answer(
        save,
        lambda: render_template("parties/found.html", form=form, only=only, more=sorted(_HIDDEN)),
        once=False,
    )


@bp.route("/invitations/<secret>", methods=["GET", "POST"])
@public
def invitation(secret: str) -> ResponseReturnValue:
    """Take up an invitation: with a new login, or with the one that has this address."""
    found = members.find_invitation(secret)
    known = session.scalar(select(User.id).where(User.email == found.email)) is not None
    form = Form(JoinForm)

    def save(values: dict[str, Any]) -> str:
        user = members.accept_as_new(g.actor, secret, **values)
        auth.sign_in(user)
        return url_for("parties.organisation")

    def page() -> str:
        return render_template(
            "parties/invitation.html", form=form, invitation=found, known=known, secret=secret
        )

    if known and request.method == "POST":
        return redirect(url_for("parties.invitation", secret=secret), 303)
    return form.answer(save, page, once=False)


@bp.post("/invitations/<secret>/accept")
@login
def accept(secret: str) -> ResponseReturnValue:
    """Take up an invitation with the login one is signed in with, and act for that organisation."""
    row = members.accept(g.actor, secret)
    auth.carry(auth.switch_to(row.party))
    flash(gettext("You now belong to %(name)s.", name=row.party.name), "ok")
    return redirect(url_for("parties.organisation"), 303)
