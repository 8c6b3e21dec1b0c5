"""The blueprint that every page of the room belongs to."""

from __future__ import annotations

from flask import Blueprint

from exchange.core.labels import labels
from exchange.parties.models import Role

bp = Blueprint("parties", __name__)


@bp.context_processor
def _words() -> dict[str, object]:
    return {"role_labels": labels(Role)}
