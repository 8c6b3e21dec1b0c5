"""Listing with its items, and the publicity of a price (law.md §4.1, §7.1)."""

from __future__ import annotations

from datetime import date, datetime
from enum import Enum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from exchange.core import clock
from exchange.core.db import Base, Fen, Id, Json, Referenced, Versioned, enum_column
from exchange.core.errors import N_
from exchange.core.labels import labelled
from exchange.core.lifecycle import Lifecycle, move
from exchange.parties.models import Party
from exchange.rights.models import Right


@labelled(
    transfer=N_("Transfer"),
    licence=N_("Licence"),
    open_licence=N_("Open licence"),
    demand=N_("Wanted"),
    pledge_disposal=N_("Disposal of a pledge"),
)
class ListingKind(Enum):
    """What is offered. Today people can list ``transfer`` and ``licence``."""

    TRANSFER = "transfer"
    LICENCE = "licence"
    OPEN_LICENCE = "open_licence"
    DEMAND = "demand"
    PLEDGE_DISPOSAL = "pledge_disposal"


@labelled(exclusive=N_("Exclusive licence"), sole=N_("Sole licence"), ordinary=N_("Ordinary licence"))
class LicenceKind(Enum):
    """Kinds of patent licence (law.md §1.1); ``ordinary`` where nothing is agreed."""

    EXCLUSIVE = "exclusive"
    SOLE = "sole"
    ORDINARY = "ordinary"


