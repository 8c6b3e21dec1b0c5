"""How accounts and their statements look in the API."""

from __future__ import annotations

import marshmallow as ma

from exchange.core.money import MAX_FEN
from exchange.web.fields import FenField, InstantField


class AccountSchema(ma.Schema):
    """An account with its balance."""

    address = ma.fields.String(required=True)
    currency = ma.fields.String(required=True)
    balance = FenField(required=True, least=-MAX_FEN)


class LineSchema(ma.Schema):
    """One line of a statement."""

    at = InstantField(required=True, attribute="entry.at")
    entry = ma.fields.Integer(required=True, attribute="entry.sequence")
    movement = ma.fields.String(required=True, attribute="entry.movement")
    subject = ma.fields.String(allow_none=True, attribute="entry.subject_ref")
    memo = ma.fields.String(attribute="entry.memo")
    counterpart = ma.fields.String(required=True)
    amount = FenField(required=True, least=-MAX_FEN)
    balance = FenField(required=True, least=-MAX_FEN)


class StatementSchema(AccountSchema):
    """An account with the postings that led to its balance, oldest first."""

    lines = ma.fields.List(ma.fields.Nested(LineSchema), required=True)
