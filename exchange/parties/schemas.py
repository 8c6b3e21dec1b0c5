"""What forms and API take and give: one schema per command; answers show only what this reader may see."""

from __future__ import annotations

from typing import Any

from flask import g
from flask_babel import lazy_gettext
from marshmallow import Schema, fields, validate

from exchange import rulebook
from exchange.core.errors import N_
from exchange.core.labels import label
from exchange.parties import regions
from exchange.parties.models import EXCHANGE_ROLES, Party, PartyKind, Role
from exchange.parties.policy import SCOPES, exchange_roles
from exchange.web.fields import EnumField, FileField, InstantField, RefField

_PICTURES = (".pdf", ".png", ".jpg", ".jpeg")
_ANY_LENGTH = validate.Length(max=1024)
"""A password's own limits are refused by the rule, in its words; this one only keeps floods out."""


def _password(label: str, autocomplete: str, **more: Any) -> fields.String:
    metadata = {"label": label, "widget": "password", "autocomplete": autocomplete, **more}
    return fields.String(required=True, validate=_ANY_LENGTH, metadata=metadata)


def _email(**more: Any) -> fields.String:
    return fields.String(
        required=True,
        validate=validate.Length(max=254),
        metadata={"label": N_("E-mail address"), "widget": "email", "spellcheck": "false", **more},
    )


_PASSWORD_HINT = lazy_gettext(
    "At least %(least)s characters. Three or four unconnected words are easy to keep in mind.",
    least=rulebook.as_of("password.least").number,
)


# -- the door ----------------------------------------------------------------------------------


class LoginForm(Schema):
    """Sign in."""

    email = _email(autocomplete="username")
    password = _password(N_("Password"), "current-password")
    code = fields.String(
        validate=validate.Length(max=32),
        metadata={
            "label": N_("Code of your second factor"),
            "hint": N_("Too many tries failed for this address. With password and code at once you can still sign in."),
            "autocomplete": "one-time-code",
            "spellcheck": "false",
        },
    )  # fmt: skip


class CodeForm(Schema):
    """A one-time or recovery code."""

    code = fields.String(
        required=True,
        validate=validate.Length(max=32),
        metadata={
            "label": N_("One-time code"),
            "hint": N_("Six digits from your authenticator, or one of your recovery codes."),
            "autocomplete": "one-time-code",
            "spellcheck": "false",
        },
    )


class FirstCodeForm(Schema):
    """The first code of a new authenticator."""

    code = fields.String(
        required=True,
        validate=validate.Length(max=32),
        metadata={
            "label": N_("One-time code"),
            "hint": N_("The six digits that your authenticator shows now."),
            "autocomplete": "one-time-code",
            "inputmode": "numeric",
        },
    )


class ConfirmForm(Schema):
    """A fresh proof by password, for people without a second factor."""

    answer = _password(N_("Password"), "current-password")


class ConfirmCodeForm(Schema):
    """A fresh proof by one-time or recovery code."""

    answer = fields.String(
        required=True,
        validate=validate.Length(max=32),
        metadata={
            "label": N_("One-time code"),
            "hint": N_("Six digits from your authenticator, or one of your recovery codes."),
            "autocomplete": "one-time-code",
            "spellcheck": "false",
        },
    )


class ResetAskForm(Schema):
    """Ask for a link to set a new password."""

    email = _email(autocomplete="username")


class ResetForm(Schema):
    """A new password."""

    new = _password(N_("New password"), "new-password", hint=_PASSWORD_HINT)


class PasswordForm(Schema):
    """Change one's password."""

    present = _password(N_("Present password"), "current-password")
    new = _password(N_("New password"), "new-password", hint=_PASSWORD_HINT)


class SignUpForm(Schema):
    """A person who will sign in."""

    name = fields.String(
        required=True,
        validate=validate.Length(max=100),
        metadata={"label": N_("Your name"), "autocomplete": "name"},
    )
    email = _email(autocomplete="username")
    password = _password(N_("Password"), "new-password", hint=_PASSWORD_HINT)


