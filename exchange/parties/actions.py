"""The verbs of parties: register, ask to be verified, decide, edit, tell further names.

Their people (invitations, roles) are in ``members``; what happens at the door (passwords, codes, sessions) in
``logins``, keys of programs in ``tokens``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from exchange.core import clock, files
from exchange.core.db import get, lock, session, transaction
from exchange.core.errors import (
    N_,
    DomainError,
    Invalid,
    NotAllowed,
    NotFound,
    Problem,
    RuleBroken,
    Stale,
)
from exchange.core.events import record
from exchange.core.files import Document
from exchange.parties import members, passwords, regions
from exchange.parties import uscc as credit_code
from exchange.parties.models import (
    PARTY,
    Membership,
    PaperKind,
    Party,
    PartyKind,
    PartyName,
    PartyStatus,
    Role,
    User,
)
from exchange.parties.policy import Actor, Permission

CLOSED_KINDS = frozenset({PartyKind.OPERATOR, PartyKind.REGISTRAR})
"""Kinds that nobody registers as: the exchange and the registrar are set up by whoever runs the machine."""

IDENTITY = frozenset({"kind", "name", "uscc", "country"})
"""What the exchange verified: from submission on only an operator changes it."""

PAYOUT = frozenset({"bank_account", "bank_name"})
"""Where money goes: only the party's own administrator, and only freshly confirmed."""

_EDITABLE = IDENTITY | PAYOUT | {"name_en", "region", "address", "legal_representative", "phone"}


@dataclass(frozen=True)
class Paper:
    """A document given for verification, before it is stored."""

    kind: PaperKind
    data: bytes
    filename: str


# -- asking ------------------------------------------------------------------------------------


def get_for(actor: Actor, ref: str, permission: Permission = Permission.PARTY_READ) -> Party:
    """The party, for an actor who may do ``permission`` to it. Raises ``NotFound``, also where it is not theirs."""
    party = get(Party, ref)
    actor.must_see(permission, party)
    return party


def public_party(ref: str) -> Party:
    """A verified party, as everybody may see its card. Raises ``NotFound`` for any other."""
    party = get(Party, ref)
    if not party.verified:
        raise NotFound
    return party


def waiting_for_verification(limit: int = 100) -> list[Party]:
    """Parties that asked to be verified, the longest waiting first."""
    query = select(Party).where(Party.status == PartyStatus.SUBMITTED).order_by(Party.updated_at, Party.id)
    return list(session.scalars(query.limit(limit)))


def papers_of(party: Party) -> list[Document]:
    """The documents a party gave for its verification, oldest first."""
    return list(
        session.scalars(select(Document).where(Document.subject_ref == party.ref).order_by(Document.id))
    )


def actions_for(actor: Actor, party: Party) -> list[str]:
    """The verbs this actor may use on this party now."""
    by_operator = actor.can(Permission.PARTY_VERIFY, party) and not _belongs(actor, party)
    may = {
        "submit": actor.can(Permission.PARTY_EDIT, party) and party.id in _own(actor),
        **dict.fromkeys(("verify", "refuse", "suspend", "restore"), by_operator),
    }
    found = [name for name in PARTY.allowed(party) if may[name]]
    if actor.can(Permission.PARTY_EDIT, party):
        found.append("edit")
    if actor.can(Permission.MEMBER_MANAGE, party):
        found.append("invite")
    return found


def _own(actor: Actor) -> frozenset[int]:
    return frozenset({actor.party.id}) if actor.party else frozenset()


def _belongs(actor: Actor, party: Party) -> bool:
    """Whether the person behind ``actor`` works for ``party``, for whomever they act just now."""
    if actor.user is None:
        return False
    query = select(Membership.id).where(
        Membership.user_id == actor.user.id, Membership.party_id == party.id, Membership.active
    )
    return session.scalar(query) is not None


# -- registering -------------------------------------------------------------------------------


