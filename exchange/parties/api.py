"""``/api/v1/parties``, ``/users``, ``/tokens``. Answers show only what this reader may see.

Registering a person and making a token carry secrets: their answers are never remembered under an Idempotency-Key.
"""

from __future__ import annotations

from typing import Any

from flask import g
from marshmallow import Schema, fields
from sqlalchemy import or_, select

from exchange.api import Blueprint, PageArgs, etag, expected_version, idempotent, must_be_fresh, page_of
from exchange.core.errors import NotFound
from exchange.core.files import Document
from exchange.parties import actions, logins, members, tokens
from exchange.parties.actions import Paper
from exchange.parties.auth import caller
from exchange.parties.models import (
    ApiToken,
    Invitation,
    Membership,
    PaperKind,
    Party,
    PartyKind,
    PartyName,
    PartyStatus,
    User,
)
from exchange.parties.policy import Actor, Permission
from exchange.parties.schemas import (
    InvitationSchema,
    InviteForm,
    MemberSchema,
    NameForm,
    NameSchema,
    NewTokenSchema,
    PartyForm,
    PartyPatch,
    PartySchema,
    ReasonForm,
    RegistrationBody,
    RegistrationSchema,
    RolesForm,
    TokenForm,
    TokenSchema,
    UserPatch,
    UserSchema,
    card,
)
from exchange.web.access import exchange_role, login, public
from exchange.web.fields import EnumField, FileField, RefField
from exchange.web.paging import Page, paged

blp = Blueprint(
    "parties_api", __name__, url_prefix="", description="Parties, their people, and keys of programs"
)

Answer = tuple[dict[str, Any], int, dict[str, str]]


class PartyArgs(PageArgs):
    """Filters of the list of parties."""

    kind = EnumField(PartyKind, load_default=None)
    status = EnumField(PartyStatus, load_default=None)
    q = fields.String(load_default=None)


class PaperSchema(Schema):
    """A document given for verification."""

    ref = RefField("DC")
    kind = fields.String()
    filename = fields.String()
    size = fields.Integer()


class PaperPart(Schema):
    """The file of a document."""

    file = FileField(required=True)


class PaperFacts(Schema):
    """What a document is to prove."""

    kind = EnumField(PaperKind, required=True)


# -- shapes ------------------------------------------------------------------------------------


def _party(party: Party) -> dict[str, Any]:
    actor: Actor = g.actor
    if not actor.can(Permission.PARTY_READ, party):
        return {**card(party), "actions": []}
    return {
        **card(party),
        "status": party.status.value,
        "status_reason": party.status_reason,
        "uscc": party.uscc,
        "address": party.address,
        "legal_representative": party.legal_representative,
        "phone": party.phone,
        "names": [_name(kept) for kept in party.names],
        "verified_at": party.verified_at,
        "created_at": party.created_at,
        "version": party.version,
        "actions": actions.actions_for(actor, party),
        **(
            {"bank_name": party.bank_name, "bank_account": party.bank_account}
            if actor.can(Permission.PARTY_EDIT, party)
            else {}
        ),
    }


def _name(kept: PartyName) -> dict[str, Any]:
    return {"name": kept.name, "verified": kept.verified}


def _paper(document: Document) -> dict[str, Any]:
    return {
        "ref": document.ref,
        "kind": document.purpose,
        "filename": document.filename,
        "size": document.size,
    }


def _member(row: Membership) -> dict[str, Any]:
    return {
        "user": row.user.ref,
        "name": row.user.name,
        "email": row.user.email,
        "roles": row.roles,
        "since": row.since,
    }


def _invitation(row: Invitation) -> dict[str, Any]:
    return {"id": row.id, "email": row.email, "roles": row.roles, "expires_at": row.expires_at}


