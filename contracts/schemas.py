"""The commands of the flow as schemas: one for page and API alike; and how its things look in answers."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from contracts import export, office, registration, terms
from exchange.core.errors import N_
from exchange.listings.models import LicenceKind
from exchange.web.fields import (
    BasisPointsField,
    DateField,
    EnumField,
    FenField,
    FileField,
    InstantField,
    RefField,
)

SCANS = (".pdf", ".png", ".jpg", ".jpeg")
_FILE = {"label": N_("File"), "hint": N_("PDF, PNG or JPG, at most 20 MB")}


def _meta(label: str, hint: str = "", **more: Any) -> dict[str, Any]:
    return {"label": label, "hint": hint, **more}


def _proof(**more: Any) -> FileField:
    return FileField(accept=SCANS, metadata={**_FILE, **more}, required=True)


_DOCUMENT = {"description": "Reference of a file that was uploaded to the flow"}


# -- contract -------------------------------------------------------------------------------------


class InstalmentForm(ma.Schema):
    """One line of the table of instalments; a line with neither answer does not count."""

    due_on = DateField(metadata=_meta(N_("Due on")))
    amount = FenField(least=1, data_key="amount", attribute="amount_fen", metadata=_meta(N_("Amount")))


class ItemForm(ma.Schema):
    """One non-technical item of the price."""

    name = fields.String(validate=validate.Length(max=200), metadata=_meta(N_("Item")))
    amount = FenField(least=1, data_key="amount", attribute="amount_fen", metadata=_meta(N_("Amount")))


class TermsForm(ma.Schema):
    """Terms of the contract; what is left out stays as it is."""

    payment_mode = fields.String(
        validate=validate.OneOf(list(terms.MODES), [row.name for row in terms.MODES.values()]),
        metadata=_meta(N_("How the price is paid"), widget="radio"),
    )
    payment_text = fields.String(
        validate=validate.Length(max=terms.MAX_TEXT),
        metadata=_meta(N_("Payment in words"), widget="textarea", rows=2),
    )
    instalments = fields.List(
        fields.Nested(InstalmentForm),
        metadata=_meta(
            N_("Instalments"), N_("Only for payment in instalments. Together they are exactly the price.")
        ),
    )
    royalty_base = fields.String(
        validate=validate.OneOf(
            list(terms.ROYALTY_BASES), [name for name, _zh in terms.ROYALTY_BASES.values()]
        ),
        metadata=_meta(N_("Base of the royalty"), widget="select"),
    )
    royalty_bp = BasisPointsField(least=1, metadata=_meta(N_("Rate of the royalty")))
    royalty_step = fields.String(
        validate=validate.OneOf(
            list(terms.ROYALTY_STEPS), [name for name, _zh in terms.ROYALTY_STEPS.values()]
        ),
        metadata=_meta(N_("Course of the royalty"), widget="select"),
    )
    audit = fields.Boolean(metadata=_meta(N_("The seller may look into the accounts about the royalty")))
    non_technical = fields.List(
        fields.Nested(ItemForm),
        metadata=_meta(
            N_("Non-technical items in the price"),
            N_("Equipment, materials, services: they are no technology amount and are listed one by one."),
        ),
    )
    valid_from = DateField(metadata=_meta(N_("The contract is valid from")))
    valid_until = DateField(metadata=_meta(N_("The contract is valid until")))
    clauses = fields.Dict(
        keys=fields.String(), values=fields.String(allow_none=True), metadata={"widget": "none"}
    )


def terms_form(kind: str) -> type[ma.Schema]:
    """The form of the terms of a contract of this kind: with a text area for every clause."""
    base = LicenceTermsForm if kind == "TL" else TermsForm
    clauses = [
        (clause.key, clause.name, clause.standard_zh) for clause in terms.CLAUSES if kind in clause.kinds
    ]
    clauses.append(("other", N_("Other agreements"), ""))
    texts = {
        f"clause_{key}": fields.String(
            allow_none=True,
            validate=validate.Length(max=terms.MAX_TEXT),
            metadata={"label": name, "widget": "textarea", "rows": 3, "standard": standard},
        )
        for key, name, standard in clauses
    }
    return type("ContractTermsForm", (base,), texts)


class LicenceTermsForm(TermsForm):
    """Terms of a licence contract."""

    licence_kind = EnumField(LicenceKind, metadata=_meta(N_("Kind of licence")))
    licence_region = fields.String(
        validate=validate.Length(max=255), metadata=_meta(N_("Region"), N_("Empty: the mainland of China"))
    )
    licence_from = DateField(metadata=_meta(N_("Licence from")))
    licence_until = DateField(metadata=_meta(N_("Licence until")))


class SignForm(ma.Schema):
    """The signature names the text that is signed."""

    sha256 = fields.String(
        required=True,
        validate=validate.Regexp(r"^[0-9a-f]{64}$"),
        metadata={"widget": "hidden", "description": "SHA-256 of the final text"},
    )


# -- consents, export -----------------------------------------------------------------------------


class ConsentsBody(ma.Schema):
    """Consents that one document gives."""

    consents = fields.List(RefField("CO"), required=True, validate=validate.Length(1, 500))
    document = RefField("DC", required=True, metadata=_DOCUMENT)


class FilePart(ma.Schema):
    """A file to keep in a flow."""

    file = FileField(required=True, metadata=_FILE)


class ExportForm(ma.Schema):
    """The export class, with what restricted or funded technology needs before anybody signs."""

    category = fields.String(
        required=True,
        validate=validate.OneOf(list(export.CATEGORIES), list(export.CATEGORIES.values())),
        metadata=_meta(N_("Export class of the technology")),
    )
    intent_no = fields.String(
        validate=validate.Length(max=64),
        metadata=_meta(N_("Number of the letter of intent"), N_("Only for restricted technology")),
    )
    approval_no = fields.String(
        validate=validate.Length(max=64),
        metadata=_meta(
            N_("Approval of the project body"), N_("Only for rights from publicly funded projects")
        ),
    )
    file = FileField(accept=SCANS, metadata=_FILE)


class ExportCertificateForm(ma.Schema):
    """The licence or registration certificate of the authority."""

    certificate_no = fields.String(
        required=True, validate=validate.Length(4, 64), metadata=_meta(N_("Number of the certificate"))
    )
    file = _proof()


class ReasonForm(ma.Schema):
    """A reason, for everything that is refused, taken back or ended."""

    reason = fields.String(
        required=True,
        validate=validate.Length(1, 2000),
        metadata=_meta(N_("Reason"), widget="textarea", rows=3),
    )


# -- money ----------------------------------------------------------------------------------------


class ReceiptForm(ma.Schema):
    """What the bank says has come in."""

    amount = FenField(required=True, least=1, metadata=_meta(N_("Amount received")))
    bank_reference = fields.String(
        required=True,
        validate=validate.Length(4, 64),
        metadata=_meta(N_("The bank’s reference"), N_("As on the receipt. The same reference counts once.")),
    )
    received_on = DateField(metadata=_meta(N_("Received on"), N_("Empty: today")))


class TakeBackForm(ReasonForm):
    """A receipt that was booked by mistake."""

    bank_reference = fields.String(
        required=True, validate=validate.Length(4, 64), metadata=_meta(N_("The bank’s reference"))
    )


class PayoutForm(ma.Schema):
    """A payout to ask for."""

    party = RefField("PT", required=True, metadata={"widget": "hidden"})
    amount = FenField(required=True, least=1, metadata=_meta(N_("Amount")))
    flow = RefField("FL", metadata={"widget": "hidden"})
    bank_account = fields.String(
        validate=validate.Length(max=64),
        metadata=_meta(N_("Bank account"), N_("Empty: the account on the party’s file")),
    )


class ApproveForm(ma.Schema):
    """The bank’s reference of a payout that was made."""

    bank_reference = fields.String(
        required=True, validate=validate.Length(4, 64), metadata=_meta(N_("The bank’s reference"))
    )


# -- registration ---------------------------------------------------------------------------------


class ApplicationForm(ma.Schema):
    """The registration form beside what the contract says."""

    technical_field = fields.String(
        validate=validate.Length(max=100), metadata=_meta(registration.FIELDS["technical_field"])
    )
    social_objective = fields.String(
        validate=validate.Length(max=100), metadata=_meta(registration.FIELDS["social_objective"])
    )
    plan = fields.String(validate=validate.Length(max=100), metadata=_meta(registration.FIELDS["plan"]))
    seller_nature = fields.String(
        validate=validate.Length(max=20), metadata=_meta(registration.FIELDS["seller_nature"])
    )
    buyer_nature = fields.String(
        validate=validate.Length(max=20), metadata=_meta(registration.FIELDS["buyer_nature"])
    )
    expected_investment = fields.Integer(
        validate=validate.Range(0, 10**9), metadata=_meta(registration.FIELDS["expected_investment"])
    )
    expected_output = fields.Integer(
        validate=validate.Range(0, 10**9), metadata=_meta(registration.FIELDS["expected_output"])
    )
    contact = fields.String(validate=validate.Length(max=100), metadata=_meta(registration.FIELDS["contact"]))


class NoteForm(ma.Schema):
    """What is to be supplemented."""

    note = fields.String(
        required=True,
        validate=validate.Length(1, 2000),
        metadata=_meta(N_("What is to be supplemented"), widget="textarea", rows=3),
    )


class SupplementForm(ma.Schema):
    """What was asked for."""

    note = fields.String(
        validate=validate.Length(max=500), metadata=_meta(N_("Note"), widget="textarea", rows=2)
    )
    file = _proof()


class DecisionForm(ma.Schema):
    """The registrar’s answer."""

    register = fields.Boolean(
        required=True,
        metadata=_meta(
            N_("Answer"),
            widget="radio",
            choices=[("true", N_("Register")), ("false", N_("Do not register"))],
        ),
    )
    number = fields.String(
        required=True,
        validate=validate.Length(4, 64),
        metadata=_meta(N_("Number"), N_("16 digits of the registration, or the number of the refusal")),
    )
    dated = DateField(required=True, metadata=_meta(N_("Dated")))
    technology = FenField(
        metadata=_meta(N_("Technology amount as examined"), N_("Empty: as in the contract"))
    )
    refusal_code = fields.String(
        validate=validate.OneOf(list(registration.GROUNDS), list(registration.GROUNDS.values())),
        metadata=_meta(N_("Ground of refusal"), widget="select"),
    )
    note = fields.String(
        validate=validate.Length(max=2000), metadata=_meta(N_("Note"), widget="textarea", rows=2)
    )
    file = _proof()


# -- filings --------------------------------------------------------------------------------------


class SubmitForm(ma.Schema):
    """Handing in the request."""

    agency = fields.String(
        validate=validate.Length(max=255),
        metadata=_meta(N_("Patent agency"), N_("Needed where a party is from abroad")),
    )
    filed_on = DateField(metadata=_meta(N_("Filed on"), N_("Empty: today")))


class FeeForm(ma.Schema):
    """The office's fee was paid."""

    receipt = fields.String(
        required=True, validate=validate.Length(4, 64), metadata=_meta(N_("Number of the office’s receipt"))
    )
    paid_on = DateField(metadata=_meta(N_("Paid on"), N_("Empty: today")))


