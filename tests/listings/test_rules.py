"""Publicity, consents, gates and shares: decisions without a database."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.core import clock
from exchange.core.errors import Problem
from exchange.listings import rules
from exchange.listings.models import (
    LicenceKind,
    Listing,
    ListingItem,
    ListingKind,
    Objection,
    Publicity,
)
from exchange.parties.models import Party, PartyKind
from exchange.rights.models import Encumbrance, EncumbranceKind, Right, RightOwner

BEIJING = ZoneInfo("Asia/Shanghai")
NAME, PRICE = "A membrane", 126_000_000
INSTANTS = st.integers(0, 20 * 366 * 86400).map(
    lambda s: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=s)
)


def listing(kind: PartyKind = PartyKind.UNIVERSITY, price: int | None = PRICE) -> Listing:
    seller = Party(id=1, kind=kind, name="榕江理工大学")
    return Listing(
        seller=seller,
        seller_id=1,
        kind=ListingKind.TRANSFER,
        title=NAME,
        price_fen=price,
        terms={},
        publicities=[],
        items=[],
    )


def publicity(
    started: datetime, price: int = PRICE, name: str = NAME, *, inventor: bool = False
) -> Publicity:
    return Publicity(
        name=name,
        price_fen=price,
        buyer_is_inventor=inventor,
        started_at=started,
        first_day=rules.first_full_day(started),
        signing_from=rules.signing_from(started, 15),
        objections=[],
    )


# -- publicity: when signing opens ---------------------------------------------------------------


def test_fifteen_full_days_and_signing_at_midnight_of_the_sixteenth() -> None:
    started = datetime(2026, 6, 15, 10, 0, tzinfo=BEIJING)
    assert rules.first_full_day(started) == date(2026, 6, 16)
    assert rules.signing_from(started, 15) == datetime(2026, 7, 1, 0, 0, tzinfo=BEIJING)


@pytest.mark.parametrize("hour", [0, 23])
def test_the_hour_of_the_start_does_not_matter(hour: int) -> None:
    started = datetime(2026, 6, 15, hour, 0, tzinfo=BEIJING)
    assert rules.signing_from(started, 15) == datetime(2026, 7, 1, 0, 0, tzinfo=BEIJING)


def test_signing_opens_on_a_holiday_too() -> None:
    """National Day: 1 October is not worked, and signing opens on it all the same."""
    started = datetime(2026, 9, 15, 10, 0, tzinfo=BEIJING)
    opens = rules.signing_from(started, 15)
    assert opens == datetime(2026, 10, 1, 0, 0, tzinfo=BEIJING)
    assert not clock.is_working_day(clock.beijing(opens).date())


@given(INSTANTS)
def test_always_fifteen_whole_beijing_days_lie_between(started: datetime) -> None:
    opens = clock.beijing(rules.signing_from(started, 15))
    assert (opens.hour, opens.minute, opens.second) == (0, 0, 0)
    whole = (opens.date() - clock.beijing(started).date()).days - 1
    assert whole == 15
    assert opens - started >= timedelta(days=15)


def test_the_days_come_from_the_rulebook() -> None:
    assert rules.publicity_days(date(2026, 6, 15)) == 15


# -- publicity: who is bound ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "mode", "bound"),
    [
        (PartyKind.UNIVERSITY, rules.PriceMode.AGREEMENT, True),
        (PartyKind.INSTITUTE, rules.PriceMode.AGREEMENT, True),
        (PartyKind.UNIVERSITY, rules.PriceMode.BIDDING, False),
        (PartyKind.ENTERPRISE, rules.PriceMode.AGREEMENT, False),
        (PartyKind.PERSON, rules.PriceMode.AGREEMENT, False),
    ],
)
def test_publicity_binds_universities_and_institutes_that_agree_on_a_price(
    kind: PartyKind, mode: rules.PriceMode, bound: bool
) -> None:
    assert rules.needs_publicity(kind, mode) is bound


def test_a_pledge_is_realised_by_bidding() -> None:
    assert rules.price_mode(ListingKind.PLEDGE_DISPOSAL) is rules.PriceMode.BIDDING
    assert rules.price_mode(ListingKind.LICENCE) is rules.PriceMode.AGREEMENT


# -- publicity: may we sign? ----------------------------------------------------------------------

STARTED = datetime(2026, 6, 15, 10, 0, tzinfo=BEIJING)
OPENS = datetime(2026, 7, 1, 0, 0, tzinfo=BEIJING)


def codes(reasons: tuple[Problem, ...]) -> list[str]:
    return [reason.code for reason in reasons]


def test_an_enterprise_may_sign_at_once() -> None:
    assert rules.signing_open(listing(PartyKind.ENTERPRISE), PRICE, STARTED).open


def test_without_publicity_nobody_signs() -> None:
    answer = rules.signing_open(listing(), PRICE, STARTED)
    assert (answer.open, answer.when, codes(answer.reasons)) == (False, None, ["publicity.none"])


def test_the_last_second_is_too_early_and_midnight_is_not() -> None:
    offered = listing()
    offered.publicities = [publicity(STARTED)]
    early = rules.signing_open(offered, PRICE, OPENS - timedelta(seconds=1))
    assert (early.open, early.when, codes(early.reasons)) == (False, OPENS, ["publicity.running"])
    assert rules.signing_open(offered, PRICE, OPENS) == (True, OPENS, ())


def test_a_lower_price_is_not_covered_and_a_higher_one_is() -> None:
    offered = listing()
    offered.publicities = [publicity(STARTED)]
    assert codes(rules.signing_open(offered, PRICE - 1, OPENS).reasons) == ["publicity.none"]
    assert rules.signing_open(offered, PRICE + 1, OPENS).open


def test_another_name_is_not_covered() -> None:
    offered = listing()
    offered.publicities = [publicity(STARTED, name="Another membrane")]
    assert not rules.signing_open(offered, PRICE, OPENS).open


def test_a_buyer_who_is_an_inventor_must_have_been_named() -> None:
    offered = listing()
    offered.publicities = [publicity(STARTED)]
    assert not rules.signing_open(offered, PRICE, OPENS, buyer_is_inventor=True).open
    offered.publicities = [publicity(STARTED, inventor=True)]
    assert rules.signing_open(offered, PRICE, OPENS, buyer_is_inventor=True).open


def test_an_open_objection_stops_signing_and_a_dismissed_one_does_not() -> None:
    offered = listing()
    public = publicity(STARTED)
    offered.publicities = [public]
    objection = Objection(text="too cheap")
    public.objections = [objection]
    waiting = rules.signing_open(offered, PRICE, OPENS)
    assert (waiting.open, codes(waiting.reasons)) == (False, ["publicity.objection"])
    objection.decided_at, objection.upheld = OPENS, False
    assert rules.signing_open(offered, PRICE, OPENS).open


def test_an_upheld_objection_ends_the_publicity_for_good() -> None:
    offered = listing()
    public = publicity(STARTED)
    public.objections = [Objection(text="too cheap", decided_at=OPENS, upheld=True)]
    offered.publicities = [public]
    assert codes(rules.signing_open(offered, PRICE, OPENS + timedelta(days=99)).reasons) == ["publicity.none"]


def test_a_publicity_that_was_replaced_midway_counts_no_more() -> None:
    offered = listing()
    first, second = publicity(STARTED), publicity(STARTED + timedelta(days=10), price=PRICE - 100)
    first.ended_at = STARTED + timedelta(days=10)
    offered.publicities = [first, second]
    answer = rules.signing_open(offered, PRICE - 100, OPENS)
    assert (answer.open, answer.when) == (False, OPENS + timedelta(days=10))
    # The new, lower price covers the old one too, from its own day on.
    assert rules.signing_open(offered, PRICE, OPENS).when == OPENS + timedelta(days=10)


def test_a_publicity_that_ran_in_full_stays_good_after_a_later_one() -> None:
    """Several ordinary licences: an earlier deal at the higher price keeps its publicity."""
    offered = listing()
    first, second = publicity(STARTED), publicity(OPENS + timedelta(days=1), price=PRICE - 100)
    first.ended_at = OPENS + timedelta(days=1)
    offered.publicities = [first, second]
    assert rules.signing_open(offered, PRICE, OPENS + timedelta(days=1)).open
    assert not rules.signing_open(offered, PRICE - 100, OPENS + timedelta(days=1)).open


@pytest.mark.parametrize(("after", "day"), [(0, 0), (1, 1), (9, 9), (15, 15), (16, 15), (40, 15)])
def test_the_page_counts_the_days_that_were_had(after: int, day: int) -> None:
    assert rules.day_of(publicity(STARTED), STARTED + timedelta(days=after)) == (day, 15)


def test_the_last_day_is_the_fifteenth() -> None:
    assert rules.last_day(publicity(STARTED)) == date(2026, 6, 30)


def test_an_inventor_is_known_by_name_or_by_their_own_word() -> None:
    right = Right(inventors=["林知夏", "陈砚"])
    assert rules.is_inventor("陈砚", [right], declared=False)
    assert not rules.is_inventor("吴观澜", [right], declared=False)
    assert rules.is_inventor("吴观澜", [right], declared=True)


# -- consents and gates ----------------------------------------------------------------------------


def owned(*owners: tuple[str, int | None]) -> Right:
    right = Right(title="T", inventors=[])
    right.__dict__["owners"] = [RightOwner(name=name, party_id=party) for name, party in owners]
    right.__dict__["encumbrances"] = []
    return right


@pytest.mark.parametrize(
    ("kind", "licence", "needed"),
    [
        (ListingKind.TRANSFER, None, True),
        (ListingKind.LICENCE, LicenceKind.EXCLUSIVE, True),
        (ListingKind.LICENCE, LicenceKind.SOLE, True),
        (ListingKind.LICENCE, LicenceKind.ORDINARY, False),
        (ListingKind.LICENCE, None, False),
    ],
)
def test_invariant_12_all_owners_but_for_an_ordinary_licence(
    kind: ListingKind, licence: LicenceKind | None, needed: bool
) -> None:
    assert rules.needs_all_owners(kind, licence) is needed


def test_missing_consents_leave_out_the_seller_under_any_of_its_names() -> None:
    right = owned(("榕江理工大学", 1), ("榕江工学院", None), ("闽东新材料研究院", None), ("海澄公司", 7))
    names = ["榕江理工大学", "榕江工学院"]
    assert rules.missing_consents([right, right], 1, names, []) == ["闽东新材料研究院", "海澄公司"]
    assert rules.missing_consents([right], 1, names, ["海澄公司"]) == ["闽东新材料研究院"]


def test_gates_apply_where_the_facts_call_for_them() -> None:
    alone = owned(("榕江理工大学", 1))
    keys = [gate.key for gate in rules.gates(listing(), [alone], ["榕江理工大学"])]
    assert keys == ["internal_decision", "inventors_notified"]
    person = listing(PartyKind.PERSON)
    assert rules.gates(person, [alone], ["榕江理工大学"]) == []
    burdened = owned(("榕江理工大学", 1), ("海澄公司", 7))
    burdened.__dict__["encumbrances"] = [Encumbrance(kind=EncumbranceKind.LICENCE)]
    keys = [gate.key for gate in rules.gates(person, [burdened], ["榕江理工大学"])]
    assert keys == ["consents", "licences_disclosed"]


def test_gates_are_met_by_statements() -> None:
    offered = listing()
    offered.terms = {"internal_decision": "校科〔2026〕14号", "inventors_notified": True}
    assert all(gate.met for gate in rules.gates(offered, [owned(("榕江理工大学", 1))], ["榕江理工大学"]))


# -- what may be said, sold again, shared ------------------------------------------------------------


def test_invariant_72_no_office_recommends() -> None:
    assert rules.claim_in("一种膜", None, "本品为官方推荐产品") == "官方推荐"
    assert rules.claim_in("Officially Recommended membrane") == "officially recommended"
    assert rules.claim_in("一种膜", "经第三方检测合格") is None


def test_invariant_65_resale_after_five_trading_days() -> None:
    sold = datetime(2026, 9, 28, 10, 0, tzinfo=BEIJING)
    # 29 and 30 September, then the holidays of National Day, then 8, 9 and (make-up day) 10 October.
    assert rules.resale_from(sold) == date(2026, 10, 10)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=40).filter(any), st.integers(1, 10**13))
def test_shares_of_a_price_add_up_to_the_fen(weights: list[int], price: int) -> None:
    offered = listing()
    shares = rules.price_shares(weights)
    offered.items = [
        ListingItem(right_id=index, price_share_bp=share) for index, share in enumerate(shares, 1)
    ]
    assert sum(shares) == rules.FULL_SHARE
    prices = rules.item_prices(offered, price)
    assert sum(prices.values()) == price
    assert min(prices.values()) >= 0


def test_without_shares_every_right_counts_the_same() -> None:
    offered = listing()
    offered.items = [ListingItem(right_id=1), ListingItem(right_id=2)]
    assert rules.item_prices(offered, 101) == {1: 51, 2: 50}


def test_a_listing_ends_at_the_end_of_a_beijing_day() -> None:
    published = datetime(2026, 6, 15, 10, 0, tzinfo=BEIJING)
    assert rules.expires_at(published) == datetime(2026, 12, 13, 0, 0, tzinfo=BEIJING)
