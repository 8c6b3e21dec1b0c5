"""The inbox."""

from __future__ import annotations

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from exchange.core.errors import fill
from exchange.notifications import actions
from exchange.notifications.models import Notice
from exchange.web.access import login
from exchange.web.legible import row_number

bp = Blueprint("notifications", __name__)

PAGE = 30


def sentence(notice: Notice) -> str:
    """The notice in the reader's language."""
    words, params = actions.words(notice)
    return fill(gettext(words), params)


@bp.get("/inbox")
@login
def inbox() -> str:
    """The notices, newest first."""
    before = request.args.get("before", type=row_number)
    notices = actions.inbox(g.actor, before=before, limit=PAGE + 1)
    return render_template(
        "notifications/inbox.html",
        notices=notices[:PAGE],
        older=notices[PAGE - 1].id if len(notices) > PAGE else None,
        sentence=sentence,
        first=before is None,
    )


@bp.post("/inbox/read")
@login
def read() -> ResponseReturnValue:
    """Mark what was shown as read."""
    actions.mark_read(g.actor, up_to=request.form.get("up_to", default=0, type=row_number))
    return redirect(url_for("notifications.inbox"), 303)
