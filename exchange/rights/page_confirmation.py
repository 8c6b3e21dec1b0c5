"""Pages of confirmations: ask for one, find it again, download the signed document."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, flash, g, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import force_locale, gettext
from sqlalchemy import select

from exchange.core import files
from exchange.core.errors import N_, Unavailable
from exchange.parties.policy import Permission
from exchange.rights import check, confirmation
from exchange.rights import source as sources
from exchange.rights.fees import FeeStatus
from exchange.rights.models import Confirmation, EncumbranceKind, RightStatus
from exchange.rights.pages import numbers_of
from exchange.rights.schemas import CheckForm
from exchange.web import i18n
from exchange.web.access import login
from exchange.web.assets import MissingAsset, vendor_path
from exchange.web.forms import Form
from exchange.web.paging import paged

bp = Blueprint("confirmations", __name__)

FONT = "NotoSansSC_400Regular.ttf"
_PAGE = 30


def fonts() -> list[Path]:
    """The folder of the font that documents are set in. Raises ``Unavailable`` where it was not installed."""
    try:
        return [vendor_path(FONT).parent]
    except MissingAsset as error:
        raise Unavailable(
            "confirmation.no_font",
            N_("There is no Chinese font to write the document in, so none is issued. Tell the operator."),
            rule="make static",
        ) from error


def issued(numbers: list[str], *, kind: str = "") -> Confirmation:
    """The confirmation that the reader asks for. Its words are Chinese in whatever language the reader works."""
    with force_locale(i18n.CHINESE):
        return confirmation.issue(g.actor, numbers, fonts=fonts(), kind=kind, say=i18n.say)


@bp.route("/rights/confirmations", methods=["GET", "POST"])
@login
def index() -> ResponseReturnValue:
    """The confirmations of the organisation, newest first, and the form for the next one."""
    form = Form(CheckForm)

    def save(values: dict[str, Any]) -> str:
        made = issued(numbers_of(values))
        flash(gettext("The confirmation %(number)s is issued and signed.", number=made.ref), "ok")
        return url_for("confirmations.show", code=made.code)

    def page() -> str:
        mine = select(Confirmation).where(Confirmation.party_id == (g.actor.party.id if g.actor.party else 0))
        cursor = request.args.get("cursor")
        return render_template(
            "rights/confirmations.html",
            form=form,
            page=paged(mine, Confirmation.issued_at, name="confirmations", cursor=cursor, limit=_PAGE),
            may=g.actor.can(Permission.RIGHT_CONFIRM),
        )

    return form.answer(save, page, once=False)


@bp.get("/rights/confirmations/<code>")
@login
def show(code: str) -> str:
    """One confirmation: what it says, its document, and where anybody can verify it."""
    found = confirmation.open_for(g.actor, code)
    return render_template("rights/confirmation.html", **sheet(found), one=found)


@bp.get("/rights/confirmations/<code>/document.pdf")
@login
def document(code: str) -> Response:
    """The signed document."""
    found = confirmation.open_for(g.actor, code)
    return send_file(
        BytesIO(files.read(found.document)),
        found.document.media_type,
        as_attachment=True,
        download_name=found.document.filename,
    )


def sheet(found: Confirmation) -> dict[str, Any]:
    """What the sheet of a confirmation shows; also for the verify page, which stands above this room."""
    return {
        "sheet": found.snapshot,
        "since": confirmation.since(found),
        "issued_at": found.issued_at,
        "status_of": lambda row: RightStatus(row["standing"]["status"]),
        "fee_of": lambda row: FeeStatus(row["standing"]["fee"]["status"]),
        "burden_of": lambda one: EncumbranceKind(one["kind"]),
        "told": lambda change: change.told(i18n.say),
        "source_of": lambda row: gettext(sources.name(row["source"])) if row["source"] else "",
        "acts": check.ACTS,
    }
