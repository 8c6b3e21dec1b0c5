"""Pages of rights: what one's organisation holds, imports, the quick check, a right with its history."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Final

from flask import (
    Blueprint,
    Response,
    flash,
    g,
    make_response,
    redirect,
    render_template,
    request,
    send_file,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy import or_, select
from sqlalchemy.orm import selectinload

from exchange.core import clock
from exchange.core.db import session
from exchange.core.errors import N_, DomainError
from exchange.core.labels import labels
from exchange.parties.models import Role
from exchange.parties.policy import Permission, exchange_roles
from exchange.rights import (
    actions,
    check,
    fees,
    history,
    imports,
    kinds,
    marked,
    numbers,
    obstacles,
    sandbox,
    template,
)
from exchange.rights import source as sources
from exchange.rights.api import actions_for, facts_of, import_for, shown_number
from exchange.rights.check import Answer
from exchange.rights.formats import FORMATS
from exchange.rights.formats.record import Problem, Refused
from exchange.rights.models import (
    EncumbranceKind,
    Holding,
    ImportStatus,
    Publication,
    Right,
    RightImport,
    RightStatus,
)
from exchange.rights.schemas import CheckForm, CompleteForm, ImportForm
from exchange.web import access, i18n
from exchange.web.access import login, public
from exchange.web.fields import Upload
from exchange.web.forms import Form
from exchange.web.paging import paged

bp = Blueprint("rights", __name__)

_PAGE = 50
_SHOWN = 100
"""Problems shown on the page of an import; the workbook has all that were kept."""

FIELDS: Final[dict[str, str]] = {
    "app_no": N_("Application number"),
    "patent_no": N_("Patent number"),
    "reg_no": N_("Number of the registration"),
    "pub_no": N_("Publication number"),
    "pub_date": N_("Date of publication"),
    "filed_on": N_("Filing date"),
    "granted_on": N_("Date of grant"),
    "title": N_("Title"),
    "abstract": N_("Abstract"),
    "main_claim": N_("Main claim"),
    "applicants": N_("Owners of record"),
    "inventors": N_("Inventors"),
    "region": N_("Region"),
    "address": N_("Address"),
    "ipc": N_("Classification"),
    "ipc_main": N_("Main class"),
    "loc": N_("Locarno class"),
    "agency": N_("Patent agency"),
    "agents": N_("Patent attorney"),
    "kind": N_("Kind of right"),
    "kind_code": N_("Kind code"),
    "status": N_("Legal status"),
    "source": N_("Source"),
    "country": N_("Country"),
    "priority": N_("Priority"),
}
"""What a column of an import may be taken for: field of a record → msgid."""


@bp.context_processor
def _words() -> dict[str, Any]:
    """What the templates of this room need: numbers as printed, names of kinds and sources."""
    return {
        "shown_number": shown_number,
        "kind_name": lambda key: gettext(kinds.KINDS[key].name) if key in kinds.KINDS else "—",
        "source_name": lambda token: gettext(sources.name(token)) if token else "—",
        "expiry_of": fees.expiry_of,
        "listed": lambda names: "、".join(names) or "—",
        "EncumbranceKind": EncumbranceKind,
    }


def _staff() -> bool:
    """Whether the reader works for the exchange."""
    actor = g.actor
    return actor.party is not None and bool(exchange_roles(actor.party, actor.roles) & set(Role))


# -- what one holds -------------------------------------------------------------------------------


@bp.get("/rights")
@login
def index() -> str:
    """The rights that the organisation holds; the exchange's staff see the whole register."""
    staff = _staff() and g.actor.can(Permission.RIGHT_RECORD_EVENT)
    text = request.args.get("q", "").strip()[:256]
    kind, status = request.args.get("kind", ""), request.args.get("status", "")
    query = select(Right).where(Right.merged_into_id.is_(None))
    query = query.options(
        selectinload(Right.owners),
        selectinload(Right.encumbrances),
        selectinload(Right.holdings),
        selectinload(Right.publications).load_only(Publication.number, Publication.published_on),
    )
    if not staff:
        mine = select(Holding.right_id).where(
            Holding.party_id == (g.actor.party.id if g.actor.party else 0), Holding.ended_at.is_(None)
        )
        query = query.where(Right.id.in_(mine))
    if text:
        query = query.where(_matching(text))
    if kind in kinds.KINDS:
        query = query.where(Right.kind == kind)
    if status in {one.value for one in RightStatus}:
        query = query.where(Right.status == RightStatus(status))
    page = paged(query, Right.created_at, name="rights", cursor=request.args.get("cursor"), limit=_PAGE)
    imports_ = _recent_imports()
    return render_template(
        "rights/index.html",
        page=page,
        staff=staff,
        imports=imports_,
        chosen={"q": text, "kind": kind, "status": status},
        kinds=kinds.KINDS,
        statuses=labels(RightStatus),
        may_import=g.actor.can(Permission.RIGHT_IMPORT),
        holding_of=_held_by(g.actor.party),
    )


