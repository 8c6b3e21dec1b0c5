"""Every reason why a right may not be listed, transferred, licensed or pledged: present, absent, waived."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from exchange.core.errors import Invalid
from exchange.parties.models import Party, PartyKind
from exchange.rights import obstacles as rules
from exchange.rights.models import Encumbrance, EncumbranceKind, Holding, Right, RightOwner, RightStatus
from exchange.rights.obstacles import ACTS, CO_OWNERS, DECLARATION, PLEDGEE, REASONS, obstacles

TODAY = date(2026, 6, 15)


def right(**facts: Any) -> Right:
    """A right in force of one owner, in perfect order, outside any database."""
    made = Right(
        **{
            "ref": "RT-X",
            "key": "CN2020100000000",
            "kind": "invention",
            "country": "CN",
            "app_no": "2020100000000",
            "title": "一种膜",
            "filed_on": date(2020, 3, 2),
            "published_on": date(2020, 9, 1),
            "granted_on": date(2022, 5, 3),
            "compensation_days": 0,
            "status": RightStatus.GRANTED,
            "status_as_of": TODAY,
            "status_source": "register",
            "fees_paid_through": 7,
            "fee_reduction": False,
            "same_day_application": False,
            "facts": {},
            **facts,
        }
    )
    made.__dict__["owners"] = [RightOwner(name="甲公司", source="register")]
    made.__dict__["encumbrances"] = []
    made.__dict__["holdings"] = []
    return made


def codes(of: Right, act: str, **more: Any) -> set[str]:
    return {one.code for one in obstacles(of, act, day=TODAY, **more)}


def burdened(kind: EncumbranceKind, **more: Any) -> Right:
    made = right()
    made.__dict__["encumbrances"] = [
        Encumbrance(
            kind=kind,
            since=TODAY - timedelta(days=30),
            source="register",
            holder="银行",
            register_no="Y1",
            **more,
        )
    ]
    return made


def co_owned() -> Right:
    made = right()
    made.__dict__["owners"] = [RightOwner(name="甲公司", source=""), RightOwner(name="乙大学", source="")]
    return made


def ownerless() -> Right:
    made = right()
    made.__dict__["owners"] = []
    return made


@pytest.mark.parametrize("act", ACTS)
def test_a_right_in_order_has_no_obstacle(act: str) -> None:
    assert codes(right(), act) == set()


ALL = set(ACTS)
CASES: dict[str, tuple[Callable[[], Right], set[str]]] = {
    "right.foreign": (lambda: right(country="TW"), ALL),
    "right.merged": (lambda: right(merged_into_id=7), ALL),
    "kind.unknown": (lambda: right(kind=""), ALL),
    "kind.forbidden": (
        lambda: right(kind="geographical_indication"),
        {"list", "transfer", "file", "license", "exclusive_license", "open_license"},
    ),
    "status.unknown": (lambda: right(status=RightStatus.UNKNOWN), ALL),
    "status.lapsed": (lambda: right(status=RightStatus.LAPSED), ALL),
    "status.expired": (lambda: right(status=RightStatus.EXPIRED), ALL),
    "status.invalid": (lambda: right(status=RightStatus.INVALID), ALL),
    "status.withdrawn": (lambda: right(status=RightStatus.WITHDRAWN), ALL),
    "status.past_term": (lambda: right(filed_on=date(2006, 6, 14), fees_paid_through=20), ALL),
    "status.pending": (lambda: right(status=RightStatus.PENDING), {"pledge", "open_license"}),
    "status.unpublished": (lambda: right(status=RightStatus.PENDING, published_on=None), {"list"}),
    "status.stale": (lambda: right(status_as_of=TODAY - timedelta(days=31)), {"file"}),
    "number.missing": (lambda: right(app_no=None), ALL),
    "filed_on.missing": (lambda: right(filed_on=None), ALL - {"list"}),
    "owners.unknown": (ownerless, ALL),
    "owners.consent": (co_owned, {"transfer", "file", "exclusive_license", "open_license", "pledge"}),
    "fees.lapsed": (lambda: right(fees_paid_through=4), ALL),
    "fees.grace": (lambda: right(fees_paid_through=6), {"pledge", "open_license"}),
    "fees.unknown": (lambda: right(fees_paid_through=None), {"pledge", "open_license"}),
    "burden.preservation": (lambda: burdened(EncumbranceKind.PRESERVATION), ALL),
    "burden.dispute": (lambda: burdened(EncumbranceKind.DISPUTE), ALL),
    "burden.pledge": (lambda: burdened(EncumbranceKind.PLEDGE), ALL - {"pledge"}),
    "burden.second_pledge": (lambda: burdened(EncumbranceKind.PLEDGE), {"pledge"}),
    "burden.exclusive_licence": (
        lambda: burdened(EncumbranceKind.EXCLUSIVE_LICENCE),
        {"license", "exclusive_license", "open_license"},
    ),
    "burden.open_licence": (lambda: burdened(EncumbranceKind.OPEN_LICENCE), {"exclusive_license"}),
    "burden.invalidation_request": (lambda: burdened(EncumbranceKind.INVALIDATION_REQUEST), {"pledge"}),
    "right.same_day": (lambda: right(kind="utility_model", same_day_application=True), {"pledge"}),
}


@pytest.mark.parametrize("code", CASES)
def test_each_reason_stops_its_acts_and_no_others(code: str) -> None:
    make, acts = CASES[code]
    assert {act for act in ACTS if code in codes(make(), act)} == acts


def test_every_reason_of_the_table_has_its_case() -> None:
    assert {reason.code for reason in REASONS} == {*CASES, "holding.missing", "holding.unverified"}


def test_every_reason_names_rule_sentence_and_way_out() -> None:
    for code, (make, acts) in CASES.items():
        found = next(one for one in obstacles(make(), min(acts), day=TODAY) if one.code == code)
        assert found.rule.startswith("law.md"), code
        assert "一种膜" in found.sentence, code
        assert found.remedy, code


def test_all_reasons_come_at_once() -> None:
    made = burdened(EncumbranceKind.PLEDGE)
    made.status, made.app_no = RightStatus.LAPSED, None
    assert codes(made, "transfer") == {"status.lapsed", "number.missing", "burden.pledge"}


def test_consents_remove_their_own_reason_only() -> None:
    made = burdened(EncumbranceKind.PLEDGE)
    made.__dict__["owners"] = co_owned().owners
    assert codes(made, "transfer") == {"owners.consent", "burden.pledge"}
    assert codes(made, "transfer", agreed={CO_OWNERS}) == {"burden.pledge"}
    assert codes(made, "transfer", agreed={CO_OWNERS, PLEDGEE}) == set()
    assert codes(made, "pledge", agreed={PLEDGEE}) == {"owners.consent", "burden.second_pledge"}
    declared = burdened(EncumbranceKind.INVALIDATION_REQUEST)
    assert codes(declared, "pledge", agreed={DECLARATION}) == set()


def test_a_preservation_that_lapsed_by_itself_is_no_obstacle() -> None:
    assert codes(burdened(EncumbranceKind.PRESERVATION, ends_on=TODAY), "transfer") == {"burden.preservation"}
    assert (
        codes(burdened(EncumbranceKind.PRESERVATION, ends_on=TODAY - timedelta(days=1)), "transfer") == set()
    )


def test_a_party_needs_a_verified_holding() -> None:
    party = Party(id=5, kind=PartyKind.ENTERPRISE, name="甲公司")
    made = right()
    assert codes(made, "list", party=party) == {"holding.missing"}
    made.__dict__["holdings"] = [Holding(party_id=5, verified=False)]
    assert codes(made, "list", party=party) == {"holding.unverified"}
    made.__dict__["holdings"] = [Holding(party_id=5, verified=True)]
    assert codes(made, "list", party=party) == set()


def test_refuse_raises_every_reason_at_once() -> None:
    made = burdened(EncumbranceKind.DISPUTE)
    made.status = RightStatus.LAPSED
    with pytest.raises(Invalid) as refused:
        rules.refuse(made, "list", field="right")
    assert {problem.code for problem in refused.value.problems} == {"status.lapsed", "burden.dispute"}


def test_both_spellings_of_licence_and_no_others() -> None:
    assert codes(burdened(EncumbranceKind.OPEN_LICENCE), "exclusive_licence") == {"burden.open_licence"}
    with pytest.raises(ValueError, match="no such act"):
        obstacles(right(), "destroy", day=TODAY)
