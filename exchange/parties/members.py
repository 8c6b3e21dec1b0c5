"""The people of a party: logins, invitations, roles, and letting somebody go.

Passwords are hashed before a transaction begins: hashing is slow on purpose, and SQLite has one writer.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from exchange import rulebook
from exchange.core import clock
from exchange.core.config import settings
from exchange.core.db import get, lock, session, transaction
from exchange.core.errors import N_, Conflict, NotAllowed, NotFound, NotSignedIn, RuleBroken
from exchange.core.events import record
from exchange.parties import keys, passwords
from exchange.parties.models import ApiToken, Invitation, Membership, Party, Role, Session, User
from exchange.parties.policy import Actor, Permission, exchange_roles

_EMAIL = re.compile(r"^[^@\s<>\"',;:()\[\]\\]{1,64}@[^@\s<>\"',;:()\[\]\\]+\.[^@\s<>\"',;:()\[\]\\]+$")

LOCALES = ("zh_Hans_CN", "en")
"""Languages of pages and mail."""


# -- asking ------------------------------------------------------------------------------------


def members_of(party: Party) -> list[Membership]:
    """The people of a party, by name."""
    query = select(Membership).join(User).where(Membership.party_id == party.id, Membership.active)
    return list(session.scalars(query.order_by(User.name, User.id)))


def membership(party: Party, user: User) -> Membership | None:
    """What ``user`` is in ``party``, if anything."""
    query = select(Membership).where(
        Membership.party_id == party.id, Membership.user_id == user.id, Membership.active
    )
    return session.scalar(query)


def names_of(refs: Iterable[str | None]) -> dict[str, str]:
    """The names of people and parties by their references; those nobody bears are left out."""
    wanted = {ref for ref in refs if ref}
    if not wanted:
        return {}
    people = select(User.ref, User.name).where(User.ref.in_(wanted))
    parties = select(Party.ref, Party.name).where(Party.ref.in_(wanted))
    rows = session.execute(people.union_all(parties)).all()
    return {str(row[0]): str(row[1]) for row in rows}


def memberships_of(user: User) -> list[Membership]:
    """What ``user`` is, and where, by the name of the party."""
    query = select(Membership).join(Party).where(Membership.user_id == user.id, Membership.active)
    return list(session.scalars(query.order_by(Party.name, Party.id)))


def parties_of(user: User) -> list[Party]:
    """The parties that ``user`` belongs to, by name."""
    return [membership.party for membership in memberships_of(user)]


def get_member(actor: Actor, ref: str) -> User:
    """A person: oneself, or somebody of one's party for those who may manage its members. Raises ``NotFound``."""
    user = get(User, ref)
    if actor.system or (actor.user is not None and actor.user.id == user.id):
        return user
    if actor.party is None or membership(actor.party, user) is None:
        raise NotFound
    actor.must_see(Permission.MEMBER_MANAGE, actor.party)
    return user


def open_invitations(party: Party) -> list[Invitation]:
    """Invitations that can still be accepted, newest first."""
    query = select(Invitation).where(
        Invitation.party_id == party.id, Invitation.used_at.is_(None), Invitation.expires_at > clock.wall()
    )
    return list(session.scalars(query.order_by(Invitation.id.desc())))


# -- getting a login ---------------------------------------------------------------------------


def clean_email(text: str) -> str:
    """An address in the form it is kept in. Raises ``RuleBroken`` (``user.email``)."""
    email = unicodedata.normalize("NFKC", text).strip().lower()
    if not _EMAIL.match(email) or len(email) > 254:
        raise RuleBroken(
            "user.email",
            N_("This is not an e-mail address. Write it like name@example.cn."),
            field="email",
        )
    return email


def line(text: str, field: str) -> str:
    """``text`` as one line without blanks at its ends. Raises ``RuleBroken`` (``field.required``) where nothing is left."""
    plain = " ".join(unicodedata.normalize("NFC", text).split())
    if not plain:
        raise RuleBroken("field.required", N_("This is needed."), field=field)
    return plain


def values(roles: Iterable[Role]) -> list[str]:
    """``roles`` as they are kept: by value, in the order of the enum, each once."""
    chosen = set(roles)
    return [role.value for role in Role if role in chosen]


