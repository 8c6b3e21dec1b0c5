"""Tables: columns by name, rows in place, what is wrong told by row and column, whole files refused with a reason."""

import gzip
import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from exchange.rights import formats, numbers
from exchange.rights.formats import columns, values
from exchange.rights.formats.record import Record, Refused, Row
from tests.rights import files

Put = Callable[[bytes], Path]


@pytest.fixture
def put(tmp_path: Path) -> Put:
    """Write bytes under a name that says nothing about them."""

    def write(data: bytes) -> Path:
        path = tmp_path / "upload.dat"
        path.write_bytes(data)
        return path

    return write


def read(path: Path) -> list[Row]:
    return list(formats.read(path))


def record(row: Row) -> Record:
    assert row.record is not None, [problem.sentence for problem in row.problems]
    return row.record


def codes(row: Row) -> list[str]:
    return [problem.code for problem in row.problems]


def refusal(path: Path, name: str = formats.AUTO) -> Refused:
    with pytest.raises(Refused) as refused:
        list(formats.read(path, name))
    assert "%(" not in str(refused.value)
    return refused.value


# -- every format ------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", sorted(formats.FORMATS))
def test_a_file_is_known_by_its_content_and_read(put: Put, key: str) -> None:
    path = put(files.SAMPLES[key])
    assert formats.sniff(path) == key
    rows = read(path)
    assert rows
    assert not any(row.rejected for row in rows)
    assert all(row.counts for row in rows)
    found = formats.mapping(path)
    assert found.format == key
    assert found.preview == rows[:20]


def test_there_is_a_sample_of_every_format() -> None:
    assert set(files.SAMPLES) == set(formats.FORMATS)


def test_a_packed_file_is_read_through(put: Put) -> None:
    assert read(put(files.GZIPPED)) == read(put(files.SAMPLES["jsonl"]))


@pytest.mark.parametrize("key", ["csv", "jsonl", "cnki-html", "xlsx"])
def test_reading_twice_gives_the_same_rows(put: Put, key: str) -> None:
    path = put(files.SAMPLES[key])
    assert read(path) == read(path)


def test_a_format_that_does_not_exist_is_refused(put: Put) -> None:
    assert refusal(put(files.SAMPLES["csv"]), "word").code == "format.name"


# -- CNKI's HTML -------------------------------------------------------------------------------------


def test_a_cnki_export_gives_every_field(put: Put) -> None:
    first = record(read(put(files.cnki_html([files.cnki_row(1)])))[0])
    assert first == Record(
        pub_no="CN100000001",
        kind_code="A",
        country="CN",
        kind="invention",
        title="一种第1号样机",
        abstract="样机1的摘要。",
        main_claim="1.一种样机,其特征在于编号为1。",
        applicants=["榕树大学", "海风科技有限公司"],
        inventors=["林1", "陈小榕", "黄甲乙"],
        region="福建省",
        pub_date=date(2020, 4, 3),
        ipc=["H02J7/00", "G06F17/30"],
        source="中国专利",
    )


def test_a_claim_cut_inside_a_tag_keeps_its_row_and_its_columns(put: Put) -> None:
    cut = '1.样机,电压<Image id="icf0001" he="98" wi="541" file="F.GIF"></Image>和<Image id="icf0002" he="115" wi="86"...'
    rows = read(
        put(files.cnki_html([files.cnki_row(1), files.cnki_row(2, main_claim=cut), files.cnki_row(3)]))
    )
    assert [row.line for row in rows] == [2, 3, 4], "the header is row 1"
    assert [codes(row) for row in rows] == [[], ["claim.truncated"], []]
    assert rows[1].problems[0].column == "Claims-主权项"
    assert record(rows[1]).main_claim == "1.样机,电压和…"
    assert record(rows[1]).ipc == ["H02J7/00", "G06F17/30"]
    assert record(rows[2]).title == "一种第3号样机"


def test_formatting_goes_and_inequalities_stay(put: Put) -> None:
    claim = "1.其中y<Sub>t-1</Sub>满足0≤k&lt;N/2且<ip,hostname,role>为a<b,<i>n</i>为整数,x&amp;lt;为文本"
    row = read(put(files.cnki_html([files.cnki_row(1, main_claim=claim)])))[0]
    assert codes(row) == []
    assert record(row).main_claim == "1.其中yt-1满足0≤k<N/2且<ip,hostname,role>为a<b,n为整数,x&lt;为文本"