@transaction
def found(
    actor: Actor,
    *,
    kind: PartyKind,
    name: str,
    uscc: str | None = None,
    region: str | None = None,
    country: str = "CN",
    name_en: str | None = None,
    address: str | None = None,
    legal_representative: str | None = None,
    phone: str | None = None,
) -> Party:
    """Register an organisation (or oneself as a natural person); the actor becomes its administrator.

    Raises ``RuleBroken``: ``party.kind`` (not open for registration), ``uscc.*``, ``party.uscc_needed``,
    ``party.uscc_taken``, ``party.region``.
    """
    founder = members.must_be_oneself(actor)
    if kind in CLOSED_KINDS:
        raise RuleBroken(
            "party.kind",
            N_("Nobody registers as this kind. Whoever runs the exchange sets it up."),
            field="kind",
        )
    details = {
        "name_en": name_en,
        "address": address,
        "legal_representative": legal_representative,
        "phone": phone,
    }
    party = _new_party(kind=kind, name=name, code=uscc, region=region, country=country, **details)
    _must_have_code(party)
    own = [Role.OWNER_ADMIN, Role.AGENT, Role.SIGNER, Role.FINANCE]
    roles = own if kind is PartyKind.PERSON else own[:1]
    session.add(
        Membership(user_id=founder.id, party_id=party.id, roles=members.values(roles), since=clock.now())
    )
    session.flush()
    record(actor, "party.registered", party)
    return party


def register(
    actor: Actor,
    *,
    email: str,
    password: str,
    name: str,
    kind: PartyKind,
    organisation: str,
    **details: Any,
) -> tuple[User, Party]:
    """A person and their organisation at once, in one transaction.

    Raises what ``members.sign_up`` and ``found`` raise.
    """
    email = members.clean_email(email)
    passwords.check(password, context=(email.split("@")[0], name, organisation))
    hashed = passwords.hash(password)
    with transaction():
        user = members.enrol(actor, email=email, name=name, password_hash=hashed)
        return user, found(Actor(user=user), kind=kind, name=organisation, **details)


def _new_party(
    *, kind: PartyKind, name: str, code: str | None, region: str | None, country: str = "CN", **details: Any
) -> Party:
    code = credit_code.parse(code) if code else None
    if code is not None:
        _must_be_free(code)
    if region and not regions.known(region):
        raise _wrong_region()
    clean = {field: _short(value) for field, value in details.items()}
    party = Party(
        kind=kind,
        name=members.line(name, "name"),
        uscc=code,
        region=region or None,
        country=_country(country),
        **clean,
    )
    session.add(party)
    try:
        session.flush()
    except IntegrityError as error:  # somebody registered the same code at the same moment
        raise _taken(code) from error
    return party


def _must_be_free(code: str, besides: int | None = None) -> None:
    taken = session.scalar(select(Party.id).where(Party.uscc == code))
    if taken is not None and taken != besides:
        raise _taken(code)


def _taken(code: str | None) -> DomainError:
    return RuleBroken(
        "party.uscc_taken",
        N_(
            "The organisation with the code %(number)s is registered already. Ask its administrator for an "
            "invitation; if nobody of yours registered it, write to the exchange."
        ),
        field="uscc",
        number=code,
    )


def _must_have_code(party: Party) -> None:
    """Organisations of the mainland have a credit code; persons and foreign bodies have none (law.md §2.3)."""
    if party.kind is not PartyKind.PERSON and party.country == "CN" and not party.uscc:
        raise RuleBroken(
            "party.uscc_needed",
            N_("Give the unified social credit code. It stands on the business licence."),
            field="uscc",
            rule="GB 32100-2015",
        )


def _country(text: str) -> str:
    code = text.strip().upper()
    if not re.fullmatch(r"[A-Z]{2}", code):
        raise RuleBroken(
            "party.country", N_("Write the country as two letters, for example CN."), field="country"
        )
    return code


def _wrong_region() -> DomainError:
    return RuleBroken(
        "party.region",
        N_("This is not a division code. It has two, four or six digits, for example 3501 for Fuzhou."),
        field="region",
        rule="GB/T 2260",
    )


def _short(value: Any) -> Any:
    return " ".join(value.split()) or None if isinstance(value, str) else value


@transaction
def add_party(
    actor: Actor,
    *,
    kind: PartyKind,
    name: str,
    uscc: str | None = None,
    region: str | None = None,
    verified: bool = False,
    **details: Any,
) -> Party:
    """Set up a party from the machine itself: any kind, without papers, ``verified`` at once where asked.

    Raises ``NotAllowed`` for anybody but the system, and ``uscc.*``, ``party.uscc_taken``, ``party.region``.
    """
    members.must_be_system(actor)
    party = _new_party(kind=kind, name=name, code=uscc, region=region, **details)
    record(actor, "party.registered", party)
    return verify(actor, party.ref, "set up by the operator") if verified else party


# -- verification ------------------------------------------------------------------------------


