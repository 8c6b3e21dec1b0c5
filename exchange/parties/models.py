"""Party, User, Membership, Verification, and what a login leaves behind."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from exchange.core import clock
from exchange.core.db import Base, Id, Json, Referenced, Versioned, enum_column
from exchange.core.errors import N_
from exchange.core.labels import labelled
from exchange.core.lifecycle import Lifecycle, move


@labelled(
    university=N_("University"),
    institute=N_("Research institute"),
    enterprise=N_("Enterprise"),
    bank=N_("Bank"),
    guarantor=N_("Guarantor"),
    appraiser=N_("Appraiser"),
    registrar=N_("Technology-contract registrar"),
    operator=N_("Exchange operator"),
    person=N_("Natural person"),
)
class PartyKind(Enum):
    """What a party is; university and institute are bound by the publicity of law.md §4.1."""

    UNIVERSITY = "university"
    INSTITUTE = "institute"
    ENTERPRISE = "enterprise"
    BANK = "bank"
    GUARANTOR = "guarantor"
    APPRAISER = "appraiser"
    REGISTRAR = "registrar"
    OPERATOR = "operator"
    PERSON = "person"


@labelled(
    registered=N_("Not verified yet"),
    submitted=N_("Submitted for verification"),
    verified=N_("Verified"),
    refused=N_("Verification refused"),
    suspended=N_("Suspended"),
)
class PartyStatus(Enum):
    """How far the exchange has verified a party."""

    REGISTERED = "registered"
    SUBMITTED = "submitted"
    VERIFIED = "verified"
    REFUSED = "refused"
    SUSPENDED = "suspended"


PARTY = Lifecycle(
    "party",
    PartyStatus,
    initial="registered",
    moves=[
        move("submit", {"registered", "refused"}, "submitted", by="owner_admin"),
        move("verify", {"submitted", "registered"}, "verified", by="operator"),
        move("refuse", {"submitted"}, "refused", by="operator"),
        move("suspend", {"verified"}, "suspended", by="operator"),
        move("restore", {"suspended"}, "verified", by="operator"),
    ],
)


@labelled(
    owner_admin=N_("Administrator of the organisation"),
    agent=N_("Agent"),
    signer=N_("Signer"),
    finance=N_("Finance"),
    operator=N_("Operator"),
    reviewer=N_("Reviewer"),
    finance_officer=N_("Finance officer of the exchange"),
    registrar=N_("Registrar"),
    auditor=N_("Auditor"),
)
class Role(Enum):
    """What a person may do for an organisation, or on the exchange (interface.md, Roles)."""

    OWNER_ADMIN = "owner_admin"
    AGENT = "agent"
    SIGNER = "signer"
    FINANCE = "finance"
    OPERATOR = "operator"
    REVIEWER = "reviewer"
    FINANCE_OFFICER = "finance_officer"
    REGISTRAR = "registrar"
    AUDITOR = "auditor"


@labelled(
    licence=N_("Business licence or certificate of legal person"),
    authorisation=N_("Authorisation of the person who signs in"),
    identity=N_("Identity document"),
    name_change=N_("Proof of a former name"),
    other=N_("Other document"),
)
class PaperKind(Enum):
    """What a document given for verification proves (``Document.purpose`` holds the value)."""

    LICENCE = "licence"
    AUTHORISATION = "authorisation"
    IDENTITY = "identity"
    NAME_CHANGE = "name_change"
    OTHER = "other"


EXCHANGE_ROLES = frozenset({Role.OPERATOR, Role.REVIEWER, Role.FINANCE_OFFICER, Role.REGISTRAR, Role.AUDITOR})
"""Roles that act on the whole exchange; only parties of kind operator (registrar: registrar) can give them."""


class Party(Referenced, Versioned, Base):
    """A person or organisation that owns, sells, buys, lends or registers."""

    __tablename__ = "party"
    REF = "PT"

    kind: Mapped[PartyKind] = mapped_column(enum_column(PartyKind, "party_kind"))
    name: Mapped[str] = mapped_column(String(255), index=True)
    name_en: Mapped[str | None] = mapped_column(String(255))
    uscc: Mapped[str | None] = mapped_column(String(18), unique=True)
    region: Mapped[str | None] = mapped_column(String(6))
    country: Mapped[str] = mapped_column(String(2), default="CN")
    address: Mapped[str | None] = mapped_column(String(500))
    legal_representative: Mapped[str | None] = mapped_column(String(100))
    phone: Mapped[str | None] = mapped_column(String(40))
    status: Mapped[PartyStatus] = mapped_column(
        enum_column(PartyStatus, "party_status"), default=PartyStatus.REGISTERED
    )
    status_reason: Mapped[str | None] = mapped_column(Text)
    verified_at: Mapped[datetime | None] = mapped_column()
    bank_account: Mapped[str | None] = mapped_column(String(64))
    bank_name: Mapped[str | None] = mapped_column(String(255))

    names: Mapped[list[PartyName]] = relationship(back_populates="party", cascade="all, delete-orphan")
    memberships: Mapped[list[Membership]] = relationship(back_populates="party")

    def parties_for(self, relation: str) -> frozenset[int]:  # noqa: ARG002  one relation only
        """The party itself is its only relation."""
        return frozenset({self.id})

    @property
    def verified(self) -> bool:
        """Whether the exchange has verified it and not suspended it since."""
        return self.status is PartyStatus.VERIFIED


class PartyName(Base):
    """A further name the party is or was known by (former names, English name); ``verified`` ones link rights."""

    __tablename__ = "party_name"

    party_id: Mapped[int] = mapped_column(Id, ForeignKey("party.id"), index=True)
    name: Mapped[str] = mapped_column(String(255), index=True)
    verified: Mapped[bool] = mapped_column(default=False)

    party: Mapped[Party] = relationship(back_populates="names")

    __table_args__ = (UniqueConstraint("party_id", "name"),)


class User(Referenced, Versioned, Base):
    """A person who signs in."""

    __tablename__ = "user_account"
    REF = "US"

    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(100))
    password_hash: Mapped[str] = mapped_column(String(255))
    locale: Mapped[str | None] = mapped_column(String(16))
    active: Mapped[bool] = mapped_column(default=True)
    totp_secret: Mapped[str | None] = mapped_column(String(255))
    totp_last_step: Mapped[int | None] = mapped_column(BigInteger)
    recovery_codes: Mapped[list[str]] = mapped_column(Json, default=list)
    last_login_at: Mapped[datetime | None] = mapped_column()
    preferences: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)

    memberships: Mapped[list[Membership]] = relationship(back_populates="user")

    def parties_for(self, relation: str) -> frozenset[int]:  # noqa: ARG002  one relation only
        """The organisations the person belongs to."""
        return frozenset(m.party_id for m in self.memberships if m.active)


class Membership(Base):
    """A person's roles in one organisation."""

    __tablename__ = "membership"

    user_id: Mapped[int] = mapped_column(Id, ForeignKey("user_account.id"))
    party_id: Mapped[int] = mapped_column(Id, ForeignKey("party.id"), index=True)
    roles: Mapped[list[str]] = mapped_column(Json, default=list)
    active: Mapped[bool] = mapped_column(default=True)
    since: Mapped[datetime] = mapped_column(default=clock.now)

    user: Mapped[User] = relationship(back_populates="memberships")
    party: Mapped[Party] = relationship(back_populates="memberships", lazy="joined")

    __table_args__ = (UniqueConstraint("user_id", "party_id"),)