def test_an_export_may_be_in_gb18030_and_its_rows_unclosed(put: Put) -> None:
    data = (
        files.cnki_html([files.cnki_row(1)], encoding="gb18030").replace(b"</td>", b"").replace(b"</tr>", b"")
    )
    assert record(read(put(data))[0]).title == "一种第1号样机"


def test_a_row_with_a_cell_too_few_or_too_many_is_refused_by_row(put: Put) -> None:
    rows = [files.cnki_row(1), files.cnki_row(2)[:9], [*files.cnki_row(3), "mehr"], [*files.cnki_row(4), ""]]
    found = read(put(files.cnki_html(rows)))
    assert [codes(row) for row in found] == [[], ["row.missing_cells"], ["row.extra_cells"], []]
    assert [row.rejected for row in found] == [False, True, True, False]


def test_a_large_table_streams_across_chunks(put: Put) -> None:
    filler = "样" * 3000
    rows = [files.cnki_row(at, abstract=filler + str(at)) for at in range(1, 301)]
    found = read(put(files.cnki_html(rows)))
    assert [record(row).abstract for row in found] == [filler + str(at) for at in range(1, 301)]
    assert [row.line for row in found] == list(range(2, 302))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (files.cnki_html([files.cnki_row(1)], tail=""), "file.truncated"),
        (files.cnki_html([files.cnki_row(1, abstract="<table><tr><td>x</td></tr></table>")]), "html.nested"),
        (files.cnki_html([]), "file.no_rows"),
        (b"<table><tr><td>a</td><td>b</td><td>c</td></tr></table>", "header.missing"),
        (b"<table>" + b"<tr><td>" + b"<td>" * 200 + b"</table>", "header.too_wide"),
        (b"<table><tr><td>" + b"x" * 5_000_000, "line.too_long"),
        (b"<html><body>hello</body></html>", "file.truncated"),
    ],
)
def test_a_table_that_is_none_is_refused(put: Put, data: bytes, code: str) -> None:
    assert refusal(put(data)).code == code


def test_merged_cells_are_told(put: Put) -> None:
    head = b"<table><tr><td colspan='2'>Title</td><td>Application No</td></tr>"
    number = files.app_no(2015, 2, 5).encode()
    data = (
        head
        + b"<tr><td>A lamp</td><td></td><td>"
        + number
        + b"</td></tr><tr><td colspan=3>all</td></tr></table>"
    )
    rows = read(put(data))
    assert codes(rows[0]) == ["header.merged"]
    assert not rows[0].counts


# -- CSV ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("mark", [",", "\t", ";"])
def test_values_parted_by_anything_in_any_encoding(put: Put, encoding: str, mark: str) -> None:
    data = files.csv_text([files.csv_row(1)]).replace(",", mark).encode(encoding)
    row = read(put(data))[0]
    assert record(row) == Record(
        app_no=files.app_no(2015, 2, 1001),
        country="CN",
        kind="utility_model",
        title="一种第1号样灯",
        applicants=["榕树照明有限公司"],
        filed_on=date(2015, 9, 25),
    )


def test_a_line_is_a_physical_line_also_behind_quoted_breaks(put: Put) -> None:
    number = files.app_no(2015, 2, 1)
    data = f'application_no,title\n\n{number},"two\nlines"\n{number},one\n'.encode()
    assert [(row.line, record(row).title) for row in read(put(data))] == [(3, "two lines"), (5, "one")]


def test_titles_may_stand_above_the_header(put: Put) -> None:
    data = "榕树大学专利清单,,\n2026年6月,,\n序号,申请号,专利名称\n1," + files.app_no(2015, 2, 1) + ",样灯\n"
    path = put(data.encode())
    assert [row.line for row in read(path)] == [4]
    found = formats.mapping(path)
    assert (found.header_line, found.unknown) == (3, ["序号"])
    assert [column.field for column in found.columns] == ["", "app_no", "title"]


