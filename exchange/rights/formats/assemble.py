"""From the cells of one row to a record: numbers read, dates read, contradictions told (law.md §2.5).

Every reader of tables and of documents hands its values here under the names of fields, so that one rule holds
for all formats. An error keeps the row out; a warning lets it in and is shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as Map
from datetime import date
from typing import Any, Final

from exchange.core.errors import N_
from exchange.rights import kinds, numbers
from exchange.rights.formats import values
from exchange.rights.formats.record import Problem, Record, Row, Severity
from exchange.rights.numbers import Number, NumberError

LONGEST: Final = {"title": 1000, "abstract": 60_000, "main_claim": 200_000}
_LONGEST_OTHER: Final = 4000
_MOST_NAMES: Final = 500
#: CNKI cuts a cell after so many characters and puts three dots there.
_CNKI_CUT: Final = 10_003
_WITHHELD: Final = frozenset({"不公告发明人", "请求不公布姓名", "不公布姓名"})


class Draft:
    """One row on its way to a record. ``headers`` gives the name of a field's column as the file writes it."""

    def __init__(self, line: int, headers: Map[str, str] | None = None, *, today: date | None = None) -> None:
        self.line = line
        self.record = Record()
        self.problems: list[Problem] = []
        self._headers = headers or {}
        self._today = today

    # -- problems

    def say(self, severity: Severity, field: str, code: str, message: str, **params: Any) -> None:
        """Add a problem in the column of ``field``."""
        self.problems.append(
            Problem(self.line, self._headers.get(field, field), code, severity, message, params)
        )

    def error(self, field: str, code: str, message: str, **params: Any) -> None:
        """Add an error: the row will have no record."""
        self.say("error", field, code, message, **params)

    def warn(self, field: str, code: str, message: str, **params: Any) -> None:
        """Add a warning: the row comes in."""
        self.say("warning", field, code, message, **params)

    def failed(self, field: str = "") -> bool:
        """Whether there is an error, in the column of ``field`` if one is named."""
        column = self._headers.get(field, field)
        return any(p.severity == "error" and (not field or p.column == column) for p in self.problems)

    def row(self) -> Row:
        """The finished row."""
        return Row(self.line, None if self.failed() else self.record, self.problems)

    # -- values

    def text(self, field: str, raw: str, *, lines: bool = False) -> str:
        """``raw`` without markup and padding; too long is an error, a claim cut inside a tag a warning."""
        if not raw:
            return ""
        text, cut = values.plain(raw) if "<" in raw or "&" in raw else (raw, False)
        text = values.clean(text, lines=lines)
        if len(text) <= 6 and text.upper() in values.NOTHING:
            return ""
        most = LONGEST.get(field, _LONGEST_OTHER)
        if len(text) > most:
            self.error(
                field,
                "text.too_long",
                N_("The text has %(found)s characters; at most %(most)s are kept. Shorten it."),
                found=len(text),
                most=most,
            )
            return ""
        if cut:
            self.warn(
                field,
                "claim.truncated" if field == "main_claim" else "text.truncated",
                N_(
                    "The exporter cut this text in the middle of a tag; the end is missing. Take it from the gazette."
                ),
            )
        if cut or (len(raw) == _CNKI_CUT and raw.endswith("...")):
            self.record.extra[f"{field}_cut"] = "yes"
        return text

    def date(self, field: str, raw: str) -> date | None:
        """The day, or an error."""
        try:
            return values.read_date(raw)
        except ValueError:
            self.error(
                field,
                "date.bad",
                N_("%(value)s is no date. Write it as 2026-06-15."),
                value=values.clean(raw)[:60],
            )
            return None

    def number(self, field: str, raw: str, *, kind: str = "", expect: str = "") -> Number | None:
        """The number, or an error; a mended one and a doubtful one with a warning."""
        if not raw:
            return None
        text = values.value(raw)
        if not text:
            return None
        try:
            found = numbers.parse(text, kind=kind, expect=expect, today=self._today)
        except NumberError as refusal:
            self.error(field, refusal.code, refusal.message, **refusal.params)
            return None
        if found.repaired:
            self.warn(
                field,
                "number.repaired",
                N_("%(value)s was spoiled by a spreadsheet and read as %(number)s."),
                value=text[:60],
                number=found.shown,
            )
        for doubt in found.warnings:
            self.warn(field, doubt.code, doubt.message, **doubt.params)
        return found

    def ipc(self, field: str, raw: str) -> None:
        """Add classification symbols; what is none is kept aside with a warning."""
        found, strange = values.symbols(raw)
        known = self.record.ipc
        known += [symbol for symbol in found if symbol not in known]
        if strange:
            self.warn(
                field,
                "ipc.form",
                N_("%(value)s is no classification symbol and is left out."),
                value="; ".join(strange)[:200],
            )

    def people(self, field: str, found: list[str]) -> list[str]:
        """A list of names within the limits."""
        if len(found) > _MOST_NAMES or any(len(name) > 255 for name in found):
            self.error(
                field,
                "names.too_many",
                N_("More than %(most)s names, or a name longer than 255 characters."),
                most=_MOST_NAMES,
            )
            return []
        return found