class NoticeForm(ma.Schema):
    """A notice of the office."""

    code = fields.String(
        required=True,
        validate=validate.OneOf(list(office.CODES), list(office.CODES.values())),
        metadata=_meta(N_("Which notice")),
    )
    number = fields.String(
        required=True, validate=validate.Length(4, 64), metadata=_meta(N_("Dispatch number"))
    )
    dated = DateField(
        required=True,
        metadata=_meta(N_("Date of dispatch"), N_("On 200028 the right is the buyer’s from this day on.")),
    )
    due_on = DateField(metadata=_meta(N_("Supplement until"), N_("Only for 200029, as the notice says")))
    file = _proof()


def by_reference(form: type[ma.Schema], *, required: bool = True) -> type[ma.Schema]:
    """The same command for programs: the file goes by the reference of its upload (``document``)."""
    made: dict[str, Any] = {
        name: spec for name, spec in form._declared_fields.items() if not isinstance(spec, FileField)
    }
    made["document"] = RefField("DC", required=required, metadata=_DOCUMENT)
    return ma.Schema.from_dict(made, name=f"{form.__name__.removesuffix('Form')}Body")


# -- answers --------------------------------------------------------------------------------------


class PartySchema(ma.Schema):
    """A side of the deal."""

    ref = fields.String(required=True)
    name = fields.String(required=True)


