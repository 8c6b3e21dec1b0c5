"""Money: integers, one place for rounding, no fen lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.core.errors import RuleBroken
from exchange.core.money import allocate, decimal_yuan, in_words, parse_yuan, share, yuan


@pytest.mark.parametrize(
    ("text", "fen"),
    [("1", 100), ("1,234.5", 123450), ("￥12.30", 1230), ("１２．３０", 1230), ("0.01", 1), (" 7 ", 700)],
)
def test_amounts_people_type(text: str, fen: int) -> None:
    assert parse_yuan(text) == fen


@pytest.mark.parametrize("text", ["", "abc", "1.234", "-5", "1e3", "1.2.3", "99999999999999", "NaN"])
def test_what_is_no_amount_is_refused_with_the_field(text: str) -> None:
    with pytest.raises(RuleBroken) as refused:
        parse_yuan(text, field="price")
    assert refused.value.code == "money.format"
    assert refused.value.field == "price"


@given(st.integers(min_value=0, max_value=10**15))
def test_written_and_read_again_is_the_same(fen: int) -> None:
    assert parse_yuan(yuan(fen)) == fen
    assert parse_yuan(decimal_yuan(fen)) == fen


@given(st.integers(0, 10**13), st.lists(st.integers(0, 10**6), min_size=1, max_size=40).filter(any))
def test_a_split_loses_nothing_and_is_fair_to_a_fen(total: int, weights: list[int]) -> None:
    parts = allocate(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - total * weight / sum(weights)) < 1 + total * 1e-12


def test_a_split_without_weights_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="weights"):
        allocate(100, [0, 0])


def test_shares_round_half_to_even() -> None:
    assert [share(fen, 50) for fen in (100, 300, 500, 700)] == [0, 2, 2, 4]
    assert share(123_456_00, 200) == 246_912


@pytest.mark.parametrize(
    ("fen", "words"),
    [
        (0, "零元整"),
        (1, "零元零壹分"),
        (1005, "壹拾元零伍分"),
        (500050, "伍仟元伍角整"),
        (10000500, "壹拾万零伍元整"),
        (1000010000, "壹仟万零壹佰元整"),
        (123456789012, "壹拾贰亿叁仟肆佰伍拾陆万柒仟捌佰玖拾元壹角贰分"),
        (1000000000000, "壹佰亿元整"),
        (10000000100, "壹亿零壹元整"),
    ],
)
def test_amounts_in_chinese_capitals(fen: int, words: str) -> None:
    assert in_words(fen) == words