def _matching(text: str) -> Any:
    """Rights with this number in any form, or with these words in the title."""
    title = Right.title.contains(text, autoescape=True)
    read = numbers.try_parse(text)
    if not isinstance(read, numbers.Number):
        return title
    published = select(Publication.right_id).where(Publication.number == read.key)
    return or_(title, Right.key == actions.key_of(read), Right.id.in_(published))


def _held_by(party: Any) -> Any:
    def holding(right: Right) -> Holding | None:
        return next(
            (
                h
                for h in right.holdings
                if party is not None and h.party_id == party.id and h.ended_at is None
            ),
            None,
        )

    return holding


def _recent_imports() -> list[RightImport]:
    if g.actor.party is None:
        return []
    query = (
        select(RightImport)
        .where((RightImport.party_id == g.actor.party.id) | (RightImport.user_ref == g.actor.user_ref))
        .order_by(RightImport.created_at.desc(), RightImport.id.desc())
        .limit(5)
    )
    return list(session.scalars(query))


# -- imports --------------------------------------------------------------------------------------


@bp.route("/rights/import", methods=["GET", "POST"])
@login
def import_() -> ResponseReturnValue:
    """Choose a file; the next page shows how it is understood before anything is imported."""
    g.actor.must(Permission.RIGHT_IMPORT)
    form = Form(ImportForm)

    def save(values: dict[str, Any]) -> str:
        upload: Upload = values["file"]
        kept = imports.upload(g.actor, upload.data, upload.filename)
        return url_for("rights.imported", ref=kept.ref)

    return form.answer(
        save, lambda: render_template("rights/import.html", form=form, imports=_recent_imports()), once=False
    )


@bp.get("/rights/import/template.xlsx")
@public
def import_template() -> Response:
    """The exchange's own template."""
    data = template.build(gettext)
    return send_file(BytesIO(data), template.MEDIA_TYPE, as_attachment=True, download_name=template.FILENAME)


@bp.get("/rights/imports/<ref>")
@login
def imported(ref: str) -> str:
    """An import: how its file is understood, how far it is, or what became of its rows."""
    kept = import_for(g.actor, ref)
    mapping, refused = None, ""
    if kept.status is ImportStatus.WAITING and kept.queued_at is None:
        try:
            mapping = imports.preview(kept)
        except DomainError as error:
            refused = i18n.say(error.message, error.params)
    wanted = request.args.get("code", "")
    problems = [one for one in kept.problems if not wanted or one["code"] == wanted]
    kinds: dict[str, list[dict[str, Any]]] = {}
    for one in kept.problems:
        kinds.setdefault(one["code"], []).append(one)
    return render_template(
        "rights/imported.html",
        one=kept,
        fields={key: gettext(name) for key, name in FIELDS.items()},
        formats={key: gettext(one.name) for key, one in FORMATS.items()},
        reason=_reason_of(kept),
        mapping=mapping,
        refused=refused,
        problems=problems[:_SHOWN],
        more=max(0, len(problems) - _SHOWN),
        kinds=kinds,
        wanted=wanted,
        may_import=g.actor.can(Permission.RIGHT_IMPORT),
        ImportStatus=ImportStatus,
        may_mark=marked.possible(kept),
    )


