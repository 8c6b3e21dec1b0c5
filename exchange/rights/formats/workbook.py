"""Workbooks (.xlsx), read part by part; a line is the row of the sheet.

openpyxl's streaming mode hides what has to be told here: formulas, hidden rows, merged cells, and which numbers
were typed as numbers. So the parts are read directly, each through defusedxml, after ``prescan``.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import IO, Any, Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring, iterparse

from exchange.core.errors import N_
from exchange.rights.formats import columns, values
from exchange.rights.formats.prescan import (
    MOST_ROWS,
    MOST_SHEETS,
    as_refusals,
    check_archive,
    check_workbook,
    too_many_rows,
)
from exchange.rights.formats.record import Column, Mapping, Problem, Refused, Row
from exchange.rights.formats.source import Source, damaged, too_large
from exchange.rights.formats.table import Cell, Line, Numeric, Table

_MOST_STRINGS: Final = 2_000_000
#: Strings are stored once and may be pointed to by every cell.
_MOST_CHARACTERS: Final = 200_000_000
_LONGEST_CELL: Final = 200_000
_SMALL_PART: Final = 8 * 1024 * 1024
_REFERENCE: Final = re.compile(r"([A-Z]{1,3})(\d{1,10})")
_ESCAPED: Final = re.compile(r"_x([0-9A-Fa-f]{4})_")
_DATE_FORMATS: Final = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
_FORMAT_TEXT: Final = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|_.|\*.')
_ERRORS: Final = frozenset({"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!"})


def _local(element: Element) -> str:
    return element.tag.rsplit("}", 1)[-1]


def _find(element: Element, name: str) -> Iterator[Element]:
    return (child for child in element.iter() if _local(child) == name)


def _text_of(element: Element) -> str:
    """The text of a string item: its runs joined, without the phonetic guide."""
    parts: list[str] = []
    for child in element:
        name = _local(child)
        if name == "t":
            parts.append(child.text or "")
        elif name == "r":
            parts += [grand.text or "" for grand in child if _local(grand) == "t"]
    text = "".join(parts)
    return _ESCAPED.sub(lambda match: chr(int(match.group(1), 16)), text) if "_x" in text else text


class Workbook:
    """An opened workbook: its strings, its date formats, its sheets."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        book = self._part("xl/workbook.xml")
        properties = next(_find(book, "workbookPr"), None)
        self.epoch_1904 = properties is not None and properties.get("date1904") in {"1", "true", "on"}
        targets = self._targets("xl/_rels/workbook.xml.rels")
        self.sheets: list[tuple[str, str, bool]] = []
        for sheet in _find(book, "sheet"):
            relation = next((v for k, v in sheet.attrib.items() if k.rsplit("}", 1)[-1] == "id"), "")
            target = targets.get(relation, "")
            if "worksheet" in target and target in archive.NameToInfo:
                self.sheets.append(
                    (sheet.get("name", ""), target, sheet.get("state", "visible") == "visible")
                )
        if not 1 <= len(self.sheets) <= MOST_SHEETS:
            raise damaged(N_("the workbook has no sheets, or too many"))
        self._strings: list[str] | None = None
        self._characters = 0
        self._dates = self._date_styles()

    def _part(self, name: str) -> Element:
        try:
            info = self._archive.getinfo(name)
        except KeyError as error:
            raise damaged(N_("a part is missing from the workbook")) from error
        if info.file_size > _SMALL_PART:
            raise too_large(_SMALL_PART)
        found: Element = fromstring(self._archive.read(info), forbid_dtd=True)
        return found

    def _targets(self, name: str) -> dict[str, str]:
        targets: dict[str, str] = {}
        for relation in _find(self._part(name), "Relationship"):
            target = relation.get("Target", "")
            path = target.lstrip("/") if target.startswith("/") else posixpath.normpath(f"xl/{target}")
            targets[relation.get("Id", "")] = path
        return targets

    def _date_styles(self) -> frozenset[int]:
        """The numbers of the cell styles that show a date."""
        if "xl/styles.xml" not in self._archive.NameToInfo:
            return frozenset()
        styles = self._part("xl/styles.xml")
        formats = {
            code.get("numFmtId", ""): _FORMAT_TEXT.sub("", code.get("formatCode", "")).lower()
            for code in _find(styles, "numFmt")
        }
        found: set[int] = set()
        for block in _find(styles, "cellXfs"):
            for at, style in enumerate(block):
                number = style.get("numFmtId", "0")
                code = formats.get(number, "")
                if (
                    (number.isdigit() and int(number) in _DATE_FORMATS)
                    or "y" in code
                    or ("d" in code and "m" in code)
                ):
                    found.add(at)
        return frozenset(found)

    @property
    def strings(self) -> list[str]:
        """The shared strings, read once."""
        if self._strings is None:
            self._strings = []
            name = next((n for n in self._archive.namelist() if n.lower() == "xl/sharedstrings.xml"), "")
            if name:
                with self._archive.open(name) as part:
                    for element in _elements(part, "si"):
                        self._strings.append(_text_of(element))
                        if len(self._strings) > _MOST_STRINGS:
                            raise damaged(N_("the workbook has too many strings"))
        return self._strings

    def lines(self, path: str, seen: Seen) -> Generator[Line, None, None]:
        """The rows of a sheet that hold anything. What concerns the sheet as a whole goes to ``seen``."""
        number = 0
        with self._archive.open(path) as part:
            for element in _elements(part, "row", "mergeCell"):
                if _local(element) == "mergeCell":
                    seen.merge(element.get("ref", ""))
                    continue
                number = self._row_number(element, number, path)
                line = self._line(element, number)
                if line is not None:
                    if element.get("hidden") in {"1", "true"}:
                        seen.hidden.append(number)
                    yield line

    def _row_number(self, row: Element, before: int, path: str) -> int:
        given = row.get("r", "")
        number = int(given) if given.isdigit() and len(given) <= 10 else before + 1
        if number > MOST_ROWS:
            raise too_many_rows(path, str(number))
        if number <= before:
            raise damaged(N_("a row of the sheet stands twice"))
        return number

    def _line(self, row: Element, number: int) -> Line | None:
        cells: list[str] = []
        said: list[Cell] = []
        at = -1
        for cell in row:
            if _local(cell) != "c":
                continue
            match = _REFERENCE.fullmatch(cell.get("r", ""))
            at = _index(match.group(1)) if match else at + 1
            text = self._cell(cell, at, said)
            if not text:
                continue
            if at >= columns.MOST_COLUMNS:
                raise Refused(
                    "header.too_wide",
                    N_("The table has %(found)s columns; at most %(most)s are read. Delete the empty ones."),
                    found=at + 1,
                    most=columns.MOST_COLUMNS,
                )
            if at >= len(cells):
                cells += [""] * (at + 1 - len(cells))
            cells[at] = text
        return Line(number, cells, said) if cells or said else None

    def _cell(self, cell: Element, at: int, said: list[Cell]) -> str:
        kind = cell.get("t", "n")
        raw = ""
        for child in cell:
            name = _local(child)
            if name == "v":
                raw = child.text or ""
            elif name == "is":
                return self._within(_text_of(child), at, said)
            elif name == "f":
                said.append(
                    Cell(
                        at, "error", "cell.formula", N_("The cell holds a formula. Paste its value instead.")
                    )
                )
        if kind == "s":
            return self._shared(raw, at, said)
        if kind == "e" or raw in _ERRORS:
            said.append(
                Cell(
                    at,
                    "error",
                    "cell.error_value",
                    N_("The cell shows the error %(value)s."),
                    {"value": raw[:20]},
                )
            )
            return ""
        if kind == "n" and raw:
            return self._number(raw, cell.get("s", "0"))
        return values.clean(raw, lines=True)

    def _shared(self, raw: str, at: int, said: list[Cell]) -> str:
        if raw.isdigit() and len(raw) <= 8 and int(raw) < len(self.strings):
            return self._within(self.strings[int(raw)], at, said)
        said.append(Cell(at, "error", "cell.damaged", N_("The cell points to a text that is not there.")))
        return ""

    def _within(self, text: str, at: int, said: list[Cell]) -> str:
        """The text of a cell, unless it is longer than any that a spreadsheet program writes."""
        self._characters += len(text)
        if self._characters > _MOST_CHARACTERS:
            raise too_large(_MOST_CHARACTERS)
        if len(text) <= _LONGEST_CELL:
            return values.clean(text, lines=True)
        params = {"found": len(text), "most": _LONGEST_CELL}
        message = N_("The text has %(found)s characters; at most %(most)s are kept. Shorten it.")
        said.append(Cell(at, "error", "text.too_long", message, params))
        return ""

    def _number(self, raw: str, style: str) -> str:
        """A number as a person would see it: a day where the style says so, no exponent, no trailing zero."""
        try:
            number = float(raw)
        except ValueError:
            return values.clean(raw)
        if style.isdigit() and int(style) in self._dates:
            try:
                return values.serial_date(number, epoch_1904=self.epoch_1904).isoformat()
            except (ValueError, OverflowError):
                return Numeric(raw[:40])
        if number == number // 1 and abs(number) < 1e15:
            return Numeric(int(number))
        return Numeric(repr(number))


