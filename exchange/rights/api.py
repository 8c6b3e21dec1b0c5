"""``/api/v1/rights``: the register, the quick check, imports, legal events. Rights are public, holdings are not."""

from __future__ import annotations

from typing import Any

from flask import Response, g, jsonify, request
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from exchange.api import Blueprint, etag, expected_version, idempotent, must_be_fresh, page_of
from exchange.core import clock
from exchange.core.db import get
from exchange.core.errors import NotFound
from exchange.parties.policy import Actor, Permission
from exchange.rights import actions, check, fees, gazette, history, imports, numbers, obstacles, watches
from exchange.rights import source as sources
from exchange.rights.models import Holding, ImportStatus, Right, RightImport
from exchange.rights.schemas import (
    AnswersSchema,
    CheckBody,
    CompleteForm,
    EventForm,
    HoldingSchema,
    ImportPart,
    ImportSchema,
    MergeForm,
    MomentSchema,
    RightArgs,
    RightRowSchema,
    RightSchema,
    VerifyHoldingForm,
    burden,
    fact,
)
from exchange.web import access, i18n
from exchange.web.access import exchange_role, login, public
from exchange.web.paging import Page, paged

blp = Blueprint("rights_api", __name__, url_prefix="/rights", description="The register of rights")

Answer = tuple[dict[str, Any], int, dict[str, str]]

# -- shapes ---------------------------------------------------------------------------------------


def actions_for(actor: Actor, right: Right) -> list[str]:
    """What this reader may do to a right."""
    holding = actions.holding_of(actor.party, right)
    offered = []
    if actor.can(Permission.RIGHT_COMPLETE, right):
        offered.append("complete")
    if actor.can(Permission.HOLDING_CLAIM):
        offered.append("give_up" if holding is not None else "claim")
    if actor.can(Permission.RIGHT_WATCH):
        offered.append("watch" if watches.watch_of(actor.party, right) is None else "unwatch")
    if actor.can(Permission.HOLDING_VERIFY):
        offered.append("verify_holding")
    if actor.can(Permission.RIGHT_MERGE):
        offered.append("merge")
    if actor.can(Permission.RIGHT_RECORD_EVENT):
        offered.append("events")
    return offered


_PLACES = (
    "title", "owners", "app_no", "filed_on", "published_on", "granted_on", "ipc", "inventors", "region", "agency",
    "title_en", "fees_paid_through", "fee_reduction", "government_funded", "same_day_application", "compensation_days",
)  # fmt: skip


def facts_of(right: Right) -> dict[str, dict[str, Any]]:
    """Each known fact with its source and its day."""
    found = {}
    for name in _PLACES:
        if getattr(right, name) in (None, "", [], False, 0):
            continue
        known = sources.of(right.facts, name)
        if known is not None:
            found[name] = fact(known.token, known.as_of)
    if right.status_source:
        found["status"] = fact(right.status_source, right.status_as_of)
    return found


def _fees(right: Right) -> dict[str, Any]:
    state = fees.state_of(right, clock.today())
    names = ("status", "year", "due_on", "grace_until", "restorable_until")
    money = ("full_fee", "fee", "surcharge", "restoration_fee", "payable")
    shape = {name: getattr(state, name) for name in names}
    return {**shape, **{name: getattr(state, name) if state.year else None for name in money}}


def _may(right: Right) -> dict[str, Any]:
    party = g.actor.party
    held = actions.holding_of(party, right) is not None
    return {
        act: {
            "ok": not found,
            "obstacles": [
                {
                    "code": one.code,
                    "message": i18n.say(one.message, one.params),
                    "rule": one.rule,
                    "remedy": i18n.say(one.remedy, one.params),
                    "source": one.source,
                }
                for one in found
            ],
        }
        for act, found in obstacles.obstacles_to(right, check.ACTS, party=party if held else None).items()
    }


def shown_number(right: Right) -> str | None:
    """The application number as the office prints it."""
    if not right.app_no:
        return None
    read = numbers.try_parse(right.app_no)
    return read.shown if isinstance(read, numbers.Number) else right.app_no


def _holding(holding: Holding | None) -> dict[str, Any] | None:
    if holding is None:
        return None
    return {"verified": holding.verified, "basis": holding.basis, "since": holding.created_at}


