"""Completing, claiming, verifying, transferring, burdening, merging: what works, what is refused, repeats."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from exchange.core import clock
from exchange.core.db import session, transaction
from exchange.core.errors import Conflict, NotAllowed, NotFound, RuleBroken, Stale
from exchange.core.events import Event
from exchange.parties.models import Party, PartyKind, Role
from exchange.parties.policy import SYSTEM, Actor
from exchange.rights import actions, history
from exchange.rights.actions import NewOwner
from exchange.rights.models import EncumbranceKind, Holding, LegalEvent, Right, RightStatus
from exchange.rights.register import Announcement
from tests.parties.given import given_actor, given_operator, given_party
from tests.rights.given import given_right, import_rows, number, right_of, row

TODAY = date(2026, 6, 15)


def imported(folder: Path, *owners: str) -> Right:
    said = row(applicants=list(owners) or ["甲公司"])
    import_rows(folder, said)
    return right_of(said["pub_no"])


def holder_of(right: Right, name: str = "甲公司") -> tuple[Party, Actor]:
    party = given_party(name=name)
    agent = given_actor(party, Role.AGENT)
    actions.claim_holding(agent, right.ref)
    return party, agent


def fresh(right: Right) -> Right:
    session.expire_all()
    return session.scalars(select(Right).where(Right.id == right.id)).one()


# -- finding ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["{0}", "ZL{0}", "CN{0}", "zl {1} {2} {3}.{4}"])
def test_a_right_is_found_in_any_written_form(db_app: Flask, tmp_path: Path, form: str) -> None:
    app = number()
    right = given_right(tmp_path, app_no=app)
    assert actions.find(form.format(app, app[:4], app[4], app[5:12], app[12])).ref == right.ref
    assert actions.find(right.publications[0].number + "B").ref == right.ref


def test_what_is_not_here_is_not_found(db_app: Flask) -> None:
    with pytest.raises(NotFound):
        actions.find("201710601862.3")
    with pytest.raises(RuleBroken):
        actions.find("201710601862.4")


# -- completing ------------------------------------------------------------------------------------


def test_a_holder_completes_its_right(db_app: Flask, tmp_path: Path) -> None:
    right = imported(tmp_path)
    _, agent = holder_of(right)
    app = number()
    done = actions.complete(
        agent,
        right.ref,
        app_no=f"ZL {app[:12]}.{app[12]}",
        filed_on=date(2020, 3, 2),
        status=RightStatus.GRANTED,
        status_as_of=TODAY,
        status_source="登记簿副本 1",
        fees_paid_through=7,
        version=right.version,
    )
    assert (done.key, done.app_no, done.status, done.fees_paid_through) == (
        f"CN{app}",
        app,
        RightStatus.GRANTED,
        7,
    )
    assert done.facts["filed_on"] == {"source": f"holder:{agent.party_ref}", "as_of": "2026-06-15"}
    assert done.status_source == f"holder:{agent.party_ref}"
    told = session.scalars(
        select(Event).where(Event.type == "right.changed").order_by(Event.id.desc())
    ).first()
    assert told is not None
    assert set(told.payload["what"]) == {"app_no", "filed_on", "fees_paid_through", "status"}


def test_completing_twice_changes_nothing(db_app: Flask, tmp_path: Path) -> None:
    right = given_right(tmp_path)
    version, history_ = right.version, len(history.kept(right))
    again = actions.complete(
        SYSTEM, right.ref, app_no=right.app_no, status=RightStatus.GRANTED, status_as_of=date(2022, 5, 3)
    )
    assert (again.version, len(history.kept(again))) == (version, history_)


def test_the_number_of_another_right_is_refused_with_its_name(db_app: Flask, tmp_path: Path) -> None:
    other = given_right(tmp_path)
    right = imported(tmp_path)
    with pytest.raises(Conflict) as refused:
        actions.complete(SYSTEM, right.ref, app_no=other.app_no)
    assert (refused.value.code, refused.value.params["other"]) == ("right.number_taken", other.ref)


@pytest.mark.parametrize(
    ("app_no", "code"),
    [
        ("201710601862.4", "number.check_digit"),
        ("201720601862.9", "right.kind_differs"),
        ("CN111166530B", "right.not_an_application"),
        ("rubbish", "number.form"),
    ],
)
def test_a_wrong_number_is_refused(db_app: Flask, tmp_path: Path, app_no: str, code: str) -> None:
    right = imported(tmp_path)
    with pytest.raises(RuleBroken) as refused:
        actions.complete(SYSTEM, right.ref, app_no=app_no)
    assert (refused.value.code, refused.value.field) == (code, "app_no")


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"filed_on": date(2026, 6, 16)}, "date.future"),
        ({"granted_on": date(2019, 1, 1), "filed_on": date(2020, 1, 1)}, "date.order"),
        ({"fees_paid_through": 21}, "fees.year"),
        ({"status": RightStatus.UNKNOWN}, "status.unknown"),
        ({"status": RightStatus.GRANTED, "status_as_of": date(2026, 6, 16)}, "date.future"),
    ],
)
def test_what_cannot_be_is_refused(
    db_app: Flask, tmp_path: Path, facts: dict[str, object], code: str
) -> None:
    right = imported(tmp_path)
    with pytest.raises(RuleBroken) as refused:
        actions.complete(SYSTEM, right.ref, **facts)  # type: ignore[arg-type]
    assert refused.value.code == code


def test_an_older_version_is_refused(db_app: Flask, tmp_path: Path) -> None:
    right = imported(tmp_path)
    with pytest.raises(Stale):
        actions.complete(SYSTEM, right.ref, filed_on=date(2020, 1, 2), version=right.version + 1)


def test_nobody_completes_what_they_do_not_hold(db_app: Flask, tmp_path: Path) -> None:
    right = imported(tmp_path)
    _, agent = holder_of(imported(tmp_path))
    with pytest.raises(NotAllowed):
        actions.complete(agent, right.ref, filed_on=date(2020, 1, 2))


def test_a_holder_cannot_overwrite_the_register(db_app: Flask, tmp_path: Path) -> None:
    right = given_right(tmp_path)
    _, agent = holder_of(right)
    with pytest.raises(RuleBroken) as refused:
        actions.complete(agent, right.ref, filed_on=date(2020, 3, 3))
    assert refused.value.code == "right.better_source"
    actions.complete(SYSTEM, right.ref, status=RightStatus.LAPSED)
    with pytest.raises(RuleBroken) as refused:
        actions.complete(agent, right.ref, status=RightStatus.GRANTED)
    assert refused.value.code == "right.register_says"
    assert actions.complete(SYSTEM, right.ref, status=RightStatus.GRANTED).status is RightStatus.GRANTED


# -- holdings --------------------------------------------------------------------------------------


def test_a_claim_verifies_itself_for_an_owner_of_record_only(db_app: Flask, tmp_path: Path) -> None:
    right = imported(tmp_path)
    owner, stranger = given_party(name="甲公司"), given_party()
    mine = actions.claim_holding(given_actor(owner, Role.AGENT), right.ref)
    assert (mine.verified, mine.basis) == (True, "owner_of_record")
    theirs = actions.claim_holding(given_actor(stranger, Role.AGENT), right.ref)
    assert theirs.verified is False
    assert actions.claim_holding(given_actor(stranger, Role.AGENT), right.ref).id == theirs.id


def test_a_name_in_other_brackets_is_the_same_owner(db_app: Flask, tmp_path: Path) -> None:
    right = imported(tmp_path, "甲(福建)公司")
    party = given_party(name="甲（福建）公司")
    assert actions.claim_holding(given_actor(party, Role.AGENT), right.ref).verified


def test_the_operator_verifies_by_document(db_app: Flask, tmp_path: Path) -> None:
    right = imported(tmp_path)
    party = given_party()
    operator = given_operator()
    with pytest.raises(NotFound):
        actions.verify_holding(operator, right.ref, party.ref, basis="证书")
    actions.claim_holding(given_actor(party, Role.AGENT), right.ref)
    with pytest.raises(RuleBroken):
        actions.verify_holding(operator, right.ref, party.ref, basis=" ")
    with pytest.raises(NotAllowed):
        actions.verify_holding(given_actor(party, Role.OWNER_ADMIN), right.ref, party.ref, basis="证书")
    assert actions.verify_holding(operator, right.ref, party.ref, basis="证书 12").verified
    assert actions.verify_holding(operator, right.ref, party.ref, basis="别的").basis == "证书 12"


def test_an_unverified_party_is_verified_first(db_app: Flask, tmp_path: Path) -> None:
    right = imported(tmp_path)
    party = given_party(verified=False)
    actions.claim_holding(given_actor(party, Role.AGENT), right.ref)
    with pytest.raises(Conflict):
        actions.verify_holding(given_operator(), right.ref, party.ref, basis="证书")


def test_a_holding_given_up_can_be_claimed_again(db_app: Flask, tmp_path: Path) -> None:
    right = imported(tmp_path)
    party, agent = holder_of(right)
    actions.give_up_holding(agent, right.ref)
    actions.give_up_holding(agent, right.ref)
    assert actions.holding_of(party, right) is None
    assert party.id not in fresh(right).parties_for("holder")
    assert actions.claim_holding(agent, right.ref).verified


# -- owners ----------------------------------------------------------------------------------------


def test_a_recorded_transfer_moves_owner_holdings_and_reduction(db_app: Flask, tmp_path: Path) -> None:
    right = given_right(tmp_path, fee_reduction=True)
    seller, _ = holder_of(right)
    buyer = given_party(name="乙公司")
    on = date(2026, 6, 10)
    for _ in range(2):
        right = actions.change_owner(SYSTEM, right, [NewOwner("乙公司", party=buyer)], on, "FI-1")
    right = fresh(right)
    assert [(o.name, o.party_id, o.since) for o in right.owners] == [("乙公司", buyer.id, on)]
    held = {h.party_id: (h.verified, h.ended_at is not None) for h in right.holdings}
    assert held == {seller.id: (False, True), buyer.id: (True, False)}
    assert right.fee_reduction is False
    assert right.app_no is not None
    events = [one.payload for one in session.scalars(select(Event).where(Event.type == "right.changed"))]
    assert [one for one in events if one["what"] == ["owners"]] == [
        {"what": ["owners"], "was": ["甲公司"], "now": ["乙公司"], "on": "2026-06-10", "source": "FI-1"}
    ]


def test_the_gazette_of_a_transfer_known_here_changes_nothing(db_app: Flask, tmp_path: Path) -> None:
    right = given_right(tmp_path)
    buyer = given_party(name="乙公司")
    on = date(2026, 5, 11)
    actions.change_owner(SYSTEM, right, [NewOwner("乙公司", 10_000, buyer)], on, "FI-1")
    gazetted = Announcement("TR01", date(2026, 6, 12), on, ("甲公司",), ("乙公司",))
    with transaction():
        history.announce(SYSTEM, fresh(right), [gazetted])
    right = fresh(right)
    assert [(o.name, o.party_id, o.since) for o in right.owners] == [("乙公司", buyer.id, on)]


def test_a_second_sale_is_not_undone_by_the_gazette_of_the_first(db_app: Flask, tmp_path: Path) -> None:
    right = given_right(tmp_path)
    actions.change_owner(SYSTEM, right, [NewOwner("乙公司")], date(2026, 5, 11), "FI-1")
    actions.change_owner(SYSTEM, right, [NewOwner("丙公司")], date(2026, 6, 2), "FI-2")
    gazetted = Announcement("TR01", date(2026, 6, 12), date(2026, 5, 11), ("甲公司",), ("乙公司",))
    with transaction():
        history.announce(SYSTEM, fresh(right), [gazetted])
    assert [o.name for o in fresh(right).owners] == ["丙公司"]


def test_shares_add_up(db_app: Flask, tmp_path: Path) -> None:
    right = given_right(tmp_path)
    with pytest.raises(RuleBroken):
        actions.change_owner(SYSTEM, right, [NewOwner("乙公司", 5_000)], TODAY, "FI-1")
    with pytest.raises(RuleBroken):
        actions.change_owner(SYSTEM, right, [], TODAY, "FI-1")
    done = actions.change_owner(
        SYSTEM, right, [NewOwner("乙公司", 7_000), NewOwner("丙大学", 3_000)], TODAY, "FI-1"
    )
    assert [(o.name, o.share_bp) for o in fresh(done).owners] == [("乙公司", 7_000), ("丙大学", 3_000)]


# -- burdens ---------------------------------------------------------------------------------------


def test_a_burden_is_set_once_and_released_alone(db_app: Flask, tmp_path: Path) -> None:
    right = given_right(tmp_path)
    first = actions.encumber(
        SYSTEM, right, EncumbranceKind.PLEDGE, by="PL-1", holder="榕江银行", register_no="Y1"
    )
    assert actions.encumber(SYSTEM, right, EncumbranceKind.PLEDGE, by="PL-1", register_no="Y1").id == first.id
    court = actions.encumber(SYSTEM, right, EncumbranceKind.PRESERVATION, by="CT-1", since=date(2026, 6, 1))
    assert court.ends_on == date(2026, 12, 1)
    actions.release(SYSTEM, right, EncumbranceKind.PLEDGE, by="PL-1")
    actions.release(SYSTEM, right, EncumbranceKind.PLEDGE, by="PL-1")
    assert [b.kind for b in fresh(right).encumbrances] == [EncumbranceKind.PRESERVATION]
    again = actions.encumber(SYSTEM, right, EncumbranceKind.PLEDGE, by="PL-1", register_no="Y1")
    assert again.ended_on is None
    assert fresh(right).status is RightStatus.GRANTED


# -- merging and time ------------------------------------------------------------------------------


def test_two_records_of_one_right_become_one(db_app: Flask, tmp_path: Path) -> None:
    keep, other = imported(tmp_path), given_right(tmp_path, owners=["乙公司"])
    app, pub = other.app_no, other.publications[0].number
    party, _ = holder_of(other, "乙公司")
    operator = given_operator()
    for _ in range(2):
        done = actions.merge(operator, keep.ref, other.ref)
    done = fresh(done)
    assert (done.app_no, done.key, done.status) == (app, f"CN{app}", RightStatus.GRANTED)
    assert {p.number for p in done.publications} >= {pub}
    assert actions.find(app or "").ref == keep.ref
    assert actions.get_for(SYSTEM, other.ref).ref == keep.ref
    assert [h.right_id for h in session.scalars(select(Holding).where(Holding.party_id == party.id))] == [
        keep.id
    ]
    assert session.scalars(select(Event.type).where(Event.type == "right.merged")).all() == ["right.merged"]


def test_merging_is_refused_where_they_are_two(db_app: Flask, tmp_path: Path) -> None:
    one, two = given_right(tmp_path), given_right(tmp_path)
    operator = given_operator()
    with pytest.raises(Conflict) as refused:
        actions.merge(operator, one.ref, two.ref)
    assert refused.value.code == "right.numbers_differ"
    with pytest.raises(RuleBroken):
        actions.merge(operator, one.ref, one.ref)
    with pytest.raises(NotAllowed):
        actions.merge(given_actor(given_party(PartyKind.UNIVERSITY), Role.OWNER_ADMIN), one.ref, two.ref)


def test_a_term_that_is_over_is_written_down(db_app: Flask, tmp_path: Path) -> None:
    right = given_right(
        tmp_path, filed_on=date(2006, 6, 15), granted_on=date(2009, 1, 7), app_no=number(2006)
    )
    assert actions.expire_terms() == 0
    clock.advance(timedelta(days=1))
    assert actions.expire_terms() == 1
    assert actions.expire_terms() == 0
    right = fresh(right)
    assert (right.status, right.ended_on) == (RightStatus.EXPIRED, date(2026, 6, 15))
    assert "CX01" in session.scalars(select(LegalEvent.code)).all()
