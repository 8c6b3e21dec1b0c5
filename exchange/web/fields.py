"""Fields of our commands: money, references, dates, instants, rates, files. One meaning, two spellings.

A schema speaks the language of the API (money as ``{"amount": "1234.50", "currency": "CNY"}``, instants in
RFC 3339 UTC). ``exchange.web.forms`` translates what people type into that language first, so that page and API
are checked by the same words. Labels and hints stand in ``metadata``: ``label``, ``hint``, ``widget``, ``unit``.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any

from marshmallow import Schema, ValidationError, fields
from werkzeug.datastructures import FileStorage

from exchange.core import money, refs
from exchange.core.errors import N_, RuleBroken
from exchange.web.wording import Said

CNY = "CNY"


class FenField(fields.Field[int]):
    """An amount: integer fen inside, ``{"amount": "1234.50", "currency": "CNY"}`` outside.

    ``least`` and ``most`` are in fen. Only CNY is traded here.
    """

    def __init__(self, *, least: int = 0, most: int = money.MAX_FEN, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.least = least
        self.most = most

    def _serialize(self, value: int | None, attr: str | None, obj: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        return None if value is None else {"amount": money.decimal_yuan(value), "currency": CNY}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:  # noqa: ARG002
        if not isinstance(value, Mapping) or not isinstance(value.get("amount"), str):
            raise ValidationError(
                Said(N_('Write money as {"amount": "1234.50", "currency": "CNY"}.'), code="money.shape")
            )
        if value.get("currency", CNY) != CNY or set(value) - {"amount", "currency"}:
            raise ValidationError(
                Said(N_("The currency is CNY; no other is traded here."), code="money.currency")
            )
        try:
            fen = money.parse_yuan(value["amount"])
        except RuleBroken as error:
            raise ValidationError(Said(error.message, code=error.code)) from error
        if fen < self.least:
            least = money.yuan(self.least)
            raise ValidationError(
                Said(N_("The amount must be at least %(least)s yuan."), code="money.least", least=least)
            )
        if fen > self.most:
            most = money.yuan(self.most)
            raise ValidationError(
                Said(N_("The amount must be at most %(most)s yuan."), code="money.most", most=most)
            )
        return fen


class MoneySchema(Schema):
    """The shape of an amount, for the API's document."""

    amount = fields.String(
        required=True, metadata={"pattern": r"^\d{1,13}(\.\d{1,2})?$", "example": "1234.50"}
    )
    currency = fields.String(required=True, metadata={"enum": [CNY]})


class RefField(fields.String):
    """A public reference of one type (``RefField("LS")``), or of any type where none is given."""

    def __init__(self, *prefixes: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.prefixes = prefixes

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        text = str(super()._deserialize(value, attr, data, **kwargs)).strip().upper()
        if not refs.valid(text):
            raise ValidationError(
                Said(N_("This is not a reference of the exchange. Check each sign."), code="ref.format")
            )
        if self.prefixes and text.split("-")[0] not in self.prefixes:
            wanted = ", ".join(f"{prefix}-…" for prefix in self.prefixes)
            raise ValidationError(
                Said(N_("A reference like %(wanted)s is asked for."), code="ref.type", wanted=wanted)
            )
        return text


class DateField(fields.Date):
    """A day: ``2026-11-30``. Says which part of it cannot be."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> date:
        found = re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})", value) if isinstance(value, str) else None
        if found:
            _check_day(*map(int, found.groups()))
            year, month, day = found.groups()
            value = f"{year}-{month:0>2}-{day:0>2}"
        return super()._deserialize(value, attr, data, **kwargs)


def _check_day(year: int, month: int, day: int) -> None:
    if not 1900 <= year <= 2200:
        raise ValidationError(
            Said(N_("Write the year with four digits, for example 2026."), code="field.date")
        )
    if not 1 <= month <= 12:
        raise ValidationError(Said(N_("The month is a number from 1 to 12."), code="field.date"))
    days = calendar.monthrange(year, month)[1]
    if not 1 <= day <= days:
        raise ValidationError(
            Said(N_("Month %(month)s has only %(days)s days."), code="field.date", month=month, days=days)
        )


class InstantField(fields.DateTime):
    """An instant in RFC 3339; aware UTC inside. A time without a zone is refused."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="iso", **kwargs)

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:  # noqa: ARG002
        if value is None:
            return None
        text = value.astimezone(UTC).isoformat(timespec="milliseconds" if value.microsecond else "seconds")
        return text.replace("+00:00", "Z")

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> datetime:
        instant = super()._deserialize(value, attr, data, **kwargs)
        if instant.tzinfo is None:
            raise ValidationError(
                Said(N_("Say the time zone: 2026-11-30T06:00:00Z, or +08:00 for Beijing."), code="field.zone")
            )
        return instant.astimezone(UTC)


class BasisPointsField(fields.Integer):
    """A rate: integer basis points inside and in the API; people type percent (``12.5``)."""

    def __init__(self, *, least: int = 0, most: int = 10_000, **kwargs: Any) -> None:
        super().__init__(strict=True, **kwargs)
        self.least = least
        self.most = most

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> int:
        points = int(super()._deserialize(value, attr, data, **kwargs))
        if not self.least <= points <= self.most:
            raise ValidationError(
                Said(
                    N_("Write a rate from %(least)s to %(most)s percent."),
                    code="field.range",
                    least=f"{self.least / 100:g}",
                    most=f"{self.most / 100:g}",
                )
            )
        return points


class EnumField(fields.Enum[Enum]):
    """A member of ``kind`` by its value; forms show its label."""

    def __init__(self, kind: type[Enum], **kwargs: Any) -> None:
        super().__init__(kind, by_value=True, **kwargs)


@dataclass(frozen=True)
class Upload:
    """A file somebody sent: its bytes, its name as the sender's machine had it, and the type the sender claims."""

    data: bytes
    filename: str
    media_type: str


class FileField(fields.Field[Upload]):
    """A file of a form or of a multipart request. What is in it is checked by ``exchange.core.files``.

    ``accept`` lists the endings that the file chooser offers (``.pdf``); ``most`` is the size limit in octets.
    """

    def __init__(self, *, accept: tuple[str, ...] = (), most: int = 20_000_000, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.accept = accept
        self.most = most
        self.metadata = {"type": "string", "format": "binary", **self.metadata}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Upload:  # noqa: ARG002
        if isinstance(value, Upload):
            return value
        if not isinstance(value, FileStorage) or not value.filename:
            raise ValidationError(Said(N_("Choose a file."), code="file.missing"))
        octets = value.stream.read(self.most + 1)
        if len(octets) > self.most:
            limit = f"{self.most // 1_000_000} MB"
            raise ValidationError(
                Said(
                    N_("The file is larger than %(limit)s. Send a smaller one."),
                    code="file.size",
                    limit=limit,
                )
            )
        if not octets:
            raise ValidationError(Said(N_("The file is empty. Choose another."), code="file.empty"))
        return Upload(octets, value.filename, value.mimetype or "application/octet-stream")