def sign_up(actor: Actor, *, email: str, password: str, name: str, locale: str | None = None) -> User:
    """A person gets a login; no organisation yet.

    Raises ``RuleBroken``: ``user.email``, ``user.email_taken``, ``password.*``.
    """
    email = clean_email(email)
    passwords.check(password, context=(email.split("@")[0], name))
    return enrol(actor, email=email, name=name, password_hash=passwords.hash(password), locale=locale)


@transaction
def enrol(actor: Actor, *, email: str, name: str, password_hash: str, locale: str | None = None) -> User:
    """The part of ``sign_up`` that writes: ``email`` is clean already and the password hashed."""
    if session.scalar(select(User.id).where(User.email == email)) is not None:
        raise _email_taken()
    user = User(
        email=email, name=line(name, "name"), password_hash=password_hash, locale=locale, preferences={}
    )
    session.add(user)
    try:
        session.flush()
    except IntegrityError as error:  # the same form, sent twice at the same moment
        raise _email_taken() from error
    record(actor, "user.signed_up", user)
    return user


def _email_taken() -> RuleBroken:
    return RuleBroken(
        "user.email_taken",
        N_("With this e-mail address one can sign in already. Sign in, or use another address."),
        field="email",
    )


def must_be_system(actor: Actor) -> None:
    """Raise ``NotAllowed`` for anybody but the machine itself (commands, the demo market)."""
    if not actor.system:
        raise NotAllowed("not_allowed", N_("Only whoever runs the machine does this."))


def add_user(
    actor: Actor,
    *,
    email: str,
    party_ref: str,
    roles: Iterable[Role],
    password: str | None = None,
    name: str | None = None,
) -> User:
    """Set up a person in a party from the machine itself. Somebody who has a login keeps it and gets the roles too.

    Raises ``NotAllowed`` for anybody but the system; ``RuleBroken``: ``user.email``, ``user.password_needed``,
    ``password.*``, ``role.*``; ``NotFound`` for the party.
    """
    email = clean_email(email)
    chosen = list(roles)
    hashed = None
    if password is not None:
        passwords.check(password, context=(email.split("@")[0], name or ""))
        hashed = passwords.hash(password)
    with transaction():
        must_be_system(actor)
        party = lock(Party, party_ref)
        _must_be_givable(party, chosen)
        user = session.scalar(select(User).where(User.email == email))
        if user is None:
            if hashed is None:
                raise RuleBroken(
                    "user.password_needed", N_("A new login needs a password."), field="password"
                )
            user = enrol(actor, email=email, name=name or email.split("@")[0], password_hash=hashed)
        _join(actor, party, user, chosen, keep=True)
        return user


def _join(actor: Actor, party: Party, user: User, roles: Iterable[Role], *, keep: bool = False) -> Membership:
    """Make ``user`` a member with ``roles``; with ``keep`` in addition to those held already."""
    chosen = set(roles)
    row = session.scalar(
        select(Membership).where(Membership.party_id == party.id, Membership.user_id == user.id)
    )
    if row is None:
        row = Membership(user_id=user.id, party_id=party.id, roles=values(chosen), since=clock.now())
        session.add(row)
        session.flush()
        session.expire(user, ["memberships"])
    else:
        held = {Role(value) for value in row.roles} if row.active and keep else set()
        if not row.active:
            row.since = clock.now()
        row.active = True
        row.roles = values(chosen | held)
    record(actor, "member.joined", party, user=user.ref, roles=row.roles)
    return row


def _must_be_givable(party: Party, roles: Iterable[Role]) -> None:
    """Some role must be given, and only those that ``party`` can give."""
    chosen = frozenset(roles)
    if not chosen:
        raise RuleBroken("role.needed", N_("Choose at least one role."), field="roles")
    if wrong := chosen - exchange_roles(party, chosen):
        raise RuleBroken(
            "role.not_givable",
            N_("This organisation cannot give the role “%(role)s”: it acts for the whole exchange."),
            field="roles",
            role=min(wrong, key=lambda role: role.value),
        )


# -- invitations -------------------------------------------------------------------------------


