"""The commands and answers of the room: one schema for page, API and tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import marshmallow as ma
from marshmallow import validate

from exchange.api import PageArgs
from exchange.core.errors import N_
from exchange.core.labels import label
from exchange.listings import readiness, rules
from exchange.listings.models import LicenceKind, ListingKind, ListingStatus
from exchange.parties import regions
from exchange.web.fields import BasisPointsField, DateField, EnumField, FenField, InstantField, RefField
from exchange.web.wording import Said

TEXT = 4000
"""Signs of a statement."""


class Whole(ma.fields.Integer):
    """A whole number, typed or sent; a fraction is refused and not cut off."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(strict=True, **kwargs)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> int:
        plain = value.strip() if isinstance(value, str) else value
        return int(super()._deserialize(int(plain) if _is_digits(plain) else plain, attr, data, **kwargs))


def _is_digits(value: Any) -> bool:
    return isinstance(value, str) and value.isascii() and value.isdigit()


def _kinds() -> list[tuple[str, str]]:
    return [(kind.value, label(kind)) for kind in (ListingKind.TRANSFER, ListingKind.LICENCE)]


def _known_region(code: str) -> None:
    if not regions.known(code):
        raise ma.ValidationError(Said(N_("This is no code of a Chinese region."), code="listing.region"))


