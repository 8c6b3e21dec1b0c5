"""Offer and Deal with their lifecycles."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from exchange.core.db import Base, Fen, Id, Json, Referenced, Versioned, enum_column
from exchange.core.errors import N_
from exchange.core.labels import labelled
from exchange.core.lifecycle import Lifecycle, move
from exchange.listings.models import Listing
from exchange.parties.models import Party


@labelled(
    open=N_("Waiting for an answer"),
    countered=N_("Answered with a counter-offer"),
    accepted=N_("Accepted"),
    declined=N_("Declined"),
    withdrawn=N_("Withdrawn"),
    expired=N_("Expired"),
    superseded=N_("Superseded"),
)
class OfferStatus(Enum):
    """Where one round of the negotiation stands."""

    OPEN = "open"
    COUNTERED = "countered"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"


OFFER = Lifecycle(
    "offer",
    OfferStatus,
    initial="open",
    moves=[
        move("counter", {"open"}, "countered", by="addressee"),
        move("accept", {"open"}, "accepted", by="addressee"),
        move("decline", {"open"}, "declined", by="addressee"),
        move("withdraw", {"open"}, "withdrawn", by="maker"),
        move("expire", {"open"}, "expired", by="clock", rule="offer.period"),
        move("supersede", {"open"}, "superseded", by="system", note="another offer was accepted"),
    ],
)


class Offer(Referenced, Versioned, Base):
    """One round: terms that one side puts to the other. A counter-offer is an offer that answers another."""

    __tablename__ = "offer"
    REF = "OF"

    listing_id: Mapped[int] = mapped_column(Id, ForeignKey("listing.id"), index=True)
    seller_id: Mapped[int] = mapped_column(Id, ForeignKey("party.id"), index=True)
    buyer_id: Mapped[int] = mapped_column(Id, ForeignKey("party.id"), index=True)
    maker_id: Mapped[int] = mapped_column(Id, ForeignKey("party.id"))
    answers_id: Mapped[int | None] = mapped_column(Id, ForeignKey("offer.id"), unique=True)
    thread_ref: Mapped[str] = mapped_column(String(16), index=True)
    """Reference of the first offer of the conversation."""
    round: Mapped[int] = mapped_column(default=1)
    price_fen: Mapped[int] = mapped_column(Fen)
    terms: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    message: Mapped[str] = mapped_column(Text, default="")
    status: Mapped[OfferStatus] = mapped_column(
        enum_column(OfferStatus, "offer_status"), default=OfferStatus.OPEN
    )
    expires_at: Mapped[datetime] = mapped_column()
    decided_at: Mapped[datetime | None] = mapped_column()

    listing: Mapped[Listing] = relationship(lazy="joined")
    seller: Mapped[Party] = relationship(foreign_keys=[seller_id], lazy="joined")
    buyer: Mapped[Party] = relationship(foreign_keys=[buyer_id], lazy="joined")
    answers: Mapped[Offer | None] = relationship(remote_side="Offer.id", foreign_keys=[answers_id])

    __table_args__ = (
        Index(
            "uq_offer_open_per_buyer",
            "listing_id",
            "buyer_id",
            unique=True,
            sqlite_where=text("status = 'open'"),
            postgresql_where=text("status = 'open'"),
        ),
    )

    def parties_for(self, relation: str) -> frozenset[int]:
        """``seller``, ``buyer``, ``either``, ``maker``, ``addressee``."""
        addressee = self.seller_id if self.maker_id == self.buyer_id else self.buyer_id
        return {
            "seller": frozenset({self.seller_id}),
            "buyer": frozenset({self.buyer_id}),
            "either": frozenset({self.seller_id, self.buyer_id}),
            "maker": frozenset({self.maker_id}),
            "addressee": frozenset({addressee}),
        }.get(relation, frozenset())


@labelled(agreed=N_("Agreed"), completed=N_("Completed"), rescinded=N_("Rescinded"))
class DealStatus(Enum):
    """What became of an agreement; how far it is, the flow tells."""

    AGREED = "agreed"
    COMPLETED = "completed"
    RESCINDED = "rescinded"


DEAL = Lifecycle(
    "deal",
    DealStatus,
    initial="agreed",
    moves=[
        move("complete", {"agreed"}, "completed", by="system", note="every filing is recorded"),
        move("rescind", {"agreed"}, "rescinded", by="both or court"),
    ],
)


class Deal(Referenced, Versioned, Base):
    """An agreed sale or licence."""

    __tablename__ = "deal"
    REF = "DL"

    listing_id: Mapped[int] = mapped_column(Id, ForeignKey("listing.id"), index=True)
    offer_id: Mapped[int | None] = mapped_column(Id, ForeignKey("offer.id"), unique=True)
    seller_id: Mapped[int] = mapped_column(Id, ForeignKey("party.id"), index=True)
    buyer_id: Mapped[int] = mapped_column(Id, ForeignKey("party.id"), index=True)
    price_fen: Mapped[int] = mapped_column(Fen)
    terms: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    status: Mapped[DealStatus] = mapped_column(
        enum_column(DealStatus, "deal_status"), default=DealStatus.AGREED
    )
    status_reason: Mapped[str | None] = mapped_column(Text)
    agreed_at: Mapped[datetime] = mapped_column()
    ended_at: Mapped[datetime | None] = mapped_column()

    listing: Mapped[Listing] = relationship(lazy="joined")
    offer: Mapped[Offer | None] = relationship()
    seller: Mapped[Party] = relationship(foreign_keys=[seller_id], lazy="joined")
    buyer: Mapped[Party] = relationship(foreign_keys=[buyer_id], lazy="joined")

    def parties_for(self, relation: str) -> frozenset[int]:
        """``seller``, ``buyer``, ``either``."""
        return {
            "seller": frozenset({self.seller_id}),
            "buyer": frozenset({self.buyer_id}),
            "either": frozenset({self.seller_id, self.buyer_id}),
        }.get(relation, frozenset())
