"""Filings guard by guard: what must be at hand, the month for the fee, the office's notices and who verifies them."""

from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from contracts import documents, export, filings, money_track, notices, office
from contracts.models import Filing, FilingStatus, Flow, NoticeStatus
from exchange.core import clock, due, files
from exchange.core.db import session, transaction
from exchange.core.errors import (
    Conflict,
    DomainError,
    IllegalMove,
    Invalid,
    NotAllowed,
    NotFound,
    RuleBroken,
)
from exchange.core.events import Event
from exchange.listings.models import LicenceKind, ListingKind
from exchange.parties.models import PartyKind, Role
from exchange.parties.policy import Actor
from exchange.rights import burdens
from exchange.rights.models import EncumbranceKind
from tests.contracts import scene
from tests.contracts.scene import House
from tests.listings import scene as market

pytestmark = pytest.mark.usefixtures("db_app")


@pytest.fixture
def people(db_app: Flask) -> House:
    return scene.house()


def refusal(actor: Actor, filing: Filing, **facts: Any) -> list[str]:
    """Why ``actor`` cannot file now; empty where it was filed."""
    try:
        filings.submit_filing(actor, filing.ref, **facts)
    except Invalid as error:
        return [problem.code for problem in error.problems]
    except DomainError as error:
        return [error.code]
    return []


# -- handing in -----------------------------------------------------------------------------------


def test_nothing_is_filed_before_signature_and_price(people: House) -> None:
    flow = scene.agreed(people)
    assert refusal(people.buyer, flow.filings[0]) == ["filing.not_signed", "filing.not_funded"]
    flow = scene.signed(people, flow)
    assert refusal(people.buyer, flow.filings[0]) == ["filing.not_funded"]
    money_track.receive_price(people.officer, flow.ref, amount_fen=scene.PRICE - 1, bank_reference="BANK-1")
    assert refusal(people.buyer, flow.filings[0]) == ["filing.not_funded"]
    money_track.receive_price(people.officer, flow.ref, amount_fen=1, bank_reference="BANK-2")
    assert refusal(people.buyer, flow.filings[0]) == []


def test_the_package_says_before_and_after(people: House) -> None:
    flow = scene.funded(people, scene.agreed(people))
    filing = filings.submit_filing(people.seller, flow.filings[0].ref)
    package = filing.package
    assert package["form"] == "100016"
    assert package["changes"][0] == {
        "item_zh": "专利权人",
        "before": flow.deal.seller.name,
        "after": flow.deal.buyer.name,
    }
    assert package["attachments"][0]["documents"] == [
        flow.contracts[0].document.ref if flow.contracts[0].document else ""
    ]
    assert package["fee"] == "200.00"
    kept = next(d for d in documents.of_flow(flow) if d.purpose == documents.PACKAGE)
    assert flow.deal.buyer.name in files.read(kept).decode()


def test_filing_twice_is_one_request(people: House) -> None:
    flow = scene.funded(people, scene.agreed(people))
    for actor in (people.buyer, people.seller):
        filings.submit_filing(actor, flow.filings[0].ref)
    filing = scene.fresh(flow).filings[0]
    assert (filing.attempts, filing.status) == (1, FilingStatus.FILED)


def test_a_stale_status_blocks_the_filing(people: House) -> None:
    flow = scene.funded(people, scene.agreed(people))
    clock.advance(timedelta(days=31))
    assert refusal(people.buyer, flow.filings[0]) == ["status.stale"]


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (EncumbranceKind.PRESERVATION, "burden.preservation"),
        (EncumbranceKind.DISPUTE, "burden.dispute"),
    ],
)
def test_a_block_stops_the_filing(people: House, kind: EncumbranceKind, code: str) -> None:
    flow = scene.funded(people, scene.agreed(people))
    burdens.encumber(people.operator, flow.filings[0].right, kind, by="X-1", since=clock.today())
    with transaction():
        filing = scene.fresh(flow).filings[0]
        filing.status = FilingStatus.DRAFT
    assert code in refusal(people.buyer, filing)


