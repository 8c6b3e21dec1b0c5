"""Announcements in the database: any order of arrival, owners and holdings, events told, nothing twice."""

from __future__ import annotations

import json
import random
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from exchange.core.db import session
from exchange.core.errors import NotAllowed, RuleBroken
from exchange.core.events import Event
from exchange.parties.models import PartyKind, Role
from exchange.parties.policy import SYSTEM
from exchange.rights import actions, gazette, history, imports, register
from exchange.rights.models import EncumbranceKind, LegalEvent, Right, RightStatus
from tests.parties.given import given_actor, given_party
from tests.rights.given import given_right, import_rows, right_of, row

GRANT = date(2022, 5, 3)


def write(folder: Path, *lines: dict[str, Any]) -> Path:
    path = folder / f"events{len(list(folder.iterdir()))}.jsonl"
    path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in lines), encoding="utf-8")
    return path


def fresh(right: Right) -> Right:
    session.expire_all()
    return session.scalars(select(Right).where(Right.id == right.id)).one()


def apply(folder: Path, right: Right, *lines: dict[str, Any]) -> gazette.EventsReport:
    return gazette.import_events(SYSTEM, write(folder, *({"number": right.app_no, **one} for one in lines)))


def told(type_: str) -> list[dict[str, Any]]:
    query = select(Event).where(Event.type == type_).order_by(Event.id)
    return [one.payload for one in session.scalars(query)]


def test_counts_of_a_file(db_app: Flask, tmp_path: Path) -> None:
    right = given_right(tmp_path)
    path = write(
        tmp_path,
        {
            "number": right.app_no,
            "code": "PE01",
            "date": "2023-02-03",
            "register_no": "Y1",
            "pledgee": "榕江银行",
        },
        {"number": right.app_no, "code": "DD01", "date": "2023-02-04", "text": "文件的公告送达"},
        {"number": "201710601862.3", "code": "CF01", "date": "2023-02-05"},
        {"number": "201710601862.4", "code": "CF01", "date": "2023-02-05"},
        {"number": right.app_no, "code": "CF01"},
    )
    first = gazette.import_events(SYSTEM, path)
    assert (first.read, first.applied, first.recorded, first.unknown_right, first.rejected) == (5, 1, 1, 1, 2)
    second = gazette.import_events(SYSTEM, path)
    assert (second.read, second.applied, second.known, second.unknown_right, second.rejected) == (
        5,
        0,
        2,
        1,
        2,
    )
    assert [b.kind for b in fresh(right).encumbrances] == [EncumbranceKind.PLEDGE]
    json.dumps(first.as_json())


def test_a_status_that_turns_bad_is_told(db_app: Flask, tmp_path: Path) -> None:
    right = given_right(tmp_path)
    before = right.version
    apply(tmp_path, right, {"code": "CF01", "date": "2026-03-02", "effective_on": "2025-03-02"})
    right = fresh(right)
    assert (right.status, right.ended_on) == (RightStatus.LAPSED, date(2025, 3, 2))
    assert right.version > before
    assert told("right.status_changed")[-1] == {"status": "lapsed", "was": "granted"}


def test_a_partial_invalidation_is_told_and_kills_nothing(db_app: Flask, tmp_path: Path) -> None:
    right = given_right(tmp_path)
    apply(tmp_path, right, {"code": "IP01", "date": "2026-03-02", "text": "专利权部分无效"})
    assert fresh(right).status is RightStatus.GRANTED
    assert told("right.status_changed")[-1]["partly_invalid"] is True


def test_burdens_come_go_and_are_told(db_app: Flask, tmp_path: Path) -> None:
    right = given_right(tmp_path)
    apply(tmp_path, right, {"code": "PE01", "date": "2024-02-03", "register_no": "Y1", "pledgee": "榕江银行"})
    apply(tmp_path, right, {"code": "PP01", "date": "2026-03-03", "text": "专利权的保全"})
    assert {b.kind.value for b in fresh(right).encumbrances} == {"pledge", "preservation"}
    assert [payload["kinds"] for payload in told("right.encumbered")] == [["pledge"], ["preservation"]]
    apply(tmp_path, right, {"code": "PC01", "date": "2026-04-04", "register_no": "Y1"})
    assert [b.kind.value for b in fresh(right).encumbrances] == ["preservation"]
    assert told("right.released") == [{"kinds": ["pledge"]}]