def test_one_file_shows_every_problem_of_its_rows(put: Put) -> None:
    good = files.app_no(2015, 2, 1)
    rows = {
        f"{good[:-1]}.{good[-1]},ok,实用新型,2015-01-02,甲": [],
        f"{good}.0,mended,实用新型,2015-01-02,甲": ["number.repaired"],
        f"{good},type,外观设计,2015-01-02,甲": ["type.contradiction"],
        f"{good},year,实用新型,2014-01-02,甲": ["year.contradiction"],
        f"{good},bad date,实用新型,2015-02-30,甲": ["date.bad"],
        f"{good},,实用新型,2015-02-03,甲": ["title.missing"],
        ",no number,实用新型,2015-02-03,甲": ["number.missing"],
        "2015200000019,wrong,实用新型,2015-02-03,甲": ["number.check_digit"],
        "2.0152E+12,lost,实用新型,2015-02-03,甲": ["number.digits_lost"],
        f"{good},short,实用新型": ["row.missing_cells"],
        f"{good},long,实用新型,2015-02-03,甲,乙": ["row.extra_cells"],
        f"{good},dash,实用新型,—,——": [],
    }
    assert files.app_no(2015, 2, 1) != "2015200000019"
    found = read(put(files.csv_text([row.split(",") for row in rows]).encode()))
    assert {row.line: codes(row) for row in found} == dict(enumerate(rows.values(), 2))
    for row in found:
        assert row.rejected == any(problem.severity == "error" for problem in row.problems)
        for problem in row.problems:
            assert problem.line == row.line
            assert "%(" not in problem.sentence
    columns_told = {problem.code: problem.column for row in found for problem in row.problems}
    assert columns_told["date.bad"] == "filing_date"
    assert columns_told["type.contradiction"] == "type"
    assert columns_told["number.repaired"] == "application_no"


GOOD = files.csv_text([files.csv_row(1), files.csv_row(2)])


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "file.empty"),
        (b" \n\n ", "file.empty"),
        (GOOD.split("\n")[0].encode(), "file.no_rows"),
        (b"first,second\n1,2\n", "header.missing"),
        (b"title,applicant\nlamp,me\n", "header.missing"),
        (b"application_no,application_no,title\n1,2,3\n", "header.duplicate"),
        ((GOOD.split("\n")[0] + "\n").encode() + "一种第样灯样灯,a,b,c,d\n".encode() + "榕树照明有限公司,b,c,d,e\n".encode("gb18030"), "file.mixed_encodings"),
        (b"\xef\xbb\xbf" + GOOD.encode() + "榕树,a,b,c,d\n".encode("gb18030") + b"x,y,z,a,b\n", "file.mixed_encodings"),
        (GOOD.encode()[: GOOD.encode().rfind("明".encode()) + 1], "file.truncated"),
        (b"application_no,title\n1,\"never closed\n2,b\n", "file.truncated"),
        (b"application_no,title\n1,\"a\"b\n", "csv.quotes"),
        (b"application_no,title\n1," + b"x" * 5_000_000, "line.too_long"),
        (b"application_no,title\n1,\xff\xff\xff\n", "file.encoding"),
        (b"application_no,title\x00\n1,2\n", "format.unknown"),
    ],
)  # fmt: skip
def test_a_table_of_values_that_cannot_be_read_is_refused(put: Put, data: bytes, code: str) -> None:
    assert refusal(put(data)).code == code


def test_a_cell_may_list_several_publications(put: Put) -> None:
    found = record(read(put(b"publication_numbers,title\nCN112345678A|CN112345678B,A lamp\n"))[0])
    assert (found.pub_no, found.kind_code) == ("CN112345678", "A")
    assert found.extra["other_publications"] == "CN112345678B"


def test_a_missing_header_is_named_with_what_was_found(put: Put) -> None:
    refused = refusal(put("名称,申请人\n样灯,甲\n".encode()))
    assert refused.params["missing"] == ["number"]
    assert refused.params["found"] == "名称, 申请人"


# -- headers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("申请号", "app_no"),
        ("申请号（必填）", "app_no"),
        ("* 申请号", "app_no"),
        ("Application No.", "app_no"),
        ("PubNo-公开号", "pub_no"),
        ("公开（公告）号", "pub_no"),
        ("Author-作者", "inventors"),
        ("申请（专利权）人", "applicants"),
        ("专 利 权 人", "applicants"),
        ("ＩＰＣ分类号", "ipc"),
        ("名称 Title *", "title"),
        ("[标]当前申请(专利权)人", "applicants"),
        ("光盘号", ""),
        ("", ""),
    ],
)
def test_a_header_names_its_field_in_both_languages(header: str, field: str) -> None:
    assert columns.field_of(header) == field


def test_columns_are_lettered_as_in_a_spreadsheet() -> None:
    assert [columns.letter_of(at) for at in (0, 25, 26, 51, 52, 701, 702)] == [
        "A",
        "Z",
        "AA",
        "AZ",
        "BA",
        "ZZ",
        "AAA",
    ]


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