class Seen:
    """What a sheet shows only while it is read: hidden rows and merged cells. ``name`` is the sheet's."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.hidden: list[int] = []
        self.merged: list[tuple[int, int]] = []

    def merge(self, reference: str) -> None:
        """Remember the rows of a merged range."""
        rows = [int(match.group(2)) for match in _REFERENCE.finditer(reference)]
        if rows and len(self.merged) < 1000:
            self.merged.append((min(rows), max(rows)))

    def remarks(self, header_line: int) -> Iterator[Row]:
        """One remark for each kind of thing."""
        if any(first <= header_line <= last for first, last in self.merged):
            yield _remark(
                header_line,
                "header.merged",
                N_("Cells of the header are merged; only the first column under each has a name."),
            )
        below = [first for first, _ in self.merged if first > header_line]
        if below:
            yield _remark(
                below[0],
                "cell.merged",
                N_(
                    "Cells are merged in %(found)s places, first in row %(first)s; only the first row of each has the value."
                ),
                found=len(below),
                first=below[0],
            )
        if self.hidden:
            yield _remark(
                self.hidden[0],
                "row.hidden",
                N_(
                    "%(found)s rows are hidden by a filter or by hand, first row %(first)s; they are read too."
                ),
                found=len(self.hidden),
                first=self.hidden[0],
            )


def _remark(line: int, code: str, message: str, **params: Any) -> Row:
    return Row(line, None, [Problem(line, "", code, "warning", message, params)])


def _index(letters: str) -> int:
    index = 0
    for letter in letters:
        index = index * 26 + ord(letter) - 64
    return index - 1


def _elements(part: IO[bytes], *names: str) -> Iterator[Element]:
    """The elements with one of ``names``, each thrown away after it was used."""
    parents: list[Element] = []
    for event, element in iterparse(part, events=("start", "end"), forbid_dtd=True):
        if event == "start":
            parents.append(element)
            continue
        parents.pop()
        if _local(element) in names:
            yield element
            element.clear()
            if parents:
                parents[-1].clear()


@contextmanager
def opened(source: Source) -> Iterator[Workbook]:
    """The workbook after every check. Raises ``Refused``."""
    check_archive(source.path)
    try:
        with as_refusals(), zipfile.ZipFile(source.path) as archive:
            check_workbook(archive)
            yield Workbook(archive)
    except ParseError as error:
        raise damaged(N_("it is no well-formed XML")) from error
    except DefusedXmlException as error:
        raise Refused(
            "xml.doctype", N_("The file holds a document type or entities and is not read.")
        ) from error


@contextmanager
def _table(source: Source, today: date | None) -> Iterator[tuple[Table, Seen, list[str]]]:
    """The first visible sheet with a header, and the names of the others that have one."""
    with opened(source) as book, ExitStack() as stack:
        chosen: tuple[Table, Seen] | None = None
        others: list[str] = []
        refusal: Refused | None = None
        for name, path, visible in book.sheets:
            if not visible:
                continue
            seen = Seen(name)
            lines = stack.enter_context(closing(book.lines(path, seen)))
            try:
                table = Table(lines, "xlsx", strict=False, epoch_1904=book.epoch_1904, today=today)
            except Refused as error:
                if error.code not in {"header.missing", "file.empty"}:
                    raise
                refusal = refusal or error
                continue
            if chosen is None:
                chosen = (table, seen)
            else:
                others.append(name)
        if chosen is None:
            raise refusal or Refused("file.empty", N_("The file is empty."))
        yield (*chosen, others)


def read(source: Source, *, today: date | None = None) -> Iterator[Row]:
    """The rows of the first sheet with a header; remarks about the sheet come last. Raises ``Refused``."""
    with _table(source, today) as (table, seen, others):
        yield from table.rows()
        yield from seen.remarks(table.header_line)
        if others:
            yield _other_sheets(table, others)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the table of a workbook is: its sheet, the row of its header, its columns, how many cells its rows have."""

    sheet: str
    header_line: int
    columns: list[Column]
    width: int


