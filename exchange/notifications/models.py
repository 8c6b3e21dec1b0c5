"""Notice (inbox) and OutgoingMail."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from exchange.core import clock
from exchange.core.db import Base, Id, Json, enum_column
from exchange.core.errors import N_
from exchange.core.events import Event
from exchange.core.labels import labelled
from exchange.core.lifecycle import Lifecycle, move
from exchange.parties.models import User


class Notice(Base):
    """A line in a person's inbox: which message, with which values, about what."""

    __tablename__ = "notice"

    user_id: Mapped[int] = mapped_column(Id, ForeignKey("user_account.id"))
    event_id: Mapped[int] = mapped_column(Id, ForeignKey("event.id"))
    party_id: Mapped[int | None] = mapped_column(Id, ForeignKey("party.id"))
    message: Mapped[str] = mapped_column(String(64))
    params: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    subject_ref: Mapped[str] = mapped_column(String(16))
    path: Mapped[str] = mapped_column(String(255), default="")
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    read_at: Mapped[datetime | None] = mapped_column()

    user: Mapped[User] = relationship()
    event: Mapped[Event] = relationship(lazy="joined")

    __table_args__ = (
        UniqueConstraint("user_id", "event_id", "message"),
        Index("ix_notice_inbox", "user_id", "read_at", "id"),
    )


@labelled(waiting=N_("waiting"), sent=N_("sent"), failed=N_("failed"))
class MailStatus(Enum):
    """Where a letter stands."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"


MAIL = Lifecycle(
    "mail",
    MailStatus,
    initial="waiting",
    moves=[
        move("send", {"waiting"}, "sent", by="clock"),
        move("give_up", {"waiting"}, "failed", by="clock"),
        move("retry", {"failed"}, "waiting", by="operator"),
    ],
)


class OutgoingMail(Base):
    """A letter to one person about one event, written in the transaction and sent by the mail job."""

    __tablename__ = "outgoing_mail"

    to: Mapped[str] = mapped_column(String(254))
    subject: Mapped[str] = mapped_column(String(255))
    body: Mapped[str] = mapped_column(Text)
    key: Mapped[str] = mapped_column(String(128), unique=True)
    status: Mapped[MailStatus] = mapped_column(
        enum_column(MailStatus, "mail_status"), default=MailStatus.WAITING
    )
    attempts: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime] = mapped_column(default=clock.now)
    last_error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    sent_at: Mapped[datetime | None] = mapped_column()

    __table_args__ = (Index("ix_outgoing_mail_claim", "status", "not_before"),)
