"""The settlement breaks at each of its boundaries: before the commit nothing happened, after it everything did."""

from collections.abc import Iterator

import pytest
from flask import Flask

from contracts import documents, notices, paper
from contracts.models import EscrowStatus, FilingStatus, Flow, NoticeStatus
from exchange.core import files
from exchange.core.db import session, set_failpoint
from exchange.deals.models import DealStatus
from exchange.ledger import book, chart
from exchange.ledger.verify import verify
from tests.contracts import scene
from tests.contracts.scene import House


class Died(BaseException):
    """The process went away."""


@pytest.fixture
def place(clean_app: Flask) -> Iterator[Flask]:
    with clean_app.app_context():
        yield clean_app
        session.remove()


@pytest.fixture
def people(place: Flask) -> House:
    return scene.house()


def dies_at(name: str) -> None:
    def fail(point: str) -> None:
        if point == name:
            set_failpoint(None)
            raise Died(point)

    set_failpoint(fail)


def untouched(flow: Flow) -> bool:
    """Whether owner, filing, escrow and deal stand where they stood before the notice was verified."""
    flow = scene.fresh(flow)
    filing = flow.filings[0]
    return (
        filing.status is FilingStatus.FEE_PAID
        and filing.notices[0].status is NoticeStatus.ENTERED
        and [owner.name for owner in filing.right.owners] == [flow.deal.seller.name]
        and flow.escrow.status is EscrowStatus.FUNDED
        and flow.deal.status is DealStatus.AGREED
        and flow.certificate is None
        and book.balance(chart.escrow(flow.deal.ref)) == scene.PRICE
    )


def settled(flow: Flow) -> bool:
    """Whether all of it happened, once."""
    flow = scene.fresh(flow)
    return (
        flow.filings[0].status is FilingStatus.RECORDED
        and [owner.name for owner in flow.filings[0].right.owners] == [flow.deal.buyer.name]
        and flow.escrow.status is EscrowStatus.RELEASED
        and flow.deal.status is DealStatus.COMPLETED
        and flow.certificate is not None
        and book.balance(chart.escrow(flow.deal.ref)) == 0
        and book.balance(chart.FEES) == scene.PRICE // 50
        and verify().ok
    )


@pytest.mark.parametrize("point", ["file written", "before commit"])
def test_before_the_commit_nothing_has_happened(people: House, point: str) -> None:
    flow = scene.filed(people, scene.agreed(people))
    notice = scene.noticed(people, flow)
    dies_at(point)
    with pytest.raises(Died):
        notices.verify_notice(people.reviewer, notice.ref)
    assert untouched(flow)
    notices.verify_notice(people.reviewer, notice.ref)
    assert settled(flow)


def test_after_the_commit_everything_has_happened(people: House) -> None:
    flow = scene.filed(people, scene.agreed(people))
    notice = scene.noticed(people, flow)
    dies_at("after commit")
    with pytest.raises(Died):
        notices.verify_notice(people.reviewer, notice.ref)
    assert settled(flow)
    notices.verify_notice(people.reviewer, notice.ref)
    assert settled(flow)


def test_a_file_without_its_commit_is_no_document(people: House) -> None:
    """A crash may leave bytes behind, never a row; the next run writes the same bytes to the same place."""
    flow = scene.filed(people, scene.agreed(people))
    notice = scene.noticed(people, flow)
    dies_at("before commit")
    with pytest.raises(Died):
        notices.verify_notice(people.reviewer, notice.ref)
    assert all(document.purpose != documents.CERTIFICATE for document in documents.of_flow(flow))
    notices.verify_notice(people.reviewer, notice.ref)
    (certificate,) = [d for d in documents.of_flow(flow) if d.purpose == documents.CERTIFICATE]
    assert paper.digest(files.read(certificate)) == certificate.sha256
