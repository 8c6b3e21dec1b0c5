"""Pages of watched rights: the table of what they are and what has changed, and the form that adds to it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext
from marshmallow import fields, validate
from sqlalchemy import func, select

from exchange.core import clock
from exchange.core.db import session
from exchange.core.errors import N_
from exchange.parties.policy import Permission
from exchange.rights import actions, watches
from exchange.rights.check import Answer
from exchange.rights.fees import FeeStatus
from exchange.rights.models import EncumbranceKind, RightStatus, Watch
from exchange.rights.pages import numbers_of
from exchange.rights.schemas import CheckForm
from exchange.web import access, i18n
from exchange.web.access import login
from exchange.web.forms import Form
from exchange.web.paging import paged

bp = Blueprint("watches", __name__)

_PAGE = 50
_UNKNOWN = 20
"""Numbers without a right that are named one by one."""


class WatchForm(CheckForm):
    """Numbers of rights to watch, and a word on why."""

    note = fields.String(
        load_default="",
        validate=validate.Length(max=watches.NOTE),
        metadata={
            "label": N_("Note"),
            "hint": N_("For your own people, for example the loan that a right secures."),
        },
    )


@bp.route("/rights/watch", methods=["GET", "POST"])
@login
def index() -> ResponseReturnValue:
    """The watched rights; ``?changed=1`` keeps those that stand differently than when the watch began."""
    form = Form(WatchForm)
    party_id = g.actor.party.id if g.actor.party is not None else 0

    def save(values: dict[str, Any]) -> str:
        done = watches.watch_numbers(g.actor, numbers_of(values), note=values["note"])
        if done.added:
            count = len(done.added)
            flash(
                ngettext(
                    "%(num)s right is watched from now on.", "%(num)s rights are watched from now on.", count
                ),
                "ok",
            )
        if done.known:
            flash(ngettext("%(num)s was watched already.", "%(num)s were watched already.", done.known), "")
        if done.unknown:
            flash(_unknown(done.unknown), "ask")
        return url_for("watches.index")

    def page() -> str:
        day = clock.today()
        only = request.args.get("changed") == "1"
        changed = [one for one in watches.lines(party_id) if one.since_start] if only else []
        mine = select(Watch).where(Watch.party_id == party_id).options(*watches.WITH_RIGHT)
        cursor = request.args.get("cursor")
        listed = paged(mine, Watch.since, name="watches", cursor=cursor, limit=_PAGE)
        return render_template(
            "rights/watches.html",
            form=form,
            page=listed,
            lines=changed if only else [watches.line(one, day) for one in listed.items],
            only=only,
            total=session.scalar(select(func.count(Watch.id)).where(Watch.party_id == party_id)),
            may=g.actor.can(Permission.RIGHT_WATCH),
            told=lambda change: change.told(i18n.say),
            status_of=lambda line: RightStatus(line.now["status"]),
            fee_of=lambda line: FeeStatus(line.now["fee"]["status"]),
            burden_of=lambda one: EncumbranceKind(one["kind"]),
        )

    return form.answer(save, page, once=False)


def _unknown(answers: list[Answer]) -> str:
    shown = ", ".join(answer.input[:40] for answer in answers[:_UNKNOWN])
    if len(answers) > _UNKNOWN:
        shown += " …"
    words: str = gettext(
        "%(count)s could not be watched, because no such right is known here: %(numbers)s. Check the numbers, or import the rights.",
        count=len(answers),
        numbers=shown,
    )
    return words


@bp.post("/rights/<ref>/watch")
@login
def begin(ref: str) -> ResponseReturnValue:
    """Watch one right, from its page."""
    watches.watch(g.actor, [ref])
    flash(
        gettext("Your organisation watches this right: changes come to the inbox and in the daily digest."),
        "ok",
    )
    return redirect(url_for("rights.show", ref=ref), 303)


@bp.post("/rights/<ref>/unwatch")
@login
def end(ref: str) -> ResponseReturnValue:
    """End the watch of one right, from its page or from the list."""
    right = actions.get_for(g.actor, ref)
    watches.unwatch(g.actor, [right.ref])
    flash(gettext("“%(title)s” is no longer watched.", title=right.title), "ok")
    return redirect(access.referring_path(), 303)
