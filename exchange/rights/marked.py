"""The file of an import given back to who sent it, with what is wrong in a column of its own (错误).

A workbook comes back as itself, every other table as a workbook of its cells. What a stranger's file says is written
as text and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, Cell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter

from exchange.core.errors import N_, RuleBroken
from exchange.rights import sandbox
from exchange.rights.formats.notes import WIDTH, Note, Notes, is_table
from exchange.rights.formats.record import Problem, Refused
from exchange.rights.imports import kept_file, refusal
from exchange.rights.models import RightImport
from exchange.rights.template import as_bytes, as_text

Say = Callable[[str], str]

MOST_CELLS: Final = 150_000
"""Cells of a table that is given back whole."""
_SEVERITIES: Final = {"error": N_("Error"), "warning": N_("Warning")}
_RED: Final = PatternFill("solid", fgColor="F8D7DA")
_AMBER: Final = PatternFill("solid", fgColor="FFF3CD")
_WRAP: Final = Alignment(wrap_text=True, vertical="top")
_BOLD: Final = Font(bold=True)


def possible(import_: RightImport) -> bool:
    """Whether the file of the import is a table, has remarks on its rows, and is still kept."""
    return (
        is_table(import_.format)
        and any(one["line"] > 0 for one in import_.problems)
        and kept_file(import_).exists()
    )


def give_back(import_: RightImport, say: Say = str) -> bytes:
    """The file of the import as a workbook with a column of remarks, in the language of ``say``.

    Raises ``RuleBroken``: ``import.not_a_table``, or with the reason for a file that can no longer be read.
    """
    if not possible(import_):
        raise RuleBroken(
            "import.not_a_table",
            N_("Only a table with remarks can be given back. Download the list of remarks instead."),
            field="file",
        )
    path = kept_file(import_)
    problems = [
        Problem(one["line"], one["column"], one["code"], one["severity"], one["message"], one["params"])
        for one in import_.problems
    ]
    notes = notes_of(problems, say)
    try:
        if import_.format.endswith("xlsx"):
            try:
                return sandbox.marked(path, notes)
            except Refused:  # too large, or too strange for openpyxl: its cells can still be given back
                return plain(sandbox.cells(path, import_.format), notes)
        return plain(sandbox.cells(path, import_.format), notes)
    except Refused as refused:
        raise refusal(refused) from refused


def notes_of(problems: Iterable[Problem], say: Say = str) -> Notes:
    """The remarks of an import by row, the errors of each first."""
    by_line: dict[int, list[Problem]] = {}
    for problem in problems:
        if problem.line > 0:
            by_line.setdefault(problem.line, []).append(problem)
    rows = {}
    for line, found in by_line.items():
        found.sort(key=lambda one: one.severity != "error")
        rows[line] = Note(
            "\n".join(_sentence(one, say) for one in found),
            found[0].severity == "error",
            tuple(dict.fromkeys(one.column for one in found if one.column)),
        )
    return Notes(say(_SEVERITIES["error"]), rows)


def _sentence(problem: Problem, say: Say) -> str:
    parts = (say(_SEVERITIES[problem.severity]), problem.column, problem.told(say))
    return " · ".join(part for part in parts if part)


def _kept(rows: Iterable[tuple[int, Sequence[str]]], notes: Notes) -> list[tuple[int, Sequence[str]]]:
    """The rows to give back: all, or the header and those with remarks where there are very many cells."""
    kept: list[tuple[int, Sequence[str]]] = []
    count = 0
    for at, (line, cells) in enumerate(rows):
        count += len(cells)
        if count > MOST_CELLS and count - len(cells) <= MOST_CELLS:
            kept = [one for place, one in enumerate(kept) if not place or one[0] in notes.rows]
        if count <= MOST_CELLS or not at or line in notes.rows:
            kept.append((line, cells))
    return kept


def plain(rows: Iterable[tuple[int, Sequence[str]]], notes: Notes) -> bytes:
    """The cells of a table with the remarks in a column right of all; of a large table only the rows with remarks."""
    table = _kept(rows, notes)
    width = max((len(cells) for _, cells in table), default=0)
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.column_dimensions[get_column_letter(width + 1)].width = WIDTH

    def cell(value: str, fill: PatternFill | None = None, *, bold: bool = False) -> Cell:
        made: Cell = WriteOnlyCell(sheet)
        as_text(made, value)
        made.alignment = _WRAP
        if fill is not None:
            made.fill = fill
        if bold:
            made.font = _BOLD
        return made

    def text(value: str) -> Cell | str:
        """Most texts as they are; what a spreadsheet program would take for more than a text is said to be one."""
        plain_ = ILLEGAL_CHARACTERS_RE.sub("", value)[:32_000]
        return cell(plain_) if plain_[:1] in {"=", "#"} else plain_

    for at, (line, cells) in enumerate(table):
        note = notes.rows.get(line)
        shown: list[Cell | str] = (
            [cell(one, bold=True) for one in cells] if at == 0 else [text(one) for one in cells]
        )
        shown += [""] * (width - len(cells))
        if at == 0:
            shown.append(cell(notes.head, _RED, bold=True))
        elif note is not None:
            shown.append(cell(note.text, _RED if note.error else _AMBER))
        sheet.append(shown)
    return as_bytes(book)
