"""Flow and its tracks: contract, consents, export clearance, money, registration, filings, notices, certificate.

Their states and moves are in ``states.py``; the names of both are importable from here.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from contracts.states import (
    CLEARANCE,
    CONSENT,
    CONTRACT,
    ESCROW,
    FILING,
    NOTICE,
    PAYOUT,
    REGISTRATION,
    ClearanceStatus,
    ConsentKind,
    ConsentStatus,
    ContractStatus,
    EscrowStatus,
    FilingKind,
    FilingStatus,
    NoticeStatus,
    PayoutStatus,
    RegistrationStatus,
)
from exchange.core import clock
from exchange.core.db import Base, Fen, Id, Json, Referenced, Versioned, append_only, enum_column
from exchange.core.files import Document
from exchange.deals.models import Deal
from exchange.parties.models import Party
from exchange.rights.models import Right

__all__ = [
    "CLEARANCE",
    "CONSENT",
    "CONTRACT",
    "ESCROW",
    "FILING",
    "NOTICE",
    "PAYOUT",
    "REGISTRATION",
    "Certificate",
    "ClearanceStatus",
    "Consent",
    "ConsentKind",
    "ConsentStatus",
    "ContractRegistration",
    "ContractStatus",
    "Escrow",
    "EscrowStatus",
    "ExportClearance",
    "Filing",
    "FilingKind",
    "FilingStatus",
    "Flow",
    "NoticeStatus",
    "OfficeNotice",
    "Payout",
    "PayoutStatus",
    "RegistrationStatus",
    "Signature",
    "TechnologyContract",
]


class Flow(Referenced, Versioned, Base):
    """The one-stop file of a deal."""

    __tablename__ = "flow"
    REF = "FL"

    deal_id: Mapped[int] = mapped_column(Id, ForeignKey("deal.id"), unique=True)
    opened_at: Mapped[datetime] = mapped_column(default=clock.now)

    deal: Mapped[Deal] = relationship(lazy="joined")
    contracts: Mapped[list[TechnologyContract]] = relationship(
        back_populates="flow", order_by="TechnologyContract.id"
    )
    consents: Mapped[list[Consent]] = relationship(back_populates="flow", order_by="Consent.id")
    clearance: Mapped[ExportClearance | None] = relationship(back_populates="flow", lazy="joined")
    escrow: Mapped[Escrow] = relationship(back_populates="flow", lazy="joined")
    registrations: Mapped[list[ContractRegistration]] = relationship(
        back_populates="flow", order_by="ContractRegistration.id"
    )
    filings: Mapped[list[Filing]] = relationship(back_populates="flow", order_by="Filing.id")
    certificate: Mapped[Certificate | None] = relationship(back_populates="flow", lazy="joined")

    def parties_for(self, relation: str) -> frozenset[int]:
        """``seller``, ``buyer``, ``either`` of the deal."""
        return self.deal.parties_for(relation)


class _OfFlow:
    """What belongs to a flow stands in the relations of its deal."""

    flow: Mapped[Flow]

    def parties_for(self, relation: str) -> frozenset[int]:
        """``seller``, ``buyer``, ``either`` of the deal."""
        return self.flow.parties_for(relation)


class TechnologyContract(Referenced, Versioned, _OfFlow, Base):
    """The written contract: terms, a snapshot of parties and rights, the document and the hash that is signed."""

    __tablename__ = "technology_contract"
    REF = "TC"

    flow_id: Mapped[int] = mapped_column(Id, ForeignKey("flow.id"), index=True)
    kind: Mapped[str] = mapped_column(String(4))
    """Type of law.md §1.1: TT transfer, TL licence."""
    status: Mapped[ContractStatus] = mapped_column(
        enum_column(ContractStatus, "contract_status"), default=ContractStatus.DRAFT
    )
    terms: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    snapshot: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    price_fen: Mapped[int] = mapped_column(Fen)
    technology_fen: Mapped[int] = mapped_column(Fen)
    """技术交易额: the price less non-technical items (law.md §1.4)."""
    document_id: Mapped[int | None] = mapped_column(Id, ForeignKey("document.id"))
    sha256: Mapped[str | None] = mapped_column(String(64))
    signed_on: Mapped[date | None] = mapped_column()

    flow: Mapped[Flow] = relationship(back_populates="contracts")
    document: Mapped[Document | None] = relationship(lazy="joined")
    signatures: Mapped[list[Signature]] = relationship(back_populates="contract", order_by="Signature.id")

    __table_args__ = (
        Index(
            "uq_technology_contract_live",
            "flow_id",
            unique=True,
            sqlite_where=text("status <> 'void'"),
            postgresql_where=text("status <> 'void'"),
        ),
    )


@append_only
class Signature(Base):
    """An authenticated act over the hash of the exact document."""

    __tablename__ = "signature"

    contract_id: Mapped[int] = mapped_column(Id, ForeignKey("technology_contract.id"))
    party_id: Mapped[int] = mapped_column(Id, ForeignKey("party.id"))
    user_ref: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(100))
    sha256: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column()
    evidence: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)

    contract: Mapped[TechnologyContract] = relationship(back_populates="signatures")
    party: Mapped[Party] = relationship(lazy="joined")

    __table_args__ = (UniqueConstraint("contract_id", "party_id"),)


class Consent(Referenced, Versioned, _OfFlow, Base):
    """A consent or waiver that a right needs before the contract can be signed."""

    __tablename__ = "consent"
    REF = "CO"

    flow_id: Mapped[int] = mapped_column(Id, ForeignKey("flow.id"), index=True)
    right_id: Mapped[int] = mapped_column(Id, ForeignKey("right_record.id"))
    kind: Mapped[ConsentKind] = mapped_column(enum_column(ConsentKind, "consent_kind"))
    name: Mapped[str] = mapped_column(String(255))
    status: Mapped[ConsentStatus] = mapped_column(
        enum_column(ConsentStatus, "consent_status"), default=ConsentStatus.ASKED
    )
    document_id: Mapped[int | None] = mapped_column(Id, ForeignKey("document.id"))
    answered_at: Mapped[datetime | None] = mapped_column()

    flow: Mapped[Flow] = relationship(back_populates="consents")
    right: Mapped[Right] = relationship(lazy="joined")
    document: Mapped[Document | None] = relationship(lazy="joined")

    __table_args__ = (UniqueConstraint("flow_id", "right_id", "kind", "name"),)


class ExportClearance(Referenced, Versioned, _OfFlow, Base):
    """The export track: exists only where buyer and right call for it."""

    __tablename__ = "export_clearance"
    REF = "EX"

    flow_id: Mapped[int] = mapped_column(Id, ForeignKey("flow.id"), unique=True)
    status: Mapped[ClearanceStatus] = mapped_column(
        enum_column(ClearanceStatus, "clearance_status"), default=ClearanceStatus.REQUIRED
    )
    category: Mapped[str | None] = mapped_column(String(16))
    """``free``, ``restricted`` or ``prohibited``, as the seller declares it; empty until then."""
    intent_no: Mapped[str | None] = mapped_column(String(64))
    """Number of the letter of intent (许可意向书): without it restricted technology is not even contracted."""
    approval_no: Mapped[str | None] = mapped_column(String(64))
    """Approval of the project body where the right comes from a publicly funded project."""
    certificate_no: Mapped[str | None] = mapped_column(String(64))
    entered_by: Mapped[str | None] = mapped_column(String(16))
    decided_by: Mapped[str | None] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(Text)
    document_id: Mapped[int | None] = mapped_column(Id, ForeignKey("document.id"))

    flow: Mapped[Flow] = relationship(back_populates="clearance")
    document: Mapped[Document | None] = relationship(lazy="joined")


class Escrow(Versioned, _OfFlow, Base):
    """The money track."""

    __tablename__ = "escrow"

    flow_id: Mapped[int] = mapped_column(Id, ForeignKey("flow.id"), unique=True)
    status: Mapped[EscrowStatus] = mapped_column(
        enum_column(EscrowStatus, "escrow_status"), default=EscrowStatus.AWAITING
    )
    price_fen: Mapped[int] = mapped_column(Fen)
    fee_fen: Mapped[int] = mapped_column(Fen)
    due_at: Mapped[datetime | None] = mapped_column()
    reminded_at: Mapped[datetime | None] = mapped_column()
    """When the buyer was reminded; 30 days later the seller may rescind (law.md §1.2)."""
    funded_at: Mapped[datetime | None] = mapped_column()
    closed_at: Mapped[datetime | None] = mapped_column()

    flow: Mapped[Flow] = relationship(back_populates="escrow")


class Payout(Referenced, Versioned, Base):
    """Money that leaves the exchange for a party's bank account: the act of two people."""

    __tablename__ = "payout"
    REF = "PO"

    party_id: Mapped[int] = mapped_column(Id, ForeignKey("party.id"), index=True)
    flow_id: Mapped[int | None] = mapped_column(Id, ForeignKey("flow.id"), index=True)
    amount_fen: Mapped[int] = mapped_column(Fen)
    status: Mapped[PayoutStatus] = mapped_column(
        enum_column(PayoutStatus, "payout_status"), default=PayoutStatus.REQUESTED
    )
    requested_by: Mapped[str] = mapped_column(String(16))
    decided_by: Mapped[str | None] = mapped_column(String(16))
    bank_reference: Mapped[str | None] = mapped_column(String(64))
    bank_account: Mapped[str] = mapped_column(String(64), default="")
    requested_at: Mapped[datetime] = mapped_column(default=clock.now)
    decided_at: Mapped[datetime | None] = mapped_column()

    party: Mapped[Party] = relationship(lazy="joined")

    def parties_for(self, relation: str) -> frozenset[int]:  # noqa: ARG002  one relation only
        """``seller`` and ``either``: the party that is paid."""
        return frozenset({self.party_id})


