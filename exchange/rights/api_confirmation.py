"""``/api/v1/rights/check/confirmation``: the answers of a quick check as a signed document."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from flask import Response, g, send_file, url_for
from marshmallow import Schema, fields

from exchange.api import Blueprint, idempotent
from exchange.core import files
from exchange.rights import confirmation
from exchange.rights.models import Confirmation
from exchange.rights.page_confirmation import issued
from exchange.rights.schemas import CheckBody
from exchange.web.access import login
from exchange.web.fields import InstantField, RefField

blp = Blueprint(
    "confirmations_api", __name__, url_prefix="/rights", description="Signed confirmations of rights"
)


class ConfirmationSchema(Schema):
    """A confirmation that was issued; ``code`` is for ``/verify``, ``sha256`` that of the document."""

    ref = RefField("QC", required=True)
    code = fields.String(required=True)
    issued_at = InstantField(required=True)
    asked = fields.Integer(required=True)
    known = fields.Integer(required=True)
    sha256 = fields.String(required=True)
    verify_url = fields.String(required=True)
    document = fields.String(required=True, metadata={"description": "Address of the signed PDF"})


def _shape(found: Confirmation) -> dict[str, Any]:
    same = ("ref", "code", "issued_at", "asked", "known", "sha256")
    return {
        **{name: getattr(found, name) for name in same},
        "verify_url": found.snapshot["verify_url"],
        "document": url_for("confirmations_api.download_confirmation", code=found.code),
    }


@blp.post("/check/confirmation")
@idempotent()
@blp.arguments(CheckBody)
@blp.response(201, ConfirmationSchema)
@login
def issue_confirmation(body: dict[str, Any]) -> dict[str, Any]:
    """Put the answers to up to 1,000 numbers on paper, signed. The same question and answer on one day is one paper."""
    return _shape(issued(body["numbers"], kind=body["kind"]))


@blp.get("/confirmations/<code>")
@blp.response(200, ConfirmationSchema)
@login
def read_confirmation(code: str) -> dict[str, Any]:
    """A confirmation of your organisation."""
    return _shape(confirmation.open_for(g.actor, code))


@blp.get("/confirmations/<code>/document")
@blp.response(200, content_type="application/pdf")
@login
def download_confirmation(code: str) -> Response:
    """The signed document of a confirmation of your organisation."""
    found = confirmation.open_for(g.actor, code)
    return send_file(
        BytesIO(files.read(found.document)),
        found.document.media_type,
        as_attachment=True,
        download_name=found.document.filename,
    )
