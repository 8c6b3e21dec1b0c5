"""Tables of values and in HTML: columns by name, rows in place, what is wrong told by row and column."""

import gzip
import json
from datetime import date

import pytest

from exchange.rights import formats
from exchange.rights.formats import columns
from exchange.rights.formats.record import Record
from tests.rights import files
from tests.rights.reading import Put, codes, read, record, refusal

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
        (gzip.compress(gzip.compress(b"x" * 100, mtime=0), mtime=0), "zip.nested"),
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
