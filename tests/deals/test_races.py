"""Who was first? Each race has a control that runs the same verbs without locks and shows what they prevent."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm.exc import StaleDataError

from exchange.core.db import session
from exchange.core.errors import Conflict
from exchange.core.events import Event
from exchange.deals import actions
from exchange.deals.models import OFFER, Deal, Offer, OfferStatus
from exchange.listings import actions as listings
from exchange.listings import readiness
from exchange.listings.models import Listing, ListingItem, ListingStatus
from tests.deals.race import acting, faults, refusals, together, without_locks
from tests.listings import scene

pytestmark = pytest.mark.timeout(180)


@dataclass
class Scene:
    """References only: every thread reads for itself."""

    listing: str
    sellers: list[str]
    buyers: list[str]
    offers: list[str]


def set_scene(app: Flask, *, buyers: int, offers: int, sellers: int = 1) -> Scene:
    """A listing, people of its seller, buyers, and an open offer of each of the first ``offers`` buyers."""
    with app.app_context():
        house = scene.party()
        people = [scene.member(house) for _ in range(sellers)]
        listing = scene.published(people[0])
        others = [scene.member(scene.party()) for _ in range(buyers)]
        made = [scene.offered(buyer, listing).ref for buyer in others[:offers]]
        answer = Scene(
            listing.ref,
            [str(person.user_ref) for person in people],
            [str(buyer.user_ref) for buyer in others],
            made,
        )
        session.remove()
        return answer


def count(app: Flask, status: OfferStatus) -> int:
    with app.app_context():
        return session.scalar(select(func.count()).select_from(Offer).where(Offer.status == status)) or 0


def deals(app: Flask) -> int:
    with app.app_context():
        return session.scalar(select(func.count()).select_from(Deal)) or 0


def accept(seller: str, offer: str) -> Callable[[], str]:
    return lambda: actions.accept(acting(seller), offer).ref


def offer(buyer: str, listing: str) -> Callable[[], str]:
    return lambda: actions.make_offer(acting(buyer), listing, price_fen=scene.PRICE).ref


# -- two people of the seller accept two offers at once ----------------------------------------------


def test_one_of_many_acceptances_makes_the_deal(clean_app: Flask) -> None:
    there = set_scene(clean_app, buyers=8, offers=8, sellers=8)
    answers = together(clean_app, [accept(*pair) for pair in zip(there.sellers, there.offers, strict=True)])
    assert refusals(answers) == ["offer.cannot_accept"] * 7
    assert deals(clean_app) == 1
    assert [count(clean_app, s) for s in (OfferStatus.ACCEPTED, OfferStatus.SUPERSEDED)] == [1, 7]
    with clean_app.app_context():
        told = session.scalars(select(Event.type).where(Event.type == "deal.agreed")).all()
        assert len(told) == 1
        assert session.scalars(select(Listing)).one().status is ListingStatus.MATCHED


def test_control_without_locks_the_second_acceptance_breaks(
    clean_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The version column still keeps the deal single, but the loser sees a fault instead of a reason."""
    there = set_scene(clean_app, buyers=2, offers=2, sellers=2)
    with without_locks(monkeypatch, actions, listings, meet=(OFFER, "fire"), people=2):
        answers = together(clean_app, [accept(*p) for p in zip(there.sellers, there.offers, strict=True)])
    broken = faults(answers)
    assert broken
    assert all(isinstance(fault, StaleDataError | DBAPIError) for fault in broken)


def test_many_clicks_on_one_acceptance_are_one_deal(clean_app: Flask) -> None:
    there = set_scene(clean_app, buyers=1, offers=1, sellers=6)
    answers = together(clean_app, [accept(seller, there.offers[0]) for seller in there.sellers])
    assert refusals(answers) == []
    assert len(set(answers)) == 1
    assert deals(clean_app) == 1


# -- twenty buyers offer while one offer is accepted -------------------------------------------------


def test_no_offer_stays_open_on_an_agreed_listing(clean_app: Flask) -> None:
    there = set_scene(clean_app, buyers=21, offers=1)
    acts = [accept(there.sellers[0], there.offers[0])]
    acts += [offer(buyer, there.listing) for buyer in there.buyers[1:]]
    answers = together(clean_app, acts)
    refused = refusals(answers)
    assert set(refused) <= {"offer.listing_closed"}
    assert count(clean_app, OfferStatus.OPEN) == 0
    assert count(clean_app, OfferStatus.SUPERSEDED) == 20 - len(refused)
    assert deals(clean_app) == 1


