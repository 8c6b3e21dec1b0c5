"""The blueprints that every page and every call of the room belong to, and what its templates share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from flask import Blueprint, g, url_for
from flask.typing import ResponseReturnValue

from contracts import documents, missing, tracks
from contracts.models import Flow
from exchange import api as smorest
from exchange.core.db import transaction
from exchange.core.files import Document
from exchange.parties.policy import Actor, Permission
from exchange.web import i18n
from exchange.web.fields import Upload
from exchange.web.navigation import goes_somewhere

bp = Blueprint("contracts", __name__, template_folder="templates")
blp = smorest.Blueprint("contracts_api", __name__, description="The one-stop flow of a deal")


def with_etag(body: dict[str, Any], status: int = 200) -> ResponseReturnValue:
    """An answer of the API with the version of its thing as ETag."""
    return body, status, {"ETag": smorest.etag(body["version"])}


DOES: Mapping[str, tuple[Permission, str]] = {
    "contract.sign": (Permission.CONTRACT_SIGN, "signer"),
    "contract.finalise": (Permission.CONTRACT_DRAFT, "agent"),
    "escrow.pay": (Permission.MONEY_READ, "finance"),
    "escrow.overdue": (Permission.MONEY_READ, "finance"),
    "registration.apply": (Permission.REGISTRATION_APPLY, "agent"),
    "registration.supplement": (Permission.REGISTRATION_APPLY, "agent"),
    "registration.cancel": (Permission.REGISTRATION_APPLY, "agent"),
}
"""Which permission a thing on the list asks of a person, and the role that usually has it; else ``filing.submit``."""


def href(item: missing.Missing) -> str:
    """The page where ``item`` is done."""
    return url_for(item.endpoint, ref=item.args["ref"])


def can_do(item: missing.Missing, flow: Flow) -> bool:
    """Whether this reader's own roles let them do ``item``; else a colleague must."""
    actor: Actor = g.actor
    if item.who in {"reviewer", "finance_officer", "registrar"}:
        return tracks.is_for(item, actor)
    permission, _role = DOES.get(item.code, (Permission.FILING_SUBMIT, "agent"))
    return actor.can(permission, flow)


def attach(flow: Flow, upload: Upload | None) -> str | None:
    """Keep an uploaded file in the flow, in the present transaction; its reference, or ``None`` for none."""
    if upload is None:
        return None
    with transaction():
        return documents.attach(g.actor, flow.ref, upload.data, upload.filename).ref


def download_of(document: Document | None) -> str | None:
    """The address of a document, or ``None``."""
    return url_for("contracts.document", ref=document.ref) if document else None


def iso_date(text: str | None) -> str:
    """A day kept as ISO text in a snapshot, in the long form of the reader's language."""
    return i18n.long_date(date.fromisoformat(text) if text else None)


bp.add_app_template_filter(iso_date, "iso_date")


@bp.context_processor
def _shared() -> dict[str, Any]:
    return {"href": href, "can_do": can_do, "download_of": download_of, "has_page": goes_somewhere}
