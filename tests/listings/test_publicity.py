"""Publicity through the verbs: when it starts, starts again, is stopped and gives the way to sign."""

from datetime import timedelta

import pytest
from flask import Flask

from exchange.core import clock
from exchange.core.errors import Conflict, NotAllowed, NotFound, RuleBroken
from exchange.listings import actions, publicity, rules
from exchange.listings.models import Listing, ListingStatus, Objection
from exchange.parties.models import PartyKind, Role
from exchange.parties.policy import VISITOR, Actor
from tests.listings import scene

pytestmark = pytest.mark.usefixtures("db_app")

LOWER = scene.PRICE - 26_000_000


@pytest.fixture
def seller(db_app: Flask) -> Actor:
    return scene.member(scene.party(PartyKind.UNIVERSITY))


@pytest.fixture
def stranger(db_app: Flask) -> Actor:
    return scene.member(scene.party())


def opens(listing: Listing, price_fen: int = scene.PRICE) -> bool:
    return rules.signing_open(listing, price_fen, clock.now()).open


def test_it_starts_with_the_publication_of_a_priced_listing(seller: Actor) -> None:
    listing = scene.published(seller)
    (public,) = listing.publicities
    assert (public.name, public.price_fen, public.started_at) == (listing.title, scene.PRICE, clock.now())
    assert not opens(listing)
    clock.advance_to(public.signing_from)
    assert opens(listing)


def test_a_negotiable_price_is_not_public_yet(seller: Actor) -> None:
    assert scene.published(seller, price_fen=None).publicities == []


def test_an_enterprise_publishes_nothing(stranger: Actor) -> None:
    listing = scene.published(stranger)
    assert listing.publicities == []
    assert opens(listing)


def test_a_lower_price_starts_it_again_and_a_higher_one_does_not(seller: Actor) -> None:
    listing = scene.published(seller)
    clock.advance(timedelta(days=5))
    actions.change_price(seller, listing.ref, price_fen=scene.PRICE + 100)
    assert len(listing.publicities) == 1
    actions.change_price(seller, listing.ref, price_fen=LOWER)
    first, second = listing.publicities
    assert first.ended_at == clock.now()
    assert (second.price_fen, second.started_at) == (LOWER, clock.now())
    clock.advance_to(first.signing_from)
    assert not opens(listing, LOWER)
    clock.advance_to(second.signing_from)
    assert opens(listing, LOWER)


def test_a_price_that_becomes_negotiable_and_fixed_again_keeps_its_publicity(seller: Actor) -> None:
    listing = scene.published(seller)
    actions.change_price(seller, listing.ref, price_fen=None)
    actions.change_price(seller, listing.ref, price_fen=scene.PRICE)
    assert len(listing.publicities) == 1


def test_an_open_objection_stops_signing_until_it_is_dismissed(seller: Actor, stranger: Actor) -> None:
    listing = scene.published(seller)
    objection = publicity.object_to(stranger, listing.ref, text="价格明显偏低")
    assert publicity.object_to(stranger, listing.ref, text="价格明显偏低 ") is objection
    clock.advance_to(listing.publicities[0].signing_from)
    assert not opens(listing)
    judge = scene.reviewer()
    publicity.decide_objection(judge, objection.ref, upheld=False, decision="评估报告支持该价格")
    publicity.decide_objection(judge, objection.ref, upheld=False, decision="再次点击")
    assert objection.decision == "评估报告支持该价格"
    assert opens(listing)
    with pytest.raises(Conflict, match=r"publicity\.decided"):
        publicity.decide_objection(judge, objection.ref, upheld=True, decision="反悔")


def test_an_upheld_objection_takes_the_listing_down(seller: Actor, stranger: Actor) -> None:
    listing = scene.published(seller)
    objection = publicity.object_to(stranger, listing.ref, text="权属有争议")
    publicity.decide_objection(scene.reviewer(), objection.ref, upheld=True, decision="权属未清")
    assert (listing.status, listing.status_reason) == (ListingStatus.SUSPENDED, "权属未清")
    clock.advance(timedelta(days=30))
    assert not opens(listing)
    # Mended, handed in and published again, the fifteen days begin anew.
    actions.resume(seller, listing.ref)
    actions.approve(scene.reviewer(), listing.ref)
    assert len(listing.publicities) == 2
    assert not opens(listing)


def test_an_upheld_objection_after_the_agreement_keeps_the_deal_from_being_signed(
    seller: Actor, stranger: Actor
) -> None:
    listing = scene.published(seller)
    scene.agreed(seller, stranger, listing)
    objection = publicity.object_to(scene.member(scene.party()), listing.ref, text="程序有误")
    publicity.decide_objection(scene.reviewer(), objection.ref, upheld=True, decision="成立")
    assert listing.status is ListingStatus.MATCHED
    clock.advance(timedelta(days=60))
    assert not opens(listing)


def test_objections_are_heard_while_it_runs(seller: Actor, stranger: Actor) -> None:
    listing = scene.published(seller)
    with pytest.raises(RuleBroken, match=r"publicity\.text_missing"):
        publicity.object_to(stranger, listing.ref, text=" ")
    clock.advance_to(listing.publicities[0].signing_from)
    with pytest.raises(Conflict, match=r"publicity\.not_running"):
        publicity.object_to(stranger, listing.ref, text="来晚了")
    with pytest.raises(NotFound):
        publicity.object_to(stranger, scene.submitted(seller).ref, text="看不见")
    with pytest.raises(NotAllowed):
        publicity.object_to(VISITOR, listing.ref, text="没登录")


def test_objections_are_decided_by_reviewers_with_grounds(seller: Actor, stranger: Actor) -> None:
    objection = publicity.object_to(stranger, scene.published(seller).ref, text="偏低")
    for actor in (seller, stranger, scene.member(scene.party(PartyKind.OPERATOR), Role.OPERATOR)):
        with pytest.raises(NotAllowed):
            publicity.decide_objection(actor, objection.ref, upheld=True, decision="x")
    with pytest.raises(RuleBroken, match=r"publicity\.decision_missing"):
        publicity.decide_objection(scene.reviewer(), objection.ref, upheld=True, decision="")


def test_an_objection_belongs_to_seller_and_maker(seller: Actor, stranger: Actor) -> None:
    assert seller.party is not None
    assert stranger.party is not None
    objection: Objection = publicity.object_to(stranger, scene.published(seller).ref, text="偏低")
    assert objection.parties_for("seller") == {seller.party.id}
    assert objection.parties_for("maker") == {stranger.party.id}


def test_withdrawing_ends_a_running_publicity(seller: Actor) -> None:
    listing = scene.published(seller)
    clock.advance(timedelta(days=2))
    actions.withdraw(seller, listing.ref)
    assert listing.publicities[0].ended_at == clock.now()
    assert publicity.current(listing) is None