class Session(Base):
    """A signed-in browser: kept on the server, so that it can be ended from elsewhere."""

    __tablename__ = "login_session"

    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(Id, ForeignKey("user_account.id"), index=True)
    party_id: Mapped[int | None] = mapped_column(Id, ForeignKey("party.id"))
    created_at: Mapped[datetime] = mapped_column()
    seen_at: Mapped[datetime] = mapped_column()
    ended_at: Mapped[datetime | None] = mapped_column()
    second_factor_at: Mapped[datetime | None] = mapped_column()
    address: Mapped[str] = mapped_column(String(64), default="")
    agent: Mapped[str] = mapped_column(String(255), default="")

    user: Mapped[User] = relationship(lazy="joined")


class ApiToken(Referenced, Base):
    """A bearer token: only its hash is kept."""

    __tablename__ = "api_token"
    REF = "TK"

    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    prefix: Mapped[str] = mapped_column(String(12))
    user_id: Mapped[int] = mapped_column(Id, ForeignKey("user_account.id"), index=True)
    party_id: Mapped[int] = mapped_column(Id, ForeignKey("party.id"))
    label: Mapped[str] = mapped_column(String(100), default="")
    scopes: Mapped[list[str]] = mapped_column(Json, default=list)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    expires_at: Mapped[datetime] = mapped_column()
    last_used_at: Mapped[datetime | None] = mapped_column()
    revoked_at: Mapped[datetime | None] = mapped_column()

    user: Mapped[User] = relationship(lazy="joined")
    party: Mapped[Party] = relationship(lazy="joined")

    def parties_for(self, relation: str) -> frozenset[int]:  # noqa: ARG002  one relation only
        """The organisation it acts for."""
        return frozenset({self.party_id})


class LoginTry(Base):
    """A try to sign in, for the throttle (per account and per address)."""

    __tablename__ = "login_try"

    subject: Mapped[str] = mapped_column(String(320))
    at: Mapped[datetime] = mapped_column()
    ok: Mapped[bool] = mapped_column()

    __table_args__ = (Index("ix_login_try_subject_at", "subject", "at"),)


class Invitation(Base):
    """An invitation into an organisation, sent by mail; only the hash of its secret is kept."""

    __tablename__ = "invitation"

    party_id: Mapped[int] = mapped_column(Id, ForeignKey("party.id"), index=True)
    email: Mapped[str] = mapped_column(String(254))
    roles: Mapped[list[str]] = mapped_column(Json, default=list)
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    expires_at: Mapped[datetime] = mapped_column()
    used_at: Mapped[datetime | None] = mapped_column()

    party: Mapped[Party] = relationship(lazy="joined")
