"""HTML tables, which CNKI and others name .xls; a line is a row of the table, the header is row 1.

Only the tags that build a table count as tags here. Cells hold formulas, images and inequalities, and an exporter
that cuts a cell after so many characters may cut inside a tag; a parser of HTML would then swallow the end of
the cell and shift every column after it.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Final

from exchange.core.errors import N_
from exchange.rights.formats import columns, values
from exchange.rights.formats.record import Mapping, Problem, Refused, Row
from exchange.rights.formats.source import (
    LONGEST_LINE,
    Source,
    encoding_of,
    line_too_long,
    not_text,
    truncated,
)
from exchange.rights.formats.table import Cell, Line, Table

_BUILDING: Final = re.compile(r"<(/?)(table|tr|td|th)(?=[\s/>])([^<>]*)>", re.IGNORECASE)
_COLSPAN: Final = re.compile(r"colspan\s*=\s*[\"']?\s*(\d{1,9})", re.IGNORECASE)
_ROWSPAN: Final = re.compile(r"rowspan\s*=\s*[\"']?\s*(\d{1,9})", re.IGNORECASE)
_CHUNK: Final = 128 * 1024
#: A tag may begin at the end of one chunk and end in the next.
_OVERLAP: Final = 4 * 1024
#: The first table with a row of so many cells is the one that is read.
_TABLE_WIDTH: Final = 3


class _Builder:
    """Rows from building tags, whether or not cells and rows are closed."""

    def __init__(self) -> None:
        self.depth = 0
        self.line = 0
        self.widest = 0
        self.done = False
        self.cells: list[str] | None = None
        self.said: list[Cell] = []
        self.start = -1

    def end_cell(self, text: str, at: int) -> None:
        if self.start >= 0 and self.cells is not None:
            self.cells[-1:] = [text[self.start : at].strip()]
        self.start = -1

    def end_row(self) -> Line | None:
        if self.cells is None:
            return None
        self.line += 1
        self.widest = max(self.widest, len(self.cells))
        line = Line(self.line, self.cells, self.said)
        self.cells, self.said = None, []
        return line

    def tag(self, text: str, match: re.Match[str]) -> Line | None:
        """Take one building tag; a finished row comes back."""
        closing, name, attributes = match.group(1), match.group(2).lower(), match.group(3)
        if name == "table" and not closing:
            if self.start >= 0:
                raise Refused(
                    "html.nested", N_("A cell of the table holds another table. Export a plain table.")
                )
            self.depth += 1
            self.line = 0
            return None
        self.end_cell(text, match.start())
        if name in {"td", "th"}:
            if not closing and self.depth:
                self._begin_cell(attributes, match.end())
            return None
        line = self.end_row()
        if name == "tr" and not closing:
            self.cells = []
        elif name == "table":
            self.depth = max(0, self.depth - 1)
            self.done = self.widest >= _TABLE_WIDTH
        return line

    def _begin_cell(self, attributes: str, at: int) -> None:
        if self.cells is None:
            self.cells = []
        self.cells.append("")
        self.start = at
        for pattern in (_COLSPAN, _ROWSPAN):
            span = pattern.search(attributes)
            if span and int(span.group(1)) > 1:
                self.said.append(merged(len(self.cells) - 1))
        if len(self.cells) > columns.MOST_COLUMNS:
            raise Refused(
                "header.too_wide",
                N_("The table has %(found)s columns; at most %(most)s are read. Delete the empty ones."),
                found=len(self.cells),
                most=columns.MOST_COLUMNS,
            )


def merged(index: int) -> Cell:
    """What is said about a merged cell."""
    return Cell(index, "error", "cell.merged", N_("The cell is merged with its neighbours. Unmerge it."))


def _lines(text: io.TextIOWrapper, head_said: list[Line]) -> Iterator[Line]:
    """The rows of the first real table."""
    builder = _Builder()
    buffer = ""
    searched = 0
    while chunk := text.read(_CHUNK):
        buffer += chunk
        last = 0
        for match in _BUILDING.finditer(buffer, searched):
            last = match.end()
            line = builder.tag(buffer, match)
            if line is not None:
                if line.said:
                    head_said.append(line)
                yield line
            if builder.done:
                return
        keep = builder.start if builder.start >= 0 else last or max(0, len(buffer) - _OVERLAP)
        searched = max(last, len(buffer) - _OVERLAP) - keep
        buffer = buffer[keep:]
        builder.start = 0 if builder.start >= 0 else -1
        if len(buffer) > LONGEST_LINE:
            raise line_too_long(builder.line + 1)
    if builder.depth or not builder.line:
        raise truncated(N_("the table is not closed"))


def _pieces(source: Source) -> Iterator[tuple[int, bytes]]:
    """The bytes between tags: a file that is one physical line still has to be of one encoding."""
    with source.open() as stream:
        rest = b""
        number = 1
        while chunk := stream.read(_CHUNK):
            parts = (rest + chunk).split(b"<")
            rest = parts.pop()
            if len(rest) > LONGEST_LINE:
                raise line_too_long(number)
            for part in parts:
                number += part.count(b"\n")
                yield number, part
        yield number, rest


@contextmanager
def _table(source: Source, today: date | None) -> Iterator[tuple[Table, list[Line]]]:
    encoding = encoding_of(_pieces(source), source.head)
    said: list[Line] = []
    try:
        with source.text(encoding) as text:
            yield Table(_lines(text, said), "html", strict=True, markup=True, today=today), said
    except UnicodeDecodeError as error:
        raise not_text() from error


def _remarks(table: Table, said: list[Line]) -> Row | None:
    """A merged header is told once, for the file."""
    if not any(line.line <= table.header_line for line in said):
        return None
    return header_merged(table.header_line)


def header_merged(line: int) -> Row:
    """The remark about a header with merged cells."""
    return Row(
        line,
        None,
        [
            Problem(
                line,
                "",
                "header.merged",
                "warning",
                N_("Cells of the header are merged; only the first column under each has a name."),
            )
        ],
    )


def lines(source: Source) -> Iterator[Line]:
    """Every row of the table with the text of its cells, the header among them. Raises ``Refused``."""
    try:
        with source.text(encoding_of(_pieces(source), source.head)) as text:
            for line in _lines(text, []):
                yield Line(line.line, [values.bare(cell) for cell in line.cells], line.said)
    except UnicodeDecodeError as error:
        raise not_text() from error


def read(source: Source, *, today: date | None = None) -> Iterator[Row]:
    """The rows of an HTML table. Raises ``Refused``."""
    with _table(source, today) as (table, said):
        remark = _remarks(table, said)
        if remark is not None:
            yield remark
        yield from table.rows()


def mapping(source: Source, *, today: date | None = None) -> Mapping:
    """The columns of an HTML table and its first rows. Raises ``Refused``."""
    with _table(source, today) as (table, said):
        found = table.mapping()
        remark = _remarks(table, said)
        if remark is not None:
            found.preview.insert(0, remark)
        return found