def test_a_late_announcement_changes_history_and_says_so(db_app: Flask, tmp_path: Path) -> None:
    right = given_right(tmp_path, owners=["甲公司"])
    apply(tmp_path, right, {"code": "CP01", "date": "2025-05-06", "before": "乙公司", "after": "乙股份公司"})
    assert [o.name for o in fresh(right).owners] == ["甲公司"]
    late = apply(
        tmp_path,
        right,
        {
            "code": "TR01",
            "date": "2024-03-04",
            "effective_on": "2024-02-01",
            "before": "甲公司",
            "after": "乙公司",
        },
    )
    assert [o.name for o in fresh(right).owners] == ["乙股份公司"]
    assert register.LATE in {problem["message"] for problem in late.problems}
    kept = session.scalars(select(LegalEvent).where(LegalEvent.code == "TR01")).one()
    assert register.LATE in kept.warnings


def test_a_name_change_keeps_party_and_holding(db_app: Flask, tmp_path: Path) -> None:
    party = given_party(name="甲公司")
    right = given_right(tmp_path)
    actions.claim_holding(given_actor(party, Role.AGENT), right.ref)
    apply(tmp_path, right, {"code": "CP01", "date": "2025-05-06", "before": "甲公司", "after": "甲股份公司"})
    right = fresh(right)
    assert [(o.name, o.party_id, o.since) for o in right.owners] == [("甲股份公司", party.id, None)]
    assert [(h.verified, h.ended_at) for h in right.holdings] == [(True, None)]


def test_a_gazetted_transfer_moves_holdings(db_app: Flask, tmp_path: Path) -> None:
    seller, buyer, agent = (
        given_party(name="甲公司"),
        given_party(name="乙公司"),
        given_party(name="代办公司"),
    )
    right = given_right(tmp_path)
    actions.claim_holding(given_actor(seller, Role.AGENT), right.ref)
    actions.claim_holding(given_actor(agent, Role.AGENT), right.ref)
    operator = given_actor(given_party(PartyKind.OPERATOR), Role.OPERATOR)
    actions.verify_holding(operator, right.ref, agent.ref, basis="授权书 1")
    apply(tmp_path, right, {"code": "TR01", "date": "2025-05-06", "before": "甲公司", "after": "乙公司"})
    held = {h.party_id: (h.verified, h.ended_at is None) for h in fresh(right).holdings}
    assert held == {seller.id: (False, False), buyer.id: (True, True), agent.id: (False, True)}


def state_of(right: Right) -> str:
    right = fresh(right)
    owners = [(o.name, o.since, o.until, o.position) for o in history._owner_rows(right) if o.until is None]
    former = sorted((o.name, str(o.until)) for o in history._owner_rows(right) if o.until is not None)
    burdens = sorted((b.kind.value, b.register_no, str(b.since)) for b in right.encumbrances)
    return repr(
        (right.status, right.status_detail, right.status_as_of, right.ended_on, owners, former, burdens)
    )


EVENTS: list[dict[str, Any]] = [
    {
        "code": "TR01",
        "date": "2023-03-04",
        "effective_on": "2023-02-01",
        "before": "甲公司",
        "after": "乙公司;丙大学",
    },
    {"code": "CP01", "date": "2023-06-06", "before": "乙公司", "after": "乙股份公司"},
    {"code": "PE01", "date": "2023-07-03", "register_no": "Y1", "pledgee": "榕江银行"},
    {"code": "PP01", "date": "2023-08-03"},
    {"code": "PC01", "date": "2024-01-05", "register_no": "Y1"},
    {"code": "PE01", "date": "2024-02-05", "register_no": "Y2", "pledgee": "闽海银行"},
    {"code": "CF01", "date": "2024-09-03", "effective_on": "2024-03-02"},
    {"code": "RR01", "date": "2024-12-03"},
    {"code": "TR01", "date": "2025-03-04", "before": "丙大学", "after": "丁公司"},
]