class ContractRegistration(Referenced, Versioned, _OfFlow, Base):
    """An application to the technology-contract registrar: voluntary, once per contract (law.md §1.3)."""

    __tablename__ = "contract_registration"
    REF = "CR"

    flow_id: Mapped[int] = mapped_column(Id, ForeignKey("flow.id"), index=True)
    contract_id: Mapped[int] = mapped_column(Id, ForeignKey("technology_contract.id"))
    registrar_id: Mapped[int | None] = mapped_column(Id, ForeignKey("party.id"), index=True)
    status: Mapped[RegistrationStatus] = mapped_column(
        enum_column(RegistrationStatus, "registration_status"), default=RegistrationStatus.DRAFT
    )
    profile: Mapped[str] = mapped_column(String(16))
    form: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    number: Mapped[str | None] = mapped_column(String(16), unique=True)
    technology_fen: Mapped[int | None] = mapped_column(Fen)
    accepted_at: Mapped[datetime | None] = mapped_column()
    decide_by: Mapped[date | None] = mapped_column()
    decide_by_provisional: Mapped[bool] = mapped_column(default=False)
    registered_on: Mapped[date | None] = mapped_column()
    refusal_code: Mapped[str | None] = mapped_column(String(8))
    note: Mapped[str] = mapped_column(Text, default="")
    examined_by: Mapped[str | None] = mapped_column(String(16))
    """Who examined it first and passed it on to the second examination."""
    decided_by: Mapped[str | None] = mapped_column(String(16))
    large_reviewed_by: Mapped[str | None] = mapped_column(String(16))

    flow: Mapped[Flow] = relationship(back_populates="registrations")
    contract: Mapped[TechnologyContract] = relationship(lazy="joined")
    registrar: Mapped[Party | None] = relationship(lazy="joined")
    notices: Mapped[list[OfficeNotice]] = relationship(
        back_populates="registration", order_by="OfficeNotice.id"
    )

    __table_args__ = (
        Index(
            "uq_contract_registration_live",
            "contract_id",
            unique=True,
            sqlite_where=text("status NOT IN ('refused', 'cancelled', 'revoked')"),
            postgresql_where=text("status NOT IN ('refused', 'cancelled', 'revoked')"),
        ),
    )