class JoinForm(Schema):
    """An invited person who has no login yet."""

    name = fields.String(
        required=True,
        validate=validate.Length(max=100),
        metadata={"label": N_("Your name"), "autocomplete": "name"},
    )
    password = _password(N_("Password"), "new-password", hint=_PASSWORD_HINT)


class PersonForm(Schema):
    """One's own name, language and letters."""

    name = fields.String(
        required=True,
        validate=validate.Length(max=100),
        metadata={"label": N_("Your name"), "autocomplete": "name"},
    )
    locale = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.OneOf(["zh_Hans_CN", "en"], [N_("Chinese"), N_("English")]),
        metadata={"label": N_("Language of pages and mail"), "widget": "select"},
    )
    mail = fields.Boolean(
        load_default=False,
        metadata={
            "label": N_("Write to me about everything that concerns me"),
            "hint": N_(
                "Letters about what binds you, about deadlines, money and answers of offices always come. The inbox "
                "shows everything."
            ),
        },
    )


# -- parties -----------------------------------------------------------------------------------


_OPEN_KINDS = [kind for kind in PartyKind if kind not in {PartyKind.OPERATOR, PartyKind.REGISTRAR}]


class PartyForm(Schema):
    """What a party says of itself."""

    kind = EnumField(
        PartyKind,
        required=True,
        metadata={
            "label": N_("Kind"),
            "hint": N_("Universities and research institutes publish a price before they sell."),
            "choices": [(kind.value, label(kind)) for kind in _OPEN_KINDS],
        },
    )
    name = fields.String(
        required=True,
        validate=validate.Length(max=255),
        metadata={
            "label": N_("Full name"),
            "hint": N_("As on the business licence, or on the identity document of a person."),
            "autocomplete": "organization",
        },
    )
    uscc = fields.String(
        allow_none=True,
        validate=validate.Length(max=40),
        metadata={
            "label": N_("Unified social credit code"),
            "hint": N_("18 signs on the business licence. Persons and bodies abroad have none."),
            "spellcheck": "false",
        },
    )
    region = fields.String(
        allow_none=True,
        validate=validate.Length(max=6),
        metadata={"label": N_("Region"), "widget": "select", "choices": regions.choices},
    )
    country = fields.String(
        load_default="CN",
        validate=validate.Length(equal=2),
        metadata={"label": N_("Country"), "hint": N_("Two letters, for example CN.")},
    )
    name_en = fields.String(
        allow_none=True, validate=validate.Length(max=255), metadata={"label": N_("Name in English")}
    )
    legal_representative = fields.String(
        allow_none=True, validate=validate.Length(max=100), metadata={"label": N_("Legal representative")}
    )
    address = fields.String(
        allow_none=True, validate=validate.Length(max=500), metadata={"label": N_("Address")}
    )
    phone = fields.String(
        allow_none=True,
        validate=validate.Length(max=40),
        metadata={"label": N_("Telephone"), "autocomplete": "tel", "inputmode": "tel"},
    )


class PayoutForm(Schema):
    """The account that money goes to."""

    bank_name = fields.String(
        required=True, validate=validate.Length(max=255), metadata={"label": N_("Bank and branch")}
    )
    bank_account = fields.String(
        required=True,
        validate=validate.Regexp(r"^[0-9A-Za-z -]{6,64}$"),
        metadata={"label": N_("Account number"), "inputmode": "numeric", "spellcheck": "false"},
    )