def test_a_new_pledge_asks_for_its_pledgee(people: House) -> None:
    flow = scene.funded(people, scene.agreed(people))
    burdens.encumber(
        people.operator, flow.filings[0].right, EncumbranceKind.PLEDGE, by="PL-1", holder="闽都惠民银行"
    )
    assert set(refusal(people.buyer, flow.filings[0])) == {"consent.open", "burden.pledge"}


def test_only_agents_of_the_two_sides_file(people: House) -> None:
    flow = scene.funded(people, scene.agreed(people))
    for actor in (people.buyer_signer, people.operator, people.reviewer):
        assert refusal(actor, flow.filings[0]) == ["not_allowed"]
    assert refusal(scene.member(market.party(), Role.AGENT), flow.filings[0]) == ["not_found"]


@pytest.mark.parametrize(("days", "code"), [(1, "filing.filed_on"), (-1, "filing.filed_on"), (0, None)])
def test_the_day_of_the_request_is_possible(people: House, days: int, code: str | None) -> None:
    flow = scene.funded(people, scene.agreed(people))
    day = clock.today() + timedelta(days=days)
    assert refusal(people.buyer, flow.filings[0], filed_on=day) == ([code] if code else [])


# -- abroad ---------------------------------------------------------------------------------------


def abroad(kind: str = "invention", **facts: Any) -> tuple[House, Flow]:
    people = scene.house(country="DE")
    assert people.seller.party is not None
    right = market.right(people.seller.party, inventors=[], kind=kind, **facts)
    return people, scene.agreed(people, right)


def cleared(people: House, flow: Flow) -> None:
    export.apply(
        people.seller, flow.ref, certificate_no="EX-2026-1", document=scene.proof(people.seller, flow)
    )
    export.clear(people.reviewer, flow.ref)


def test_an_invention_goes_abroad_with_its_certificate(db_app: Flask) -> None:
    """Invariants 40, 43: blocked without the certificate, blocked without an agency, then free."""
    people, flow = abroad()
    export.declare(people.seller, flow.ref, category="free")
    flow = scene.funded(people, flow)
    filing = flow.filings[0]
    assert refusal(people.seller, filing) == ["export.not_cleared", "filing.agency_missing"]
    cleared(people, flow)
    assert refusal(people.seller, filing) == ["filing.agency_missing"]
    assert refusal(people.seller, filing, agency="福州某专利代理所") == []
    codes = [row["code"] for row in scene.fresh(flow).filings[0].package["attachments"]]
    assert codes == [1, 10, 11]


def test_a_design_goes_abroad_without(db_app: Flask) -> None:
    people, flow = abroad("design")
    assert flow.clearance is None
    flow = scene.funded(people, flow)
    assert refusal(people.seller, flow.filings[0], agency="福州某专利代理所") == []


@pytest.mark.parametrize(
    ("said", "codes"),
    [
        ({}, ["export.category_missing"]),
        ({"category": "prohibited"}, ["export.prohibited"]),
        ({"category": "restricted"}, ["export.intent_missing"]),
        ({"category": "restricted", "intent_no": "意向-2026-1"}, []),
        ({"category": "free"}, []),
    ],
)
def test_the_export_class_decides_before_the_signature(
    db_app: Flask, said: dict[str, Any], codes: list[str]
) -> None:
    """Invariant 41."""
    people, flow = abroad()
    if said:
        document = scene.proof(people.seller, flow) if "intent_no" in said else None
        export.declare(people.seller, flow.ref, **said, document=document)
    assert [problem.code for problem in export.before_signing(scene.fresh(flow))] == codes


