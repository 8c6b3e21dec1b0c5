"""A sender's own table given back with what is wrong in a column of its own (ux-reliability.md §1.3, step 6).

Runs in the reading process: a workbook is a stranger's file here too. Formulas come back as text, macros and links to
other files are never there (``prescan`` refuses them), and a workbook too large to be held in memory is refused.
"""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Iterator
from typing import Any, Final

from openpyxl import load_workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, Cell
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from exchange.core.errors import N_
from exchange.rights.formats import delimited, markup, workbook
from exchange.rights.formats.columns import letter_of
from exchange.rights.formats.notes import WIDTH, Notes
from exchange.rights.formats.record import Column, Refused
from exchange.rights.formats.source import Source
from exchange.rights.formats.table import Line

MOST_OCTETS: Final = 12 * 1024 * 1024
"""Unpacked parts of a workbook that is held in memory as a whole."""
TOO_LARGE: Final = "marking.too_large"
_COMMENTS: Final = 2000
"""Cells with a comment; more make a workbook that spreadsheet programs open slowly."""

_RED: Final = PatternFill("solid", fgColor="F8D7DA")
_AMBER: Final = PatternFill("solid", fgColor="FFF3CD")
_BOLD: Final = Font(bold=True)
_WRAP: Final = Alignment(wrap_text=True, vertical="top")


def lines(source: Source, key: str) -> Iterator[Line]:
    """Every row of a table with its cells as text, the header among them. Raises ``Refused``."""
    if key == "csv":
        yield from delimited.lines(source)
    elif key in {"html", "cnki-html"}:
        yield from markup.lines(source)
    elif key.endswith("xlsx"):
        yield from workbook.lines(source)
    else:
        raise Refused("marking.no_table", N_("Only tables can be given back with a column of remarks."))


def marked(source: Source, notes: Notes) -> bytes:
    """The workbook with the notes in a new column, the cells concerned coloured. Raises ``Refused``."""
    with zipfile.ZipFile(source.path) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > MOST_OCTETS:
            raise Refused(TOO_LARGE, N_("The workbook is too large to be given back with its own layout."))
    place = workbook.place(source)
    with warnings.catch_warnings(), source.path.open("rb") as file:  # by its name openpyxl would refuse it
        warnings.simplefilter("ignore")  # what openpyxl cannot keep (an extension of a chart) it leaves out
        book = load_workbook(file, keep_vba=False, keep_links=False)
    for sheet in book.worksheets:
        _no_formulas(sheet)
    _mark(book[place.sheet], place, notes)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _no_formulas(sheet: Worksheet) -> None:
    """Every formula becomes the text of it, so that opening the file computes and fetches nothing."""
    for row in sheet.iter_rows():
        for cell in row:
            if isinstance(cell, Cell):
                if cell.data_type == "f":
                    _text(cell, getattr(cell.value, "text", None) or cell.value)
                cell.hyperlink = None


def _text(cell: Cell, value: Any) -> None:
    cell.value = ILLEGAL_CHARACTERS_RE.sub("", str(value))[:32_000]
    cell.data_type = "s"


def _mark(sheet: Worksheet, place: workbook.Place, notes: Notes) -> None:
    at = _free_column(sheet, place)
    head = sheet.cell(place.header_line, at)
    if isinstance(head, Cell):
        _text(head, notes.head)
        head.font, head.fill, head.alignment = _BOLD, _RED, _WRAP
    sheet.column_dimensions[get_column_letter(at)].width = WIDTH
    found = {name: index for index, name in _names(place.columns)}
    comments = 0
    for line, note in notes.rows.items():
        if line <= place.header_line:
            continue
        fill = _RED if note.error else _AMBER
        said = sheet.cell(line, at)
        if isinstance(said, Cell):
            _text(said, note.text)
            said.fill, said.alignment = fill, _WRAP
        for name in note.columns:
            if name not in found:
                continue
            wrong = sheet.cell(line, found[name] + 1)
            wrong.fill = fill
            if isinstance(wrong, Cell) and comments < _COMMENTS:
                wrong.comment = Comment(ILLEGAL_CHARACTERS_RE.sub("", note.text)[:2000], notes.head)
                comments += 1


def _names(columns: list[Column]) -> Iterator[tuple[int, str]]:
    """Columns by letter and by header; of two with one header the first, which is the one that is read."""
    for column in reversed(columns):
        yield column.index, letter_of(column.index)
        if column.header:
            yield column.index, column.header


def _free_column(sheet: Worksheet, place: workbook.Place) -> int:
    """The first column right of all that the table holds, and of what is merged with it."""
    merged = [int(one.max_col) for one in sheet.merged_cells.ranges if one.min_col <= place.width]
    return max([place.width, *merged]) + 1