class MissingSchema(ma.Schema):
    """One thing that is needed now."""

    code = fields.String(required=True)
    message = fields.String(required=True)
    track = fields.String(required=True)
    who = fields.String(required=True)
    waits_on = fields.List(fields.String(), required=True)
    by = fields.String(
        allow_none=True, metadata={"description": "Instant (UTC) or Beijing day, where there is one"}
    )
    provisional = fields.Boolean(required=True)
    optional = fields.Boolean(required=True)
    mine = fields.Boolean(required=True)
    subject = fields.String(required=True)


class TrackSchema(ma.Schema):
    """One track of the flow."""

    key = fields.String(required=True)
    title = fields.String(required=True)
    state = fields.String(required=True)
    words = fields.String(required=True)


class SignatureSchema(ma.Schema):
    """A signature."""

    party = fields.String(required=True)
    name = fields.String(required=True)
    sha256 = fields.String(required=True)
    at = InstantField(required=True)


class ContractSchema(ma.Schema):
    """The contract of a flow."""

    ref = fields.String(required=True)
    kind = fields.String(required=True)
    status = fields.String(required=True)
    price = FenField(required=True)
    technology = FenField(required=True)
    terms = fields.Dict(required=True)
    document = fields.String(allow_none=True)
    sha256 = fields.String(allow_none=True)
    signed_on = DateField(allow_none=True)
    signatures = fields.List(fields.Nested(SignatureSchema), required=True)
    version = fields.Integer(required=True)
    actions = fields.List(fields.String(), required=True)