def _numbers(draft: Draft, cells: Map[str, str]) -> tuple[Number | None, Number | None]:
    """Read every number of the row into the record; the application and the publication number come back."""
    record = draft.record
    declared = kinds.from_words(cells.get("kind", ""))
    other = declared and not kinds.of(declared).is_patent
    if other:
        _registration(draft, cells, declared)
        return None, None
    application = draft.number("app_no", cells.get("app_no", ""), expect="application")
    patent = draft.number("patent_no", cells.get("patent_no", ""), expect="application")
    first, *others = re.split(r"[;；|\n]+", cells.get("pub_no", "").strip(" ;；|\n")) or [""]
    publication = draft.number("pub_no", first, expect="publication")
    if others:
        record.extra["other_publications"] = "; ".join(map(values.clean, others))[:_LONGEST_OTHER]
    if application is not None and application.scheme == numbers.CN_PUBLICATION:
        # A column that holds "the number" may hold publication numbers; the number itself knows what it is.
        publication, application = publication or application, None
    if publication is not None and publication.scheme == numbers.CN_APPLICATION:
        application, publication = application or publication, None
    if application is not None and patent is not None and application.key != patent.key:
        draft.warn(
            "patent_no",
            "number.contradiction",
            N_(
                "The patent number %(patent)s and the application number %(number)s differ; the latter was taken."
            ),
            patent=patent.shown,
            number=application.shown,
        )
    application = application or patent
    if application is not None:
        record.app_no, record.country = application.key, application.country
        record.kind = application.patent_type
    if publication is not None:
        record.pub_no, record.kind_code = publication.key, publication.kind_code
        record.country = record.country or publication.country
        record.kind = record.kind or publication.patent_type
    record.kind = record.kind or declared
    if declared and declared != record.kind:
        record.extra["declared_kind"] = declared
    if application is None and publication is None and not draft.failed():
        if cells.get("reg_no"):
            draft.number("reg_no", cells["reg_no"])
        draft.error(
            "app_no" if "app_no" in cells else "pub_no",
            "number.missing",
            N_("The row has no number. Give the application or the publication number."),
        )
    return application, publication


def _registration(draft: Draft, cells: Map[str, str], kind: str) -> None:
    """A right that is no patent has one number, in whichever column it stands."""
    record = draft.record
    record.kind, record.country = kind, "CN"
    scheme = kinds.of(kind).scheme
    written = [(name, cells[name]) for name in ("reg_no", "app_no", "patent_no", "pub_no") if cells.get(name)]
    if not scheme:
        record.reg_no = values.value(written[0][1])[:60] if written else ""
        return
    if not written:
        draft.error(
            "reg_no", "number.missing", N_("The row has no number. Give the number of the registration.")
        )
        return
    number = draft.number(*written[0], kind=scheme)
    if number is not None:
        record.reg_no = number.key


