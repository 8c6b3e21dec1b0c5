"""The index follows the database: events, repeats, late messages, rebuild, comparison."""

from datetime import date, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

import search
from exchange.core import clock, events
from exchange.core.db import session, transaction
from exchange.core.events import Delivery, DeliveryStatus, Event
from exchange.deals import actions as deals
from exchange.listings import actions as listings
from exchange.listings.models import LicenceKind, Listing, ListingKind
from exchange.parties.models import PartyKind
from exchange.parties.policy import SYSTEM, Actor
from exchange.rights.models import Encumbrance, EncumbranceKind
from search import documents, indexer
from search.engine import Document, Query, Removal
from search.plan import days
from tests.listings import scene

pytestmark = pytest.mark.usefixtures("index")


@pytest.fixture
def index(db_app: Flask) -> None:
    """An index of the present database."""
    indexer.rebuild()


@pytest.fixture
def seller(db_app: Flask) -> Actor:
    return scene.member(scene.party(PartyKind.ENTERPRISE, "福州澄川膜材料有限公司"))


def followed() -> None:
    """Let the index hear of everything."""
    for _ in range(5):
        while events.drain(only="search"):
            pass
        if "search" not in events.backlog():
            return
        clock.advance(
            timedelta(minutes=1)
        )  # the writer was held for a moment: what is put back waits a while
    raise AssertionError(
        session.scalars(select(Delivery.last_error).where(Delivery.last_error.is_not(None))).all()
    )


def found(text: str = "", **chosen: list[str]) -> list[str]:
    return [hit.ref for hit in indexer.ask(text, chosen).hits]


def test_a_listing_is_found_when_it_is_published(seller: Actor) -> None:
    draft = scene.draft(seller, title="钙钛矿叠层光伏组件")
    followed()
    assert found("钙钛矿") == []
    listings.submit(seller, draft.ref)
    followed()
    assert found("钙钛矿") == []
    listings.approve(scene.reviewer(), draft.ref)
    followed()
    assert found("钙钛矿") == [draft.ref]


def test_a_changed_price_is_found_at_its_new_place(seller: Actor) -> None:
    listing = scene.published(seller, price_fen=100_000_000)
    followed()
    assert found(price_to=["500000"]) == []
    listings.change_price(seller, listing.ref, price_fen=30_000_000)
    followed()
    assert found(price_to=["500000"]) == [listing.ref]


def test_a_withdrawn_listing_is_found_no_more(seller: Actor) -> None:
    listing = scene.published(seller)
    followed()
    assert found() == [listing.ref]
    listings.withdraw(seller, listing.ref, reason="另有安排")
    followed()
    assert found() == []


def test_an_agreed_listing_is_found_no_more_and_a_failed_deal_brings_it_back(seller: Actor) -> None:
    listing = scene.published(seller)
    buyer = scene.member(scene.party())
    deal = scene.agreed(seller, buyer, listing)
    followed()
    assert found() == []
    deals.rescind(SYSTEM, deal.ref, reason="资金未到位")
    followed()
    assert found() == [listing.ref]


@transaction
def burden(listing: Listing) -> None:
    """A pledge on the first right, written beside the verbs: only the row tells of it."""
    session.add(
        Encumbrance(
            right_id=listing.items[0].right_id,
            kind=EncumbranceKind.PLEDGE,
            since=date(2026, 1, 5),
            holder="银行",
        )
    )


def test_what_happens_to_a_right_reaches_its_listings(seller: Actor) -> None:
    listing = scene.published(seller)
    followed()
    (before,) = documents.build([listing.id])
    burden(listing)
    (after,) = documents.build([listing.id])
    assert after.version > before.version
    assert indexer.touched({listing.items[0].right.ref}) == {listing.id}
    event = session.scalars(select(Event).order_by(Event.id.desc()).limit(1)).one()
    indexer.handle([event])
    assert found(burden=["pledge"]) == [listing.ref]
    assert found(burden=["none"]) == []


def test_the_events_of_a_batch_are_told_once_for_each_listing(seller: Actor) -> None:
    listing = scene.published(seller)
    happened = session.scalars(select(Event).where(Event.subject_ref == listing.ref)).all()
    assert len(happened) > 2
    indexer.handle(list(happened))
    indexer.handle(list(reversed(happened)))
    indexer.handle(list(happened[:1]))
    assert search.current().versions() == [(listing.id, documents.build([listing.id])[0].version, True)]


def test_a_seller_who_is_suspended_is_looked_at(seller: Actor) -> None:
    listing = scene.published(seller)
    assert seller.party is not None
    assert indexer.touched({seller.party.ref}) == {listing.id}
    assert indexer.touched({"OF-7F3K9Q2M8XA"}) == set()


def test_a_missing_index_is_built_when_the_next_event_comes(seller: Actor) -> None:
    first = scene.published(seller)
    followed()
    for folder in search.current()._folder.iterdir():  # type: ignore[attr-defined]  # the embedded engine's own
        if folder.name == "CURRENT":
            folder.unlink()
    assert indexer.health()["ok"] is False
    second = scene.published(seller)
    followed()
    assert set(found()) == {first.ref, second.ref}


def test_the_index_is_built_at_the_start_where_there_is_none(seller: Actor) -> None:
    listing = scene.published(seller)
    (search.current()._folder / "CURRENT").unlink()  # type: ignore[attr-defined]  # the embedded engine's own
    assert indexer.ensure() is True
    assert found() == [listing.ref]
    assert indexer.ensure() is False