class PapersForm(Schema):
    """The documents by which a party shows who it is."""

    licence = FileField(
        accept=_PICTURES,
        metadata={
            "label": N_("Business licence or certificate of legal person"),
            "hint": N_("A scan or photograph on which every sign can be read. PDF, PNG or JPG."),
        },
    )
    authorisation = FileField(
        accept=_PICTURES,
        metadata={
            "label": N_("Authorisation of the person who signs in"),
            "hint": N_("With the seal of the organisation."),
        },
    )
    identity = FileField(
        accept=_PICTURES,
        metadata={"label": N_("Identity document"), "hint": N_("For natural persons.")},
    )
    name_change = FileField(
        accept=_PICTURES,
        metadata={
            "label": N_("Proof of a former name"),
            "hint": N_("Where rights stand under a former name."),
        },
    )
    other = fields.List(FileField(accept=_PICTURES), metadata={"label": N_("Other documents")})


class NameForm(Schema):
    """A further name of a party."""

    name = fields.String(
        required=True,
        validate=validate.Length(max=255),
        metadata={
            "label": N_("Former or foreign name"),
            "hint": N_("Rights that stand under this name are linked once the exchange has seen the proof."),
        },
    )


class ReasonForm(Schema):
    """A decision of the exchange, with its reason."""

    reason = fields.String(
        load_default="",
        validate=validate.Length(max=1000),
        metadata={
            "label": N_("Reason"),
            "hint": N_("The party reads it. Needed where you refuse or suspend."),
            "widget": "textarea",
            "rows": 3,
        },
    )


def _givable() -> list[tuple[str, str]]:
    """The roles that the organisation one acts for can give, with their names."""
    party = g.actor.party
    roles = exchange_roles(party, frozenset(Role)) if party is not None else frozenset()
    return [(role.value, label(role)) for role in Role if role in roles]


def _roles() -> fields.List[Any]:
    return fields.List(
        EnumField(Role, metadata={"choices": _givable}),
        required=True,
        validate=validate.Length(min=1, max=len(Role)),
        metadata={"label": N_("Roles")},
    )


class InviteForm(Schema):
    """Invite a person into an organisation."""

    email = _email(autocomplete="off")
    roles = _roles()


class RolesForm(Schema):
    """The roles of a member."""

    roles = _roles()


SCOPE_NAMES: dict[str, str] = {
    "read": N_("Read what its owner may read"),
    "rights": N_("Bring in and complete rights"),
    "trade": N_("List and make offers"),
    "flow": N_("Contracts and filings"),
    "account": N_("Organisation, members, tokens"),
    "exchange": N_("Decisions of the exchange"),
    "all": N_("Everything its owner may"),
}
"""Scope → msgid of what a token with it may do."""


def _scopes() -> list[tuple[str, str]]:
    """The scopes that mean anything for whom one acts for, with their names."""
    return [
        (scope, text)
        for scope, text in SCOPE_NAMES.items()
        if scope != "exchange" or g.actor.roles & EXCHANGE_ROLES
    ]


class TokenForm(Schema):
    """A key for a program."""

    label = fields.String(
        load_default="",
        validate=validate.Length(max=100),
        metadata={"label": N_("What it is for"), "hint": N_("For example: nightly import.")},
    )
    scopes = fields.List(
        fields.String(validate=validate.OneOf(list(SCOPES)), metadata={"choices": _scopes}),
        required=True,
        validate=validate.Length(min=1, max=len(SCOPES)),
        metadata={"label": N_("What it may do")},
    )
    days = fields.Integer(
        load_default=None,
        allow_none=True,
        metadata={"label": N_("Days until it ends"), "unit": N_("days"), "hint": N_("At most a year.")},
    )


TRAIL: dict[str, str] = {
    "party.registered": N_("Registered on the exchange"),
    "party.papers_given": N_("Papers given"),
    "party.submitted": N_("Submitted for verification"),
    "party.verified": N_("Verified"),
    "party.refused": N_("Verification refused"),
    "party.suspended": N_("Suspended"),
    "party.restored": N_("Restored"),
    "party.edited": N_("Changed"),
    "party.name_added": N_("A further name told"),
    "party.name_verified": N_("A further name verified"),
    "member.invited": N_("Somebody invited"),
    "member.invitation_withdrawn": N_("An invitation withdrawn"),
    "member.joined": N_("Somebody joined"),
    "member.roles_changed": N_("Roles changed"),
    "member.removed": N_("Somebody left"),
}
"""Event of a party → msgid, for its trail."""