def place(source: Source) -> Place:
    """Where the table that would be read is. Raises ``Refused``."""
    with _table(source, None) as (table, seen, _):
        found = Place(seen.name, table.header_line, table.columns, len(table.columns))
    return replace(found, width=max([found.width, *(len(line.cells) for line in lines(source))]))


def lines(source: Source) -> Iterator[Line]:
    """Every row of the sheet that would be read, with its cells as text. Raises ``Refused``."""
    with _table(source, None) as (_, seen, _):
        name = seen.name
    with opened(source) as book:
        path = next(path for sheet, path, visible in book.sheets if visible and sheet == name)
        with closing(book.lines(path, Seen(name))) as found:
            yield from found


def cells(source: Source) -> Iterator[list[str]]:
    """The cells of the first visible sheet as text, with or without a header. Raises ``Refused``."""
    with opened(source) as book:
        path, name = next(((path, sheet) for sheet, path, visible in book.sheets if visible), ("", ""))
        if not path:
            raise Refused("file.no_rows", N_("The table has a header and no rows."))
        with closing(book.lines(path, Seen(name))) as found:
            for line in found:
                yield [str(cell) for cell in line.cells]


def headers(source: Source) -> list[str]:
    """The headers of the sheet that would be read. Raises ``Refused``."""
    with _table(source, None) as (table, _, _):
        return [column.header for column in table.columns]


def _other_sheets(table: Table, others: list[str]) -> Row:
    return _remark(
        table.header_line,
        "sheet.ignored",
        N_("Other sheets hold tables too and were not read: %(names)s."),
        names=", ".join(others)[:200],
    )


def mapping(source: Source, *, today: date | None = None) -> Mapping:
    """The columns of the sheet that would be read, and its first rows. Raises ``Refused``."""
    with _table(source, today) as (table, _, others):
        found = table.mapping()
        if others:
            found.preview.insert(0, _other_sheets(table, others))
        return found
