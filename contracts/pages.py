"""Pages of the flow: the list, the file of one deal, its documents, and the end by rescission."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

from flask import flash, g, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from contracts import (
    documents,
    flows,
    missing,
    money_track,
    onestop,
    page_certificate,
    page_contract,
    page_money,
    page_office,
    page_registration,
    terms,
    tracks,
    trail,
)
from contracts.faces import bp
from contracts.models import Flow
from contracts.schemas import ReasonForm
from exchange.core import files
from exchange.core.db import session
from exchange.core.errors import NotFound
from exchange.deals.models import Deal, DealStatus
from exchange.ledger import book, chart
from exchange.listings import rules as listing_rules
from exchange.parties.policy import Permission
from exchange.web.access import exchange_role, login
from exchange.web.forms import Form
from exchange.web.paging import paged

__all__ = ["bp", "page_certificate", "page_contract", "page_money", "page_office", "page_registration"]

RECENT = 12
"""How many lines of the record the page shows before the rest is asked for."""


@bp.get("/flows")
@login
def index() -> str:
    """The reader's flows: those under way first, or those that have ended."""
    ended = request.args.get("ended") == "1"
    query = flows.visible(g.actor)
    query = query.where(Deal.status != DealStatus.AGREED if ended else Deal.status == DealStatus.AGREED)
    page = paged(flows.with_tracks(query), Flow.opened_at, name="flows", cursor=request.args.get("cursor"))
    rows = [(flow, tracks.stage(flow), _next(items)) for flow, items in missing.missing_in(page.items)]
    return render_template(
        "contracts/index.html", rows=rows, page=page, ended=ended, stages=tracks.STAGES, tones=tracks.TONES
    )


def _next(items: Sequence[missing.Missing]) -> missing.Missing | None:
    mine, _rest = tracks.next_for(items, g.actor)
    return mine or next((item for item in items if not item.optional), None)


@bp.get("/flows/<ref>")
@login
def show(ref: str) -> str:
    """The one-stop file of a deal: what to do now, where every track stands, what is missing, money, files, record."""
    flow = flows.read(g.actor, ref)
    with book.read_at_once(missing.accounts_of(flow)):
        return _shown(flow)


def _shown(flow: Flow) -> str:
    items = missing.missing(flow)
    mine, also = tracks.next_for(items, g.actor)
    files_ = documents.of_flow(flow)
    whole = request.args.get("record") == "all"
    lines = trail.record_of(flow, limit=1000 if whole else 200)
    rail = tracks.tracks(flow, items, g.actor, files_)
    publicity = publicity_of(flow)
    return render_template(
        "contracts/show.html",
        flow=flow,
        deal=flow.deal,
        contract=flows.contract_of(flow),
        kinds=terms.KINDS,
        registration=flows.registration_of(flow),
        items=items,
        mine=mine,
        also=also,
        waiting=next((item for item in items if not item.optional), None),
        rail_before=[track for track in rail if track.key not in tracks.BESIDE and track.key != "payout"],
        rail_beside=[track for track in rail if track.key in tracks.BESIDE],
        rail_after=[track for track in rail if track.key == "payout"],
        waits_of=waits_of,
        provisional=any(item.provisional for item in items),
        stage=tracks.stage(flow),
        stages=tracks.STAGES,
        money_=money_of(flow),
        documents=files_,
        purposes=documents.PURPOSES,
        lines=lines if whole else lines[:RECENT],
        more=max(len(lines) - RECENT, 0) if not whole else 0,
        publicity=publicity,
        publicity_last=listing_rules.last_day(publicity) if publicity else None,
        may_rescind=g.actor.can(Permission.DEAL_RESCIND, flow) and flow.deal.status is DealStatus.AGREED,
        may_receive=g.actor.can(Permission.ESCROW_RECEIVE, flow),
    )


def waits_of(track: tracks.Track) -> str:
    """Whom a track waits for, by name."""
    return "、".join(dict.fromkeys(name for item in track.items for name in item.names))


def publicity_of(flow: Flow) -> Any:
    """The publicity that covers the deal's price, or ``None``."""
    return listing_rules.find_publicity(
        flow.deal.listing,
        flow.deal.price_fen,
        flow.opened_at,
        buyer_is_inventor=bool(flow.deal.terms.get("buyer_is_inventor")),
    )


def money_of(flow: Flow) -> dict[str, Any]:
    """The escrow account with its movements, oldest first; amounts in fen."""
    address = chart.escrow(flow.deal.ref)
    try:
        lines = book.statement(address)
    except NotFound:
        lines = []
    return {
        "lines": lines,
        "balance": lines[-1].balance if lines else 0,
        "left": money_track.outstanding(flow),
        "seller_fen": flow.escrow.price_fen - flow.escrow.fee_fen,
        "chart": chart.CHART,
    }


@bp.get("/documents/<ref>")
@login
def document(ref: str) -> ResponseReturnValue:
    """A file of a flow, for those who may read the flow; always as a download, never run by the browser."""
    found = documents.open_for(g.actor, ref)
    response = send_file(
        BytesIO(files.read(found)), found.media_type, as_attachment=True, download_name=found.filename
    )
    response.headers["X-Content-SHA256"] = found.sha256
    return response


@bp.route("/flows/<ref>/rescind", methods=["GET", "POST"])
@exchange_role("operator")
def rescind(ref: str) -> ResponseReturnValue:
    """End the deal before anything is recorded."""
    flow = flows.get_for(g.actor, ref, Permission.DEAL_RESCIND)
    form = Form(ReasonForm)

    def save(values: dict[str, Any]) -> str:
        onestop.rescind(g.actor, flow.ref, reason=values["reason"])
        flash(gettext("The deal is rescinded. What was in escrow is on the buyer’s balance."), "ok")
        return url_for("contracts.show", ref=flow.ref)

    def page() -> str:
        session.refresh(flow)
        return render_template(
            "contracts/rescind.html", flow=flow, form=form, received=money_track.received(flow)
        )

    return form.answer(save, page)
