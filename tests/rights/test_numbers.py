"""Numbers in every written form, the check digit, suggestions, contradictions (law.md §2.5, §9 invariants 1–2)."""

import csv
import re
import time
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from exchange.rights import numbers, registrations
from exchange.rights.numbers import Number, NumberError, contradictions, parse, suggest, try_parse

VALID = [
    "201710601862.3",
    "200310102344.5",
    "202311303481.9",
    "201110047567.0",
    "200820132792.8",
    "200820009767.0",
    "201010146372.7",
    "202222029279.9",
    "202221562055.8",
    "202220786942.7",
    "202123021163.2",
    "202022432527.5",
    "202022648948.1",
    "95115608.X",
    "97101765.4",
    "202410000001.X",
]

DIGITS = "0123456789"


def one_digit_changed(key: str) -> list[str]:
    return [
        key[:at] + digit + key[at + 1 :]
        for at in range(len(key))
        for digit in (DIGITS + "X" if at == len(key) - 1 else DIGITS)
        if digit != key[at]
    ]


@pytest.mark.parametrize("shown", VALID)
def test_a_valid_number_is_read_and_printed_as_the_office_prints_it(shown: str) -> None:
    number = parse(shown)
    assert (number.key, number.shown, number.scheme) == (
        shown.replace(".", ""),
        shown,
        numbers.CN_APPLICATION,
    )
    assert number.patent_number == f"ZL {shown}"
    assert not number.repaired
    assert not number.warnings


@pytest.mark.parametrize("shown", VALID)
def test_any_one_digit_changed_is_refused(shown: str) -> None:
    for wrong in one_digit_changed(shown.replace(".", "")):
        for form in (wrong, f"{wrong[:-1]}.{wrong[-1]}", f"ZL{wrong}", f"CN{wrong[:-1]}.{wrong[-1]}"):
            with pytest.raises(NumberError):
                parse(form)


@pytest.mark.parametrize(
    "text",
    [
        "ZL201710601862.3",
        "CN201710601862.3",
        "2017106018623",
        "zl 2017 1 0601862.3",
        "ZL 2017 1 0601862.3",
        "２０１７１０６０１８６２．３",
        "\ufeff201710601862.3\n",
        "CN ZL 201710601862-3",
        "申请号：201710601862.3",
        "专利号:ZL201710601862.3",
        "Application No. 201710601862.3",
        "2017\u200b10601862.3\u202c",
    ],
)
def test_every_written_form_has_one_key(text: str) -> None:
    number = parse(text)
    assert number.key == "2017106018623"
    assert not number.repaired


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("2014206562949.0", "2014206562949"),
        ("ZL2014206562949.00", "2014206562949"),
        ("2.014206562949E+12", "2014206562949"),
        ("2.014206562949e12", "2014206562949"),
        ('="2014206562949"', "2014206562949"),
        ("'2014206562949", "2014206562949"),
        ("20243000000\u0445", None),
        ("202410000001Х", "202410000001X"),
        ("202410000001×", "202410000001X"),
        ("971017654.0", "971017654"),
    ],
)
def test_what_a_spreadsheet_spoiled_is_mended_where_there_is_only_one_way(text: str, key: str | None) -> None:
    found = try_parse(text)
    if key is None:
        assert isinstance(found, NumberError)
    else:
        assert isinstance(found, Number)
        assert (found.key, found.repaired) == (key, True)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "number.empty"),
        (" \u3000 ", "number.empty"),
        ("9" * 200, "number.too_long"),
        ("202410000001", "number.check_digit_missing"),
        ("85102277", "number.check_digit_missing"),
        ("202410000001.1", "number.check_digit"),
        ("2014206562940.0", "number.check_digit"),
        ("2.01421E+12", "number.digits_lost"),
        ("202440000001.5", "number.type"),
        ("491156085", "number.year"),
        ("12345", "number.length"),
        ("20171060186233", "number.length"),
        ("CN114081026Q", "number.kind_code"),
        ("neither", "number.form"),
        ("XX123456", "number.form"),
        ("CN401710601", "number.year"),
        ("二〇一七", "number.form"),
    ],
)
def test_a_refusal_says_why(text: str, code: str) -> None:
    with pytest.raises(NumberError) as refusal:
        parse(text)
    assert refusal.value.code == code
    assert "%(" not in str(refusal.value)