@transaction
def invite(actor: Actor, party_ref: str, *, email: str, roles: Iterable[Role]) -> Invitation:
    """Invite somebody by mail; ``invitation_link`` is what the letter carries. A second one replaces the first.

    Raises ``NotFound`` (not one's party), ``RuleBroken``: ``user.email``, ``role.*``; ``Conflict``
    (``member.already``).
    """
    party = lock(Party, party_ref)
    actor.must_see(Permission.PARTY_READ, party)
    actor.must(Permission.MEMBER_MANAGE, party)
    email = clean_email(email)
    chosen = list(roles)
    _must_be_givable(party, chosen)
    known = session.scalar(select(User).where(User.email == email))
    if known is not None and membership(party, known) is not None:
        raise Conflict(
            "member.already",
            N_("This person belongs to the organisation already. Change their roles instead."),
            field="email",
        )
    for former in open_invitations(party):
        if former.email == email:
            former.expires_at = clock.wall()
    invitation = Invitation(
        party_id=party.id,
        email=email,
        roles=values(chosen),
        secret_hash=keys.digest(keys.new_secret()),
        expires_at=clock.wall() + timedelta(days=rulebook.as_of("invitation.period").number),
    )
    session.add(invitation)
    session.flush()
    invitation.secret_hash = keys.digest(invitation_secret(invitation))
    record(actor, "member.invited", party, invitation=invitation.id, roles=invitation.roles)
    return invitation


def invitation_secret(invitation: Invitation) -> str:
    """The secret in an invitation's address. It is computed, so that no event and no letter in waiting holds it."""
    words = f"{invitation.id}|{invitation.party_id}|{invitation.email}|{invitation.expires_at.isoformat()}"
    return keys.tag(words, "invitation")


def invitation_link(invitation: Invitation) -> str:
    """The address that an invited person opens."""
    return f"{settings().public_url}/invitations/{invitation_secret(invitation)}"


def find_invitation(secret: str) -> Invitation:
    """The invitation that can be accepted with ``secret``. Raises ``NotFound``: unknown, used, withdrawn or too old."""
    found = session.scalar(select(Invitation).where(Invitation.secret_hash == keys.digest(secret)))
    if found is None or found.used_at is not None or found.expires_at <= clock.wall():
        raise NotFound(
            "invitation.gone",
            N_("This invitation was used, withdrawn, or is too old. Ask for a new one."),
        )
    return found


@transaction
def withdraw_invitation(actor: Actor, party_ref: str, invitation_id: int) -> None:
    """Let an invitation end now. Raises ``NotFound``."""
    party = lock(Party, party_ref)
    actor.must_see(Permission.PARTY_READ, party)
    actor.must(Permission.MEMBER_MANAGE, party)
    invitation = lock(Invitation, invitation_id)
    if invitation.party_id != party.id:
        raise NotFound
    if invitation.used_at is None and invitation.expires_at > clock.wall():
        invitation.expires_at = clock.wall()
        record(actor, "member.invitation_withdrawn", party, invitation=invitation.id)


@transaction
def accept(actor: Actor, secret: str) -> Membership:
    """The person who is signed in takes up an invitation to their own address.

    Raises ``NotFound`` (``invitation.gone``), ``NotSignedIn``, ``NotAllowed`` (``invitation.other_person``).
    """
    invitation = find_invitation(secret)
    user = must_be_oneself(actor)
    if user.email != invitation.email:
        raise NotAllowed(
            "invitation.other_person",
            N_(
                "This invitation is for somebody else. Sign out, and sign in with the address it was sent to."
            ),
        )
    return _accept(actor, invitation, user)


def accept_as_new(actor: Actor, secret: str, *, name: str, password: str) -> User:
    """An invited person without a login gets one and takes up the invitation.

    Raises ``NotFound`` (``invitation.gone``), ``RuleBroken``: ``password.*``, ``user.email_taken``.
    """
    invitation = find_invitation(secret)
    party = invitation.party
    passwords.check(password, context=(invitation.email.split("@")[0], name, party.name))
    hashed = passwords.hash(password)
    with transaction():
        invitation = find_invitation(secret)
        user = enrol(actor, email=invitation.email, name=name, password_hash=hashed)
        _accept(Actor(user=user), invitation, user)
        return user


def _accept(actor: Actor, invitation: Invitation, user: User) -> Membership:
    party = lock(Party, invitation.party_id)
    invitation = lock(Invitation, invitation)
    if invitation.used_at is not None:
        raise NotFound(
            "invitation.gone",
            N_("This invitation was used, withdrawn, or is too old. Ask for a new one."),
        )
    invitation.used_at = clock.wall()
    return _join(actor, party, user, [Role(value) for value in invitation.roles], keep=True)


# -- roles, and letting go ---------------------------------------------------------------------


