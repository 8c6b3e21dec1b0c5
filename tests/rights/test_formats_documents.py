"""Documents of registers and services: what each says about a right arrives in the same record, with its events."""

import json
from datetime import date
from pathlib import Path

import pytest

from exchange.rights import formats
from exchange.rights.formats import legal
from exchange.rights.formats.record import Event, Record, Refused
from exchange.rights.numbers import parse
from tests.rights import files
from tests.rights.reading import Put, read

APP = files.app_no(2020, 1, 77)


def one(path: Path) -> Record:
    rows = read(path)
    assert len(rows) == 1
    assert rows[0].record is not None, rows[0].problems
    return rows[0].record


# -- EPO ---------------------------------------------------------------------------------------------


def test_bibliographic_data_of_the_epo(put: Put) -> None:
    found = one(put(files.SAMPLES["ops-xml"]))
    assert found == Record(
        app_no=APP,
        pub_no="CN112345678",
        kind_code="A",
        country="CN",
        kind="invention",
        title="Trimmer for banyans",
        abstract="A trimmer.",
        applicants=["BANYAN UNIVERSITY"],
        inventors=["LIN YI"],
        filed_on=date(2020, 5, 6),
        pub_date=date(2021, 1, 5),
        ipc=["H02J7/00"],
        source="EPO OPS",
        extra={"family_id": "777"},
    ), "the check digit that DOCDB leaves out is there"


def test_legal_events_of_the_epo(put: Put) -> None:
    found = one(put(files.OPS_LEGAL.encode()))
    assert found.app_no == APP
    assert [(event.code, event.announced_on, event.effective_on, event.after) for event in found.events] == [
        ("TR01", date(2023, 3, 21), date(2023, 3, 9), ["SEA BREEZE LTD"])
    ]


def test_the_epo_s_own_json_is_the_same_document(put: Put) -> None:
    own = {
        "ops:world-patent-data": {
            "exchange-documents": {
                "exchange-document": {
                    "@country": "CN",
                    "@doc-number": "112345678",
                    "@kind": "A",
                    "bibliographic-data": {
                        "application-reference": {
                            "document-id": [
                                {
                                    "@document-id-type": "docdb",
                                    "country": {"$": "CN"},
                                    "doc-number": {"$": "202010000077"},
                                    "date": {"$": "20200506"},
                                }
                            ]
                        },
                        "invention-title": [{"@lang": "fr", "$": "Taille"}, {"@lang": "en", "$": "Trimmer"}],
                    },
                }
            }
        }
    }
    path = put(json.dumps(own).encode())
    assert formats.sniff(path) == "ops-json"
    found = one(path)
    assert (found.app_no, found.pub_no, found.title) == (APP, "CN112345678", "Trimmer")


def test_plain_json_of_a_client(put: Put) -> None:
    found = one(put(files.SAMPLES["ops-json"]))
    assert (found.pub_no, found.kind_code, found.app_no) == ("EP3000001", "A1", "EP14000001")
    assert (found.applicants, found.inventors) == (["BANYAN UNIVERSITY"], ["LIN, YI"])
    assert (found.filed_on, found.pub_date) == (date(2014, 9, 25), date(2016, 3, 30))


@pytest.mark.parametrize(
    "inside",
    [
        "<ops:biblio-search total-result-count='1'><ops:publication-reference/></ops:biblio-search>",
        "<ops:document-inquiry/>",
        "<f:fulltext-document xmlns:f='f'><description><p>long</p></description></f:fulltext-document>",
    ],
)
def test_answers_that_describe_no_right_are_refused(put: Put, inside: str) -> None:
    data = f"<ops:world-patent-data xmlns:ops='o'>{inside}</ops:world-patent-data>"
    with pytest.raises(Refused) as refused:
        read(put(data.encode()))
    assert refused.value.code == "document.no_records"


# -- USPTO -------------------------------------------------------------------------------------------


