"""Right with its publications, owners of record, holdings, encumbrances and legal events."""

from __future__ import annotations

from datetime import date, datetime
from enum import Enum
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from exchange.core import clock
from exchange.core.db import Base, Id, Json, Referenced, Versioned, append_only, enum_column
from exchange.core.errors import N_
from exchange.core.files import Document
from exchange.core.labels import labelled
from exchange.parties.models import Party


@labelled(
    pending=N_("Pending"),
    granted=N_("In force"),
    lapsed=N_("Lapsed"),
    expired=N_("Expired"),
    invalid=N_("Declared invalid"),
    withdrawn=N_("Refused or withdrawn"),
    unknown=N_("Status not known"),
)
class RightStatus(Enum):
    """The phase of a right (law.md §2.7); burdens are separate facts (``Encumbrance``)."""

    PENDING = "pending"
    GRANTED = "granted"
    LAPSED = "lapsed"
    EXPIRED = "expired"
    INVALID = "invalid"
    WITHDRAWN = "withdrawn"
    UNKNOWN = "unknown"


DEAD = frozenset({RightStatus.LAPSED, RightStatus.EXPIRED, RightStatus.INVALID, RightStatus.WITHDRAWN})


@labelled(
    pledge=N_("Pledge"),
    preservation=N_("Court preservation"),
    dispute=N_("Ownership dispute, proceedings suspended"),
    licence=N_("Licence on record"),
    exclusive_licence=N_("Exclusive or sole licence"),
    open_licence=N_("Open licence"),
    invalidation_request=N_("Invalidation request pending"),
)
class EncumbranceKind(Enum):
    """What burdens a right. Flags are independent: clearing one never clears another (law.md §9 invariant 7)."""

    PLEDGE = "pledge"
    PRESERVATION = "preservation"
    DISPUTE = "dispute"
    LICENCE = "licence"
    EXCLUSIVE_LICENCE = "exclusive_licence"
    OPEN_LICENCE = "open_licence"
    INVALIDATION_REQUEST = "invalidation_request"


class Right(Referenced, Versioned, Base):
    """One right on the public register. ``key`` is ``<country><application number>`` where known, else
    ``P:<country><publication number without kind code>``; other kinds of IP use ``<scheme>:<number>``.
    """

    __tablename__ = "right_record"
    REF = "RT"

    key: Mapped[str] = mapped_column(String(64), unique=True)
    kind: Mapped[str] = mapped_column(String(32), index=True)
    country: Mapped[str] = mapped_column(String(2), default="CN")
    app_no: Mapped[str | None] = mapped_column(String(32), index=True)
    title: Mapped[str] = mapped_column(String(1000))
    title_en: Mapped[str | None] = mapped_column(String(1000))
    inventors: Mapped[list[str]] = mapped_column(Json, default=list)
    ipc: Mapped[list[str]] = mapped_column(Json, default=list)
    region: Mapped[str | None] = mapped_column(String(64))
    agency: Mapped[str | None] = mapped_column(String(255))
    filed_on: Mapped[date | None] = mapped_column()
    published_on: Mapped[date | None] = mapped_column()
    granted_on: Mapped[date | None] = mapped_column()
    compensation_days: Mapped[int] = mapped_column(default=0)
    status: Mapped[RightStatus] = mapped_column(
        enum_column(RightStatus, "right_status"), default=RightStatus.UNKNOWN
    )
    status_detail: Mapped[str | None] = mapped_column(String(255))
    status_as_of: Mapped[date | None] = mapped_column()
    status_source: Mapped[str | None] = mapped_column(String(255))
    status_checked_at: Mapped[datetime | None] = mapped_column()
    ended_on: Mapped[date | None] = mapped_column()
    fees_paid_through: Mapped[int | None] = mapped_column()
    fee_reduction: Mapped[bool] = mapped_column(default=False)
    government_funded: Mapped[bool] = mapped_column(default=False)
    same_day_application: Mapped[bool] = mapped_column(default=False)
    facts: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    """Where each fact came from and as of when: ``{"filed_on": {"source": …, "as_of": …}}``, and kind-specific facts."""
    row_hash: Mapped[str] = mapped_column(String(64), default="", index=True)
    """Hash of the last imported row that was about the right itself and no publication."""
    merged_into_id: Mapped[int | None] = mapped_column(Id, ForeignKey("right_record.id"))

    publications: Mapped[list[Publication]] = relationship(
        back_populates="right", order_by="Publication.published_on", cascade="all, delete-orphan"
    )
    owners: Mapped[list[RightOwner]] = relationship(
        back_populates="right",
        order_by="RightOwner.position",
        primaryjoin="and_(RightOwner.right_id == Right.id, RightOwner.until.is_(None))",
        viewonly=True,
    )
    holdings: Mapped[list[Holding]] = relationship(back_populates="right")
    watches: Mapped[list[Watch]] = relationship(back_populates="right", viewonly=True)
    encumbrances: Mapped[list[Encumbrance]] = relationship(
        back_populates="right",
        primaryjoin="and_(Encumbrance.right_id == Right.id, Encumbrance.ended_on.is_(None))",
        viewonly=True,
    )

    def parties_for(self, relation: str) -> frozenset[int]:
        """``holder``: parties with a holding that lasts; ``owner``: owners of record that are linked to a party;
        ``watcher``: parties that watch it and do not hold it.
        """
        if relation == "holder":
            return frozenset(h.party_id for h in self.holdings if h.ended_at is None)
        if relation == "owner":
            return frozenset(o.party_id for o in self.owners if o.party_id is not None)
        if relation == "watcher":
            return frozenset(w.party_id for w in self.watches) - self.parties_for("holder")
        return frozenset()


