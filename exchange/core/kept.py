"""A few values that every process shares and that outlive it: the clock's offset, the maintenance sentence."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, mapped_column

from exchange.core import clock
from exchange.core.config import settings
from exchange.core.db import Base, Json, session, transaction
from exchange.core.errors import N_, NotAllowed

CLOCK_OFFSET = "clock.offset_seconds"
MAINTENANCE = "maintenance"


class KeptValue(Base):
    """One value by name."""

    __tablename__ = "kept_value"

    name: Mapped[str] = mapped_column(String(64), unique=True)
    value: Mapped[dict[str, Any]] = mapped_column(Json)


def get(name: str, default: Any = None) -> Any:
    """The value of ``name``, or ``default``."""
    value = session.scalar(select(KeptValue.value).where(KeptValue.name == name))
    return default if value is None else value["value"]


def several(*names: str) -> dict[str, Any]:
    """The values of those of ``names`` that are kept, in one question."""
    rows = session.execute(select(KeptValue.name, KeptValue.value).where(KeptValue.name.in_(names)))
    return {name: value["value"] for name, value in rows}


@transaction
def put(name: str, value: Any) -> None:
    """Keep ``value`` (JSON) under ``name``."""
    row = session.scalar(select(KeptValue).where(KeptValue.name == name))
    if row is None:
        session.add(KeptValue(name=name, value={"value": value}))
    else:
        row.value = {"value": value}


@transaction
def advance_clock(step: timedelta) -> timedelta:
    """Let the clock of every process run ``step`` further ahead; the whole offset afterwards.

    Raises ``NotAllowed`` in production, and for a step back: time that has passed stays passed.
    """
    if settings().production or step < timedelta():
        raise NotAllowed(
            "clock.fixed",
            N_("The clock can only be put forward, and only in development."),
            field="days",
        )
    offset = timedelta(seconds=get(CLOCK_OFFSET, 0)) + step
    put(CLOCK_OFFSET, int(offset.total_seconds()))
    clock.set_offset(offset)
    return offset


def read_clock() -> None:
    """Take over the offset that the database holds (at each command and job; nothing in production)."""
    _set_clock(get(CLOCK_OFFSET, 0))


def _set_clock(seconds: int) -> None:
    if not settings().production:
        clock.set_offset(timedelta(seconds=seconds))


def at_request() -> str | None:
    """At each request: take over the clock's offset; the sentence of maintenance, ``None`` where there is none."""
    values = several(CLOCK_OFFSET, MAINTENANCE)
    _set_clock(values.get(CLOCK_OFFSET, 0))
    sentence: str | None = values.get(MAINTENANCE)
    return sentence