def _user(user: User) -> dict[str, Any]:
    actor: Actor = g.actor
    oneself = actor.user is not None and actor.user.id == user.id
    mine = [row for row in user.memberships if row.active]
    shown = mine if oneself else [row for row in mine if actor.party and row.party_id == actor.party.id]
    return {
        "ref": user.ref,
        "name": user.name,
        "email": user.email,
        "locale": user.locale,
        "active": user.active,
        "second_factor": user.totp_secret is not None,
        "last_login_at": user.last_login_at,
        "version": user.version,
        "memberships": [
            {"party": row.party.ref, "name": row.party.name, "roles": row.roles} for row in shown
        ],
        "actions": ["edit"] if oneself else [],
    }


def _token(token: ApiToken) -> dict[str, Any]:
    return {
        "ref": token.ref,
        "prefix": token.prefix,
        "label": token.label,
        "scopes": token.scopes,
        "user": token.user.ref,
        "party": token.party.ref,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "last_used_at": token.last_used_at,
        "revoked_at": token.revoked_at,
        "actions": [] if token.revoked_at else ["revoke"],
    }


def _with_version(party: Party, status: int = 200) -> Answer:
    return _party(party), status, {"ETag": etag(party.version)}


def _all(items: list[dict[str, Any]]) -> dict[str, Any]:
    return {"items": items, "next": None, "total": len(items)}


# -- parties -----------------------------------------------------------------------------------


@blp.get("/parties")
@blp.arguments(PartyArgs, location="query")
@blp.response(200, page_of(PartySchema))
@login
def list_parties(args: dict[str, Any]) -> Page[dict[str, Any]]:
    """Verified parties and one's own; the exchange's people see all."""
    query = select(Party)
    if not g.actor.can(Permission.PARTY_READ, None):
        own = [party.id for party in members.parties_of(g.actor.user)]
        query = query.where(or_(Party.status == PartyStatus.VERIFIED, Party.id.in_(own)))
    if args["kind"] is not None:
        query = query.where(Party.kind == args["kind"])
    if args["status"] is not None:
        query = query.where(Party.status == args["status"])
    if args["q"]:
        query = query.where(Party.name.contains(args["q"], autoescape=True))
    return paged(
        query, Party.created_at, name="parties", cursor=args["cursor"], limit=args["limit"], shape=_party
    )


@blp.post("/parties")
@idempotent()
@blp.arguments(PartyForm)
@blp.response(201, PartySchema)
@login
def found_party(body: dict[str, Any]) -> Answer:
    """Register an organisation; the caller becomes its administrator."""
    return _with_version(actions.found(g.actor, **body), 201)


@blp.get("/parties/<ref>")
@blp.response(200, PartySchema)
@public
def read_party(ref: str) -> Answer:
    """A party: its public card where it is verified, everything for its own and the exchange's people."""
    try:
        party = actions.get_for(g.actor, ref)
    except NotFound:
        party = actions.public_party(ref)
    return _with_version(party)


@blp.patch("/parties/<ref>")
@idempotent()
@blp.arguments(PartyPatch)
@blp.response(200, PartySchema)
@login
def change_party(body: dict[str, Any], ref: str) -> Answer:
    """Change what is known of a party; send ``If-Match``."""
    must_be_fresh(actions.get_for(g.actor, ref), required=True)
    return _with_version(actions.edit(g.actor, ref, version=expected_version(), **body))


@blp.get("/parties/<ref>/papers")
@blp.response(200, page_of(PaperSchema))
@login
def list_papers(ref: str) -> dict[str, Any]:
    """The documents given for verification."""
    return _all([_paper(document) for document in actions.papers_of(actions.get_for(g.actor, ref))])


@blp.post("/parties/<ref>/papers")
@idempotent()
@blp.arguments(PaperFacts, location="form")
@blp.arguments(PaperPart, location="files")
@blp.response(201, PaperSchema)
@login
def give_paper(facts: dict[str, Any], part: dict[str, Any], ref: str) -> dict[str, Any]:
    """Give a document for verification (multipart: ``file`` and ``kind``)."""
    paper = Paper(facts["kind"], part["file"].data, part["file"].filename)
    return _paper(actions.add_papers(g.actor, ref, [paper])[0])


@blp.post("/parties/<ref>/submit")
@idempotent()
@blp.response(200, PartySchema)
@login
def submit_party(ref: str) -> Answer:
    """Ask the exchange to verify the party."""
    return _with_version(actions.submit_verification(g.actor, ref))