class ConsentSchema(ma.Schema):
    """A consent that is needed."""

    ref = fields.String(required=True)
    right = fields.String(required=True)
    kind = fields.String(required=True)
    name = fields.String(required=True)
    status = fields.String(required=True)
    document = fields.String(allow_none=True)


class NoticeSchema(ma.Schema):
    """A notice of the office or an answer of the registrar."""

    ref = fields.String(required=True)
    code = fields.String(required=True)
    number = fields.String(required=True)
    dated = DateField(required=True)
    due_on = DateField(allow_none=True)
    status = fields.String(required=True)
    document = fields.String(allow_none=True)
    reason = fields.String(allow_none=True)
    actions = fields.List(fields.String(), required=True)


class FilingSchema(ma.Schema):
    """The filing of one right."""

    ref = fields.String(required=True)
    flow = fields.String(required=True)
    right = fields.String(required=True)
    title = fields.String(required=True)
    kind = fields.String(required=True)
    status = fields.String(required=True)
    price = FenField(required=True)
    fee = FenField(allow_none=True)
    filed_on = DateField(allow_none=True)
    fee_due_on = DateField(allow_none=True)
    fee_paid_on = DateField(allow_none=True)
    supplement_due_on = DateField(allow_none=True)
    recorded_on = DateField(allow_none=True)
    attempts = fields.Integer(required=True)
    package = fields.Dict(required=True)
    notices = fields.List(fields.Nested(NoticeSchema), required=True)
    version = fields.Integer(required=True)
    actions = fields.List(fields.String(), required=True)


