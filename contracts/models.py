"""Flow and its tracks: contract, consents, export clearance, money, registration, filings, notices, certificate.

Independent facts are independent lifecycles: registration and recordal do not wait for each other (law.md §7.2), and
a flow has no status of its own; its stage is computed from its tracks (``onestop.stage``).
"""

from __future__ import annotations

from datetime import date, datetime
from enum import Enum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from exchange.core import clock
from exchange.core.db import Base, Fen, Id, Json, Referenced, Versioned, enum_column
from exchange.core.errors import N_
from exchange.core.files import Document
from exchange.core.labels import labelled
from exchange.core.lifecycle import Lifecycle, move
from exchange.deals.models import Deal
from exchange.parties.models import Party
from exchange.rights.models import Right


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
    clearance: Mapped[ExportClearance | None] = relationship(back_populates="flow")
    escrow: Mapped[Escrow] = relationship(back_populates="flow")
    registrations: Mapped[list[ContractRegistration]] = relationship(
        back_populates="flow", order_by="ContractRegistration.id"
    )
    filings: Mapped[list[Filing]] = relationship(back_populates="flow", order_by="Filing.id")
    certificate: Mapped[Certificate | None] = relationship(back_populates="flow")

    def parties_for(self, relation: str) -> frozenset[int]:
        """``seller``, ``buyer``, ``either`` of the deal."""
        return self.deal.parties_for(relation)


class _OfFlow:
    """What belongs to a flow stands in the relations of its deal."""

    flow: Mapped[Flow]

    def parties_for(self, relation: str) -> frozenset[int]:
        """``seller``, ``buyer``, ``either`` of the deal."""
        return self.flow.parties_for(relation)


@labelled(
    draft=N_("Draft"),
    ready=N_("Ready for signature"),
    signed=N_("Signed by all"),
    void=N_("Void"),
)
class ContractStatus(Enum):
    """Where the written contract stands."""

    DRAFT = "draft"
    READY = "ready"
    SIGNED = "signed"
    VOID = "void"


CONTRACT = Lifecycle(
    "contract",
    ContractStatus,
    initial="draft",
    moves=[
        move("finalise", {"draft"}, "ready", by="either", note="complete by law.md §1.2; its hash is fixed"),
        move("reopen", {"ready"}, "draft", by="either", note="nobody has signed yet"),
        move("sign", {"ready"}, "signed", by="signer", note="the last signature"),
        move(
            "void",
            {"draft", "ready", "signed"},
            "void",
            by="system",
            note="replaced, or the deal was rescinded",
        ),
    ],
)


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


@labelled(
    co_owner=N_("Co-owner’s consent"), pledgee=N_("Pledgee’s consent"), inventor=N_("Inventor’s pre-emption")
)
class ConsentKind(Enum):
    """Whose word is needed (law.md §1.2 pre-emption, §2.1 co-owners, §2.4 pledge)."""

    CO_OWNER = "co_owner"
    PLEDGEE = "pledgee"
    INVENTOR = "inventor"


@labelled(asked=N_("Asked"), given=N_("Given"), refused=N_("Refused"))
class ConsentStatus(Enum):
    """Where a consent stands; ``given`` includes the waiver of a pre-emption."""

    ASKED = "asked"
    GIVEN = "given"
    REFUSED = "refused"


CONSENT = Lifecycle(
    "consent",
    ConsentStatus,
    initial="asked",
    moves=[
        move("give", {"asked", "refused"}, "given", by="seller", note="with the document that says so"),
        move("refuse", {"asked"}, "refused", by="seller"),
    ],
)


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


@labelled(
    required=N_("Required"),
    applied=N_("Applied for"),
    cleared=N_("Cleared"),
    refused=N_("Refused"),
)
class ClearanceStatus(Enum):
    """Technology export to a foreign buyer (law.md §2.3)."""

    REQUIRED = "required"
    APPLIED = "applied"
    CLEARED = "cleared"
    REFUSED = "refused"