class Filing(Referenced, Versioned, _OfFlow, Base):
    """The filing of one right: package, fee, notices, and the day on which it was recorded."""

    __tablename__ = "filing"
    REF = "FI"

    flow_id: Mapped[int] = mapped_column(Id, ForeignKey("flow.id"), index=True)
    right_id: Mapped[int] = mapped_column(Id, ForeignKey("right_record.id"), index=True)
    kind: Mapped[FilingKind] = mapped_column(
        enum_column(FilingKind, "filing_kind"), default=FilingKind.TRANSFER
    )
    price_fen: Mapped[int] = mapped_column(Fen)
    """This right's part of the price."""
    status: Mapped[FilingStatus] = mapped_column(
        enum_column(FilingStatus, "filing_status"), default=FilingStatus.DRAFT
    )
    package: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    filed_on: Mapped[date | None] = mapped_column()
    fee_due_on: Mapped[date | None] = mapped_column()
    fee_fen: Mapped[int | None] = mapped_column(Fen)
    fee_paid_on: Mapped[date | None] = mapped_column()
    fee_receipt: Mapped[str | None] = mapped_column(String(64))
    supplement_due_on: Mapped[date | None] = mapped_column()
    recorded_on: Mapped[date | None] = mapped_column()
    hold_reason: Mapped[str | None] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(default=0)

    flow: Mapped[Flow] = relationship(back_populates="filings")
    right: Mapped[Right] = relationship(lazy="joined")
    notices: Mapped[list[OfficeNotice]] = relationship(back_populates="filing", order_by="OfficeNotice.id")

    __table_args__ = (UniqueConstraint("flow_id", "right_id"),)


