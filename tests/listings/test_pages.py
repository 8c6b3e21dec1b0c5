"""The pages: the seller's way by forms, the reviewer's decision, what a visitor sees and does not see."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from exchange.core import clock
from exchange.core.db import session, transaction
from exchange.listings import actions, publicity
from exchange.listings.models import Listing, ListingKind, ListingStatus, Objection
from exchange.parties.models import Party, PartyKind, Role
from exchange.parties.policy import Actor
from exchange.rights.models import Encumbrance, EncumbranceKind, RightStatus
from tests.listings import scene
from tests.parties.given import given_party, hidden, signed_in, submit

EN = {"Accept-Language": "en"}


@pytest.fixture
def house(db_app: Flask) -> Party:
    return given_party(PartyKind.UNIVERSITY, name="榕江理工大学")


@pytest.fixture
def seller(db_app: Flask, house: Party) -> Actor:
    return scene.member(house)


def browser(app: Flask, party: Party, *roles: Role) -> FlaskClient:
    client = app.test_client()
    signed_in(client, party, *roles)
    client.set_cookie("lang", "en")
    return client


@pytest.fixture
def desk(db_app: Flask, house: Party) -> FlaskClient:
    """The browser of an agent of the seller."""
    return browser(db_app, house, Role.AGENT)


@pytest.fixture
def judge(db_app: Flask) -> FlaskClient:
    """The browser of a reviewer."""
    return browser(db_app, given_party(PartyKind.OPERATOR), Role.REVIEWER)


def fresh(listing: Listing) -> Listing:
    session.expire_all()
    return session.scalars(select(Listing).where(Listing.ref == listing.ref)).one()


# -- everybody -------------------------------------------------------------------------------------


def test_home_shows_the_market_as_it_is(client: FlaskClient, seller: Actor) -> None:
    empty = client.get("/", headers=EN).text
    assert "Nothing is on offer yet" in empty
    listing = scene.published(seller)
    scene.submitted(seller)
    page = client.get("/", headers=EN).text
    assert f'href="/listings/{listing.ref}"' in page
    assert re.search(r"Rights on offer</dt><dd><a[^>]*>1</a>", page)
    assert "Publicity, day 0 of 15" in page
    assert page.count('class="ry-row"') == 1


def test_a_listing_speaks_both_languages(client: FlaskClient, seller: Actor) -> None:
    listing = scene.published(seller, title_en="Hollow-fibre membrane")
    assert '<h1 itemprop="name">中空纤维纳滤膜</h1>' in client.get(f"/listings/{listing.ref}").text
    english = client.get(f"/listings/{listing.ref}?lang=en").text
    assert '<h1 itemprop="name">Hollow-fibre membrane</h1>' in english


def test_the_public_page_says_what_matters(client: FlaskClient, seller: Actor) -> None:
    assert seller.party is not None
    right = scene.right(seller.party, "闽东新材料研究院", fee_reduction=True)
    with transaction():
        session.add(
            Encumbrance(
                right_id=right.id, kind=EncumbranceKind.LICENCE, since=clock.today(), holder="海澄水务"
            )
        )
    terms = {
        **scene.STATEMENTS,
        "co_owner_consents": ["闽东新材料研究院"],
        "licences_disclosed": "海澄水务普通许可",
    }
    listing = scene.published(seller, right, terms=terms, maturity="pilot")
    page = client.get(f"/listings/{listing.ref}", headers=EN).text
    for words in (
        "14 years 11 months left, until 8 June 2041",
        "Annual fees are paid up to year 6",
        "the full fee of CNY 2,000",
        "The price is public for 15 more days",
        "the earliest day to sign is 1 July",
        "Licence on record for 海澄水务",
        "Co-owners who agreed, as the seller states: 闽东新材料研究院",
        "Pilot scale",
        "Sign in for a verified organisation",
        "1,260,000<small>CNY</small>",
    ):
        assert words in page, words
    assert 'itemprop="price" content="1260000.00"' in page
    assert "校科〔2026〕14号" not in page, "the internal decision is between the seller and the exchange"


def test_the_way_to_an_offer_is_open_or_says_why_not(db_app: Flask, seller: Actor) -> None:
    listing = scene.published(seller)

    def page(party: Party, role: Role) -> str:
        return browser(db_app, party, role).get(f"/listings/{listing.ref}").text

    assert f'href="/listings/{listing.ref}/offer"' in page(given_party(), Role.AGENT)
    assert "Offers are made by agents" in page(given_party(), Role.SIGNER)
    assert "has not verified your organisation" in page(given_party(verified=False), Role.AGENT)
    scene.agreed(seller, scene.member(scene.party()), listing)
    assert "A buyer has been found" in page(given_party(), Role.AGENT)


def test_strangers_get_404_before_publication(db_app: Flask, client: FlaskClient, seller: Actor) -> None:
    listing = scene.submitted(seller)
    other = browser(db_app, given_party(), Role.AGENT)
    for path in ("", "/edit", "/edit/price", "/check", "/price", "/withdraw", "/review", "/object", "/offer"):
        answer = other.get(f"/listings/{listing.ref}{path}")
        assert answer.status_code == 404, path
        assert listing.title not in answer.text
    assert client.get(f"/listings/{listing.ref}").status_code == 404
    assert client.get("/listings/LS-00000000000").status_code == 404


def test_a_portfolio_shows_every_right_with_its_share(client: FlaskClient, seller: Actor) -> None:
    assert seller.party is not None
    rights = [scene.right(seller.party) for _ in range(3)]
    listing = scene.published(seller, *rights, weights=[2, 1, 1], price_fen=8_600_000)
    page = client.get(f"/listings/{listing.ref}", headers=EN).text
    assert page.count("CNY 21,500") == 2
    assert page.count("CNY 43,000") == 1
    assert "3 rights" in page


def test_the_sitemap_lists_what_is_on_offer(client: FlaskClient, seller: Actor) -> None:
    listed, hidden_one = scene.published(seller), scene.submitted(seller)
    text = client.get("/sitemap.xml").text
    assert f"/listings/{listed.ref}" in text
    assert hidden_one.ref not in text


# -- the seller's way ------------------------------------------------------------------------------


def test_the_whole_way_by_forms(desk: FlaskClient, judge: FlaskClient, seller: Actor) -> None:
    assert seller.party is not None
    right = scene.right(seller.party, "闽东新材料研究院")
    made = submit(desk, "/listings/new", kind="transfer", right_refs=right.ref)
    assert made.status_code == 303
    ref = made.location.split("/")[2]
    tasks = desk.get(made.location).text
    assert "Missing" in tasks
    assert f"/listings/{ref}/check" not in tasks

    def fill(part: str, **answers: str) -> None:
        answer = submit(desk, f"/listings/{ref}/edit/{part}", to=None, **answers)
        assert (answer.status_code, answer.location) == (303, f"/listings/{ref}/edit")

    fill("description", title="纳滤膜", summary="浓缩率高", maturity="pilot", region="3501", includes="样机")
    fill("price", price="1,260,000", payment="分两期")
    fill(
        "statements",
        co_owner_consents="闽东新材料研究院",
        internal_decision="校科〔2026〕14号",
        inventors_notified="1",
    )
    check = desk.get(f"/listings/{ref}/check").text
    for words in ("纳滤膜", "1,260,000", "样机", "校科〔2026〕14号", "闽东新材料研究院", "15 full days"):
        assert words in check, words
    sent = submit(desk, f"/listings/{ref}/check", to=f"/listings/{ref}/submit")
    assert sent.status_code == 303
    assert "The exchange is reviewing it" in desk.get(f"/listings/{ref}").text
    review = judge.get(f"/listings/{ref}/review").text
    assert "校科〔2026〕14号" in review
    published = submit(judge, f"/listings/{ref}/review", to=f"/listings/{ref}/review/approve")
    assert published.status_code == 303
    listing = session.scalars(select(Listing).where(Listing.ref == ref)).one()
    assert listing.status is ListingStatus.LISTED
    assert listing.terms["payment"] == "分两期"


def test_a_form_asks_for_what_this_listing_needs(desk: FlaskClient, seller: Actor) -> None:
    sale = scene.draft(seller)
    licence = scene.draft(seller, kind=ListingKind.LICENCE)
    assert 'name="licence_years"' not in desk.get(f"/listings/{sale.ref}/edit/price").text
    assert 'name="licence_years"' in desk.get(f"/listings/{licence.ref}/edit/price").text
    statements = desk.get(f"/listings/{licence.ref}/edit/statements").text
    assert 'name="internal_decision"' in statements
    assert 'name="inventors_notified"' not in statements
    assert 'name="pledgee_consent"' not in statements
    assert desk.get(f"/listings/{sale.ref}/edit/nonsense").status_code == 404


def test_an_emptied_answer_is_empty(desk: FlaskClient, seller: Actor) -> None:
    listing = scene.draft(seller, maturity="pilot")
    assert submit(desk, f"/listings/{listing.ref}/edit/price", price="").status_code == 303
    assert submit(desk, f"/listings/{listing.ref}/edit/description", title="T", summary="").status_code == 303
    listing = fresh(listing)
    assert (listing.price_fen, listing.maturity, listing.summary, listing.title) == (None, None, "", "T")
    assert listing.terms["internal_decision"] == scene.STATEMENTS["internal_decision"], (
        "another task's answer"
    )


def test_what_is_wrong_is_shown_beside_its_field(desk: FlaskClient, seller: Actor) -> None:
    listing = scene.draft(seller)
    answer = submit(desk, f"/listings/{listing.ref}/edit/price", price="twelve")
    assert answer.status_code == 422
    assert 'value="twelve"' in answer.text
    assert 'id="f-price-error"' in answer.text
    claimed = submit(
        desk, f"/listings/{listing.ref}/edit/description", title="T", summary="国家推荐的好膜", region="3501"
    )
    assert claimed.status_code == 422
    assert "no exchange recommends" in claimed.text


def test_the_rights_of_a_draft_are_exchanged(desk: FlaskClient, seller: Actor) -> None:
    assert seller.party is not None
    first, second = scene.right(seller.party), scene.right(seller.party)
    listing = scene.draft(seller, first)
    path = f"/listings/{listing.ref}/edit/rights"
    assert submit(desk, path, right_refs=[first.ref, second.ref]).status_code == 303
    assert submit(desk, path, right_refs=[first.ref, second.ref], weights="3\n1").status_code == 303
    assert [item.price_share_bp for item in fresh(listing).items] == [7500, 2500]
    assert submit(desk, path).status_code == 422


def test_rights_are_chosen_among_ones_own(desk: FlaskClient, seller: Actor) -> None:
    assert seller.party is not None
    mine = scene.right(seller.party)
    theirs = scene.right(scene.party())
    page = desk.get("/listings/new").text
    assert mine.ref in page
    assert theirs.ref not in page
    assert submit(desk, "/listings/new", kind="transfer", right_refs=theirs.ref).status_code == 422
    narrowed = desk.get(f"/listings/new?q={mine.title[-3:]}").text
    assert mine.ref in narrowed
    assert "None of your rights matches" in desk.get("/listings/new?q=nowhere").text


def test_a_second_click_makes_one_draft(desk: FlaskClient, seller: Actor) -> None:
    assert seller.party is not None
    right = scene.right(seller.party)
    data = {**hidden(desk.get("/listings/new").text), "kind": "transfer", "right_refs": right.ref}
    first, second = (desk.post("/listings/new", data=data) for _ in range(2))
    assert first.location == second.location
    assert len(session.scalars(select(Listing)).all()) == 1


def test_my_listings_by_state(desk: FlaskClient, seller: Actor) -> None:
    draft, live = scene.draft(seller, title="甲"), scene.submitted(seller, title="乙")
    everything = desk.get("/listings").text
    assert draft.ref in everything
    assert live.ref in everything
    some = desk.get("/listings?status=submitted").text
    assert draft.ref not in some
    assert live.ref in some


def test_price_and_withdrawal(desk: FlaskClient, seller: Actor) -> None:
    listing = scene.published(seller)
    clock.advance(timedelta(minutes=10))
    answer = submit(desk, f"/listings/{listing.ref}/price", price="1,000,000")
    assert answer.status_code == 303
    page = desk.get(f"/listings/{listing.ref}").text
    assert "Price history" in page
    assert "CNY 1,260,000" in page
    assert submit(desk, f"/listings/{listing.ref}/withdraw", reason="自用").status_code == 303
    assert fresh(listing).status is ListingStatus.WITHDRAWN
    assert "自用" in desk.get(f"/listings/{listing.ref}").text
    for closed in ("price", "withdraw"):
        assert desk.get(f"/listings/{listing.ref}/{closed}").location == f"/listings/{listing.ref}"
    token = hidden(desk.get("/listings/new").text)
    assert desk.post(f"/listings/{listing.ref}/price", data={**token, "price": "1"}).status_code == 409


def test_a_suspended_listing_says_why_and_is_handed_in_again(desk: FlaskClient, seller: Actor) -> None:
    assert seller.party is not None
    right = scene.right(seller.party)
    listing = scene.published(seller, right)
    with transaction():
        right.status = RightStatus.INVALID
    from exchange.core.events import record
    from exchange.parties.policy import SYSTEM

    with transaction():
        event = record(SYSTEM, "right.status_changed", right)
    actions.on_right_event(event)
    page = desk.get(f"/listings/{listing.ref}").text
    assert "was declared invalid" in page
    assert f"/listings/{listing.ref}/resume" not in page
    with transaction():
        right.status = RightStatus.GRANTED
    path = f"/listings/{listing.ref}"
    assert submit(desk, path, to=f"{path}/resume").status_code == 303
    assert fresh(listing).status is ListingStatus.SUBMITTED


# -- the reviewer and the objector -------------------------------------------------------------------


def test_the_reviewer_sends_back_with_a_reason(judge: FlaskClient, desk: FlaskClient, seller: Actor) -> None:
    listing = scene.submitted(seller)
    path = f"/listings/{listing.ref}/review"
    assert submit(judge, path, to=f"{path}/reject", reason=" ").status_code == 422
    assert submit(judge, path, to=f"{path}/reject", reason="请补充成熟度").status_code == 303
    assert fresh(listing).status is ListingStatus.REJECTED
    assert "请补充成熟度" in desk.get(f"/listings/{listing.ref}/edit").text


def test_what_stands_in_the_way_closes_the_button(judge: FlaskClient, seller: Actor) -> None:
    assert seller.party is not None
    right = scene.right(seller.party)
    listing = scene.submitted(seller, right)
    with transaction():
        right.status = RightStatus.LAPSED
    path = f"/listings/{listing.ref}/review"
    page = judge.get(path).text
    assert f'action="{path}/approve"' not in page
    assert "has lapsed" in page
    refused = judge.post(f"{path}/approve", data=hidden(page))
    assert refused.status_code == 422
    assert fresh(listing).status is ListingStatus.SUBMITTED


def test_review_is_for_the_exchange(desk: FlaskClient, db_app: Flask, seller: Actor) -> None:
    listing = scene.submitted(seller)
    path = f"/listings/{listing.ref}/review"
    assert desk.get(path).status_code == 404
    token = hidden(desk.get(f"/listings/{listing.ref}/withdraw").text)
    assert desk.post(f"{path}/approve", data=token).status_code == 404
    auditor = browser(db_app, given_party(PartyKind.OPERATOR), Role.AUDITOR)
    assert "There is nothing to decide" in auditor.get(path).text


def test_an_objection_and_its_decision(db_app: Flask, judge: FlaskClient, seller: Actor) -> None:
    listing = scene.published(seller)
    other = browser(db_app, given_party(name="厦门鹭岛膜科技有限公司"), Role.AGENT)
    path = f"/listings/{listing.ref}"
    assert submit(other, f"{path}/object", text="价格明显偏低").status_code == 303
    assert "1 objection is open" in other.get(path).text
    objection = session.scalars(select(Objection)).one()
    review = f"{path}/review"
    assert "价格明显偏低" in judge.get(review).text
    decide = f"{path}/objections/{objection.ref}/decide"
    elsewhere = f"/listings/{scene.published(seller).ref}/objections/{objection.ref}/decide"
    assert submit(judge, review, to=elsewhere, upheld="true", decision="x").status_code == 404
    assert submit(judge, review, to=decide, upheld="", decision="").status_code == 422
    assert submit(judge, review, to=decide, upheld="false", decision="有评估报告").status_code == 303
    session.expire_all()
    assert (objection.upheld, objection.decision) == (False, "有评估报告")
    assert "There is no open objection" in other.get(path).text


def test_objections_close_with_the_publicity(db_app: Flask, seller: Actor) -> None:
    listing = scene.published(seller)
    clock.advance_to(listing.publicities[0].signing_from)
    assert not publicity.running(listing)
    other = browser(db_app, given_party(), Role.AGENT)
    assert "Object to the price" not in other.get(f"/listings/{listing.ref}").text
    assert "No price is public here now" in other.get(f"/listings/{listing.ref}/object").text
