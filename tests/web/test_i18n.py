from datetime import UTC, date, datetime
from enum import Enum
from typing import Any

import pytest
from flask import g, render_template_string

from exchange.core import clock
from exchange.core.errors import N_
from exchange.core.labels import labelled
from exchange.core.money import Money
from exchange.web import i18n
from tests.web.conftest import Shell, Somebody, token_of

NOW = datetime(2026, 11, 23, 6, 5, tzinfo=UTC)  # 14:05 on a Monday in Beijing


@pytest.fixture
def at_noon() -> Any:
    with clock.frozen(NOW):
        yield


@pytest.mark.parametrize(
    ("name", "locale"),
    [
        ("zh", "zh_Hans_CN"),
        ("zh-CN", "zh_Hans_CN"),
        ("zh_Hans_CN", "zh_Hans_CN"),
        ("zh-TW", "zh_Hans_CN"),
        ("en", "en"),
        ("EN-gb", "en"),
        ("fr", None),
        ("", None),
        (None, None),
        ("../../etc", None),
    ],
)
def test_a_language_is_spoken_or_not(name: str | None, locale: str | None) -> None:
    assert i18n.spoken(name) == locale


@pytest.mark.parametrize(
    ("query", "cookie", "person", "browser", "chosen"),
    [
        ("en", "zh-CN", "zh_Hans_CN", "zh", "en"),
        ("", "en", "zh_Hans_CN", "zh", "en"),
        ("", "", "en", "zh", "en"),
        ("", "", None, "en-GB,en;q=0.9", "en"),
        ("", "", None, "fr,de;q=0.5", "zh_Hans_CN"),
        ("", "", None, "fr, en;q=0.5, zh;q=0.3", "en"),
        ("", "", None, "", "zh_Hans_CN"),
        ("fr", "nonsense", "xx", "", "zh_Hans_CN"),
    ],
)
def test_the_language_is_chosen_in_order(
    shell: Shell, query: str, cookie: str, person: str | None, browser: str, chosen: str
) -> None:
    headers = {"Accept-Language": browser, "Cookie": f"lang={cookie}"}
    with shell.app.test_request_context(f"/?lang={query}", headers=headers):
        actor = Somebody()
        assert actor.user
        actor.user.locale = person
        g.actor = actor
        assert i18n.choose_locale() == chosen


def test_outside_a_request_the_exchange_speaks_chinese(shell: Shell) -> None:
    with shell.app.app_context():
        assert i18n.choose_locale() == "zh_Hans_CN"
        assert i18n.money_text(126000000) == "1,260,000 元"


def test_the_switch_keeps_the_page_and_is_remembered(shell: Shell) -> None:
    client = shell.client()
    assert 'href="/language?lang=en"' in client.get("/nowhere").text
    page = client.get("/help?q=膜").text
    assert 'href="/help?q=%E8%86%9C&amp;lang=en"' in page
    assert '<html lang="zh-CN"' in page
    assert '<html lang="en"' in client.get("/help?lang=en").text
    assert '<html lang="en"' in client.get("/help").text


def test_a_form_shown_again_can_be_read_in_the_other_language(shell: Shell) -> None:
    shell.sign_in()
    client = shell.client()
    page = client.get("/offer").text
    again = client.post("/offer", data={"csrf_token": token_of(page), "price": ""})
    assert again.status_code == 422
    assert 'href="/offer?lang=en"' in again.text


def both(shell: Shell, show: Any) -> tuple[str, str]:
    """What ``show()`` says in Chinese and in English."""
    said = []
    for language in ("zh", "en"):
        with shell.app.test_request_context(f"/?lang={language}"):
            said.append(str(show()))
    return said[0], said[1]


@pytest.mark.parametrize(
    ("fen", "zh", "en"),
    [
        (126000000, "1,260,000 元", "CNY 1,260,000"),
        (123450, "1,234.50 元", "CNY 1,234.50"),
        (5, "0.05 元", "CNY 0.05"),
        (0, "0 元", "CNY 0"),
        (-5050, "-50.50 元", "CNY -50.50"),
        (None, "—", "—"),
    ],
)
def test_money_in_both_languages(shell: Shell, fen: int | None, zh: str, en: str) -> None:
    assert both(shell, lambda: i18n.money_text(fen)) == (zh, en)


