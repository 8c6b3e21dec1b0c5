"""Paging by cursor, for lists on pages and in the API: a next page never skips or repeats a row.

A cursor is the sort value and id of the last row seen, signed for its list, so that nobody can steer a query by
writing one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from flask import current_app, request, url_for
from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy import ColumnElement, DateTime, Select, and_, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from exchange.core.db import UTCDateTime, session
from exchange.core.errors import N_, RuleBroken

T = TypeVar("T")

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
_MAX_CURSOR = 1024


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page of a list: its rows, the cursor of the next page (or ``None``), and how many rows there are in all."""

    items: Sequence[T]
    next: str | None
    total: int

    def next_url(self, parameter: str = "cursor") -> str | None:
        """The address of the next page of the present one, or ``None``."""
        if self.next is None or request.endpoint is None:
            return None
        kept: dict[str, Any] = request.args.to_dict(flat=False)
        kept[parameter] = [self.next]
        kept.pop("lang", None)
        values: dict[str, Any] = {**(request.view_args or {}), **kept}
        return url_for(request.endpoint, **values)


def _serializer(name: str) -> URLSafeSerializer:
    return URLSafeSerializer(current_app.config["SECRET_KEY"], salt=f"cursor:{name}")


def sign_cursor(name: str, value: Any) -> str:
    """A cursor of the list ``name`` that carries ``value`` (plain JSON)."""
    return str(_serializer(name).dumps(value))


def read_cursor(name: str, cursor: str | None) -> Any:
    """What ``sign_cursor`` put in; ``None`` for no cursor. Raises ``RuleBroken`` (``cursor.invalid``) for any other."""
    if not cursor:
        return None
    try:
        if len(cursor) > _MAX_CURSOR:
            raise BadSignature("too long")
        return _serializer(name).loads(cursor)
    except BadSignature as error:
        raise RuleBroken(
            "cursor.invalid",
            N_("This page of the list is not known. Begin again from the first page."),
            field="cursor",
        ) from error


def paged(
    statement: Select[Any],
    by: InstrumentedAttribute[Any],
    *,
    name: str,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
    descending: bool = True,
    tie: InstrumentedAttribute[Any] | None = None,
    shape: Callable[[Any], Any] | None = None,
) -> Page[Any]:
    """One page of the entities that ``statement`` selects, sorted by ``by`` and then by ``tie`` (the id by default).

    ``by`` must not be null. ``name`` is the list's own name, for its cursors; ``limit`` is capped at ``MAX_LIMIT``;
    ``shape`` is applied to each row. Raises ``RuleBroken`` for a cursor that is not of this list.
    """
    limit = max(1, min(limit, MAX_LIMIT))
    last = tie if tie is not None else by.class_.id
    total = session.scalar(select(func.count()).select_from(statement.order_by(None).subquery())) or 0
    after = read_cursor(name, cursor)
    if after is not None:
        statement = statement.where(
            _beyond(by, last, _revived(by, after[0]), after[1], descending=descending)
        )
    order = (by.desc(), last.desc()) if descending else (by.asc(), last.asc())
    rows = list(session.scalars(statement.order_by(None).order_by(*order).limit(limit + 1)).unique())
    following = None
    if len(rows) > limit:
        rows = rows[:limit]
        value = getattr(rows[-1], by.key)
        kept = value.isoformat() if isinstance(value, datetime) else value
        following = sign_cursor(name, [kept, getattr(rows[-1], last.key)])
    return Page([shape(row) for row in rows] if shape else rows, following, total)


def _revived(by: InstrumentedAttribute[Any], value: Any) -> Any:
    is_instant = isinstance(by.type, DateTime | UTCDateTime)
    return datetime.fromisoformat(value) if is_instant and isinstance(value, str) else value


def _beyond(
    by: InstrumentedAttribute[Any],
    last: InstrumentedAttribute[Any],
    value: Any,
    key: Any,
    *,
    descending: bool,
) -> ColumnElement[bool]:
    if descending:
        return or_(by < value, and_(by == value, last < key))
    return or_(by > value, and_(by == value, last > key))
