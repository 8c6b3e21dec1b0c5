"""Offers and deals through the verbs."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from exchange.core import clock, due
from exchange.core.db import session, transaction
from exchange.core.errors import Conflict, IllegalMove, Invalid, NotAllowed, NotFound, RuleBroken
from exchange.core.events import Event
from exchange.deals import actions, rules
from exchange.deals.models import DealStatus, Offer, OfferStatus
from exchange.listings import actions as listings
from exchange.listings.models import LicenceKind, Listing, ListingKind, ListingStatus
from exchange.parties.models import PartyKind, PartyStatus, Role
from exchange.parties.policy import SYSTEM, VISITOR, Actor
from exchange.rights.models import RightStatus
from tests.listings import scene

pytestmark = pytest.mark.usefixtures("db_app")


@pytest.fixture
def seller(db_app: Flask) -> Actor:
    return scene.member(scene.party(PartyKind.UNIVERSITY))


@pytest.fixture
def buyer(db_app: Flask) -> Actor:
    return scene.member(scene.party())


@pytest.fixture
def other(db_app: Flask) -> Actor:
    return scene.member(scene.party())


@pytest.fixture
def listing(seller: Actor) -> Listing:
    return scene.published(seller)


def happened(about: Listing) -> list[str]:
    """Events of offers and deals on a listing, in order."""
    return list(session.scalars(select(Event.type).where(Event.about_ref == about.ref).order_by(Event.id)))


# -- offers ----------------------------------------------------------------------------------------


def test_an_offer_stands_for_its_days(buyer: Actor, listing: Listing) -> None:
    offer = scene.offered(buyer, listing, message="  愿一次付清 ", valid_days=5)
    assert offer.status is OfferStatus.OPEN
    assert offer.expires_at == clock.end_of_beijing_day(clock.today() + timedelta(days=5))
    assert (offer.round, offer.thread_ref, offer.message) == (1, offer.ref, "愿一次付清")
    assert happened(listing) == ["offer.made"]


def test_an_offer_never_outlives_its_listing(buyer: Actor, listing: Listing) -> None:
    assert listing.expires_at is not None
    clock.advance_to(listing.expires_at - timedelta(days=2))
    assert scene.offered(buyer, listing, valid_days=30).expires_at == listing.expires_at


@pytest.mark.parametrize(("days", "right"), [(0, False), (1, True), (90, True), (91, False)])
def test_days_have_limits(buyer: Actor, listing: Listing, days: int, right: bool) -> None:
    if right:
        assert scene.offered(buyer, listing, valid_days=days).status is OfferStatus.OPEN
    else:
        with pytest.raises(RuleBroken, match=r"offer\.valid_days"):
            scene.offered(buyer, listing, valid_days=days)


def test_nobody_bids_for_their_own(seller: Actor, listing: Listing) -> None:
    with pytest.raises(RuleBroken, match=r"offer\.own_listing"):
        scene.offered(seller, listing)


def test_one_open_offer_per_buyer_and_listing(buyer: Actor, other: Actor, listing: Listing) -> None:
    first = scene.offered(buyer, listing)
    with pytest.raises(Conflict, match=r"offer\.already_open") as caught:
        scene.offered(buyer, listing, 1)
    assert caught.value.params["offer"] == first.ref
    assert buyer.party is not None
    with pytest.raises(Conflict, match=r"offer\.already_open"):
        scene.offered(scene.member(buyer.party), listing)
    scene.offered(other, listing)
    actions.withdraw(buyer, first.ref)
    assert scene.offered(buyer, listing).status is OfferStatus.OPEN


def test_offers_are_for_verified_parties_and_their_agents(listing: Listing) -> None:
    with pytest.raises(Conflict, match=r"party\.not_verified"):
        scene.offered(scene.member(scene.party(verified=False)), listing)
    for actor in (scene.member(scene.party(), Role.SIGNER), VISITOR):
        with pytest.raises(NotAllowed):
            scene.offered(actor, listing)


def test_what_is_not_public_takes_no_offers(seller: Actor, buyer: Actor) -> None:
    with pytest.raises(NotFound):
        scene.offered(buyer, scene.submitted(seller))
    gone = scene.published(seller)
    listings.withdraw(seller, gone.ref)
    with pytest.raises(NotFound):
        scene.offered(buyer, gone)


def test_an_agreed_listing_takes_no_offers(
    seller: Actor, buyer: Actor, other: Actor, listing: Listing
) -> None:
    scene.agreed(seller, buyer, listing)
    with pytest.raises(Conflict, match=r"offer\.listing_closed"):
        scene.offered(other, listing)


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"unheard_of": "x"}, "offer.term"),
        ({"licence_years": "five"}, "offer.term"),
        ({"licence_years": True}, "offer.term"),
        ({"payment": "x" * (rules.MAX_TEXT + 1)}, "offer.term"),
        ({"licence_years": 5}, "offer.licence_terms"),
    ],
)
def test_wrong_terms_are_named(buyer: Actor, listing: Listing, terms: dict[str, Any], code: str) -> None:
    with pytest.raises(Invalid) as caught:
        scene.offered(buyer, listing, terms=terms)
    assert caught.value.problems[0].code == code


def test_a_licence_has_years(seller: Actor, buyer: Actor) -> None:
    licence = scene.published(seller, kind=ListingKind.LICENCE)
    with pytest.raises(Invalid, match="50 years"):
        scene.offered(buyer, licence, terms={"licence_years": 51})
    assert scene.offered(buyer, licence, terms={"licence_years": 5}).terms == {"licence_years": 5}


def test_a_long_message_and_an_empty_price_are_refused(buyer: Actor, listing: Listing) -> None:
    with pytest.raises(Invalid, match="Shorten"):
        scene.offered(buyer, listing, message="x" * (rules.MAX_TEXT + 1))
    with pytest.raises(RuleBroken, match=r"offer\.price"):
        scene.offered(buyer, listing, 0)


# -- answers ---------------------------------------------------------------------------------------


def test_terms_go_back_and_forth(seller: Actor, buyer: Actor, listing: Listing) -> None:
    first = scene.offered(buyer, listing, 90_000_000)
    second = actions.counter(seller, first.ref, price_fen=120_000_000, terms={"payment": "一次付清"})
    assert (first.status, second.status) == (OfferStatus.COUNTERED, OfferStatus.OPEN)
    assert (second.round, second.thread_ref, second.maker_id) == (2, first.ref, second.seller_id)
    assert actions.counter(seller, first.ref, price_fen=120_000_000) is second, "a repeat is harmless"
    third = actions.counter(buyer, second.ref, price_fen=110_000_000)
    assert third.maker_id == third.buyer_id
    deal = actions.accept(seller, third.ref)
    assert (deal.price_fen, deal.offer_id) == (110_000_000, third.id)
    assert happened(listing) == [
        "offer.made",
        "offer.countered",
        "offer.countered",
        "offer.accepted",
        "deal.agreed",
    ]


def test_only_the_other_side_answers(seller: Actor, buyer: Actor, other: Actor, listing: Listing) -> None:
    offer = scene.offered(buyer, listing)
    for verb in (actions.accept, actions.decline):
        with pytest.raises(NotAllowed):
            verb(buyer, offer.ref)
        with pytest.raises(NotFound):
            verb(other, offer.ref)
    with pytest.raises(NotAllowed):
        actions.counter(buyer, offer.ref, price_fen=1)
    with pytest.raises(NotAllowed):
        actions.withdraw(seller, offer.ref)
    assert seller.party is not None
    with pytest.raises(NotAllowed):
        actions.accept(scene.member(seller.party, Role.FINANCE), offer.ref)


def test_declining_and_withdrawing_are_done_once(seller: Actor, buyer: Actor, listing: Listing) -> None:
    first = scene.offered(buyer, listing)
    actions.decline(seller, first.ref)
    assert actions.decline(seller, first.ref).status is OfferStatus.DECLINED
    with pytest.raises(IllegalMove):
        actions.accept(seller, first.ref)
    with pytest.raises(IllegalMove):
        actions.withdraw(buyer, first.ref)
    second = scene.offered(buyer, listing)
    actions.withdraw(buyer, second.ref)
    assert actions.withdraw(buyer, second.ref).status is OfferStatus.WITHDRAWN
    with pytest.raises(IllegalMove):
        actions.counter(seller, second.ref, price_fen=1)
    assert happened(listing) == ["offer.made", "offer.declined", "offer.made", "offer.withdrawn"]


def test_the_clock_decides_and_not_the_status(seller: Actor, buyer: Actor, listing: Listing) -> None:
    offer = scene.offered(buyer, listing)
    clock.advance_to(offer.expires_at - timedelta(seconds=1))
    actions.run_due(offer.ref)
    assert rules.running(offer, clock.now())
    clock.advance(timedelta(seconds=1))
    for verb in (actions.accept, actions.decline):
        with pytest.raises(Conflict, match=r"offer\.expired"):
            verb(seller, offer.ref)
    with pytest.raises(Conflict, match=r"offer\.expired"):
        actions.counter(seller, offer.ref, price_fen=1)
    due.register(actions.DUE, actions.run_due)
    assert due.run() == 1
    session.refresh(offer)
    assert (offer.status, offer.decided_at) == (OfferStatus.EXPIRED, clock.now())
    actions.run_due(offer.ref)
    assert happened(listing) == ["offer.made", "offer.expired"]


def test_offers_end_with_a_withdrawn_listing(
    seller: Actor, buyer: Actor, other: Actor, listing: Listing
) -> None:
    offers = [scene.offered(one, listing) for one in (buyer, other)]
    listings.withdraw(seller, listing.ref)
    event = session.scalars(select(Event).where(Event.type == "listing.withdrawn")).one()
    actions.on_listing_event(event)
    actions.on_listing_event(event)
    assert [offer.status for offer in offers] == [OfferStatus.SUPERSEDED] * 2
    assert happened(listing).count("offer.superseded") == 2


# -- agreement -------------------------------------------------------------------------------------


def test_accepting_makes_the_deal_and_ends_the_rest(
    seller: Actor, buyer: Actor, other: Actor, listing: Listing
) -> None:
    chosen, lost = scene.offered(buyer, listing), scene.offered(other, listing, 90_000_000)
    deal = actions.accept(seller, chosen.ref)
    assert actions.accept(seller, chosen.ref) is deal, "a repeat is harmless"
    assert (chosen.status, lost.status, listing.status) == (
        OfferStatus.ACCEPTED,
        OfferStatus.SUPERSEDED,
        ListingStatus.MATCHED,
    )
    assert (deal.seller_id, deal.buyer_id, deal.price_fen) == (chosen.seller_id, chosen.buyer_id, scene.PRICE)
    assert deal.terms["item_prices"] == {listing.items[0].right.ref: scene.PRICE}
    assert happened(listing)[-3:] == ["offer.accepted", "offer.superseded", "deal.agreed"]
    with pytest.raises(IllegalMove):
        actions.accept(seller, lost.ref)


def test_a_deal_takes_over_the_terms_of_listing_and_offer(seller: Actor, buyer: Actor) -> None:
    assert seller.party is not None
    rights = [scene.right(seller.party) for _ in range(3)]
    terms = {**scene.STATEMENTS, "payment": "分期", "includes": "样机一台"}
    portfolio = scene.published(seller, *rights, weights=[1, 1, 1], terms=terms)
    deal = scene.agreed(seller, buyer, portfolio, 100_000_001, terms={"payment": "一次付清"})
    assert (deal.terms["payment"], deal.terms["includes"]) == ("一次付清", "样机一台")
    assert sum(deal.terms["item_prices"].values()) == 100_000_001
    assert set(deal.terms["item_prices"]) == {right.ref for right in rights}


def test_an_ordinary_licence_leaves_room_for_others(seller: Actor, buyer: Actor, other: Actor) -> None:
    licence = scene.published(seller, kind=ListingKind.LICENCE)
    mine, theirs = scene.offered(buyer, licence), scene.offered(other, licence)
    actions.accept(seller, mine.ref)
    assert (licence.status, theirs.status) == (ListingStatus.LISTED, OfferStatus.OPEN)
    assert actions.accept(seller, theirs.ref).status is DealStatus.AGREED


def test_a_sole_licence_shuts_out_the_others(seller: Actor, buyer: Actor, other: Actor) -> None:
    licence = scene.published(seller, kind=ListingKind.LICENCE, licence_kind=LicenceKind.SOLE)
    mine, theirs = scene.offered(buyer, licence), scene.offered(other, licence)
    actions.accept(seller, mine.ref)
    assert (licence.status, theirs.status) == (ListingStatus.MATCHED, OfferStatus.SUPERSEDED)


def test_obstacles_are_asked_for_again_at_the_agreement(seller: Actor, buyer: Actor) -> None:
    assert seller.party is not None
    right = scene.right(seller.party)
    listing = scene.published(seller, right)
    offer = scene.offered(buyer, listing)
    with transaction():
        right.status = RightStatus.INVALID
    with pytest.raises(Invalid) as caught:
        actions.accept(seller, offer.ref)
    assert (caught.value.code, caught.value.problems[0].code) == ("offer.obstacles", "status.invalid")
    assert session.scalar(select(Offer.status).where(Offer.id == offer.id)) is OfferStatus.OPEN


def test_a_party_that_was_suspended_since_agrees_to_nothing(
    seller: Actor, buyer: Actor, listing: Listing
) -> None:
    offer = scene.offered(buyer, listing)
    assert buyer.party is not None
    with transaction():
        buyer.party.status = PartyStatus.SUSPENDED
    with pytest.raises(Conflict, match=r"party\.not_verified"):
        actions.accept(seller, offer.ref)


# -- publicity of the agreed price -----------------------------------------------------------------


def test_the_published_price_keeps_its_publicity(seller: Actor, buyer: Actor, listing: Listing) -> None:
    clock.advance(timedelta(days=5))
    deal = scene.agreed(seller, buyer, listing, scene.PRICE + 100)
    assert len(listing.publicities) == 1
    answer = actions.signing_open(deal)
    assert (answer.open, answer.when) == (False, listing.publicities[0].signing_from)
    clock.advance_to(listing.publicities[0].signing_from)
    assert actions.signing_open(deal).open


def test_a_lower_agreed_price_starts_the_publicity_again(
    seller: Actor, buyer: Actor, listing: Listing
) -> None:
    clock.advance(timedelta(days=14))
    deal = scene.agreed(seller, buyer, listing, scene.PRICE - 1)
    assert [public.price_fen for public in listing.publicities] == [scene.PRICE, scene.PRICE - 1]
    clock.advance(timedelta(days=14))
    assert not actions.signing_open(deal).open
    clock.advance_to(listing.publicities[1].signing_from)
    assert actions.signing_open(deal).open


def test_a_negotiated_price_becomes_public_with_the_agreement(seller: Actor, buyer: Actor) -> None:
    negotiable = scene.published(seller, price_fen=None)
    deal = scene.agreed(seller, buyer, negotiable, 80_000_000)
    (public,) = negotiable.publicities
    assert (public.price_fen, public.started_at) == (80_000_000, deal.agreed_at)


def test_an_inventor_who_buys_is_published_as_such(seller: Actor, listing: Listing) -> None:
    inventor = scene.member(scene.party(PartyKind.PERSON, "林知夏"))
    clock.advance(timedelta(days=5))
    deal = scene.agreed(seller, inventor, listing)
    assert deal.terms["buyer_is_inventor"] is True
    assert [public.buyer_is_inventor for public in listing.publicities] == [False, True]
    clock.advance_to(listing.publicities[0].signing_from)
    assert not actions.signing_open(deal).open


def test_a_buyer_says_that_they_are_close_to_an_inventor(
    seller: Actor, buyer: Actor, listing: Listing
) -> None:
    scene.agreed(seller, buyer, listing, terms={"buyer_is_inventor": True})
    assert listing.publicities[-1].buyer_is_inventor


def test_an_enterprise_signs_at_once(buyer: Actor, other: Actor) -> None:
    deal = scene.agreed(other, buyer, scene.published(other))
    assert actions.signing_open(deal).open


# -- the end of a deal -----------------------------------------------------------------------------


def test_a_completed_deal_sells_the_listing(seller: Actor, buyer: Actor, listing: Listing) -> None:
    deal = scene.agreed(seller, buyer, listing)
    actions.complete(SYSTEM, deal)
    assert actions.complete(SYSTEM, deal.ref) is deal
    assert (deal.status, listing.status) == (DealStatus.COMPLETED, ListingStatus.SOLD)
    assert [item.live for item in listing.items] == [False]
    assert happened(listing).count("deal.completed") == 1
    with pytest.raises(IllegalMove):
        actions.rescind(SYSTEM, deal, "太晚")


def test_a_rescinded_deal_opens_the_listing_again(
    seller: Actor, buyer: Actor, other: Actor, listing: Listing
) -> None:
    deal = scene.agreed(seller, buyer, listing)
    with pytest.raises(RuleBroken, match=r"deal\.reason_missing"):
        actions.rescind(SYSTEM, deal, " ")
    actions.rescind(SYSTEM, deal, "买方未付款")
    assert actions.rescind(SYSTEM, deal.ref, "重复").status_reason == "买方未付款"
    assert (deal.status, listing.status) == (DealStatus.RESCINDED, ListingStatus.LISTED)
    assert scene.agreed(seller, other, listing).status is DealStatus.AGREED


def test_a_listing_whose_right_was_burdened_meanwhile_does_not_come_back(seller: Actor, buyer: Actor) -> None:
    assert seller.party is not None
    right = scene.right(seller.party)
    listing = scene.published(seller, right)
    deal = scene.agreed(seller, buyer, listing)
    with transaction():
        right.status = RightStatus.LAPSED
    actions.rescind(SYSTEM, deal, "专利已失效")
    assert listing.status is ListingStatus.SUSPENDED


def test_the_licence_stays_listed_after_a_completed_deal(seller: Actor, buyer: Actor) -> None:
    licence = scene.published(seller, kind=ListingKind.LICENCE)
    actions.complete(SYSTEM, scene.agreed(seller, buyer, licence))
    assert licence.status is ListingStatus.LISTED


# -- terms side by side ----------------------------------------------------------------------------


def test_terms_stand_side_by_side(seller: Actor, buyer: Actor) -> None:
    terms = {**scene.STATEMENTS, "payment": "分期"}
    listing = scene.published(seller, terms=terms)
    first = scene.offered(buyer, listing, 90_000_000, terms={"payment": "一次付清"})
    second = actions.counter(seller, first.ref, price_fen=90_000_000, terms={"payment": "分期"})
    price, payment = rules.side_by_side(listing, [first, second])
    assert (price.asked, price.rounds, price.changed) == (scene.PRICE, (90_000_000, 90_000_000), False)
    assert (payment.asked, payment.rounds, payment.changed) == ("分期", ("一次付清", "分期"), True)