class Publication(Base):
    """A publication of a patent document: the newest gives the text that is shown."""

    __tablename__ = "publication"

    right_id: Mapped[int] = mapped_column(Id, ForeignKey("right_record.id"), index=True)
    number: Mapped[str] = mapped_column(String(32))
    """Country and number without kind code, e.g. ``CN111166530``."""
    kind_code: Mapped[str] = mapped_column(String(4), default="")
    published_on: Mapped[date | None] = mapped_column()
    title: Mapped[str] = mapped_column(String(1000))
    abstract: Mapped[str] = mapped_column(Text, default="")
    main_claim: Mapped[str] = mapped_column(Text, default="")
    abstract_en: Mapped[str | None] = mapped_column(Text)
    source: Mapped[str] = mapped_column(String(64), default="")
    row_hash: Mapped[str] = mapped_column(String(64), default="", index=True)
    """Hash of what the last import said, so that a second import of the same changes nothing."""

    right: Mapped[Right] = relationship(back_populates="publications")

    __table_args__ = (UniqueConstraint("number", "kind_code"),)


class RightOwner(Base):
    """An owner of record: a name with a share, and the party it is linked to (by code, verified name or operator)."""

    __tablename__ = "right_owner"

    right_id: Mapped[int] = mapped_column(Id, ForeignKey("right_record.id"))
    position: Mapped[int] = mapped_column(default=0)
    name: Mapped[str] = mapped_column(String(255), index=True)
    share_bp: Mapped[int | None] = mapped_column()
    party_id: Mapped[int | None] = mapped_column(Id, ForeignKey("party.id"), index=True)
    since: Mapped[date | None] = mapped_column()
    until: Mapped[date | None] = mapped_column()
    source: Mapped[str] = mapped_column(String(64), default="")

    right: Mapped[Right] = relationship(foreign_keys=[right_id])
    party: Mapped[Party | None] = relationship()

    __table_args__ = (Index("ix_right_owner_right_id_until", "right_id", "until"),)


