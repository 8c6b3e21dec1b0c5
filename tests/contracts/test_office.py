"""The port to the office: one suite for every way behind it, and what the flow makes of what it says."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from contracts import filings, notices, office
from contracts.models import FilingStatus, Flow, NoticeStatus
from contracts.office import ByHand, Office
from exchange.core.db import session
from exchange.core.events import Event
from tests.contracts import scene
from tests.contracts.fake_office import FakeOffice
from tests.contracts.scene import House

PACKAGE = {"filing": "FI-1", "attempt": 1, "app_no": "202110000017.7"}


# -- what every office promises -------------------------------------------------------------------


@pytest.fixture(params=[ByHand, FakeOffice])
def way(request: pytest.FixtureRequest) -> Office:
    made: Office = request.param()
    return made


def test_a_request_is_one_request(way: Office) -> None:
    first = way.file(PACKAGE)
    assert way.file(dict(PACKAGE)) == first
    again: dict[str, Any] = {**PACKAGE, "attempt": 2}
    if first is not None:
        assert way.file(again) not in {None, first}


def test_news_stays_news(way: Office) -> None:
    way.file(PACKAGE)
    if isinstance(way, FakeOffice):
        way.send("FI-1", office.QUALIFIED)
        way.send("FI-2", office.QUALIFIED)
    first = way.news(["FI-1"])
    assert way.news(["FI-1"]) == first
    assert {said.filing for said in first} <= {"FI-1"}
    assert way.news([]) == []


def test_it_has_a_name(way: Office) -> None:
    assert way.name


# -- the flow and its office ----------------------------------------------------------------------


@pytest.fixture
def people(db_app: Flask) -> House:
    return scene.house()


@pytest.fixture
def connected(db_app: Flask) -> Iterator[FakeOffice]:
    fake = FakeOffice()
    office.use(fake)
    yield fake
    office.use(ByHand())


def hand_over(flow: Flow) -> None:
    for event in session.scalars(
        select(Event).where(Event.type == "filing.submitted", Event.about_ref == flow.ref)
    ):
        filings.hand_over(event)


def test_a_submitted_package_is_handed_over_once(people: House, connected: FakeOffice) -> None:
    flow = scene.filed(people, scene.agreed(people))
    hand_over(flow)
    hand_over(flow)
    package = scene.fresh(flow).filings[0].package
    assert list(connected.requests.values()) == [package["receipt"]]


def test_what_the_office_sends_is_entered_and_waits_for_a_reviewer(
    people: House, connected: FakeOffice
) -> None:
    flow = scene.filed(people, scene.agreed(people))
    connected.send(flow.filings[0].ref, office.QUALIFIED)
    assert [filings.collect() for _ in range(2)] == [1, 0]
    filing = scene.fresh(flow).filings[0]
    assert (filing.status, filing.notices[0].status) == (FilingStatus.FEE_PAID, NoticeStatus.ENTERED)
    assert filing.notices[0].document is not None
    notices.verify_notice(people.reviewer, filing.notices[0].ref)
    assert scene.fresh(flow).filings[0].status is FilingStatus.RECORDED


def test_an_office_out_of_reach_changes_nothing(people: House, connected: FakeOffice) -> None:
    flow = scene.filed(people, scene.agreed(people))
    connected.down = True
    with pytest.raises(OSError, match="out of reach"):
        hand_over(flow)
    with pytest.raises(OSError, match="out of reach"):
        filings.collect()
    connected.down = False
    hand_over(flow)
    assert scene.fresh(flow).filings[0].package["receipt"]


def test_by_hand_nothing_moves_by_itself(people: House) -> None:
    flow = scene.filed(people, scene.agreed(people))
    hand_over(flow)
    assert filings.collect() == 0
    assert "receipt" not in scene.fresh(flow).filings[0].package