@pytest.mark.parametrize(
    ("fen", "zh", "en"),
    [
        (126000000, "126 万元", "CNY 1.26 million"),
        (12800000000, "1.28 亿元", "CNY 128 million"),
        (12345600, "12.35 万元", "CNY 123.46 thousand"),
        (1000000, "1 万元", "CNY 10 thousand"),
        (-126000000, "-126 万元", "CNY -1.26 million"),
    ],
)
def test_large_amounts_read_in_the_units_of_the_language(shell: Shell, fen: int, zh: str, en: str) -> None:
    assert both(shell, lambda: i18n.wan(fen)) == (zh, en)


def test_an_amount_in_capitals_says_its_currency() -> None:
    assert i18n.capitals(106000000) == "人民币壹佰零陆万元整"


@pytest.mark.parametrize(
    ("points", "text"), [(150, "1.5%"), (10000, "100%"), (1, "0.01%"), (0, "0%"), (-25, "-0.25%")]
)
def test_a_rate_in_percent(points: int, text: str) -> None:
    assert i18n.percent(points) == text


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (180_400, "180 kB"),
        (2_449_000, "2.4 MB"),
        (20_000_000, "20.0 MB"),
    ],
)
def test_the_size_of_a_file(octets: int, text: str) -> None:
    assert i18n.file_size(octets) == text


def test_dates_in_both_languages(shell: Shell, at_noon: None) -> None:
    day = date(2026, 11, 23)
    assert both(shell, lambda: i18n.long_date(day)) == ("2026年11月23日", "23 November 2026")
    assert both(shell, lambda: i18n.near_date(day)) == ("11月23日", "23 November")
    assert both(shell, lambda: i18n.near_date(date(2027, 1, 8))) == ("2027年1月8日", "8 January 2027")
    assert both(shell, lambda: i18n.column_date(day)) == ("2026-11-23", "2026-11-23")
    assert both(shell, lambda: i18n.weekday(day)) == ("周一", "Mon")
    assert both(shell, lambda: i18n.moment(NOW)) == ("2026年11月23日 14:05", "23 November 2026 14:05")
    assert both(shell, lambda: i18n.deadline(NOW)) == (
        "2026年11月23日 14:05（北京时间）",
        "23 November 2026 14:05 (Beijing time)",
    )


def test_an_instant_is_read_on_beijings_calendar(shell: Shell, at_noon: None) -> None:
    late = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
    assert both(shell, lambda: i18n.column_date(late)) == ("2026-11-24", "2026-11-24")
    assert both(shell, lambda: i18n.near_moment(late))[0] == "11月24日 01:00"


@pytest.mark.parametrize(
    ("day", "zh", "en"),
    [
        (date(2026, 11, 23), "今天", "today"),
        (date(2026, 11, 24), "还有 1 个工作日", "1 working day left"),
        (date(2026, 12, 4), "还有 9 个工作日", "9 working days left"),
        (date(2026, 11, 20), "超期 1 个工作日", "1 working day overdue"),
    ],
)
def test_how_far_a_day_is(shell: Shell, at_noon: None, day: date, zh: str, en: str) -> None:
    assert both(shell, lambda: i18n.days_left(day)) == (zh, en)


@labelled(draft=N_("Draft"))
class OnlyDraft(Enum):
    DRAFT = "draft"


def test_parameters_of_a_message_are_written_as_the_reader_expects(shell: Shell, at_noon: None) -> None:
    params = {"a": OnlyDraft.DRAFT, "b": date(2026, 11, 23), "c": NOW, "d": Money(100), "e": 7, "f": "x"}
    said = both(shell, lambda: i18n.say("%(a)s|%(b)s|%(c)s|%(d)s|%(e)s|%(f)s", params))
    assert said == (
        "草稿|2026年11月23日|2026年11月23日 14:05|1 元|7|x",
        "Draft|23 November 2026|23 November 2026 14:05|CNY 1|7|x",
    )


def test_filters_are_at_hand_in_templates(shell: Shell) -> None:
    text = "{{ 126000000|money }} {{ 126000000|yuan }} {{ 150|percent }} {{ 1234567|number }}"
    assert both(shell, lambda: render_template_string(text)) == (
        "1,260,000 元 1,260,000.00 1.5% 1,234,567",
        "CNY 1,260,000 1,260,000.00 1.5% 1,234,567",
    )
