"""The table of kinds of right: complete, readable, and true to law.md §6."""

from datetime import date

import pytest

from exchange import rulebook
from exchange.rights import kinds, numbers, registrations
from exchange.rights.kinds import KINDS, Consent, Effect, from_words

ALL = sorted(KINDS)


def test_the_kinds_of_the_notice_and_of_the_exchange_are_there() -> None:
    assert {
        "invention",
        "utility_model",
        "design",
        "trademark",
        "software_copyright",
        "ic_layout",
        "plant_variety",
        "geographical_indication",
        "data_ip",
        "know_how",
    } <= set(ALL)
    assert kinds.PATENTS == ("invention", "utility_model", "design")
    assert all(KINDS[key].is_patent for key in kinds.PATENTS)


@pytest.mark.parametrize("key", ALL)
def test_a_row_is_complete(key: str) -> None:
    row = kinds.of(key)
    assert row.name.isascii()
    assert row.name_zh
    assert not row.name_zh.isascii()
    assert row.source
    for act in (row.list, row.transfer, row.licence, row.pledge):
        assert act.source.startswith("law.md §")
        assert act.allowed or act.note, "what cannot be done says why"
        assert act.allowed == (act.effect is not Effect.NONE)
        assert not act.constitutive or act.registrar, "a constitutive registration has a registrar"


@pytest.mark.parametrize("key", ALL)
def test_a_term_is_a_row_of_the_rulebook(key: str) -> None:
    row = kinds.of(key)
    for rule in (row.term_rule, row.annual_fee, row.preservation_rule):
        if rule:
            assert rulebook.as_of(rule, date(2026, 6, 15)).value
    assert bool(row.term_rule) == bool(row.term_from)


@pytest.mark.parametrize("key", ALL)
def test_a_kind_is_found_by_every_word_for_it(key: str) -> None:
    row = kinds.of(key)
    for word in (row.key, row.name, row.name_zh, *row.words):
        found = from_words(word)
        assert found in {key, ""} if word == row.name else found == key, word


def test_every_scheme_of_numbers_has_a_kind() -> None:
    schemes = {row.scheme for row in KINDS.values() if row.scheme}
    assert schemes == {numbers.CN_APPLICATION, *registrations.READERS}


def test_words_that_name_no_kind() -> None:
    assert from_words("") == ""
    assert from_words("一种抓斗") == ""
    assert from_words(" 发明 专利 ") == "invention"
    assert from_words("Utility model") == "utility_model"


def test_when_a_transfer_takes_effect() -> None:
    effects = {key: KINDS[key].transfer.effect for key in ALL}
    assert effects["invention"] is effects["ic_layout"] is Effect.REGISTRATION
    assert effects["trademark"] is Effect.PUBLICATION
    assert effects["software_copyright"] is effects["know_how"] is Effect.CONTRACT
    assert effects["geographical_indication"] is Effect.NONE


def test_who_registers_a_pledge_and_what_it_is_worth() -> None:
    pledges = {key: KINDS[key].pledge for key in ALL}
    assert all(pledges[key].constitutive for key in (*kinds.PATENTS, "trademark", "software_copyright"))
    assert not pledges["data_ip"].priority
    assert not pledges["geographical_indication"].priority
    assert not pledges["know_how"].allowed


def test_an_ordinary_licence_needs_one_owner_and_a_transfer_all() -> None:
    for key in kinds.PATENTS:
        assert KINDS[key].licence.consent is Consent.ONE
        assert KINDS[key].transfer.consent is KINDS[key].pledge.consent is Consent.ALL


def test_designs_are_no_technology() -> None:
    assert [KINDS[key].technology for key in kinds.PATENTS] == [True, True, False]


def test_acts_are_found_by_name() -> None:
    row = kinds.of("trademark")
    assert [row.act(name) for name in ("list", "transfer", "licence", "pledge")] == [
        row.list,
        row.transfer,
        row.licence,
        row.pledge,
    ]
    assert row.act("license") is row.licence
    with pytest.raises(KeyError):
        row.act("burn")