def test_an_american_grant(put: Put) -> None:
    found = one(put(files.SAMPLES["uspto-xml"]))
    assert (found.pub_no, found.kind_code, found.app_no) == ("US9000001", "B2", "US13000001")
    assert (found.applicants, found.inventors) == (["Sea Breeze Ltd"], ["Lin, Yi"])
    assert found.main_claim == "1. A trimmer with k<2 blades."
    assert found.ipc == ["G06F15/16"]


def test_an_issue_holds_several_grants(put: Put) -> None:
    rows = read(put((files.US_GRANT + files.US_GRANT.replace("09000001", "09000002")).encode()))
    assert [(row.line, row.record and row.record.pub_no) for row in rows] == [
        (1, "US9000001"),
        (2, "US9000002"),
    ]


def test_sgml_with_its_ends_left_out(put: Put) -> None:
    found = one(put(files.SAMPLES["uspto-sgml"]))
    assert (found.pub_no, found.kind_code, found.kind, found.app_no) == (
        "USD435001",
        "S",
        "design",
        "US29116001",
    )
    assert (found.title, found.ipc) == ("Trimmer for banyans", ["14-02"])
    assert (found.applicants, found.inventors) == (["Sea Breeze & Co."], ["Lin, Yi"])
    assert found.main_claim == "The ornamental design for a trimmer."


def test_contents_of_applications_in_an_archive(put: Put) -> None:
    rows = read(put(files.SAMPLES["st96-zip"]))
    assert [row.record and row.record.app_no for row in rows] == ["US13000001", "US13000002"]
    first = rows[0].record
    assert first is not None
    assert first.main_claim == "1. A trimmer, comprising:\na blade."


def test_a_conveyance_is_a_row_for_each_property(put: Put) -> None:
    rows = read(put(files.SAMPLES["us-assignment-xml"]))
    assert [row.line for row in rows] == [1, 1]
    first, second = (row.record for row in rows)
    assert first is not None
    assert second is not None
    assert (first.app_no, first.pub_no, first.pub_date) == ("US13000001", "US9000001", date(2015, 1, 6))
    assert (second.app_no, second.pub_no, second.pub_date) == (
        "US13000002",
        "US20140000002",
        date(2014, 2, 3),
    )
    for found in (first, second):
        event = found.events[0]
        assert (event.before, event.after) == (["LIN, YI"], ["SEA BREEZE LTD"])
        assert (event.announced_on, event.effective_on) == (date(2016, 5, 6), date(2016, 5, 1))
        assert event.fields == {"reel": "11111", "frame": "22"}


def test_conveyances_as_lines_of_json(put: Put) -> None:
    bad = b'{"reelNumber": 1}\n{nothing\n'
    rows = read(put(files.SAMPLES["us-assignment-jsonl"] + bad))
    assert [[p.code for p in row.problems] for row in rows] == [[], ["conveyance.bad"], ["json.bad"]]
    first = rows[0].record
    assert first is not None
    assert (first.app_no, first.pub_no) == ("US13000001", "US9000001")
    assert first.inventors == ["Lin Yi", "Chen Er"]
    assert (first.events[0].before, first.events[0].after) == (["BANYAN INC."], ["BANYAN LLC"])


# -- Chinese services ----------------------------------------------------------------------------------


def test_a_case_inquiry(put: Put) -> None:
    found = one(put(files.SAMPLES["cnipa-json"]))
    assert (found.app_no, found.status, found.filed_on) == (APP, "专利权维持", date(2020, 5, 6))
    assert found.ipc == ["A01G3/08", "H02J7/00"]
    assert found.extra["inventors_withheld"] == "yes"
    assert (found.applicants, found.agency) == (["榕树大学"], "样本专利事务所")


