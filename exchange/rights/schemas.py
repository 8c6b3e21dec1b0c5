"""What forms and API take and give about rights."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask_babel import lazy_gettext
from marshmallow import Schema, fields, validate

from exchange.api import PageArgs
from exchange.core.errors import N_
from exchange.core.labels import label
from exchange.rights import kinds
from exchange.rights.check import MOST
from exchange.rights.fees import FeeStatus
from exchange.rights.models import Encumbrance, RightStatus
from exchange.rights.obstacles import ACTS
from exchange.web.fields import DateField, EnumField, FenField, FileField, InstantField, RefField

FILES = (".xlsx", ".xls", ".csv", ".tsv", ".txt", ".json", ".jsonl", ".gz", ".xml", ".zip", ".html", ".htm")
"""Endings that the file chooser offers; the content decides what the file is."""

MOST_OCTETS = 30_000_000

_STATUSES = [status for status in RightStatus if status is not RightStatus.UNKNOWN]


def _statuses() -> list[tuple[str, str]]:
    return [("", N_("Leave as it is")), *((status.value, label(status)) for status in _STATUSES)]


class CompleteForm(Schema):
    """What an import did not say about a right."""

    app_no = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.Length(max=40),
        metadata={
            "label": N_("Application number"),
            "hint": N_(
                "13 characters as on the certificate, for example 201710601862.3; the check digit is verified."
            ),
            "spellcheck": "false",
        },
    )
    filed_on = DateField(
        load_default=None,
        allow_none=True,
        metadata={"label": N_("Filing date"), "hint": N_("The term runs from this day.")},
    )
    granted_on = DateField(load_default=None, allow_none=True, metadata={"label": N_("Date of grant")})
    status = EnumField(
        RightStatus,
        load_default=None,
        allow_none=True,
        metadata={"label": N_("Legal status"), "widget": "select", "choices": _statuses},
    )
    status_as_of = DateField(
        load_default=None,
        allow_none=True,
        metadata={
            "label": N_("Status as of"),
            "hint": N_("The day on which the register said so. Empty: today."),
        },
    )
    status_source = fields.String(
        load_default="",
        validate=validate.Length(max=200),
        metadata={
            "label": N_("Where the status was read"),
            "hint": N_("For example: register extract with its number, or the office's query system."),
        },
    )
    fees_paid_through = fields.Integer(
        load_default=None,
        allow_none=True,
        validate=validate.Range(1, 20),
        metadata={
            "label": N_("Annual fees paid up to patent year"),
            "hint": N_("Counted from the filing date; the first year begins on that day."),
        },
    )
    fee_reduction = fields.Boolean(
        load_default=None, allow_none=True, metadata={"label": N_("The annual fees are reduced (费减)")}
    )
    government_funded = fields.Boolean(
        load_default=None,
        allow_none=True,
        metadata={
            "label": N_("Made with money of a government programme"),
            "hint": N_("A transfer abroad then needs the approval of the body that runs the programme."),
        },
    )
    same_day_application = fields.Boolean(
        load_default=None,
        allow_none=True,
        metadata={"label": N_("An invention was filed on the same day for the same utility model")},
    )
    title_en = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.Length(max=1000),
        metadata={"label": N_("Title in English")},
    )


class ImportForm(Schema):
    """A file of rights."""

    file = FileField(
        required=True,
        accept=FILES,
        most=MOST_OCTETS,
        metadata={
            "label": N_("File"),
            "hint": lazy_gettext(
                "Exports of CNKI and of the patent office, our template, tables with a header (.xlsx, .csv), JSON lines, "
                "records of EPO, USPTO and CNIPA; at most %(limit)s MB.",
                limit=MOST_OCTETS // 1_000_000,
            ),
        },
    )


class CheckForm(Schema):
    """Numbers to check, pasted or in a file."""

    numbers = fields.String(
        load_default="",
        validate=validate.Length(max=100_000),
        metadata={
            "label": N_("Numbers"),
            "hint": lazy_gettext(
                "Application, patent or publication numbers in any written form, one to a line; at most %(most)s.",
                most=MOST,
            ),
            "widget": "textarea",
            "rows": 6,
            "spellcheck": "false",
        },
    )
    file = FileField(
        load_default=None,
        accept=(".xlsx", ".csv", ".txt"),
        most=5_000_000,
        metadata={"label": N_("Or a file with the numbers in a column")},
    )


class MergeForm(Schema):
    """Two records of one right."""

    other = RefField(
        "RT", required=True, metadata={"label": N_("Reference of the record that goes into this one")}
    )


class VerifyHoldingForm(Schema):
    """A proof of ownership that was accepted."""

    party = RefField("PT", required=True, metadata={"label": N_("Reference of the organisation")})
    basis = fields.String(
        required=True,
        validate=validate.Length(1, 255),
        metadata={"label": N_("The document that proves it"), "hint": N_("Its name, number and date.")},
    )


class EventForm(Schema):
    """One announcement of a register."""

    code = fields.String(load_default="", validate=validate.Length(max=16), metadata={"label": N_("Code")})
    announced_on = DateField(required=True, metadata={"label": N_("Announced on")})
    effective_on = DateField(load_default=None, allow_none=True, metadata={"label": N_("Effective on")})
    text = fields.String(
        load_default="",
        validate=validate.Length(max=20_000),
        metadata={"label": N_("Words of the announcement"), "widget": "textarea"},
    )
    before = fields.List(fields.String(), load_default=list, metadata={"label": N_("Owners before")})
    after = fields.List(fields.String(), load_default=list, metadata={"label": N_("Owners after")})
    fields_ = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        load_default=dict,
        data_key="fields",
        attribute="fields",
        metadata={"widget": "none"},
    )


class RightArgs(PageArgs):
    """Filters of the list of rights."""

    q = fields.String(load_default="", validate=validate.Length(max=256))
    kind = fields.String(load_default="", validate=validate.OneOf(["", *kinds.KINDS]))
    status = EnumField(RightStatus, load_default=None)
    mine = fields.Boolean(load_default=False, metadata={"description": "Only rights your organisation holds"})


class CheckBody(Schema):
    """Numbers to check."""

    numbers = fields.List(
        fields.String(validate=validate.Length(max=200)), required=True, validate=validate.Length(1, MOST)
    )
    kind = fields.String(load_default="", validate=validate.OneOf(["", *kinds.KINDS]))


# -- answers --------------------------------------------------------------------------------------


class OwnerSchema(Schema):
    """An owner of record; ``share`` in basis points where it is known."""

    name = fields.String(required=True)
    share = fields.Integer(allow_none=True)
    party = RefField("PT", allow_none=True)
    since = fields.Date(allow_none=True)
    source = fields.String()


class BurdenSchema(Schema):
    """A burden that lasts."""

    ref = RefField("EN")
    kind = fields.String(required=True)
    since = fields.Date(required=True)
    ends_on = fields.Date(allow_none=True)
    holder = fields.String()
    register_no = fields.String()
    source = fields.String()


class PublicationSchema(Schema):
    """A publication of the right."""

    number = fields.String(required=True)
    kind_code = fields.String()
    published_on = fields.Date(allow_none=True)
    title = fields.String()
    source = fields.String()


class FactSchema(Schema):
    """Where a fact comes from, and as of which day."""

    source = fields.String()
    as_of = fields.Date(allow_none=True)


class FeeSchema(Schema):
    """Where the right stands with its annual fees."""

    status = EnumField(FeeStatus)
    year = fields.Integer(allow_none=True)
    due_on = fields.Date(allow_none=True)
    grace_until = fields.Date(allow_none=True)
    full_fee = FenField(allow_none=True)
    fee = FenField(allow_none=True)
    surcharge = FenField(allow_none=True)
    restoration_fee = FenField(allow_none=True)
    payable = FenField(allow_none=True)
    restorable_until = fields.Date(allow_none=True)


class HoldingSchema(Schema):
    """One's own holding in a right."""

    verified = fields.Boolean(required=True)
    basis = fields.String()
    since = InstantField()