class RegistrationSchema(ma.Schema):
    """An application for registration of the contract."""

    ref = fields.String(required=True)
    flow = fields.String(required=True)
    status = fields.String(required=True)
    registrar = fields.String(allow_none=True)
    profile = fields.String(required=True)
    form = fields.Dict(required=True)
    number = fields.String(allow_none=True)
    technology = FenField(allow_none=True)
    decide_by = DateField(allow_none=True)
    provisional = fields.Boolean(required=True)
    registered_on = DateField(allow_none=True)
    refusal_code = fields.String(allow_none=True)
    note = fields.String(required=True)
    notices = fields.List(fields.Nested(NoticeSchema), required=True)
    version = fields.Integer(required=True)
    actions = fields.List(fields.String(), required=True)


class EscrowSchema(ma.Schema):
    """Where the price is."""

    status = fields.String(required=True)
    price = FenField(required=True)
    fee = FenField(required=True)
    received = FenField(required=True)
    due_at = InstantField(allow_none=True)
    funded_at = InstantField(allow_none=True)
    closed_at = InstantField(allow_none=True)


class FlowSchema(ma.Schema):
    """The one-stop file of a deal."""

    ref = fields.String(required=True)
    deal = fields.String(required=True)
    listing = fields.String(required=True)
    title = fields.String(required=True)
    stage = fields.String(required=True)
    seller = fields.Nested(PartySchema, required=True)
    buyer = fields.Nested(PartySchema, required=True)
    price = FenField(required=True)
    opened_at = InstantField(required=True)
    version = fields.Integer(required=True)


class FlowFullSchema(FlowSchema):
    """A flow with its tracks and with what is missing."""

    contract = fields.String(required=True)
    escrow = fields.Nested(EscrowSchema, required=True)
    consents = fields.List(fields.Nested(ConsentSchema), required=True)
    filings = fields.List(fields.String(), required=True)
    registration = fields.String(allow_none=True)
    export = fields.String(allow_none=True)
    certificate = fields.String(allow_none=True)
    tracks = fields.List(fields.Nested(TrackSchema), required=True)
    missing = fields.List(fields.Nested(MissingSchema), required=True)
    actions = fields.List(fields.String(), required=True)


class EntrySchema(ma.Schema):
    """An entry of the ledger."""

    sequence = fields.Integer(required=True)
    movement = fields.String(required=True)
    at = InstantField(required=True)
    memo = fields.String(required=True)
    hash = fields.String(required=True)


class PayoutSchema(ma.Schema):
    """A payout."""

    ref = fields.String(required=True)
    party = fields.String(required=True)
    amount = FenField(required=True)
    status = fields.String(required=True)
    bank_account = fields.String(required=True)
    bank_reference = fields.String(allow_none=True)
    requested_at = InstantField(required=True)
    decided_at = InstantField(allow_none=True)
    actions = fields.List(fields.String(), required=True)


class DocumentSchema(ma.Schema):
    """A file."""

    ref = fields.String(required=True)
    filename = fields.String(required=True)
    media_type = fields.String(required=True)
    size = fields.Integer(required=True)
    sha256 = fields.String(required=True)
    purpose = fields.String(required=True)
    created_at = InstantField(required=True)


class VerdictSchema(ma.Schema):
    """What a check of a certificate found; facts only as the certificate itself shows them."""

    state = fields.String(required=True, metadata={"enum": ["valid", "revoked", "unknown"]})
    number = fields.String(allow_none=True)
    issued_at = InstantField(allow_none=True)
    revoked_at = InstantField(allow_none=True)
    revoked_reason = fields.String(allow_none=True)
    sha256 = fields.String(allow_none=True)
    altered = fields.Boolean(allow_none=True)