def test_a_record_of_cnipr_with_its_history(put: Put) -> None:
    rows = read(put(files.SAMPLES["cnipr-json"]))
    assert [p.code for p in rows[0].problems] == ["event.code_contradiction"]
    found = rows[0].record
    assert found is not None
    assert (found.app_no, found.pub_no, found.kind_code) == (APP, "CN112345678", "B")
    assert found.applicants == ["海风科技股份有限公司"]
    assert [(e.code, e.given_code, e.before, e.after) for e in found.events] == [
        ("CP03", "CP01", ["海风科技有限公司"], ["海风科技股份有限公司"]),
        ("TR01", "", ["榕树大学", "海峡研究院"], ["海风科技有限公司"]),
        ("GR01", "", [], []),
    ]
    assert found.events[1].effective_on == date(2023, 3, 9)


def test_cnipa_s_data_exchange(put: Put) -> None:
    found = one(put(files.SAMPLES["cnipa-xml"]))
    assert (found.app_no, found.pub_no, found.kind_code) == (APP, "CN112345678", "B")
    assert (found.title, found.applicants, found.inventors) == ("一种榕树修剪机", ["榕树大学"], ["林一"])
    assert (found.region, found.agency, found.ipc) == ("福建省", "样本专利事务所", ["A01G3/08"])
    assert (found.main_claim, found.abstract) == ("1.一种修剪机。", "修剪机的摘要。")


def test_a_legal_status_record_whichever_number_comes_first(put: Put) -> None:
    path = put(files.PRS_XML.encode())
    assert formats.sniff(path) == "cnipa-xml"
    found = one(path)
    assert (found.app_no, found.filed_on) == (APP, date(2020, 5, 6))
    event = found.events[0]
    assert (event.code, event.announced_on, event.effective_on) == (
        "PE01",
        date(2024, 3, 5),
        date(2024, 2, 19),
    )
    assert (event.fields["pledgor"], event.fields["pledgee"]) == ("海风科技有限公司", "样本银行")
    assert event.fields["registration_no"] == "Y2024350000001"


def test_announcements_as_text_name_no_right(put: Put) -> None:
    rows = read(put(files.SAMPLES["status-text"]))
    assert [row.line for row in rows] == [1, 5]
    events = [event for row in rows if row.record for event in row.record.events]
    assert [(e.code, e.announced_on) for e in events] == [
        ("GR01", date(2012, 9, 26)),
        ("TR01", date(2012, 12, 19)),
    ]
    assert (events[1].before, events[1].after) == (["甲公司", "乙公司"], ["甲公司", "丙公司"])
    assert events[1].effective_on == date(2012, 11, 16)
    assert events[1].fields["address_after"] == "厦门"


def test_events_as_lines_of_json(put: Put) -> None:
    bad = [
        {**files.EVENT, "number": "202410000001.1"},
        {**files.EVENT, "date": "soon"},
        {"number": files.EVENT["number"], "code": "", "date": "2024-01-01", "text": "words"},
        {**files.EVENT, "code": "TR01"},
    ]
    rows = read(put(files.json_lines([files.EVENT, *bad])))
    assert [[p.code for p in row.problems] for row in rows] == [
        [],
        ["number.check_digit"],
        ["date.bad"],
        ["event.no_code"],
        ["event.code_contradiction"],
    ]
    first = rows[0].record
    assert first is not None
    assert (first.pub_no, first.kind_code) == ("CN112345678", "B")
    event = first.events[0]
    assert (event.code, event.announced_on, event.effective_on) == (
        "PE01",
        date(2024, 3, 5),
        date(2024, 2, 19),
    )
    assert event.fields["gazette"] == "40-10"
    last = rows[4].record
    assert last is not None
    assert (last.events[0].code, last.events[0].given_code) == ("PE01", "TR01"), "the words win"


@pytest.mark.parametrize(
    "document",
    [
        {"code": 200, "data": {"records": [files.json_record(1), files.json_record(2)]}},
        [files.json_record(1), files.json_record(2)],
        {"results": [files.json_record(1), files.json_record(2)]},
    ],
)
@pytest.mark.parametrize("indent", [None, 1])
def test_records_inside_any_wrapping(put: Put, document: object, indent: int | None) -> None:
    path = put(json.dumps(document, indent=indent).encode())
    assert formats.sniff(path) == "json"
    assert [row.record and row.record.pub_no for row in read(path)] == ["CN100000001", "CN100000002"]