# -- JSON lines ----------------------------------------------------------------------------------------


def test_lines_of_json_give_every_field(put: Put) -> None:
    row = read(put(files.json_lines([files.json_record(7, pub_no="CN100000007")])))[0]
    assert codes(row) == []
    found = record(row)
    assert (found.pub_no, found.kind_code, found.country, found.kind) == (
        "CN100000007",
        "",
        "CN",
        "invention",
    )
    assert found.extra == {"cnki_field": "样机学"}
    assert (found.applicants, found.inventors) == (["榕树大学", "海风科技有限公司"], ["林一", "陈小榕"])


def test_a_bad_line_is_a_bad_row(put: Put) -> None:
    good = json.dumps(files.json_record(1), ensure_ascii=False).encode()
    lines = [good, b"{broken", b"[1, 2]", b"", b'"text"', b'{"pub_no": NaN}', b"[" * 100_000, good]
    rows = read(put(b"\n".join(lines)))
    assert [(row.line, codes(row)) for row in rows if row.problems] == [
        (2, ["json.bad"]),
        (3, ["json.bad"]),
        (5, ["json.bad"]),
        (6, ["json.bad"]),
        (7, ["json.bad"]),
    ]
    assert [row.line for row in rows if row.record] == [1, 8]


def test_what_no_database_stores_is_taken_out(put: Put) -> None:
    data = b'{"pub_no": "CN100000007A", "title": "a\\u0000b\\ud800c\\u200bd", "abstract": "one\\r\\ntwo  three"}\n'
    found = record(read(put(data))[0])
    assert found.title == "ab\ufffdcd"
    assert found.abstract == "one\ntwo three"


def test_names_of_the_gazette_of_taiwan_lose_their_addresses(put: Put) -> None:
    owners = ["榕树大学<addr> BANYAN UNIVERSITY 样街1号 TW<name>海风公司<addr> SEA BREEZE 样街2号 TW"]
    found = record(
        read(put(files.json_lines([files.json_record(1, applicants=owners, pub_no="TWI220581")])))[0]
    )
    assert found.applicants == ["榕树大学", "海风公司"]
    assert found.country == "TW"


def test_a_line_in_another_encoding_refuses_the_file(put: Put) -> None:
    one = files.json_lines([files.json_record(1)])
    other = json.dumps(files.json_record(2), ensure_ascii=False).encode("gb18030") + b"\n"
    assert refusal(put(one + other)).code == "file.mixed_encodings"
    assert record(read(put(other))[0]).title == "一种第2号样机"


def test_a_packed_file_that_breaks_off_is_refused(put: Put) -> None:
    data = gzip.compress(files.json_lines([files.json_record(at) for at in range(500)]))
    assert refusal(put(data[:-200])).code == "file.truncated"
    assert refusal(put(data[:60] + b"\x00\xff" * 9 + data[80:])).code in {"file.damaged", "file.truncated"}


def test_lines_without_known_keys_are_refused(put: Put) -> None:
    assert refusal(put(b'{"a": 1}\n{"a": 2}\n')).code == "header.missing"


# -- other content ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600, "file.old_excel"),
        (b"%PDF-1.7\n<table><tr><td>x</table>", "file.pdf"),
        (b"GIF89a<html><table></table></html>", "file.picture"),
        (b"\x89PNG\r\n\x1a\n" + b"\x00" * 60, "file.picture"),
        (b"MZ\x90\x00" + b"\x00" * 60, "file.program"),
        (gzip.compress(gzip.compress(b"x" * 100)), "zip.nested"),
        (files.zipped({"word/document.xml": b"<x/>"}), "file.word"),
        (files.zipped({"picture.png": b"x"}), "format.unknown"),
        (files.zipped({"inner.xlsx": files.SAMPLES["xlsx"]}), "zip.nested"),
        (b"<?xml version='1.0'?><Workbook/>", "file.xml_excel"),
        (b"<?xml version='1.0'?><class-scheme/>", "format.unknown"),
        (b"[1, 2, 3]", "file.damaged"),
        (b"{\"results\": [1]}", "document.no_records"),
        (b"{\"results\": ", "file.truncated"),
        (bytes(range(1, 256)) * 8, "file.encoding"),
    ],
)  # fmt: skip
def test_other_content_is_refused_by_what_it_is(put: Put, data: bytes, code: str) -> None:
    assert refusal(put(data)).code == code


