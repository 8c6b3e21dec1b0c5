"""Legal events replayed: one effect per code, any order of arrival, burdens that never clear one another."""

from __future__ import annotations

import csv
import json
import random
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.rights import codes, history, register
from exchange.rights.formats import legal
from exchange.rights.formats.values import read_date
from exchange.rights.models import EncumbranceKind, RightStatus
from exchange.rights.register import Announcement, Owner, State, replay

DAY = date(2020, 5, 4)


def event(code: str, days: int = 0, **more: Any) -> Announcement:
    fields = {
        name: more.pop(name)
        for name in list(more)
        if name not in {"before", "after", "effective_on", "source"}
    }
    return Announcement(code, DAY + timedelta(days=days), fields=fields, **more)


def state(*events: Announcement, owners: tuple[str, ...] = ("甲公司",), **facts: Any) -> State:
    return replay(State("invention", owners=[Owner(name) for name in owners], **facts), events)


def names(of: State) -> list[str]:
    return [owner.name for owner in of.current_owners]


GRANTED = event("GR01", -100)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("CF01", RightStatus.LAPSED),
        ("AV01", RightStatus.LAPSED),
        ("CX01", RightStatus.EXPIRED),
        ("IW01", RightStatus.INVALID),
        ("IP01", RightStatus.GRANTED),
    ],
)
def test_what_ends_a_granted_right_and_what_does_not(code: str, status: RightStatus) -> None:
    assert state(GRANTED, event(code)).status is status


@pytest.mark.parametrize("code", ["WD01", "RJ01"])
def test_an_application_that_ends_is_withdrawn(code: str) -> None:
    assert state(event("PB01", -200), event("SE01", -150), event(code)).status is RightStatus.WITHDRAWN


def test_publication_examination_and_grant_lead_to_a_right_in_force() -> None:
    found = state(event("PB01", -300), event("SE01", -250), GRANTED)
    assert (found.status, found.published_on, found.granted_on) == (
        RightStatus.GRANTED,
        DAY - timedelta(days=300),
        GRANTED.announced_on,
    )


def test_restoration_brings_back_what_was_before_the_end() -> None:
    assert state(GRANTED, event("CF01"), event("RR01", 90)).status is RightStatus.GRANTED
    pending = state(event("PB01", -300), event("WD01"), event("RR01", 90))
    assert pending.status is RightStatus.PENDING
    assert pending.ended_on is None


def test_restoration_of_a_living_right_changes_nothing_and_says_so() -> None:
    restored = event("RR01", 5)
    found = state(GRANTED, restored)
    assert found.status is RightStatus.GRANTED
    assert found.warnings[restored.fingerprint] == [register.NOTHING_TO_RESTORE]
    assert found.applied[restored.fingerprint] is False


def test_invalid_is_void_whatever_ended_it_before() -> None:
    assert state(GRANTED, event("CF01"), event("IW01", 300)).status is RightStatus.INVALID
    assert state(GRANTED, event("IW01"), event("CX01", 300)).status is RightStatus.INVALID


def test_partial_invalidation_that_leaves_nothing_is_a_full_one() -> None:
    found = legal.announcement(
        "", "无效公告;审查结论:宣告专利权全部无效", announced_on=DAY, given_code="IP01"
    )
    announced = history.announcement_from(found)
    assert announced is not None
    assert announced.code == "IW01"


def test_a_transfer_changes_owners_on_the_day_of_registration() -> None:
    sold = event("TR01", before=("甲公司",), after=("乙公司",), effective_on=DAY - timedelta(days=30))
    found = state(GRANTED, sold)
    assert names(found) == ["乙公司"]
    assert [(o.name, o.until) for o in found.owners if o.until] == [("甲公司", DAY - timedelta(days=30))]
    assert found.current_owners[0].since == DAY - timedelta(days=30)


def test_who_is_named_before_and_after_stays_the_same_owner() -> None:
    sold = event("TR01", before=("甲公司", "丙大学"), after=("甲公司", "丁公司"))
    found = state(sold, owners=("甲公司", "丙大学"))
    assert names(found) == ["甲公司", "丁公司"]
    assert found.current_owners[0].since is None


def test_a_transfer_of_one_share_leaves_the_other_owners() -> None:
    sold = event("TR01", before=("丙大学",), after=("丁公司",))
    assert names(state(sold, owners=("甲公司", "丙大学"))) == ["丁公司", "甲公司"]


def test_a_transfer_from_strangers_is_followed_and_warned_of() -> None:
    sold = event("TR01", before=("别人",), after=("乙公司",))
    found = state(sold)
    assert names(found) == ["乙公司"]
    assert found.warnings[sold.fingerprint] == [register.OWNER_DIFFERS]


def test_a_transfer_without_a_new_owner_is_history_only() -> None:
    empty = event("TR01", before=("甲公司",))
    found = state(empty)
    assert names(found) == ["甲公司"]
    assert found.applied[empty.fingerprint] is False