class OfficeNotice(Referenced, Versioned, Base):
    """A notice of the patent office (codes of law.md §2.2) or of the registrar, with number, date and file."""

    __tablename__ = "office_notice"
    REF = "ON"

    filing_id: Mapped[int | None] = mapped_column(Id, ForeignKey("filing.id"), index=True)
    registration_id: Mapped[int | None] = mapped_column(
        Id, ForeignKey("contract_registration.id"), index=True
    )
    code: Mapped[str] = mapped_column(String(16))
    number: Mapped[str] = mapped_column(String(64))
    dated: Mapped[date] = mapped_column()
    due_on: Mapped[date | None] = mapped_column()
    details: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    document_id: Mapped[int | None] = mapped_column(Id, ForeignKey("document.id"))
    status: Mapped[NoticeStatus] = mapped_column(
        enum_column(NoticeStatus, "office_notice_status"), default=NoticeStatus.ENTERED
    )
    entered_by: Mapped[str] = mapped_column(String(16))
    entered_at: Mapped[datetime] = mapped_column(default=clock.now)
    decided_by: Mapped[str | None] = mapped_column(String(16))
    decided_at: Mapped[datetime | None] = mapped_column()
    reason: Mapped[str | None] = mapped_column(Text)

    filing: Mapped[Filing | None] = relationship(back_populates="notices")
    registration: Mapped[ContractRegistration | None] = relationship(back_populates="notices")
    document: Mapped[Document | None] = relationship(lazy="joined")

    __table_args__ = (
        Index(
            "uq_office_notice_number",
            "code",
            "number",
            unique=True,
            sqlite_where=text("status <> 'rejected'"),
            postgresql_where=text("status <> 'rejected'"),
        ),
    )

    @property
    def flow(self) -> Flow:
        """The flow that it belongs to."""
        owner = self.filing or self.registration
        assert owner is not None
        return owner.flow

    def parties_for(self, relation: str) -> frozenset[int]:
        """As the flow."""
        return self.flow.parties_for(relation)


class Certificate(Base):
    """The transaction certificate (交易凭证), checked by anyone at ``/verify/<code>``."""

    __tablename__ = "certificate"

    code: Mapped[str] = mapped_column(String(26), unique=True)
    number: Mapped[str] = mapped_column(String(32), unique=True)
    flow_id: Mapped[int] = mapped_column(Id, ForeignKey("flow.id"), unique=True)
    snapshot: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    sha256: Mapped[str] = mapped_column(String(64))
    document_id: Mapped[int | None] = mapped_column(Id, ForeignKey("document.id"))
    issued_at: Mapped[datetime] = mapped_column()
    revoked_at: Mapped[datetime | None] = mapped_column()
    revoked_reason: Mapped[str | None] = mapped_column(Text)

    flow: Mapped[Flow] = relationship(back_populates="certificate")