class ObstacleSchema(Schema):
    """One reason why something may not be done, and what would remove it."""

    code = fields.String(required=True)
    message = fields.String(required=True)
    rule = fields.String()
    remedy = fields.String()
    source = fields.String()


class MaySchema(Schema):
    """Whether an act may be done."""

    ok = fields.Boolean(required=True)
    obstacles = fields.List(fields.Nested(ObstacleSchema), required=True)


class RightSchema(Schema):
    """A right as the exchange knows it."""

    ref = RefField("RT", required=True)
    key = fields.String()
    kind = fields.String(required=True)
    country = fields.String()
    app_no = fields.String(allow_none=True)
    patent_no = fields.String(allow_none=True)
    title = fields.String(required=True)
    title_en = fields.String(allow_none=True)
    abstract = fields.String()
    inventors = fields.List(fields.String())
    ipc = fields.List(fields.String())
    region = fields.String(allow_none=True)
    agency = fields.String(allow_none=True)
    filed_on = fields.Date(allow_none=True)
    published_on = fields.Date(allow_none=True)
    granted_on = fields.Date(allow_none=True)
    expires_on = fields.Date(allow_none=True)
    status = fields.String(required=True)
    status_detail = fields.String(allow_none=True)
    status_as_of = fields.Date(allow_none=True)
    status_source = fields.String(allow_none=True)
    ended_on = fields.Date(allow_none=True)
    fees_paid_through = fields.Integer(allow_none=True)
    fee_reduction = fields.Boolean()
    government_funded = fields.Boolean()
    same_day_application = fields.Boolean()
    owners = fields.List(fields.Nested(OwnerSchema))
    encumbrances = fields.List(fields.Nested(BurdenSchema))
    publications = fields.List(fields.Nested(PublicationSchema))
    facts = fields.Dict(keys=fields.String(), values=fields.Nested(FactSchema))
    fees = fields.Nested(FeeSchema)
    may = fields.Dict(keys=fields.String(validate=validate.OneOf(ACTS)), values=fields.Nested(MaySchema))
    holding = fields.Nested(HoldingSchema, allow_none=True)
    version = fields.Integer()
    actions = fields.List(fields.String())