@labelled(
    draft=N_("Draft"),
    submitted=N_("Submitted for review"),
    verified=N_("Verified"),
    gated=N_("Gates passed, ready to publish"),
    listed=N_("Listed"),
    matched=N_("Agreed with a buyer"),
    sold=N_("Sold"),
    rejected=N_("Rejected"),
    suspended=N_("Suspended"),
    withdrawn=N_("Withdrawn"),
    expired=N_("Expired"),
)
class ListingStatus(Enum):
    """States of law.md §7.1, and ``sold``."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    VERIFIED = "verified"
    GATED = "gated"
    LISTED = "listed"
    MATCHED = "matched"
    SOLD = "sold"
    REJECTED = "rejected"
    SUSPENDED = "suspended"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


LISTING = Lifecycle(
    "listing",
    ListingStatus,
    initial="draft",
    moves=[
        move("submit", {"draft", "rejected"}, "submitted", by="seller"),
        move("verify", {"submitted"}, "verified", by="reviewer", note="status and owners checked"),
        move("reject", {"submitted", "verified", "gated"}, "rejected", by="reviewer"),
        move("pass_gates", {"verified"}, "gated", by="reviewer", note="consents, notices, decisions at hand"),
        move("publish", {"gated"}, "listed", by="reviewer"),
        move("match", {"listed"}, "matched", by="system", note="an offer was accepted"),
        move("relist", {"matched"}, "listed", by="system", note="the deal failed"),
        move("complete", {"matched"}, "sold", by="system", note="the deal completed"),
        move("suspend", {"listed", "verified", "gated", "submitted"}, "suspended", by="system"),
        move("resume", {"suspended"}, "submitted", by="seller", note="reviewed again"),
        move(
            "withdraw",
            {"draft", "submitted", "verified", "gated", "listed", "suspended", "rejected"},
            "withdrawn",
            by="seller",
        ),
        move("expire", {"listed"}, "expired", by="clock", rule="listing.period"),
    ],
)

LIVE = frozenset(
    {
        ListingStatus.SUBMITTED,
        ListingStatus.VERIFIED,
        ListingStatus.GATED,
        ListingStatus.LISTED,
        ListingStatus.MATCHED,
        ListingStatus.SUSPENDED,
    }
)
"""States in which a listing occupies its rights: no second live listing of the same kind beside it."""

EDITABLE = frozenset({ListingStatus.DRAFT, ListingStatus.REJECTED})
"""States in which the seller may change what they wrote."""

PUBLIC = frozenset({ListingStatus.LISTED, ListingStatus.MATCHED, ListingStatus.SOLD})
"""States in which everybody may see the page; only ``listed`` is offered by search."""


class Listing(Referenced, Versioned, Base):
    """An offer to the public of one or several rights."""

    __tablename__ = "listing"
    REF = "LS"

    seller_id: Mapped[int] = mapped_column(Id, ForeignKey("party.id"), index=True)
    kind: Mapped[ListingKind] = mapped_column(enum_column(ListingKind, "listing_kind"))
    licence_kind: Mapped[LicenceKind | None] = mapped_column(enum_column(LicenceKind, "listing_licence_kind"))
    licence_years: Mapped[int | None] = mapped_column()
    licence_region: Mapped[str | None] = mapped_column(String(255))
    title: Mapped[str] = mapped_column(String(500))
    title_en: Mapped[str | None] = mapped_column(String(500))
    summary: Mapped[str] = mapped_column(Text, default="")
    price_fen: Mapped[int | None] = mapped_column(Fen)
    """Asking price; empty where the price is negotiable (面议)."""
    status: Mapped[ListingStatus] = mapped_column(
        enum_column(ListingStatus, "listing_status"), default=ListingStatus.DRAFT, index=True
    )
    status_reason: Mapped[str | None] = mapped_column(Text)
    region: Mapped[str | None] = mapped_column(String(6))
    maturity: Mapped[str | None] = mapped_column(String(32))
    terms: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    """What the seller states; the keys are those of ``listings.readiness.STATEMENTS``."""
    stopped_by: Mapped[list[Any]] = mapped_column(Json, default=list)
    """What suspended it by itself: ``[{"code", "message", "params"}]``, msgids for the face to translate."""
    submitted_at: Mapped[datetime | None] = mapped_column()
    published_at: Mapped[datetime | None] = mapped_column()
    expires_at: Mapped[datetime | None] = mapped_column()
    ended_at: Mapped[datetime | None] = mapped_column()
    """When it was sold, withdrawn or expired."""
    reviewed_by: Mapped[str | None] = mapped_column(String(16))

    seller: Mapped[Party] = relationship(lazy="joined")
    items: Mapped[list[ListingItem]] = relationship(
        back_populates="listing", order_by="ListingItem.position", cascade="all, delete-orphan"
    )
    publicities: Mapped[list[Publicity]] = relationship(back_populates="listing", order_by="Publicity.id")

    def parties_for(self, relation: str) -> frozenset[int]:
        """``seller``."""
        return frozenset({self.seller_id}) if relation == "seller" else frozenset()

    @property
    def negotiable(self) -> bool:
        """Whether the price is to be agreed."""
        return self.price_fen is None

    @property
    def exclusive(self) -> bool:
        """Whether one buyer shuts out the others: transfer, exclusive and sole licence."""
        return self.kind is not ListingKind.LICENCE or self.licence_kind in (
            LicenceKind.EXCLUSIVE,
            LicenceKind.SOLE,
        )


class ListingItem(Base):
    """One right in a listing. At most one live item per right and kind of listing (partial unique index)."""

    __tablename__ = "listing_item"

    listing_id: Mapped[int] = mapped_column(Id, ForeignKey("listing.id"), index=True)
    right_id: Mapped[int] = mapped_column(Id, ForeignKey("right_record.id"), index=True)
    position: Mapped[int] = mapped_column(default=0)
    kind: Mapped[ListingKind] = mapped_column(enum_column(ListingKind, "listing_item_kind"))
    price_share_bp: Mapped[int | None] = mapped_column()
    live: Mapped[bool] = mapped_column(default=False)

    listing: Mapped[Listing] = relationship(back_populates="items")
    right: Mapped[Right] = relationship(lazy="joined")

    __table_args__ = (
        Index(
            "uq_listing_item_live",
            "right_id",
            "kind",
            unique=True,
            sqlite_where=text("live = 1"),
            postgresql_where=text("live"),
        ),
    )


class Publicity(Base):
    """The publicity of (name, price) for 15 full days where a university or institute sells by agreement.

    ``signing_from`` is 00:00 Beijing time on day 16, working day or not. An open objection stops it; a lower agreed
    price starts a new one (law.md §4.1, invariant 20).
    """

    __tablename__ = "publicity"

    listing_id: Mapped[int] = mapped_column(Id, ForeignKey("listing.id"), index=True)
    name: Mapped[str] = mapped_column(String(500))
    price_fen: Mapped[int] = mapped_column(Fen)
    buyer_is_inventor: Mapped[bool] = mapped_column(default=False)
    started_at: Mapped[datetime] = mapped_column()
    first_day: Mapped[date] = mapped_column()
    """The first full day counted in Beijing (the day after the start)."""
    signing_from: Mapped[datetime] = mapped_column()
    ended_at: Mapped[datetime | None] = mapped_column()
    """Set where it was replaced by a new one or given up."""

    listing: Mapped[Listing] = relationship(back_populates="publicities")
    objections: Mapped[list[Objection]] = relationship(
        back_populates="publicity", order_by="Objection.id", lazy="selectin"
    )


class Objection(Referenced, Base):
    """An objection against a publicity; open until the reviewer decides."""

    __tablename__ = "objection"
    REF = "OB"

    publicity_id: Mapped[int] = mapped_column(Id, ForeignKey("publicity.id"), index=True)
    party_id: Mapped[int | None] = mapped_column(Id, ForeignKey("party.id"))
    name: Mapped[str] = mapped_column(String(255), default="")
    text: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    decided_at: Mapped[datetime | None] = mapped_column()
    upheld: Mapped[bool | None] = mapped_column()
    decision: Mapped[str | None] = mapped_column(Text)

    publicity: Mapped[Publicity] = relationship(back_populates="objections")

    def parties_for(self, relation: str) -> frozenset[int]:
        """``seller`` of the listing, and ``maker`` of the objection."""
        if relation == "maker":
            return frozenset({self.party_id}) if self.party_id is not None else frozenset()
        return self.publicity.listing.parties_for(relation)