CLEARANCE = Lifecycle(
    "clearance",
    ClearanceStatus,
    initial="required",
    moves=[
        move("apply", {"required", "refused"}, "applied", by="seller"),
        move(
            "clear",
            {"applied"},
            "cleared",
            by="reviewer",
            note="licence or registration certificate verified",
        ),
        move("refuse", {"applied"}, "refused", by="reviewer"),
    ],
)


class ExportClearance(Referenced, Versioned, _OfFlow, Base):
    """The export track: exists only where buyer and right call for it."""

    __tablename__ = "export_clearance"
    REF = "EX"

    flow_id: Mapped[int] = mapped_column(Id, ForeignKey("flow.id"), unique=True)
    status: Mapped[ClearanceStatus] = mapped_column(
        enum_column(ClearanceStatus, "clearance_status"), default=ClearanceStatus.REQUIRED
    )
    certificate_no: Mapped[str | None] = mapped_column(String(64))
    entered_by: Mapped[str | None] = mapped_column(String(16))
    document_id: Mapped[int | None] = mapped_column(Id, ForeignKey("document.id"))

    flow: Mapped[Flow] = relationship(back_populates="clearance")
    document: Mapped[Document | None] = relationship(lazy="joined")


@labelled(
    awaiting=N_("Waiting for the price"),
    funded=N_("In escrow"),
    released=N_("Credited to the seller"),
    refunded=N_("Refunded to the buyer"),
    void=N_("Not needed"),
)
class EscrowStatus(Enum):
    """Where the price is; the ledger has the amounts."""

    AWAITING = "awaiting"
    FUNDED = "funded"
    RELEASED = "released"
    REFUNDED = "refunded"
    VOID = "void"


ESCROW = Lifecycle(
    "escrow",
    EscrowStatus,
    initial="awaiting",
    moves=[
        move("fund", {"awaiting"}, "funded", by="finance_officer", note="the whole price is in"),
        move("release", {"funded"}, "released", by="system", note="every filing is recorded"),
        move("refund", {"funded"}, "refunded", by="system", note="rescinded before recording"),
        move("void", {"awaiting"}, "void", by="system", note="rescinded before payment"),
    ],
)


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
    funded_at: Mapped[datetime | None] = mapped_column()
    closed_at: Mapped[datetime | None] = mapped_column()

    flow: Mapped[Flow] = relationship(back_populates="escrow")


@labelled(requested=N_("Requested"), paid=N_("Paid out"), refused=N_("Refused"))
class PayoutStatus(Enum):
    """Where a payout stands."""

    REQUESTED = "requested"
    PAID = "paid"
    REFUSED = "refused"


PAYOUT = Lifecycle(
    "payout",
    PayoutStatus,
    initial="requested",
    moves=[
        move(
            "approve",
            {"requested"},
            "paid",
            by="finance_officer",
            note="another person than the one who asked",
        ),
        move("refuse", {"requested"}, "refused", by="finance_officer"),
    ],
)


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


@labelled(
    draft=N_("Not applied for"),
    applied=N_("Applied for"),
    accepted=N_("Accepted for examination"),
    supplement=N_("To be supplemented"),
    large_review=N_("Second examination (large amount)"),
    registered=N_("Registered"),
    refused=N_("Refused"),
    cancelled=N_("Cancelled"),
    revoked=N_("Revoked"),
)
class RegistrationStatus(Enum):
    """Technology-contract registration (law.md §7.3)."""

    DRAFT = "draft"
    APPLIED = "applied"
    ACCEPTED = "accepted"
    SUPPLEMENT = "supplement"
    LARGE_REVIEW = "large_review"
    REGISTERED = "registered"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    REVOKED = "revoked"