class Holding(Base):
    """What a party claims and works with: the tenancy boundary of everything private about a right."""

    __tablename__ = "holding"

    party_id: Mapped[int] = mapped_column(Id, ForeignKey("party.id"))
    right_id: Mapped[int] = mapped_column(Id, ForeignKey("right_record.id"), index=True)
    verified: Mapped[bool] = mapped_column(default=False)
    basis: Mapped[str] = mapped_column(String(255), default="")
    """How it was verified: ``owner_of_record``, or the document and the operator who accepted it."""
    verified_at: Mapped[datetime | None] = mapped_column()
    ended_at: Mapped[datetime | None] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    notes: Mapped[str] = mapped_column(Text, default="")

    party: Mapped[Party] = relationship()
    right: Mapped[Right] = relationship(back_populates="holdings")

    __table_args__ = (UniqueConstraint("party_id", "right_id"),)

    def parties_for(self, relation: str) -> frozenset[int]:  # noqa: ARG002  one relation only
        """The holder."""
        return frozenset({self.party_id})


class Encumbrance(Referenced, Base):
    """A burden with its start, its source, and its end (``ended_on`` empty: it lasts)."""

    __tablename__ = "encumbrance"
    REF = "EN"

    right_id: Mapped[int] = mapped_column(Id, ForeignKey("right_record.id"), index=True)
    kind: Mapped[EncumbranceKind] = mapped_column(enum_column(EncumbranceKind, "encumbrance_kind"))
    since: Mapped[date] = mapped_column()
    ends_on: Mapped[date | None] = mapped_column()
    """When it lapses by itself (preservation); computed from the rulebook, never typed."""
    ended_on: Mapped[date | None] = mapped_column()
    holder: Mapped[str] = mapped_column(String(255), default="")
    register_no: Mapped[str] = mapped_column(String(64), default="")
    source: Mapped[str] = mapped_column(String(255), default="")
    details: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)

    right: Mapped[Right] = relationship(foreign_keys=[right_id])


class LegalEvent(Base):
    """What a register announced about a right. The state is what these say, replayed oldest first."""

    __tablename__ = "legal_event"

    right_id: Mapped[int] = mapped_column(Id, ForeignKey("right_record.id"), index=True)
    code: Mapped[str] = mapped_column(String(16))
    announced_on: Mapped[date] = mapped_column()
    effective_on: Mapped[date | None] = mapped_column()
    text: Mapped[str] = mapped_column(Text, default="")
    data: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    source: Mapped[str] = mapped_column(String(64), default="")
    fingerprint: Mapped[str] = mapped_column(String(64))
    applied: Mapped[bool] = mapped_column(default=False)
    warnings: Mapped[list[str]] = mapped_column(Json, default=list)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    right: Mapped[Right] = relationship()

    __table_args__ = (UniqueConstraint("right_id", "fingerprint"),)