@transaction
def submit_verification(actor: Actor, party_ref: str, documents: Sequence[Paper] = ()) -> Party:
    """Ask the exchange to verify the party, with ``documents`` (added to those given before).

    Sent again while it waits, only new documents are added. Raises ``RuleBroken`` (``party.no_papers``,
    ``party.uscc_needed``, ``file.*``) and ``IllegalMove`` where it is verified or suspended.
    """
    party = lock(Party, party_ref)
    actor.must_see(Permission.PARTY_READ, party)
    actor.must(Permission.PARTY_EDIT, party)
    if party.status is not PartyStatus.SUBMITTED:
        PARTY.check(party, "submit")
    _must_have_code(party)
    add_papers(actor, party_ref, documents)
    if not papers_of(party):
        raise RuleBroken(
            "party.no_papers",
            N_("Add at least one document: the business licence, or for a person the identity document."),
            field="licence",
        )
    if party.status is not PartyStatus.SUBMITTED:
        PARTY.fire(party, "submit")
        party.status_reason = None
        record(actor, "party.submitted", party)
    return party


@transaction
def add_papers(actor: Actor, party_ref: str, documents: Sequence[Paper]) -> list[Document]:
    """Keep documents for the verification (or the proof of a further name). Raises ``RuleBroken`` (``file.*``)."""
    party = lock(Party, party_ref)
    actor.must_see(Permission.PARTY_READ, party)
    actor.must(Permission.PARTY_EDIT, party)
    kept = [
        files.store(
            actor.user_ref,
            paper.data,
            paper.filename,
            subject=party.ref,
            purpose=paper.kind.value,
            party_ref=party.ref,
        )
        for paper in documents
    ]
    if kept:
        record(actor, "party.papers_given", party, documents=[document.ref for document in kept])
    return kept


def _decide(actor: Actor, party_ref: str, move: str, reason: str, version: int | None) -> Party:
    """What all four decisions of the operator share."""
    party = lock(Party, party_ref)
    actor.must(Permission.PARTY_VERIFY, party)
    if _belongs(actor, party):
        raise NotAllowed(
            "party.own",
            N_("Nobody decides on an organisation they belong to. Ask a colleague."),
            rule="ux-reliability.md R-010",
        )
    _must_be_version(party, version)
    reason = reason.strip()
    if move in {"refuse", "suspend"} and not reason:
        raise RuleBroken(
            "party.reason", N_("Give the reason; the party reads it and can mend it."), field="reason"
        )
    PARTY.fire(party, move)
    party.status_reason = reason or None
    return party


@transaction
def verify(actor: Actor, party_ref: str, reason: str = "", *, version: int | None = None) -> Party:
    """The exchange has seen who the party is. ``party.verified`` lets rights be linked to it by code and name.

    ``reason`` names the papers seen, where none were given here. Raises ``RuleBroken`` (``party.no_papers``,
    ``party.uscc_needed``), ``Stale``, ``NotAllowed`` (``party.own``), ``IllegalMove``.
    """
    party = _decide(actor, party_ref, "verify", reason, version)
    if not actor.system:
        _must_have_code(party)
        if not reason.strip() and not papers_of(party):
            raise RuleBroken(
                "party.no_papers",
                N_("The party gave no documents. Write which papers you saw."),
                field="reason",
            )
    party.verified_at = clock.now()
    record(actor, "party.verified", party, name=party.name, uscc=party.uscc)
    return party


@transaction
def refuse(actor: Actor, party_ref: str, reason: str, *, version: int | None = None) -> Party:
    """The papers do not suffice, for a ``reason`` the party reads. Raises as ``verify``, and ``party.reason``."""
    party = _decide(actor, party_ref, "refuse", reason, version)
    record(actor, "party.refused", party, reason=reason)
    return party


@transaction
def suspend(actor: Actor, party_ref: str, reason: str, *, version: int | None = None) -> Party:
    """Stop the party at once: its people only read. Raises as ``refuse``."""
    party = _decide(actor, party_ref, "suspend", reason, version)
    record(actor, "party.suspended", party, reason=reason)
    return party


@transaction
def restore(actor: Actor, party_ref: str, reason: str = "", *, version: int | None = None) -> Party:
    """Let a suspended party act again. Raises as ``verify``."""
    party = _decide(actor, party_ref, "restore", reason, version)
    record(actor, "party.restored", party, reason=reason)
    return party


