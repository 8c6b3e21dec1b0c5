"""Values as files write them: dates, classification symbols, names."""

from datetime import date

import pytest

from exchange.rights.formats import values
from tests.rights import files
from tests.rights.reading import Put, codes, read, record

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
