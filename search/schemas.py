"""What a search asks and answers over the API."""

from __future__ import annotations

import marshmallow as ma

from exchange.api import PageArgs
from exchange.core.errors import N_
from exchange.web.fields import FenField, InstantField
from search import fields
from search.engine import MAX_TEXT, Reading


def _values(description: str) -> ma.fields.List[str]:
    return ma.fields.List(
        ma.fields.String(validate=ma.validate.Length(1, 200)),
        load_default=list,
        validate=ma.validate.Length(max=50),
        metadata={"description": f"{description}; may be repeated"},
    )


class SearchArgs(PageArgs):
    """Words, conditions, order and counts. Conditions of one name are alternatives; of several, all must hold."""

    q = ma.fields.String(
        load_default="",
        validate=ma.validate.Length(max=MAX_TEXT),
        metadata={
            "label": N_("Words"),
            "description": "Words, a number in any spelling, a “phrase”, or fields: "
            "`TI=锂电池 AND (AB=正极 OR IPC=H01M4) NOT PA=某公司 AND PRICE=[1 TO 5]`",
        },
    )
    sort = ma.fields.String(
        load_default=fields.RELEVANCE,
        validate=ma.validate.OneOf(tuple(fields.SORTS)),
        metadata={"description": "Order; ties by age"},
    )
    facets = ma.fields.List(
        ma.fields.String(validate=ma.validate.OneOf(tuple(fields.FACETS))),
        load_default=list,
        metadata={"description": "What to count; a count ignores the conditions of its own filter"},
    )
    kind = _values("Kind of right")
    listing = _values("Kind of listing")
    deal = _values("Manner of trade, such as `transfer` or `ordinary_licence`")
    ipc = _values("IPC code of any level, with everything under it")
    status = _values("Legal status")
    burden = _values("Burden on record, or `none`")
    region = _values("Division code (GB/T 2260) of any level")
    applicant = _values("Owner of record")
    maturity = _values("Maturity")
    seller = _values("Reference of the seller")
    price = _values("Price band, such as `5-20` (units of 10,000 yuan)")
    life = _values("Band of remaining life, such as `5-10` (years)")
    price_from = ma.fields.String(metadata={"description": "Lowest price in yuan"})
    price_to = ma.fields.String(metadata={"description": "Highest price in yuan"})
    negotiable = ma.fields.Boolean(
        load_default=False, metadata={"description": "Also listings whose price is negotiable"}
    )
    life_from = ma.fields.Integer(validate=ma.validate.Range(0, 200), metadata={"description": "Years left"})
    life_to = ma.fields.Integer(validate=ma.validate.Range(0, 200), metadata={"description": "Years left"})


def _segments() -> ma.fields.Raw:
    """Text in stretches, each found or not. Passed on as it is: a schema a stretch would cost half of the answer."""
    stretch = {
        "type": "object",
        "properties": {"text": {"type": "string"}, "hit": {"type": "boolean"}},
        "required": ["text", "hit"],
    }
    return ma.fields.Raw(required=True, metadata={"type": "array", "items": stretch})


class MatchSchema(ma.Schema):
    """Where beside the title a word was found."""

    where = ma.fields.String(required=True)
    segments = _segments()


class FoundSchema(ma.Schema):
    """A listing that was found, as the database has it now."""

    ref = ma.fields.String(required=True)
    title = ma.fields.String(required=True)
    marked_title = _segments()
    match = ma.fields.Nested(MatchSchema, allow_none=True, required=True)
    kind = ma.fields.String(required=True, metadata={"description": "Kind of listing"})
    deal = ma.fields.String(required=True)
    price = FenField(allow_none=True, required=True, metadata={"description": "None where negotiable"})
    number = ma.fields.String(required=True)
    rights = ma.fields.List(ma.fields.String(), required=True)
    owners = ma.fields.List(ma.fields.String(), required=True)
    statuses = ma.fields.List(ma.fields.String(), required=True)
    burdens = ma.fields.List(ma.fields.String(), required=True)
    seller = ma.fields.String(required=True)
    expires_on = ma.fields.Date(allow_none=True, required=True)
    published_at = InstantField(allow_none=True, required=True)


class BucketSchema(ma.Schema):
    """A value and how many listings have it."""

    value = ma.fields.String(required=True)
    label = ma.fields.String(required=True)
    count = ma.fields.Integer(required=True)
    selected = ma.fields.Boolean(required=True)


class SearchPage(ma.Schema):
    """A page of what was found."""

    items = ma.fields.List(ma.fields.Nested(FoundSchema), required=True)
    next = ma.fields.String(required=True, allow_none=True)
    total = ma.fields.Integer(required=True)
    exact = ma.fields.Boolean(required=True, metadata={"description": "Whether `total` is exact"})
    reading = ma.fields.String(
        required=True, validate=ma.validate.OneOf([reading.value for reading in Reading])
    )
    matched_percent = ma.fields.Integer(
        required=True, metadata={"description": "Per cent of the words that each item matches at least"}
    )
    total_strict = ma.fields.Integer(required=True, metadata={"description": "How many match every word"})
    facets = ma.fields.Dict(
        keys=ma.fields.String(), values=ma.fields.List(ma.fields.Nested(BucketSchema)), required=True
    )
    source = ma.fields.String(
        required=True,
        validate=ma.validate.OneOf(["index", "database"]),
        metadata={"description": "`database` while the index is out of service: newest first, no counts"},
    )


class SuggestArgs(ma.Schema):
    """What somebody has typed so far."""

    q = ma.fields.String(required=True, validate=ma.validate.Length(1, 60))
    limit = ma.fields.Integer(load_default=8, validate=ma.validate.Range(1, 20))


class SuggestionSchema(ma.Schema):
    """A title or owner that begins so."""

    field = ma.fields.String(required=True, validate=ma.validate.OneOf(["title", "applicant"]))
    text = ma.fields.String(required=True)
    count = ma.fields.Integer(required=True)


class Suggestions(ma.Schema):
    """Suggestions, the most frequent first."""

    items = ma.fields.List(ma.fields.Nested(SuggestionSchema), required=True)
