"""Our own workbooks: the template reads back in any state of filling, the report holds no formula."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from openpyxl import load_workbook

from exchange.rights import formats, template
from exchange.rights.formats.record import Problem, Refused
from exchange.rights.kinds import KINDS
from tests.rights import files


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the workbook is put."""
    return tmp_path / "upload.dat"


def filled(path: Path, fill: Callable[[object], None] = lambda sheet: None) -> Path:
    book = load_workbook(io.BytesIO(template.build()))
    fill(book.worksheets[0])
    book.save(path)
    book.close()
    return path


def test_the_empty_template_is_known_and_has_no_rows(path: Path) -> None:
    filled(path)
    assert formats.sniff(path) == "template-xlsx"
    with pytest.raises(Refused) as refused:
        list(formats.read(path))
    assert refused.value.code == "file.no_rows"


def test_every_column_of_the_template_is_understood(path: Path) -> None:
    path.write_bytes(files.template_xlsx())
    found = formats.mapping(path)
    assert (found.unknown, found.missing) == ([], [])
    assert len({column.field for column in found.columns}) == len(template.HEADERS)


def test_a_filled_template_brings_patents_and_other_rights(path: Path) -> None:
    path.write_bytes(files.template_xlsx())
    first, second = (row.record for row in formats.read(path))
    assert first is not None
    assert second is not None
    assert (first.app_no, first.pub_no, first.kind) == (files.app_no(2020, 1, 77), "CN112345678", "invention")
    assert first.applicants == ["榕树大学", "海风科技有限公司"]
    assert (second.kind, second.reg_no, second.app_no) == ("trademark", "12345678-9", "")


def test_columns_are_text_and_kinds_are_offered(path: Path) -> None:
    book = load_workbook(io.BytesIO(template.build()))
    sheet = book.worksheets[0]
    assert {sheet.column_dimensions[letter].number_format for letter in "BCDH"} == {"@"}
    offered = sheet.data_validations.dataValidation[0].formula1
    assert all(row.name_zh in offered for row in KINDS.values())
    book.close()


def test_notes_speak_the_language_asked_for() -> None:
    book = load_workbook(io.BytesIO(template.build(lambda note: f"译：{note}")))
    notes = [row[0] for row in book.worksheets[1].iter_rows(values_only=True)]
    assert notes == [f"译：{note}" for note in template.NOTES]
    book.close()


def test_the_report_holds_no_formula_and_no_forbidden_mark() -> None:
    hostile = ["=cmd|' /C calc'!A0", "+1+1", "@SUM(A1)", "-2", "a\x00b\x07", "x" * 40_000]
    problems = [
        Problem(at, value, "date.bad", "error", "%(value)s is no date.", {"value": value})
        for at, value in enumerate(hostile, 2)
    ]
    book = load_workbook(io.BytesIO(template.report(problems)))
    rows = list(book.worksheets[0].iter_rows())
    assert len(rows) == len(hostile) + 1
    assert {cell.data_type for row in rows for cell in row} == {"s"}
    assert rows[1][4].value == "=cmd|' /C calc'!A0 is no date."
    book.close()