@labelled(
    waiting=N_("Waiting"),
    running=N_("Running"),
    done=N_("Done"),
    refused=N_("Refused"),
)
class ImportStatus(Enum):
    """Where an import stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    REFUSED = "refused"


class RightImport(Referenced, Base):
    """One file brought in: the same file by the same party is the same import, and a broken run goes on."""

    __tablename__ = "right_import"
    REF = "RI"

    party_id: Mapped[int | None] = mapped_column(Id, ForeignKey("party.id"))
    user_ref: Mapped[str | None] = mapped_column(String(16))
    sha256: Mapped[str] = mapped_column(String(64))
    filename: Mapped[str] = mapped_column(String(255))
    format: Mapped[str] = mapped_column(String(32), default="")
    status: Mapped[ImportStatus] = mapped_column(
        enum_column(ImportStatus, "right_import_status"), default=ImportStatus.WAITING
    )
    read: Mapped[int] = mapped_column(default=0)
    added: Mapped[int] = mapped_column(default=0)
    updated: Mapped[int] = mapped_column(default=0)
    unchanged: Mapped[int] = mapped_column(default=0)
    rejected: Mapped[int] = mapped_column(default=0)
    warned: Mapped[int] = mapped_column(default=0)
    total: Mapped[int | None] = mapped_column()
    problems: Mapped[list[Any]] = mapped_column(Json, default=list)
    reason: Mapped[str | None] = mapped_column(Text)
    row_hashes: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    """Hashes (16 bytes each) of the rows that are in the tables: a second run of the same file compares only these."""
    queued_at: Mapped[datetime | None] = mapped_column()
    """When it was given to the jobs process."""
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    finished_at: Mapped[datetime | None] = mapped_column()

    party: Mapped[Party | None] = relationship()

    __table_args__ = (
        UniqueConstraint("party_id", "sha256"),
        # NULLs never collide: imports for no party need a guard of their own.
        Index(
            "uq_right_import_sha256_no_party",
            "sha256",
            unique=True,
            sqlite_where=text("party_id IS NULL"),
            postgresql_where=text("party_id IS NULL"),
        ),
    )

    def parties_for(self, relation: str) -> frozenset[int]:  # noqa: ARG002  one relation only
        """The party that imported."""
        return frozenset({self.party_id}) if self.party_id is not None else frozenset()


class CheckCount(Base):
    """How many quick checks came from one address in one minute (the throttle of ``check.per_minute``)."""

    __tablename__ = "right_check_count"

    address: Mapped[str] = mapped_column(String(64))
    minute: Mapped[int] = mapped_column()
    """Whole minutes since 1970."""
    count: Mapped[int] = mapped_column(default=0)

    __table_args__ = (UniqueConstraint("address", "minute"), Index("ix_right_check_count_minute", "minute"))


class Watch(Base):
    """A party wants to hear of what happens to a right that others own (law.md §9 invariant 55)."""

    __tablename__ = "right_watch"

    party_id: Mapped[int] = mapped_column(Id, ForeignKey("party.id"))
    right_id: Mapped[int] = mapped_column(Id, ForeignKey("right_record.id"), index=True)
    since: Mapped[datetime] = mapped_column(default=clock.now)
    note: Mapped[str] = mapped_column(String(255), default="")
    user_ref: Mapped[str | None] = mapped_column(String(16))
    then: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    """How the right stood when the watch began (``standing.py``)."""
    told: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    """How it stood in the last digest."""
    told_at: Mapped[datetime] = mapped_column(default=clock.now)

    party: Mapped[Party] = relationship()
    right: Mapped[Right] = relationship(back_populates="watches")

    __table_args__ = (UniqueConstraint("party_id", "right_id"),)


@append_only
class Confirmation(Referenced, Base):
    """What the exchange knew of some rights at one instant, as a signed document that anybody can verify by its code."""

    __tablename__ = "right_confirmation"
    REF = "QC"

    code: Mapped[str] = mapped_column(String(26), unique=True)
    snapshot: Mapped[dict[str, Any]] = mapped_column(Json, deferred=True)
    """Every answer as it was given (``confirmation.py``)."""
    asked: Mapped[int] = mapped_column()
    known: Mapped[int] = mapped_column()
    """How many numbers were asked for, and of how many the right was known."""
    digest: Mapped[str] = mapped_column(String(64))
    """Hash of what was answered to whom and on which day, so that a repeat finds the document there is."""
    sha256: Mapped[str] = mapped_column(String(64))
    """Of the signed document."""
    document_id: Mapped[int] = mapped_column(Id, ForeignKey("document.id"))
    party_id: Mapped[int | None] = mapped_column(Id, ForeignKey("party.id"))
    user_ref: Mapped[str | None] = mapped_column(String(16))
    issued_at: Mapped[datetime] = mapped_column(default=clock.now)

    document: Mapped[Document] = relationship()
    party: Mapped[Party | None] = relationship()

    __table_args__ = (Index("ix_right_confirmation_party_id_digest", "party_id", "digest"),)

    def parties_for(self, relation: str) -> frozenset[int]:  # noqa: ARG002  one relation only
        """The party that asked."""
        return frozenset({self.party_id}) if self.party_id is not None else frozenset()