def _of(party: Party, user_ref: str) -> Membership:
    user = get(User, user_ref)
    row = membership(party, user)
    if row is None:
        raise NotFound
    return row


def _must_leave_an_administrator(party: Party, leaving: Membership) -> None:
    others = (
        row
        for row in members_of(party)
        if row.id != leaving.id and row.user.active and Role.OWNER_ADMIN.value in row.roles
    )
    if Role.OWNER_ADMIN.value in leaving.roles and next(others, None) is None:
        raise Conflict(
            "member.last_admin",
            N_("An organisation keeps at least one administrator. Give somebody else that role first."),
            field="roles",
        )


@transaction
def change_roles(actor: Actor, party_ref: str, user_ref: str, roles: Iterable[Role]) -> Membership:
    """Give a member exactly ``roles``; what was held by an old role ends with the next request.

    Raises ``NotFound``, ``RuleBroken``: ``role.*``; ``Conflict`` (``member.last_admin``).
    """
    party = lock(Party, party_ref)
    actor.must_see(Permission.PARTY_READ, party)
    actor.must(Permission.MEMBER_MANAGE, party)
    row = _of(party, user_ref)
    chosen = frozenset(roles)
    _must_be_givable(party, chosen)
    if Role.OWNER_ADMIN not in chosen:
        _must_leave_an_administrator(party, row)
    if row.roles != values(chosen):
        before, row.roles = row.roles, values(chosen)
        record(actor, "member.roles_changed", party, user=user_ref, before=before, roles=row.roles)
    return row


@transaction
def remove_member(actor: Actor, party_ref: str, user_ref: str) -> None:
    """Let somebody go (or leave oneself): their sessions and keys for this party end at once.

    Raises ``NotFound``, ``Conflict`` (``member.last_admin``).
    """
    party = lock(Party, party_ref)
    actor.must_see(Permission.PARTY_READ, party)
    if actor.user_ref == user_ref:
        must_be_oneself(actor)
    else:
        actor.must(Permission.MEMBER_MANAGE, party)
    row = _of(party, user_ref)
    _must_leave_an_administrator(party, row)
    row.active = False
    row.roles = []
    now = clock.wall()
    session.execute(
        update(Session)
        .where(Session.user_id == row.user_id, Session.party_id == party.id, Session.ended_at.is_(None))
        .values(ended_at=now)
    )
    session.execute(
        update(ApiToken)
        .where(ApiToken.user_id == row.user_id, ApiToken.party_id == party.id, ApiToken.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    record(actor, "member.removed", party, user=user_ref)


# -- oneself -----------------------------------------------------------------------------------


def must_be_oneself(actor: Actor) -> User:
    """The person who acts on their own account: in a session, or by a token whose scopes include ``account``.

    Raises ``NotSignedIn``, ``NotAllowed``.
    """
    if actor.user is None:
        raise NotSignedIn("auth.required", N_("Sign in first."))
    if actor.scopes is not None and not actor.scopes & {"account", "all"}:
        raise NotAllowed(
            "token.scope",
            N_("This token may not do that: it needs one of the scopes %(scopes)s."),
            scopes="account, all",
        )
    return actor.user


@transaction
def set_locale(actor: Actor, locale: str | None) -> User:
    """Choose the language of pages and mail (``None``: the browser's). Raises ``RuleBroken`` (``user.locale``)."""
    user = lock(User, must_be_oneself(actor))
    if locale is not None and locale not in LOCALES:
        raise RuleBroken("user.locale", N_("Choose Chinese or English."), field="locale")
    if user.locale != locale:
        user.locale = locale
        record(actor, "user.edited", user, fields=["locale"])
    return user


@transaction
def choose_mail(actor: Actor, *, wanted: bool) -> User:
    """Choose whether letters come about everything, or only about what binds, is due or concerns money."""
    user = lock(User, must_be_oneself(actor))
    if user.preferences.get("mail", True) != wanted:
        user.preferences = {**user.preferences, "mail": wanted}
        record(actor, "user.edited", user, fields=["mail"])
    return user


@transaction
def rename(actor: Actor, name: str) -> User:
    """Change one's own name as trails and contracts print it from now on."""
    user = lock(User, must_be_oneself(actor))
    name = line(name, "name")
    if user.name != name:
        user.name = name
        record(actor, "user.edited", user, fields=["name"])
    return user
