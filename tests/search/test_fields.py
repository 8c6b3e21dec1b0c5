"""The table of fields: levels of codes, what is indexed, conditions as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.core.errors import RuleBroken
from search import conditions, fields
from search.clauses import Prefix, Term
from search.engine import Filter


@pytest.mark.parametrize(
    ("code", "levels"),
    [
        ("H01M4/04", ("H", "H01", "H01M", "H01M4", "H01M4/04")),
        ("h01m 4/04 (2006.01)I", ("H", "H01", "H01M", "H01M4", "H01M4/04")),
        ("Ｈ０１Ｍ", ("H", "H01", "H01M")),
        ("E01B3/32(2006.01)I", ("E", "E01", "E01B", "E01B3", "E01B3/32")),
        ("??", ("??",)),
        ("", ()),
    ],
)
def test_ipc_levels(code: str, levels: tuple[str, ...]) -> None:
    assert fields.ipc_levels(code) == levels


@given(st.text(max_size=20))
def test_ipc_levels_never_break(code: str) -> None:
    levels = fields.ipc_levels(code)
    assert all(levels[-1].startswith(level) for level in levels)


def test_a_code_inside_a_level_is_a_prefix() -> None:
    assert fields.ipc_clause("H01M") == Term("ipc", "H01M")
    assert fields.ipc_clause("H01M4/0") == Prefix("ipc", "H01M4/0")
    assert fields.ipc_clause("H01M4/") == Prefix("ipc", "H01M4/")


@pytest.mark.parametrize(
    ("code", "levels"),
    [
        ("350102", ["35", "3501", "350102"]),
        ("350100", ["35", "3501"]),
        ("350000", ["35"]),
        ("3501", ["35", "3501"]),
        ("福建", []),
        ("", []),
    ],
)
def test_region_levels(code: str, levels: list[str]) -> None:
    assert fields.region_levels(code) == levels


def test_prepare_leaves_out_what_is_missing() -> None:
    assert fields.prepare({"title": "", "abstract": None, "ipc": [], "price": None}) == {}


def test_prepare_keeps_values_apart_and_repeats_out() -> None:
    made = fields.prepare({"applicant": ["甲乙", "丙丁", "甲乙"], "ipc": ["H01M4/04", "H01M4/58"]})
    assert made["owners"] == "甲乙 ¦ 丙丁"
    assert made["applicant"] == ["丙丁", "甲乙"]
    assert made["ipc_section"] == ["H"]
    assert made["ipc"] == ["H", "H01", "H01M", "H01M4", "H01M4/04", "H01M4/58"]


def test_english_stems_come_from_both_titles() -> None:
    made = fields.prepare({"title": "LiFePO4电池", "title_en": "Lithium batteries"})
    assert made["title_en"] == "lifepo4 lithium batteri"


@pytest.mark.parametrize("values", [{"colour": "red"}, {"price": "cheap"}, {"listed": "now"}])
def test_prepare_refuses_what_no_field_knows(values: dict[str, fields.Value]) -> None:
    with pytest.raises(ValueError, match=r"colour|price|listed"):
        fields.prepare(values)


def test_names_in_the_tables_meet() -> None:
    assert {rule.field for rule in fields.FILTERS.values()} <= set(fields.BY_NAME)
    assert {rule.field for rule in fields.FACETS.values()} <= set(fields.BY_NAME)
    assert {rule.filter for rule in fields.FACETS.values()} <= set(fields.FILTERS)
    assert {rule.field for rule in fields.SORTS.values() if rule.field} <= set(fields.BY_NAME)
    assert len(fields.BY_NAME) == len(fields.FIELDS)


# -- conditions ------------------------------------------------------------------------------------------------


def test_conditions() -> None:
    assert conditions.read({"kind": ["invention", "design", ""], "ipc": ["H01M"], "deal": []}) == (
        Filter("kind", ("invention", "design")),
        Filter("ipc", ("H01M",)),
    )


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({"price_from": ["1234.50"]}, Filter("price", low=123_450)),
        ({"wan_from": ["20"], "wan_to": ["200"]}, Filter("price", low=20_000_000, high=200_000_000)),
        ({"wan_to": ["1,000.5"]}, Filter("price", high=1_000_500_000)),
        ({"negotiable": ["1"]}, Filter("price", or_missing=True)),
        ({"price": ["5-20"], "negotiable": ["on"]}, Filter("price", ("5-20",), or_missing=True)),
        ({"price": ["5-20"]}, Filter("price", ("5-20",))),
        ({"life_from": ["5"]}, Filter("life", low=5)),
        ({"life": ["10-"], "life_to": ["3"]}, Filter("life", ("10-",), high=3)),
    ],
)
def test_conditions_of_numbers(chosen: dict[str, list[str]], expected: Filter) -> None:
    assert conditions.read(chosen) == (expected,)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("colour", "red"),
        ("price_from", "cheap"),
        ("price_from", "-1"),
        ("price_to", "1e99"),
        ("wan_from", "NaN"),
        ("life_from", "young"),
        ("life_from", "٣"),
        ("life_to", "999"),
    ],
)
def test_conditions_that_cannot_be_read_are_named(name: str, value: str) -> None:
    with pytest.raises(RuleBroken) as refused:
        conditions.read({name: [value]})
    assert refused.value.field == name