@blp.post("/parties/<ref>/verify")
@idempotent()
@blp.arguments(ReasonForm)
@blp.response(200, PartySchema)
@exchange_role("operator")
def verify_party(body: dict[str, Any], ref: str) -> Answer:
    """The exchange has seen who the party is."""
    return _with_version(actions.verify(g.actor, ref, body["reason"], version=expected_version()))


@blp.post("/parties/<ref>/refuse")
@idempotent()
@blp.arguments(ReasonForm)
@blp.response(200, PartySchema)
@exchange_role("operator")
def refuse_party(body: dict[str, Any], ref: str) -> Answer:
    """The papers do not suffice; the party reads the reason."""
    return _with_version(actions.refuse(g.actor, ref, body["reason"], version=expected_version()))


@blp.post("/parties/<ref>/suspend")
@idempotent()
@blp.arguments(ReasonForm)
@blp.response(200, PartySchema)
@exchange_role("operator")
def suspend_party(body: dict[str, Any], ref: str) -> Answer:
    """Stop the party at once; the party reads the reason."""
    return _with_version(actions.suspend(g.actor, ref, body["reason"], version=expected_version()))


@blp.post("/parties/<ref>/restore")
@idempotent()
@blp.arguments(ReasonForm)
@blp.response(200, PartySchema)
@exchange_role("operator")
def restore_party(body: dict[str, Any], ref: str) -> Answer:
    """Let a suspended party act again."""
    return _with_version(actions.restore(g.actor, ref, body["reason"], version=expected_version()))


@blp.post("/parties/<ref>/names")
@idempotent()
@blp.arguments(NameForm)
@blp.response(201, NameSchema)
@login
def tell_name(body: dict[str, Any], ref: str) -> dict[str, Any]:
    """Tell a former or foreign name of the party."""
    return _name(actions.add_name(g.actor, ref, body["name"]))


@blp.post("/parties/<ref>/names/verify")
@idempotent()
@blp.arguments(NameForm)
@blp.response(200, NameSchema)
@exchange_role("operator")
def verify_name(body: dict[str, Any], ref: str) -> dict[str, Any]:
    """The exchange has seen the proof of a further name."""
    return _name(actions.verify_name(g.actor, ref, body["name"]))


# -- people ------------------------------------------------------------------------------------


@blp.get("/parties/<ref>/members")
@blp.response(200, page_of(MemberSchema))
@login
def list_members(ref: str) -> dict[str, Any]:
    """The people of a party."""
    return _all([_member(row) for row in members.members_of(actions.get_for(g.actor, ref))])


@blp.patch("/parties/<ref>/members/<user_ref>")
@idempotent()
@blp.arguments(RolesForm)
@blp.response(200, MemberSchema)
@login
def change_member(body: dict[str, Any], ref: str, user_ref: str) -> dict[str, Any]:
    """Give a member exactly these roles."""
    return _member(members.change_roles(g.actor, ref, user_ref, body["roles"]))


@blp.delete("/parties/<ref>/members/<user_ref>")
@idempotent()
@blp.response(204)
@login
def remove_member(ref: str, user_ref: str) -> None:
    """Let a member go: their sessions and tokens for the party end at once."""
    members.remove_member(g.actor, ref, user_ref)


@blp.get("/parties/<ref>/invitations")
@blp.response(200, page_of(InvitationSchema))
@login
def list_invitations(ref: str) -> dict[str, Any]:
    """Invitations that can still be accepted."""
    party = actions.get_for(g.actor, ref, Permission.MEMBER_MANAGE)
    return _all([_invitation(row) for row in members.open_invitations(party)])


@blp.post("/parties/<ref>/invitations")
@idempotent()
@blp.arguments(InviteForm)
@blp.response(201, InvitationSchema)
@login
def invite_member(body: dict[str, Any], ref: str) -> dict[str, Any]:
    """Invite a person by mail."""
    return _invitation(members.invite(g.actor, ref, **body))


