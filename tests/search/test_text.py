"""The tokeniser: folding, the position rule, numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search import text

anything = st.text(max_size=40)
mixed = st.text(alphabet="锂鋰电電池ＡａB b5５.-、，。éﬁ½ℌカガﾞ한ᄒ𠀀漢漢", max_size=30)


@pytest.mark.parametrize(
    ("given_", "folded"),
    [
        ("ＡＢｃ１２", "abc12"),
        ("鋰電池", "锂电池"),
        ("專利權質押", "专利权质押"),
        ("0.5㎜", "0.5mm"),
        ("CO₂ m³", "co2 m3"),
        ("Ⅲ型", "iii型"),
        ("ｶﾞｽ", "ガス"),
        ("Straße ΑΣ", "strasse ασ"),
        ("é", "é"),
        ("薴", "苎"),
        ("", ""),
    ],
)
def test_fold(given_: str, folded: str) -> None:
    assert text.fold(given_) == folded


@given(st.one_of(anything, mixed))
def test_folding_twice_is_folding_once(given_: str) -> None:
    assert text.fold(text.fold(given_)) == text.fold(given_)


@given(st.one_of(anything, mixed))
def test_mapped_folding_is_folding_with_a_way_back(given_: str) -> None:
    folded = text.fold_mapped(given_)
    assert folded.text == text.fold(given_)
    assert len(folded.offsets) == len(folded.text) + 1
    assert list(folded.offsets) == sorted(folded.offsets)
    assert folded.offsets[-1] == len(given_)


@given(st.text(alphabet="锂電池鋁合金電質", max_size=12), st.text(alphabet="锂電池鋁合金電質", max_size=12))
def test_a_part_folds_as_it_does_in_the_whole(left: str, right: str) -> None:
    assert text.fold(left + right) == text.fold(left) + text.fold(right)


# What Lucene's standard tokeniser with bigrams gives for the same text (search.md §2), frozen.
@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ("温度为5-10℃，厚度", "温度 度为 5 10 厚度"),
        ("温度为5-10 °C，厚度", "温度 度为 5 10 厚度"),
        ("基于LiFePO4的", "基于 lifepo4 的"),
        ("0.5mm和PM2.5", "0.5mm 和 pm2.5"),
        ("A、B两端", "a b 两端"),
        ("铝、钢", "铝 钢"),
        ("锂 电池", "锂 电池"),
        ("锂电池", "锂电 电池"),
        ("201220249766.X", "201220249766 x"),
        ("zl202310123456.7", "zl202310123456.7"),
        ("32，0.5mm", "32 0.5mm"),
        ("1/2 x-ray don't e.g.", "1 2 x ray don't e.g"),
        ("𠀀𠀁𠀂", "𠀀𠀁 𠀁𠀂"),
        ("ガス検知器", "ガス ス検 検知 知器"),
        ("배터리", "배터 터리"),
        ("NO, IT is a test", "no it is a test"),
        ("…—！？", ""),
    ],
)
def test_bigrams(given_: str, words: str) -> None:
    assert text.bigrams(given_) == words.split()


@given(mixed)
def test_bigrams_are_the_tokens_of_the_folded_text(given_: str) -> None:
    folded = text.fold(given_)
    found = list(text.tokens(folded))
    assert [token.text for token in found] == text.bigrams(given_)
    for token in found:
        assert folded[token.start : token.end] == token.text
        assert not set(token.text) & set(" \t\n")


@given(st.text(alphabet="锂电池正极材料", min_size=2, max_size=20), st.data())
def test_any_part_of_a_run_is_found_as_a_phrase(run: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(run) - 2))
    end = data.draw(st.integers(start + 2, len(run)))
    whole, part = text.bigrams(run), text.bigrams(run[start:end])
    assert any(whole[i : i + len(part)] == part for i in range(len(whole)))


def test_unigrams_are_each_sign_once() -> None:
    assert text.unigrams("铝合金，铝PM2.5") == ["铝", "合", "金"]


def test_stems() -> None:
    assert text.stems("Batteries and BATTERY testing 锂电池 LiFePO4") == [
        "batteri",
        "and",
        "batteri",
        "test",
        "lifepo4",
    ]


def test_a_very_long_word_is_cut_alike_everywhere() -> None:
    sequence = "atgc" * 100
    assert text.bigrams(sequence) == [sequence[: text.LONGEST_WORD]]
    assert text.bigrams(sequence[: text.LONGEST_WORD]) == text.bigrams(sequence)


def test_no_phrase_runs_from_one_value_into_the_next() -> None:
    words = text.with_breaks(text.joined(["锂电", "", "池子"]))
    assert words == ["锂电", text.BREAK, "池子"]


@pytest.mark.parametrize(
    "spelling",
    [
        "ZL202310123456.7",
        "zl 2023 1 0123456.7",
        "CN202310123456.7",
        "202310123456.7",
        "2023101234567",
        "2023101234567.0",
        "202310123456",
        "ＺＬ２０２３１０１２３４５６．７",
        "专利号：ZL202310123456.7",
        "202310123456.X",
    ],
)
def test_all_spellings_of_an_application_number_meet(spelling: str) -> None:
    assert "202310123456" in text.canonical_numbers(spelling)
    assert text.looks_like_number(spelling)


@pytest.mark.parametrize(
    ("spelling", "form"),
    [
        ("CN116123456A", "cn116123456"),
        ("CN 116123456 B", "cn116123456"),
        ("CN1003147B", "cn1003147"),
        ("92112345.6", "92112345"),
        ("US9014905B1", "us9014905"),
        ("US 9,014,905", "us9014905"),
        ("WO2010/123456A1", "wo2010123456"),
        ("2023SR0123456", "2023sr0123456"),
        ("LS-7F3K9Q2M8XA", "ls7f3k9q2m8xa"),
        ("12345678", "12345678"),
    ],
)
def test_other_numbers(spelling: str, form: str) -> None:
    assert form in text.canonical_numbers(spelling)


@pytest.mark.parametrize(
    "words", ["", "锂电池", "2023", "CO2", "5G", "PM2.5", "60件", "battery 2023 test", "0.5mm"]
)
def test_what_is_no_number(words: str) -> None:
    assert not text.looks_like_number(words)


@given(st.one_of(anything, st.from_regex(r"[A-Za-z]{0,3}[0-9 .\-/]{0,16}[A-Z]?", fullmatch=True)))
def test_numbers_never_break(given_: str) -> None:
    for form in text.canonical_numbers(given_):
        assert form.isalnum()
        assert form == form.lower()