def _must_be_version(party: Party, version: int | None) -> None:
    if version is not None and version != party.version:
        raise Stale(
            "stale",
            N_("Somebody changed this after you read it: it is at version %(version)s now. Read it again."),
            version=party.version,
        )


# -- what is known of a party ------------------------------------------------------------------


@transaction
def edit(actor: Actor, party_ref: str, *, version: int | None = None, **changes: Any) -> Party:
    """Change what is known of a party; only the fields named in ``changes``.

    Raises ``RuleBroken`` (``party.fixed`` for its identity after submission; ``uscc.*``, ``party.region``),
    ``NotAllowed`` (``party.payout`` for its account by anybody else), ``StepUp`` and ``Stale``.
    """
    if unknown := set(changes) - _EDITABLE:
        raise Invalid(
            Problem("field.unknown", N_("There is no such field. Check its spelling."), f) for f in unknown
        )
    party = lock(Party, party_ref)
    actor.must_see(Permission.PARTY_READ, party)
    actor.must(Permission.PARTY_EDIT, party)
    _must_be_version(party, version)
    changes = {name: value for name, value in changes.items() if value != getattr(party, name)}
    if not changes:
        return party
    own = party.id in _own(actor)
    if IDENTITY & set(changes):
        _change_identity(actor, party, changes, own=own)
    if PAYOUT & set(changes):
        if not own and not actor.system:
            raise NotAllowed(
                "party.payout",
                N_("Only the administrator of the party itself changes the account that money goes to."),
                field=min(PAYOUT & set(changes)),
            )
        actor.must_step_up()
    if changes.get("region") and not regions.known(changes["region"]):
        raise _wrong_region()
    for name, value in changes.items():
        setattr(party, name, _short(value))
    record(actor, "party.edited", party, fields=sorted(changes))
    return party


def _change_identity(actor: Actor, party: Party, changes: dict[str, Any], *, own: bool) -> None:
    """Check (and normalise) a change of what the exchange verified; a former name is kept as such."""
    if own and not actor.system and party.status not in {PartyStatus.REGISTERED, PartyStatus.REFUSED}:
        raise RuleBroken(
            "party.fixed",
            N_(
                "The exchange checks or has checked this. Write to it to have name, kind, country or code changed."
            ),
            field=min(IDENTITY & set(changes)),
        )
    if not actor.system and {changes.get("kind"), party.kind} & CLOSED_KINDS and "kind" in changes:
        raise RuleBroken(
            "party.kind",
            N_("Nobody registers as this kind. Whoever runs the exchange sets it up."),
            field="kind",
        )
    if "country" in changes:
        changes["country"] = _country(changes["country"])
    if changes.get("uscc"):
        changes["uscc"] = credit_code.parse(changes["uscc"])
        _must_be_free(changes["uscc"], besides=party.id)
    if "name" in changes:
        changes["name"] = members.line(changes["name"], "name")
        if party.verified and all(kept.name != party.name for kept in party.names):
            session.add(PartyName(party_id=party.id, name=party.name, verified=True))


@transaction
def add_name(actor: Actor, party_ref: str, name: str) -> PartyName:
    """Tell a former or foreign name of the party; it links rights once an operator has verified it."""
    party = lock(Party, party_ref)
    actor.must_see(Permission.PARTY_READ, party)
    actor.must(Permission.PARTY_EDIT, party)
    name = members.line(name, "name")
    kept = session.scalar(select(PartyName).where(PartyName.party_id == party.id, PartyName.name == name))
    if kept is None:
        kept = PartyName(party_id=party.id, name=name, verified=False)
        session.add(kept)
        session.flush()
        record(actor, "party.name_added", party, name=name)
    return kept


@transaction
def verify_name(actor: Actor, party_ref: str, name: str) -> PartyName:
    """The exchange has seen the proof of a further name. ``party.name_verified`` links rights under it.

    Raises ``NotFound`` for a name that the party did not tell, ``NotAllowed`` (``party.own``).
    """
    party = lock(Party, party_ref)
    actor.must(Permission.PARTY_VERIFY, party)
    if _belongs(actor, party):
        raise NotAllowed(
            "party.own",
            N_("Nobody decides on an organisation they belong to. Ask a colleague."),
            rule="ux-reliability.md R-010",
        )
    kept = session.scalar(select(PartyName).where(PartyName.party_id == party.id, PartyName.name == name))
    if kept is None:
        raise NotFound
    if not kept.verified:
        kept.verified = True
        record(actor, "party.name_verified", party, name=name)
    return kept