def test_deliveries_wait_while_the_index_is_away(seller: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    from search.elastic import ElasticEngine

    listing = scene.published(seller)
    away = ElasticEngine(["http://127.0.0.1:9"], "secret", timeout=0.2)
    with monkeypatch.context() as patch:
        patch.setattr(search, "current", lambda: away)
        events.drain(only="search")
    waiting = session.scalars(
        select(Delivery).where(Delivery.subscriber == "search", Delivery.status == DeliveryStatus.WAITING)
    ).all()
    assert waiting
    assert all(delivery.attempts == 1 for delivery in waiting)
    clock.advance_to(max(delivery.not_before for delivery in waiting))
    followed()
    assert found() == [listing.ref]


# -- comparison ------------------------------------------------------------------------------------------------


def test_reconcile_finds_nothing_where_all_is_well(seller: Actor) -> None:
    scene.published(seller)
    scene.draft(seller)
    followed()
    assert indexer.reconcile() == {"missing": 0, "stale": 0, "extra": 0, "repaired": 0}


def test_reconcile_repairs_what_was_missed(seller: Actor) -> None:
    engine = search.current()
    missing, stale, extra = (scene.published(seller, title=f"第{n}项") for n in "甲乙丙")
    followed()
    held = {document.id: document for document in documents.build([missing.id, stale.id, extra.id])}
    engine.apply([Removal(missing.id, held[missing.id].version + 1)])
    engine.apply([Document(9_999, "LS-GONE", 1, values={"title": "不存在的"})])
    listings.change_price(seller, stale.ref, price_fen=1_000_000)
    listings.withdraw(seller, extra.ref, reason="另有安排")
    assert indexer.reconcile() == {"missing": 1, "stale": 1, "extra": 2, "repaired": 4}
    assert set(found()) == {missing.ref, stale.ref}
    assert found(price_to=["10000"]) == [stale.ref]
    assert indexer.reconcile() == {"missing": 0, "stale": 0, "extra": 0, "repaired": 0}


def test_reconcile_builds_anew_where_the_index_is_ahead_of_a_restored_database(seller: Actor) -> None:
    listing = scene.published(seller, title="恢复")
    followed()
    (now,) = documents.build([listing.id])
    later = Document(now.id, now.ref, now.version + 5, values={"title": "未来"})
    search.current().apply([later])
    assert indexer.reconcile()["stale"] == 1
    assert found("恢复") == [listing.ref]
    assert found("未来") == []


def test_a_rebuild_holds_what_is_offered(seller: Actor) -> None:
    listing = scene.published(seller)
    scene.draft(seller)
    assert indexer.rebuild() == 1
    assert found() == [listing.ref]
    assert search.current().watermark() == session.scalar(select(Event.id).order_by(Event.id.desc()).limit(1))


# -- documents -------------------------------------------------------------------------------------------------


def test_a_document_says_what_the_listing_says(seller: Actor) -> None:
    assert seller.party is not None
    one = scene.right(seller.party, "武夷高原农业职业学院", ipc=["B01D 69/08", "C02F1/44"])
    two = scene.right(seller.party, title="膜组件", filed_on=date(2019, 2, 28), fees_paid_through=8)
    listing = scene.published(
        seller,
        one,
        two,
        kind=ListingKind.LICENCE,
        licence_kind=LicenceKind.EXCLUSIVE,
        price_fen=None,
        title="两项膜专利",
        maturity="pilot",
        terms={**scene.STATEMENTS, "co_owner_consents": ["武夷高原农业职业学院"]},
    )
    (built,) = documents.build([listing.id])
    values = built.values
    assert (built.ref, built.visible) == (listing.ref, True)
    assert values["title"] == ["两项膜专利", one.title, two.title]
    assert values["applicant"] == [seller.party.name, "武夷高原农业职业学院"]
    assert values["deal"] == "exclusive_licence"
    assert values["price"] is None
    assert values["expires"] == days(date(2039, 2, 28))
    assert values["filed"] == days(date(2019, 2, 28))
    assert values["burden"] == ["none"]
    assert values["ipc"] == ["B01D 69/08", "C02F1/44"]
    numbers = values["number"]
    assert isinstance(numbers, list)
    assert {listing.ref, one.ref, two.ref, one.app_no, two.app_no} <= set(numbers)
    followed()
    assert found(one.app_no or "") == [listing.ref]
    assert found(listing.ref) == [listing.ref]
    assert found("PA=武夷高原 IPC=C02F") == [listing.ref]
    assert found(region=["3501"], deal=["exclusive_licence"], negotiable=["1"]) == [listing.ref]


def test_one_listing_is_built_as_all_are(seller: Actor) -> None:
    made = [scene.published(seller, title=f"第{n}项") for n in range(3)]
    together = list(documents.everything())
    assert together == documents.build([listing.id for listing in made])
    assert together == [documents.build([listing.id])[0] for listing in made]
    assert [(d.id, d.version, True) for d in together] == list(documents.versions())


def test_what_is_like_a_listing(seller: Actor) -> None:
    one = scene.published(seller, title="纳滤膜清洗")
    two = scene.published(seller, title="纳滤膜封装")
    for n in range(3):
        scene.published(seller, title=f"茶叶杀青机{n}", summary="茶")
    followed()
    assert indexer.similar(one)[0] == two.ref
    assert search.current().search(Query("纳滤膜")).total >= 2
