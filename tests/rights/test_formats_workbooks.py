"""Workbooks: what was typed as a number, formulas, hidden rows, old dates, and what stands behind the sheets."""

import io
import re
import zipfile
from collections.abc import Callable
from datetime import date, datetime

import pytest
from openpyxl import Workbook

from tests.rights import files
from tests.rights.reading import Put, codes, read, record, refusal

# -- workbooks -----------------------------------------------------------------------------------------

NUMBER = files.app_no(2015, 2, 5)
HEAD = ["申请号", "名称", "申请日", "发明人"]


def test_a_workbook_tells_formulas_errors_and_what_was_typed_as_a_number(put: Put) -> None:
    text = f"{NUMBER[:12]}.{NUMBER[12]}"
    data = files.xlsx(
        [
            HEAD,
            [NUMBER, "text", "2015-01-02", "林一"],
            [int(NUMBER) if NUMBER.isdigit() else NUMBER, "number", date(2015, 1, 2), "林一"],
            [NUMBER, "=A1", 42006, "林一"],
            [NUMBER, "error", "#REF!", "林一"],
            [int(NUMBER[:12]), "digit lost", 20150102, "林一"],
            [text, "dotted", datetime(2015, 1, 2, 8, 30), "林一"],  # noqa: DTZ001
        ]
    )
    rows = read(put(data))
    assert [row.line for row in rows] == [2, 3, 4, 5, 6, 7]
    assert [codes(row) for row in rows] == [
        [],
        ["number.repaired"],
        ["cell.formula"],
        ["cell.error_value"],
        ["number.check_digit_missing"],
        [],
    ]
    assert record(rows[1]).filed_on == record(rows[5]).filed_on == date(2015, 1, 2)
    assert rows[2].problems[0].column == "名称"


def test_a_formula_in_a_column_that_is_not_used_is_only_told(put: Put) -> None:
    rows = read(put(files.xlsx([["申请号", "名称", "备注"], [NUMBER, "样灯", "=1+1"]])))
    assert [(p.code, p.severity, p.column) for p in rows[0].problems] == [("cell.formula", "warning", "备注")]


@pytest.mark.parametrize("epoch", ["1900", "1904"])
def test_dates_of_old_macintoshes(put: Put, epoch: str) -> None:
    def change(book: Workbook) -> None:
        if epoch == "1904":
            book.epoch = datetime(1904, 1, 1)  # noqa: DTZ001
        book.worksheets[0].append([NUMBER, "样灯", datetime(2015, 1, 2), "林一"])  # noqa: DTZ001

    assert record(read(put(files.xlsx([HEAD], change)))[0]).filed_on == date(2015, 1, 2)


def test_hidden_rows_merged_cells_and_other_sheets_are_told(put: Put) -> None:
    def change(book: Workbook) -> None:
        sheet = book.worksheets[0]
        sheet.row_dimensions[3].hidden = True
        sheet.merge_cells("C1:D1")
        sheet.merge_cells("A4:A5")
        book.create_sheet("Notes").append(["just", "words"])
        book.create_sheet("More").append(HEAD)
        hidden = book.create_sheet("Hidden")
        hidden.append(HEAD)
        hidden.sheet_state = "hidden"

    rows = [[NUMBER, f"样灯{at}", "2015-01-02", "林一"] for at in range(5)]
    found = read(put(files.xlsx([HEAD, *rows], change)))
    data = [row for row in found if row.counts]
    remarks = [row for row in found if not row.counts]
    assert [row.line for row in data] == [2, 3, 4, 5, 6], "hidden rows are read"
    assert [codes(row)[0] for row in remarks] == [
        "header.merged",
        "cell.merged",
        "row.hidden",
        "sheet.ignored",
    ]
    assert remarks[2].line == 3
    assert "More" in remarks[3].problems[0].sentence
    assert "Hidden" not in remarks[3].problems[0].sentence


def test_the_sheet_with_the_header_is_read(put: Put) -> None:
    def change(book: Workbook) -> None:
        sheet = book.create_sheet("Data")
        sheet.append(["List of rights"])
        sheet.append([])
        sheet.append(HEAD)
        sheet.append([NUMBER, "样灯", "2015-01-02", "林一"])

    assert [row.line for row in read(put(files.xlsx([["Read", "me"]], change)))] == [4]