def _reason_of(kept: RightImport) -> str:
    """Why a file was refused, in the reader's language where the refusal was kept with its parameters."""
    whole = [one for one in kept.problems if one["line"] == 0 and one["severity"] == "error"]
    return i18n.say(whole[-1]["message"], whole[-1]["params"]) if whole else kept.reason or ""


@bp.post("/rights/imports/<ref>/start")
@login
def start_import(ref: str) -> ResponseReturnValue:
    """Import the file that was looked at."""
    import_for(g.actor, ref)
    imports.start(g.actor, ref)
    return redirect(url_for("rights.imported", ref=ref), 303)


@bp.get("/rights/imports/<ref>/problems.xlsx")
@login
def import_problems(ref: str) -> Response:
    """What was wrong with an import, row by row, as a workbook."""
    kept = import_for(g.actor, ref)
    found = (
        Problem(one["line"], one["column"], one["code"], one["severity"], one["message"], one["params"])
        for one in kept.problems
    )
    data = template.report(found, gettext)
    name = f"{kept.filename.rpartition('.')[0] or kept.filename}-problems.xlsx"
    return send_file(BytesIO(data), template.MEDIA_TYPE, as_attachment=True, download_name=name)


@bp.get("/rights/imports/<ref>/marked.xlsx")
@login
def import_marked(ref: str) -> Response:
    """The file of an import itself, with what is wrong in a column of its own."""
    kept = import_for(g.actor, ref)
    data = marked.give_back(kept, gettext)
    name = f"{kept.filename.rpartition('.')[0] or kept.filename}-{gettext('Error')}.xlsx"
    return send_file(BytesIO(data), template.MEDIA_TYPE, as_attachment=True, download_name=name)


# -- the quick check ------------------------------------------------------------------------------


@bp.route("/rights/check", methods=["GET", "POST"])
@public
def check_() -> ResponseReturnValue:
    """One number, up to a thousand pasted, or a file with numbers: an answer for each; as a workbook on demand."""
    form = Form(CheckForm, data={"numbers": request.args.get("number", "")})
    answers: list[Answer] = []
    status = 200
    try:
        numbers_ = asked(form)
        if numbers_:
            if not access.signed_in():
                check.count_request(request.remote_addr or "")
            answers = check.check(numbers_)
        elif request.method == "POST":
            check.check([])
    except DomainError as error:
        if error.status not in {422, 429}:
            raise
        form.refuse(error)
        status = error.status
    if answers and request.values.get("as") == "xlsx":
        data = check.workbook(answers, i18n.say)
        name = f"{gettext('Quick check')}-{clock.today().isoformat()}.xlsx"
        return send_file(BytesIO(data), template.MEDIA_TYPE, as_attachment=True, download_name=name)
    return make_response(
        render_template(
            "rights/check.html",
            form=form,
            answers=answers,
            acts=check.ACTS,
            words=_act_words(),
            valid=sum(answer.right is not None for answer in answers),
            say=i18n.teller(),
        ),
        status,
    )


def _act_words() -> dict[str, str]:
    return {
        obstacles.LIST: gettext("Listing"),
        obstacles.TRANSFER: gettext("Transfer"),
        obstacles.LICENSE: gettext("Licence"),
        obstacles.PLEDGE: gettext("Pledge"),
    }


def asked(form: Form) -> list[str]:
    """The numbers of this request: of the address, or typed, or in the file."""
    if request.method == "GET":
        return check.split(request.args.get("number", "")[:200])
    return numbers_of(form.load())


def numbers_of(values: dict[str, Any]) -> list[str]:
    """The numbers of a form that was sent: typed, and in the file."""
    upload: Upload | None = values.get("file")
    found = check.split(values["numbers"])
    return found + (list(_in_file(upload)) if upload is not None else [])


def _in_file(upload: Upload) -> Iterator[str]:
    """The numbers of a file: the first cell of each line of text, or the columns with numbers of a workbook."""
    ending = Path(upload.filename).suffix.lower()
    if ending != ".xlsx":
        text = upload.data.decode("utf-8-sig", errors="replace")
        for line in text.splitlines():
            first = line.replace("，", ",").replace("\t", ",").split(",")[0].strip().strip('"')
            if any(character.isdigit() for character in first):
                yield first
        return
    with NamedTemporaryFile(suffix=ending) as file:
        file.write(upload.data)
        file.flush()
        try:
            for cells in sandbox.sheet(Path(file.name)):
                found = _number_in(cells)
                if found:
                    yield found
        except Refused as refused:
            raise imports.refusal(refused) from refused