# -- answers of the API ------------------------------------------------------------------------


class PartyCardSchema(Schema):
    """A party as everybody may see it."""

    ref = RefField("PT")
    name = fields.String()
    name_en = fields.String(allow_none=True)
    kind = EnumField(PartyKind)
    region = fields.String(allow_none=True)
    country = fields.String()
    verified = fields.Boolean()


class PartySchema(PartyCardSchema):
    """A party; the private fields only for its own people and the exchange's."""

    status = fields.String()
    status_reason = fields.String(allow_none=True)
    uscc = fields.String(allow_none=True)
    address = fields.String(allow_none=True)
    legal_representative = fields.String(allow_none=True)
    phone = fields.String(allow_none=True)
    bank_name = fields.String(allow_none=True)
    bank_account = fields.String(allow_none=True)
    names = fields.List(fields.Dict())
    verified_at = InstantField(allow_none=True)
    created_at = InstantField()
    version = fields.Integer()
    actions = fields.List(fields.String())


class PartyPatch(PartyForm):
    """Changes to a party: only the fields that are sent."""

    kind = EnumField(PartyKind)
    name = fields.String(validate=validate.Length(min=1, max=255))
    country = fields.String(validate=validate.Length(equal=2))
    bank_name = fields.String(allow_none=True, validate=validate.Length(max=255))
    bank_account = fields.String(allow_none=True, validate=validate.Regexp(r"^[0-9A-Za-z -]{6,64}$"))


class RegistrationBody(SignUpForm):
    """A person and the organisation they register."""

    organisation = fields.Nested(PartyForm, required=True)


class RegistrationSchema(Schema):
    """What a registration made."""

    user = RefField("US")
    party = RefField("PT")


class NameSchema(Schema):
    """A further name of a party."""

    name = fields.String()
    verified = fields.Boolean()


class MemberSchema(Schema):
    """A person in an organisation."""

    user = RefField("US")
    name = fields.String()
    email = fields.String()
    roles = fields.List(fields.String())
    since = InstantField()


class InvitationSchema(Schema):
    """An invitation that is open."""

    id = fields.Integer()
    email = fields.String()
    roles = fields.List(fields.String())
    expires_at = InstantField()


class UserSchema(Schema):
    """A person, as they themselves and the administrators of their organisation see them."""

    ref = RefField("US")
    name = fields.String()
    email = fields.String()
    locale = fields.String(allow_none=True)
    active = fields.Boolean()
    second_factor = fields.Boolean()
    last_login_at = InstantField(allow_none=True)
    version = fields.Integer()
    memberships = fields.List(fields.Dict())
    actions = fields.List(fields.String())


class UserPatch(Schema):
    """Changes to oneself."""

    name = fields.String(validate=validate.Length(min=1, max=100))
    locale = fields.String(allow_none=True, validate=validate.OneOf(["zh_Hans_CN", "en"]))


class TokenSchema(Schema):
    """A token, without its secret."""

    ref = RefField("TK")
    prefix = fields.String()
    label = fields.String()
    scopes = fields.List(fields.String())
    user = RefField("US")
    party = RefField("PT")
    created_at = InstantField()
    expires_at = InstantField()
    last_used_at = InstantField(allow_none=True)
    revoked_at = InstantField(allow_none=True)
    actions = fields.List(fields.String())


class NewTokenSchema(TokenSchema):
    """A token just made: ``token`` is shown this once."""

    token = fields.String()


def card(party: Party) -> dict[str, Any]:
    """What everybody may see of a verified party."""
    return {
        "ref": party.ref,
        "name": party.name,
        "name_en": party.name_en,
        "kind": party.kind,
        "region": party.region,
        "country": party.country,
        "verified": party.verified,
    }