# -- values ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2020-04-03", date(2020, 4, 3)),
        ("2020.4.3", date(2020, 4, 3)),
        ("2020/04/03 00:00:00", date(2020, 4, 3)),
        ("2020年4月3日", date(2020, 4, 3)),
        ("20200403", date(2020, 4, 3)),
        ("2019-06-19T04:00:00Z", date(2019, 6, 19)),
        ("—", None),
        ("", None),
    ],
)
def test_dates(text: str, day: date | None) -> None:
    assert values.read_date(text) == day


@pytest.mark.parametrize("text", ["2020-13-01", "03/04/2020", "20200230", "soon", "0001-01-01", "19831100"])
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        values.read_date(text)


@pytest.mark.parametrize(
    ("text", "symbols"),
    [
        ("E01B3/32(2006.01)I;E01B9/10(2006.01)I", ["E01B3/32", "E01B9/10"]),
        ("A61M  31/    00            A I                    ", ["A61M31/00"]),
        ("G06F015/00", ["G06F15/00"]),
        ("H01L021/8247", ["H01L21/8247"]),
        ("B01J-020/02", ["B01J20/02"]),
        ("A01H3/00C07D305/14", ["A01H3/00", "C07D305/14"]),
        ("//A61K103∶10", ["A61K103/10"]),
        ("A01M|G06F|H02G", ["A01M", "G06F", "H02G"]),
        ("26-03", ["26-03"]),
        ("1402", ["14-02"]),
        ("G09G 5/10 (2006.01)", ["G09G5/10"]),
    ],
)
def test_classification_symbols_have_one_form(text: str, symbols: list[str]) -> None:
    assert values.symbols(text) == (symbols, [])


def test_a_strange_symbol_never_breaks_a_row(put: Put) -> None:
    row = read(put(files.json_lines([files.json_record(1, ipc=["H02J7/00", "A6", "???"])])))[0]
    assert codes(row) == ["ipc.form"]
    assert record(row).ipc == ["H02J7/00"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("  林一;   陈二 ; ", ["林一", "陈二"]),
        ("林一；陈二|黄三", ["林一", "陈二", "黄三"]),
        ("林一、陈二", ["林一", "陈二"]),
        ("样本医院(大学附属医院、大学研究所)", ["样本医院(大学附属医院、大学研究所)"]),
        ("林一;林一", ["林一"]),
        ("WONG, KIN LU", ["WONG, KIN LU"]),
        ("—", []),
    ],
)
def test_names_of_one_cell(text: str, names: list[str]) -> None:
    assert values.names(text, commas=True) == names


def test_two_inventors_may_share_a_name_and_two_owners_are_one(put: Put) -> None:
    row = files.cnki_row(1, inventors="林一;陈二;林一", applicants="甲;乙;甲")
    found = record(read(put(files.cnki_html([row])))[0])
    assert (found.inventors, found.applicants) == (["林一", "陈二", "林一"], ["甲", "乙"])


def test_the_reader_of_dates_and_numbers_of_a_spreadsheet_is_bounded() -> None:
    assert values.serial_date(42006) == date(2015, 1, 2)
    assert values.serial_date(42006 - 1462, epoch_1904=True) == date(2015, 1, 2)
    for number in (0.0, 5.0, 1e12):
        with pytest.raises(ValueError, match=r".*"):
            values.serial_date(number)


# -- the real files ---------------------------------------------------------------------------------------


def problems(rows: list[Row]) -> Counter[str]:
    return Counter(problem.code for row in rows for problem in row.problems)


def test_real_cnki_exports(real_data: Path) -> None:
    counts: dict[str, int] = {}
    for path in sorted((real_data / "cn_patents" / "cnki_raw_xls").iterdir()):
        rows = read(path)
        counts[path.name[:4]] = len(rows)
        assert not any(row.rejected for row in rows)
        assert [row.line for row in rows] == list(range(2, len(rows) + 2))
        cut = [(row.line, record(row).pub_no) for row in rows if row.problems]
        expected = [(149, "CN110032638"), (181, "CN109800317")] if path.name.startswith("电力工业") else []
        assert cut == expected
        assert problems(rows) == Counter({"claim.truncated": len(expected)} if expected else {})
        for row in rows:
            assert all(name == name.strip() for name in record(row).inventors)
            assert record(row).ipc
    assert counts == {"生物医学": 127, "生物学_": 495, "电力工业": 497}