def test_the_missing_check_digit_is_named() -> None:
    with pytest.raises(NumberError) as refusal:
        parse("202410000001")
    assert refusal.value.params["expected"] == "X"


@pytest.mark.parametrize(
    ("text", "key", "kind_code", "patent_type"),
    [
        ("CN114081026A", "CN114081026", "A", "invention"),
        ("cn 114081026 a", "CN114081026", "A", "invention"),
        ("CN215667380U", "CN215667380", "U", "utility_model"),
        ("CN301395921S", "CN301395921", "S", "design"),
        ("CN1022605C", "CN1022605", "C", "invention"),
        ("CN101000309", "CN101000309", "", "invention"),
        ("CN1031779", "CN1031779", "", "invention"),
        ("CN85102277", "CN85102277", "", "invention"),
        ("CN85203927U", "CN85203927", "U", "utility_model"),
        ("CN2013102965311A", "CN102965311", "A", "invention"),
        ("CN102965311B8", "CN102965311", "B8", "invention"),
        ("CN200820C5", None, None, None),
        ("公开号：CN114081026A", "CN114081026", "A", "invention"),
    ],
)
def test_chinese_publications_with_and_without_kind_code(
    text: str, key: str | None, kind_code: str | None, patent_type: str | None
) -> None:
    found = try_parse(text)
    if key is None:
        assert isinstance(found, NumberError)
    else:
        assert isinstance(found, Number)
        assert (found.scheme, found.key) == (numbers.CN_PUBLICATION, key)
        assert (found.kind_code, found.patent_type) == (kind_code, patent_type)


def test_a_bare_publication_number_needs_a_column_that_says_so() -> None:
    with pytest.raises(NumberError):
        parse("114081026")
    number = parse("114081026", expect="publication")
    assert number.key == "CN114081026"
    assert [doubt.code for doubt in number.warnings] == ["number.country_assumed"]


@pytest.mark.parametrize(
    ("text", "key", "country", "kind_code"),
    [
        ("TWI220581", "TWI220581", "TW", ""),
        ("TWM265757", "TWM265757", "TW", ""),
        ("TW200410517", "TW200410517", "TW", ""),
        ("JP2008522633", "JP2008522633", "JP", ""),
        ("JP4377130B", "JP4377130", "JP", "B"),
        ("HK1237254", "HK1237254", "HK", ""),
        ("US 2005/0004437 A1", "US20050004437", "US", "A1"),
        ("US2006142694A1", "US20060142694", "US", "A1"),
        ("US06859910B2", "US6859910", "US", "B2"),
        ("US D435,854 S1", "USD435854", "US", "S1"),
        ("EP 1 000 000 A1", "EP1000000", "EP", "A1"),
        ("EP99203729.4", "EP99203729", "EP", ""),
        ("WO 2009/085664 A2", "WO2009085664", "WO", "A2"),
        ("WO 99/12345", "WO1999012345", "WO", ""),
        ("PCT/CN2012/070001", "PCTCN2012070001", "WO", ""),
        ("PCT/CN02/00573", "PCTCN2002000573", "WO", ""),
    ],
)
def test_foreign_numbers_are_kept(text: str, key: str, country: str, kind_code: str) -> None:
    number = parse(text)
    assert (number.key, number.country, number.kind_code) == (key, country, kind_code)


