"""Tables of any format: the header is found, then every row goes to its fields by the name of its column."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from exchange.core.errors import N_
from exchange.rights.formats import columns, values
from exchange.rights.formats.assemble import DATE_FIELDS, PROSE, Draft, fill
from exchange.rights.formats.record import Column, Mapping, Problem, Refused, Row, Severity

#: Rows shown before anything is imported.
PREVIEW: Final = 20


class Numeric(str):
    """The text of a cell that the spreadsheet holds as a number, so that an identifier may have lost digits."""

    __slots__ = ()


@dataclass(slots=True)
class Cell:
    """Something to say about one cell before its text is read: a formula, an error value."""

    index: int
    severity: Severity
    code: str
    message: str
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Line:
    """One row of a table as its reader sees it; ``said`` holds what the reader has to say about its cells."""

    line: int
    cells: list[str]
    said: list[Cell] = field(default_factory=list)


class Table:
    """The rows of one table.

    ``strict``: in this format a row with too few or too many cells may have shifted, so it is refused; in a
    workbook every cell has an address and nothing can shift. ``markup``: cells are HTML, whose tags and
    references go. Raises ``Refused`` where no header is found.
    """

    def __init__(
        self,
        lines: Iterable[Line],
        name: str,
        *,
        strict: bool,
        markup: bool = False,
        epoch_1904: bool = False,
        today: date | None = None,
    ) -> None:
        self._lines = iter(lines)
        self._name = name
        self._strict = strict
        self._markup = markup
        self._epoch_1904 = epoch_1904
        self._today = today
        self.header_line = 0
        self.columns: list[Column] = []
        self._find_header()
        self._headers = {column.field: column.header for column in self.columns if column.field}

    def _find_header(self) -> None:
        seen = 0
        first: Line | None = None
        for line in self._lines:
            if not any(line.cells):
                continue
            first = first or line
            seen += 1
            if columns.looks_like_header(self._bare(line.cells)):
                self._take_header(line)
                return
            if seen >= columns.HEADER_WITHIN:
                break
        if first is None:
            raise Refused("file.empty", N_("The file is empty."))
        self._take_header(first)

    def _take_header(self, line: Line) -> None:
        headers = [values.clean(cell) for cell in self._bare(line.cells)]
        self.columns = columns.columns_of(headers, line.line)
        self.header_line = line.line

    def _bare(self, cells: list[str]) -> list[str]:
        return [values.bare(cell) for cell in cells] if self._markup else cells

    def rows(self) -> Iterator[Row]:
        """Every row below the header that is not blank. Raises ``Refused`` where the file breaks off."""
        found = False
        for line in self._lines:
            if any(line.cells) or line.said:
                found = True
                yield self._row(line)
        if not found:
            raise Refused("file.no_rows", N_("The table has a header and no rows."))

    def mapping(self) -> Mapping:
        """How the columns were understood, with the first rows."""
        preview: list[Row] = []
        for row in self.rows():
            preview.append(row)
            if len(preview) >= PREVIEW:
                break
        return Mapping(
            self._name,
            self.columns,
            columns.missing_fields(self.columns),
            [column.header for column in self.columns if column.header and not column.field],
            self.header_line,
            preview,
        )

    def _row(self, line: Line) -> Row:
        draft = Draft(line.line, self._headers, today=self._today)
        for cell in line.said:
            self._say(draft, cell)
        width = len(self.columns)
        if self._strict and len(line.cells) < width:
            draft.error(
                "",
                "row.missing_cells",
                N_("The row has %(found)s cells, the header has %(expected)s: a cell is missing."),
                found=len(line.cells),
                expected=width,
            )
            return draft.row()
        stray = [cell for cell in line.cells[width:] if cell]
        if stray:
            draft.say(
                "error" if self._strict else "warning",
                "",
                "row.extra_cells",
                N_("The row has %(found)s cells more than the header: %(value)s."),
                found=len(stray),
                value=stray[0][:60],
            )
            if self._strict:
                return draft.row()
        cells: dict[str, str] = {}
        extra: dict[str, str] = {}
        for column, text in zip(self.columns, line.cells, strict=False):
            if self._markup and column.field not in PROSE:
                text = values.bare(text)
            if isinstance(text, Numeric):
                text = self._typed(column.field, text)
            if column.field:
                cells[column.field] = text
            elif column.header and text:
                extra[column.header] = text
        return fill(draft, cells, extra)

    def _say(self, draft: Draft, cell: Cell) -> None:
        """What a reader says of a cell is an error in a column that is used, and a warning in any other."""
        column = self.columns[cell.index] if cell.index < len(self.columns) else None
        used = column is not None and bool(column.field)
        draft.problems.append(
            Problem(
                draft.line,
                column.header if column else columns.letter_of(cell.index),
                cell.code,
                cell.severity if used else "warning",
                cell.message,
                cell.params,
            )
        )

    def _typed(self, field: str, text: Numeric) -> str:
        """A number of the spreadsheet in a column of numbers of rights, or of days.

        Thirteen digits are all there and the check digit proves it, so the number is read, and said to be
        mended; twelve may have lost a check digit of nought, so nothing is added.
        """
        if field in columns.NUMBER_FIELDS and text.isdigit() and len(text) in {9, 13}:
            return f"{text}.0"
        if field in DATE_FIELDS and not (text.isdigit() and len(text) == 8):
            try:
                return values.serial_date(float(text), epoch_1904=self._epoch_1904).isoformat()
            except (ValueError, OverflowError):
                return text
        return text
