"""The verbs of a listing, through the database: what they do, what they refuse, who may."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from exchange.core import clock, due
from exchange.core.db import session, transaction
from exchange.core.errors import Conflict, DomainError, IllegalMove, Invalid, NotAllowed, NotFound, RuleBroken
from exchange.core.events import Event, record
from exchange.listings import actions, readiness, rules, shelf
from exchange.listings.models import LicenceKind, Listing, ListingKind, ListingStatus
from exchange.parties.models import PartyKind, PartyName, Role
from exchange.parties.policy import SYSTEM, VISITOR, Actor
from exchange.rights.models import Encumbrance, EncumbranceKind, Right, RightStatus
from tests.listings import scene

pytestmark = pytest.mark.usefixtures("db_app")


@pytest.fixture
def seller(db_app: Flask) -> Actor:
    return scene.member(scene.party(PartyKind.UNIVERSITY))


@pytest.fixture
def firm(db_app: Flask) -> Actor:
    return scene.member(scene.party(PartyKind.ENTERPRISE))


def events_of(listing: Listing) -> list[str]:
    query = select(Event.type).where(Event.subject_ref == listing.ref).order_by(Event.id)
    return list(session.scalars(query))


def codes(error: Invalid) -> set[str]:
    return {problem.code for problem in error.problems}


@transaction
def change(right: Right, **facts: Any) -> None:
    for name, value in facts.items():
        setattr(right, name, value)


@transaction
def burden(right: Right, kind: EncumbranceKind) -> None:
    session.add(Encumbrance(right_id=right.id, kind=kind, since=clock.today(), holder="闽都惠民银行"))


def tell(type_: str, right: Right) -> Event:
    with transaction():
        return record(SYSTEM, type_, right)


# -- drafting ------------------------------------------------------------------------------------


def test_a_draft_takes_title_and_region_from_right_and_seller(seller: Actor) -> None:
    assert seller.party is not None
    right = scene.right(seller.party)
    listing = actions.draft(seller, kind=ListingKind.TRANSFER, right_refs=[right.ref])
    assert listing.title == right.title
    assert listing.region == "350100"
    assert listing.negotiable
    assert listing.status is ListingStatus.DRAFT
    assert [item.live for item in listing.items] == [False]
    assert events_of(listing) == ["listing.drafted"]


def test_invariant_25_a_licence_of_no_kind_is_ordinary(seller: Actor) -> None:
    listing = scene.draft(seller, kind=ListingKind.LICENCE)
    assert listing.licence_kind is LicenceKind.ORDINARY
    assert not listing.exclusive


@pytest.mark.parametrize("kind", [ListingKind.OPEN_LICENCE, ListingKind.DEMAND, ListingKind.PLEDGE_DISPOSAL])
def test_only_transfer_and_licence_can_be_listed_today(seller: Actor, kind: ListingKind) -> None:
    with pytest.raises(RuleBroken, match=r"listing\.kind"):
        scene.draft(seller, kind=kind)


def test_nobody_lists_what_they_have_not_claimed(seller: Actor, firm: Actor) -> None:
    assert firm.party is not None
    with pytest.raises(RuleBroken, match=r"listing\.no_holding"):
        scene.draft(seller, scene.right(firm.party))


def test_a_draft_needs_a_right(seller: Actor) -> None:
    with pytest.raises(RuleBroken, match=r"listing\.rights_count"):
        actions.draft(seller, kind=ListingKind.TRANSFER, right_refs=[])


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"summary": "国家推荐的好膜"}, "listing.claim"),
        ({"maturity": "finished"}, "listing.maturity"),
        ({"licence_years": 5}, "listing.licence_terms"),
        ({"terms": {"unheard_of": "x"}}, "listing.statement"),
        ({"terms": {"inventors_notified": "yes"}}, "listing.statement"),
    ],
)
def test_what_is_wrong_with_a_draft_is_said(seller: Actor, facts: dict[str, Any], code: str) -> None:
    with pytest.raises(Invalid) as caught:
        scene.draft(seller, **facts)
    assert codes(caught.value) == {code}


def test_a_licence_of_a_hundred_years_is_refused(seller: Actor) -> None:
    with pytest.raises(Invalid, match="50 years"):
        scene.draft(seller, kind=ListingKind.LICENCE, licence_years=100)


@pytest.mark.parametrize("price", [0, -1, 10**15 + 1])
def test_a_price_is_more_than_nothing(seller: Actor, price: int) -> None:
    with pytest.raises(RuleBroken, match=r"listing\.price"):
        scene.draft(seller, price_fen=price)


def test_shares_of_several_rights_are_whole(seller: Actor) -> None:
    assert seller.party is not None
    rights = [scene.right(seller.party) for _ in range(3)]
    listing = scene.draft(seller, *rights, weights=[1, 1, 1])
    assert sum(item.price_share_bp or 0 for item in listing.items) == rules.FULL_SHARE
    with pytest.raises(RuleBroken, match=r"listing\.weights"):
        scene.draft(seller, *rights, weights=[1, 1])


@pytest.mark.parametrize("roles", [(Role.SIGNER,), (Role.FINANCE,)])
def test_drafting_is_for_agents_and_administrators(roles: tuple[Role, ...]) -> None:
    seller = scene.member(scene.party(), *roles)
    with pytest.raises(NotAllowed):
        scene.draft(seller)
    with pytest.raises(NotAllowed):
        actions.draft(VISITOR, kind=ListingKind.TRANSFER, right_refs=["RT-0"])


# -- editing ---------------------------------------------------------------------------------------


def test_editing_changes_what_is_named_and_keeps_the_rest(seller: Actor) -> None:
    listing = scene.draft(seller)
    actions.edit(seller, listing.ref, title="新标题", price_fen=None, terms={"payment": "分两期"})
    assert listing.title == "新标题"
    assert listing.negotiable
    assert listing.terms == {**scene.STATEMENTS, "payment": "分两期"}
    assert listing.summary == "浓缩率高,膜寿命长。"


def test_editing_exchanges_the_rights(seller: Actor) -> None:
    assert seller.party is not None
    first, second, third = (scene.right(seller.party) for _ in range(3))
    listing = scene.draft(seller, first, second)
    actions.edit(seller, listing.ref, right_refs=[third.ref, second.ref], weights=[3, 1])
    assert [(item.right_id, item.price_share_bp) for item in listing.items] == [
        (third.id, 7500),
        (second.id, 2500),
    ]


def test_only_drafts_and_rejected_listings_are_edited(seller: Actor) -> None:
    listing = scene.submitted(seller)
    with pytest.raises(Conflict, match=r"listing\.cannot_edit"):
        actions.edit(seller, listing.ref, title="x")
    actions.reject(scene.reviewer(), listing.ref, reason="标题太宽")
    assert actions.edit(seller, listing.ref, title="x").title == "x"


def test_strangers_do_not_learn_that_a_draft_exists(seller: Actor, firm: Actor) -> None:
    listing = scene.draft(seller)
    with pytest.raises(NotFound):
        actions.edit(firm, listing.ref, title="x")
    with pytest.raises(NotFound):
        actions.submit(firm, listing.ref)


def test_the_exchange_sees_a_draft_and_does_not_edit_it(seller: Actor) -> None:
    with pytest.raises(NotAllowed, match=r"listing\.not_yours"):
        actions.edit(scene.reviewer(), scene.draft(seller).ref, title="x")


# -- submitting ------------------------------------------------------------------------------------


def test_a_submitted_listing_occupies_its_rights(seller: Actor) -> None:
    listing = scene.submitted(seller)
    assert listing.status is ListingStatus.SUBMITTED
    assert listing.submitted_at == clock.now()
    assert [item.live for item in listing.items] == [True]
    assert actions.submit(seller, listing.ref) is listing
    assert events_of(listing) == ["listing.drafted", "listing.submitted"]


def test_a_second_live_listing_names_the_first(seller: Actor) -> None:
    assert seller.party is not None
    right = scene.right(seller.party)
    first = scene.submitted(seller, right)
    second = scene.draft(seller, right)
    with pytest.raises(Conflict, match=r"listing\.already_live") as caught:
        actions.submit(seller, second.ref)
    assert caught.value.params["other"] == first.ref
    actions.withdraw(seller, first.ref)
    assert actions.submit(seller, second.ref).status is ListingStatus.SUBMITTED


def test_another_kind_of_listing_may_stand_beside_it(seller: Actor) -> None:
    assert seller.party is not None
    right = scene.right(seller.party)
    scene.submitted(seller, right)
    assert scene.submitted(seller, right, kind=ListingKind.LICENCE).status is ListingStatus.SUBMITTED


def test_an_unverified_party_does_not_list() -> None:
    seller = scene.member(scene.party(verified=False))
    with pytest.raises(Conflict, match=r"party\.not_verified"):
        actions.submit(seller, scene.draft(seller).ref)


def refused(seller: Actor, listing: Listing) -> set[str]:
    with pytest.raises(Invalid) as caught:
        actions.submit(seller, listing.ref)
    assert caught.value.code == "listing.obstacles"
    assert {problem.code for problem in readiness.may_be_submitted(listing)} == codes(caught.value)
    return codes(caught.value)


def test_an_unverified_holding_is_an_obstacle(seller: Actor) -> None:
    assert seller.party is not None
    right = scene.right(seller.party, verified=False)
    assert refused(seller, scene.draft(seller, right)) == {"holding.unverified"}


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"status": RightStatus.LAPSED}, "status.lapsed"),
        ({"status": RightStatus.EXPIRED}, "status.expired"),
        ({"status": RightStatus.INVALID}, "status.invalid"),
        ({"status": RightStatus.WITHDRAWN}, "status.withdrawn"),
        ({"status": RightStatus.UNKNOWN}, "status.unknown"),
        ({"country": "US"}, "right.foreign"),
        ({"status": RightStatus.PENDING, "published_on": None, "granted_on": None}, "status.unpublished"),
    ],
)
def test_invariants_9_and_73_what_may_not_be_listed(seller: Actor, facts: dict[str, Any], code: str) -> None:
    assert seller.party is not None
    assert refused(seller, scene.draft(seller, scene.right(seller.party, **facts))) == {code}


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (EncumbranceKind.PRESERVATION, "burden.preservation"),
        (EncumbranceKind.DISPUTE, "burden.dispute"),
        (EncumbranceKind.PLEDGE, "burden.pledge"),
    ],
)
def test_burdens_that_stop_a_listing(seller: Actor, kind: EncumbranceKind, code: str) -> None:
    assert seller.party is not None
    right = scene.right(seller.party)
    burden(right, kind)
    assert refused(seller, scene.draft(seller, right)) == {code}


def test_a_pledged_right_is_offered_with_the_pledgees_word(seller: Actor) -> None:
    assert seller.party is not None
    right = scene.right(seller.party)
    burden(right, EncumbranceKind.PLEDGE)
    consent = {**scene.STATEMENTS, "pledgee_consent": "闽都惠民银行 2026-06-10 同意函"}
    assert scene.submitted(seller, right, terms=consent).status is ListingStatus.SUBMITTED


def test_an_exclusive_licence_on_record_stops_another_licence_and_not_a_sale(seller: Actor) -> None:
    assert seller.party is not None
    right = scene.right(seller.party)
    burden(right, EncumbranceKind.EXCLUSIVE_LICENCE)
    terms = {**scene.STATEMENTS, "licences_disclosed": "独占许可至 2028 年"}
    licence = scene.draft(seller, right, kind=ListingKind.LICENCE, terms=terms)
    assert refused(seller, licence) == {"burden.exclusive_licence"}
    assert scene.submitted(seller, right, terms=terms).status is ListingStatus.SUBMITTED


def test_invariant_12_every_co_owner_must_have_agreed(seller: Actor) -> None:
    assert seller.party is not None
    right = scene.right(seller.party, "闽东新材料研究院")
    listing = scene.draft(seller, right)
    assert refused(seller, listing) == {"listing.consent_missing"}
    actions.edit(seller, listing.ref, terms={"co_owner_consents": ["闽东新材料研究院"]})
    assert actions.submit(seller, listing.ref).status is ListingStatus.SUBMITTED


def test_invariant_12_an_ordinary_licence_needs_no_co_owner(seller: Actor) -> None:
    assert seller.party is not None
    right = scene.right(seller.party, "闽东新材料研究院")
    ordinary = scene.submitted(seller, right, kind=ListingKind.LICENCE)
    assert ordinary.status is ListingStatus.SUBMITTED
    actions.withdraw(seller, ordinary.ref)
    sole = scene.draft(seller, right, kind=ListingKind.LICENCE, licence_kind=LicenceKind.SOLE)
    assert refused(seller, sole) == {"listing.consent_missing"}


def test_a_former_name_of_the_seller_is_the_seller(seller: Actor) -> None:
    assert seller.party is not None
    right = scene.right(seller.party, "榕江工学院")
    with transaction():
        session.add(PartyName(party_id=seller.party.id, name="榕江工学院", verified=True))
    assert scene.submitted(seller, right).status is ListingStatus.SUBMITTED


def test_every_missing_statement_is_named_at_once(seller: Actor) -> None:
    assert seller.party is not None
    right = scene.right(seller.party)
    burden(right, EncumbranceKind.LICENCE)
    assert refused(seller, scene.draft(seller, right, terms={})) == {
        "listing.decision_missing",
        "listing.licences_undisclosed",
        "listing.inventors_not_notified",
    }


# -- review ----------------------------------------------------------------------------------------


def test_approval_makes_each_move_with_its_event(seller: Actor) -> None:
    listing = scene.submitted(seller)
    judge = scene.reviewer()
    actions.approve(judge, listing.ref)
    assert listing.status is ListingStatus.LISTED
    assert listing.published_at == clock.now()
    assert listing.expires_at == rules.expires_at(clock.now())
    assert listing.reviewed_by == judge.user_ref
    assert events_of(listing)[2:] == [
        "listing.verified",
        "listing.gated",
        "listing.published",
        "listing.publicity_started",
    ]
    assert actions.approve(judge, listing.ref) is listing


def test_approval_goes_on_from_where_it_stands(seller: Actor) -> None:
    listing = scene.submitted(seller)
    judge = scene.reviewer()
    actions.verify(judge, listing.ref)
    assert actions.verify(judge, listing.ref).status is ListingStatus.VERIFIED
    actions.pass_gates(judge, listing.ref)
    assert actions.pass_gates(judge, listing.ref).status is ListingStatus.GATED
    assert actions.approve(judge, listing.ref).status is ListingStatus.LISTED


def test_steps_are_not_skipped(seller: Actor) -> None:
    judge = scene.reviewer()
    draft = scene.draft(seller)
    for verb in (actions.verify, actions.pass_gates, actions.publish, actions.approve):
        with pytest.raises(IllegalMove):
            verb(judge, draft.ref)
    listing = scene.submitted(seller)
    with pytest.raises(IllegalMove, match=r"listing\.cannot_publish"):
        actions.publish(judge, listing.ref)


def test_what_has_come_up_since_stops_the_approval_whole(seller: Actor) -> None:
    assert seller.party is not None
    right = scene.right(seller.party)
    listing = scene.submitted(seller, right)
    change(right, status=RightStatus.LAPSED)
    with pytest.raises(Invalid):
        actions.approve(scene.reviewer(), listing.ref)
    assert session.scalar(select(Listing.status).where(Listing.id == listing.id)) is ListingStatus.SUBMITTED


def test_review_is_for_reviewers_of_another_house(seller: Actor) -> None:
    listing = scene.submitted(seller)
    for actor in (seller, scene.member(scene.party(PartyKind.OPERATOR), Role.OPERATOR)):
        for verb in (actions.verify, actions.approve, actions.publish):
            with pytest.raises(NotAllowed):
                verb(actor, listing.ref)
    house = scene.member(scene.party(PartyKind.OPERATOR), Role.REVIEWER, Role.AGENT)
    own = scene.submitted(house)
    with pytest.raises(NotAllowed, match=r"listing\.own_review"):
        actions.approve(house, own.ref)


def test_a_rejection_gives_its_reason_and_frees_the_rights(seller: Actor) -> None:
    assert seller.party is not None
    right = scene.right(seller.party)
    listing = scene.submitted(seller, right)
    judge = scene.reviewer()
    with pytest.raises(RuleBroken, match=r"listing\.reason_missing"):
        actions.reject(judge, listing.ref, reason="  ")
    actions.reject(judge, listing.ref, reason="缺共有人同意书")
    assert (listing.status, listing.status_reason) == (ListingStatus.REJECTED, "缺共有人同意书")
    assert actions.reject(judge, listing.ref, reason="缺共有人同意书") is listing
    other = scene.submitted(seller, right)
    with pytest.raises(Conflict, match=r"listing\.already_live"):
        actions.submit(seller, listing.ref)
    actions.withdraw(seller, other.ref)
    assert actions.submit(seller, listing.ref).status_reason is None


# -- price, withdrawal, expiry ---------------------------------------------------------------------


def test_the_price_changes_with_its_history(firm: Actor) -> None:
    listing = scene.published(firm)
    clock.advance(timedelta(days=3))
    actions.change_price(firm, listing.ref, price_fen=100_000_000)
    clock.advance(timedelta(days=3))
    actions.change_price(firm, listing.ref, price_fen=None)
    actions.change_price(firm, listing.ref, price_fen=None)
    assert [point.price_fen for point in shelf.price_history(listing)] == [scene.PRICE, 100_000_000, None]
    with pytest.raises(RuleBroken, match=r"listing\.price"):
        actions.change_price(firm, listing.ref, price_fen=0)


def test_a_price_is_changed_only_while_listed(firm: Actor) -> None:
    with pytest.raises(Conflict, match=r"listing\.cannot_change_price"):
        actions.change_price(firm, scene.submitted(firm).ref, price_fen=1)


def test_withdrawing_frees_the_rights_and_is_done_once(firm: Actor) -> None:
    listing = scene.published(firm)
    actions.withdraw(firm, listing.ref, reason="自用")
    actions.withdraw(firm, listing.ref)
    assert (listing.status, listing.status_reason) == (ListingStatus.WITHDRAWN, "自用")
    assert [item.live for item in listing.items] == [False]
    assert listing.ended_at == clock.now()
    assert events_of(listing).count("listing.withdrawn") == 1


def test_a_listing_ends_with_its_period(firm: Actor) -> None:
    listing = scene.published(firm)
    assert listing.expires_at is not None
    clock.advance_to(listing.expires_at - timedelta(seconds=1))
    due.register(actions.DUE, actions.run_due)
    assert due.run() == 0
    actions.run_due(listing.ref)
    assert "listing.expired" not in events_of(listing)
    clock.advance(timedelta(seconds=1))
    assert due.run() == 1
    session.refresh(listing)
    assert listing.status is ListingStatus.EXPIRED
    assert [item.live for item in listing.items] == [False]
    actions.run_due(listing.ref)
    assert events_of(listing).count("listing.expired") == 1


# -- suspension -------------------------------------------------------------------------------------


def test_a_listing_is_suspended_when_its_right_lapses(firm: Actor) -> None:
    assert firm.party is not None
    right = scene.right(firm.party)
    listing = scene.published(firm, right)
    actions.on_right_event(tell("right.status_changed", right))
    assert "listing.suspended" not in events_of(listing), "nothing stands in the way yet"
    change(right, status=RightStatus.LAPSED)
    event = tell("right.status_changed", right)
    actions.on_right_event(event)
    actions.on_right_event(event)
    assert listing.status is ListingStatus.SUSPENDED
    assert [stopped["code"] for stopped in listing.stopped_by] == ["status.lapsed"]
    assert [item.live for item in listing.items] == [True], "it keeps its place"
    assert events_of(listing).count("listing.suspended") == 1


def test_a_suspended_listing_is_reviewed_again(firm: Actor) -> None:
    assert firm.party is not None
    right = scene.right(firm.party)
    listing = scene.published(firm, right)
    change(right, status=RightStatus.LAPSED)
    actions.on_right_event(tell("right.status_changed", right))
    with pytest.raises(Invalid):
        actions.resume(firm, listing.ref)
    change(right, status=RightStatus.GRANTED)
    actions.resume(firm, listing.ref)
    assert (listing.status, listing.stopped_by) == (ListingStatus.SUBMITTED, [])
    assert actions.resume(firm, listing.ref) is listing
    assert actions.approve(scene.reviewer(), listing.ref).status is ListingStatus.LISTED


def test_a_new_pledge_suspends_unless_the_pledgee_agreed(firm: Actor) -> None:
    assert firm.party is not None
    right = scene.right(firm.party)
    listing = scene.published(firm, right)
    burden(right, EncumbranceKind.PLEDGE)
    actions.on_right_event(tell("right.encumbered", right))
    assert listing.status is ListingStatus.SUSPENDED


def test_every_kind_of_listing_of_the_right_is_suspended(firm: Actor) -> None:
    assert firm.party is not None
    right = scene.right(firm.party)
    sale = scene.published(firm, right)
    licence = scene.submitted(firm, right, kind=ListingKind.LICENCE)
    draft = scene.draft(firm, right)
    burden(right, EncumbranceKind.PRESERVATION)
    actions.on_right_event(tell("right.encumbered", right))
    assert (sale.status, licence.status, draft.status) == (
        ListingStatus.SUSPENDED,
        ListingStatus.SUSPENDED,
        ListingStatus.DRAFT,
    )


# -- limits of trade ---------------------------------------------------------------------------------


def test_invariant_65_too_many_holders(firm: Actor) -> None:
    assert firm.party is not None
    crowd = [f"股东{number}" for number in range(200)]
    listing = scene.draft(
        firm, scene.right(firm.party, *crowd), terms={**scene.STATEMENTS, "co_owner_consents": crowd}
    )
    assert refused(firm, listing) == {"listing.holders"}


def test_invariant_65_no_quick_resale(firm: Actor) -> None:
    assert firm.party is not None
    right = scene.right(firm.party)
    listing = scene.published(firm, right)
    actions.match(SYSTEM, listing)
    actions.mark_sold(SYSTEM, listing)
    again = scene.draft(firm, right)
    assert refused(firm, again) == {"listing.resale_gap"}
    clock.advance_to(clock.at_beijing_midnight(rules.resale_from(clock.now())))
    assert actions.submit(firm, again.ref).status is ListingStatus.SUBMITTED


# -- who sees what -----------------------------------------------------------------------------------


def sees(actor: Actor, listing: Listing) -> bool:
    try:
        return shelf.get_for(actor, listing.ref) is listing
    except NotFound:
        return False


def test_before_publication_only_the_seller_and_the_exchange_see_it(seller: Actor, firm: Actor) -> None:
    assert seller.party is not None
    colleague = scene.member(seller.party, Role.FINANCE)
    auditor = scene.member(scene.party(PartyKind.OPERATOR), Role.AUDITOR)
    registrar = scene.member(scene.party(PartyKind.REGISTRAR), Role.REGISTRAR)
    listing = scene.submitted(seller)
    assert [sees(one, listing) for one in (seller, colleague, auditor)] == [True, True, True]
    assert [sees(one, listing) for one in (firm, VISITOR, registrar)] == [False, False, False]
    actions.approve(scene.reviewer(), listing.ref)
    assert [sees(one, listing) for one in (firm, VISITOR, registrar)] == [True, True, True]
    actions.withdraw(seller, listing.ref)
    assert [sees(one, listing) for one in (firm, VISITOR, seller)] == [False, False, True]


def test_the_shelf_shows_what_is_listed(seller: Actor, firm: Actor) -> None:
    assert seller.party is not None
    listed = [scene.published(seller), scene.published(firm)]
    scene.submitted(seller)
    assert list(shelf.latest(10)) == listed[::-1]
    found = shelf.figures()
    assert (found.rights, found.listings, found.deals, found.median_days) == (2, 2, 0, None)
    assert len(session.scalars(shelf.to_review()).all()) == 1
    assert len(session.scalars(shelf.of_party(seller.party.id)).all()) == 2


def test_refusals_name_their_field(seller: Actor) -> None:
    with pytest.raises(DomainError) as caught:
        scene.draft(seller, kind=ListingKind.DEMAND)
    assert caught.value.field == "kind"