def test_an_older_transfer_does_not_touch_owners_known_later() -> None:
    old = event("TR01", -400, before=("甲公司",), after=("乙公司",))
    found = state(old, owners_from=DAY)
    assert names(found) == ["甲公司"]
    assert found.warnings[old.fingerprint] == [register.OWNER_OLDER]


@pytest.mark.parametrize("code", ["CP01", "CP03"])
def test_a_new_name_is_no_transfer(code: str) -> None:
    found = state(event(code, before=("甲公司",), after=("甲股份公司",)))
    owner = found.current_owners[0]
    assert (owner.name, owner.since, owner.formerly) == ("甲股份公司", None, ["甲公司"])
    assert [o.until for o in found.owners] == [None]


def test_an_owner_that_takes_the_name_of_another_has_become_part_of_it() -> None:
    found = state(event("CP01", before=("甲公司",), after=("乙公司",)), owners=("甲公司", "乙公司"))
    assert names(found) == ["乙公司"]


def test_brackets_of_either_width_are_the_same_name() -> None:
    found = state(
        event("CP01", before=("甲（福建）公司",), after=("甲(福州)公司",)), owners=("甲(福建)公司",)
    )
    assert names(found) == ["甲(福州)公司"]


def test_a_pledge_is_ended_by_its_own_number_only() -> None:
    first, second = event("PE01", register_no="Y1", pledgee="银行一"), event("PE01", 3, register_no="Y2")
    found = state(GRANTED, first, second, event("PC01", 9, register_no="Y2"))
    assert [(b.register_no, b.ended_on is None) for b in found.burdens] == [("Y1", True), ("Y2", False)]
    assert found.burdens[0].holder == "银行一"


def test_a_cancellation_without_number_takes_the_oldest_and_says_so() -> None:
    cancelled = event("PC01", 9)
    found = state(GRANTED, event("PE01", register_no="Y1"), event("PE01", 3, register_no="Y2"), cancelled)
    assert [b.register_no for b in found.live_burdens] == ["Y2"]
    assert found.warnings[cancelled.fingerprint] == [register.SEVERAL_TO_END]


def test_a_change_of_the_pledgee_stays_with_its_pledge() -> None:
    changed = event("PM01", 5, register_no="Y1", item="质权人", old="银行一", new="银行二")
    found = state(GRANTED, event("PE01", register_no="Y1", pledgee="银行一"), changed)
    assert [b.holder for b in found.live_burdens] == ["银行二"]


def test_the_end_of_a_preservation_is_computed() -> None:
    found = state(GRANTED, event("PP01", effective_on=date(2020, 3, 30)))
    # Six months end on 30 September, which is worked; the trade mark's year ends on 30 March.
    assert found.burdens[0].ends_on == date(2020, 9, 30)
    mark = replay(State("trademark"), [event("PP01", effective_on=date(2020, 3, 30))])
    assert mark.burdens[0].ends_on == date(2021, 3, 30)


def test_licences_tell_exclusive_from_ordinary() -> None:
    found = state(
        GRANTED,
        event("EE01", register_no="X1", licence_kind="独占许可", licensee="乙公司"),
        event("EE01", 1, register_no="X2", licence_kind="普通许可"),
        event("EC01", 9, register_no="X2"),
    )
    assert [(b.kind, b.holder) for b in found.live_burdens] == [(EncumbranceKind.EXCLUSIVE_LICENCE, "乙公司")]


def test_the_same_registration_from_two_sources_is_one_burden() -> None:
    ours = event(codes.BURDEN, kind="pledge", register_no="Y1", holder="银行一", at="1", by="PL-1")
    found = state(GRANTED, ours, event("PE01", 40, effective_on=DAY, register_no="Y1", pledgee="银行一"))
    assert len(found.burdens) == 1


def test_what_was_ended_can_begin_again() -> None:
    ours: dict[str, Any] = {"kind": "dispute", "register_no": "D1"}
    found = state(
        GRANTED,
        event(codes.BURDEN, at="1", **ours),
        event(codes.RELEASE, at="2", **ours),
        event(codes.BURDEN, at="3", **ours),
    )
    assert [b.ended_on is None for b in found.burdens] == [False, True]


def test_a_holder_cannot_revive_what_the_register_ended() -> None:
    stated = event(codes.STATUS, 10, status="granted", source="holder:PT-1")
    found = state(GRANTED, event("CF01"), stated)
    assert found.status is RightStatus.LAPSED
    assert found.warnings[stated.fingerprint] == [register.REGISTER_STANDS]
    by_register = event(codes.STATUS, 10, status="granted", source="register")
    assert state(GRANTED, event("CF01"), by_register).status is RightStatus.GRANTED


def test_two_statements_of_one_day_count_in_the_order_of_entry() -> None:
    first = event(codes.STATUS, status="granted", at="2020-05-04T01:00", source="register")
    second = event(codes.STATUS, status="lapsed", at="2020-05-04T02:00", source="register")
    assert state(second, first).status is RightStatus.LAPSED


# -- every code ------------------------------------------------------------------------------------