@pytest.mark.parametrize(
    ("kind", "text", "key", "shown"),
    [
        ("trademark", "第12345678号", "12345678", "12345678"),
        ("trademark", "12345678号第9类", "12345678-9", "12345678 (第9类)"),
        ("trademark", "12345678-09", "12345678-9", "12345678 (第9类)"),
        ("trademark", "G1234567", "G1234567", "G1234567"),
        ("software_copyright", "2023sr0123456", "2023SR0123456", "2023SR0123456"),
        ("ic_layout", "BS.215512345", "BS215512345", "BS.215512345"),
        ("plant_variety", "CNA20183456.7", "CNA201834567", "CNA20183456.7"),
        ("plant_variety", "20190123", "20190123", "20190123"),
        ("geographical_indication", "AGI2010-01-00234", "AGI2010-01-00234", "AGI2010-01-00234"),
        ("data_ip", "闽数知登2025000123号", "闽数知登2025000123号", "闽数知登2025000123号"),
        ("copyright", "国作登字-2023-A-00123456", "国作登字-2023-A-00123456", "国作登字-2023-A-00123456"),
    ],
)
def test_numbers_of_the_other_registers(kind: str, text: str, key: str, shown: str) -> None:
    number = parse(text, kind=kind)
    assert (number.scheme, number.key, number.shown) == (kind, key, shown)
    assert parse(number.shown, kind=kind).key == key


@pytest.mark.parametrize("kind", sorted(registrations.READERS))
def test_the_other_registers_refuse_what_is_no_number(kind: str) -> None:
    with pytest.raises(NumberError) as refusal:
        parse("?!", kind=kind)
    assert refusal.value.code == "number.form"
    assert "?!" in str(refusal.value)


def test_a_trade_mark_class_ends_at_45() -> None:
    assert isinstance(try_parse("12345678-46", kind="trademark"), NumberError)


def test_a_number_that_names_its_register_needs_no_kind() -> None:
    assert parse("2023SR0123456").scheme == registrations.SOFTWARE
    assert parse("BS.215512345").scheme == registrations.IC_LAYOUT


def test_an_epo_application_number_gets_its_check_digit() -> None:
    assert numbers.application_from_docdb("201110047567").shown == "201110047567.0"
    assert numbers.application_from_docdb("95115608").shown == "95115608.X"
    with pytest.raises(NumberError):
        numbers.application_from_docdb("2011")


# -- suggestions -----------------------------------------------------------------------------------


@pytest.mark.parametrize("shown", VALID)
def test_the_right_number_is_among_the_suggestions_for_every_wrong_digit(shown: str) -> None:
    for wrong in one_digit_changed(shown.replace(".", "")):
        if wrong[:-1].isdigit():
            assert shown in suggest(wrong), wrong


@given(st.sampled_from(VALID), st.integers(0, 11))
def test_the_right_number_leads_the_suggestions_for_exchanged_neighbours(shown: str, at: int) -> None:
    key = shown.replace(".", "")
    at = min(at, len(key) - 2)
    wrong = key[:at] + key[at + 1] + key[at] + key[at + 2 :]
    if wrong != key and "X" not in wrong[:-1]:
        assert shown in suggest(wrong)


def test_suggestions_are_numbers_and_none_for_a_right_one() -> None:
    assert suggest("201710601862.3") == ()
    assert suggest("nonsense") == ()
    assert suggest("") == ()
    assert suggest("202410000001") == ("202410000001.X",)
    today = date(2026, 6, 15)
    for shown in suggest("201710601826.3", today=today):
        assert 1985 <= (parse(shown).year or 0) <= 2026


# -- contradictions ----------------------------------------------------------------------------------


def codes(*args: Number | None, declared: str = "", filed_on: date | None = None) -> list[str]:
    return [doubt.code for doubt in contradictions(*args, declared=declared, filed_on=filed_on)]


def test_what_contradicts_the_number_is_doubted() -> None:
    utility = parse("2014206562949")
    assert codes(utility, declared="utility_model", filed_on=date(2014, 11, 5)) == []
    assert codes(utility, declared="design") == ["type.contradiction"]
    assert codes(utility, parse("CN114081026A")) == ["type.contradiction"]
    assert codes(utility, parse("CN215667380U")) == []
    assert codes(None, parse("CN215667380U"), declared="design") == ["type.contradiction"]
    assert codes(utility, filed_on=date(2015, 11, 5)) == ["year.contradiction"]
    assert codes(utility, declared="design", filed_on=date(2015, 1, 1)) == [
        "type.contradiction",
        "year.contradiction",
    ]
    assert codes(parse("95115608.X"), filed_on=date(1995, 1, 1)) == []