def _right(right: Right) -> dict[str, Any]:
    number = shown_number(right)
    newest = right.publications[-1] if right.publications else None
    same = (
        "ref", "key", "kind", "country", "title", "title_en", "inventors", "ipc", "region", "agency", "filed_on",
        "published_on", "granted_on", "status_detail", "status_as_of", "status_source", "ended_on",
        "fees_paid_through", "fee_reduction", "government_funded", "same_day_application", "version",
    )  # fmt: skip
    return {
        **{name: getattr(right, name) for name in same},
        "app_no": number,
        "patent_no": f"ZL {number}" if number and right.granted_on and right.country == "CN" else None,
        "abstract": newest.abstract if newest is not None else "",
        "status": right.status.value,
        "status_detail": i18n.say(right.status_detail) if right.status_detail else None,
        "expires_on": fees.expiry_of(right),
        "owners": [
            {
                "name": owner.name,
                "share": owner.share_bp,
                "party": owner.party.ref if owner.party is not None else None,
                "since": owner.since,
                "source": owner.source,
            }
            for owner in right.owners
        ],
        "encumbrances": [burden(row) for row in obstacles.live_burdens(right, clock.today())],
        "publications": [
            {
                "number": one.number,
                "kind_code": one.kind_code,
                "published_on": one.published_on,
                "title": one.title,
                "source": one.source,
            }
            for one in right.publications
        ],
        "facts": facts_of(right),
        "fees": _fees(right),
        "may": _may(right),
        "holding": _holding(actions.holding_of(g.actor.party, right)),
        "actions": actions_for(g.actor, right),
    }


def _row(right: Right) -> dict[str, Any]:
    return {
        "ref": right.ref,
        "kind": right.kind,
        "app_no": shown_number(right),
        "title": right.title,
        "status": right.status.value,
        "expires_on": fees.expiry_of(right),
        "owners": [owner.name for owner in right.owners],
        "version": right.version,
        "actions": [],
    }


def _with_version(right: Right, status: int = 200) -> Answer:
    return _right(right), status, {"ETag": etag(right.version)}


def _import(import_: RightImport) -> dict[str, Any]:
    same = (
        "ref", "filename", "format", "read", "added", "updated", "unchanged", "rejected", "warned", "reason",
        "created_at", "finished_at",
    )  # fmt: skip
    return {
        **{name: getattr(import_, name) for name in same},
        "status": import_.status.value,
        "problems": [
            {
                "line": problem["line"],
                "column": problem["column"],
                "code": problem["code"],
                "severity": problem["severity"],
                "message": i18n.say(problem["message"], problem["params"]),
            }
            for problem in import_.problems
        ],
    }


# -- reading --------------------------------------------------------------------------------------


@blp.get("")
@blp.arguments(RightArgs, location="query")
@blp.response(200, page_of(RightRowSchema))
@login
def list_rights(args: dict[str, Any]) -> Page[dict[str, Any]]:
    """Rights of the register, the newest here first; ``mine`` keeps those your organisation holds."""
    query = select(Right).where(Right.merged_into_id.is_(None)).options(selectinload(Right.owners))
    if args["mine"]:
        mine = select(Holding.right_id).where(
            Holding.party_id == (g.actor.party.id if g.actor.party else 0), Holding.ended_at.is_(None)
        )
        query = query.where(Right.id.in_(mine))
    if args["kind"]:
        query = query.where(Right.kind == args["kind"])
    if args["status"] is not None:
        query = query.where(Right.status == args["status"])
    if args["q"]:
        query = query.where(Right.title.contains(args["q"], autoescape=True))
    return paged(
        query, Right.created_at, name="rights", cursor=args["cursor"], limit=args["limit"], shape=_row
    )


@blp.get("/<ref>")
@blp.response(200, RightSchema)
@public
def read_right(ref: str) -> Answer:
    """A right with owners, burdens, fees, what may be done, and where each fact comes from."""
    return _with_version(actions.get_for(g.actor, ref))


@blp.get("/<ref>/events")
@blp.response(200, page_of(MomentSchema))
@public
def list_events(ref: str) -> dict[str, Any]:
    """The timeline of a right, newest first."""
    moments = history.timeline(actions.get_for(g.actor, ref))
    items = [
        {
            **{name: getattr(moment, name) for name in moment.__dataclass_fields__},
            "title": i18n.say(moment.title),
            "warnings": [i18n.say(warning) for warning in moment.warnings],
        }
        for moment in moments
    ]
    return {"items": items, "next": None, "total": len(items)}