def test_the_list_of_a_case_inquiry(put: Put) -> None:
    one_ = {
        "zhuanlisqh": APP,
        "zhuanlimc": "一种榕树修剪机",
        "shenqingrxm": "榕树大学",
        "zhuanlilx": "发明专利",
        "shenqingr": "2020-05-06",
    }
    found = one(put(json.dumps({"code": 200, "data": {"records": [one_]}}).encode()))
    assert (found.app_no, found.applicants, found.filed_on) == (APP, ["榕树大学"], date(2020, 5, 6))


def test_a_line_may_be_a_register_s_whole_answer(put: Put) -> None:
    rows = read(put(files.json_lines([files.CNIPR, files.INQUIRY, files.json_record(1)])))
    assert [row.record and (row.line, row.record.source) for row in rows] == [
        (1, "CNIPR"),
        (2, "CNIPA"),
        (3, "中国专利"),
    ]


# -- announcements (law.md §2.7) --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("专利权的转移", "TR01"),
        ("专利申请权的转移", "TA01"),
        ("专利申请权、专利权的转移", "TR01"),
        ("专利权质押合同登记的生效", "PE01"),
        ("专利权质押合同登记的变更", "PM01"),
        ("专利权质押合同登记的注销", "PC01"),
        ("专利权的保全", "PP01"),
        ("专利权保全的解除", "PD01"),
        ("专利实施许可合同备案的生效", "EE01"),
        ("专利实施许可合同备案的变更", "EM01"),
        ("专利实施许可合同备案的注销", "EC01"),
        ("未缴年费专利权终止", "CF01"),
        ("专利权有效期届满", "CX01"),
        ("专利权的主动放弃", "AV01"),
        ("无效公告", "IP01"),
        ("专利权全部无效", "IW01"),
        ("权利的恢复", "RR01"),
        ("专利权人的姓名或者名称的变更", "CP01"),
        ("专利权人的地址的变更", "CP02"),
        ("专利权人的姓名或者名称、地址的变更", "CP03"),
        ("著录事项变更", "CB03"),
        ("文件的公告送达", "DD01"),
        ("授权", "GR01"),
        ("公开", "PB01"),
        ("实质审查的生效", "SE01"),
        ("发明专利申请公布后的视为撤回", "WD01"),
        ("发明专利申请公布后的驳回", "RJ01"),
        ("专利权的终止(未缴年费专利权终止)", "CF01"),
        ("专利权质押合同登记的生效、变更及注销专利权质押合同登记的注销", "PC01"),
        ("专利实施许可合同备案的生效、变更及注销", ""),
        ("专利申请权、专利权的转移专利申请权的转移", "TA01"),
        ("一种抓斗", ""),
    ],
)
def test_the_words_of_an_announcement_name_its_code(words: str, code: str) -> None:
    assert legal.code_of(words) == code


def announced(text: str, given: str = "") -> Event:
    return legal.announcement("", text, given_code=given)


def test_the_heading_may_run_into_the_first_name() -> None:
    event = announced("专利权有效期届满IPC(主分类):A41D1/00;申请日:20010926;授权公告日:20120926;")
    assert event.code == "CX01"
    assert event.fields == {"ipc": "A41D1/00", "filed_on": "20010926", "granted_on": "20120926"}


def test_headings_of_older_gazettes_run_into_each_other() -> None:
    event = announced(
        "专利权质押合同登记的生效、变更及注销专利权质押合同登记的注销登记号:Y1;解除日:20140102;出质人:甲;"
    )
    assert event.code == "PC01"
    assert event.fields == {"registration_no": "Y1", "released_on": "20140102", "pledgor": "甲"}