def test_a_funded_project_agrees_first(db_app: Flask) -> None:
    """Invariant 42."""
    people, flow = abroad(government_funded=True)
    export.declare(people.seller, flow.ref, category="free")
    assert [p.code for p in export.before_signing(scene.fresh(flow))] == ["export.approval_missing"]
    export.declare(
        people.seller,
        flow.ref,
        category="free",
        approval_no="科技厅-1",
        document=scene.proof(people.seller, flow),
    )
    assert export.before_signing(scene.fresh(flow)) == []


def test_export_papers_are_verified_by_another(db_app: Flask) -> None:
    people, flow = abroad()
    export.declare(people.seller, flow.ref, category="free")
    export.apply(people.seller, flow.ref, certificate_no="EX-1", document=scene.proof(people.seller, flow))
    with pytest.raises(NotAllowed):
        export.clear(people.seller, flow.ref)
    export.refuse(people.reviewer, flow.ref, reason="编号查无此证")
    assert scene.fresh(flow).clearance is not None
    cleared(people, flow)
    with pytest.raises(IllegalMove):
        export.clear(people.reviewer, flow.ref)


def test_the_export_track_is_the_sellers(db_app: Flask) -> None:
    people, flow = abroad()
    with pytest.raises(NotAllowed, match=r"flow\.other_side"):
        export.declare(people.buyer, flow.ref, category="free")
    with pytest.raises(RuleBroken, match=r"export\.category"):
        export.declare(people.seller, flow.ref, category="secret")
    home = scene.agreed(scene.house())
    with pytest.raises(NotFound):
        export.declare(people.seller, home.ref, category="free")


# -- the month for the fee ------------------------------------------------------------------------


def submitted(people: House) -> tuple[Flow, Filing]:
    flow = scene.funded(people, scene.agreed(people))
    filings.submit_filing(people.buyer, flow.filings[0].ref)
    flow = scene.fresh(flow)
    return flow, flow.filings[0]


def test_the_fee_is_due_in_a_month(people: House) -> None:
    _flow, filing = submitted(people)
    assert filing.filed_on == date(2026, 6, 15)
    assert filing.fee_due_on == date(2026, 7, 15)
    assert office.pay_by(date(2026, 7, 1)) == date(2026, 8, 3)  # 1 August is a Saturday
    assert office.pay_by(date(2027, 1, 31)) == date(
        2027, 3, 1
    )  # the month has no 31st, and the 28th is a Sunday


def test_unpaid_after_a_month_it_was_never_filed(people: House) -> None:
    """Invariant 38, to the second: on the last day it stands, at midnight it has gone."""
    flow, filing = submitted(people)
    assert filing.fee_due_on is not None
    clock.advance_to(clock.end_of_beijing_day(filing.fee_due_on) - timedelta(seconds=1))
    due.run()
    filings.run_due(filing.ref)
    assert scene.fresh(flow).filings[0].status is FilingStatus.FILED
    clock.advance(timedelta(seconds=1))
    due.run()
    assert scene.fresh(flow).filings[0].status is FilingStatus.DEEMED_NOT_FILED
    with pytest.raises(IllegalMove):
        filings.pay_fee(people.buyer, filing.ref, receipt="RCPT-1", paid_on=filing.fee_due_on)


def test_it_can_be_filed_again(people: House) -> None:
    flow, filing = submitted(people)
    clock.advance(timedelta(days=32))
    due.run()
    with transaction():
        flow.filings[0].right.status_as_of = clock.today()
    assert refusal(people.buyer, filing) == []
    filing = scene.fresh(flow).filings[0]
    assert (filing.attempts, filing.status, filing.package["attempt"]) == (2, FilingStatus.FILED, 2)


def test_a_paid_fee_stops_the_clock(people: House) -> None:
    flow, filing = submitted(people)
    for _ in range(2):
        filings.pay_fee(people.seller, filing.ref, receipt="RCPT-1")
    clock.advance(timedelta(days=60))
    due.run()
    filings.run_due(filing.ref)
    assert scene.fresh(flow).filings[0].status is FilingStatus.FEE_PAID