@blp.delete("/parties/<ref>/invitations/<int:number>")
@idempotent()
@blp.response(204)
@login
def withdraw_invitation(ref: str, number: int) -> None:
    """Let an invitation end."""
    members.withdraw_invitation(g.actor, ref, number)


@blp.get("/users")
@blp.response(200, page_of(UserSchema))
@login
def list_users() -> dict[str, Any]:
    """Oneself, and the people of one's party where one manages its members."""
    people = {g.actor.user.id: g.actor.user}
    if g.actor.party is not None and g.actor.can(Permission.MEMBER_MANAGE, g.actor.party):
        people |= {row.user_id: row.user for row in members.members_of(g.actor.party)}
    return _all([_user(user) for user in people.values()])


@blp.post("/users")
@blp.arguments(RegistrationBody)
@blp.response(201, RegistrationSchema)
@public
def register(body: dict[str, Any]) -> dict[str, Any]:
    """A person and the organisation they register."""
    logins.must_not_flood(caller())
    organisation = dict(body["organisation"])
    user, party = actions.register(
        g.actor,
        email=body["email"],
        password=body["password"],
        name=body["name"],
        kind=organisation.pop("kind"),
        organisation=organisation.pop("name"),
        **organisation,
    )
    return {"user": user.ref, "party": party.ref}


@blp.get("/users/me")
@blp.response(200, UserSchema)
@login
def read_me() -> Answer:
    """Oneself."""
    user = g.actor.user
    return _user(user), 200, {"ETag": etag(user.version)}


@blp.get("/users/<ref>")
@blp.response(200, UserSchema)
@login
def read_user(ref: str) -> Answer:
    """Oneself, or somebody of one's party for those who manage its members."""
    user = members.get_member(g.actor, ref)
    return _user(user), 200, {"ETag": etag(user.version)}


@blp.patch("/users/me")
@idempotent()
@blp.arguments(UserPatch)
@blp.response(200, UserSchema)
@login
def change_me(body: dict[str, Any]) -> Answer:
    """Change one's own name or language; send ``If-Match``."""
    must_be_fresh(g.actor.user, required=True)
    user = g.actor.user
    if "name" in body:
        user = members.rename(g.actor, body["name"])
    if "locale" in body:
        user = members.set_locale(g.actor, body["locale"])
    return _user(user), 200, {"ETag": etag(user.version)}


@blp.post("/users/<ref>/disable")
@idempotent()
@blp.arguments(ReasonForm)
@blp.response(204)
@exchange_role("operator")
def disable_user(body: dict[str, Any], ref: str) -> None:
    """Shut somebody out at once."""
    logins.disable(g.actor, ref, body["reason"])


@blp.post("/users/<ref>/enable")
@idempotent()
@blp.response(204)
@exchange_role("operator")
def enable_user(ref: str) -> None:
    """Let somebody who was shut out sign in again."""
    logins.enable(g.actor, ref)


# -- keys of programs --------------------------------------------------------------------------


@blp.get("/tokens")
@blp.response(200, page_of(TokenSchema))
@login
def list_tokens() -> dict[str, Any]:
    """The tokens that can be used now: one's own, and those of one's party where one manages its members."""
    return _all([_token(token) for token in tokens.tokens_of(g.actor)])


@blp.post("/tokens")
@blp.arguments(TokenForm)
@blp.response(201, NewTokenSchema)
@login
def make_token(body: dict[str, Any]) -> dict[str, Any]:
    """Make a token for oneself and the party one acts for; it is shown this once."""
    token, secret = tokens.create(g.actor, **body)
    return {**_token(token), "token": secret}


@blp.get("/tokens/<ref>")
@blp.response(200, TokenSchema)
@login
def read_token(ref: str) -> dict[str, Any]:
    """A token, without its secret."""
    return _token(tokens.get_for(g.actor, ref))


@blp.post("/tokens/<ref>/revoke")
@idempotent()
@blp.response(200, TokenSchema)
@login
def revoke_token(ref: str) -> dict[str, Any]:
    """End a token at once."""
    return _token(tokens.revoke(g.actor, ref))