def test_a_change_of_a_pledge() -> None:
    event = announced(
        "专利权质押合同登记的变更;登记号:Y1;变更日:20240301;变更事项:质权人;变更前:甲银行;变更后:乙银行;"
    )
    assert (event.code, event.effective_on) == ("PM01", date(2024, 3, 1))
    assert (event.fields["changed_item"], event.fields["changed_before"], event.fields["changed_after"]) == (
        "质权人",
        "甲银行",
        "乙银行",
    )
    assert (event.before, event.after) == ([], [])


def test_a_licence_and_its_end() -> None:
    begun = announced(
        "专利实施许可合同备案的生效;合同备案号:X1;让与人:甲;受让人:乙;许可种类:独占许可;备案日:20240301;"
    )
    assert begun.fields == {
        "recordal_no": "X1",
        "licensor": "甲",
        "licensee": "乙",
        "licence_kind": "独占许可",
        "effective_on": "20240301",
    }
    ended = announced("专利实施许可合同备案的注销;合同备案号:X1;让与人:甲;受让人:乙;解除日:20250301;")
    assert (ended.code, ended.effective_on) == ("EC01", date(2025, 3, 1))


def test_without_known_words_the_given_code_stands() -> None:
    event = announced("something else", "XX99")
    assert (event.code, event.given_code) == ("XX99", "")


def test_a_transfer_of_three_co_owners() -> None:
    event = announced(
        "专利权的转移;登记生效日:20240229;变更事项:专利权人;变更前权利人:甲;变更后权利人:丁;"
        "变更事项:共同专利权人;变更前权利人:乙;丙;变更后权利人:戊;"
    )
    assert (event.before, event.after) == (["甲", "乙", "丙"], ["丁", "戊"])
    assert event.effective_on == date(2024, 2, 29)


# -- the real documents -----------------------------------------------------------------------------------


def test_the_real_history_ends_with_its_owner(real_data: Path) -> None:
    found = one(real_data / "legal_status" / "cnipr_patent_detail_real.json")
    owners: list[str] = []
    for event in reversed(found.events):
        if event.code in {"TR01", "CP01", "CP03"}:
            owners = event.after
    assert owners == found.applicants
    assert [event.code for event in found.events] == ["CP03", "TR01", "GR01", "SE01", "PB01"]
    assert len(found.events[1].before) == 2


def test_the_real_case_inquiry_and_texts(real_data: Path) -> None:
    folder = real_data / "legal_status"
    found = one(folder / "cnipa_cpquery_sqxx_real.json")
    assert parse(found.app_no).key == found.app_no
    rows = read(folder / "legal_status_text_samples.txt")
    assert [event.code for row in rows if row.record for event in row.record.events] == [
        "GR01",
        "TR01",
        "CX01",
    ]


DOCUMENTS = {
    "epo_ops/legal_example_1.xml": 1,
    "epo_ops/legal_example_3.xml": 1,
    "epo_ops/family_family_input.xml": 6,
    "epo_ops/published_biblio_example.xml": 1,
    "epo_ops/published_ep1000000_full_cycle_result.xml": 2,
    "epo_ops/published_ep1000000_biblio_result.json": 1,
    "uspto/xml2004_US06859910.xml": 1,
    "uspto/xml2014_US08930553.xml": 1,
    "uspto/xmlApp2004_US20050004437A1.xml": 1,
    "uspto/sgml_USD435854S1.xml": 1,
    "uspto/xml4ip_sample_XML4IP.ZIP": 8,
    "uspto_assignment/uswell_assignee_22records.xml": 22,
    "uspto_assignment/conveyances_2026.jsonl.gz": 1573,
}


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_real_documents_come_in(real_data: Path, name: str) -> None:
    rows = read(real_data / "interchange" / name)
    assert len(rows) == DOCUMENTS[name]
    assert not any(row.rejected for row in rows)
    for row in rows:
        assert row.record is not None
        assert row.record.app_no or row.record.pub_no
    if name.startswith("epo_ops/legal"):
        assert rows[0].record
        assert len(rows[0].record.events) >= 14