def test_padding_to_the_last_column_is_no_table_of_16384(put: Put) -> None:
    def change(book: Workbook) -> None:
        for index in range(1, 16_385):
            book.worksheets[0].cell(2, index).number_format = "@"

    rows = read(put(files.xlsx([HEAD, [NUMBER, "样灯", "2015-01-02", "林一"]], change)))
    assert record(rows[0]).title == "样灯"


def test_a_cell_beside_the_table_is_told_and_shifts_nothing(put: Put) -> None:
    rows = read(put(files.xlsx([["申请号", "名称"], [NUMBER, "样灯", "", "aside"]])))
    assert codes(rows[0]) == ["row.extra_cells"]
    assert record(rows[0]).title == "样灯"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (files.xlsx([["a", "b"], ["1", "2"]]), "header.missing"),
        (files.xlsx([]), "file.empty"),
        (files.xlsx([HEAD]), "file.no_rows"),
        (files.xlsx([[*HEAD, *map(str, range(200))], [NUMBER, "x"]]), "header.too_wide"),
    ],
)
def test_a_workbook_without_a_list_is_refused(put: Put, data: bytes, code: str) -> None:
    assert refusal(put(data)).code == code


def rewrite(
    data: bytes, changes: dict[str, Callable[[bytes], bytes]], more: dict[str, bytes] | None = None
) -> bytes:
    """The archive with some of its entries changed, and more of them."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    for name, change in changes.items():
        entries[name] = change(entries[name])
    return files.zipped({**entries, **(more or {})})


SHEET = "xl/worksheets/sheet1.xml"
BOOK = files.xlsx([HEAD, [NUMBER, "样灯", "2015-01-02", "林一"]])


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (rewrite(BOOK, {SHEET: lambda d: d.replace(b'ref="A1:D2"', b'ref="A1:D2147483648"')}), "file.too_many_rows"),
        (rewrite(BOOK, {SHEET: lambda d: d.replace(b'<row r="2"', b'<row r="4294967297"')}), "file.too_many_rows"),
        (rewrite(BOOK, {SHEET: lambda d: d.replace(b'<row r="2"', b'<row r="1"')}), "file.damaged"),
        (rewrite(BOOK, {SHEET: lambda d: d[:-40]}), "file.damaged"),
        (rewrite(BOOK, {SHEET: lambda d: d.replace(b"<worksheet", b"<!DOCTYPE w [<!ENTITY x 'y'>]><worksheet")}), "xml.doctype"),
        (rewrite(BOOK, {SHEET: lambda d: d.decode().encode("utf-16")}), "file.damaged"),
        (rewrite(BOOK, {}, {"xl/vbaProject.bin": b"macro"}), "xlsx.macros"),
        (rewrite(BOOK, {}, {"xl/externalLinks/externalLink1.xml": b"<x/>"}), "xlsx.external"),
        (rewrite(BOOK, {}, {"xl/connections.xml": b"<x/>"}), "xlsx.external"),
        (rewrite(BOOK, {"xl/workbook.xml": lambda d: b"<workbook/>"}), "file.damaged"),
        (BOOK[: len(BOOK) // 2], "file.truncated"),
    ],
)  # fmt: skip
def test_a_workbook_with_something_behind_it_is_refused(put: Put, data: bytes, code: str) -> None:
    assert refusal(put(data)).code == code


def test_a_cell_that_points_to_no_string_is_told(put: Put) -> None:
    cell = re.compile(rb'<c r="B2"[^>]*>.*?</c>')
    broken = rewrite(BOOK, {SHEET: lambda d: cell.sub(b'<c r="B2" t="s"><v>9999</v></c>', d)})
    rows = read(put(broken))
    assert "cell.damaged" in codes(rows[0])


def test_a_name_in_the_archive_that_is_no_text_is_damage(put: Put) -> None:
    data = files.zipped({"xl/workbook.xml": b"<workbook/>", "名": b"x"})
    assert refusal(put(data.replace("名".encode(), b"\x97\x97\x97"))).code == "file.damaged"
