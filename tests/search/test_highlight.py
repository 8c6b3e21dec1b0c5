"""Marks stand where the words are, in the text as it is shown."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from search.highlight import Segment, highlight, snippet

words = st.sets(st.sampled_from(["锂电", "电池", "膜", "batteri", "5"]), max_size=4)
texts = st.text(alphabet="锂鋰電电池膜，。 ABatteries5５<&>", max_size=60)


def marked(segments: tuple[Segment, ...]) -> str:
    return "".join(f"[{text}]" if hit else text for text, hit in segments)


def test_marks_carry_back_to_the_source() -> None:
    assert marked(highlight("用於高鹽廢水的納濾膜", {"盐废", "废水", "纳滤"})) == "用於高[鹽廢水]的[納濾]膜"


def test_touching_marks_are_one() -> None:
    assert marked(highlight("锂电池组", {"锂电", "电池"})) == "[锂电池]组"


def test_english_words_are_marked_by_stem() -> None:
    assert marked(highlight("Battery for batteries", {"battery"})) == "[Battery] for [batteries]"


def test_a_sign_that_unfolds_is_marked_whole() -> None:
    assert marked(highlight("0.5㎜厚", {"0.5mm"})) == "[0.5㎜]厚"


def test_nothing_found_is_one_segment() -> None:
    assert highlight("水杯", {"锂电"}) == (Segment("水杯", False),)
    assert highlight("", {"锂电"}) == ()


@given(texts, words)
def test_segments_add_up_to_the_text(shown: str, wanted: set[str]) -> None:
    segments = highlight(shown, wanted)
    assert "".join(segment.text for segment in segments) == shown
    assert all(a.hit != b.hit for a, b in pairwise(segments))


@given(texts, words, st.integers(4, 80))
def test_a_snippet_is_a_short_stretch_with_a_mark(shown: str, wanted: set[str], width: int) -> None:
    cut = snippet(shown, wanted, width)
    if not any(segment.hit for segment in highlight(shown, wanted)):
        assert cut == ()
        return
    assert any(segment.hit for segment in cut)
    inner = "".join(segment.text for segment in cut).strip("…")
    assert inner in shown
    assert len(inner) <= width


def test_a_snippet_shows_where_most_different_words_are() -> None:
    shown = "锂电" + "说" * 200 + "锂电与电池的膜" + "说" * 200
    assert "[锂电]与[电池]的[膜]" in marked(snippet(shown, {"锂电", "电池", "膜"}))
