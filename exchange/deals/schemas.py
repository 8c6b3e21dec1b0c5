"""The commands and answers of the room: one schema for page, API and tests."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import validate

from exchange.api import PageArgs
from exchange.core.errors import N_
from exchange.deals import rules
from exchange.deals.models import DealStatus, OfferStatus
from exchange.listings.schemas import PartyShort, Whole
from exchange.web.fields import EnumField, FenField, InstantField


class OfferBody(ma.Schema):
    """An offer, or the answer to one with other terms."""

    price = FenField(
        attribute="price_fen",
        required=True,
        least=1,
        metadata={"label": N_("Your price"), "hint": N_("In yuan. It binds you until the offer ends.")},
    )
    payment = ma.fields.String(
        validate=validate.Length(max=rules.MAX_TEXT),
        metadata={
            "label": N_("Payment"),
            "hint": N_(
                "For example: at once, or 30 percent on signing and the rest when the change is recorded."
            ),
        },
    )
    licence_years = Whole(
        validate=validate.Range(1, 50),
        metadata={"label": N_("Years of the licence"), "unit": N_("years")},
    )
    licence_region = ma.fields.String(
        validate=validate.Length(max=255), metadata={"label": N_("Region of the licence")}
    )
    includes = ma.fields.String(
        validate=validate.Length(max=rules.MAX_TEXT),
        metadata={
            "label": N_("What comes with it"),
            "hint": N_("Samples, drawings, know-how, training."),
            "widget": "textarea",
            "rows": 3,
        },
    )
    continued_use = ma.fields.String(
        validate=validate.Length(max=rules.MAX_TEXT), metadata={"label": N_("The seller's continued use")}
    )
    buyer_is_inventor = ma.fields.Boolean(
        metadata={
            "label": N_("The buyer is an inventor, or close to one"),
            "hint": N_("It is published with the price where the seller is bound to publicity."),
        }
    )
    message = ma.fields.String(
        load_default="",
        validate=validate.Length(max=rules.MAX_TEXT),
        metadata={"label": N_("Message to the other side"), "widget": "textarea", "rows": 4},
    )
    valid_days = Whole(
        load_default=None,
        allow_none=True,
        validate=validate.Range(min=1),
        metadata={
            "label": N_("Stands for"),
            "unit": N_("days"),
            "hint": N_("It ends at midnight, Beijing time, after the last day."),
        },
    )

    @ma.post_load
    def gather(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """What is no price, message or period is a term."""
        terms = {key: data.pop(key) for key in rules.TERMS if key in data}
        return {**data, "terms": terms}


class ListingShort(ma.Schema):
    """What is negotiated."""

    ref = ma.fields.String(required=True)
    title = ma.fields.String(required=True)


class OfferSchema(ma.Schema):
    """One round of a negotiation."""

    ref = ma.fields.String(required=True)
    listing = ma.fields.Nested(ListingShort, required=True)
    seller = ma.fields.Nested(PartyShort, required=True)
    buyer = ma.fields.Nested(PartyShort, required=True)
    maker = ma.fields.String(required=True, metadata={"enum": ["seller", "buyer"]})
    round = ma.fields.Integer(required=True)
    thread = ma.fields.String(
        attribute="thread_ref", required=True, metadata={"description": "First offer of the conversation"}
    )
    price = FenField(attribute="price_fen", required=True)
    terms = ma.fields.Dict(keys=ma.fields.String(), required=True)
    message = ma.fields.String(required=True)
    status = EnumField(OfferStatus, required=True)
    created_at = InstantField(required=True)
    expires_at = InstantField(required=True)
    decided_at = InstantField(required=True, allow_none=True)
    deal = ma.fields.String(required=True, allow_none=True)
    version = ma.fields.Integer(required=True)
    actions = ma.fields.List(ma.fields.String(), required=True)


class SigningSchema(ma.Schema):
    """Whether the publicity of the price lets the parties sign."""

    open = ma.fields.Boolean(required=True)
    when = InstantField(required=True, allow_none=True)
    reasons = ma.fields.List(ma.fields.String(), required=True)


class DealItem(ma.Schema):
    """A right of a deal with its part of the price."""

    ref = ma.fields.String(required=True)
    title = ma.fields.String(required=True)
    price = FenField(attribute="price_fen", required=True)


class DealSchema(ma.Schema):
    """An agreed sale or licence."""

    ref = ma.fields.String(required=True)
    listing = ma.fields.Nested(ListingShort, required=True)
    offer = ma.fields.String(required=True, allow_none=True)
    seller = ma.fields.Nested(PartyShort, required=True)
    buyer = ma.fields.Nested(PartyShort, required=True)
    price = FenField(attribute="price_fen", required=True)
    terms = ma.fields.Dict(keys=ma.fields.String(), required=True)
    rights = ma.fields.List(ma.fields.Nested(DealItem), required=True)
    status = EnumField(DealStatus, required=True)
    status_reason = ma.fields.String(required=True, allow_none=True)
    agreed_at = InstantField(required=True)
    ended_at = InstantField(required=True, allow_none=True)
    signing = ma.fields.Nested(SigningSchema, required=True)
    version = ma.fields.Integer(required=True)
    actions = ma.fields.List(ma.fields.String(), required=True)


class OfferArgs(PageArgs):
    """Query of the offers: ``role`` keeps those you get or give."""

    role = ma.fields.String(load_default=None, validate=validate.OneOf(["seller", "buyer"]))
    status = EnumField(OfferStatus, load_default=None)


class DealArgs(PageArgs):
    """Query of the deals."""

    status = EnumField(DealStatus, load_default=None)
