"""The box and the fielded language: what is read, and that nothing breaks it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.core.errors import RuleBroken
from search.clauses import All, Any, Clause, Not, Phrase, Prefix, Range, Term
from search.engine import Reading
from search.language import understand


def fielded(text: str) -> Clause:
    (level,) = understand(text).levels
    assert level.reading is Reading.FIELDED
    return level.clause


def test_the_ladder() -> None:
    levels = understand("锂电池正极材料").levels
    assert [(level.reading, level.percent) for level in levels] == [
        (Reading.WORDS, 100),
        (Reading.WORDS, 50),
        (Reading.WORDS, 30),
    ]
    assert [level.clause.least for level in levels[1:] if isinstance(level.clause, Any)] == [3, 2]


def test_one_word_has_nothing_to_relax() -> None:
    assert [level.percent for level in understand("电池").levels] == [100]


def test_a_step_that_asks_for_as_much_is_left_out() -> None:
    assert [level.percent for level in understand("锂电池").levels] == [100, 50]


def test_a_number_is_looked_up_before_it_is_searched() -> None:
    assert [level.reading for level in understand("ZL202310123456.7").levels] == [
        Reading.NUMBER,
        Reading.WORDS,
    ]


def test_phrases_are_always_required() -> None:
    for level in understand('"纳滤膜" 反渗透装置').levels:
        assert isinstance(level.clause, All)
        first = level.clause.of[0]
        assert isinstance(first, Any)
        assert all(isinstance(part, Phrase) and part.words == ("纳滤", "滤膜") for part in first.of)


def test_an_unclosed_quote_is_data() -> None:
    assert understand('"纳滤').words == {"纳滤"}


def test_a_paragraph_is_not_looked_for_among_names() -> None:
    long = "".join(chr(0x4E00 + n) for n in range(200))
    (first, *_) = understand(long).levels
    assert "owners" not in repr(first.clause)
    assert "owners" in repr(understand("短文").levels[0].clause)


def test_precedence() -> None:
    assert fielded("TI=锂电 OR TI=钠电 AND AB=正极") == Any(
        (Term("title", "锂电"), All((Term("title", "钠电"), Term("abstract", "正极"))))
    )


def test_words_side_by_side_are_joined_by_and() -> None:
    assert fielded("TI=锂电 AB=正极") == All((Term("title", "锂电"), Term("abstract", "正极")))


def test_not_binds_closest() -> None:
    assert fielded("NOT TI=锂电 AB=正极") == All((Not(Term("title", "锂电")), Term("abstract", "正极")))


def test_a_bracket_of_one_field() -> None:
    assert fielded("TI=(锂电 OR 钠电)") == Any((Term("title", "锂电"), Term("title", "钠电")))


def test_a_field_inside_a_bracket_of_another() -> None:
    assert fielded("TI=(锂电 AND AB=正极)") == All((Term("title", "锂电"), Term("abstract", "正极")))


def test_the_example_of_the_manual() -> None:
    assert fielded("TI=锂电池 AND (AB=正极 OR IPC=H01M4) NOT PA=某公司 AND PRICE=[1 TO 5]") == All(
        (
            Phrase("title", ("锂电", "电池")),
            Any((Term("abstract", "正极"), Term("ipc", "H01M4"))),
            Not(Phrase("owners", ("某公", "公司"))),
            Range("price", 1_000_000, 5_000_000),
        )
    )


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        ("PRICE=[* TO 50万]", Range("price", None, 50_000_000)),
        ("PRICE=[5000元 TO *]", Range("price", 500_000, None)),
        ("PRICE=[0.5 TO 1亿元]", Range("price", 500_000, 10_000_000_000)),
        ("价格=3", Range("price", 3_000_000, 3_000_000)),
        ("price = [1 to 2]", Range("price", 1_000_000, 2_000_000)),
        ("IPC=H01M 4/58", Term("ipc", "H01M4/58")),
        ("IPC=H01M 4/5*", Prefix("ipc", "H01M4/5")),
        ("NO=CN1161+", Prefix("numbers", "cn1161")),
        ("TI=铝", Term("title_u", "铝")),
        ("标题=batteries", Any((Term("title", "batteries"), Term("title_en", "batteri")))),
        ('TI="铝 合金"', Phrase("title", ("铝", "合金"))),
    ],
)
def test_values(text: str, clause: Clause) -> None:
    assert fielded(text) == clause


def test_a_refusal_says_where() -> None:
    with pytest.raises(RuleBroken) as refused:
        understand("TI=锂电 AND")
    assert refused.value.params["position"] == 10


@pytest.mark.parametrize(
    "text", ["AND", "OR OR", "NOT", "(", ")", "[1 TO 5]", "a:b", "x=1", "HTI=x", "E=mc2"]
)
def test_without_a_field_everything_is_data(text: str) -> None:
    assert all(level.reading is not Reading.FIELDED for level in understand(text).levels)


pieces = st.lists(
    st.sampled_from(
        ["TI=", "AB=", "IPC=", "NO=", "PRICE=", "(", ")", "AND", "OR", "NOT", '"', "锂电", "[1 TO 5]", "*", "a", " ", "H01M", "＝"]
    ),
    max_size=20,
).map(" ".join)  # fmt: skip


@given(st.one_of(st.text(max_size=80), pieces, pieces.map(lambda text: text.replace(" ", ""))))
def test_any_text_is_read_or_refused(text: str) -> None:
    refusal: RuleBroken | None = None
    try:
        assert understand(text).levels
    except RuleBroken as refused:
        refusal = refused
    if refusal is not None:
        assert refusal.field == "q"
        assert "%(" not in str(refusal)
