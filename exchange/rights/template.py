"""Our own workbooks: the template for an import, and the report of what was wrong with one.

The template sets every column to text, so that a spreadsheet program cannot turn an application number into a
decimal. Cells are always written as text: nothing a stranger's file said can become a formula in ours.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import Final

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, Cell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from exchange.core.errors import N_, fill
from exchange.rights.formats.record import Problem
from exchange.rights.kinds import KINDS

MEDIA_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FILENAME: Final = "rongyi-rights-template.xlsx"

#: Header, width, and whether a row needs it. The reader knows the file by the first and the title's header.
HEADERS: Final = (
    ("知识产权类型 Kind of right", 20, False),
    ("申请号 Application no.", 20, False),
    ("公开（公告）号 Publication no.", 20, False),
    ("登记号 Registration no.", 20, False),
    ("名称 Title", 44, True),
    ("权利人 Owners", 34, False),
    ("发明（设计）人 Inventors", 28, False),
    ("申请日 Filing date", 14, False),
    ("公开（公告）日 Publication date", 16, False),
    ("授权日 Grant date", 14, False),
    ("分类号 IPC", 20, False),
    ("摘要 Abstract", 50, False),
    ("主权项 Main claim", 50, False),
    ("代理机构 Agency", 26, False),
    ("法律状态 Legal status", 18, False),
    ("地区 Region", 14, False),
)
_ROWS: Final = 5000

NOTES: Final = (
    N_("One row is one right, or one publication of it. Keep the header; columns may be left out or reordered."),
    N_("A row needs a title and one number: the application number (13 characters), the publication number with its country, or for other rights the registration number."),
    N_("Write 201710601862.3, ZL 2017 1 0601862.3 or 2017106018623. The check digit is verified."),
    N_("Part several owners or inventors by semicolons."),
    N_("Write dates as 2026-06-15."),
    N_("Paste values only: formulas, merged cells and macros are refused."),
    N_("Leave the kind of right empty for patents: the number tells it."),
)  # fmt: skip

_HEAD: Final = PatternFill("solid", fgColor="1F6F5C")
_WHITE: Final = Font(bold=True, color="FFFFFF")
_RED: Final = PatternFill("solid", fgColor="F8D7DA")
_WRAP: Final = Alignment(wrap_text=True, vertical="top")


def build(say: Callable[[str], str] = str) -> bytes:
    """The template as a workbook. ``say`` translates the notes; the header is the same in every language."""
    book = Workbook()
    sheet = book.active
    if not isinstance(sheet, Worksheet):
        raise TypeError("a new workbook begins with a worksheet")
    sheet.title = "权利 Rights"
    for index, (header, width, needed) in enumerate(HEADERS, 1):
        cell = sheet.cell(1, index, f"{header} *" if needed else header)
        cell.font, cell.fill, cell.alignment = _WHITE, _HEAD, _WRAP
        column = sheet.column_dimensions[get_column_letter(index)]
        column.width, column.number_format = width, "@"
    sheet.freeze_panes = "A2"
    choices = ",".join(row.name_zh for row in KINDS.values())
    validation = DataValidation("list", formula1=f'"{choices}"', allow_blank=True)
    validation.add(f"A2:A{_ROWS}")
    sheet.add_data_validation(validation)
    notes = book.create_sheet("说明 Notes")
    notes.column_dimensions["A"].width = 110
    for line, note in enumerate(NOTES, 1):
        cell = notes.cell(line, 1)
        as_text(cell, say(note))
        cell.alignment = _WRAP
    return as_bytes(book)


def report(problems: Iterable[Problem], say: Callable[[str], str] = str) -> bytes:
    """What was wrong with an import, row by row, as a workbook. ``say`` translates messages and headers."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("问题 Problems")
    for letter, width in zip("ABCDE", (8, 28, 12, 24, 100), strict=True):
        sheet.column_dimensions[letter].width = width

    def text(value: str, *, red: bool = False, head: bool = False) -> Cell:
        cell: Cell = WriteOnlyCell(sheet)
        as_text(cell, value)
        cell.alignment = _WRAP
        if head:
            cell.font, cell.fill = _WHITE, _HEAD
        elif red:
            cell.fill = _RED
        return cell

    heads = (N_("Row"), N_("Column"), N_("Severity"), N_("Code"), N_("What is wrong, and what to do"))
    severities = {"error": N_("Error"), "warning": N_("Warning")}
    sheet.append([text(say(head), head=True) for head in heads])
    for problem in problems:
        red = problem.severity == "error"
        words = (
            str(problem.line),
            problem.column,
            say(severities[problem.severity]),
            problem.code,
            fill(say(problem.message), problem.params),
        )
        sheet.append([text(word, red=red) for word in words])
    return as_bytes(book)


def as_text(cell: Cell, value: str) -> None:
    """Text and nothing else: a leading equals sign stays a sign."""
    cell.value = ILLEGAL_CHARACTERS_RE.sub("", value)[:32_000]
    cell.data_type = "s"


def as_bytes(book: Workbook) -> bytes:
    """The workbook as a file."""
    stream = io.BytesIO()
    book.save(stream)
    book.close()
    return stream.getvalue()