@pytest.mark.parametrize("seed", range(6))
def test_any_order_of_arrival_arrives_at_one_state(db_app: Flask, tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    said = row(applicants=["甲公司"], pub_date="2022-05-03")
    import_rows(tmp_path, said)
    right = right_of(said["pub_no"])
    lines = [{**one, "number": said["pub_no"]} for one in EVENTS]
    dice.shuffle(lines)
    cut = dice.randint(0, len(lines))
    for some in (lines[:cut], lines[cut:]) if cut else (lines,):
        if some:
            gazette.import_events(SYSTEM, write(tmp_path, *some))
    assert state_of(right) == repr(
        (
            RightStatus.GRANTED,
            "Restored",
            date(2024, 12, 3),
            None,
            [("丁公司", date(2025, 3, 4), None, 0), ("乙股份公司", date(2023, 2, 1), None, 1)],
            [("丙大学", "2025-03-04"), ("甲公司", "2023-02-01")],
            [("pledge", "Y2", "2024-02-05"), ("preservation", "", "2023-08-03")],
        )
    )


def test_the_real_record_arrives_at_its_owner_in_any_order(
    db_app: Flask, real_data: Path, tmp_path: Path
) -> None:
    path = real_data / "legal_status" / "cnipr_patent_detail_real.json"
    imports.import_file(SYSTEM, path)
    right = session.scalars(select(Right)).one()
    record = json.loads(path.read_text(encoding="utf-8"))
    assert [o.name for o in right.owners] == record["patentee"]
    assert right.status is RightStatus.GRANTED
    assert right.filed_on == date(2012, 11, 16)
    again = gazette.import_events(SYSTEM, path)
    assert (again.read, again.known, again.applied) == (5, 5, 0)


def test_texts_without_a_number_need_one(db_app: Flask, real_data: Path, tmp_path: Path) -> None:
    path = real_data / "legal_status" / "legal_status_text_samples.txt"
    right = given_right(tmp_path)
    without = gazette.import_events(SYSTEM, path)
    assert (without.read, without.rejected) == (3, 3)
    named = gazette.import_events(SYSTEM, path, number=right.app_no)
    assert (named.read, named.applied + named.recorded) == (3, 3)
    with pytest.raises(RuleBroken):
        gazette.import_events(SYSTEM, path, number="12")


def test_one_announcement_by_hand(db_app: Flask, tmp_path: Path) -> None:
    right = given_right(tmp_path)
    operator = given_actor(given_party(PartyKind.OPERATOR), Role.OPERATOR)
    gazette.record_event(
        operator,
        right.ref,
        announced_on=date(2026, 1, 6),
        text="专利权质押合同登记的生效;登记号:Y9;质权人:榕江银行",
    )
    assert [(b.register_no, b.holder) for b in fresh(right).encumbrances] == [("Y9", "榕江银行")]
    with pytest.raises(RuleBroken) as refused:
        gazette.record_event(operator, right.ref, announced_on=date(2026, 1, 6), text="什么也没有")
    assert refused.value.code == "event.no_code"
    with pytest.raises(RuleBroken):
        gazette.record_event(operator, right.ref, announced_on=date(2027, 1, 6), code="CF01")
    with pytest.raises(NotAllowed):
        gazette.record_event(
            given_actor(given_party(), Role.AGENT), right.ref, announced_on=GRANT, code="CF01"
        )


def test_the_timeline_tells_everything_once(db_app: Flask, tmp_path: Path) -> None:
    right = given_right(tmp_path)
    apply(tmp_path, right, {"code": "PE01", "date": "2024-02-03", "register_no": "Y1", "pledgee": "榕江银行"})
    moments = history.timeline(fresh(right))
    assert [(m.code, m.day) for m in moments] == [
        ("PE01", date(2024, 2, 3)),
        ("STATUS", GRANT),
        ("PUBLICATION", GRANT),
        ("FILED", date(2020, 3, 2)),
    ]
    assert moments[0].fields["pledgee"] == "榕江银行"