def test_a_real_docket(real_data: Path) -> None:
    rows = read(real_data / "cn_patents" / "docket_app_numbers.csv")
    assert len(rows) == 3135
    assert not any(row.rejected for row in rows)
    assert problems(rows) == {"number.repaired": 400, "type.contradiction": 33, "year.contradiction": 11}
    assert len({record(row).app_no for row in rows}) == 3133
    assert [row.line for row in rows] == list(range(2, 3137))


def test_real_tables_of_values(real_data: Path) -> None:
    rows = read(real_data / "cn_patents" / "fujian_docket_patents.csv")
    assert (len(rows), problems(rows)) == (46, {"number.repaired": 34})
    rows = read(real_data / "cn_patents" / "national_title_ipc.csv")
    assert (len(rows), problems(rows)) == (7798, {})


@pytest.mark.parametrize(
    ("name", "count", "key", "column"),
    [
        ("cnki_workbook_683rows.xlsx", 682, "cnki-xlsx", 3),
        ("sipo_25field_export_199rows.xlsx", 199, "sipo-xlsx", 5),
    ],
)
def test_real_workbooks_are_read_as_openpyxl_reads_them(
    real_data: Path, name: str, count: int, key: str, column: int
) -> None:
    path = real_data / "cn_patents" / name
    rows = [row for row in read(path) if row.counts]
    assert formats.sniff(path) == key
    assert (len(rows), any(row.problems for row in rows)) == (count, False)
    with closing(load_workbook(path, read_only=True)) as book:
        titles = [row[column] for row in book.worksheets[0].iter_rows(min_row=2, values_only=True)]
    assert [record(row).title for row in rows] == [
        values.clean(values.plain(str(title))[0]) for title in titles
    ]


def test_the_real_export_with_25_columns(real_data: Path) -> None:
    rows = read(real_data / "cn_patents" / "sipo_25field_export_199rows.xlsx")
    first = record(rows[0])
    assert (first.app_no, first.pub_no, first.kind) == ("2012202497674", "CN202644312", "utility_model")
    assert (first.filed_on, first.pub_date, first.ipc) == (date(2012, 5, 31), date(2013, 1, 2), ["E01B3/32"])
    assert [codes(row) for row in rows if not row.counts] == [["row.hidden"]]


def test_the_large_real_file(real_data: Path) -> None:
    kinds: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for row in formats.read(real_data / "cn_patents" / "sysu_cnki.jsonl.gz"):
        kinds[record(row).kind_code] += 1
        found.update(codes(row))
    assert kinds == {"A": 14813, "B": 6811, "U": 3356, "C": 340, "S": 120, "": 2500}
    assert found == {"ipc.form": 1}


REFUSED = {
    "fees/cnipa_domestic_fee_payment_template.xls": "file.old_excel",
    "fees/annuity_base_fee_40.csv": "header.missing",
    "ident/uscc_cases.csv": "header.missing",
    "ident/uscc_valid_100.txt": "header.missing",
    "ident/china_banks.csv": "header.missing",
    "classification/gbt4754_2017.csv": "header.missing",
    "classification/ipc_zh_2026.01.tsv.gz": "header.missing",
    "legal_status/inpadoc_legal_event_codes_202417.xlsx": "xlsx.external",
    "legal_status/cn_gazette_transaction_codes_22.csv": "header.missing",
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_real_files_that_are_no_lists_of_rights(real_data: Path, name: str) -> None:
    assert refusal(real_data / name).code == REFUSED[name]


def test_every_real_file_is_read_or_refused_with_a_reason(real_data: Path) -> None:
    reasons: dict[str, str] = {}
    for folder in ("cn_patents", "interchange", "legal_status", "ident", "fees", "classification"):
        for path in sorted(p for p in (real_data / folder).rglob("*") if p.is_file()):
            if path.name.startswith("sysu_"):
                continue
            try:
                rows = read(path)
            except Refused as refused:
                reasons[path.name] = str(refused)
            else:
                assert any(row.record is not None for row in rows), path
    assert all(reason and "%(" not in reason for reason in reasons.values())


def test_every_number_of_a_real_record_can_be_read_again(real_data: Path) -> None:
    def numbers_of(found: Record) -> list[tuple[str, Any]]:
        return [(found.app_no, "application"), (found.pub_no, "publication")]

    for row in read(real_data / "cn_patents" / "fujian_docket_patents.csv"):
        for text, expect in numbers_of(record(row)):
            if text:
                assert numbers.parse(text, expect=expect).key == text
