"""The whole way of a deal by the verbs, and the balance of the book at its end."""

from datetime import date, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from contracts import certificates, documents, flows, money_track, notices, onestop, paper
from contracts.models import Certificate, EscrowStatus, FilingStatus, PayoutStatus
from exchange.core import clock, files
from exchange.core.db import session, transaction
from exchange.core.events import timeline
from exchange.deals.models import DealStatus
from exchange.ledger import book, chart
from exchange.ledger.verify import verify
from exchange.listings.models import ListingStatus
from exchange.parties.policy import SYSTEM
from tests.contracts import scene
from tests.contracts.scene import House
from tests.listings import scene as market

pytestmark = pytest.mark.usefixtures("db_app")


@pytest.fixture
def people(db_app: Flask) -> House:
    return scene.house()


def test_from_agreed_to_paid_out(people: House) -> None:
    flow = scene.recorded(people, scene.agreed(people))
    deal, seller, buyer = flow.deal, people.seller.party, people.buyer.party
    assert seller is not None
    assert buyer is not None
    assert deal.status is DealStatus.COMPLETED
    assert deal.listing.status is ListingStatus.SOLD
    assert flow.escrow.status is EscrowStatus.RELEASED
    fee = scene.PRICE * 2 // 100
    assert flow.escrow.fee_fen == fee
    assert book.balance(chart.escrow(deal.ref)) == 0
    assert book.balance(chart.FEES) == fee
    assert book.balance(chart.party(seller.ref)) == scene.PRICE - fee
    filing = flow.filings[0]
    assert filing.recorded_on == clock.today()
    assert [(o.name, o.party_id, o.since) for o in filing.right.owners] == [
        (buyer.name, buyer.id, filing.recorded_on)
    ]
    payout = money_track.request_payout(
        people.officer, seller.ref, amount_fen=scene.PRICE - fee, flow_ref=flow.ref
    )
    money_track.approve_payout(people.other_officer, payout.ref, bank_reference="OUT-0001")
    assert payout.status is PayoutStatus.PAID
    assert book.balance(chart.party(seller.ref)) == 0
    proof = verify()
    assert (proof.ok, proof.held) == (True, fee)


def test_the_record_tells_the_whole_way(people: House) -> None:
    flow = scene.recorded(people, scene.agreed(people))
    said = [event.type for event in reversed(timeline(flow.ref))]
    wanted = [
        "flow.opened",
        "contract.finalised",
        "contract.signature",
        "contract.signature",
        "contract.signed",
        "escrow.due",
        "escrow.received",
        "escrow.funded",
        "filing.submitted",
        "filing.fee_paid",
        "filing.notice_entered",
        "filing.recorded",
        "escrow.released",
        "certificate.issued",
    ]
    assert [type_ for type_ in said if type_ in wanted] == wanted


def test_opening_twice_is_one_flow(people: House) -> None:
    flow = scene.agreed(people)
    assert onestop.open_flow(SYSTEM, flow.deal.ref).id == flow.id


def test_several_rights_are_one_contract_and_one_filing_each(people: House) -> None:
    assert people.seller.party is not None
    rights = [market.right(people.seller.party, inventors=[]) for _ in range(3)]
    flow = scene.filed(people, scene.agreed(people, *rights, price_fen=100_000_001, weights=[1, 1, 1]))
    assert [filing.price_fen for filing in flow.filings] == [33_340_001, 33_330_000, 33_330_000]
    assert sum(filing.price_fen for filing in flow.filings) == flow.deal.price_fen
    for place in range(2):
        notices.verify_notice(people.reviewer, scene.noticed(people, flow, place).ref)
        flow = scene.fresh(flow)
        assert flow.escrow.status is EscrowStatus.FUNDED
        assert flow.deal.status is DealStatus.AGREED
    notices.verify_notice(people.reviewer, scene.noticed(people, flow, 2).ref)
    flow = scene.fresh(flow)
    assert flow.escrow.status is EscrowStatus.RELEASED
    assert {filing.status for filing in flow.filings} == {FilingStatus.RECORDED}
    assert flow.certificate is not None
    assert len(flow.certificate.snapshot["rights"]) == 3


def test_owner_changes_with_the_notice_and_not_before(people: House) -> None:
    """Not on signature, not on payment, not on filing: only on a verified 200028, with its date (invariant 37)."""
    flow = scene.agreed(people)
    right = flow.filings[0].right
    seller = people.seller.party
    assert seller is not None
    flow = scene.filed(people, flow)
    assert [o.party_id for o in right.owners] == [seller.id]
    clock.advance(timedelta(days=20))
    dated = clock.today() - timedelta(days=6)
    notice = scene.noticed(people, flow, dated=dated)
    assert [o.party_id for o in scene.fresh(flow).filings[0].right.owners] == [seller.id]
    notices.verify_notice(people.reviewer, notice.ref)
    owner = scene.fresh(flow).filings[0].right.owners[0]
    assert (owner.party_id, owner.since) == (people.buyer.party.id if people.buyer.party else None, dated)


def test_the_certificate_can_be_checked_by_anybody(people: House) -> None:
    flow = scene.recorded(people, scene.agreed(people))
    certificate = session.scalars(select(Certificate)).one()
    assert len(certificate.code) == 26
    document = next(d for d in documents.of_flow(flow) if d.purpose == documents.CERTIFICATE)
    data = files.read(document)
    assert paper.digest(data) == certificate.sha256
    assert certificate.code.encode() in data
    typed = "-".join(certificate.code[i : i + 5] for i in range(0, 26, 5)).lower()
    found = certificates.check(typed, sha256=certificate.sha256)
    assert (found.state, found.altered, found.certificate) == ("valid", False, certificate)
    assert certificates.check(certificate.code, sha256="0" * 64).altered is True
    assert certificates.check("0" * 26).state == "unknown"
    assert certificates.check("'; DROP TABLE certificate; --").state == "unknown"
    certificates.revoke(people.operator, certificate.code, reason="登记机关撤销了变更登记")
    found = certificates.check(certificate.code)
    assert found.state == "revoked"
    assert found.certificate is not None
    assert found.certificate.revoked_reason == "登记机关撤销了变更登记"


def test_a_certificate_is_issued_once(people: House) -> None:

    flow = scene.recorded(people, scene.agreed(people))
    with transaction():
        again = certificates.issue(SYSTEM, flow)
    assert again.id == session.scalars(select(Certificate.id)).one()


def test_the_contract_is_kept_as_it_was_signed(people: House) -> None:
    flow = scene.recorded(people, scene.agreed(people))
    contract = flows.contract_of(flow)
    assert contract.document is not None
    data = files.read(contract.document)
    assert paper.digest(data) == contract.sha256
    assert {s.sha256 for s in contract.signatures} == {contract.sha256}
    text = data.decode()
    for fact in (
        flow.filings[0].right.title,
        "1,260,000.00",
        "壹佰贰拾陆万元整",
        flow.deal.seller.name,
        flow.deal.buyer.name,
        "2021年6月8日",
        "2041年6月8日",
    ):
        assert fact in text
    assert contract.signed_on == date(2026, 6, 15)
