"""Account, Entry, Posting: append-only (triggers in the migrations), chained by hash."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from exchange.core.db import Base, Fen, Id, Json, append_only


class Account(Base):
    """A place where money is. ``balance`` is kept beside the postings and proved against them by ``verify``."""

    __tablename__ = "account"

    address: Mapped[str] = mapped_column(String(64), unique=True)
    """``world``, ``fees``, ``escrow:DL-…``, ``party:PT-…``, ``payout:PO-…``."""
    currency: Mapped[str] = mapped_column(String(3), default="CNY")
    balance: Mapped[int] = mapped_column(Fen, default=0)
    may_be_negative: Mapped[bool] = mapped_column(default=False)
    postings_count: Mapped[int] = mapped_column(BigInteger, default=0)

    __table_args__ = (CheckConstraint("balance >= 0 OR may_be_negative", name="not_negative"),)


@append_only
class Entry(Base):
    """One movement of the chart: several postings that happen together or not at all."""

    __tablename__ = "entry"

    key: Mapped[str] = mapped_column(String(128), unique=True)
    """Natural key: the same key with the same input is the same entry, for ever."""
    input_hash: Mapped[str] = mapped_column(String(64))
    movement: Mapped[str] = mapped_column(String(32))
    at: Mapped[datetime] = mapped_column()
    actor_ref: Mapped[str | None] = mapped_column(String(16))
    subject_ref: Mapped[str | None] = mapped_column(String(16), index=True)
    memo: Mapped[str] = mapped_column(String(255), default="")
    data: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    reverses_id: Mapped[int | None] = mapped_column(Id, ForeignKey("entry.id"), unique=True)
    sequence: Mapped[int] = mapped_column(BigInteger, unique=True)
    previous_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64), unique=True)

    postings: Mapped[list[Posting]] = relationship(back_populates="entry", order_by="Posting.position")


@append_only
class Posting(Base):
    """An amount from one account to another."""

    __tablename__ = "posting"

    entry_id: Mapped[int] = mapped_column(Id, ForeignKey("entry.id"), index=True)
    position: Mapped[int] = mapped_column()
    source_id: Mapped[int] = mapped_column(Id, ForeignKey("account.id"), index=True)
    destination_id: Mapped[int] = mapped_column(Id, ForeignKey("account.id"), index=True)
    amount: Mapped[int] = mapped_column(Fen)
    currency: Mapped[str] = mapped_column(String(3), default="CNY")

    entry: Mapped[Entry] = relationship(back_populates="postings")
    source: Mapped[Account] = relationship(foreign_keys=[source_id], lazy="joined")
    destination: Mapped[Account] = relationship(foreign_keys=[destination_id], lazy="joined")

    __table_args__ = (
        UniqueConstraint("entry_id", "position"),
        CheckConstraint("amount > 0", name="positive"),
        CheckConstraint("source_id <> destination_id", name="two_accounts"),
    )
