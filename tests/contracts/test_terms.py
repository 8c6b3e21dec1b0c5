"""Terms: how a price is paid, what may stand in a clause, how long a licence runs (law.md §1.2, §9 invariants 25–28)."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import terms
from exchange.core import money

TODAY = date(2026, 6, 15)
LAST = date(2036, 6, 8)


def wrong(kind: str = "TT", price_fen: int = 100_000, **said: Any) -> list[str]:
    whole: dict[str, Any] = {"payment": {"mode": "LUMP"}, **said}
    return [p.code for p in terms.wrong(kind, whole, price_fen=price_fen, last_day=LAST, today=TODAY)]


def licence(**said: Any) -> list[str]:
    whole = {"kind": "ordinary", "from": "2026-07-01", "until": "2030-06-30", **said}
    return wrong("TL", licence=whole)


# -- payment --------------------------------------------------------------------------------------


def test_a_mode_must_be_chosen() -> None:
    assert wrong(payment={}) == ["contract.payment_mode"]
    assert wrong(payment={"mode": "BARTER"}) == ["contract.payment_mode"]
    assert wrong(payment={"mode": "LUMP"}) == []


def test_other_ways_are_described() -> None:
    assert wrong(payment={"mode": "OTHER"}) == ["contract.payment_field"]
    assert wrong(payment={"mode": "OTHER", "text": "以设备抵付"}) == []


def test_a_royalty_needs_base_rate_and_course() -> None:
    assert wrong(payment={"mode": "ROY"}) == ["contract.payment_field"] * 3
    whole = {"mode": "ROY_ENTRY", "royalty_base": "sales", "royalty_bp": 250, "royalty_step": "fixed"}
    assert wrong(payment=whole) == []
    assert wrong(payment={**whole, "royalty_base": "luck"}) == ["contract.royalty"]
    assert wrong(payment={**whole, "royalty_bp": 10_001}) == ["contract.royalty_rate"]


def rows(*amounts: int) -> list[dict[str, Any]]:
    return [
        {"due_on": (TODAY + timedelta(days=30 * place)).isoformat(), "amount_fen": amount}
        for place, amount in enumerate(amounts)
    ]


@given(st.lists(st.integers(1, 10**12), min_size=1, max_size=terms.MAX_ROWS), st.integers(-5, 5))
def test_instalments_are_the_price_to_the_fen(amounts: list[int], off: int) -> None:
    price = sum(amounts)
    if price + off <= 0:
        return
    codes = wrong(price_fen=price + off, payment={"mode": "INST", "instalments": rows(*amounts)})
    assert codes == ([] if off == 0 else ["contract.instalments_sum"])


@given(st.integers(1, 10**15), st.lists(st.integers(1, 1000), min_size=1, max_size=12))
def test_a_price_split_by_weights_can_be_written_as_instalments(price: int, weights: list[int]) -> None:
    parts = [part for part in money.allocate(price, weights) if part]
    assert wrong(price_fen=price, payment={"mode": "INST", "instalments": rows(*parts)}) == []


def test_instalments_follow_one_another() -> None:
    table = rows(50_000, 50_000)
    assert wrong(payment={"mode": "INST", "instalments": table[::-1]}) == ["contract.instalment_days"]
    assert wrong(payment={"mode": "INST", "instalments": [table[0], table[0]]}) == [
        "contract.instalment_days"
    ]
    assert wrong(payment={"mode": "INST", "instalments": rows(100_001, -1)}) == ["contract.instalment_amount"]
    assert wrong(payment={"mode": "INST", "instalments": rows(*[1] * 61)}) == ["contract.rows"]
    assert wrong(payment={"mode": "INST"}) == ["contract.payment_field"]


# -- amounts --------------------------------------------------------------------------------------


@given(st.integers(1, 10**15), st.lists(st.integers(1, 10**13), max_size=8))
def test_the_technology_amount_lies_between_zero_and_the_price(price: int, amounts: list[int]) -> None:
    said: dict[str, Any] = {
        "non_technical": [{"name": "膜组件样机", "amount_fen": amount} for amount in amounts]
    }
    codes = wrong(price_fen=price, **said)
    left = terms.technology_fen(said, price)
    assert left == price - sum(amounts)
    assert codes == ([] if 0 <= left <= price else ["contract.technology_amount"])


def test_each_non_technical_item_has_name_and_amount() -> None:
    assert wrong(non_technical=[{"name": " ", "amount_fen": 1}]) == ["contract.non_technical"]
    assert wrong(non_technical=[{"name": "设备", "amount_fen": 0}]) == ["contract.non_technical"]


# -- licences, validity ---------------------------------------------------------------------------


def test_a_licence_ends_with_its_right_at_the_latest() -> None:
    assert licence() == []
    assert licence(until=LAST.isoformat()) == []
    assert licence(until=(LAST + timedelta(days=1)).isoformat()) == ["contract.licence_too_long"]
    assert licence(until="") == ["contract.licence_end"]
    assert licence(until="2026-06-30") == ["contract.licence_period"]
    assert licence(kind="") == ["contract.licence_kind"]


def test_a_licence_is_ordinary_where_nothing_was_agreed() -> None:
    said = terms.defaults({"licence_years": 3}, kind="TL", today=TODAY)
    assert said["licence"] == {"kind": "ordinary", "region": "", "from": "2026-06-15", "until": "2029-06-15"}


def test_a_draft_takes_over_what_was_agreed() -> None:
    said = terms.defaults({"payment": "两次付清", "continued_use": "限本校教学"}, kind="TT", today=TODAY)
    assert said["payment"]["text"] == "两次付清"
    assert said["clauses"]["prior_use"] == "限本校教学"
    assert "licence" not in said


def test_validity_has_an_order() -> None:
    assert wrong(valid_from="2026-07-01", valid_until="2026-07-01") == ["contract.validity"]
    said = {"valid_from": "2026-07-01", "valid_until": "2026-12-31"}
    assert [
        terms.in_validity(said, date(2026, 6, 20), day)
        for day in (date(2026, 6, 30), date(2026, 7, 1), date(2026, 12, 31), date(2027, 1, 1))
    ] == [False, True, True, False]
    assert not terms.in_validity({}, None, TODAY)


# -- clauses --------------------------------------------------------------------------------------

VOID = {
    "research": "受让方不得对本技术作任何改进。",
    "competing_source": "受让方不得从他人处获得与本技术相竞争的技术。",
    "market": "产品的销售价格由让与人决定。",
    "tying": "受让方必须一并购买让与人的膜片。",
    "supply": "受让方只能向让与人采购原材料。",
    "challenge": "受让方不得请求宣告本专利权无效。",
}


@pytest.mark.parametrize("key", sorted(VOID))
def test_the_six_patterns_of_monopoly_are_found(key: str) -> None:
    assert key in [row.key for row in terms.forbidden_in([VOID[key]])]
    assert "contract.forbidden_clause" in wrong(clauses={"other": VOID[key]})


def test_each_pattern_has_an_example() -> None:
    assert set(VOID) == {row.key for row in terms.FORBIDDEN}


def test_standard_clauses_and_usual_wording_pass() -> None:
    assert terms.forbidden_in(clause.standard_zh for clause in terms.CLAUSES) == []
    usual = [
        "双方可以各自改进本技术，改进成果归完成方。",
        "卖方应当交付全部技术资料，并提供两次现场培训。",
        "买方不得向第三方泄露技术资料。",
        "专利权被宣告无效的，双方另行协商。",
    ]
    assert terms.forbidden_in(usual) == []


def test_clauses_are_known_and_not_endless() -> None:
    assert wrong(clauses={"weather": "晴"}) == ["contract.clause"]
    assert wrong(clauses={"other": "长" * (terms.MAX_TEXT + 1)}) == ["contract.clause_long"]