class RightRowSchema(Schema):
    """A right in a list."""

    ref = RefField("RT", required=True)
    kind = fields.String(required=True)
    app_no = fields.String(allow_none=True)
    title = fields.String(required=True)
    status = fields.String(required=True)
    expires_on = fields.Date(allow_none=True)
    owners = fields.List(fields.String())
    version = fields.Integer()
    actions = fields.List(fields.String())


class MomentSchema(Schema):
    """One line of a right's timeline."""

    day = fields.Date(required=True)
    code = fields.String(required=True)
    title = fields.String(required=True)
    announced_on = fields.Date(allow_none=True)
    effective_on = fields.Date(allow_none=True)
    before = fields.List(fields.String())
    after = fields.List(fields.String())
    fields_ = fields.Dict(keys=fields.String(), values=fields.String(), data_key="fields", attribute="fields")
    text = fields.String()
    source = fields.String()
    applied = fields.Boolean()
    warnings = fields.List(fields.String())


class AnswerSchema(Schema):
    """The answer to one number."""

    input = fields.String(required=True)
    normalized = fields.String(allow_none=True)
    kind = fields.String(allow_none=True)
    valid = fields.Boolean(required=True)
    error = fields.Dict(allow_none=True)
    suggestions = fields.List(fields.String())
    ref = RefField("RT", allow_none=True)
    title = fields.String(allow_none=True)
    status = fields.String()
    as_of = fields.String(allow_none=True)
    source = fields.String(allow_none=True)
    expires_on = fields.String(allow_none=True)
    encumbrances = fields.List(fields.Dict())
    owners = fields.List(fields.Dict())
    may = fields.Dict(keys=fields.String(), values=fields.Nested(MaySchema))


class AnswersSchema(Schema):
    """The answers, in the order of the numbers."""

    items = fields.List(fields.Nested(AnswerSchema), required=True)


class ImportProblemSchema(Schema):
    """One thing wrong in one row."""

    line = fields.Integer(required=True)
    column = fields.String()
    code = fields.String(required=True)
    severity = fields.String(required=True)
    message = fields.String(required=True)


class ImportSchema(Schema):
    """An import: how it stands and what became of its rows."""

    ref = RefField("RI", required=True)
    status = fields.String(required=True)
    filename = fields.String()
    format = fields.String()
    read = fields.Integer()
    added = fields.Integer()
    updated = fields.Integer()
    unchanged = fields.Integer()
    rejected = fields.Integer()
    warned = fields.Integer()
    reason = fields.String(allow_none=True)
    problems = fields.List(fields.Nested(ImportProblemSchema))
    created_at = InstantField()
    finished_at = InstantField(allow_none=True)


class ImportPart(Schema):
    """The file of an import."""

    file = FileField(required=True, most=MOST_OCTETS)


def burden(row: Encumbrance) -> dict[str, Any]:
    """A burden as the API shows it."""
    return {
        "ref": row.ref,
        "kind": row.kind.value,
        "since": row.since,
        "ends_on": row.ends_on,
        "holder": row.holder,
        "register_no": row.register_no,
        "source": row.source,
    }


def fact(source: str, as_of: date | None) -> dict[str, Any]:
    """The source of a fact as the API shows it."""
    return {"source": source, "as_of": as_of}