def _number_in(cells: list[str]) -> str:
    """The cell of a row that is a number; else one that looks as if it were meant to be one; else nothing."""
    likely = [cell for cell in cells if sum(map(str.isdigit, cell)) >= 7]
    read = (cell for cell in likely if isinstance(numbers.try_parse(cell), numbers.Number))
    return next(read, likely[0] if likely else "")


# -- one right ------------------------------------------------------------------------------------


@bp.get("/rights/<ref>")
@public
def show(ref: str) -> ResponseReturnValue:
    """A right: what is known with source and day, owners, burdens, fees, what stands in the way, its history."""
    right = actions.get_for(g.actor, ref)
    if right.ref != ref:
        return redirect(url_for("rights.show", ref=right.ref), 301)
    today = clock.today()
    holding = actions.holding_of(g.actor.party, right)
    party = g.actor.party if holding is not None else None
    return render_template(
        "rights/show.html",
        right=right,
        expiry=fees.expiry_of(right),
        left=_left(right),
        fee=fees.state_of(right, today),
        burdens=obstacles.live_burdens(right, today),
        may=obstacles.obstacles_to(right, check.ACTS, party=party),
        words=_act_words(),
        acts=check.ACTS,
        facts=facts_of(right),
        moments=history.timeline(right),
        newest=right.publications[-1] if right.publications else None,
        holding=holding,
        actions=actions_for(g.actor, right),
        stale=_stale(right),
        year=fees.year_on(right.filed_on, today) if right.filed_on is not None else None,
    )


def _left(right: Right) -> float | None:
    """How much of the term is left, in percent."""
    expiry = fees.expiry_of(right)
    start = right.filed_on or right.granted_on
    if expiry is None or start is None or expiry <= start:
        return None
    whole, left = (expiry - start).days, (expiry - clock.today()).days
    return max(0.0, min(100.0, 100 * left / whole))


def _stale(right: Right) -> bool:
    return any(one.code == "status.stale" for one in obstacles.obstacles(right, obstacles.FILE))


@bp.post("/rights/<ref>/claim")
@login
def claim(ref: str) -> ResponseReturnValue:
    """The organisation says that it holds the right."""
    holding = actions.claim_holding(g.actor, ref)
    if holding.verified:
        flash(gettext("Your organisation is an owner of record: the holding is verified."), "ok")
    else:
        flash(
            gettext("The holding is claimed. Send proof of ownership to the exchange to have it verified."),
            "ask",
        )
    return redirect(url_for("rights.show", ref=ref), 303)


@bp.post("/rights/<ref>/give-up")
@login
def give_up(ref: str) -> ResponseReturnValue:
    """The organisation no longer works with the right here."""
    actions.give_up_holding(g.actor, ref)
    flash(gettext("The holding has ended. The register is unchanged."), "ok")
    return redirect(url_for("rights.show", ref=ref), 303)


_COMPLETED = (
    "filed_on",
    "granted_on",
    "fees_paid_through",
    "fee_reduction",
    "government_funded",
    "same_day_application",
    "title_en",
)


@bp.route("/rights/<ref>/complete", methods=["GET", "POST"])
@login
def complete(ref: str) -> ResponseReturnValue:
    """Add what the import did not say."""
    right = actions.get_for(g.actor, ref, Permission.RIGHT_COMPLETE)
    known = {name: getattr(right, name) for name in _COMPLETED}
    form = Form(CompleteForm, data={**known, "app_no": shown_number(right) or ""})
    if right.kind != "utility_model":
        form.schema.fields.pop("same_day_application")

    def save(values: dict[str, Any]) -> str:
        sent = request.form.get("version", "")
        version = int(sent) if sent.isdigit() else None
        changed = actions.complete(g.actor, right.ref, version=version, **values)
        flash(gettext("The right is completed."), "ok")
        return url_for("rights.show", ref=changed.ref)

    return form.answer(save, lambda: render_template("rights/complete.html", form=form, right=right))