REGISTRATION = Lifecycle(
    "registration",
    RegistrationStatus,
    initial="draft",
    moves=[
        move("apply", {"draft"}, "applied", by="seller"),
        move("accept", {"applied"}, "accepted", by="registrar"),
        move("ask_supplement", {"accepted"}, "supplement", by="registrar"),
        move("supplement", {"supplement"}, "accepted", by="seller"),
        move("large_review", {"accepted"}, "large_review", by="registrar", rule="tcontract.large_amount"),
        move(
            "register", {"accepted", "large_review"}, "registered", by="reviewer", note="certificate verified"
        ),
        move("refuse", {"accepted", "large_review"}, "refused", by="registrar"),
        move("cancel", {"applied", "accepted", "supplement", "registered"}, "cancelled", by="seller"),
        move("revoke", {"registered"}, "revoked", by="registrar"),
    ],
)


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
    decided_by: Mapped[str | None] = mapped_column(String(16))
    large_reviewed_by: Mapped[str | None] = mapped_column(String(16))

    flow: Mapped[Flow] = relationship(back_populates="registrations")
    contract: Mapped[TechnologyContract] = relationship(lazy="joined")
    registrar: Mapped[Party | None] = relationship()
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


@labelled(
    draft=N_("Not filed"),
    filed=N_("Filed, fee not yet paid"),
    fee_paid=N_("Filed, fee paid"),
    supplement=N_("To be supplemented"),
    recorded=N_("Recorded"),
    deemed_not_filed=N_("Deemed not filed"),
    on_hold=N_("On hold"),
    abandoned=N_("Abandoned"),
)
class FilingStatus(Enum):
    """Ownership-change filing at the patent office, one per right (law.md §7.2)."""

    DRAFT = "draft"
    FILED = "filed"
    FEE_PAID = "fee_paid"
    SUPPLEMENT = "supplement"
    RECORDED = "recorded"
    DEEMED_NOT_FILED = "deemed_not_filed"
    ON_HOLD = "on_hold"
    ABANDONED = "abandoned"


FILING = Lifecycle(
    "filing",
    FilingStatus,
    initial="draft",
    moves=[
        move("submit", {"draft", "deemed_not_filed"}, "filed", by="either"),
        move("pay_fee", {"filed"}, "fee_paid", by="either"),
        move("ask_supplement", {"fee_paid"}, "supplement", by="reviewer", note="notice 200029"),
        move("answer", {"supplement"}, "fee_paid", by="either"),
        move("record", {"fee_paid", "supplement"}, "recorded", by="reviewer", note="notice 200028 verified"),
        move(
            "deem_not_filed",
            {"filed", "fee_paid", "supplement"},
            "deemed_not_filed",
            by="clock or reviewer",
            rule="recordal.pay_within",
            note="fee not paid in time, or notice 200023",
        ),
        move(
            "hold",
            {"draft", "filed", "fee_paid", "supplement"},
            "on_hold",
            by="system",
            note="a block appeared",
        ),
        move(
            "resume",
            {"on_hold"},
            "draft",
            by="system",
            note="the block has gone; the package is checked again",
        ),
        move(
            "abandon",
            {"draft", "filed", "fee_paid", "supplement", "deemed_not_filed", "on_hold"},
            "abandoned",
            by="system",
            note="the deal was rescinded",
        ),
    ],
)


@labelled(transfer=N_("Ownership change"), licence=N_("Licence recordal"))
class FilingKind(Enum):
    """What is filed."""

    TRANSFER = "transfer"
    LICENCE = "licence"


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


@labelled(entered=N_("Entered, to be verified"), verified=N_("Verified"), rejected=N_("Rejected"))
class NoticeStatus(Enum):
    """What a registry said is entered by one person and verified by another."""

    ENTERED = "entered"
    VERIFIED = "verified"
    REJECTED = "rejected"


NOTICE = Lifecycle(
    "notice",
    NoticeStatus,
    initial="entered",
    moves=[
        move("verify", {"entered"}, "verified", by="reviewer", note="not the one who entered it"),
        move("reject", {"entered"}, "rejected", by="reviewer"),
    ],
)


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

    __table_args__ = (UniqueConstraint("code", "number"),)

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
