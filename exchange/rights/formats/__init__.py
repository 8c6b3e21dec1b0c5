"""Readers of files about rights: one for each format, all yielding the same rows.

``sniff`` says what a file is, ``read`` yields its rows one by one, ``mapping`` shows how it was understood. A row
carries a record or the problems that keep it out; a file that cannot be read at all raises ``Refused`` with the
reason, also in the middle, where it breaks off. Nothing here touches the database, and nothing here is safe to
run on a stranger's file in the process of the web server: ``exchange.rights.sandbox`` runs it in a limited one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from exchange.core.errors import N_
from exchange.rights.formats import (
    assignments,
    cnipa,
    delimited,
    epo,
    jsonlines,
    markup,
    sniffing,
    trees,
    uspto,
    workbook,
)
from exchange.rights.formats.record import (
    Column,
    Event,
    Mapping,
    Problem,
    Record,
    Refused,
    Row,
)
from exchange.rights.formats.source import Source, damaged, not_text
from exchange.rights.formats.table import PREVIEW

__all__ = [
    "AUTO",
    "FORMATS",
    "Column",
    "Event",
    "Format",
    "Mapping",
    "Problem",
    "Record",
    "Refused",
    "Row",
    "mapping",
    "read",
    "sniff",
]

#: Let the content say what the file is.
AUTO: Final = "auto"

Reader = Callable[..., Iterator[Row]]
Mapper = Callable[..., Mapping]


@dataclass(frozen=True, slots=True)
class Format:
    """A format: its key, its name (a msgid), what its rows are counted by, and what they carry."""

    key: str
    name: str
    line: str
    reader: Reader
    mapper: Mapper | None = None
    carries: str = "rights"


_TABLE_ROW: Final = N_("row of the table")
_SHEET_ROW: Final = N_("row of the sheet")
_PHYSICAL: Final = N_("line of the file")
_ORDINAL: Final = N_("number of the document in the file")


def _json_rows(source: Source, *, today: date | None = None) -> Iterator[Row]:
    """The objects of a JSON file that is a list of them, one, or a wrapping around a list."""
    records = jsonlines.records_of(trees.json_document(source))
    if not records:
        raise damaged(N_("the JSON list holds no objects"))
    for line, one in enumerate(records, 1):
        yield jsonlines.row_of(line, one, today)


def _json_record(reader: Callable[[Any, date | None], Row]) -> Reader:
    def read_one(source: Source, *, today: date | None = None) -> Iterator[Row]:
        found = trees.json_document(source)
        if not isinstance(found, dict):
            raise damaged(N_("the JSON holds no object"))
        yield reader(found, today)

    return read_one


#: Every format by its key. ``carries`` is ``rights``, ``events`` or ``both``.
FORMATS: Final[dict[str, Format]] = {
    one.key: one
    for one in (
        Format("template-xlsx", N_("Import template of the exchange (.xlsx)"), _SHEET_ROW, workbook.read, workbook.mapping),
        Format("cnki-html", N_("CNKI export (HTML named .xls)"), _TABLE_ROW, markup.read, markup.mapping),
        Format("cnki-xlsx", N_("CNKI export (.xlsx)"), _SHEET_ROW, workbook.read, workbook.mapping),
        Format("sipo-xlsx", N_("Export of the patent office with 25 columns (.xlsx)"), _SHEET_ROW, workbook.read, workbook.mapping),
        Format("xlsx", N_("Workbook with a header (.xlsx)"), _SHEET_ROW, workbook.read, workbook.mapping),
        Format("html", N_("Table in HTML"), _TABLE_ROW, markup.read, markup.mapping),
        Format("csv", N_("Table of values parted by commas, semicolons or tabs"), _PHYSICAL, delimited.read, delimited.mapping),
        Format("jsonl", N_("Records as lines of JSON"), _PHYSICAL, jsonlines.read, jsonlines.mapping, "both"),
        Format("json", N_("Records as a list in JSON"), _ORDINAL, _json_rows, carries="both"),
        Format("events-jsonl", N_("Legal events as lines of JSON"), _PHYSICAL, jsonlines.read, carries="events"),
        Format("cnipa-json", N_("Answer of CNIPA's case inquiry (JSON)"), _ORDINAL, _json_record(cnipa.read_inquiry), carries="both"),
        Format("cnipr-json", N_("CNIPR record of a patent (JSON)"), _ORDINAL, _json_record(cnipa.read_record), carries="both"),
        Format("cnipa-xml", N_("CNIPA's data exchange (XML)"), _ORDINAL, cnipa.read_xml, carries="both"),
        Format("status-text", N_("Announcements of legal status as text"), _PHYSICAL, cnipa.read_text, carries="events"),
        Format("ops-xml", N_("EPO Open Patent Services (XML)"), _ORDINAL, epo.read_xml, carries="both"),
        Format("ops-json", N_("EPO Open Patent Services (JSON)"), _ORDINAL, epo.read_json, carries="both"),
        Format("uspto-xml", N_("USPTO grants and applications (XML)"), _ORDINAL, uspto.read_xml),
        Format("uspto-sgml", N_("USPTO grants (SGML)"), _ORDINAL, uspto.read_sgml),
        Format("st96-xml", N_("Application contents in ST.96 style (XML)"), _ORDINAL, uspto.read_st96),
        Format("st96-zip", N_("Application contents in ST.96 style (ZIP)"), _ORDINAL, uspto.read_zip),
        Format("us-assignment-xml", N_("USPTO changes of ownership (XML)"), _ORDINAL, assignments.read_xml, carries="both"),
        Format("us-assignment-jsonl", N_("USPTO changes of ownership (lines of JSON)"), _PHYSICAL, assignments.read_lines, carries="both"),
    )
}  # fmt: skip


def sniff(path: Path) -> str:
    """The key of the format that the content of ``path`` has. Raises ``Refused`` with the reason."""
    return sniffing.sniff(Source(path))


def _format(source: Source, key: str) -> Format:
    if key == AUTO:
        key = sniffing.sniff(source)
    found = FORMATS.get(key)
    if found is None:
        raise Refused(
            "format.name",
            N_("There is no format called %(name)s. Formats: %(formats)s."),
            name=key[:40],
            formats=", ".join(FORMATS),
        )
    return found


def read(path: Path, format: str = AUTO, *, today: date | None = None) -> Iterator[Row]:  # noqa: A002  (the option's name)
    """The rows of a file, in constant memory.

    ``today`` lets numbers of later years be doubted. Raises ``Refused`` before the first row where the file as a
    whole is wrong, and later where it breaks off: a caller that must not keep half a file reads to the end first.
    """
    source = Source(path)
    chosen = _format(source, format)
    try:
        yield from chosen.reader(source, today=today)
    except UnicodeDecodeError as error:
        raise not_text() from error


def mapping(path: Path, format: str = AUTO, *, today: date | None = None) -> Mapping:  # noqa: A002  (the option's name)
    """How a file is understood: its columns with their fields where it is a table, and its first rows.

    Raises ``Refused``.
    """
    source = Source(path)
    chosen = _format(source, format)
    try:
        if chosen.mapper is not None:
            found = chosen.mapper(source, today=today)
            found.format = chosen.key
            return found
        preview: list[Row] = []
        for row in chosen.reader(source, today=today):
            preview.append(row)
            if len(preview) >= PREVIEW:
                break
        return Mapping(chosen.key, preview=preview)
    except UnicodeDecodeError as error:
        raise not_text() from error