def test_every_code_of_the_list_is_taken(real_data: Path) -> None:
    with (real_data / "legal_status" / "cn_inpadoc_codes_110.csv").open(encoding="utf-8") as file:
        listed = {row["event_code"].strip() for row in csv.DictReader(file)}
    assert len(listed) == 110
    for code in sorted(listed):
        one = event(code)
        found = state(GRANTED, one)
        assert one.fingerprint in found.applied, code
        if code not in register.EFFECTS:
            assert found.warnings[one.fingerprint] == [register.NO_EFFECT]
            assert found.status is RightStatus.GRANTED


def test_every_gazette_code_has_an_effect_or_is_history(real_data: Path) -> None:
    with (real_data / "legal_status" / "cn_gazette_transaction_codes_22.csv").open(encoding="utf-8") as file:
        listed = {row["code"] for row in csv.DictReader(file)}
    assert listed - set(register.EFFECTS) == {"CB03", "CD02", "DD01"}
    assert listed <= codes.KNOWN


def test_an_unknown_code_is_kept_and_named_unknown() -> None:
    strange = event("ZZ99")
    found = state(GRANTED, strange)
    assert found.warnings[strange.fingerprint] == [register.UNKNOWN_CODE]


# -- any order -------------------------------------------------------------------------------------


def real_history(real_data: Path) -> list[Announcement]:
    record = json.loads(
        (real_data / "legal_status" / "cnipr_patent_detail_real.json").read_text(encoding="utf-8")
    )
    found = []
    for one in record["legalList"]:
        read = legal.announcement(
            one["prsCode"],
            one["codeExpl"],
            announced_on=read_date(one["prsDate"]),
            given_code=one["strLegalCode"],
        )
        announced = history.announcement_from(read)
        assert announced is not None
        found.append(announced)
    return found


@pytest.mark.parametrize("owners", [(), ("first",), ("first", "second")])
def test_a_thousand_orders_of_the_real_history_arrive_at_one_state(
    real_data: Path, owners: tuple[str, ...]
) -> None:
    events = real_history(real_data)
    before = next(one.before for one in events if one.code == "TR01")
    dice = random.Random(20261124)
    base = before[: len(owners)]
    states = set()
    for _ in range(1000):
        dice.shuffle(events)
        found = state(*events, owners=base)
        states.add(
            repr((found.status, found.as_of, found.owners, found.burdens, found.granted_on, found.ends))
        )
    assert len(states) == 1
    final = state(*events, owners=base)
    renamed = next(one.after[0] for one in events if one.code == "CP03")
    assert names(final) == [renamed]
    assert final.status is RightStatus.GRANTED


CODES = [code for code in register.EFFECTS if code not in codes.OURS]
PEOPLE = ["甲公司", "乙公司", "丙大学", "丁个人"]


@st.composite
def announcements(draw: st.DrawFn) -> Announcement:
    fields = {
        "register_no": draw(st.sampled_from(["", "Y1", "Y2", "Y3"])),
        "licence_kind": draw(st.sampled_from(["", "独占许可", "普通许可"])),
        "new": draw(st.sampled_from(["", "银行二"])),
    }
    return Announcement(
        draw(st.sampled_from(CODES)),
        DAY + timedelta(days=draw(st.integers(0, 40))),
        draw(st.one_of(st.none(), st.dates(DAY - timedelta(days=20), DAY + timedelta(days=40)))),
        tuple(draw(st.lists(st.sampled_from(PEOPLE), max_size=2, unique=True))),
        tuple(draw(st.lists(st.sampled_from(PEOPLE), max_size=2, unique=True))),
        {name: value for name, value in fields.items() if value},
    )


@settings(max_examples=200, deadline=None)
@given(
    st.lists(announcements(), max_size=12, unique_by=lambda one: one.fingerprint),
    st.randoms(use_true_random=False),
)
def test_the_order_of_arrival_never_matters(events: list[Announcement], dice: random.Random) -> None:
    first = state(*events, owners=("甲公司", "乙公司"))
    shuffled = list(events)
    dice.shuffle(shuffled)
    assert state(*shuffled, owners=("甲公司", "乙公司")) == first


@settings(max_examples=200, deadline=None)
@given(st.lists(announcements(), max_size=12, unique_by=lambda one: one.fingerprint))
def test_a_right_keeps_one_set_of_owners_and_no_owner_twice(events: list[Announcement]) -> None:
    found = names(state(*events, owners=("甲公司",)))
    assert found
    assert len(found) == len(set(found))


ENDS = {"PC01": {"pledge"}, "PD01": {"preservation"}, "EC01": {"licence", "exclusive_licence"}}


@settings(max_examples=200, deadline=None)
@given(
    st.lists(announcements(), max_size=12, unique_by=lambda one: one.fingerprint),
    st.sampled_from(sorted(ENDS)),
)
def test_clearing_one_burden_never_clears_another_kind(events: list[Announcement], code: str) -> None:
    last = Announcement(code, DAY + timedelta(days=100))
    before = state(*events)
    after = state(*events, last)
    kept = [b for b in before.live_burdens if b.kind.value not in ENDS[code]]
    assert [b for b in after.live_burdens if b.kind.value not in ENDS[code]] == kept
    assert len(before.live_burdens) - len(after.live_burdens) in {0, 1}
