"""Credit codes: real ones are read, slips are named and what was meant is proposed."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.core.errors import RuleBroken
from exchange.parties import uscc

CODE = "91110000600037341L"

codes = st.builds(
    lambda head, tail: head + tail + uscc.check_character(head + tail),
    st.from_regex(r"\A[1-9NY][0-9]{7}\Z"),
    st.text(uscc.ALPHABET, min_size=9, max_size=9),
)


def test_every_real_code_is_valid(real_data: Path) -> None:
    codes_ = (real_data / "ident" / "uscc_valid_100.txt").read_text().split()
    assert len(codes_) >= 100
    assert [code for code in codes_ if not uscc.valid(code)] == []


def test_the_real_cases_are_answered_as_expected(real_data: Path) -> None:
    said = {
        "bad length": "uscc.length",
        "bad format": "uscc.format",
        "bad check digit": "uscc.check",
    }
    with (real_data / "ident" / "uscc_cases.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["expect"].startswith("valid"):
                assert uscc.parse(row["number"]) == CODE
            else:
                with pytest.raises(RuleBroken) as refused:
                    uscc.parse(row["number"])
                assert refused.value.code == said[row["expect"]], row
                assert refused.value.field == "uscc"


@pytest.mark.parametrize(
    "written",
    [
        "91 110000 600037341L",
        "９１１１００００６０００３７３４１Ｌ",
        "91110000600037341l",
        "9111 0000-6000 3734-1L",
    ],
)
def test_what_people_put_between_and_around_does_not_matter(written: str) -> None:
    assert uscc.parse(written) == CODE


@given(codes)
def test_a_code_with_a_fitting_check_character_is_read(code: str) -> None:
    assert uscc.parse(code) == code


@given(codes, st.integers(0, 17), st.sampled_from(uscc.ALPHABET))
def test_every_single_wrong_sign_is_seen(code: str, place: int, sign: str) -> None:
    wrong = code[:place] + sign + code[place + 1 :]
    assert uscc.valid(wrong) == (wrong == code)


@given(codes, st.integers(0, 16))
def test_every_swap_of_unlike_neighbours_is_seen_and_undone(code: str, place: int) -> None:
    wrong = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
    if wrong != code:
        assert not uscc.valid(wrong)


def test_a_wrong_check_character_is_proposed_first() -> None:
    assert uscc.candidates("91110000600037341N")[0] == CODE


def test_letters_read_for_digits_are_proposed() -> None:
    assert uscc.candidates(CODE.replace("1", "I").replace("0", "O")) == [CODE]
    with pytest.raises(RuleBroken, match=CODE):
        uscc.parse(CODE.replace("0", "O"))


def test_what_is_proposed_is_valid_and_never_what_was_written() -> None:
    for wrong in ("91110000600073341L", "91110000600037341N", "9111000060003IOZSV", "A1110000600037341L"):
        found = uscc.candidates(wrong)
        assert all(uscc.valid(code) and code != wrong for code in found)
        assert len(found) <= 3