class ListingBody(ma.Schema):
    """What a seller says of a listing. Statements are kept in ``Listing.terms``."""

    kind = EnumField(
        ListingKind,
        required=True,
        metadata={"label": N_("What is offered"), "choices": _kinds, "widget": "radio"},
    )
    right_refs = ma.fields.List(
        RefField("RT"),
        required=True,
        validate=validate.Length(1, readiness.MAX_RIGHTS),
        metadata={"label": N_("Rights")},
    )
    weights = ma.fields.List(
        Whole(validate=validate.Range(0, 1_000_000)),
        validate=validate.Length(max=readiness.MAX_RIGHTS),
        metadata={
            "label": N_("Shares of the price"),
            "hint": N_("One number per right, in their order. 3 and 1 mean three quarters and one quarter."),
        },
    )
    title = ma.fields.String(
        validate=validate.Length(1, 500),
        metadata={
            "label": N_("Title of the listing"),
            "hint": N_("What it is and what it is for. Empty: the title of the right."),
        },
    )
    title_en = ma.fields.String(
        allow_none=True, validate=validate.Length(max=500), metadata={"label": N_("Title in English")}
    )
    summary = ma.fields.String(
        validate=validate.Length(max=TEXT),
        metadata={
            "label": N_("What a buyer can do with it"),
            "hint": N_(
                "Use, effect, state of development. Facts only: no public office recommends a product."
            ),
            "widget": "textarea",
            "rows": 7,
        },
    )
    maturity = ma.fields.String(
        allow_none=True,
        validate=validate.OneOf(list(rules.MATURITIES)),
        metadata={"label": N_("Maturity"), "choices": list(rules.MATURITIES.items())},
    )
    region = ma.fields.String(
        allow_none=True,
        validate=_known_region,
        metadata={"label": N_("Region"), "choices": regions.choices, "widget": "select"},
    )
    price = FenField(
        attribute="price_fen",
        allow_none=True,
        least=1,
        metadata={"label": N_("Asking price"), "hint": N_("Leave it empty where the price is negotiable.")},
    )
    licence_kind = EnumField(
        LicenceKind,
        allow_none=True,
        metadata={
            "label": N_("Kind of licence"),
            "hint": N_("Where nothing is chosen the licence is an ordinary one: others may get it too."),
        },
    )
    licence_years = Whole(
        allow_none=True,
        validate=validate.Range(1, 50),
        metadata={"label": N_("Years of the licence"), "unit": N_("years")},
    )
    licence_region = ma.fields.String(
        allow_none=True,
        validate=validate.Length(max=255),
        metadata={"label": N_("Region of the licence"), "hint": N_("Empty: all of China.")},
    )
    payment = ma.fields.String(
        validate=validate.Length(max=TEXT),
        metadata={
            "label": N_("Wishes for payment"),
            "hint": N_(
                "For example: at once, or 30 percent on signing and the rest when the change is recorded."
            ),
        },
    )
    includes = ma.fields.String(
        validate=validate.Length(max=TEXT),
        metadata={
            "label": N_("What comes with it"),
            "hint": N_("Samples, drawings, know-how, training."),
            "widget": "textarea",
            "rows": 3,
        },
    )
    continued_use = ma.fields.String(
        validate=validate.Length(max=TEXT),
        metadata={
            "label": N_("Your continued use"),
            "hint": N_(
                "If you go on using the invention after the sale, say how. Else the buyer may forbid it."
            ),
        },
    )
    co_owner_consents = ma.fields.List(
        ma.fields.String(validate=validate.Length(1, 255)),
        metadata={
            "label": N_("Co-owners who have agreed in writing"),
            "hint": N_("One name per line, as the register has it."),
        },
    )
    internal_decision = ma.fields.String(
        validate=validate.Length(max=TEXT),
        metadata={
            "label": N_("Internal decision"),
            "hint": N_("Number and date of your unit's decision to transfer or license."),
        },
    )
    licences_disclosed = ma.fields.String(
        validate=validate.Length(max=TEXT),
        metadata={
            "label": N_("Existing licences"),
            "hint": N_("Licensee, kind, end and fee. They go with the right to the buyer."),
            "widget": "textarea",
            "rows": 3,
        },
    )
    pledgee_consent = ma.fields.String(
        validate=validate.Length(max=TEXT),
        metadata={
            "label": N_("Agreement of the pledgee"),
            "hint": N_(
                "Who agreed, when, and for which right. The contract needs it again, naming the buyer."
            ),
        },
    )
    inventors_notified = ma.fields.Boolean(
        metadata={
            "label": N_("The inventors know of the sale and its terms"),
            "hint": N_("Under the same conditions they may buy before others (Civil Code Art. 847)."),
        }
    )

    @ma.post_load
    def gather(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Statements go together into ``terms``."""
        stated = {key: data.pop(key) for key in readiness.STATEMENTS if key in data}
        return {**data, **({"terms": stated} if stated else {})}


class ReasonBody(ma.Schema):
    """A reason for the other side to read."""

    reason = ma.fields.String(
        required=True,
        validate=validate.Length(1, TEXT),
        metadata={"label": N_("Reason"), "widget": "textarea", "rows": 4},
    )


class WithdrawBody(ma.Schema):
    """Taking a listing back; a reason is welcome."""

    reason = ma.fields.String(
        validate=validate.Length(max=TEXT),
        load_default="",
        metadata={"label": N_("Reason"), "widget": "textarea", "rows": 3},
    )


class PriceBody(ma.Schema):
    """A new asking price; none makes it negotiable."""

    price = FenField(
        attribute="price_fen",
        allow_none=True,
        load_default=None,
        least=1,
        metadata={
            "label": N_("New asking price"),
            "hint": N_("Leave it empty where the price is negotiable. The old price stays in the history."),
        },
    )


class ObjectionBody(ma.Schema):
    """An objection to a published price."""

    text = ma.fields.String(
        required=True,
        validate=validate.Length(1, TEXT),
        metadata={
            "label": N_("Your objection"),
            "hint": N_("What you object to and on what grounds. The exchange decides; signing waits for it."),
            "widget": "textarea",
            "rows": 5,
        },
    )


class DecisionBody(ma.Schema):
    """The exchange's decision on an objection."""

    upheld = ma.fields.Boolean(
        required=True,
        metadata={
            "label": N_("Decision"),
            "widget": "radio",
            "choices": [("true", N_("Upheld: the listing is suspended")), ("false", N_("Dismissed"))],
        },
    )
    decision = ma.fields.String(
        required=True,
        validate=validate.Length(1, TEXT),
        metadata={"label": N_("Grounds"), "widget": "textarea", "rows": 4},
    )


class Nothing(ma.Schema):
    """A command that needs no answers: a form of one button."""


# -- answers -----------------------------------------------------------------------------------------


class PartyShort(ma.Schema):
    """An organisation, as others see it."""

    ref = ma.fields.String(required=True)
    name = ma.fields.String(required=True)


class ItemSchema(ma.Schema):
    """A right in a listing."""

    ref = ma.fields.String(required=True)
    title = ma.fields.String(required=True)
    number = ma.fields.String(required=True, allow_none=True)
    status = ma.fields.String(required=True)
    expires_on = DateField(required=True, allow_none=True)
    price_share = BasisPointsField(required=True, allow_none=True)


class PublicitySchema(ma.Schema):
    """A price in publicity."""

    name = ma.fields.String(required=True)
    price = FenField(attribute="price_fen", required=True)
    buyer_is_inventor = ma.fields.Boolean(required=True)
    started_at = InstantField(required=True)
    first_day = DateField(required=True)
    signing_from = InstantField(required=True)
    open_objections = ma.fields.Integer(required=True)


class ListingSchema(ma.Schema):
    """A listing. ``statements`` and ``status_reason`` are for the seller and the exchange only."""

    ref = ma.fields.String(required=True)
    kind = EnumField(ListingKind, required=True)
    licence_kind = EnumField(LicenceKind, required=True, allow_none=True)
    licence_years = ma.fields.Integer(required=True, allow_none=True)
    licence_region = ma.fields.String(required=True, allow_none=True)
    title = ma.fields.String(required=True)
    title_en = ma.fields.String(required=True, allow_none=True)
    summary = ma.fields.String(required=True)
    price = FenField(attribute="price_fen", required=True, allow_none=True)
    status = EnumField(ListingStatus, required=True)
    seller = ma.fields.Nested(PartyShort, required=True)
    region = ma.fields.String(required=True, allow_none=True)
    maturity = ma.fields.String(required=True, allow_none=True)
    rights = ma.fields.List(ma.fields.Nested(ItemSchema), required=True)
    publicity = ma.fields.Nested(PublicitySchema, required=True, allow_none=True)
    published_at = InstantField(required=True, allow_none=True)
    expires_at = InstantField(required=True, allow_none=True)
    version = ma.fields.Integer(required=True)
    actions = ma.fields.List(ma.fields.String(), required=True)
    statements = ma.fields.Dict(keys=ma.fields.String())
    status_reason = ma.fields.String(allow_none=True)
    submitted_at = InstantField(allow_none=True)


class ObjectionSchema(ma.Schema):
    """An objection and what became of it."""

    ref = ma.fields.String(required=True)
    name = ma.fields.String(required=True)
    text = ma.fields.String(required=True)
    created_at = InstantField(required=True)
    decided_at = InstantField(required=True, allow_none=True)
    upheld = ma.fields.Boolean(required=True, allow_none=True)
    decision = ma.fields.String(required=True, allow_none=True)


class ListingArgs(PageArgs):
    """Query of the list: what is on offer, or with ``mine`` one's own in every state."""

    mine = ma.fields.Boolean(load_default=False)
    status = EnumField(ListingStatus, load_default=None)


def blanks(schema: ma.Schema, values: Mapping[str, Any]) -> dict[str, Any]:
    """``values`` of a form over part of ``ListingBody``, with every answer that was left out as an empty one.

    On a page an empty field means "none"; in the API a field left out means "as it is".
    """
    empty: dict[str, Any] = {"summary": "", "title": ""}
    terms = dict(values.get("terms", {}))
    found = {key: value for key, value in values.items() if key != "terms"}
    for name, spec in schema.fields.items():
        if name in readiness.STATEMENTS:
            terms.setdefault(name, readiness.STATEMENTS[name]())
        elif spec.allow_none or name in empty:
            found.setdefault(spec.attribute or name, empty.get(name))
    return {**found, **({"terms": terms} if terms else {})}
