"""What every reader yields: a row of a file as a record, or as located problems.

A row is one publication (or one entry) of the file. ``line`` is the row of the table for HTML (the header is
row 1), the sheet row for workbooks, the physical line for CSV and JSON lines, and the ordinal of the entry
(1, 2, …) for XML and JSON documents.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from collections.abc import Mapping as Map
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, Literal

from exchange.core.errors import fill

Severity = Literal["error", "warning"]


def told(message: str, params: Map[str, Any], say: Callable[[str], str]) -> str:
    """``message`` in the language of ``say``, filled; a ``detail`` is a msgid too and is translated with it."""
    shown = {
        name: say(value) if name == "detail" and isinstance(value, str) and value else value
        for name, value in params.items()
    }
    return fill(say(message), shown)


class Refused(Exception):
    """The whole file is refused; ``message`` (a msgid) with ``params`` gives the reason and the way out."""

    def __init__(self, code: str, message: str, **params: Any) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.params = params

    def __str__(self) -> str:
        return fill(self.message, self.params)

    def told(self, say: Callable[[str], str]) -> str:
        """The reason in the language of ``say`` (a ``gettext``)."""
        return told(self.message, self.params, say)


@dataclass(slots=True)
class Problem:
    """One thing wrong in one place. ``column`` is the header (or key) as the file writes it, where there is one."""

    line: int
    column: str
    code: str
    severity: Severity
    message: str
    params: dict[str, Any] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """The message in English, filled."""
        return fill(self.message, self.params)

    def told(self, say: Callable[[str], str]) -> str:
        """The message in the language of ``say`` (a ``gettext``)."""
        return told(self.message, self.params, say)


@dataclass(slots=True)
class Event:
    """A legal event that a register announced.

    ``code`` is what the text says where text and given code disagree (``given_code`` keeps the other); ``before``
    and ``after`` are the owners of record, main patentee first; ``fields`` holds what else the announcement
    carries under English names (``effective_on`` is the day of registration: law.md §2.7).
    """

    code: str
    name: str = ""
    announced_on: date | None = None
    effective_on: date | None = None
    text: str = ""
    given_code: str = ""
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Record:
    """What a file says about one right, cleaned and never guessed; empty where it says nothing.

    ``app_no`` is the canonical key of the application number (13 or 9 characters; foreign ones with their
    country), ``pub_no`` the publication number with its country and without kind code, ``reg_no`` the number of
    a right that is no patent. ``kind`` is a key of ``kinds.KINDS``, empty where neither number nor file says.
    """

    app_no: str = ""
    pub_no: str = ""
    reg_no: str = ""
    kind_code: str = ""
    country: str = ""
    kind: str = ""
    title: str = ""
    abstract: str = ""
    main_claim: str = ""
    applicants: list[str] = field(default_factory=list)
    inventors: list[str] = field(default_factory=list)
    region: str = ""
    filed_on: date | None = None
    pub_date: date | None = None
    granted_on: date | None = None
    ipc: list[str] = field(default_factory=list)
    agency: str = ""
    status: str = ""
    source: str = ""
    extra: dict[str, str] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)


@dataclass(slots=True)
class Row:
    """One row of a file.

    A row with an error has no record. A row with neither record nor error is a remark about the file as a whole
    (a merged header, a hidden sheet): it carries warnings and is not counted (``counts``).
    """

    line: int
    record: Record | None = None
    problems: list[Problem] = field(default_factory=list)

    @property
    def counts(self) -> bool:
        """Whether this is a row of data, to be counted as read."""
        return self.record is not None or any(problem.severity == "error" for problem in self.problems)

    @property
    def rejected(self) -> bool:
        """Whether an error keeps this row out."""
        return self.record is None and self.counts


@dataclass(slots=True)
class Column:
    """A column of a table: where it stands, what it is called, and the field it was taken for (or nothing)."""

    index: int
    letter: str
    header: str
    field: str = ""


@dataclass(slots=True)
class Mapping:
    """How a file was understood, before anything is imported.

    ``missing`` names the usual fields no column was found for; ``unknown`` the headers that go to ``extra``;
    ``preview`` holds the first rows.
    """

    format: str
    columns: list[Column] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    header_line: int = 0
    preview: list[Row] = field(default_factory=list)


# -- as lines of JSON between the reading process and the asking one -------------------------------

_DATES: Final = frozenset({"filed_on", "pub_date", "granted_on"})
_RECORD_FIELDS: Final = tuple(Record.__dataclass_fields__)
_EVENT_FIELDS: Final = tuple(Event.__dataclass_fields__)


def _day(value: date | None) -> str | None:
    return value.isoformat() if value else None


def _undate(value: str | None) -> date | None:
    return date.fromisoformat(value) if value else None


def _event_values(event: Event) -> list[Any]:
    return [
        _day(value) if name in {"announced_on", "effective_on"} else value
        for name in _EVENT_FIELDS
        for value in (getattr(event, name),)
    ]


def _record_values(record: Record) -> list[Any]:
    values: list[Any] = []
    for name in _RECORD_FIELDS:
        value = getattr(record, name)
        if name in _DATES:
            value = _day(value)
        elif name == "events":
            value = [_event_values(event) for event in value]
        values.append(value)
    return values


def row_values(row: Row) -> list[Any]:
    """``row`` as plain values for JSON."""
    return [
        row.line,
        _record_values(row.record) if row.record is not None else None,
        [[p.line, p.column, p.code, p.severity, p.message, p.params] for p in row.problems],
    ]


def row_from_values(values: list[Any]) -> Row:
    """The row that ``row_values`` wrote."""
    line, record, problems = values
    return Row(
        line,
        None if record is None else _record_from(record),
        [Problem(*problem) for problem in problems],
    )


_DATE_PLACES: Final = tuple(_RECORD_FIELDS.index(name) for name in sorted(_DATES))
_EVENTS_PLACE: Final = _RECORD_FIELDS.index("events")


def _record_from(values: list[Any]) -> Record:
    for place in _DATE_PLACES:
        if values[place]:
            values[place] = date.fromisoformat(values[place])
    if values[_EVENTS_PLACE]:
        values[_EVENTS_PLACE] = [_event_from(event) for event in values[_EVENTS_PLACE]]
    return Record(*values)


def _event_from(values: list[Any]) -> Event:
    named: dict[str, Any] = dict(zip(_EVENT_FIELDS, values, strict=True))
    for name in ("announced_on", "effective_on"):
        named[name] = _undate(named[name])
    return Event(**named)


def mapping_values(mapping: Mapping) -> list[Any]:
    """``mapping`` as plain values for JSON."""
    return [
        mapping.format,
        [[c.index, c.letter, c.header, c.field] for c in mapping.columns],
        mapping.missing,
        mapping.unknown,
        mapping.header_line,
        [row_values(row) for row in mapping.preview],
    ]


def mapping_from_values(values: list[Any]) -> Mapping:
    """The mapping that ``mapping_values`` wrote."""
    name, columns, missing, unknown, header_line, preview = values
    return Mapping(
        name,
        [Column(*column) for column in columns],
        missing,
        unknown,
        header_line,
        [row_from_values(row) for row in preview],
    )


def as_json(value: Map[str, Any] | list[Any]) -> str:
    """``value`` on one line, without a byte more than needed."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