def test_the_payment_lies_between_request_and_last_day(people: House) -> None:
    flow, filing = submitted(people)
    for paid_on in (date(2026, 6, 14), date(2026, 6, 16)):
        with pytest.raises(RuleBroken, match=r"filing\.paid_on"):
            filings.pay_fee(people.buyer, filing.ref, receipt="RCPT-1", paid_on=paid_on)
    with pytest.raises(RuleBroken, match=r"filing\.receipt"):
        filings.pay_fee(people.buyer, filing.ref, receipt="1")
    clock.advance(timedelta(days=33))  # the clock's own look has not come yet
    with pytest.raises(RuleBroken, match=r"filing\.paid_late"):
        filings.pay_fee(people.buyer, filing.ref, receipt="RCPT-1")
    filings.pay_fee(people.buyer, filing.ref, receipt="RCPT-1", paid_on=date(2026, 7, 15))
    assert scene.fresh(flow).filings[0].status is FilingStatus.FEE_PAID


# -- notices --------------------------------------------------------------------------------------


@pytest.fixture
def filed(people: House) -> Flow:
    return scene.filed(people, scene.agreed(people))


def test_who_entered_a_notice_does_not_verify_it(people: House, filed: Flow) -> None:
    assert people.buyer.party is not None
    assert people.reviewer.user is not None
    notice = scene.noticed(people, filed)
    with transaction():
        notice.entered_by = people.reviewer.user.ref
    with pytest.raises(NotAllowed, match="two_people"):
        notices.verify_notice(people.reviewer, notice.ref)
    for actor in (people.buyer, people.operator, people.registrar):
        with pytest.raises(NotAllowed):
            notices.verify_notice(actor, notice.ref)
    notices.verify_notice(people.other_reviewer, notice.ref)
    assert scene.fresh(filed).filings[0].status is FilingStatus.RECORDED


def test_verifying_twice_settles_once(people: House, filed: Flow) -> None:
    notice = scene.noticed(people, filed)
    for reviewer in (people.reviewer, people.other_reviewer):
        notices.verify_notice(reviewer, notice.ref)
    count = session.scalar(select(func.count()).select_from(Event).where(Event.type == "escrow.released"))
    assert count == 1


def test_the_same_notice_is_entered_once(people: House, filed: Flow) -> None:
    filing = filed.filings[0]
    said: dict[str, Any] = {"code": "200028", "number": "GA000102391597", "dated": clock.today()}
    paper = scene.proof(people.buyer, filed)
    first = filings.record_notice(people.buyer, filing.ref, **said, document=paper)
    assert filings.record_notice(people.seller, filing.ref, **said, document=paper).id == first.id
    with pytest.raises(Conflict, match=r"notice\.number_known"):
        filings.record_notice(
            people.seller,
            filing.ref,
            **{**said, "dated": filing.filed_on, "due_on": clock.today()},
            document=paper,
        )


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"code": "210401"}, r"notice\.code"),
        ({"number": "1"}, r"notice\.number"),
        ({"dated": date(2026, 6, 14)}, r"notice\.dated"),
        ({"dated": date(2026, 6, 16)}, r"notice\.dated"),
        ({"code": "200029"}, r"notice\.due_on"),
        ({"document": None}, r"file\.missing"),
    ],
)
def test_a_notice_has_code_number_date_and_file(
    people: House, filed: Flow, said: dict[str, Any], code: str
) -> None:
    with pytest.raises(RuleBroken, match=code):
        scene.noticed(people, filed, **said)
    assert scene.noticed(people, filed).status is NoticeStatus.ENTERED


def test_a_notice_fits_the_state_of_its_filing(people: House) -> None:
    flow, _filing = submitted(people)
    with pytest.raises(IllegalMove):  # nothing qualifies before its fee is paid
        scene.noticed(people, flow)
    with pytest.raises(IllegalMove):
        scene.noticed(people, flow, code="200029", due_on=date(2026, 8, 1))


