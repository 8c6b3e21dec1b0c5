"""``/api/v1/rights/watches``: the rights your organisation watches and what has changed."""

from __future__ import annotations

from typing import Any

from flask import g
from marshmallow import Schema, fields, validate
from sqlalchemy import select

from exchange.api import Blueprint, PageArgs, idempotent, page_of
from exchange.core import clock
from exchange.parties.policy import Permission
from exchange.rights import watches
from exchange.rights.api import shown_number
from exchange.rights.check import MOST
from exchange.rights.models import Right, Watch
from exchange.rights.schemas import AnswerSchema, CheckBody
from exchange.rights.standing import Change
from exchange.web import i18n
from exchange.web.access import login
from exchange.web.fields import InstantField, RefField
from exchange.web.paging import Page, paged

blp = Blueprint("watches_api", __name__, url_prefix="/rights", description="Watched rights")


class WatchBody(CheckBody):
    """Numbers of rights to watch."""

    note = fields.String(load_default="", validate=validate.Length(max=watches.NOTE))


class EndBody(Schema):
    """References of rights to watch no longer."""

    rights = fields.List(RefField("RT"), required=True, validate=validate.Length(1, MOST))


class ChangeSchema(Schema):
    """One thing that changed; ``grave``: the right has ended, is newly burdened, or its fee is overdue."""

    what = fields.String(required=True)
    message = fields.String(required=True)
    grave = fields.Boolean(required=True)


class WatchSchema(Schema):
    """A watched right as it stands today."""

    right = RefField("RT", required=True)
    number = fields.String(allow_none=True)
    title = fields.String(required=True)
    status = fields.String(required=True)
    status_as_of = fields.Date(allow_none=True)
    status_checked_at = InstantField(allow_none=True)
    fee = fields.String(required=True)
    expires_on = fields.String(allow_none=True)
    owners = fields.List(fields.String())
    burdens = fields.List(fields.Dict())
    since = InstantField(required=True)
    note = fields.String()
    changes = fields.List(
        fields.Nested(ChangeSchema), metadata={"description": "What differs from the day the watch began"}
    )


class WatchedSchema(Schema):
    """What became of a list of numbers."""

    added = fields.List(fields.Nested(WatchSchema), required=True)
    known = fields.Integer(required=True, metadata={"description": "Watched already"})
    missing = fields.List(
        fields.Nested(AnswerSchema), required=True, metadata={"description": "Numbers without a right here"}
    )


class EndedSchema(Schema):
    """How many watches ended."""

    ended = fields.Integer(required=True)


def _change(one: Change) -> dict[str, Any]:
    return {"what": one.what, "message": one.told(i18n.say), "grave": one.grave}


def _shape(one: Watch) -> dict[str, Any]:
    line = watches.line(one, clock.today())
    right: Right = line.right
    return {
        "right": right.ref,
        "number": shown_number(right),
        "title": right.title,
        "status": line.now["status"],
        "status_as_of": right.status_as_of,
        "status_checked_at": right.status_checked_at,
        "fee": line.now["fee"]["status"],
        "expires_on": line.now["expires_on"],
        "owners": line.now["owners"],
        "burdens": line.now["burdens"],
        "since": one.since,
        "note": one.note,
        "changes": [_change(change) for change in line.since_start],
    }


@blp.get("/watches")
@blp.arguments(PageArgs, location="query")
@blp.response(200, page_of(WatchSchema))
@login
def list_watches(args: dict[str, Any]) -> Page[dict[str, Any]]:
    """The rights your organisation watches, the newest watch first."""
    g.actor.must_be_in_scope(Permission.RIGHT_WATCH, Permission.LISTING_READ)
    party_id = g.actor.party.id if g.actor.party is not None else 0
    query = select(Watch).where(Watch.party_id == party_id).options(*watches.WITH_RIGHT)
    return paged(query, Watch.since, name="watches", cursor=args["cursor"], limit=args["limit"], shape=_shape)


@blp.post("/watches")
@idempotent()
@blp.arguments(WatchBody)
@blp.response(200, WatchedSchema)
@login
def begin_watches(body: dict[str, Any]) -> dict[str, Any]:
    """Watch the rights with up to 1,000 numbers; a repeat is harmless."""
    done = watches.watch_numbers(g.actor, body["numbers"], note=body["note"], kind=body["kind"])
    return {
        "added": [_shape(one) for one in done.added],
        "known": done.known,
        "missing": [answer.as_json(i18n.say) for answer in done.unknown],
    }


@blp.post("/watches/end")
@idempotent()
@blp.arguments(EndBody)
@blp.response(200, EndedSchema)
@login
def end_watches(body: dict[str, Any]) -> dict[str, Any]:
    """Watch these rights no longer."""
    return {"ended": watches.unwatch(g.actor, body["rights"])}


@blp.post("/<ref>/watch")
@idempotent()
@blp.response(200, WatchedSchema)
@login
def begin_watch(ref: str) -> dict[str, Any]:
    """Watch one right."""
    done = watches.watch(g.actor, [ref])
    return {"added": [_shape(one) for one in done.added], "known": done.known, "missing": []}


@blp.post("/<ref>/unwatch")
@idempotent()
@blp.response(200, EndedSchema)
@login
def end_watch(ref: str) -> dict[str, Any]:
    """Watch one right no longer."""
    return {"ended": watches.unwatch(g.actor, [ref])}
