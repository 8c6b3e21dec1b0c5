"""The real files of registries and vendors, read in place."""

from collections import Counter
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from exchange.rights import formats, numbers
from exchange.rights.formats import values
from exchange.rights.formats.record import Record, Refused, Row
from tests.rights.reading import codes, read, record, refusal

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