@blp.post("/check")
@blp.arguments(CheckBody)
@blp.response(200, AnswersSchema)
@public
def check_numbers(body: dict[str, Any]) -> Response:
    """The quick check: up to 1,000 numbers in any written form, one answer each, in their order."""
    if not access.signed_in():
        check.count_request(request.remote_addr or "")
    answers = check.check(body["numbers"], kind=body["kind"])
    # Plain already: a thousand answers through their schemas would take as long as finding them.
    say = i18n.teller()
    return jsonify(items=[answer.as_json(say) for answer in answers])


# -- verbs ----------------------------------------------------------------------------------------


@blp.post("/<ref>/complete")
@idempotent()
@blp.arguments(CompleteForm)
@blp.response(200, RightSchema)
@login
def complete_right(body: dict[str, Any], ref: str) -> Answer:
    """Add what an import did not say; ``If-Match`` guards against another's change."""
    must_be_fresh(actions.get_for(g.actor, ref))
    return _with_version(actions.complete(g.actor, ref, version=expected_version(), **body))


@blp.post("/<ref>/claim")
@idempotent()
@blp.response(200, HoldingSchema)
@login
def claim_right(ref: str) -> dict[str, Any] | None:
    """Claim a holding for your organisation; verified by itself where it is an owner of record."""
    return _holding(actions.claim_holding(g.actor, ref))


@blp.post("/<ref>/give_up")
@idempotent()
@blp.response(204)
@login
def give_up_right(ref: str) -> None:
    """End your organisation's holding here."""
    actions.give_up_holding(g.actor, ref)


@blp.post("/<ref>/verify_holding")
@idempotent()
@blp.arguments(VerifyHoldingForm)
@blp.response(200, HoldingSchema)
@exchange_role("operator")
def verify_holding(body: dict[str, Any], ref: str) -> dict[str, Any] | None:
    """Accept a proof of ownership."""
    return _holding(actions.verify_holding(g.actor, ref, body["party"], basis=body["basis"]))


@blp.post("/<ref>/merge")
@idempotent()
@blp.arguments(MergeForm)
@blp.response(200, RightSchema)
@exchange_role("operator")
def merge_rights(body: dict[str, Any], ref: str) -> Answer:
    """Let another record of the same right go into this one."""
    return _with_version(actions.merge(g.actor, ref, body["other"]))


@blp.post("/<ref>/events")
@idempotent()
@blp.arguments(EventForm)
@blp.response(201, RightSchema)
@exchange_role("operator", "reviewer")
def record_event(body: dict[str, Any], ref: str) -> Answer:
    """Enter one announcement of a register."""
    return _with_version(gazette.record_event(g.actor, ref, **body), 201)


@blp.post("/import")
@blp.arguments(ImportPart, location="files")
@blp.response(201, ImportSchema)
@blp.alt_response(202, schema=ImportSchema, description="More than 2,000 rows: the jobs process runs it")
@login
def import_rights(part: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Bring a file of rights in (multipart: ``file``). The same file twice is the same import."""
    upload = part["file"]
    import_ = imports.upload(g.actor, upload.data, upload.filename)
    import_ = imports.start(g.actor, import_.ref)
    waiting = import_.status in {ImportStatus.WAITING, ImportStatus.RUNNING}
    return _import(import_), 202 if waiting else 201


@blp.get("/imports/<ref>")
@blp.response(200, ImportSchema)
@login
def read_import(ref: str) -> dict[str, Any]:
    """How an import stands."""
    return _import(import_for(g.actor, ref))


def import_for(actor: Actor, ref: str) -> RightImport:
    """An import of the actor's organisation, or any for the exchange's staff. Raises ``NotFound`` for others."""
    actor.must_be_in_scope(Permission.LISTING_READ, Permission.RIGHT_IMPORT)
    import_ = get(RightImport, ref)
    own = actor.party is not None and import_.party_id == actor.party.id
    if not own and not actor.can(Permission.RIGHT_MERGE):
        raise NotFound
    return import_