def test_a_rejected_notice_can_be_entered_again(people: House, filed: Flow) -> None:
    first = scene.noticed(people, filed, number="GA000102391597")
    with pytest.raises(RuleBroken, match=r"notice\.reason_missing"):
        notices.reject_notice(people.reviewer, first.ref, reason=" ")
    notices.reject_notice(people.reviewer, first.ref, reason="扫描件看不清")
    assert scene.fresh(filed).filings[0].status is FilingStatus.FEE_PAID
    with pytest.raises(IllegalMove):
        notices.verify_notice(people.reviewer, first.ref)
    second = scene.noticed(people, filed, number="GA000102391597")
    notices.verify_notice(people.reviewer, second.ref)
    assert scene.fresh(filed).filings[0].status is FilingStatus.RECORDED


def test_a_supplement_comes_and_goes(people: House, filed: Flow) -> None:
    until = clock.today() + timedelta(days=60)
    notices.verify_notice(people.reviewer, scene.noticed(people, filed, code="200029", due_on=until).ref)
    filing = scene.fresh(filed).filings[0]
    assert (filing.status, filing.supplement_due_on) == (FilingStatus.SUPPLEMENT, until)
    clock.advance(timedelta(days=61))
    due.run()
    assert (
        scene.fresh(filed).filings[0].status is FilingStatus.SUPPLEMENT
    )  # told, and nothing decided by the clock
    overdue = select(func.count()).select_from(Event).where(Event.type == "filing.supplement_overdue")
    assert session.scalar(overdue) == 1
    with pytest.raises(RuleBroken, match=r"file\.missing"):
        filings.answer_supplement(people.seller, filing.ref, document=None)
    filings.answer_supplement(people.seller, filing.ref, document=scene.proof(people.seller, filed))
    notices.verify_notice(people.reviewer, scene.noticed(people, filed).ref)
    assert scene.fresh(filed).filings[0].status is FilingStatus.RECORDED


def test_the_office_may_say_it_was_never_filed(people: House, filed: Flow) -> None:
    notices.verify_notice(people.reviewer, scene.noticed(people, filed, code="200023").ref)
    flow = scene.fresh(filed)
    assert flow.filings[0].status is FilingStatus.DEEMED_NOT_FILED
    assert flow.escrow.status.value == "funded"
    assert refusal(people.buyer, flow.filings[0]) == []


# -- licences -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "burden"),
    [
        (LicenceKind.EXCLUSIVE, EncumbranceKind.EXCLUSIVE_LICENCE),
        (LicenceKind.ORDINARY, EncumbranceKind.LICENCE),
    ],
)
def test_a_licence_is_put_on_record_without_a_fee(
    people: House, kind: LicenceKind, burden: EncumbranceKind
) -> None:
    flow = scene.agreed(people, kind=ListingKind.LICENCE, licence_kind=kind, licence_years=5)
    flow = scene.funded(people, flow)
    filing = filings.submit_filing(people.buyer, flow.filings[0].ref)
    assert (filing.status, filing.fee_fen) == (FilingStatus.FEE_PAID, 0)
    notices.verify_notice(people.reviewer, scene.noticed(people, flow, number="X2026350000001").ref)
    flow = scene.fresh(flow)
    right = flow.filings[0].right
    assert [owner.name for owner in right.owners] == [flow.deal.seller.name]
    assert [(b.kind, b.holder, b.register_no) for b in right.encumbrances] == [
        (burden, flow.deal.buyer.name, "X2026350000001")
    ]
    assert flow.deal.status.value == "completed"
    assert flow.certificate is not None


def test_a_university_licenses_too(db_app: Flask) -> None:
    people = scene.house(seller=PartyKind.UNIVERSITY)
    flow = scene.agreed(people, kind=ListingKind.LICENCE, licence_kind=LicenceKind.SOLE, licence_years=3)
    assert flow.consents == []
    clock.advance(timedelta(days=16))
    assert scene.signed(people, flow).contracts[0].kind == "TL"