_TEXTS: Final = ("region", "agency", "status", "source")
#: Fields whose markup ``Draft.text`` takes off, because it must see where it was cut.
PROSE: Final = frozenset({"title", "abstract", "main_claim", *_TEXTS})
_ASIDE: Final = ("address", "agents", "priority")
DATE_FIELDS: Final = ("filed_on", "pub_date", "granted_on")
_SYMBOLS: Final = ("ipc_main", "ipc", "loc")
_MOST_EXTRA: Final = 120


def fill(draft: Draft, cells: Map[str, str], extra: Map[str, str], *, title: Severity = "error") -> Row:
    """Make the row's record from ``cells`` (field to text as written) and the ``extra`` columns.

    ``title`` says what a missing title is: an error in a table, a warning in a document that only adds text to
    a right known from elsewhere.
    """
    record = draft.record
    application, publication = _numbers(draft, cells)
    record.title = draft.text("title", cells.get("title", ""))
    if not record.title and not draft.failed("title"):
        draft.say(title, "title", "title.missing", N_("The row has no title."))
    record.abstract = draft.text("abstract", cells.get("abstract", ""), lines=True)
    record.main_claim = draft.text("main_claim", cells.get("main_claim", ""), lines=True)
    record.applicants = draft.people("applicants", values.names(cells.get("applicants", "")))
    record.inventors = draft.people(
        "inventors", values.names(cells.get("inventors", ""), commas=True, once=False)
    )
    if "<addr>" in cells.get("applicants", ""):
        record.extra["applicants_as_written"] = values.clean(cells["applicants"])[:_LONGEST_OTHER]
    if not _WITHHELD.isdisjoint(record.inventors):
        record.extra["inventors_withheld"] = "yes"
    for field in _TEXTS:
        if cells.get(field):
            setattr(record, field, draft.text(field, cells[field]))
    for field in DATE_FIELDS:
        if cells.get(field):
            setattr(record, field, draft.date(field, cells[field]))
    for field in _SYMBOLS:
        if cells.get(field):
            draft.ipc(field, cells[field])
    if not record.kind_code and cells.get("kind_code"):
        record.kind_code = values.value(cells["kind_code"]).upper()[:2]
    if not record.country and cells.get("country"):
        record.country = values.value(cells["country"])[:2].upper()
    _keep_aside(record, cells, extra)
    _doubt(draft, cells, application, publication)
    return draft.row()


def _keep_aside(record: Record, cells: Map[str, str], extra: Map[str, str]) -> None:
    aside = [(name, cells[name]) for name in _ASIDE if cells.get(name)]
    for name, raw in [*aside, *extra.items()][:_MOST_EXTRA]:
        text = values.value(raw)
        if text:
            record.extra[values.clean(name)[:60]] = text[:_LONGEST_OTHER]


def _doubt(
    draft: Draft, cells: Map[str, str], application: Number | None, publication: Number | None
) -> None:
    """Warn of what the numbers say against the rest of the row."""
    record = draft.record
    declared = kinds.from_words(cells.get("kind", ""))
    for doubt in numbers.contradictions(
        application, publication, declared=declared, filed_on=record.filed_on
    ):
        by_type = "kind" if declared else "pub_no"
        field = by_type if doubt.code == "type.contradiction" else "filed_on"
        draft.warn(field, doubt.code, doubt.message, **doubt.params)
    if record.filed_on and record.pub_date and record.pub_date < record.filed_on:
        draft.warn(
            "pub_date",
            "date.order",
            N_("Published on %(published)s, before it was filed on %(filed)s."),
            published=record.pub_date.isoformat(),
            filed=record.filed_on.isoformat(),
        )