def test_a_pct_entry_has_the_year_of_its_entry() -> None:
    entry = parse("200980000001" + numbers.check_character("200980000001"))
    assert codes(entry, filed_on=date(2007, 5, 1)) == []


def test_a_publication_that_contradicts_itself_is_doubted() -> None:
    assert [doubt.code for doubt in parse("CN209876543A").warnings] == ["type.contradiction"]


def test_years_without_such_numbers_are_doubted() -> None:
    early = "199510000001"
    late = "203010000001"
    assert [d.code for d in parse(early + numbers.check_character(early)).warnings] == ["year.range"]
    assert parse(late + numbers.check_character(late)).warnings == ()
    late_number = parse(late + numbers.check_character(late), today=date(2026, 1, 1))
    assert [d.code for d in late_number.warnings] == ["year.range"]


# -- laws of the reader --------------------------------------------------------------------------------

body = st.builds(
    lambda year, kind, serial: f"{year}{kind}{serial:07d}",
    st.integers(2003, 2026),
    st.sampled_from("12389"),
    st.integers(0, 9_999_999),
)


@given(body, st.integers(0, 12), st.sampled_from(DIGITS))
def test_the_check_digit_finds_every_single_mistake(digits: str, at: int, other: str) -> None:
    key = digits + numbers.check_character(digits)
    assert parse(key).key == key
    wrong = key[:at] + other + key[at + 1 :]
    if wrong != key:
        assert isinstance(try_parse(wrong), NumberError)


@given(
    st.text(max_size=40)
    | st.from_regex(r"(CN|ZL|US|TW|WO|PCT/)?[0-9X./ E+]{0,18}[A-Z]?[0-9]?", fullmatch=True)
)
def test_reading_never_fails_unexpectedly_and_is_stable(text: str) -> None:
    for expect in ("", "application", "publication"):
        found = try_parse(text, expect=expect)
        if isinstance(found, Number):
            assert found.key.isascii() or found.scheme == registrations.COPYRIGHT
            # An American serial number and a grant look alike: what was asked for says which it is.
            assert parse(found.shown, expect=expect).key == found.key
        else:
            assert str(found)
    assert isinstance(suggest(text), tuple)


# -- the real numbers -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real_numbers(real_data: Path) -> list[str]:
    folder = real_data / "cn_patents"
    found: list[str] = []
    for name in ("docket_app_numbers.csv", "fujian_docket_patents.csv"):
        with (folder / name).open(encoding="utf-8", newline="") as file:
            found += [row["application_no"] for row in csv.DictReader(file)]
    with closing(load_workbook(folder / "sipo_25field_export_199rows.xlsx", read_only=True)) as book:
        found += [str(row[0]) for row in book.worksheets[0].iter_rows(min_row=2, values_only=True)]
    return found


def test_every_real_application_number_passes(real_numbers: list[str]) -> None:
    assert len(real_numbers) == 3380
    for text in real_numbers:
        number = parse(text)
        assert number.scheme == numbers.CN_APPLICATION
        assert number.repaired == bool(re.fullmatch(r"\d{13}\.0", text))


def test_no_real_application_number_passes_with_any_one_digit_changed(real_numbers: list[str]) -> None:
    passed = [
        wrong
        for text in real_numbers
        for wrong in one_digit_changed(parse(text).key)
        if isinstance(try_parse(wrong), Number)
    ]
    assert passed == []


def test_twenty_eight_thousand_numbers_cost_less_than_a_second(real_numbers: list[str]) -> None:
    many = (real_numbers * 9)[:27_940]
    start = time.perf_counter()
    for text in many:
        parse(text)
    assert time.perf_counter() - start < 1