def test_control_without_locks_offers_stay_open_or_break(
    clean_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = set_scene(clean_app, buyers=6, offers=1)
    acts = [accept(there.sellers[0], there.offers[0])]
    acts += [offer(buyer, there.listing) for buyer in there.buyers[1:]]
    look = (actions, "_must_be_listed")
    with without_locks(monkeypatch, actions, listings, meet=look, people=6, first_goes_ahead=True):
        answers = together(clean_app, acts)
    assert count(clean_app, OfferStatus.OPEN) > 0 or faults(answers)


def test_twenty_buyers_at_once_all_get_their_offer(clean_app: Flask) -> None:
    there = set_scene(clean_app, buyers=20, offers=0)
    answers = together(clean_app, [offer(buyer, there.listing) for buyer in there.buyers])
    assert refusals(answers) == []
    assert count(clean_app, OfferStatus.OPEN) == 20


def test_two_people_of_one_buyer_make_one_offer(clean_app: Flask) -> None:
    there = set_scene(clean_app, buyers=1, offers=0)
    with clean_app.app_context():
        house = acting(there.buyers[0]).party
        assert house is not None
        colleague = str(scene.member(house).user_ref)
        session.remove()
    answers = together(clean_app, [offer(one, there.listing) for one in (there.buyers[0], colleague)])
    assert refusals(answers) == ["offer.already_open"]
    assert count(clean_app, OfferStatus.OPEN) == 1


# -- accept against withdraw -------------------------------------------------------------------------


@pytest.mark.parametrize("_round", range(4))
def test_an_offer_is_accepted_or_withdrawn(clean_app: Flask, _round: int) -> None:
    there = set_scene(clean_app, buyers=1, offers=1)
    answers = together(
        clean_app,
        [
            accept(there.sellers[0], there.offers[0]),
            lambda: actions.withdraw(acting(there.buyers[0]), there.offers[0]).ref,
        ],
    )
    (refused,) = refusals(answers)
    accepted = refused == "offer.cannot_withdraw"
    assert accepted or refused == "offer.cannot_accept"
    assert count(clean_app, OfferStatus.ACCEPTED) == deals(clean_app) == int(accepted)
    assert count(clean_app, OfferStatus.WITHDRAWN) == int(not accepted)


def test_control_without_locks_accept_and_withdraw_collide(
    clean_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = set_scene(clean_app, buyers=1, offers=1)
    with without_locks(monkeypatch, actions, listings, meet=(OFFER, "fire"), people=2):
        answers = together(
            clean_app,
            [
                accept(there.sellers[0], there.offers[0]),
                lambda: actions.withdraw(acting(there.buyers[0]), there.offers[0]).ref,
            ],
        )
    assert faults(answers)


# -- two listings of one right are submitted at once ---------------------------------------------------


def two_drafts(app: Flask) -> tuple[list[str], list[str]]:
    with app.app_context():
        house = scene.party()
        people = [scene.member(house), scene.member(house)]
        right = scene.right(house)
        drafts = [scene.draft(person, right).ref for person in people]
        session.remove()
        return [str(person.user_ref) for person in people], drafts


def submit(person: str, ref: str) -> Callable[[], str]:
    return lambda: listings.submit(acting(person), ref).ref


def live(app: Flask) -> int:
    with app.app_context():
        return session.scalar(select(func.count()).select_from(ListingItem).where(ListingItem.live)) or 0


def test_one_right_is_listed_once(clean_app: Flask) -> None:
    people, drafts = two_drafts(clean_app)
    answers = together(clean_app, [submit(*pair) for pair in zip(people, drafts, strict=True)])
    assert refusals(answers) == ["listing.already_live"]
    (refused,) = [answer for answer in answers if isinstance(answer, Conflict)]
    assert refused.params["other"] in drafts, "the loser is told which listing came first"
    assert live(clean_app) == 1


def test_control_without_locks_only_the_index_keeps_it_single(
    clean_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    people, drafts = two_drafts(clean_app)
    with without_locks(monkeypatch, listings, meet=(readiness, "refuse_other_live"), people=2):
        answers = together(clean_app, [submit(*pair) for pair in zip(people, drafts, strict=True)])
    (lost,) = [answer for answer in answers if isinstance(answer, Exception)]
    assert "other" not in getattr(lost, "params", {}), "nobody can say which listing came first"
    assert live(clean_app) == 1
